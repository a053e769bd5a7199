use std::collections::HashSet;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, BodyDataStream};
use axum::extract::State;
use axum::http::HeaderMap;
use domain::contacts::EnrollmentOptions;
use domain::ids::{BulkId, CampaignId, TenantId};
use futures::stream::MapErr;
use futures::{TryStream, TryStreamExt};
use serde::Deserialize;
use serde_json::json;
use store::enrollments::{BulkChunk, ChunkAnswer, Kept};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::time::timeout;
use tokio_util::io::StreamReader;
use utoipa::IntoParams;

use super::bulk_lines::ContactLines;
use super::create::{new_enrollment, not_enrolled};
use crate::error::Failures;
use crate::extract::{Asked, Id, Mailer, Named};
use crate::routes::suppressions::csv_form::LineForm;
use crate::tell_feeder::tell_feeder;
use crate::views::BulkBody;
use crate::{ApiError, ApiState};

const LINE_MAX_BYTES: u64 = 128 * 1024;
/// A stream that stands still for longer has broken off.
const LINE_WITHIN: Duration = Duration::from_secs(30);
/// Records of one transaction.
const CHUNK: usize = 1_000;
/// And no more than so much of them: a transaction has seconds.
const CHUNK_MAX_BYTES: usize = 4 * 1024 * 1024;
/// A chunk that Postgres could not take at this moment is tried again, each time later.
const TRIES: u32 = 6;
const AGAIN_AFTER: Duration = Duration::from_millis(200);
/// Problems that are told of one transaction's records.
const PROBLEMS_MAX: usize = 20;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BulkQuery {
    /// Of a stream that broke off: what it had dealt with is passed over. Given for the first time, it names a new one.
    #[param(value_type = Option<BulkId>)]
    bulk: Option<String>,
    /// Everything but the send, and a day passes in a minute.
    test_mode: Option<bool>,
}

/// Enroll a stream of contacts, up to any number.
///
/// `text/csv` with a header line (`email`, and if you like `name`, `external_id`, `timezone`; other columns are data), or
/// `application/x-ndjson` with a contact on each line. Records that are wrong are left out and told. Every thousand records
/// commit together with how far the stream came: one that breaks off is sent again with the `bulk` that it was given, and
/// goes on where it was.
#[utoipa::path(post, path = "/v1/campaigns/{id}/enrollments/bulk", tag = "enrollments", operation_id = "bulk_enroll",
    params(("id" = CampaignId, Path), BulkQuery),
    request_body(content((String = "text/csv", example = "email,name\nann@example.com,Ann\n"), (String = "application/x-ndjson"))),
    security(("api_key" = ["send"])),
    responses((status = 200, body = BulkBody), (status = 415, body = crate::error::ErrorBody), Failures))]
