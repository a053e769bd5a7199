use domain::messages::Priority;

use crate::JobHead;

/// What stands in Redis for a job: `tenant|sender|rows|priority|pushed_ms|payload`.
#[derive(Debug)]
pub(super) enum Record {
    Read {
        text: String,
        header: Header,
    },
    /// It stands there, and does not say whose it is.
    Unreadable,
    /// Its id stands in a list, and nothing else of it.
    Gone,
}

/// Where the parts of a record begin, and its numbers.
#[derive(Debug)]
pub(super) struct Header {
    sender_at: usize,
    rows_at: usize,
    payload_at: usize,
    rows: u32,
    priority: u8,
    pushed_ms: i64,
}

/// Whose a job is, and how much of the window it holds: what its settlement is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Share<'a> {
    pub tenant: &'a str,
    pub sender: &'a str,
    pub rows: u32,
    pub priority: u8,
}

impl Record {
    pub(super) fn read(text: Option<String>) -> Self {
        let Some(text) = text else { return Self::Gone };
        match Header::read(&text) {
            Some(header) => Self::Read { text, header },
            None => Self::Unreadable,
        }
    }

    pub(super) fn share(&self) -> Share<'_> {
        let Self::Read { text, header } = self else { return Share::default() };
        Share {
            tenant: &text[..header.sender_at - 1],
            sender: &text[header.sender_at..header.rows_at - 1],
            rows: header.rows,
            priority: header.priority,
        }
    }

    pub(super) fn pushed_ms(&self) -> Option<i64> {
        match self {
            Self::Read { header, .. } => Some(header.pushed_ms),
            Self::Unreadable | Self::Gone => None,
        }
    }

    pub(super) fn payload(&self) -> Option<&str> {
        match self {
            Self::Read { text, header } => Some(&text[header.payload_at..]),
            Self::Unreadable | Self::Gone => None,
        }
    }

    /// The job of that id, as far as its record alone says what it is.
    pub(super) fn head(&self, job: &str) -> Option<JobHead> {
        let share = self.share();
        Some(JobHead {
            id: job.parse().ok()?,
            tenant: share.tenant.parse().ok()?,
            sender: share.sender.parse().ok()?,
            rows: share.rows,
            priority: Priority::from_rank(i16::from(share.priority))?,
        })
    }
}

impl Header {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, '|');
        let mut part = || parts.next().filter(|part| !part.is_empty());
        let (tenant, sender, rows) = (part()?, part()?, part()?);
        let (priority, pushed) = (part()?, part()?);
        let payload = parts.next()?;
        let sender_at = tenant.len() + 1;
        Some(Self {
            sender_at,
            rows_at: sender_at + sender.len() + 1,
            payload_at: text.len() - payload.len(),
            rows: rows.parse().ok()?,
            priority: priority.parse().ok().filter(|rank| *rank <= 2)?,
            pushed_ms: pushed.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_whose_it_is_and_keeps_its_payload_whole() {
        let record = Record::read(Some("t|s|12|2|1700000000000|{\"a\":\"b|c\"}".to_owned()));
        assert_eq!(record.share(), Share { tenant: "t", sender: "s", rows: 12, priority: 2 });
        assert_eq!((record.pushed_ms(), record.payload()), (Some(1_700_000_000_000), Some("{\"a\":\"b|c\"}")));
    }

    #[test]
    fn a_record_that_lacks_a_part_or_a_number_is_nobodys() {
        for text in ["", "t|s|1|1|5", "|s|1|1|5|x", "t||1|1|5|x", "t|s|one|1|5|x", "t|s|1|3|5|x", "t|s|1|1||x", "{}"] {
            let record = Record::read(Some(text.to_owned()));
            assert!(matches!(record, Record::Unreadable), "{text}");
            assert_eq!((record.share(), record.payload()), (Share::default(), None));
        }
        assert!(matches!(Record::read(None), Record::Gone));
    }
}
