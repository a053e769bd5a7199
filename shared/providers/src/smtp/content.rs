use std::fmt;

/// A mail as it goes over the wire after `DATA`: lines that begin with a dot get another (RFC 5321 §4.5.2), and the final
/// dot ends it.
pub(super) struct Content<'a>(pub &'a str);

impl fmt::Display for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.starts_with('.') {
            f.write_str(".")?;
        }
        let mut from = 0;
        for (at, _) in self.0.match_indices("\r\n.") {
            f.write_str(&self.0[from..at + 3])?;
            from = at + 2;
        }
        f.write_str(&self.0[from..])?;
        f.write_str(if self.0.ends_with("\r\n") { ".\r\n" } else { "\r\n.\r\n" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As a server reads it.
    fn received(wire: &str) -> String {
        let body = wire.strip_suffix(".\r\n").expect("a final dot");
        let lines = body.split_inclusive("\r\n").map(|line| line.strip_prefix('.').unwrap_or(line));
        lines.collect()
    }

    proptest! {
        #[test]
        fn a_server_reads_what_was_written_and_ends_only_at_the_final_dot(
            parts in prop::collection::vec(prop::sample::select(vec!["a", ".", "\r\n", "..", "b.", " "]), 0..20),
        ) {
            let mail: String = parts.concat();
            let wire = Content(&mail).to_string();
            let end = wire.len() - ".\r\n".len();
            prop_assert!(!wire[..end].contains("\r\n.\r\n") && !wire[..end].starts_with(".\r\n"));
            let mut wanted = mail;
            if !wanted.ends_with("\r\n") {
                wanted.push_str("\r\n");
            }
            prop_assert_eq!(received(&wire), wanted);
        }
    }
}