pub async fn bulk(
    State(state): State<ApiState>,
    caller: Mailer,
    Id(campaign): Id<CampaignId>,
    Asked(query): Asked<BulkQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<BulkBody>, ApiError> {
    let form = LineForm::of(&headers)?;
    let named = query.bulk.as_deref().map(str::parse::<BulkId>).transpose();
    let id =
        named.map_err(|error| ApiError::invalid_field("bulk", error.to_string()))?.unwrap_or_else(|| state.ids.next());
    let opened = state.store.enrollments().open_bulk(caller.tenant, id, campaign).await?;
    let opened = opened.filter(|opened| opened.campaign_id == campaign.uuid()).ok_or_else(CampaignId::missing)?;
    if opened.state != "open" {
        return Ok(Json(opened.into()));
    }
    let mut lines = Lines::of(body, form);
    let mut standing = opened.read;
    lines.skip(standing).await?;
    let options = EnrollmentOptions { test_mode: query.test_mode.unwrap_or(false), ..EnrollmentOptions::default() };
    let ids = state.ids.clone();
    loop {
        let mut chunk = BulkChunk { after: standing, ..BulkChunk::default() };
        lines
            .fill(&mut chunk, |contact| new_enrollment(ids.next(), ids.next(), contact, options.clone(), None))
            .await
            .map_err(|problem| broken_off(id, standing, &problem))?;
        match take(&state, caller.tenant, id, campaign, &chunk).await? {
            ChunkAnswer::Taken(kept) => tell_feeder(&state, caller.tenant, &kept).await,
            ChunkAnswer::Moved => {
                return Err(ApiError::conflict(format!("somebody else sends the stream {id}, or it is over")));
            }
            ChunkAnswer::NotEnrolled(why) => return Err(not_enrolled(why)),
        }
        standing += chunk.records;
        if chunk.last {
            break;
        }
    }
    let done = state.store.enrollments().find_bulk(caller.tenant, id).await?.ok_or_else(BulkId::missing)?;
    Ok(Json(done.into()))
}

/// Takes a chunk, patiently. One that was taken although its answer was lost is found to have been.
async fn take(
    state: &ApiState,
    tenant: TenantId,
    id: BulkId,
    campaign: CampaignId,
    chunk: &BulkChunk,
) -> Result<ChunkAnswer, ApiError> {
    let (enrollments, ids) = (state.store.enrollments(), state.ids.clone());
    let mut tried = 1;
    loop {
        match enrollments.take_chunk(tenant, id, campaign, chunk, &|| ids.next()).await {
            Err(error) if error.is_transient() && tried < TRIES => {
                tokio::time::sleep(AGAIN_AFTER * tried).await;
                tried += 1;
            }
            Ok(ChunkAnswer::Moved) if tried > 1 => {
                let standing = enrollments.find_bulk(tenant, id).await?.map(|standing| standing.read);
                let taken = standing == Some(chunk.after + chunk.records);
                return Ok(if taken { ChunkAnswer::Taken(Kept::default()) } else { ChunkAnswer::Moved });
            }
            answer => return Ok(answer?),
        }
    }
}

fn broken_off(id: BulkId, standing: i64, problem: &str) -> ApiError {
    let after = format!("the stream broke off after {standing} records ({problem}); send it again with ?bulk={id}");
    ApiError::invalid_field("", after)
}

type Bytes = StreamReader<MapErr<BodyDataStream, fn(axum::Error) -> std::io::Error>, <BodyDataStream as TryStream>::Ok>;

/// The records of a stream, one by one: memory holds a line.
struct Lines {
    bytes: BufReader<Bytes>,
    form: ContactLines,
    line: Vec<u8>,
    at: u64,
}

impl Lines {
    fn of(body: Body, form: LineForm) -> Self {
        let stream = body.into_data_stream().map_err(std::io::Error::other as fn(axum::Error) -> std::io::Error);
        Self {
            bytes: BufReader::new(StreamReader::new(stream)),
            form: ContactLines::new(form),
            line: Vec::new(),
            at: 0,
        }
    }

    /// Reads a line; `false` at the end.
    async fn next(&mut self) -> Result<bool, String> {
        self.line.clear();
        let mut bounded = (&mut self.bytes).take(LINE_MAX_BYTES);
        let read = timeout(LINE_WITHIN, bounded.read_until(b'\n', &mut self.line)).await;
        let read = read.map_err(|_| "nothing came for 30 s".to_owned())?.map_err(|error| error.to_string())?;
        self.at += 1;
        if read as u64 == LINE_MAX_BYTES && !self.line.ends_with(b"\n") {
            return Err(format!("line {} has more than 128 KiB", self.at));
        }
        Ok(read > 0)
    }

    fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.line)
    }

    /// Reads the header, where there is one, and passes over records that were dealt with.
    async fn skip(&mut self, records: i64) -> Result<(), ApiError> {
        let broken = |problem: String| ApiError::invalid_field("", problem);
        if self.form.wants_header() && self.next().await.map_err(broken)? {
            let header = self.text().into_owned();
            self.form.read_header(&header).map_err(|problem| ApiError::invalid_field("line 1", problem))?;
        }
        let mut passed = 0;
        while passed < records && self.next().await.map_err(broken)? {
            passed += i64::from(!self.text().trim().is_empty());
        }
        Ok(())
    }

    /// Reads up to a chunk of records. Of several with one address the first counts.
    async fn fill(
        &mut self,
        chunk: &mut BulkChunk,
        mut make: impl FnMut(domain::contacts::NewContact) -> store::enrollments::NewEnrollment,
    ) -> Result<(), String> {
        let mut seen = HashSet::new();
        let mut bytes = 0;
        while (chunk.records as usize) < CHUNK && bytes < CHUNK_MAX_BYTES {
            if !self.next().await? {
                chunk.last = true;
                break;
            }
            bytes += self.line.len();
            let Some(read) = self.form.read(&self.text()) else { continue };
            chunk.records += 1;
            let refused = match read {
                Ok(contact) if seen.insert(contact.address.suppression_key()) => {
                    chunk.enrollments.push(make(contact));
                    continue;
                }
                Ok(_) => "the address stands in this stream a few lines before".to_owned(),
                Err(problem) => problem,
            };
            chunk.invalid += 1;
            if chunk.problems.len() < PROBLEMS_MAX {
                chunk.problems.push(json!({"line": self.at, "problem": refused}));
            }
        }
        Ok(())
    }
}
