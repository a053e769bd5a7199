use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;

use super::text_form::text_form;

/// Longest span a plan may name.
pub const SPAN_MAX_DAYS: i64 = 366;

/// A length of time as ISO 8601 writes it: `PT72H`, `P3D`, `P1W`, `P1DT12H30M`. A day is 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    seconds: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSpan {
    #[error("expected an ISO 8601 duration like PT72H, P3D or P1DT12H")]
    Unreadable,
    #[error("years and months have no fixed length: write days")]
    Calendar,
    #[error("is longer than {SPAN_MAX_DAYS} days")]
    TooLong,
}

const DAY: u64 = 86_400;

impl Span {
    pub const ZERO: Self = Self { seconds: 0 };

    pub const fn hours(hours: u32) -> Self {
        Self { seconds: hours * 3_600 }
    }

    pub const fn days(days: u16) -> Self {
        Self { seconds: days as u32 * DAY as u32 }
    }

    pub fn is_zero(self) -> bool {
        self.seconds == 0
    }

    /// The time that passes for it, where time runs `times` as fast.
    pub fn at_pace(self, times: u32) -> TimeDelta {
        TimeDelta::milliseconds(i64::from(self.seconds) * 1_000 / i64::from(times.max(1)))
    }
}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let rest = text.strip_prefix('P').ok_or(InvalidSpan::Unreadable)?;
        let (date, time) = match rest.split_once('T') {
            Some((_, "")) => return Err(InvalidSpan::Unreadable),
            Some((date, time)) => (date, time),
            None => (rest, ""),
        };
        if date.is_empty() && time.is_empty() {
            return Err(InvalidSpan::Unreadable);
        }
        let seconds = sum(date, &[('Y', 0), ('M', 0), ('W', 7 * DAY), ('D', DAY)])?
            .checked_add(sum(time, &[('H', 3_600), ('M', 60), ('S', 1)])?)
            .ok_or(InvalidSpan::TooLong)?;
        if seconds > SPAN_MAX_DAYS as u64 * DAY {
            return Err(InvalidSpan::TooLong);
        }
        Ok(Self { seconds: seconds as u32 })
    }
}

/// Numbers with the letters of their units, each at most once and in this order. A unit of nothing has no fixed length.
fn sum(text: &str, units: &[(char, u64)]) -> Result<u64, InvalidSpan> {
    let (mut rest, mut units, mut total) = (text, units.iter(), 0u64);
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or(InvalidSpan::Unreadable)?;
        let letter = rest[end..].chars().next().ok_or(InvalidSpan::Unreadable)?;
        let (_, length) = units.find(|(unit, _)| *unit == letter).ok_or(InvalidSpan::Unreadable)?;
        let number: u64 = match rest[..end].parse() {
            Ok(number) => number,
            Err(_) if end > 0 => return Err(InvalidSpan::TooLong),
            Err(_) => return Err(InvalidSpan::Unreadable),
        };
        if *length == 0 {
            return Err(InvalidSpan::Calendar);
        }
        total = number.checked_mul(*length).and_then(|add| total.checked_add(add)).ok_or(InvalidSpan::TooLong)?;
        rest = &rest[end + letter.len_utf8()..];
    }
    Ok(total)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (u64::from(self.seconds) / DAY, u64::from(self.seconds) % DAY);
        let parts = [(rest / 3_600, 'H'), (rest / 60 % 60, 'M'), (rest % 60, 'S')];
        f.write_str("P")?;
        if days > 0 {
            write!(f, "{days}D")?;
        }
        if rest > 0 || days == 0 {
            f.write_str("T")?;
        }
        if self.is_zero() {
            return f.write_str("0S");
        }
        parts.iter().filter(|(number, _)| *number > 0).try_for_each(|(number, unit)| write!(f, "{number}{unit}"))
    }
}

text_form!(Span, pattern: Some(r"^P(?=.)(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?$"), examples: ["PT72H", "P3D"]);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_usual_forms_read() {
        for (text, seconds) in [
            ("PT72H", 259_200),
            ("P3D", 259_200),
            ("P1W", 604_800),
            ("P1DT12H30M", 131_400),
            ("PT0S", 0),
            ("PT90S", 90),
        ] {
            assert_eq!(text.parse(), Ok(Span { seconds }), "{text}");
        }
    }

    #[test]
    fn what_has_no_fixed_length_or_no_sense_is_refused() {
        for text in
            ["", "P", "PT", "P1DT", "3D", "PD", "P1H", "PT1D", "P1D1W", "PT1M1H", "P-1D", "P1.5D", "p3d", "P3D "]
        {
            assert_eq!(text.parse::<Span>(), Err(InvalidSpan::Unreadable), "{text}");
        }
        assert_eq!("P1M".parse::<Span>(), Err(InvalidSpan::Calendar));
        assert_eq!("P1Y".parse::<Span>(), Err(InvalidSpan::Calendar));
        for text in ["P367D", "PT99999999999999999999H", "P9999999999999999999W"] {
            assert_eq!(text.parse::<Span>(), Err(InvalidSpan::TooLong), "{text}");
        }
    }

    #[test]
    fn days_pass_as_minutes_where_time_runs_so_fast() {
        assert_eq!(Span::days(3).at_pace(1_440), TimeDelta::minutes(3));
        assert_eq!(Span::hours(1).at_pace(0), TimeDelta::hours(1));
    }

    proptest! {
        #[test]
        fn a_span_reads_back_as_it_was_written(seconds in 0u32..=(SPAN_MAX_DAYS as u32 * 86_400)) {
            let span = Span { seconds };
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }

        #[test]
        fn no_text_makes_it_panic(text in "P?[0-9YMWDTHS]{0,24}") {
            let _ = text.parse::<Span>();
        }
    }
}
