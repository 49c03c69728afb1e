//! Makes the first stage of a configuration: its encoder and its engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use secrecy::SecretString;

use super::AppError;
use crate::config::{ConfigError, KeyPath, Loaded};
use crate::domain::Deadline;
use crate::llm::{EmbedError, Embeddings, EmbeddingsConfig, LlmConfigError, LlmError};
use crate::retrieve::{
    BuiltinEncoder, CollectionConfig, Documents, EmbeddedEngine, EmbeddingCalls, EmbeddingConfig,
    EncodeError, Encoder, Engine, EngineKind, FirstStage, RemoteEncoder, RemoteEncoderConfig,
    ServerEngine,
};

/// Who else uses the machine while documents are embedded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Searches, which come first.
    Serving,
    /// Nobody.
    Indexing,
}

/// The first stage's parts.
pub(super) struct Retrieval {
    pub(super) encoder: Arc<dyn Encoder>,
    engine: Arc<dyn Engine>,
    collections: BTreeMap<String, CollectionConfig>,
}

impl Retrieval {
    /// Opens the configured engine.
    pub(super) fn open(loaded: &Loaded, used: Use) -> Result<Self, AppError> {
        Ok(Self {
            encoder: encoder(loaded, used)?,
            engine: engine(loaded, loaded.config.retrieval.engine)?,
            collections: loaded.config.collections.clone(),
        })
    }

    pub(super) fn first_stage(&self) -> FirstStage {
        let (engine, encoder) = (Arc::clone(&self.engine), Arc::clone(&self.encoder));
        FirstStage::new(engine, encoder, self.collections.clone())
    }

    pub(super) fn documents(&self) -> Documents {
        let (engine, encoder) = (Arc::clone(&self.engine), Arc::clone(&self.encoder));
        Documents::new(engine, encoder, self.collections.clone())
    }
}

/// Whether the configured engine and encoder could be made, without opening,
/// loading or connecting to anything.
pub(super) fn check(loaded: &Loaded) -> Result<(), AppError> {
    if let EmbeddingConfig::OpenAi(config) = &loaded.config.embedding {
        drop(embeddings(loaded, config)?);
    }
    if loaded.config.retrieval.engine == EngineKind::Qdrant {
        server(loaded)?;
    }
    Ok(())
}

/// The writing side of a configuration, where nobody searches meanwhile.
///
/// # Errors
/// When another process holds the engine's folder, it can't be made, or the
/// server or the embedding model is named wrongly.
pub fn documents(loaded: &Loaded) -> Result<Documents, AppError> {
    Ok(Retrieval::open(loaded, Use::Indexing)?.documents())
}

/// An engine of a configuration, whichever is the configured one.
///
/// # Errors
/// As for [`documents`].
pub fn engine(loaded: &Loaded, kind: EngineKind) -> Result<Arc<dyn Engine>, AppError> {
    let retrieval = &loaded.config.retrieval;
    let collections = loaded.config.collections.clone();
    match kind {
        EngineKind::Embedded => {
            Ok(Arc::new(EmbeddedEngine::open(&retrieval.data_dir, collections)?))
        }
        EngineKind::Qdrant => Ok(Arc::new(server(loaded)?)),
    }
}

fn server(loaded: &Loaded) -> Result<ServerEngine, AppError> {
    let config = &loaded.config;
    let renamed =
        |(name, it): (&String, &CollectionConfig)| Some((name.clone(), it.remote_name.clone()?));
    let names = config.collections.iter().filter_map(renamed).collect();
    let engine = ServerEngine::new(&config.retrieval.server_config(), server_key(loaded)?);
    let engine = engine.map_err(|error| {
        let path = KeyPath::of(["retrieval", error.key()]);
        ConfigError::from(loaded.problem_at(&path, error.to_string()))
    })?;
    Ok(engine.with_names(names).with_collections(config.collections.clone()))
}

/// The server's key. A missing one is told at start and then left out, so that
/// the server's own refusal says the rest.
fn server_key(loaded: &Loaded) -> Result<Option<SecretString>, AppError> {
    let Some(source) = &loaded.config.retrieval.api_key else { return Ok(None) };
    let env = |name: &str| loaded.env.get(name).map(str::to_owned);
    match source.resolve(&env) {
        Ok(key) => Ok(Some(key)),
        Err(error) if error.is_config_error() => {
            let path = KeyPath::of(["retrieval", "api_key"]);
            Err(ConfigError::from(loaded.problem_at(&path, error.to_string())).into())
        }
        Err(_) => Ok(None),
    }
}

fn encoder(loaded: &Loaded, used: Use) -> Result<Arc<dyn Encoder>, AppError> {
    match &loaded.config.embedding {
        EmbeddingConfig::Builtin(config) => {
            let encoder = BuiltinEncoder::new(config);
            Ok(match used {
                Use::Serving => Arc::new(encoder),
                Use::Indexing => Arc::new(encoder.with_all_threads()),
            })
        }
        EmbeddingConfig::OpenAi(config) => {
            let calls = Calls(embeddings(loaded, config)?);
            Ok(Arc::new(RemoteEncoder::new(Arc::new(calls), config)))
        }
    }
}

/// The inner error: the upstream's key is missing.
fn embeddings(
    loaded: &Loaded,
    config: &RemoteEncoderConfig,
) -> Result<Result<Embeddings, String>, AppError> {
    let wanted = EmbeddingsConfig {
        upstream: config.upstream.clone(),
        model: config.model.clone(),
        dimensions: config.dimensions,
        send_dimensions: config.send_dimensions,
        max_batch: config.max_batch,
        max_batch_tokens: config.max_batch_tokens,
        max_tokens: config.max_tokens,
        max_in_flight: config.max_in_flight,
    };
    let env = |name: &str| loaded.env.get(name).map(str::to_owned);
    let built = Embeddings::build(&wanted, &loaded.config.upstreams, &env);
    let built = built.map_err(|LlmConfigError { key, problem }| {
        ConfigError::from(loaded.problem_at(&KeyPath::of(key.split('.')), problem))
    })?;
    let named = |missing| format!("upstreams.{}.api_key: {missing}", config.upstream);
    Ok(built.map_err(named))
}

/// An upstream's embeddings as the first stage asks for them; the error is why
/// there are none.
struct Calls(Result<Embeddings, String>);

impl EmbeddingCalls for Calls {
    fn embed(
        &self,
        texts: Vec<String>,
        deadline: Option<Deadline>,
    ) -> BoxFuture<'_, Result<Vec<Vec<f32>>, EncodeError>> {
        async move {
            let embeddings = self.0.as_ref().map_err(|why| EncodeError::Model(why.clone()))?;
            embeddings.embed(texts, deadline).await.map_err(encode_error)
        }
        .boxed()
    }

    fn head<'a>(&self, text: &'a str) -> &'a str {
        self.0.as_ref().map_or(text, |embeddings| embeddings.cut(text))
    }
}

fn encode_error(error: EmbedError) -> EncodeError {
    match error {
        EmbedError::Llm(LlmError::Deadline) => EncodeError::Deadline,
        EmbedError::Llm(LlmError::Overloaded) => EncodeError::Overloaded,
        other => EncodeError::Model(other.to_string()),
    }
}
