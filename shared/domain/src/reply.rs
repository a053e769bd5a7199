//! Text that a stranger's server sent us, made safe to keep and show.

/// Longest reply text that is kept of an attempt.
pub const REPLY_MAX_CHARS: usize = 500;

/// Keeps printable characters, folds the rest to spaces (Postgres refuses NUL; a terminal obeys ESC) and cuts.
pub fn sanitize(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c });
    let mut kept = String::with_capacity(text.len().min(REPLY_MAX_CHARS));
    let mut after_space = true;
    for c in printable.take(REPLY_MAX_CHARS) {
        if c == ' ' && after_space {
            continue;
        }
        after_space = c == ' ';
        kept.push(c);
    }
    kept.truncate(kept.trim_end().len());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_bytes_do_not_survive_and_length_is_bounded() {
        assert_eq!(sanitize("550 5.1.1\r\n no\0such\x1b[31muser  "), "550 5.1.1 no such [31muser");
        assert_eq!(sanitize(&"x".repeat(100_000)).chars().count(), REPLY_MAX_CHARS);
        assert_eq!(sanitize(""), "");
    }
}
