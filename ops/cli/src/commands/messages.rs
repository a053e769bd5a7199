use clap::{Args, Subcommand};
use domain::ids::{MessageId, SenderId};
use serde_json::{Value, json};

use crate::client::ApiConnection;
use crate::output::OutputOptions;
use crate::progress;

#[derive(Args)]
pub struct MessagesOptions {
    #[command(subcommand)]
    command: MessagesCommand,
    #[command(flatten)]
    api: ApiConnection,
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Subcommand)]
enum MessagesCommand {
    /// List messages, the newest first.
    List {
        /// Like accepted, scheduled, failed or uncertain.
        #[arg(long)]
        state: Option<String>,
        #[arg(long)]
        sender: Option<SenderId>,
        /// The recipient.
        #[arg(long)]
        to: Option<String>,
        #[arg(long)]
        tag: Option<String>,
        /// Behind the last page: its next_cursor.
        #[arg(long)]
        cursor: Option<String>,
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
        limit: u16,
    },
    /// A message, what happened to it, and why it is not sent yet.
    Get { message: MessageId },
    /// Call off a message, or all of a sender or tag that are not past the point of no return.
    Cancel {
        #[arg(required_unless_present_any = ["sender", "tag"], conflicts_with_all = ["sender", "tag"])]
        message: Option<MessageId>,
        #[arg(long)]
        sender: Option<SenderId>,
        #[arg(long)]
        tag: Option<String>,
    },
}

pub async fn run(options: MessagesOptions) -> anyhow::Result<()> {
    let (api, output) = (&options.api, options.output);
    match options.command {
        MessagesCommand::List { state, sender, to, tag, cursor, limit } => {
            let asked = [
                ("state", state),
                ("sender", sender.map(|sender| sender.to_string())),
                ("to", to),
                ("tag", tag),
                ("cursor", cursor),
                ("limit", Some(limit.to_string())),
            ];
            let page = api.page("/v1/messages", &asked).await?;
            output.print_page(&page, &["id", "state", "to", "run_at", "tries", "last_class"]);
        }
        MessagesCommand::Get { message } => output.print(&api.get(&format!("/v1/messages/{message}")).await?),
        MessagesCommand::Cancel { message: Some(message), .. } => {
            output.print(&api.post(&format!("/v1/messages/{message}/cancel"), &json!({})).await?);
        }
        MessagesCommand::Cancel { sender, tag, .. } => {
            let (mut canceled, mut cursor, spinner) = (0, Value::Null, progress::counting());
            loop {
                let asked = json!({"sender": sender, "tag": tag, "cursor": cursor});
                let done = api.post("/v1/messages/cancel", &asked).await?;
                canceled += done["canceled"].as_i64().unwrap_or(0);
                spinner.set_message(format!("{canceled} canceled"));
                cursor = done["next_cursor"].clone();
                if cursor.is_null() {
                    break;
                }
            }
            output.print(&json!({"canceled": canceled}));
        }
    }
    Ok(())
}
