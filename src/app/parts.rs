//! Makes the parts of a gateway from its configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::AppError;
use super::retrieval::{Retrieval, Use};
use crate::cache::RankingCache;
use crate::config::{Config, ConfigError, KeyPath, Loaded};
use crate::llm::{InFlight, LlmConfigError, Models, tokens};
use crate::pipeline::{Gateway, ModelSlot, Serving, Unservable};
use crate::prompt::Registry;
use crate::retrieve::{Documents, Encoder, EngineKind, Retriever};

/// Where prompts are where no folder is named.
const DEFAULT_PROMPTS: &str = "prompts";

/// Most LLM calls of one request side by side, where the limit on all calls
/// isn't lower.
const CALLS_SIDE_BY_SIDE: usize = 16;

/// A gateway, and what lives as long as it does.
pub struct Parts {
    /// Serves requests.
    pub gateway: Arc<Gateway>,
    /// The writing side of its collections, where it has any.
    pub documents: Option<Arc<Documents>>,
    /// The limit on LLM calls, which a reload may change.
    pub in_flight: InFlight,
    encoder: Option<Arc<dyn Encoder>>,
}

impl Parts {
    /// Loads what the first request would have to wait for. Blocks.
    pub fn warm_up(&self) {
        warm_up(self.encoder.as_deref());
    }
}

/// Loads the tokenizer and the embedding model. Blocks.
pub(super) fn warm_up(encoder: Option<&dyn Encoder>) {
    tokens::warm();
    if let Some(encoder) = encoder
        && let Err(error) = encoder.warm_up()
    {
        tracing::error!(%error, "the embedding model can't be loaded; hybrid serves BM25");
    }
}

/// Makes the gateway of a configuration. The engine's folder is opened where a
/// pipeline has a collection.
///
/// # Errors
/// When its prompts or pipelines can't be served, or the engine's folder can't
/// be opened.
pub fn build(loaded: &Loaded) -> Result<Parts, AppError> {
    let config = &loaded.config;
    let in_flight = InFlight::new(config.limits.llm_max_in_flight);
    let serving = serving(loaded, &in_flight)?;
    let searches = config.pipelines.values().any(|pipeline| !pipeline.collection.is_empty());
    let retrieval = searches.then(|| Retrieval::open(loaded, Use::Serving)).transpose()?;
    let retriever = retrieval.as_ref().map(|it| Arc::new(it.first_stage()) as Arc<dyn Retriever>);
    let documents = retrieval.as_ref().map(|it| Arc::new(it.documents()));
    let encoder = retrieval.map(|it| it.encoder);
    let cache = RankingCache::new(&config.cache);
    let gateway = Gateway::new(serving, retriever, cache, parallel(config), secret()?);
    Ok(Parts { gateway: Arc::new(gateway), documents, in_flight, encoder })
}

/// Most LLM calls of one request side by side.
pub(super) fn parallel(config: &Config) -> usize {
    let most = config.limits.llm_max_in_flight.unwrap_or(CALLS_SIDE_BY_SIDE);
    most.clamp(1, CALLS_SIDE_BY_SIDE)
}

/// What delimiters in prompts are derived from, new for each process.
fn secret() -> Result<[u8; 32], AppError> {
    let mut secret = [0; 32];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut secret).map_err(|_| AppError::NoRandomness)?;
    Ok(secret)
}

/// What a gateway serves by a configuration; a reload makes it anew.
///
/// # Errors
/// When prompts or pipelines can't be served.
pub(super) fn serving(loaded: &Loaded, in_flight: &InFlight) -> Result<Serving, AppError> {
    let models = models(loaded, in_flight)?;
    serving_with(loaded, Arc::new(registry(&loaded.config)?), &models)
}

