use reqwest::StatusCode;
use serde_json::Value;

/// A caller of the API.
#[derive(Clone)]
pub struct Client {
    pub url: String,
    pub key: String,
    http: reqwest::Client,
}

impl Client {
    pub fn new(url: String, key: String) -> Self {
        // TLS libraries ask for the process's provider; a test has no main that installs one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { url, key, http: reqwest::Client::new() }
    }

    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<(StatusCode, Value)> {
        self.post_raw(path, body.to_string().into_bytes()).await
    }

    pub async fn post_raw(&self, path: &str, body: Vec<u8>) -> anyhow::Result<(StatusCode, Value)> {
        let request = self.http.post(format!("{}{path}", self.url)).header("X-API-Key", &self.key);
        let answer = request.header("Content-Type", "application/json").body(body).send().await?;
        Ok((answer.status(), answer.json().await?))
    }

    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<(StatusCode, Value)> {
        let request = self.http.put(format!("{}{path}", self.url)).header("X-API-Key", &self.key);
        let answer = request.body(body.to_string()).send().await?;
        Ok((answer.status(), answer.json().await?))
    }

    pub async fn delete(&self, path: &str) -> anyhow::Result<(StatusCode, Value)> {
        let answer = self.http.delete(format!("{}{path}", self.url)).header("X-API-Key", &self.key).send().await?;
        Ok((answer.status(), answer.json().await?))
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<(StatusCode, Value)> {
        let request = self.http.get(format!("{}{path}", self.url));
        let answer = request.header("Authorization", format!("Bearer {}", self.key)).send().await?;
        Ok((answer.status(), answer.json().await?))
    }

    /// A plain look at another listener.
    pub async fn send_to(&self, listener: &str, path: &str) -> anyhow::Result<Answer> {
        let other = Self { url: format!("http://{listener}"), key: String::new(), http: self.http.clone() };
        other.send("GET", path, &[], "").await
    }

    /// Any request; the answer's status, headers and text.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> anyhow::Result<Answer> {
        let mut request = self.http.request(method.parse()?, format!("{}{path}", self.url)).body(body);
        if !self.key.is_empty() {
            request = request.header("X-API-Key", &self.key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Answer { status, headers, text: answer.text().await? })
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
