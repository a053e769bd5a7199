//! Handlebars templates from strangers: bounded in size, depth, output and work.
//!
//! Partials, decorators and `log` are refused: the first two can recurse, the last writes merge data to our log. What
//! remains can only repeat through `each`, so a budget of steps bounds the time without looking at a clock.

mod budget;
mod check;
mod each;
mod filters;
mod variables;

use handlebars::{Handlebars, no_escape};
use serde_json::{Map, Value};

pub use check::{DEPTH_MAX, InvalidTemplate, SOURCE_MAX_BYTES};
pub use variables::Variable;

/// Largest rendered part.
pub const OUTPUT_MAX_BYTES: usize = 1024 * 1024;

/// How a part escapes what it inserts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    Html,
    Plain,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderFailure {
    #[error("the result is larger than 1 MiB or takes too many steps")]
    TooMuch,
    #[error("{0}")]
    Failed(String),
}

/// A compiled template. Rendering the same data always gives the same bytes.
#[derive(Debug)]
pub struct Template {
    engine: Handlebars<'static>,
    step_cost: u64,
    has_loops: bool,
}

const NAME: &str = "part";

impl Template {
    pub fn compile(source: &str, escape: Escape) -> Result<Self, InvalidTemplate> {
        let template = check::parse_source(source)?;
        let mut engine = Handlebars::new();
        engine.set_prevent_indent(true);
        engine.unregister_helper("log");
        engine.register_helper("each", Box::new(each::BudgetedEach));
        filters::register(&mut engine);
        if escape == Escape::Plain {
            engine.register_escape_fn(no_escape);
        }
        engine.register_template(NAME, template);
        Ok(Self { engine, step_cost: check::tags(source), has_loops: source.contains("each") })
    }

    /// Whether a source compiles within the bounds.
    pub fn check(source: &str) -> Result<(), InvalidTemplate> {
        check::parse_source(source).map(drop)
    }

    /// What a source inserts, and what of it has a fallback.
    pub fn variables(source: &str) -> Result<Vec<Variable>, InvalidTemplate> {
        variables::variables(source)
    }

    /// Whether rendering may take long: only loops multiply the work.
    pub fn has_loops(&self) -> bool {
        self.has_loops
    }

    pub fn render(&self, data: &Map<String, Value>) -> Result<String, RenderFailure> {
        let mut output = budget::BoundedOutput::new(OUTPUT_MAX_BYTES);
        let cost = self.step_cost.saturating_mul(1 + weight(data) / BYTES_PER_STEP);
        let result = budget::with_budget(cost, || self.engine.render_to_write(NAME, data, &mut output));
        match result {
            Ok(()) => String::from_utf8(output.into_bytes()).map_err(|_| RenderFailure::Failed("not UTF-8".into())),
            Err(_) if output.overflowed() || budget::exhausted() => Err(RenderFailure::TooMuch),
            Err(error) => Err(RenderFailure::Failed(crate::reply::sanitize(&error.to_string()))),
        }
    }
}

/// A step may copy as much of the data as there is.
const BYTES_PER_STEP: u64 = 256;

/// About how many bytes the data has.
fn weight(data: &Map<String, Value>) -> u64 {
    fn of(value: &Value) -> u64 {
        8 + match value {
            Value::String(text) => text.len() as u64,
            Value::Array(items) => items.iter().map(of).sum(),
            Value::Object(map) => weight(map),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
    }
    data.iter().map(|(key, value)| key.len() as u64 + of(value)).sum()
}

#[cfg(test)]
mod tests;
