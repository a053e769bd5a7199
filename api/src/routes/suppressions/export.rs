use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::ids::TenantId;
use domain::suppressions::SuppressionReason;
use futures::stream::try_unfold;
use serde::Deserialize;
use store::{Store, SuppressionRow};
use utoipa::{IntoParams, ToSchema};

use super::csv_form::{COLUMNS, harmless};
use crate::error::Failures;
use crate::extract::{Asked, Reader};
use crate::views::SuppressionView;
use crate::{ApiError, ApiState};

/// Rows that are read and written at once.
const CHUNK: i64 = 1_000;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// CSV where nothing is said.
    format: Option<ExportForm>,
    reason: Option<SuppressionReason>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ExportForm {
    #[default]
    Csv,
    Ndjson,
}

/// Export all suppressions as a stream, in order of address.
///
/// What it writes can be imported as it is. A stream that breaks off ends without its last chunk: read to the end.
#[utoipa::path(get, path = "/v1/suppressions/export", tag = "suppressions", operation_id = "export_suppressions",
    params(ExportQuery), security(("api_key" = ["read"])),
    responses((status = 200, content((String = "text/csv"), (String = "application/x-ndjson"))), Failures))]
pub async fn export(
    State(state): State<ApiState>,
    caller: Reader,
    Asked(query): Asked<ExportQuery>,
) -> Result<Response, ApiError> {
    let form = query.format.unwrap_or_default();
    let media = if form == ExportForm::Csv { "text/csv" } else { "application/x-ndjson" };
    // The first page is read before anything is answered, so that what is wrong is told as an error.
    let first = page(&state.store, caller.tenant, query.reason, "").await?;
    let head = if form == ExportForm::Csv { format!("{}\n", COLUMNS.join(",")) } else { String::new() };
    let (store, tenant, reason) = (state.store.clone(), caller.tenant, query.reason);
    let chunks = try_unfold(Some((head, first)), move |state| {
        let store = store.clone();
        async move {
            let Some((head, rows)) = state else { return Ok::<_, std::io::Error>(None) };
            let mut text = head;
            rows.iter().try_for_each(|row| write(&mut text, form, row)).map_err(std::io::Error::other)?;
            let next = match rows.last().filter(|_| rows.len() as i64 == CHUNK) {
                None => None,
                Some(last) => {
                    let rows = page(&store, tenant, reason, &last.address).await.map_err(std::io::Error::other)?;
                    Some((String::new(), rows))
                }
            };
            Ok(Some((Bytes::from(text), next)))
        }
    });
    let named = HeaderValue::from_static("attachment; filename=\"suppressions\"");
    let kind = HeaderValue::from_static(media);
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, named)], Body::from_stream(chunks))
        .into_response())
}

async fn page(
    store: &Store,
    tenant: TenantId,
    reason: Option<SuppressionReason>,
    after: &str,
) -> store::Result<Vec<SuppressionRow>> {
    store.suppressions().list(tenant, reason, after, CHUNK).await
}

fn write(text: &mut String, form: ExportForm, row: &SuppressionRow) -> anyhow::Result<()> {
    if form == ExportForm::Ndjson {
        text.push_str(&serde_json::to_string(&SuppressionView::from(row.clone()))?);
        text.push('\n');
        return Ok(());
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let (first, last) = (row.first_seen_at.to_rfc3339(), row.last_seen_at.to_rfc3339());
    writer.write_record([&harmless(&row.address), row.reason.as_str(), &harmless(&row.source), &first, &last])?;
    text.push_str(std::str::from_utf8(&writer.into_inner()?)?);
    Ok(())
}
