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
}
