use clap::{Args, Subcommand, ValueEnum};
use domain::ids::{MessageId, SenderId};
use serde_json::{Value, json};

use crate::client::ApiConnection;
use crate::output::{OutputOptions, say};
use crate::progress;

#[derive(Args)]
pub struct QueueOptions {
    #[command(subcommand)]
    command: QueueCommand,
    #[command(flatten)]
    api: ApiConnection,
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Subcommand)]
enum QueueCommand {
    /// What is on its way, in all and by sender, and until when.
    Status,
    /// Stop all sending of your tenant. When this returns, nothing more leaves.
    Pause {
        /// Why; shown to whoever asks why a message waits.
        #[arg(long, default_value = "no reason given")]
        reason: String,
    },
    /// Let it go on where it stood.
    Resume,
    /// Try messages again that failed for certain.
    RetryFailed(FailedFilter),
    /// Count failed messages as seen.
    ClearFailed(FailedFilter),
    /// List messages whose answer was lost: they may or may not have been sent.
    Uncertain,
    /// Say what became of an uncertain message, after a look at the mailbox.
    Resolve {
        message: MessageId,
        #[arg(long, value_enum)]
        verdict: Verdict,
    },
}

#[derive(Args)]
struct FailedFilter {
    /// Only this sender's.
    #[arg(long)]
    sender: Option<SenderId>,
    /// Only those of this class, as a message's last_class says.
    #[arg(long)]
    class: Option<String>,
}

#[derive(ValueEnum, Clone, Copy)]
enum Verdict {
    /// It arrived.
    Accepted,
    /// It did not arrive: send it again.
    Resend,
    /// Nobody can tell.
    Unknown,
}

pub async fn run(options: QueueOptions) -> anyhow::Result<()> {
    let (api, output) = (&options.api, options.output);
    match options.command {
        QueueCommand::Status => {
            let status = api.get("/v1/queue").await?;
            if output.json {
                say(&status);
                return Ok(());
            }
            output.print(&status["totals"]);
            let columns = ["sender", "pending", "due", "queued", "sending", "uncertain", "failed_24h", "paused"];
            let columns = [&columns[..], &["estimated_completion_at"]].concat();
            output.print_rows(status["senders"].as_array().map_or(&[][..], Vec::as_slice), &columns);
        }
        QueueCommand::Pause { reason } => output.print(&api.post("/v1/queue/pause", &json!({"reason": reason})).await?),
        QueueCommand::Resume => output.print(&api.post("/v1/queue/resume", &json!({})).await?),
        QueueCommand::RetryFailed(filter) => output.print(&repair(api, "/v1/queue/retry-failed", &filter).await?),
        QueueCommand::ClearFailed(filter) => output.print(&repair(api, "/v1/queue/clear-failed", &filter).await?),
        QueueCommand::Uncertain => {
            let (mut rows, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = api.get(&format!("/v1/queue/uncertain?limit=200{cursor}")).await?;
                rows.extend(page["data"].as_array().into_iter().flatten().cloned());
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            output.print_rows(&rows, &["id", "sender", "to", "run_at", "tries", "last_class"]);
        }
        QueueCommand::Resolve { message, verdict } => {
            let verdict = match verdict {
                Verdict::Accepted => "accepted",
                Verdict::Resend => "resend",
                Verdict::Unknown => "unknown",
            };
            output.print(&api.post(&format!("/v1/messages/{message}/resolve"), &json!({"verdict": verdict})).await?);
        }
    }
    Ok(())
}

/// Repeats the call until all are done; a long set takes several.
async fn repair(api: &ApiConnection, path: &str, filter: &FailedFilter) -> anyhow::Result<Value> {
    let mut body = json!({});
    if let Some(sender) = filter.sender {
        body["sender"] = json!(sender);
    }
    if let Some(class) = &filter.class {
        body["class"] = json!(class);
    }
    let mut messages = 0;
    let spinner = progress::counting();
    loop {
        let done = api.post(path, &body).await?;
        messages += done["messages"].as_i64().unwrap_or(0);
        spinner.set_message(format!("{messages} messages"));
        if done["more"] != true {
            return Ok(json!({"messages": messages}));
        }
    }
}
