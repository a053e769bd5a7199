//! What a source must be before a parser that recurses sees it.

use handlebars::TemplateError;

/// Largest source of one part.
pub const SOURCE_MAX_BYTES: usize = 256 * 1024;
/// Deepest nesting of blocks.
pub const DEPTH_MAX: usize = 32;
/// Most `else` branches: a chain of them nests as deep as it is long.
const ELSE_MAX: usize = 64;
/// Deepest nesting of sub-expressions within a tag.
const PARENS_MAX: usize = 8;
/// Longest single tag.
const TAG_MAX_BYTES: usize = 1_024;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    #[error("is larger than 256 KiB")]
    TooLarge,
    #[error("nests blocks, else branches or sub-expressions too deeply")]
    TooDeep,
    #[error("has a tag longer than 1024 bytes")]
    TagTooLong,
    #[error("uses a partial or decorator ({{{{> …}}}}, {{{{* …}}}}), which are not supported")]
    Partial,
    #[error("is not a valid template: {0}")]
    Syntax(String),
}

pub fn check_source(source: &str) -> Result<(), InvalidTemplate> {
    if source.len() > SOURCE_MAX_BYTES {
        return Err(InvalidTemplate::TooLarge);
    }
    let (mut depth, mut elses) = (0usize, 0usize);
    for tag in tags_of(source) {
        if tag.len() > TAG_MAX_BYTES && !tag.starts_with('!') {
            return Err(InvalidTemplate::TagTooLong);
        }
        let word = tag.trim_start_matches(['{', '&']).trim_start_matches('~').trim_start();
        let opens = word.starts_with('#') || word.starts_with('^');
        let name = word.trim_start_matches(['#', '^']).trim_start();
        if !word.starts_with('!') && (name.starts_with('>') || name.starts_with('*')) {
            return Err(InvalidTemplate::Partial);
        }
        if opens {
            depth += 1;
        } else if word.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else if word.starts_with("else") {
            elses += 1;
        }
        if depth > DEPTH_MAX || elses > ELSE_MAX || paren_depth(tag) > PARENS_MAX {
            return Err(InvalidTemplate::TooDeep);
        }
    }
    Ok(())
}

/// How many tags a source has: an upper bound of what one pass over it evaluates.
pub fn tags(source: &str) -> u64 {
    tags_of(source).count() as u64
}

/// The parser's complaint on one line.
pub fn describe(error: &TemplateError) -> String {
    crate::reply::sanitize(&error.reason().to_string())
}

/// The text from each `{{` to the next `}}` or, unclosed, to the end.
fn tags_of(source: &str) -> impl Iterator<Item = &str> {
    source.match_indices("{{").map(|(at, _)| {
        let rest = &source[at + 2..];
        &rest[..rest.find("}}").unwrap_or(rest.len())]
    })
}

fn paren_depth(tag: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for byte in tag.bytes() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
