//! Postgres refuses to run as root; then it runs as somebody else.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use nix::unistd::{User, geteuid};

/// The account that services run as, where the present one will not do.
pub fn unprivileged() -> anyhow::Result<Option<User>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name)? {
            return Ok(Some(user));
        }
    }
    anyhow::bail!("Postgres cannot run as root, and there is no account `postgres` or `nobody` to run it as")
}

/// Runs a command as that account.
pub fn drop_privileges(command: &mut Command, user: Option<&User>) {
    use std::os::unix::process::CommandExt;
    if let Some(user) = user {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw()).env("HOME", "/");
    }
}

/// Gives a folder to that account.
pub fn give(folder: &Path, user: Option<&User>) -> anyhow::Result<()> {
    let Some(user) = user else { return Ok(()) };
    std::os::unix::fs::chown(folder, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
        .with_context(|| format!("could not give {} away", folder.display()))
}
