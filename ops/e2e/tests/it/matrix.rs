//! Every route, with every kind of key. A route that is new fails this until it has its row.

use std::collections::BTreeSet;

use domain::keys::{ApiKey, KeyRights, KeyScope};
use e2e::{Client, System};
use runtime::ids::secret_bytes;
use serde_json::{Value, json};
use store::NewKey;
use testkit::SinkOptions;

/// What a route is tried with.
struct Row {
    operation: &'static str,
    /// The `{id}` or `{key}` that its owner has; none where the path has none.
    own: Option<&'static str>,
    body: Option<Value>,
    /// What its owner gets.
    status: u16,
}

fn row(operation: &'static str, own: Option<&'static str>, body: Option<Value>, status: u16) -> Row {
    Row { operation, own, body, status }
}

fn rows() -> Vec<Row> {
    let message = || json!({"sender": "{sender}", "to": "ann@recipients.example", "subject": "Hi", "text": "Hi"});
    let campaign = || {
        let body = "<a href=\"{{unsubscribe_url}}\">no more</a>";
        json!({"name": "Spring", "sender": "{sender}", "blast": {"subject": "Hi", "body": body}})
    };
    vec![
        row("create_message", None, Some(message()), 202),
        row("create_messages", None, Some(json!({"messages": [message()]})), 202),
        row("list_messages", None, None, 200),
        row("get_message", Some("{message}"), None, 200),
        row("cancel_message", Some("{message}"), None, 200),
        row("cancel_messages", None, Some(json!({"tag": "nobody-has-it"})), 200),
        row("resolve_message", Some("{message}"), Some(json!({"verdict": "unknown"})), 409),
        row("create_content", None, Some(json!({"subject": "Hi", "text": "Hi"})), 201),
        row("get_content", Some("{content}"), None, 200),
        row("create_campaign", None, Some(campaign()), 201),
        row("validate_campaign", None, Some(campaign()), 200),
        row("list_campaigns", None, None, 200),
        row("get_campaign", Some("{campaign}"), None, 200),
        row("list_campaign_versions", Some("{campaign}"), None, 200),
        row("add_campaign_version", Some("{campaign}"), Some(campaign()), 201),
        row("get_campaign_plan", Some("{campaign}"), None, 200),
        row("preview_campaign", Some("{campaign}"), Some(json!({"contact": {"email": "bob@example.com"}})), 200),
        row("simulate_campaign", Some("{campaign}"), Some(json!({"contacts": 100, "open": 0.4})), 200),
        row("list_enrollments", Some("{campaign}"), None, 200),
        row("bulk_enroll", Some("{campaign}"), Some(Value::Null), 200),
        row("get_bulk_enrollment", Some("{bulk}"), None, 200),
        row("pause_campaign", Some("{campaign}"), None, 200),
        row("resume_campaign", Some("{campaign}"), None, 200),
        row("start_campaign", Some("{draft_campaign}"), None, 200),
        row("complete_campaign", Some("{idle_campaign}"), None, 200),
        row("cancel_campaign", Some("{spare_campaign}"), None, 200),
        row(
            "create_enrollment",
            None,
            Some(json!({"campaign_id": "{campaign}", "contact": {"email": "bob@example.com"}})),
            201,
        ),
        row("get_enrollment", Some("{enrollment}"), None, 200),
        row("get_enrollment_timeline", Some("{enrollment}"), None, 200),
        row("create_event", None, Some(json!({"type": "custom", "contact_email": "ann@example.com"})), 202),
        row("cancel_enrollment", Some("{enrollment}"), None, 200),
        row("put_contact", None, Some(json!({"email": "carl@example.com"})), 201),
        row("list_contacts", None, None, 200),
        row("get_contact", Some("{contact}"), None, 200),
        row("add_contact_address", Some("{contact}"), Some(json!({"email": "ann@work.example.com"})), 200),
        row("create_sender", None, Some(json!({"address": "me@example.com", "smtp_host": "smtp.example.com"})), 201),
        row("list_senders", None, None, 200),
        row("get_sender", Some("{sender}"), None, 200),
        row("update_sender", Some("{sender}"), Some(json!({"max_connections": 5})), 200),
        row("check_sender", Some("{sender}"), None, 200),
        row("pause_sender", Some("{sender}"), None, 200),
        row("resume_sender", Some("{sender}"), None, 200),
        row("archive_sender", Some("{spare_sender}"), None, 200),
        row("add_suppressions", None, Some(json!({"suppressions": [{"address": "x@recipients.example"}]})), 201),
        row("list_suppressions", None, None, 200),
        row("get_suppression", Some("{suppressed}"), None, 200),
        row("export_suppressions", None, None, 200),
        row("import_suppressions", None, Some(Value::Null), 200),
        row("lift_suppression", Some("{suppressed}"), None, 204),
        row("get_queue", None, None, 200),
        row("pause_queue", None, None, 200),
        row("resume_queue", None, None, 200),
        row("retry_failed", None, None, 200),
        row("clear_failed", None, None, 200),
        row("list_uncertain", None, None, 200),
        row("get_stats", None, None, 200),
        row("list_limits", None, None, 200),
        row("get_limit", Some("domain"), None, 200),
        row("put_limit", Some("domain"), Some(json!({"limits": ["200/h"]})), 200),
        row("remove_limit", Some("domain"), None, 200),
        row("get_keyed_limit", Some("{sender}"), None, 200),
        row("put_keyed_limit", Some("{sender}"), Some(json!({"limits": ["20/min"]})), 200),
        row("remove_keyed_limit", Some("{sender}"), None, 200),
        row("create_key", None, Some(json!({"name": "made", "scopes": ["read"]})), 201),
        row("list_keys", None, None, 200),
        row("rotate_key", Some("{key}"), None, 201),
        row("revoke_key", Some("{key}"), None, 204),
        row("create_tenant", None, Some(json!({"name": "Another"})), 201),
        row("list_tenants", None, None, 200),
        row("get_tenant", Some("{tenant}"), None, 200),
        row("update_tenant", Some("{tenant}"), Some(json!({"name": "Renamed"})), 200),
        row("pause_tenant", Some("{tenant}"), None, 200),
        row("resume_tenant", Some("{tenant}"), None, 200),
        row("create_tenant_key", Some("{tenant}"), Some(json!({})), 201),
        row("list_workers", None, None, 200),
    ]
}

