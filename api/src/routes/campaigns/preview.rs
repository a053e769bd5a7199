use axum::Json;
use axum::body::Body;
use axum::extract::State;
use domain::contacts::ContactDraft;
use domain::ids::CampaignId;
use domain::problems::Problems;
use domain::templates::{Escape, RenderFailure, Template};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::error::Failures;
use crate::extract::{Id, Named, Reader, parse, read_body};
use crate::{ApiError, ApiState};

const BODY_MAX_BYTES: usize = 128 * 1024;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"contact": {"email": "ann@example.com", "name": "Ann"}}))]
pub struct PreviewBody {
    /// For whom. Nobody is stored or enrolled.
    contact: ContactDraft,
    /// Only this node; all that send, where nothing is said.
    #[serde(default)]
    node: Option<String>,
}

/// A message as it would be.
#[derive(Serialize, ToSchema)]
pub struct PreviewView {
    node: String,
    subject: Option<String>,
    html: Option<String>,
    /// Why it could not be made.
    problem: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct PreviewsView {
    data: Vec<PreviewView>,
}

/// Show a campaign's messages as one contact would get them.
#[utoipa::path(post, path = "/v1/campaigns/{id}/preview", tag = "campaigns", operation_id = "preview_campaign",
    params(("id" = CampaignId, Path)), request_body = PreviewBody, security(("api_key" = ["read"])),
    responses((status = 200, body = PreviewsView), Failures))]
pub async fn preview(
    State(state): State<ApiState>,
    caller: Reader,
    Id(id): Id<CampaignId>,
    body: Body,
) -> Result<Json<PreviewsView>, ApiError> {
    let bytes = read_body(body, BODY_MAX_BYTES, "a preview has at most 128 KiB").await?;
    let asked: PreviewBody = parse(&bytes)?;
    let mut problems = Problems::default();
    let contact = asked.contact.check("contact", &mut problems);
    let Some(contact) = contact.filter(|_| problems.is_empty()) else {
        return Err(ApiError::invalid_request(&problems.list()));
    };
    let campaigns = state.store.campaigns();
    let found = campaigns.find(caller.tenant, id).await?.ok_or_else(CampaignId::missing)?;
    let plan = campaigns.plans().find(caller.tenant, found.plan_hash).await?.ok_or_else(ApiError::unavailable)?;
    let mut data = contact.data.clone();
    data.insert("contact".to_owned(), Value::Object(contact.data));
    data.insert("name".to_owned(), json!(contact.name));
    data.insert("email".to_owned(), json!(contact.address.as_str()));
    data.insert("campaign_name".to_owned(), json!(found.name));
    data.insert("journey_name".to_owned(), json!(found.name));
    data.insert("unsubscribe_url".to_owned(), json!("https://example.com/u/preview"));
    let wanted = |id: &str| asked.node.as_deref().is_none_or(|wanted| wanted == id);
    let parts: Vec<(String, String, String)> = plan
        .nodes
        .into_iter()
        .filter(|node| wanted(&node.id))
        .filter_map(|node| Some((node.id, node.subject?, node.body?)))
        .collect();
    if parts.is_empty() {
        return Err(ApiError::invalid_field("node", "the plan has no such node that sends"));
    }
    // Hundreds of templates are seconds of work: not on a thread that others wait for.
    let made = move || parts.into_iter().map(|(node, subject, body)| show(node, &subject, &body, &data)).collect();
    let data = tokio::task::spawn_blocking(made).await.map_err(|error| ApiError::internal(&error.into()))?;
    Ok(Json(PreviewsView { data }))
}

fn show(node: String, subject: &str, body: &str, data: &Map<String, Value>) -> PreviewView {
    let render = |source: &str, escape| -> Result<String, String> {
        let template = Template::compile(source, escape).map_err(|error| error.to_string())?;
        template.render(data).map_err(|failure: RenderFailure| failure.to_string())
    };
    match (render(subject, Escape::Plain), render(body, Escape::Html)) {
        (Ok(subject), Ok(html)) => PreviewView { node, subject: Some(subject), html: Some(html), problem: None },
        (subject, html) => {
            let problem = subject.as_ref().err().or(html.as_ref().err()).cloned();
            PreviewView { node, subject: subject.ok(), html: html.ok(), problem }
        }
    }
}
