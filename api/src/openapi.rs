//! The description of the API, made of the code.

use std::collections::BTreeMap;

use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::{OpenApi, Ref, RefOr, Response};
use utoipa::{IntoResponses, OpenApi as _};

use crate::error::Failures;
use crate::router::described;

const INTRODUCTION: &str = "\
JSON over HTTP. Send your key as `X-API-Key` or as `Authorization: Bearer`; what a route needs of its scopes (`read`, \
`send`, `manage`, or an operator's key) stands beside it.\n\n\
A 2xx is answered only after the row is committed. Ids are prefixed and ordered by time. Lists answer `{data, \
next_cursor}`. Every error is `{\"error\": {code, message, details}}`; branch on `code`. A stranger's id is a 404. Repeat a \
creating POST with the same `Idempotency-Key` and it creates nothing twice; answers are kept for 48 hours.\n\n\
`RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds) say how many requests your key may still make; a \
429 says in `Retry-After` how long to wait.";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Postfleet", description = INTRODUCTION, license(name = "Apache-2.0", identifier = "Apache-2.0")),
    tags(
        (name = "messages", description = "Sending, and what became of it."),
        (name = "campaigns", description = "What is done for contacts, as a plan."),
        (name = "enrollments", description = "Who runs through a campaign."),
        (name = "events", description = "What contacts did."),
        (name = "contacts", description = "Who may be mailed."),
        (name = "contents", description = "Templates that are stored once."),
        (name = "senders", description = "Accounts that mail leaves from."),
        (name = "suppressions", description = "Addresses that are not mailed."),
        (name = "queue", description = "What is on its way, what failed, what is uncertain."),
        (name = "limits", description = "How fast mail may leave."),
        (name = "keys", description = "Keys for this API."),
        (name = "operator", description = "For whoever runs the installation: needs an operator's key."),
    )
)]
struct Head;

/// What stands before the routes.
pub fn head() -> OpenApi {
    let mut head = Head::openapi();
    let scheme = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
        "X-API-Key",
        "Also as `Authorization: Bearer`. `POST /v1/keys` makes one, `postfleet keys create` the first.",
    )));
    head.components.get_or_insert_default().add_security_scheme("api_key", scheme);
    head
}

/// What every route may answer is described once, and named by each.
pub fn with_shared_failures(mut api: OpenApi) -> OpenApi {
    let shared: BTreeMap<String, RefOr<Response>> = Failures::responses();
    let name = |status: &str| format!("Failure{status}");
    for item in api.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten();
        for operation in operations {
            for (status, response) in &mut operation.responses.responses {
                if shared.get(status).is_some_and(|failure| failure == response) {
                    *response = RefOr::Ref(Ref::from_response_name(name(status)));
                }
            }
        }
    }
    let components = api.components.get_or_insert_default();
    components.responses.extend(shared.into_iter().map(|(status, failure)| (name(&status), failure)));
    api
}

/// The whole description, as `/openapi.json` serves it.
pub fn openapi_json() -> serde_json::Result<String> {
    described().to_pretty_json()
}
