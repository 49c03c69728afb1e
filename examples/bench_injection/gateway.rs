//! The gateway that is measured: the real one, in this process, over HTTP.

use rankgate::app::App;
use rankgate::config::{ConfigSource, Environment};
use tempfile::TempDir;

use super::Failure;
use super::upstream::Upstream;

/// What the LLM may not do.
#[derive(Clone, Copy)]
pub struct Bound {
    /// What the first stage ranks below this…
    pub below: usize,
    /// …does not come among so many first.
    pub top: usize,
}

/// A running gateway. It ends with the process.
pub struct Gateway {
    pub url: String,
    /// With its configuration.
    _folder: TempDir,
}

impl Gateway {
    /// One with a pipeline `on`, and `bound` if there is one. Each asks for all
    /// candidates in one call.
    pub async fn start(
        upstream: &Upstream,
        context_tokens: usize,
        candidates: usize,
        bound: Option<Bound>,
    ) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("rankgate.toml");
        std::fs::write(&file, config(upstream, context_tokens, candidates, bound))?;
        let env: Environment = upstream.key.iter().cloned().collect();
        let source = ConfigSource::new(Some(file), env).listening_on(Some("127.0.0.1:0".parse()?));
        let app = App::build(source.load()?).await?;
        let url = format!("http://{}", app.addr());
        tokio::spawn(app.run_until(std::future::pending()));
        Ok(Self { url, _folder: folder })
    }
}

fn config(
    upstream: &Upstream,
    context_tokens: usize,
    candidates: usize,
    bound: Option<Bound>,
) -> String {
    let key = upstream.key.as_ref().map(|(name, _)| format!("api_key = {{ env = \"{name}\" }}\n"));
    let pipeline = |name: &str, keys: &str| {
        format!(
            "[pipelines.{name}]\nstrategy = \"single\"\nprompt = \"rerank-listwise@v1\"\n\
             model = \"asked\"\nwindow = {candidates}\nrerank_limit = {candidates}\n\
             deadline_ms = 600000\n{keys}"
        )
    };
    let bounded = bound.map(|Bound { below, top }| {
        pipeline("bound", &format!("promotion_below = {below}\npromotion_top = {top}\n"))
    });
    format!(
        "[server]\ndefault_pipeline = \"on\"\n\
         [upstreams.asked]\nbase_url = \"{}\"\nattempt_timeout_ms = 600000\nmax_attempts = 1\n{}\
         [models.asked]\nupstreams = [\"asked\"]\nmodel = \"{}\"\n\
         context_tokens = {context_tokens}\n\
         capabilities = {{ json_schema = true, temperature = true, max_tokens = \"max_tokens\" }}\n\
         {}{}",
        upstream.url,
        key.unwrap_or_default(),
        upstream.model,
        pipeline("on", ""),
        bounded.unwrap_or_default(),
    )
}
