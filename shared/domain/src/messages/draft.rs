//! A message as a caller asks for it, and what it must be before it is accepted.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Content, Priority, headers};
use crate::address::Address;
use crate::ids::{ContentId, SenderId};
use crate::problems::{FieldProblem, Problems};
use crate::templates::Template;

/// Largest message, as sent to us in JSON.
pub const MESSAGE_MAX_BYTES: usize = 256 * 1024;
/// Most messages in one batch.
pub const BATCH_MAX: usize = 1_000;
/// How far away from now a message may be scheduled.
pub const SEND_AT_MAX_DAYS: i64 = 366;
/// How deep merge data may nest: well below what JSON readers on its way refuse.
const DATA_DEPTH_MAX: usize = 32;
/// Largest data of a contact or an enrollment, as JSON.
const DATA_MAX_BYTES: usize = 64 * 1024;
const SUBJECT_MAX_BYTES: usize = 900;
const DEDUPE_KEY_MAX_BYTES: usize = 255;
const TAGS_MAX: usize = 10;
const TAG_MAX_BYTES: usize = 64;

/// A message to be sent: what it says stands in `subject` with `html`, `text` or both, or in a stored `content`.
///
/// Unknown fields are refused, so that a misspelt one is not silently ignored.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"sender": "snd_01990000000070008000000000000006", "to": "ann@example.com", "subject": "Hello {{name}}", "html": "<p>Hello {{default name \"there\"}}</p>", "data": {"name": "Ann"}, "tags": ["spring"], "dedupe_key": "hello-ann"}))]
pub struct MessageDraft {
    pub sender: SenderId,
    /// The recipient's address.
    #[schema(example = "ann@example.com")]
    pub to: String,
    /// A stored template, instead of `subject`, `html` and `text`.
    #[serde(default)]
    pub content: Option<ContentId>,
    /// Handlebars; at most 900 bytes on one line.
    #[serde(default)]
    #[schema(example = "Hello {{name}}")]
    pub subject: Option<String>,
    /// Handlebars; values are escaped. `html` or `text` (or both) must be given.
    #[serde(default)]
    #[schema(example = "<p>Hello {{default name \"there\"}}</p>")]
    pub html: Option<String>,
    /// Handlebars.
    #[serde(default)]
    pub text: Option<String>,
    /// What the templates use; nests up to 32 deep.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"name": "Ann"}))]
    pub data: Map<String, Value>,
    /// Up to 20 headers, none that Postfleet writes itself.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Up to 10, each of 1 to 64 characters of A-Z a-z 0-9 _ - . :
    #[serde(default)]
    #[schema(max_items = 10)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub reply_to: Option<String>,
    /// Within 366 days; a past time means now.
    #[serde(default)]
    pub send_at: Option<DateTime<Utc>>,
    /// Repeating it answers with the first message instead of sending a second one.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 255)]
    pub dedupe_key: Option<String>,
    #[serde(default)]
    pub priority: Priority,
}

/// A template to be stored once and used by many messages.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"subject": "Hello {{name}}", "html": "<p>Hello {{name}}</p>"}))]
pub struct ContentDraft {
    /// Handlebars; at most 900 bytes on one line.
    #[schema(example = "Hello {{name}}")]
    pub subject: String,
    /// Handlebars; values are escaped. `html` or `text` (or both) must be given.
    #[serde(default)]
    #[schema(example = "<p>Hello {{name}}</p>")]
    pub html: Option<String>,
    /// Handlebars.
    #[serde(default)]
    pub text: Option<String>,
}

/// A message that may be accepted: everything that could be checked without IO has been.
#[derive(Debug, Clone)]
pub struct NewMessage {
    pub sender: SenderId,
    pub to: Address,
    /// Shared where many messages name the same.
    pub content: Arc<Content>,
    pub data: Map<String, Value>,
    pub headers: BTreeMap<String, String>,
    pub tags: Vec<String>,
    pub reply_to: Option<Address>,
    pub send_at: Option<DateTime<Utc>>,
    pub dedupe_key: Option<String>,
    pub priority: Priority,
}

/// Which kind of refusal a set of problems is: templates have their own error code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidDraft {
    Fields(Vec<FieldProblem>),
    Template(Vec<FieldProblem>),
}

impl MessageDraft {
    /// Checks everything and names every field that is wrong, not only the first. `stored` is what `content` names, if
    /// the tenant has it.
    pub fn validate(self, now: DateTime<Utc>, stored: Option<Arc<Content>>) -> Result<NewMessage, InvalidDraft> {
        self.validate_with(now, stored, |written| check_templates(&written).map(|()| Arc::new(written)))
    }

