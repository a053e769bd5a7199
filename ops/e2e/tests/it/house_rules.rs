//! The rules of the house that a machine can hold.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, MetadataCommand};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace").to_owned()
}

/// Who may use whom: `docs/architecture.md`.
fn layers() -> HashMap<&'static str, &'static [&'static str]> {
    const ROLES: &[&str] = &["domain", "store", "queue", "limits", "providers", "runtime", "rest", "failpoint"];
    const EVERYTHING: &[&str] = &[
        "domain",
        "store",
        "queue",
        "limits",
        "providers",
        "runtime",
        "rest",
        "failpoint",
        "migrations",
        "testkit",
        "api",
        "worker",
        "orchestrator",
    ];
    HashMap::from([
        ("domain", &[] as &[&str]),
        ("migrations", &[]),
        ("store", &["domain"]),
        ("failpoint", &[]),
        ("rest", &[]),
        ("link", &["domain"]),
        ("queue", &["domain", "link", "rest", "failpoint"]),
        ("limits", &["domain", "link"]),
        ("providers", &["domain", "failpoint"]),
        ("runtime", &["domain", "store", "queue", "limits", "rest"]),
        ("api", ROLES),
        ("worker", ROLES),
        ("orchestrator", ROLES),
        ("testkit", &["domain", "store", "queue", "providers", "runtime", "migrations"]),
        ("cli", EVERYTHING),
        ("e2e", EVERYTHING),
        // It describes the product and uses none of it.
        ("model", &[]),
    ])
}

#[test]
fn no_crate_uses_a_layer_above_or_beside_it() -> anyhow::Result<()> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec()?;
    let layers = layers();
    for package in metadata.workspace_packages() {
        let name = package.name.to_string();
        let allowed = layers.get(name.as_str()).unwrap_or_else(|| panic!("{name} has no place in the layers yet"));
        for dependency in package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal) {
            let ours = layers.contains_key(dependency.name.as_str()) && dependency.path.is_some();
            assert!(!ours || allowed.contains(&dependency.name.as_str()), "{name} must not use {}", dependency.name);
        }
    }
    Ok(())
}

#[test]
fn the_domain_is_pure() -> anyhow::Result<()> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec()?;
    let domain = metadata.workspace_packages().into_iter().find(|package| package.name == "domain").expect("it exists");
    let impure = ["tokio", "sqlx", "sea-orm", "redis", "reqwest", "axum", "rand", "lettre", "tracing", "metrics"];
    for dependency in domain.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal) {
        assert!(!impure.contains(&dependency.name.as_str()), "domain must not use {}", dependency.name);
    }
    Ok(())
}

#[test]
fn only_the_store_and_who_judges_it_speak_sql() -> anyhow::Result<()> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec()?;
    for package in metadata.workspace_packages() {
        let speaks = package.dependencies.iter().any(|dependency| dependency.name == "sqlx");
        let may = ["store", "testkit", "cli", "e2e"].contains(&package.name.as_str());
        assert!(may || !speaks, "{} must not use sqlx", package.name);
    }
    Ok(())
}

#[test]
fn every_version_stands_once_in_the_workspace() -> anyhow::Result<()> {
    for manifest in files("Cargo.toml")?.into_iter().filter(|file| *file != root().join("Cargo.toml")) {
        let text = std::fs::read_to_string(&manifest)?;
        let versioned = text.lines().find(|line| line.contains("version = \""));
        assert_eq!(versioned, None, "{}", manifest.display());
    }
    Ok(())
}

/// The other half of it is an assertion in the binary, which is checked whenever one is built.
#[test]
fn a_release_has_no_failpoints() -> anyhow::Result<()> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec()?;
    for package in metadata.workspace_packages() {
        let built_in = package.dependencies.iter().any(|dependency| {
            dependency.name == "failpoint" && dependency.features.iter().any(|feature| feature == "built-in")
        });
        assert!(!built_in || package.name == "e2e", "{} must not build failpoints in", package.name);
    }
    let built_by_default = metadata.workspace_default_packages();
    assert!(built_by_default.iter().any(|package| package.name == "cli"));
    assert!(
        built_by_default.iter().all(|package| package.name != "e2e"),
        "what it asks for would hold for all of them"
    );
    Ok(())
}

