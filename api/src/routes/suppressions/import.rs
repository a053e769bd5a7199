use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use domain::suppressions::NewSuppression;
use futures::TryStreamExt;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::time::{Instant, timeout};
use tokio_util::io::StreamReader;
use utoipa::ToSchema;

use super::csv_form::{LineForm, LineReader};
use crate::error::Failures;
use crate::extract::Manager;
use crate::{ApiError, ApiState};

const LINE_MAX_BYTES: u64 = 4 * 1024;
/// A stream that stands still for longer has broken off.
const LINE_WITHIN: Duration = Duration::from_secs(30);
/// Lines that are stored at once.
const CHUNK: usize = 1_000;
/// A stream that takes longer for so many has no end.
const CHUNK_WITHIN: Duration = Duration::from_secs(120);
/// Wrong lines that are told; the rest is only counted.
const PROBLEMS_MAX: usize = 100;

/// What became of an import.
#[derive(Default, Serialize, ToSchema)]
pub struct ImportView {
    /// Lines that named an address.
    lines: u64,
    /// Addresses that were not suppressed before.
    added: u64,
    /// Lines that were left out.
    refused: u64,
    /// The first hundred of them.
    problems: Vec<LineProblem>,
}

#[derive(Serialize, ToSchema)]
struct LineProblem {
    /// Counted from 1.
    line: u64,
    problem: String,
}

/// Import suppressions as a stream of any length.
///
/// `text/csv` with a header line (`address`, and if you like `reason`, `source`), or `application/x-ndjson`. Lines that
/// are wrong are left out and told. Importing the same again changes nothing: whatever breaks off is simply repeated.
#[utoipa::path(post, path = "/v1/suppressions/import", tag = "suppressions", operation_id = "import_suppressions",
    request_body(content((String = "text/csv", example = "address,reason\nann@example.com,unsubscribe\n"),
        (String = "application/x-ndjson"))),
    security(("api_key" = ["manage"])),
    responses((status = 200, body = ImportView), (status = 415, body = crate::error::ErrorBody), Failures))]
pub async fn import(
    State(state): State<ApiState>,
    caller: Manager,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ImportView>, ApiError> {
    let form = LineForm::of(&headers)?;
    let mut reader = LineReader::new(form);
    let mut lines = BufReader::new(StreamReader::new(body.into_data_stream().map_err(std::io::Error::other)));
    let mut done = ImportView::default();
    let mut chunk: Vec<NewSuppression> = Vec::with_capacity(CHUNK);
    let (mut at, mut line, mut since) = (0, Vec::new(), Instant::now());
    loop {
        line.clear();
        if since.elapsed() > CHUNK_WITHIN {
            return Err(broken_off(&done));
        }
        let mut bounded = (&mut lines).take(LINE_MAX_BYTES);
        let read = timeout(LINE_WITHIN, bounded.read_until(b'\n', &mut line)).await;
        if read.ok().and_then(Result::ok).ok_or_else(|| broken_off(&done))? == 0 {
            break;
        }
        at += 1;
        if !line.ends_with(b"\n") && line.len() as u64 == LINE_MAX_BYTES {
            return Err(ApiError::invalid_field(&format!("line {at}"), "has more than 4 KiB"));
        }
        match reader.read(&String::from_utf8_lossy(&line)) {
            Ok(None) => continue,
            Ok(Some(draft)) => match draft.validate("import") {
                Ok(new) => chunk.push(new),
                Err(wrong) => done.refuse(at, format!("{}: {}", wrong.field, wrong.problem)),
            },
            Err(_) if form == LineForm::Csv && at == 1 => {
                return Err(ApiError::invalid_field("line 1", "names the columns, and one of them is address"));
            }
            Err(problem) => done.refuse(at, problem),
        }
        done.lines += 1;
        if chunk.len() == CHUNK {
            done.added += state.store.suppressions().add(caller.tenant, &chunk).await?;
            chunk.clear();
            since = Instant::now();
        }
    }
    if !chunk.is_empty() {
        done.added += state.store.suppressions().add(caller.tenant, &chunk).await?;
    }
    Ok(Json(done))
}

impl ImportView {
    fn refuse(&mut self, line: u64, problem: String) {
        self.refused += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(LineProblem { line, problem });
        }
    }
}

fn broken_off(done: &ImportView) -> ApiError {
    ApiError::invalid_field("", format!("the stream broke off after {} lines; repeat it", done.lines))
}
