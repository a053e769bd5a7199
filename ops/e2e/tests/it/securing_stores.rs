//! TLS to Postgres and Redis: with the right authority it works, without it nothing is said.

use std::path::Path;
use std::process::{Command, Output};

use testkit::postgres::Postgres;
use testkit::{RedisServer, ServerCertificate, binaries};

fn postfleet(arguments: &[&str], environment: &[(&str, String)]) -> anyhow::Result<Output> {
    let mut command = Command::new(binaries::own("postfleet")?);
    Ok(command.args(arguments).envs(environment.iter().map(|(name, value)| (*name, value))).output()?)
}

fn findings(output: &Output) -> anyhow::Result<Vec<(String, String)>> {
    let told: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let text = |one: &serde_json::Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    Ok(told["findings"].as_array().into_iter().flatten().map(|one| (text(one, "about"), text(one, "grade"))).collect())
}

fn has(found: &[(String, String)], about: &str, grade: &str) -> bool {
    found.contains(&(about.to_owned(), grade.to_owned()))
}

#[test]
fn stores_are_reached_over_tls_with_their_authority_and_not_without() -> anyhow::Result<()> {
    let (certificate, folder) = (ServerCertificate::make()?, tempfile::tempdir()?);
    let authority = certificate.written_to(folder.path())?.certificate;
    let (postgres, redis) = (Postgres::start_with_tls(&certificate)?, RedisServer::start_with_tls(&certificate)?);
    let database =
        |mode: &str, root: &Path| format!("{}?sslmode={mode}&sslrootcert={}", postgres.url("postgres"), root.display());
    let trusted = [
        ("DATABASE_URL", database("verify-full", &authority)),
        ("REDIS_URL", redis.url()),
        ("POSTFLEET_REDIS_CA_FILE", authority.display().to_string()),
    ];
    let migrated = postfleet(&["migrate"], &trusted)?;
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    let found = findings(&postfleet(&["doctor", "--json"], &trusted)?)?;
    assert!(has(&found, "schema", "ok") && has(&found, "redis", "ok"), "{found:?}");

    let stranger = ServerCertificate::make()?
        .written_to(&std::fs::create_dir(folder.path().join("other")).map(|()| folder.path().join("other"))?)?;
    for wrong in [
        [trusted[0].clone(), ("REDIS_URL", redis.url().replace("rediss:", "redis:")), trusted[2].clone()],
        [
            trusted[0].clone(),
            trusted[1].clone(),
            ("POSTFLEET_REDIS_CA_FILE", stranger.certificate.display().to_string()),
        ],
    ] {
        let found = findings(&postfleet(&["doctor", "--json"], &wrong)?)?;
        assert!(has(&found, "schema", "ok") && has(&found, "redis", "wrong"), "{found:?}");
    }
    for wrong in
        [format!("{}?sslmode=disable", postgres.url("postgres")), database("verify-full", &stranger.certificate)]
    {
        let found = findings(&postfleet(
            &["doctor", "--json"],
            &[("DATABASE_URL", wrong), trusted[1].clone(), trusted[2].clone()],
        )?)?;
        assert!(has(&found, "postgres", "wrong") && has(&found, "redis", "ok"), "{found:?}");
    }
    Ok(())
}