/// Else `cargo build` and `cargo test` build most of the tree twice.
#[test]
fn tests_ask_no_other_features_of_a_package_than_what_is_built() -> anyhow::Result<()> {
    let (built, tested) = (features("normal,build")?, features("normal,build,dev")?);
    assert!(built.len() > 100);
    for (package, features) in built {
        assert_eq!(tested.get(&package), Some(&features), "{package}: let `e2e` ask for the same");
    }
    Ok(())
}

/// By package and version.
fn features(edges: &str) -> anyhow::Result<HashMap<String, BTreeSet<String>>> {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--workspace",
            "--prefix",
            "none",
            "--format",
            "{p} {f}",
            "--edges",
            edges,
        ])
        .current_dir(root())
        .output()?;
    anyhow::ensure!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let mut features: HashMap<String, BTreeSet<String>> = HashMap::new();
    for line in String::from_utf8(tree.stdout)?.lines() {
        let mut words = line.split(' ').filter(|word| !word.starts_with('('));
        let package = words.by_ref().take(2).collect::<Vec<_>>().join(" ");
        let asked = words.flat_map(|list| list.split(',')).filter(|feature| !feature.is_empty());
        features.entry(package).or_default().extend(asked.map(str::to_owned));
    }
    Ok(features)
}

/// A crate without unit tests says `test = false`, and is not built a second time for none.
#[test]
fn where_unit_tests_are_not_run_there_are_none() -> anyhow::Result<()> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec()?;
    let targets = metadata.workspace_packages().into_iter().flat_map(|package| &package.targets);
    let untested: Vec<PathBuf> =
        targets.filter(|target| !target.test).map(|target| target.src_path.clone().into()).collect();
    assert!(!untested.is_empty());
    for file in files(".rs")? {
        let is_of = |target: &PathBuf| match target.file_name().and_then(|name| name.to_str()) {
            Some("lib.rs" | "main.rs") => {
                target.parent().is_some_and(|src| file.starts_with(src) && !file.starts_with(src.join("bin")))
            }
            _ => file == *target || file.starts_with(target.with_extension("")),
        };
        let text = std::fs::read_to_string(&file)?;
        let tested = ["#[cfg(test)]", "#[test]", "::test]"].iter().any(|mark| text.contains(mark));
        assert!(!tested || !untested.iter().any(is_of), "{} has tests that are not run", file.display());
    }
    Ok(())
}

#[test]
fn files_stay_short() -> anyhow::Result<()> {
    let mut lengths: Vec<(usize, PathBuf)> = files(".rs")?
        .into_iter()
        .map(|file| Ok((std::fs::read_to_string(&file)?.lines().count(), file)))
        .collect::<anyhow::Result<_>>()?;
    lengths.sort();
    let at = |part: f64| lengths[(lengths.len() as f64 * part) as usize].0;
    let longest = lengths.last().expect("there are files");
    assert!(longest.0 <= 500, "{} has {} lines", longest.1.display(), longest.0);
    assert!(at(0.9) <= 350, "nine in ten files have up to {} lines", at(0.9));
    assert!(at(0.5) <= 120, "half of the files have up to {} lines", at(0.5));
    Ok(())
}

#[test]
fn every_test_that_an_adr_names_exists() -> anyhow::Result<()> {
    let sources: String = files(".rs")?.iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect();
    let adr = std::fs::read_to_string(root().join("docs/adr/0002-own-redis-backend.md"))?;
    let rows: Vec<&str> = adr.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| fault")).collect();
    assert!(rows.len() >= 20);
    for row in rows {
        let test = row.split('`').rev().nth(1).expect("each row names its test last");
        assert!(sources.contains(&format!("async fn {test}()")), "{test} does not exist");
    }
    Ok(())
}

fn files(suffix: &str) -> anyhow::Result<Vec<PathBuf>> {
    let (mut folders, mut found) = (vec![root()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if name.ends_with(suffix) {
                found.push(path);
            }
        }
    }
    Ok(found)
}
