//! The API, as commands call it.

use std::sync::LazyLock;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// One for the whole process, so that calls use the same connections.
static CLIENT: LazyLock<Client> =
    LazyLock::new(|| Client::builder().connect_timeout(CONNECT_WITHIN).build().unwrap_or_default());

/// Which API, and who asks.
#[derive(Args, Clone)]
pub struct ApiConnection {
    /// Where the API is.
    #[arg(long, env = "POSTFLEET_URL", default_value = "http://127.0.0.1:8080", global = true)]
    url: String,
    /// A key of your tenant; `postfleet keys create` makes the first.
    #[arg(long, env = "POSTFLEET_API_KEY", hide_env_values = true, global = true)]
    api_key: Option<String>,
}

/// Why a call came to nothing: what the process's exit code tells.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("the API does not answer at {url}")]
    Unreachable {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Unavailable(String),
}

impl CallError {
    /// 3: it may work later; 4: the request itself was refused.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Unreachable { .. } | Self::Unavailable(_) => 3,
            Self::Refused(_) => 4,
        }
    }
}

impl ApiConnection {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        CLIENT.request(method, url).header("X-API-Key", self.api_key.as_deref().unwrap_or_default())
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.json(self.request(Method::GET, path)).await
    }

    /// A page of a list; what is not asked for is left out.
    pub async fn page(&self, path: &str, asked: &[(&str, Option<String>)]) -> anyhow::Result<Value> {
        let query: Vec<(&str, &str)> =
            asked.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
        self.json(self.request(Method::GET, path).query(&query)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.json(self.request(Method::POST, path).json(body)).await
    }

    /// Sends it, and reads JSON; an answer without any is null.
    pub async fn json(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let text = self.send(request).await?.text().await.context("the answer broke off")?;
        if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text).context("the answer is no JSON") }
    }

    /// As `json`, of a request that answers with a result for each part, also where all of them were refused.
    pub async fn results(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let answer = self.answer(request).await?;
        let status = answer.status();
        let told: Value = answer.json().await.context("the answer is no JSON")?;
        if told["data"].is_array() { Ok(told) } else { Err(refused(status, &told).into()) }
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Response, CallError> {
        request.send().await.map_err(|source| CallError::Unreachable { url: self.url.clone(), source })
    }

    /// Sends it; whatever is no success is an error that says what the API said.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, CallError> {
        let answer = self.answer(request).await?;
        let status = answer.status();
        if status.as_u16() == 401 && self.api_key.is_none() {
            return Err(CallError::Refused("set POSTFLEET_API_KEY, or give --api-key".to_owned()));
        }
        if status.is_success() {
            return Ok(answer);
        }
        Err(refused(status, &answer.json().await.unwrap_or_default()))
    }
}

fn refused(status: StatusCode, told: &Value) -> CallError {
    let text = describe(told).unwrap_or_else(|| format!("the API answered {status}"));
    if status.is_server_error() || status.as_u16() == 429 {
        CallError::Unavailable(text)
    } else {
        CallError::Refused(text)
    }
}

/// An error of the API in a line: its sentence, and what is wrong with which field.
pub fn describe(told: &Value) -> Option<String> {
    let error = &told["error"];
    let mut text = format!("{} ({})", error["message"].as_str()?, error["code"].as_str()?);
    for detail in error["details"].as_array().into_iter().flatten() {
        let (field, problem) = (detail["field"].as_str().unwrap_or(""), detail["problem"].as_str().unwrap_or(""));
        text.push_str("; ");
        text.push_str(field);
        text.push_str(if field.is_empty() { "" } else { " " });
        text.push_str(problem);
    }
    Some(text)
}

/// A part of a path or query, as it may stand in a URL.
pub fn escaped(text: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(text, RESERVED).to_string()
}