/// Routes that end only when the caller goes: tried by themselves.
const ENDLESS: [&str; 1] = ["stream_events"];

struct Operation {
    id: String,
    method: String,
    path: String,
    scope: String,
}

async fn operations(client: &Client) -> anyhow::Result<Vec<Operation>> {
    let (status, api) = client.get("/openapi.json").await?;
    anyhow::ensure!(status == 200 && api["openapi"] == "3.1.0", "{}", api["openapi"]);
    let mut found = Vec::new();
    for (path, methods) in api["paths"].as_object().expect("paths") {
        for (method, told) in methods.as_object().expect("methods") {
            found.push(Operation {
                id: told["operationId"].as_str().expect("an id").to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                scope: told["security"][0]["api_key"][0].as_str().expect("a scope").to_owned(),
            });
        }
    }
    Ok(found)
}

/// One tenant's things, by the names that rows use.
struct Things {
    key: String,
    names: Vec<(&'static str, String)>,
}

impl Things {
    async fn of(system: &System) -> anyhow::Result<Self> {
        let build = &system.build;
        let tenant = build.tenant().await?;
        let sender = build.sender(tenant, system.sink.smtp).await?;
        let spare = build.sender(tenant, system.sink.smtp).await?;
        // Far away: nobody sends it while it is looked at.
        let mut message = build.message(sender, "ann@recipients.example");
        message.message.send_at = Some(chrono::DateTime::parse_from_rfc3339("2099-01-01T00:00:00Z")?.to_utc());
        system.store.messages().enqueue_messages(tenant, std::slice::from_ref(&message)).await?;
        let suppressed = domain::address::Address::parse("gone@recipients.example")?;
        build.suppress(tenant, &suppressed, domain::suppressions::SuppressionReason::Manual).await?;
        let content = message.message.content.id(tenant);
        let (campaigns, own) = own_campaigns(system, tenant, sender).await?;
        let key = ApiKey::parse(&build.key(tenant, KeyRights::full()).await?)?;
        let names = vec![
            ("{sender}", sender.to_string()),
            ("{spare_sender}", spare.to_string()),
            ("{message}", message.id.to_string()),
            ("{content}", content.to_string()),
            ("{suppressed}", suppressed.as_str().to_owned()),
            ("{key}", key.id.to_string()),
            ("{tenant}", tenant.to_string()),
        ];
        let names = names.into_iter().chain(campaigns).chain(own).collect();
        Ok(Self { key: build.key(tenant, KeyRights::full()).await?, names })
    }

