//! Addresses that must not be mailed.

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::problems::FieldProblem;

/// Most suppressions in one request that is not a stream.
pub const SUPPRESSIONS_MAX: usize = 1_000;
const SOURCE_MAX_CHARS: usize = 100;

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SuppressionReason {
    Unsubscribe,
    Bounce,
    Complaint,
    Blocked,
    Invalid,
    #[default]
    Manual,
}

impl SuppressionReason {
    pub const ALL: [Self; 6] =
        [Self::Unsubscribe, Self::Bounce, Self::Complaint, Self::Blocked, Self::Invalid, Self::Manual];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsubscribe => "unsubscribe",
            Self::Bounce => "bounce",
            Self::Complaint => "complaint",
            Self::Blocked => "blocked",
            Self::Invalid => "invalid",
            Self::Manual => "manual",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// An address that must not be mailed from now on.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuppressionDraft {
    #[schema(example = "ann@example.com")]
    pub address: String,
    #[serde(default)]
    pub reason: SuppressionReason,
    /// Where it comes from; at most 100 characters on one line.
    #[serde(default)]
    pub source: Option<String>,
}

/// A suppression that may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSuppression {
    /// As `Address::suppression_key` gives it.
    pub address: String,
    pub reason: SuppressionReason,
    pub source: String,
}

impl SuppressionDraft {
    pub fn validate(self, default_source: &str) -> Result<NewSuppression, FieldProblem> {
        let problem = |field: &str, problem: String| FieldProblem { field: field.to_owned(), problem };
        let address = Address::parse(self.address.trim()).map_err(|error| problem("address", error.to_string()))?;
        let source = self.source.unwrap_or_else(|| default_source.to_owned());
        if source.chars().count() > SOURCE_MAX_CHARS || source.chars().any(char::is_control) {
            return Err(problem("source", "has at most 100 characters on one line".to_owned()));
        }
        Ok(NewSuppression { address: address.suppression_key(), reason: self.reason, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_in_lower_case_and_a_wrong_one_is_named() {
        let draft = |address: &str, source: Option<&str>| SuppressionDraft {
            address: address.to_owned(),
            reason: SuppressionReason::Bounce,
            source: source.map(str::to_owned),
        };
        let kept = draft(" Ann@Example.COM ", None).validate("api").expect("valid");
        assert_eq!((kept.address.as_str(), kept.source.as_str()), ("ann@example.com", "api"));
        assert_eq!(draft("ann", None).validate("api").expect_err("no @").field, "address");
        assert_eq!(draft("a@b.cc", Some("x\ny")).validate("api").expect_err("two lines").field, "source");
        for reason in SuppressionReason::ALL {
            assert_eq!(SuppressionReason::parse(reason.as_str()), Some(reason));
        }
    }
}
