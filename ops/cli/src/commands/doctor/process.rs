use nix::sys::resource::{Resource, getrlimit};
use runtime::config::SecretsConfig;

use super::Finding;

/// Connections to senders' servers, callers, Postgres and Redis, with room to spare.
const FILES_MIN: u64 = 4_096;

/// This process and its configuration.
pub fn look(secrets: &SecretsConfig) -> Vec<Finding> {
    let files = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, _)) if soft >= FILES_MIN => Finding::fine("open files", format!("up to {soft}")),
        Ok((soft, _)) => Finding::advice(
            "open files",
            format!("up to {soft}; a worker or API process may need more"),
            "raise it: `ulimit -n 65536`, or LimitNOFILE=65536 in the systemd unit",
        ),
        Err(error) => Finding::advice("open files", error.to_string(), "look at `ulimit -n`"),
    };
    let keys = match secrets.keyring() {
        Ok(Some(_)) => Finding::fine("POSTFLEET_SECRET_KEYS", "set, and well-formed"),
        Ok(None) => Finding::advice(
            "POSTFLEET_SECRET_KEYS",
            "not set: senders can have no passwords",
            "`postfleet keys generate-secret` makes one; give it to every process, and keep it",
        ),
        Err(error) => Finding::wrong(
            "POSTFLEET_SECRET_KEYS",
            error.to_string(),
            "`postfleet keys generate-secret` shows what it looks like",
        ),
    };
    vec![files, keys]
}
