//! Suppressions as streams.

use e2e::System;
use serde_json::{Value, json};

#[tokio::test]
async fn what_is_exported_is_imported_again_in_both_forms_and_wrong_lines_are_told() -> anyhow::Result<()> {
    let system = System::start().await?;
    let client = system.serve().await?;
    let mut csv = String::from("email_of,Address,reason,source\n");
    for at in 0..2_500 {
        csv.push_str(&format!("x,person{at}@recipients.example,bounce,=cmd()\n"));
    }
    csv.push_str("x,nobody,bounce,\nx,ann@recipients.example,because,\n\n");
    let kind = [("Content-Type", "text/csv; charset=utf-8")];
    let answer = client.send("POST", "/v1/suppressions/import", &kind, csv).await?;
    let done = answer.json();
    assert_eq!((answer.status, &done["added"], &done["refused"]), (200, &json!(2_500), &json!(2)), "{}", answer.text);
    assert_eq!(done["problems"][0]["line"], 2_502);
    let (status, one) = client.get("/v1/suppressions/Person7@recipients.example").await?;
    assert_eq!((status.as_u16(), &one["reason"]), (200, &json!("bounce")));

    let other = client.with_key(&system.key(system.build.tenant().await?).await?);
    for (format, kind) in [("csv", "text/csv"), ("ndjson", "application/x-ndjson")] {
        let exported = client.send("GET", &format!("/v1/suppressions/export?format={format}"), &[], "").await?;
        assert_eq!((exported.status, exported.header("content-type")), (200, Some(kind)));
        assert!(format != "csv" || exported.text.contains(",'=cmd()"), "no spreadsheet runs it");
        let expected = 2_500 + usize::from(format == "csv");
        assert_eq!(exported.text.lines().count(), expected);
        let answer = other.send("POST", "/v1/suppressions/import", &[("Content-Type", kind)], exported.text).await?;
        assert_eq!((&answer.json()["refused"], &answer.json()["lines"]), (&json!(0), &json!(2_500)), "{}", answer.text);
    }
    let (_, one) = other.get("/v1/suppressions/person7@recipients.example").await?;
    assert_eq!(one["source"], "=cmd()");
    Ok(())
}

#[tokio::test]
async fn pages_of_suppressions_are_complete_and_a_lifted_address_is_mailed_again() -> anyhow::Result<()> {
    let system = System::start().await?;
    let client = system.serve().await?;
    let all: Vec<Value> = (0..25).map(|at| json!({"address": format!("p{at:02}@recipients.example")})).collect();
    let (status, added) = client.post("/v1/suppressions", &json!({"suppressions": all})).await?;
    assert_eq!((status.as_u16(), &added["added"]), (201, &json!(25)));
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (_, page) = client.get(&format!("/v1/suppressions?limit=10{cursor}")).await?;
        seen.extend(page["data"].as_array().expect("a list").iter().map(|one| one["address"].to_string()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(seen.is_sorted() && seen.len() == 25, "{seen:?}");
    let message = json!({"sender": system.sender, "to": "p07@recipients.example", "subject": "Hi", "text": "Hi", "priority": "low"});
    assert_eq!(client.post("/v1/messages", &message).await?.1["state"], "suppressed");
    let path = "/v1/suppressions/p07@recipients.example";
    assert_eq!(client.send("DELETE", path, &[], "").await?.status, 204);
    assert_eq!(client.send("DELETE", path, &[], "").await?.status, 404);
    assert_ne!(client.post("/v1/messages", &message).await?.1["state"], "suppressed");
    Ok(())
}

#[tokio::test]
async fn an_import_that_cannot_be_read_says_why() -> anyhow::Result<()> {
    let system = System::start().await?;
    let client = system.serve().await?;
    for (kind, body, status) in [
        ("application/json", "{}".to_owned(), 415),
        ("text/csv", "mail\nann@recipients.example\n".to_owned(), 400),
        ("text/csv", format!("address\n{}", "x".repeat(10_000)), 400),
    ] {
        let answer = client.send("POST", "/v1/suppressions/import", &[("Content-Type", kind)], body).await?;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(answer.json()["error"]["code"], "invalid_request");
    }
    let lines = "{\"address\": \"a@recipients.example\"}\n{\"adress\": 1}\n";
    let kind = [("Content-Type", "application/x-ndjson")];
    let answer = client.send("POST", "/v1/suppressions/import", &kind, lines).await?;
    assert_eq!((&answer.json()["added"], &answer.json()["refused"]), (&json!(1), &json!(1)), "{}", answer.text);
    Ok(())
}