/// What a gateway serves by a configuration, with these prompts and models.
///
/// # Errors
/// When pipelines can't be served.
pub(super) fn serving_with(
    loaded: &Loaded,
    registry: Arc<Registry>,
    models: &BTreeMap<String, ModelSlot>,
) -> Result<Serving, AppError> {
    let config = &loaded.config;
    let serving = Serving::build(
        &config.pipelines,
        &config.server.default_pipeline,
        registry,
        models,
        &config.collections,
        config.llm.enabled,
    );
    serving.map_err(|problems| unservable(loaded, problems).into())
}

/// The configured models.
pub(super) fn models(
    loaded: &Loaded,
    in_flight: &InFlight,
) -> Result<BTreeMap<String, ModelSlot>, ConfigError> {
    let config = &loaded.config;
    let env = |name: &str| loaded.env.get(name).map(str::to_owned);
    let models = Models::build(&config.models, &config.upstreams, &env, in_flight);
    let models = models.map_err(|LlmConfigError { key, problem }| {
        loaded.problem_at(&KeyPath::of(key.split('.')), problem)
    })?;
    let slot = |name: &String| match models.get(name) {
        Ok(model) => ModelSlot::Ready(model),
        Err(_) => ModelSlot::NotConfigured,
    };
    Ok(config.models.keys().map(|name| (name.clone(), slot(name))).collect())
}

/// Whether a configuration could be served: what [`build`] checks, without
/// opening or binding anything.
///
/// # Errors
/// As for [`build`].
pub fn check(loaded: &Loaded) -> Result<(), AppError> {
    missing_secrets(loaded)?;
    super::retrieval::check(loaded)?;
    serving(loaded, &InFlight::new(None)).map(drop)
}

/// The folder of prompts; none where those of the program are used.
#[must_use]
pub fn prompts_dir(config: &Config) -> Option<PathBuf> {
    let default = Path::new(DEFAULT_PROMPTS);
    config.prompts.dir.clone().or_else(|| default.is_dir().then(|| default.to_owned()))
}

/// Names the folder where the default one is used, or was by the `last`
/// configuration: one that is gone is a fault then, and no wish for the prompts
/// of the program.
pub(super) fn keep_prompts_dir(config: &mut Config, last: Option<&Config>) {
    let kept = || {
        let dir = last.and_then(|last| last.prompts.dir.clone());
        dir.filter(|dir| dir == Path::new(DEFAULT_PROMPTS))
    };
    config.prompts.dir = prompts_dir(config).or_else(kept);
}

pub(super) fn registry(config: &Config) -> Result<Registry, AppError> {
    Ok(match prompts_dir(config) {
        Some(dir) => Registry::load(&dir)?,
        None => Registry::builtin()?,
    })
}

/// A warning for each secret that is named and not there: its models can't be
/// called, and rankings that want them are classical.
///
/// # Errors
/// When a secret is written in the configuration itself.
pub fn missing_secrets(loaded: &Loaded) -> Result<Vec<String>, ConfigError> {
    let env = |name: &str| loaded.env.get(name).map(str::to_owned);
    let config = &loaded.config;
    let mut missing = Vec::new();
    for (name, upstream) in &config.upstreams {
        let Some(source) = &upstream.api_key else { continue };
        let Err(error) = source.resolve(&env) else { continue };
        if error.is_config_error() {
            let path = KeyPath::of(["upstreams", name, "api_key"]);
            return Err(loaded.problem_at(&path, error.to_string()).into());
        }
        missing.push(format!(
            "upstreams.{name}.api_key: {error}; its models are not called, and rankings that \
             want them are classical"
        ));
    }
    if config.retrieval.engine == EngineKind::Qdrant
        && let Some(source) = &config.retrieval.api_key
        && let Err(error) = source.resolve(&env)
        && !error.is_config_error()
    {
        missing.push(format!("retrieval.api_key: {error}; Qdrant is asked without a key"));
    }
    Ok(missing)
}

/// The problems with their places in the file.
fn unservable(loaded: &Loaded, problems: Vec<Unservable>) -> ConfigError {
    let problems = problems.into_iter().map(|Unservable { key, problem }| {
        loaded.problem_at(&KeyPath::of(key.split('.')), problem)
    });
    ConfigError::new(problems.collect())
}
