use domain::messages::refusal::RefusalClass;
use providers::{Mail, compose};
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use serde_json::{Map, Value};
use store::enrollments::UNSUBSCRIBE_TOKEN;
use store::messages::LoadedRow;

use crate::senders::ReadySender;
use crate::templates::CompiledResult;

/// A mail, ready for the wire.
pub struct PreparedMail {
    pub text: String,
    pub sha256: [u8; SHA256_OUTPUT_LEN],
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
    public_url: &str,
) -> Result<PreparedMail, Unpreparable> {
    let content = content.map_err(|error| unpreparable(&error.to_string()))?;
    let nothing = Map::new();
    let data = row.data.as_ref().and_then(Value::as_object).unwrap_or(&nothing);
    // Whoever writes plain messages may have a field of that name.
    let token = data.get(UNSUBSCRIBE_TOKEN).and_then(Value::as_str).filter(|_| row.hours.is_some());
    let unsubscribe = token.map(|token| format!("{public_url}/u/{token}"));
    let with_link = unsubscribe.as_ref().map(|link| with_link(data, link));
    let data = with_link.as_ref().unwrap_or(data);
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
        headers: headers(row, unsubscribe.as_deref()),
        date: row.now,
    };
    let text = compose(&mail).map_err(|error| unpreparable(&error.to_string()))?;
    let mut sha256 = [0; SHA256_OUTPUT_LEN];
    sha256.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    Ok(PreparedMail { text, sha256 })
}

fn with_link(data: &Map<String, Value>, link: &str) -> Map<String, Value> {
    let mut data = data.clone();
    data.remove(UNSUBSCRIBE_TOKEN);
    data.insert("unsubscribe_url".to_owned(), link.into());
    data
}

fn headers(row: &LoadedRow, unsubscribe: Option<&str>) -> Vec<(String, String)> {
    let map = row.headers.as_ref().and_then(Value::as_object);
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    let mut headers: Vec<(String, String)> = map.into_iter().flatten().filter_map(text).collect();
    let has_own = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("list-unsubscribe"));
    if let Some(link) = unsubscribe.filter(|_| !has_own) {
        headers.push(("List-Unsubscribe".to_owned(), format!("<{link}>")));
        // RFC 8058 knows one click over https only.
        if link.starts_with("https://") {
            headers.push(("List-Unsubscribe-Post".to_owned(), "List-Unsubscribe=One-Click".to_owned()));
        }
    }
    headers
}

fn unpreparable(why: &str) -> Unpreparable {
    Unpreparable { class: RefusalClass::Render, why: domain::reply::sanitize(why) }
}
