//! A gateway under test.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rankgate::app::App;
use rankgate::config::{ConfigSource, Environment};
use rankgate::http::ConnectionLimits;
use reqwest::{Response, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A pipeline that asks no LLM, and one with another name.
pub const CLASSICAL: &str = r#"
[prompts]
dir = "{dir}/prompts"

[pipelines.default]
aliases = ["rerank-v3.5"]
strategy = "none"

[pipelines.second]
strategy = "none"
deadline_ms = 500
"#;

/// A running gateway with a folder of its own. Dropped, it is stopped.
pub struct TestApp {
    pub url: String,
    pub address: std::net::SocketAddr,
    pub client: reqwest::Client,
    dir: TempDir,
    shutdown: Option<oneshot::Sender<()>>,
    pub served: JoinHandle<()>,
}

impl TestApp {
    /// A gateway by [`CLASSICAL`].
    pub async fn classical() -> Self {
        Self::start(CLASSICAL).await
    }

    /// A gateway by this configuration, in which `{dir}` is its folder.
    pub async fn start(config: &str) -> Self {
        Self::with_limits(config, ConnectionLimits::default()).await
    }

    /// The same, once `prepare` has put files into its folder.
    pub async fn prepared(config: &str, prepare: impl FnOnce(&Path)) -> Self {
        Self::build(config, ConnectionLimits::default(), prepare).await
    }

    pub async fn with_limits(config: &str, limits: ConnectionLimits) -> Self {
        let prompts = |dir: &Path| std::fs::create_dir(dir.join("prompts")).unwrap();
        Self::build(config, limits, prompts).await
    }

    async fn build(config: &str, limits: ConnectionLimits, prepare: impl FnOnce(&Path)) -> Self {
        // The client wants one, for plain HTTP too; a second install is refused.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path());
        let file = write_config(dir.path(), config);
        let source = ConfigSource::new(Some(file), Environment::default())
            .listening_on(Some("127.0.0.1:0".parse().unwrap()));
        let app = App::build(source.load().unwrap()).await.unwrap();
        let app = app.reloading(source).with_connection_limits(limits);
        let address = app.addr();
        let (shutdown, wait) = oneshot::channel();
        let served = tokio::spawn(app.run_until(async {
            let _ = wait.await;
        }));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{address}");
        Self { url, address, client, dir, shutdown: Some(shutdown), served }
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The folder, to be used after the gateway has ended.
    pub fn into_dir(self) -> TempDir {
        self.dir
    }

    /// Replaces the configuration of the running gateway.
    pub fn rewrite(&self, config: &str) {
        write_config(self.dir.path(), config);
    }

    /// Asks it to finish what it has begun.
    pub fn stop(&mut self) {
        let _ = self.shutdown.take().unwrap().send(());
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.client.post(format!("{}{path}", self.url)).json(body).send().await.unwrap()
    }

    /// What the readiness probe says.
    pub async fn ask_readiness(&self) -> (StatusCode, Value) {
        let response = self.get("/readyz").await;
        (response.status(), response.json().await.unwrap())
    }

    /// Posts a body as it is.
    pub async fn post_text(&self, path: &str, body: impl Into<String>) -> Response {
        let request = self.client.post(format!("{}{path}", self.url)).body(body.into());
        request.header("content-type", "application/json").send().await.unwrap()
    }

    /// Posts and gives status and body.
    pub async fn ask(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let response = self.post(path, body).await;
        (response.status(), response.json().await.unwrap())
    }

    /// Looks again and again until what was waited for is so.
    pub async fn eventually(&self, path: &str, is_so: impl Fn(&str) -> bool) {
        for _ in 0..600 {
            if is_so(&self.get(path).await.text().await.unwrap()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{path} never said so: {}", self.get(path).await.text().await.unwrap());
    }
}

fn write_config(dir: &Path, config: &str) -> PathBuf {
    let file = dir.join("rankgate.toml");
    let text = config.replace("{dir}", dir.to_str().unwrap());
    // As an editor saves: the new file takes the place of the old one.
    let new = dir.join("rankgate.toml.new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(&new, &file).unwrap();
    file
}
