use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::sink::{Action, Moment};

use super::Done;
use crate::arena::Arena;
use crate::kind::Kind;
use crate::plan::Planned;

/// Who took a rule just before it was cleared has logged it by then.
const A_MOMENT: Duration = Duration::from_millis(200);

/// The mail server misbehaves.
pub(super) async fn inflict(arena: &Arena, planned: &Planned) -> anyhow::Result<Done> {
    let began = Instant::now();
    let (pick, lasts) = (planned.pick, planned.lasts);
    let (ms, secs) = (lasts.as_millis() as u64, lasts.as_secs_f64());
    let what = match planned.kind {
        Kind::SinkFrozen => {
            let sink = Pid::from_raw(arena.sink.pid() as i32);
            kill(sink, Signal::SIGSTOP)?;
            tokio::time::sleep(lasts).await;
            kill(sink, Signal::SIGCONT)?;
            format!("the sink frozen for {secs:.1} s")
        }
        Kind::SinkHangs => {
            let at = [Moment::Connect, Moment::Ehlo, Moment::Mail, Moment::Rcpt, Moment::Data][pick as usize % 5];
            rule(arena, lasts, at, None, 1 + pick % 12, Action::DelayMs(ms)).await?;
            format!("the sink hangs at {at:?} for {secs:.1} s, {} times at most", 1 + pick % 12)
        }
        Kind::SinkAnswersLate => {
            rule(arena, lasts, Moment::Dot, None, 1 + pick % 12, Action::AcceptAfterMs(ms)).await?;
            format!("the sink's 250 comes {secs:.1} s late, {} times at most", 1 + pick % 12)
        }
        Kind::SinkLosesAnswers => {
            let (action, name) = [
                (Action::AcceptAndClose, "takes it and closes"),
                (Action::Reset, "closes"),
                (Action::AcceptReplying("354 go on".to_owned()), "takes it and says 354"),
                (Action::AcceptReplying("nonsense".to_owned()), "takes it and talks nonsense"),
            ][pick as usize % 4]
                .clone();
            let doubtful = doubtful_answers(arena, lasts, 1 + pick % 8, action).await?;
            let many = doubtful.len();
            arena.doubt(doubtful, "the server's own answer was doubtful");
            format!("after the final dot the sink {name}: {many} answers in doubt")
        }
        Kind::SinkRefuses => {
            let (at, reply) = [
                (Moment::Rcpt, "451 4.7.1 greylisted"),
                (Moment::Data, "451 4.3.0 not now"),
                (Moment::Dot, "452 4.3.1 no room"),
                (Moment::Rcpt, "450 4.2.1 mailbox busy"),
            ][pick as usize % 4];
            rule(arena, lasts, at, None, 1 + pick % 20, Action::Reply(reply.to_owned())).await?;
            format!("the sink says {reply:?} at {at:?}, {} times at most", 1 + pick % 20)
        }
        _ => {
            let reply = Action::Reply("421 4.7.0 too much".to_owned());
            rule(arena, lasts, Moment::Rcpt, Some(THROTTLED), 1 + pick % 5, reply).await?;
            format!("the sink throttles the last sender for {secs:.1} s")
        }
    };
    Ok(Done::new(planned.kind, began, what))
}

/// Part of the addresses that the last sender mails: it alone is told to slow down, and then pauses for half a minute.
pub const THROTTLED: &str = "@s7.";

async fn rule(
    arena: &Arena,
    lasts: Duration,
    at: Moment,
    to: Option<&str>,
    times: u32,
    action: Action,
) -> anyhow::Result<()> {
    arena.sink.rule(at, to, Some(times), action)?;
    tokio::time::sleep(lasts).await;
    arena.sink.clear_rules()
}

/// Who was to get the mails that got such an answer, by the sink's own log: it names each at which the rule acted.
async fn doubtful_answers(arena: &Arena, lasts: Duration, times: u32, action: Action) -> anyhow::Result<Vec<String>> {
    let before = arena.sink.events()?.len();
    rule(arena, lasts, Moment::Dot, None, times, action).await?;
    tokio::time::sleep(A_MOMENT).await;
    let events = arena.sink.events()?;
    let acted = events[before..].iter().filter(|event| event.event == "dot");
    Ok(acted.filter_map(|event| event.to.clone()).collect())
}
