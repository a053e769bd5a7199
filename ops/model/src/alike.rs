//! States that differ in names only: which worker is which, which id was free when one was needed. One of them stands for
//! all.

use stateright::Representative;

use crate::state::{Attempt, Holder, JOBS, Job, Place, STATEMENTS, State, WORKERS, bit};

impl Representative for State {
    fn representative(&self) -> Self {
        let mut same = *self;
        same.statements.sort_by_key(|it| it.map(|it| (it.holder, it.attempt)));
        if same.workers[1] < same.workers[0] {
            same.swap_workers();
        }
        same.rename_attempts();
        same.rename_jobs();
        same
    }
}

impl State {
    fn swap_workers(&mut self) {
        let swapped = |holder| match holder {
            Holder::Worker(at) => Holder::Worker(WORKERS - 1 - at),
            Holder::Dead => Holder::Dead,
        };
        self.workers.reverse();
        self.row.worker = swapped(self.row.worker);
        for place in &mut self.places {
            *place = match *place {
                Place::Leased(holder) => Place::Leased(swapped(holder)),
                Place::Marked(holder) => Place::Marked(swapped(holder)),
                other => other,
            };
        }
        self.statements.iter_mut().flatten().for_each(|it| it.holder = swapped(it.holder));
    }

    /// By the first who bears each.
    fn rename_attempts(&mut self) {
        let mut names: [Attempt; 1 + WORKERS * 2 + STATEMENTS] = [0; 1 + WORKERS * 2 + STATEMENTS];
        let mut rename = |attempt: &mut Attempt| {
            if *attempt != 0 {
                let known = names.iter().position(|name| *name == *attempt || *name == 0).unwrap_or(0);
                names[known] = *attempt;
                *attempt = known as Attempt + 1;
            }
        };
        rename(&mut self.row.attempt);
        for worker in &mut self.workers {
            rename(&mut worker.attempt);
            worker.doubt.iter_mut().for_each(|doubt| rename(&mut doubt.attempt));
        }
        self.statements.iter_mut().flatten().for_each(|it| rename(&mut it.attempt));
    }

    /// Likewise; jobs that only Redis and producers know come last, by what is known of them.
    fn rename_jobs(&mut self) {
        let known = |job: Job| (self.place(job), self.pushing & bit(job) != 0, self.returning & bit(job) != 0);
        let named = [self.row.job, self.workers[0].job, self.workers[1].job]
            .into_iter()
            .chain(self.workers.iter().filter_map(|worker| worker.doubt.map(|doubt| doubt.job)))
            .chain(self.statements.iter().flatten().map(|it| it.job));
        let mut order: [Job; JOBS] = [0; JOBS];
        let mut filled = 0;
        for job in named.filter(|job| *job != 0) {
            if !order[..filled].contains(&job) {
                order[filled] = job;
                filled += 1;
            }
        }
        let first_unnamed = filled;
        for job in State::jobs() {
            if !order[..first_unnamed].contains(&job) {
                order[filled] = job;
                filled += 1;
            }
        }
        order[first_unnamed..].sort_by_key(|job| std::cmp::Reverse(known(*job)));
        let mut names = [0; JOBS + 1];
        order.iter().enumerate().for_each(|(at, job)| names[usize::from(*job)] = at as Job + 1);

        let was = *self;
        (self.pushing, self.returning) = (0, 0);
        for job in State::jobs() {
            let name = names[usize::from(job)];
            self.put(name, was.place(job));
            self.pushing |= if was.pushing & bit(job) != 0 { bit(name) } else { 0 };
            self.returning |= if was.returning & bit(job) != 0 { bit(name) } else { 0 };
        }
        let rename = |job: &mut Job| *job = names[usize::from(*job)];
        rename(&mut self.row.job);
        for worker in &mut self.workers {
            rename(&mut worker.job);
            worker.doubt.iter_mut().for_each(|doubt| rename(&mut doubt.job));
        }
        self.statements.iter_mut().flatten().for_each(|it| rename(&mut it.job));
    }
}
