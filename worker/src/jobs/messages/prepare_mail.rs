use domain::messages::refusal::RefusalClass;
use providers::{Mail, compose};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use store::messages::LoadedRow;

use crate::senders::ReadySender;
use crate::templates::CompiledResult;

/// A mail, ready for the wire.
pub struct PreparedMail {
    pub text: String,
    pub sha256: [u8; 32],
}

/// Why it can never be made.
pub struct Unpreparable {
    pub class: RefusalClass,
    pub why: String,
}

/// Renders and composes.
pub async fn prepare_mail(
    row: &LoadedRow,
    content: CompiledResult,
    sender: &ReadySender,
) -> Result<PreparedMail, Unpreparable> {
    let content = content.map_err(|error| unpreparable(&error.to_string()))?;
    let nothing = Map::new();
    let data = row.data.as_ref().and_then(Value::as_object).unwrap_or(&nothing);
    let rendered = if content.is_heavy() {
        let data = data.clone();
        tokio::task::spawn_blocking(move || content.render(&data))
            .await
            .map_err(|error| unpreparable(&error.to_string()))?
    } else {
        content.render(data)
    };
    let rendered = rendered.map_err(|error| unpreparable(&error.to_string()))?;
    let message_id = row.id.to_string();
    let mail = Mail {
        message_id: &message_id,
        from_address: &sender.address,
        from_name: sender.display_name.as_deref(),
        to: &row.to_address,
        reply_to: row.reply_to.as_deref(),
        subject: &rendered.subject,
        html: rendered.html.as_deref(),
        text: rendered.text.as_deref(),
        headers: headers(row),
        date: row.now,
    };
    let text = compose(&mail).map_err(|error| unpreparable(&error.to_string()))?;
    let sha256 = Sha256::digest(&text).into();
    Ok(PreparedMail { text, sha256 })
}

fn headers(row: &LoadedRow) -> Vec<(String, String)> {
    let map = row.headers.as_ref().and_then(Value::as_object);
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    map.into_iter().flatten().filter_map(text).collect()
}

fn unpreparable(why: &str) -> Unpreparable {
    Unpreparable { class: RefusalClass::Render, why: domain::reply::sanitize(why) }
}
