//! What a source must be before a parser that recurses sees it.

use handlebars::TemplateError;

/// Largest source of one part.
pub const SOURCE_MAX_BYTES: usize = 256 * 1024;
/// Deepest nesting of blocks.
pub const DEPTH_MAX: usize = 32;
/// Most `else` branches: a chain of them nests as deep as it is long.
const ELSE_MAX: usize = 64;
/// Deepest nesting of sub-expressions, arrays and objects within a tag.
const NESTING_MAX: usize = 8;
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
    #[error("has a tag that is not closed")]
    Unclosed,
    #[error("has an escaped tag, a raw block, an object or unusual brackets within a tag, which are not supported")]
    Unclear,
    #[error("is not a valid template: {0}")]
    Syntax(String),
}

fn check_source(source: &str) -> Result<(), InvalidTemplate> {
    if source.len() > SOURCE_MAX_BYTES {
        return Err(InvalidTemplate::TooLarge);
    }
    let (mut depth, mut elses) = (0usize, 0usize);
    for tag in tags_of(source)? {
        if tag.starts_with('!') {
            continue;
        }
        if tag.len() > TAG_MAX_BYTES {
            return Err(InvalidTemplate::TagTooLong);
        }
        // Strips at least what the grammar allows there; what is stripped beyond that is a syntax error.
        let word = tag.trim_start_matches(BEFORE_WORD);
        let opens = word.starts_with('#');
        let name = word.trim_start_matches(['#', '^', ' ', '\t', '\r', '\n']);
        if name.starts_with('>') || name.starts_with('*') {
            return Err(InvalidTemplate::Partial);
        }
        if opens {
            depth += 1;
        } else if word.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else if word.starts_with("else") || word.starts_with('^') {
            elses += 1;
        }
        if depth > DEPTH_MAX || elses > ELSE_MAX || nesting(tag) > NESTING_MAX {
            return Err(InvalidTemplate::TooDeep);
        }
    }
    Ok(())
}

/// Parses a source within the bounds.
pub fn parse_source(source: &str) -> Result<handlebars::Template, InvalidTemplate> {
    check_source(source)?;
    handlebars::Template::compile(source).map_err(|error| InvalidTemplate::Syntax(describe(&error)))
}

/// How many tags a source has: an upper bound of what one pass over it evaluates.
pub fn tags(source: &str) -> u64 {
    source.matches("{{").count() as u64
}

/// The parser's complaint on one line.
fn describe(error: &TemplateError) -> String {
    crate::reply::sanitize(&error.reason().to_string())
}

/// What stands between each `{{` and its `}}`.
///
/// Reads exactly what the parser reads, and refuses what could make the two disagree: an escaped tag, a raw block, a
/// tag within a tag. Else a source could look flat here and nest deeply there, where the stack is what gives way.
fn tags_of(source: &str) -> Result<Vec<&str>, InvalidTemplate> {
    let (mut tags, mut rest) = (Vec::new(), source);
    while let Some(at) = rest.find("{{") {
        if rest[..at].ends_with('\\') {
            return Err(InvalidTemplate::Unclear);
        }
        let tag = &rest[at + 2..];
        let (inside, behind) = if tag.starts_with('!') { comment(tag) } else { expression(tag) }?;
        tags.push(inside);
        rest = behind;
    }
    Ok(tags)
}

fn comment(tag: &str) -> Result<(&str, &str), InvalidTemplate> {
    // The grammar allows white space before the dashes.
    let long = tag[1..].trim_start_matches(WHITE).starts_with("--");
    let end = if long { "--}}" } else { "}}" };
    tag.split_once(end).ok_or(InvalidTemplate::Unclosed)
}

/// The grammar's own white space, which is less than Unicode's.
const WHITE: [char; 4] = [' ', '\t', '\r', '\n'];
/// What may stand between `{{` and the first word.
const BEFORE_WORD: [char; 7] = [' ', '\t', '\r', '\n', '~', '{', '&'];

/// Up to the `}}` that stands in no string.
fn expression(tag: &str) -> Result<(&str, &str), InvalidTemplate> {
    let bytes = tag.as_bytes();
    let (mut quote, mut key, mut at_start, mut at) = (None, false, true, 0);
    while at < bytes.len() {
        match (quote, bytes[at]) {
            // A key like [two words] reads on to its bracket, whatever stands in between.
            (None, b']') if key => key = false,
            (None, b'"' | b'\'' | b'\\' | b'[' | b'{' | b'}') if key => return Err(InvalidTemplate::Unclear),
            (None, b'[') => key = true,
            // The braces that close an object would pass for the tag's own.
            (None, b'{') if !at_start => return Err(InvalidTemplate::Unclear),
            (_, b'{') if bytes.get(at + 1) == Some(&b'{') => return Err(InvalidTemplate::Unclear),
            (Some(_), b'\\') => at += 1,
            (Some(open), byte) if byte == open => quote = None,
            (None, byte @ (b'"' | b'\'')) => quote = Some(byte),
            (None, b'!') if at_start => return Err(InvalidTemplate::Unclear),
            (None, b'}') if bytes.get(at + 1) == Some(&b'}') => return Ok((&tag[..at], &tag[at + 2..])),
            _ => {}
        }
        at_start &= bytes.get(at).is_some_and(|byte| BEFORE_WORD.contains(&char::from(*byte)));
        at += 1;
    }
    Err(InvalidTemplate::Unclosed)
}

/// How deep brackets of any kind stand in each other.
fn nesting(tag: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for byte in tag.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