    /// As `validate`. `check_written` answers for the templates that stand in the message itself: who has seen the same
    /// before need not compile them again.
    pub fn validate_with(
        mut self,
        now: DateTime<Utc>,
        stored: Option<Arc<Content>>,
        check_written: impl FnOnce(Content) -> Result<Arc<Content>, InvalidDraft>,
    ) -> Result<NewMessage, InvalidDraft> {
        let mut problems = Problems::default();
        let to = problems.keep("to", Address::parse(&self.to));
        let reply_to = self.reply_to.as_deref().and_then(|text| problems.keep("reply_to", Address::parse(text)));

        let alone = self.subject.is_none() && self.html.is_none() && self.text.is_none();
        let written = ContentDraft {
            subject: self.subject.take().unwrap_or_default(),
            html: self.html.take(),
            text: self.text.take(),
        };
        match self.content {
            None => written.look_for_problems(&mut problems),
            Some(_) => {
                problems.require("content", alone, "give either content, or subject with html or text");
                problems.require("content", stored.is_some(), "you have no such content");
            }
        }
        check_nesting("data", &self.data, &mut problems);
        check_headers("headers", &self.headers, &mut problems);
        check_tags("tags", &self.tags, &mut problems);
        if let Some(key) = &self.dedupe_key {
            problems.require("dedupe_key", (1..=DEDUPE_KEY_MAX_BYTES).contains(&key.len()), "has 1 to 255 bytes");
        }
        if let Some(at) = self.send_at {
            problems.require("send_at", (at - now).num_days().abs() <= SEND_AT_MAX_DAYS, "is more than 366 days away");
        }
        let (Some(to), true) = (to, problems.is_empty()) else {
            return Err(InvalidDraft::Fields(problems.list()));
        };

        let content = match stored.filter(|_| self.content.is_some()) {
            Some(stored) => stored,
            None => check_written(written.into())?,
        };
        Ok(NewMessage {
            sender: self.sender,
            to,
            content,
            data: self.data,
            headers: self.headers,
            tags: self.tags,
            reply_to,
            send_at: self.send_at,
            dedupe_key: self.dedupe_key,
            priority: self.priority,
        })
    }
}

fn check_nesting(field: &str, data: &Map<String, Value>, problems: &mut Problems) {
    problems.require(field, data.values().all(|value| depth(value) < DATA_DEPTH_MAX), "nests deeper than 32");
    problems.require(field, !holds_nul(data), "contains a NUL character");
}

/// Merge data that is not bounded by the message it stands in.
pub fn check_data(field: &str, data: &Map<String, Value>, problems: &mut Problems) {
    check_nesting(field, data, problems);
    let bytes = serde_json::to_string(data).map_or(usize::MAX, |text| text.len());
    problems.require(field, bytes <= DATA_MAX_BYTES, "has at most 64 KiB as JSON");
}

pub fn check_headers(field: &str, given: &BTreeMap<String, String>, problems: &mut Problems) {
    if let Err((name, problem)) = headers::check(given) {
        let field = if name.is_empty() { field.to_owned() } else { format!("{field}.{name}") };
        problems.add(&field, problem);
    }
}

pub fn check_tags(field: &str, tags: &[String], problems: &mut Problems) {
    problems.require(field, tags.len() <= TAGS_MAX, "at most 10 tags can be given");
    for (at, tag) in tags.iter().take(TAGS_MAX).enumerate() {
        let name = format!("{field}[{at}]");
        problems.require(&name, is_tag(tag), "a tag has 1 to 64 characters of A-Z a-z 0-9 _ - . :");
    }
}

impl ContentDraft {
    pub fn validate(self) -> Result<Content, InvalidDraft> {
        let mut problems = Problems::default();
        self.look_for_problems(&mut problems);
        if !problems.is_empty() {
            return Err(InvalidDraft::Fields(problems.list()));
        }
        let content = Content::from(self);
        check_templates(&content).map(|()| content)
    }

    fn look_for_problems(&self, problems: &mut Problems) {
        problems.require("subject", !self.subject.trim().is_empty(), "must not be empty");
        problems.require("subject", self.subject.len() <= SUBJECT_MAX_BYTES, "has at most 900 bytes");
        problems.require("subject", headers::is_header_text(&self.subject), "has no line breaks or control characters");
        problems.require("html", self.html.is_some() || self.text.is_some(), "html or text (or both) must be given");
        for (field, body) in [("html", &self.html), ("text", &self.text)] {
            let holds_nul = body.as_deref().is_some_and(|body| body.contains('\0'));
            problems.require(field, !holds_nul, "contains a NUL character");
        }
    }
}

impl From<ContentDraft> for Content {
    fn from(draft: ContentDraft) -> Self {
        Self { subject: draft.subject, html: draft.html, text: draft.text }
    }
}

/// Compiles every part, so that a broken template is refused here and not at the moment of sending.
pub fn check_templates(content: &Content) -> Result<(), InvalidDraft> {
    let mut problems = Problems::default();
    let parts = [("subject", Some(&content.subject)), ("html", content.html.as_ref()), ("text", content.text.as_ref())];
    for (field, source) in parts.into_iter().filter_map(|(field, source)| Some((field, source?))) {
        problems.keep(field, Template::check(source));
    }
    if problems.is_empty() { Ok(()) } else { Err(InvalidDraft::Template(problems.list())) }
}

fn is_tag(tag: &str) -> bool {
    (1..=TAG_MAX_BYTES).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:".contains(&b))
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Postgres keeps no NUL in text or JSON.
fn holds_nul(data: &Map<String, Value>) -> bool {
    fn value_holds_nul(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(value_holds_nul),
            Value::Object(map) => holds_nul(map),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
    data.iter().any(|(key, value)| key.contains('\0') || value_holds_nul(value))
}

#[cfg(test)]
#[path = "draft_tests.rs"]
mod tests;
