use std::str::FromStr;

use super::random::Random;

/// Most names in one list.
const NAMES_MAX: usize = 100;
/// What adding up fractions may be wrong by.
const ROUNDING: f64 = 1e-9;

/// Parts of all contacts: `gmail.com=0.4,outlook.com=0.2`. Those that are left over have no name.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares<T>(Vec<(T, f64)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidShares {
    #[error("shares are written like one=0.4,other=0.2")]
    Form,
    #[error("a share is more than 0 and at most 1, and all together are at most 1")]
    Share,
    #[error("each name stands once")]
    Repeated,
    #[error("at most {NAMES_MAX} names are possible")]
    TooMany,
}

impl<T> Default for Shares<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq> Shares<T> {
    pub fn new(shares: Vec<(T, f64)>) -> Result<Self, InvalidShares> {
        if shares.len() > NAMES_MAX {
            return Err(InvalidShares::TooMany);
        }
        let good = |share: f64| share > 0.0 && share <= 1.0;
        let sum: f64 = shares.iter().map(|(_, share)| share).sum();
        if !shares.iter().all(|(_, share)| good(*share)) || sum > 1.0 + ROUNDING {
            return Err(InvalidShares::Share);
        }
        let repeated = |(at, (name, _)): (usize, &(T, f64))| shares[..at].iter().any(|(other, _)| other == name);
        if shares.iter().enumerate().any(repeated) {
            return Err(InvalidShares::Repeated);
        }
        Ok(Self(shares))
    }
}

impl<T> Shares<T> {
    pub fn names(&self) -> impl ExactSizeIterator<Item = &T> {
        self.0.iter().map(|(name, _)| name)
    }

    /// For each of so many contacts the place of its name, or the number of names for those left over. As many of each as
    /// their share says, in an order by chance, so that nothing goes by a contact's number.
    pub fn spread(&self, contacts: u32, random: &mut Random) -> Vec<u32> {
        let (mut places, mut sum) = (Vec::with_capacity(contacts as usize), 0.0);
        for (place, (_, share)) in self.0.iter().enumerate() {
            sum += share;
            // Rounded after adding up, so that no rounding is left over at the end.
            let until = ((sum * f64::from(contacts)).round() as usize).min(contacts as usize);
            places.resize(until.max(places.len()), place as u32);
        }
        places.resize(contacts as usize, self.0.len() as u32);
        random.shuffle(&mut places);
        places
    }
}

impl<T: FromStr + PartialEq> FromStr for Shares<T> {
    type Err = InvalidShares;

    fn from_str(text: &str) -> Result<Self, InvalidShares> {
        let share = |part: &str| {
            let (name, share) = part.split_once('=')?;
            Some((name.trim().parse().ok()?, share.trim().parse().ok()?))
        };
        Self::new(text.split(',').map(share).collect::<Option<_>>().ok_or(InvalidShares::Form)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Shares<String>, InvalidShares> {
        text.parse()
    }

    #[test]
    fn shares_read_and_what_is_none_is_told_so() {
        let shares = read("gmail.com=0.4, outlook.com=0.2").expect("shares");
        assert_eq!(shares.names().collect::<Vec<_>>(), ["gmail.com", "outlook.com"]);
        for (text, error) in [
            ("", InvalidShares::Form),
            ("gmail.com", InvalidShares::Form),
            ("gmail.com=x", InvalidShares::Form),
            ("gmail.com=0", InvalidShares::Share),
            ("gmail.com=NaN", InvalidShares::Share),
            ("gmail.com=0.7,outlook.com=0.4", InvalidShares::Share),
            ("gmail.com=0.1,gmail.com=0.1", InvalidShares::Repeated),
        ] {
            assert_eq!(read(text), Err(error), "{text}");
        }
        assert!(read("a=0.7,b=0.2,c=0.1").is_ok(), "it is one, whatever floating point adds up to");
    }

    #[test]
    fn as_many_get_each_name_as_its_share_says() {
        let shares = read("a=0.4,b=0.25").expect("shares");
        let places = shares.spread(1_000, &mut Random::of(1, [0, 0]));
        let of = |place| places.iter().filter(|other| **other == place).count();
        assert_eq!([of(0), of(1), of(2)], [400, 250, 350]);
        let first = places[..100].iter().filter(|place| **place == 0).count();
        assert!((20..60).contains(&first), "in an order by chance: {first}");
        assert!(
            read("a=0.3,b=0.3,c=0.4").expect("shares").spread(7, &mut Random::of(1, [0, 0])).iter().all(|at| *at < 3)
        );
    }
}
