//! Makes the parts of a gateway from its configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::AppError;
use crate::cache::RankingCache;
use crate::config::{Config, ConfigError, KeyPath, Loaded};
use crate::llm::{InFlight, LlmConfigError, Models, tokens};
use crate::pipeline::{Gateway, ModelSlot, Serving, Unservable};
use crate::prompt::Registry;
use crate::retrieve::{
    BuiltinEncoder, Documents, EmbeddedEngine, Encoder, Engine, EngineError, EngineKind,
    FirstStage, RetrievalConfig, Retriever,
};

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
    encoder: Arc<dyn Encoder>,
}

impl Parts {
    /// Loads what the first request would have to wait for. Blocks.
    pub fn warm_up(&self) {
        tokens::warm();
        if self.gateway.retriever().is_some()
            && let Err(error) = self.encoder.warm_up()
        {
            tracing::error!(%error, "the embedding model can't be loaded; hybrid serves BM25");
        }
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
    let encoder: Arc<dyn Encoder> = Arc::new(BuiltinEncoder::default());
    let searches = config.pipelines.values().any(|pipeline| !pipeline.collection.is_empty());
    let (mut retriever, mut documents) = (None, None);
    if searches {
        let (engine, collections) = (engine(config)?, &config.collections);
        let first_stage =
            FirstStage::new(Arc::clone(&engine), Arc::clone(&encoder), collections.clone());
        retriever = Some(Arc::new(first_stage) as Arc<dyn Retriever>);
        let writing = Documents::new(engine, Arc::clone(&encoder), collections.clone());
        documents = Some(Arc::new(writing));
    }
    let cache = RankingCache::new(&config.cache);
    let parallel = config.limits.llm_max_in_flight.unwrap_or(CALLS_SIDE_BY_SIDE);
    let parallel = parallel.clamp(1, CALLS_SIDE_BY_SIDE);
    let gateway = Gateway::new(serving, retriever, cache, parallel, secret()?);
    Ok(Parts { gateway: Arc::new(gateway), documents, in_flight, encoder })
}

/// The writing side of a configuration's engine.
///
/// # Errors
/// When another process holds the folder, or it can't be made.
pub fn documents(config: &Config) -> Result<Documents, EngineError> {
    let encoder = Arc::new(BuiltinEncoder::default());
    Ok(Documents::new(engine(config)?, encoder, config.collections.clone()))
}

fn engine(config: &Config) -> Result<Arc<dyn Engine>, EngineError> {
    let RetrievalConfig { engine: EngineKind::Embedded, data_dir, .. } = &config.retrieval;
    Ok(Arc::new(EmbeddedEngine::open(data_dir, config.collections.clone())?))
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
    let config = &loaded.config;
    let registry = Arc::new(registry(config)?);
    let models = models(loaded, in_flight)?;
    let serving = Serving::build(
        &config.pipelines,
        &config.server.default_pipeline,
        registry,
        &models,
        &config.collections,
        config.llm.enabled,
    );
    serving.map_err(|problems| unservable(loaded, problems).into())
}

fn models(
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
    serving(loaded, &InFlight::new(None)).map(drop)
}

/// The folder of prompts; none where those of the program are used.
#[must_use]
pub fn prompts_dir(config: &Config) -> Option<PathBuf> {
    let default = Path::new(DEFAULT_PROMPTS);
    config.prompts.dir.clone().or_else(|| default.is_dir().then(|| default.to_owned()))
}

fn registry(config: &Config) -> Result<Registry, AppError> {
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
    let mut missing = Vec::new();
    for (name, upstream) in &loaded.config.upstreams {
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
    Ok(missing)
}

/// The problems with their places in the file.
fn unservable(loaded: &Loaded, problems: Vec<Unservable>) -> ConfigError {
    let problems = problems.into_iter().map(|Unservable { key, problem }| {
        loaded.problem_at(&KeyPath::of(key.split('.')), problem)
    });
    ConfigError::new(problems.collect())
}
