//! The helpers a template may use: `default`, `uppercase`, `date_format`.

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};
use handlebars::{Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason};
use serde_json::Value;
use std::fmt::Write;

const FORMAT_DEFAULT: &str = "%Y-%m-%d";
const FORMAT_MAX_BYTES: usize = 100;

pub fn register(engine: &mut Handlebars<'static>) {
    engine.register_helper("default", Box::new(default));
    engine.register_helper("uppercase", Box::new(uppercase));
    engine.register_helper("date_format", Box::new(date_format));
}

/// `{{default name "there"}}`: the second where the first is missing or empty.
fn default(
    h: &Helper<'_>,
    r: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let given = param(h, 0);
    let text = if given.is_empty() { param(h, 1) } else { given };
    write_escaped(r, out, &text)
}

/// `{{uppercase company}}`
fn uppercase(
    h: &Helper<'_>,
    r: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    write_escaped(r, out, &param(h, 0).to_uppercase())
}

/// `{{date_format signed_up "%d %B %Y"}}`: strftime; a value that is no date is shown as it is.
fn date_format(
    h: &Helper<'_>,
    r: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let given = param(h, 0);
    let pattern = match param(h, 1) {
        pattern if pattern.is_empty() => FORMAT_DEFAULT.to_owned(),
        pattern => pattern,
    };
    let items: Vec<Item<'_>> = StrftimeItems::new(&pattern).collect();
    if pattern.len() > FORMAT_MAX_BYTES || items.contains(&Item::Error) {
        return Err(
            RenderErrorReason::Other("date_format: the second argument is not a strftime pattern".into()).into()
        );
    }
    let Some(date) = parse_date(&given) else { return write_escaped(r, out, &given) };
    let mut text = String::new();
    write!(text, "{}", date.format_with_items(items.iter()))
        .map_err(|_| RenderErrorReason::Other("date_format: the pattern asks for what the date has not".into()))?;
    write_escaped(r, out, &text)
}

fn parse_date(text: &str) -> Option<DateTime<FixedOffset>> {
    let utc = |naive: NaiveDateTime| naive.and_utc().fixed_offset();
    DateTime::parse_from_rfc3339(text)
        .ok()
        .or_else(|| text.parse::<NaiveDateTime>().ok().map(utc))
        .or_else(|| text.parse::<NaiveDate>().ok().and_then(|date| date.and_hms_opt(0, 0, 0)).map(utc))
        .or_else(|| {
            text.parse::<i64>().ok().and_then(|secs| DateTime::from_timestamp(secs, 0)).map(|date| date.fixed_offset())
        })
}

fn param(h: &Helper<'_>, at: usize) -> String {
    match h.param(at).map(|param| param.value()) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Function helpers write past the engine's escaping, so it is applied here.
fn write_escaped(r: &Handlebars<'_>, out: &mut dyn Output, text: &str) -> HelperResult {
    out.write(&r.get_escape_fn()(text)).map_err(Into::into)
}
