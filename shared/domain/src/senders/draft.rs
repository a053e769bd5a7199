//! A sender as a caller asks for it, and what it must be before it is stored.

use std::net::IpAddr;

use serde::Deserialize;

use super::{CONNECTIONS_DEFAULT, CONNECTIONS_MAX, TlsMode};
use crate::address::{Address, is_host_name};
use crate::messages::headers::is_header_text;
use crate::problems::{FieldProblem, Problems};

const NAME_MAX_BYTES: usize = 200;
const CREDENTIAL_MAX_BYTES: usize = 500;
const SUBMISSION_PORT: u16 = 587;

/// An SMTP account that mail leaves from.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"address": "me@example.com", "smtp_host": "smtp.example.com", "smtp_port": 587, "tls": "starttls", "max_connections": 10}))]
pub struct SenderDraft {
    /// The address in From.
    #[schema(example = "me@example.com")]
    pub address: String,
    /// The name beside it.
    #[serde(default)]
    pub display_name: Option<String>,
    #[schema(example = "smtp.example.com")]
    pub smtp_host: String,
    #[serde(default = "submission_port")]
    #[schema(minimum = 1)]
    pub smtp_port: u16,
    #[serde(default = "starttls")]
    pub tls: TlsMode,
    /// The account's name; needs `password`, and `tls` other than `none`.
    #[serde(default)]
    pub username: Option<String>,
    /// Kept encrypted and never shown again.
    #[serde(default)]
    #[schema(write_only)]
    pub password: Option<String>,
    /// Simultaneous connections, over all workers.
    #[serde(default = "connections_default")]
    #[schema(minimum = 1, maximum = 100)]
    pub max_connections: u32,
}

fn submission_port() -> u16 {
    SUBMISSION_PORT
}

fn starttls() -> TlsMode {
    TlsMode::Starttls
}

fn connections_default() -> u32 {
    CONNECTIONS_DEFAULT
}

/// What changes; a field that is left out stays as it is.
#[derive(Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"display_name": "Me", "max_connections": 5}))]
pub struct SenderPatch {
    #[serde(default)]
    pub address: Option<String>,
    /// An empty name takes it away.
    #[serde(default)]
    pub display_name: Option<String>,
    #[serde(default)]
    pub smtp_host: Option<String>,
    #[serde(default)]
    #[schema(minimum = 1)]
    pub smtp_port: Option<u16>,
    #[serde(default)]
    pub tls: Option<TlsMode>,
    /// An empty name takes the credentials away.
    #[serde(default)]
    pub username: Option<String>,
    /// Kept encrypted and never shown again.
    #[serde(default)]
    #[schema(write_only)]
    pub password: Option<String>,
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100)]
    pub max_connections: Option<u32>,
}

/// A sender that may be stored; its password is in the clear, and goes no further than to be encrypted.
#[derive(Clone)]
pub struct CheckedSender {
    pub address: Address,
    pub display_name: Option<String>,
    pub smtp_host: String,
    pub smtp_port: u16,
    pub tls: TlsMode,
    pub username: Option<String>,
    pub password: Option<String>,
    pub max_connections: u32,
}

impl SenderDraft {
    /// Checks everything and names every field that is wrong. `keeps_password`: one is stored already, and stays.
    pub fn validate(self, keeps_password: bool) -> Result<CheckedSender, Vec<FieldProblem>> {
        let mut problems = Problems::default();
        let address = problems.keep("address", Address::parse(&self.address));
        let display_name = self.display_name.filter(|name| !name.is_empty());
        let named = |text: &str| text.len() <= NAME_MAX_BYTES && is_header_text(text);
        problems.require(
            "display_name",
            display_name.as_deref().is_none_or(named),
            "has at most 200 bytes on one line",
        );
        let smtp_host = self.smtp_host.trim().to_ascii_lowercase();
        let is_host = is_host_name(&smtp_host) || smtp_host == "localhost" || smtp_host.parse::<IpAddr>().is_ok();
        problems.require("smtp_host", is_host, "is not a host name or address");
        problems.require("smtp_port", self.smtp_port > 0, "is 1 to 65535");
        let username = self.username.filter(|name| !name.is_empty());
        let password = self.password.filter(|password| !password.is_empty());
        for (field, text) in [("username", &username), ("password", &password)] {
            let plain = text
                .as_deref()
                .is_none_or(|text| text.len() <= CREDENTIAL_MAX_BYTES && !text.contains(['\0', '\r', '\n']));
            problems.require(field, plain, "has at most 500 bytes on one line");
        }
        if username.is_some() {
            problems.require("password", password.is_some() || keeps_password, "is needed with a username");
            problems.require(
                "tls",
                self.tls != TlsMode::None,
                "credentials are never sent without TLS: starttls or tls",
            );
        } else {
            problems.require("username", password.is_none(), "is needed with a password");
        }
        let in_bounds = (1..=CONNECTIONS_MAX).contains(&self.max_connections);
        problems.require("max_connections", in_bounds, "is 1 to 100");
        let (Some(address), true) = (address, problems.is_empty()) else { return Err(problems.list()) };
        Ok(CheckedSender {
            address,
            display_name,
            smtp_host,
            smtp_port: self.smtp_port,
            tls: self.tls,
            username,
            password,
            max_connections: self.max_connections,
        })
    }
}

