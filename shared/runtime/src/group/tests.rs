use std::sync::Mutex;

use super::*;

#[tokio::test]
async fn what_arrives_together_goes_together_and_each_gets_its_own_answer() {
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sizes);
    let group = Arc::new(Group::start(16, Duration::from_millis(50), 1, move |asked: Vec<u32>| {
        seen.lock().unwrap().push(asked.len());
        async move { asked.into_iter().map(|number| number * 2).collect() }
    }));
    let asks = (0..40u32).map(|number| {
        let group = Arc::clone(&group);
        tokio::spawn(async move { (number, group.ask(number).await) })
    });
    for ask in asks.collect::<Vec<_>>() {
        let (number, answer) = ask.await.unwrap();
        assert_eq!(answer, Some(number * 2));
    }
    let sizes = sizes.lock().unwrap().clone();
    assert_eq!(sizes.iter().sum::<usize>(), 40);
    assert!(sizes.iter().all(|size| *size <= 16) && sizes.len() < 40, "{sizes:?}");
}

#[tokio::test]
async fn a_run_that_fails_to_answer_leaves_none_and_not_a_hang() {
    let group: Group<u32, u32> = Group::start(4, Duration::from_millis(1), 1, |_| async { Vec::new() });
    assert_eq!(group.ask(1).await, None);
}
