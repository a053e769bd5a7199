//! Typed, prefixed, time-ordered ids. UUIDv7 inside, `msg_…` outside.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An id that does not read as one of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id like {prefix}_ followed by 32 hexadecimal digits")]
pub struct InvalidId {
    pub prefix: &'static str,
}

/// How an id is described to callers.
fn id_schema(prefix: &str, example: &str) -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::Type::String)
        .pattern(Some(format!("^{prefix}_[0-9a-f]{{32}}$")))
        .examples([example])
        .into()
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $example:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let invalid = InvalidId { prefix: $prefix };
                let digits = text
                    .strip_prefix($prefix)
                    .and_then(|rest| rest.strip_prefix('_'))
                    .filter(|digits| digits.len() == 32)
                    .ok_or(invalid.clone())?;
                Uuid::try_parse(digits).map(Self).map_err(|_| invalid)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                id_schema($prefix, $example)
            }
        }

        impl utoipa::ToSchema for $name {}

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

ids! {
    /// One key of a tenant for the HTTP API.
    ApiKeyId = "key", "key_01990000000070008000000000000001";
    /// One try past the point of no return.
    AttemptId = "att", "att_01990000000070008000000000000002";
    /// A stream of contacts that is being enrolled.
    BulkId = "blk", "blk_0199000000007000800000000000000d";
    /// What is done for contacts: a plan, and who runs through it.
    CampaignId = "cmp", "cmp_01990000000070008000000000000009";
    /// Who may be mailed.
    ContactId = "con", "con_0199000000007000800000000000000a";
    /// An immutable subject/html/text template.
    ContentId = "cnt", "cnt_01990000000070008000000000000003";
    /// One contact's run through a campaign.
    EnrollmentId = "enr", "enr_0199000000007000800000000000000b";
    /// Something that came back of a message or a contact.
    EventId = "evt", "evt_0199000000007000800000000000000c";
    /// What stands in Redis: some rows of one sender.
    JobId = "job", "job_01990000000070008000000000000004";
    /// One send to one address.
    MessageId = "msg", "msg_01990000000070008000000000000005";
    /// An account that mail leaves from.
    SenderId = "snd", "snd_01990000000070008000000000000006";
    /// Whoever owns senders, messages and suppressions; sees nobody else's.
    TenantId = "tnt", "tnt_01990000000070008000000000000007";
    /// A synthetic event, due at a time.
    TimerId = "tmr", "tmr_0199000000007000800000000000000e";
    /// One run of one worker process.
    WorkerId = "wrk", "wrk_01990000000070008000000000000008";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let id = MessageId(Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001));
        assert_eq!(id.to_string(), "msg_01990000000070008000000000000001");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn an_id_of_another_kind_or_length_is_refused() {
        for text in
            ["snd_01990000000070008000000000000001", "msg_0199", "msg", "", "msg_0199000000007000800000000000000g"]
        {
            assert!(text.parse::<MessageId>().is_err(), "{text}");
        }
    }
}
