//! Finding programs: of the system, and our own.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// A program on PATH, or among Debian's versioned Postgres folders and Homebrew's.
pub fn find(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(versioned("/usr/lib/postgresql", "bin"));
    for brew in ["/opt/homebrew/opt", "/usr/local/opt"] {
        folders.extend(versioned_brew(brew));
    }
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|file| file.is_file());
    found.with_context(|| {
        format!("{name} was found neither on PATH nor in the usual places; ops/prerequisites installs it")
    })
}

/// Newest first.
fn versioned(base: &str, below: &str) -> Vec<PathBuf> {
    let mut folders: Vec<(u32, PathBuf)> = children(base)
        .filter_map(|folder| Some((folder.file_name()?.to_str()?.parse().ok()?, folder.join(below))))
        .collect();
    folders.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    folders.into_iter().map(|(_, folder)| folder).collect()
}

fn versioned_brew(base: &str) -> impl Iterator<Item = PathBuf> {
    children(base)
        .filter(|folder| folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("postgresql@")))
        .map(|folder| folder.join("bin"))
}

fn children(base: &str) -> impl Iterator<Item = PathBuf> {
    Path::new(base).read_dir().into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

/// One of our own programs, built beside whatever runs now.
pub fn own(name: &str) -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let candidates = here.ancestors().skip(1).take(2).map(|folder| folder.join(name));
    for file in candidates {
        if file.is_file() {
            return Ok(file);
        }
    }
    bail!("{name} is not built; run `cargo build --workspace --bins` first (ops/test does)")
}