    fn fill(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    fn tenant(&self) -> domain::ids::TenantId {
        self.fill("{tenant}").parse().expect("a tenant")
    }
}

type Names = Vec<(&'static str, String)>;

/// Campaigns in the states that rows ask for, and one contact that is enrolled.
async fn own_campaigns(
    system: &System,
    tenant: domain::ids::TenantId,
    sender: domain::ids::SenderId,
) -> anyhow::Result<(Names, Names)> {
    let (build, store) = (&system.build, &system.store);
    let nodes = || {
        let wait = json!({"id": "wait", "action": "wait", "schedule": {"delay": "P300D"},
            "transitions": [{"on": "elapsed", "to": "first"}]});
        json!([wait, testkit::Build::sends("first", json!([]))])
    };
    let mut names = Vec::new();
    for name in ["{campaign}", "{idle_campaign}", "{spare_campaign}"] {
        names.push((name, build.campaign(tenant, sender, nodes()).await?));
    }
    let draft = testkit::Build::new_campaign(sender, nodes())?;
    let (campaign, draft_id) = (names[0].1, system.ids.next());
    let draft = domain::campaigns::NewCampaign { start: false, ..draft };
    store.campaigns().create(tenant, draft_id, &draft, "test").await?;
    names.push(("{draft_campaign}", draft_id));
    let asked = build.enrollment("ann@example.com");
    let (id, contact, bulk) = (asked.id, asked.contact, system.ids.next());
    let ids = system.ids.clone();
    store.enrollments().enroll(tenant, campaign, &[asked], &|| ids.next()).await?.expect("it is open");
    store.enrollments().open_bulk(tenant, bulk, campaign).await?;
    let own = vec![("{enrollment}", id.to_string()), ("{contact}", contact.to_string()), ("{bulk}", bulk.to_string())];
    Ok((names.into_iter().map(|(name, id)| (name, id.to_string())).collect(), own))
}

fn path(operation: &Operation, row: &Row, things: &Things) -> String {
    let own = row.own.map(|own| things.fill(own)).unwrap_or_default();
    let scope = if operation.path.contains("{key}") { "sender" } else { own.as_str() };
    operation.path.replace("{id}", &own).replace("{key}", &own).replace("{scope}", scope)
}

async fn tried(client: &Client, operation: &Operation, row: &Row, things: &Things) -> anyhow::Result<e2e::Answer> {
    let path = path(operation, row, things);
    let (kind, body) = match &row.body {
        Some(Value::Null) => ("text/csv", "address\nimported@recipients.example\n".to_owned()),
        Some(body) => ("application/json", things.fill(&body.to_string())),
        None => ("application/json", String::new()),
    };
    client.send(&operation.method, &path, &[("Content-Type", kind)], body).await
}

#[tokio::test]
async fn every_route_has_its_row_and_every_row_its_route() -> anyhow::Result<()> {
    let system = System::start_with(&SinkOptions::default()).await?;
    let client = system.serve().await?;
    let routes: BTreeSet<String> = operations(&client).await?.into_iter().map(|operation| operation.id).collect();
    let tried: BTreeSet<String> = rows().iter().map(|row| row.operation).chain(ENDLESS).map(str::to_owned).collect();
    assert_eq!(routes, tried);
    Ok(())
}

#[tokio::test]
async fn every_route_serves_its_owner_and_nobody_else() -> anyhow::Result<()> {
    let system = System::start_with(&SinkOptions::default()).await?;
    let client = system.serve().await?;
    let (owner, stranger) = (Things::of(&system).await?, Things::of(&system).await?);
    let operator = client.with_key(&system.operator_key().await?);
    let dead = ended_keys(&system, owner.tenant()).await?;
    let operations = operations(&client).await?;
    for row in rows() {
        let operation = operations.iter().find(|operation| operation.id == row.operation).expect("it has a route");
        let name = row.operation;
        for key in ["", "pf_live_nonsense"].into_iter().chain(dead.iter().map(String::as_str)) {
            let answer = tried(&client.with_key(key), operation, &row, &owner).await?;
            assert_eq!((answer.status, &answer.json()["error"]["code"]), (401, &json!("invalid_api_key")), "{name}");
        }
        for scope in KeyScope::ALL.into_iter().filter(|scope| scope.as_str() != operation.scope) {
            let key = system.build.key(owner.tenant(), KeyRights::new([scope], false)).await?;
            let answer = tried(&client.with_key(&key), operation, &row, &owner).await?;
            assert_eq!((answer.status, &answer.json()["error"]["code"]), (403, &json!("forbidden")), "{name} {scope}");
        }
        let is_operators = operation.scope == "operator";
        if is_operators {
            let answer = tried(&client.with_key(&owner.key), operation, &row, &owner).await?;
            assert_eq!(answer.status, 403, "{name}: {}", answer.text);
        } else if row.own.is_some_and(|own| own.starts_with('{')) {
            let theirs = tried(&client.with_key(&stranger.key), operation, &row, &owner).await?;
            // An address is no secret; what is suppressed for one tenant is not for another.
            let expected = if row.own == Some("{suppressed}") { row.status } else { 404 };
            assert_eq!(theirs.status, expected, "{name}: {}", theirs.text);
        }
        let own = if is_operators { operator.clone() } else { client.with_key(&owner.key) };
        let answer = tried(&own, operation, &row, &owner).await?;
        assert_eq!(answer.status, row.status, "{name}: {}", answer.text);
        if row.own.is_some_and(|own| own.starts_with('{')) && !is_operators {
            for unknown in ["", "%00", "%ff", "..%2f..", "msg_0199", "snd_0199000000007000800000000000ffff"] {
                let path =
                    operation.path.replace("{id}", unknown).replace("{key}", unknown).replace("{scope}", "sender");
                let answer = own.send(&operation.method, &path, &[], "{}").await?;
                assert!((400..500).contains(&answer.status), "{name} {unknown}: {}", answer.text);
                assert!(
                    answer.json()["error"]["code"].is_string() || answer.text.is_empty(),
                    "{name}: {}",
                    answer.text
                );
            }
        }
    }
    Ok(())
}

/// The example of an operation's JSON body, with the ids of somebody's own things.
fn example(api: &Value, operation: &Operation, things: &Things) -> Option<Value> {
    let told = &api["paths"][&operation.path][operation.method.to_lowercase()];
    let schema = &told["requestBody"]["content"]["application/json"]["schema"];
    let named =
        schema["$ref"].as_str().or_else(|| schema["oneOf"].as_array()?.iter().find_map(|one| one["$ref"].as_str()))?;
    let example = api.pointer(named.trim_start_matches('#'))?.get("example")?;
    let own = example
        .to_string()
        .replace("snd_01990000000070008000000000000006", &things.fill("{sender}"))
        .replace("cmp_01990000000070008000000000000009", &things.fill("{campaign}"));
    serde_json::from_str(&own).ok()
}

#[tokio::test]
async fn every_example_in_the_description_works_as_it_stands() -> anyhow::Result<()> {
    let system = System::start_with(&SinkOptions::default()).await?;
    let client = system.serve().await?;
    let (_, api) = client.get("/openapi.json").await?;
    let operator = client.with_key(&system.operator_key().await?);
    let mut tried = 0;
    for operation in operations(&client).await? {
        let Some(row) = rows().into_iter().find(|row| row.operation == operation.id) else { continue };
        let things = Things::of(&system).await?;
        let Some(example) = example(&api, &operation, &things) else {
            let has_body = row.body.as_ref().is_some_and(|body| !body.is_null());
            assert!(
                !has_body || row.operation == "resolve_message" || row.operation == "create_tenant_key",
                "{} has no example",
                operation.id
            );
            continue;
        };
        let own = if operation.scope == "operator" { operator.clone() } else { client.with_key(&things.key) };
        let path = path(&operation, &row, &things);
        let answer = own.send(&operation.method, &path, &[("Content-Type", "application/json")], example.to_string());
        let answer = answer.await?;
        assert_eq!(answer.status, row.status, "{}: {}", operation.id, answer.text);
        tried += 1;
    }
    assert!(tried >= 15, "{tried}");
    Ok(())
}

#[tokio::test]
async fn every_route_stands_in_the_reference_that_people_read() -> anyhow::Result<()> {
    let system = System::start_with(&SinkOptions::default()).await?;
    let client = system.serve().await?;
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api.md");
    let page = std::fs::read_to_string(file)?;
    for operation in operations(&client).await? {
        let line = format!("`{} {}`", operation.method, operation.path);
        assert!(page.contains(&line), "docs/api.md does not name {line}");
    }
    Ok(())
}

/// A revoked key, and one that has expired.
async fn ended_keys(system: &System, tenant: domain::ids::TenantId) -> anyhow::Result<Vec<String>> {
    let revoked = system.build.key(tenant, KeyRights::full()).await?;
    system.store.api_keys().revoke(tenant, ApiKey::parse(&revoked)?.id).await?;
    let expired = ApiKey::new(system.ids.next(), secret_bytes());
    let shown = expired.reveal();
    let new = NewKey {
        key: expired,
        name: "old".to_owned(),
        rights: KeyRights::full(),
        expires_at: Some(chrono::DateTime::UNIX_EPOCH),
    };
    system.store.api_keys().create(tenant, &new).await?;
    Ok(vec![revoked, shown])
}

#[tokio::test]
async fn the_description_in_the_repository_is_the_one_that_is_served() -> anyhow::Result<()> {
    let system = System::start_with(&SinkOptions::default()).await?;
    let client = system.serve().await?;
    let (_, served) = client.get("/openapi.json").await?;
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    assert!(
        served == kept,
        "the API has changed: write it anew with `postfleet openapi > docs/openapi.json` and look at the difference"
    );
    let page = client.send("GET", "/docs", &[], "").await?;
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").expect("a policy").starts_with("default-src 'none'"));
    for from_elsewhere in ["src=\"http", "href=\"http", "@import", "url("] {
        assert!(!page.text.contains(from_elsewhere), "{from_elsewhere}");
    }
    Ok(())
}