impl SenderPatch {
    /// Whether a stored password would be told to somebody it was not given for.
    pub fn leads_elsewhere(&self, now: &SenderDraft) -> bool {
        let changes =
            |given: &Option<String>, now: Option<&String>| given.as_ref().is_some_and(|given| Some(given) != now);
        changes(&self.smtp_host, Some(&now.smtp_host))
            || changes(&self.username, now.username.as_ref())
            || self.smtp_port.is_some_and(|port| port != now.smtp_port)
            || self.tls.is_some_and(|tls| tls != now.tls)
    }

    /// The whole as it shall be.
    pub fn onto(self, now: SenderDraft) -> SenderDraft {
        SenderDraft {
            address: self.address.unwrap_or(now.address),
            display_name: self.display_name.or(now.display_name),
            smtp_host: self.smtp_host.unwrap_or(now.smtp_host),
            smtp_port: self.smtp_port.unwrap_or(now.smtp_port),
            tls: self.tls.unwrap_or(now.tls),
            username: self.username.or(now.username),
            password: self.password,
            max_connections: self.max_connections.unwrap_or(now.max_connections),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn problems(change: Value) -> Vec<String> {
        let mut draft = json!({"address": "me@example.com", "smtp_host": "smtp.example.com"});
        draft.as_object_mut().expect("object").extend(change.as_object().expect("object").clone());
        let draft: SenderDraft = serde_json::from_value(draft).expect("well-formed");
        match draft.validate(false) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.into_iter().map(|problem| problem.field).collect(),
        }
    }

    #[test]
    fn each_wrong_field_is_named() {
        assert!(problems(json!({"username": "me", "password": "secret"})).is_empty());
        for (change, field) in [
            (json!({"address": "me"}), "address"),
            (json!({"display_name": "a\nb"}), "display_name"),
            (json!({"smtp_host": "not a host"}), "smtp_host"),
            (json!({"smtp_port": 0}), "smtp_port"),
            (json!({"username": "me"}), "password"),
            (json!({"password": "secret"}), "username"),
            (json!({"username": "me", "password": "secret", "tls": "none"}), "tls"),
            (json!({"max_connections": 101}), "max_connections"),
        ] {
            assert_eq!(problems(change), [field]);
        }
    }

    #[test]
    fn a_patch_changes_what_it_names_and_keeps_the_rest() {
        let now = SenderDraft {
            address: "me@example.com".into(),
            display_name: Some("Me".into()),
            smtp_host: "smtp.example.com".into(),
            smtp_port: 587,
            tls: TlsMode::Starttls,
            username: Some("me".into()),
            password: None,
            max_connections: 10,
        };
        let patch: SenderPatch = serde_json::from_value(json!({"smtp_port": 465, "tls": "tls"})).expect("well-formed");
        assert!(patch.leads_elsewhere(&now));
        let elsewhere: SenderPatch = serde_json::from_value(json!({"smtp_host": "evil.example"})).expect("well-formed");
        assert!(elsewhere.leads_elsewhere(&now) && elsewhere.onto(now.clone()).validate(false).is_err());
        let same: SenderPatch = serde_json::from_value(json!({"smtp_host": "smtp.example.com", "max_connections": 3}))
            .expect("well-formed");
        assert!(!same.leads_elsewhere(&now));
        let checked = patch.onto(now.clone()).validate(true).map_err(|_| "valid").expect("valid");
        assert_eq!((checked.smtp_port, checked.tls, checked.username.as_deref()), (465, TlsMode::Tls, Some("me")));
        let nameless: SenderPatch =
            serde_json::from_value(json!({"username": "", "display_name": ""})).expect("well-formed");
        let checked = nameless.onto(now).validate(true).map_err(|_| "valid").expect("valid");
        assert_eq!((checked.username, checked.display_name), (None, None));
    }
}
