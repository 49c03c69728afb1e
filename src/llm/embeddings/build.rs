//! Checks the configuration of an embedding model and builds it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Embeddings;
use super::answer;
use super::client::EmbeddingClient;
use super::config::EmbeddingsConfig;
use super::lane::Lane;
use super::texts::BatchLimits;
use crate::llm::config::UpstreamConfig;
use crate::llm::in_flight::InFlight;
use crate::llm::pace::Patience;
use crate::llm::stack;
use crate::llm::upstream::{LlmConfigError, SecretMissing, Upstream, wrong};

/// Longest vector that engines store.
const MAX_DIMENSIONS: usize = 65_536;
/// Most texts of a request that any upstream is known to take.
const MOST_TEXTS: usize = 2048;
/// Most requests at a time that can be asked for.
const MOST_IN_FLIGHT: usize = 256;
/// Places of queries for each place of bulk work: a query is one short text,
/// and a gateway has many at a time.
const QUERIES_PER_PLACE: usize = 16;

impl Embeddings {
    /// Checks `config` and builds the model. `env` looks up the environment
    /// variable that the upstream's key is in. The inner error: the key isn't
    /// there, which is no fault of the config.
    pub fn build(
        config: &EmbeddingsConfig,
        upstreams: &BTreeMap<String, UpstreamConfig>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Result<Self, SecretMissing>, LlmConfigError> {
        check(config)?;
        let Some(upstream) = upstreams.get(&config.upstream) else {
            let problem = format!("there is no [upstreams.{}]", config.upstream);
            return Err(wrong("embedding.upstream".into(), problem));
        };
        let upstream = Upstream::build(&config.upstream, upstream, env)?;
        Ok(upstream.map(|upstream| Self::on(upstream, config, Patience::OF_INDEXING)))
    }

    /// The model on an upstream that is ready.
    pub(super) fn on(upstream: Upstream, config: &EmbeddingsConfig, patience: Patience) -> Self {
        let upstream = Arc::new(upstream);
        let model: Arc<str> = config.model.as_str().into();
        let client = EmbeddingClient::new(Arc::clone(&upstream), config);
        let timeout = upstream.config.attempt_timeout();
        let attempts = stack::upstream_stack(client, &upstream.name, &model, timeout);
        let attempts: Arc<[_]> = Arc::new([attempts]);
        let lane = |places: InFlight| {
            let targets = Arc::new([upstream.target()]);
            let stack = stack::model_stack(&places, targets, Arc::clone(&attempts));
            Lane::new(stack, Arc::clone(&model), patience)
        };
        let places = config.max_in_flight;
        Self {
            queries: lane(InFlight::new(Some(places.saturating_mul(QUERIES_PER_PLACE)))),
            bulk: lane(InFlight::patient(places)),
            model: Arc::clone(&model),
            dimensions: config.dimensions,
            max_tokens: config.max_tokens,
            batches: BatchLimits { texts: config.max_batch, tokens: config.max_batch_tokens },
            side_by_side: places,
        }
    }
}

fn check(config: &EmbeddingsConfig) -> Result<(), LlmConfigError> {
    let key = |field: &str| format!("embedding.{field}");
    if config.model.trim().is_empty() {
        return Err(wrong(key("model"), "it is empty; write the upstream's name for the model"));
    }
    let ranges = [
        ("dimensions", config.dimensions, MAX_DIMENSIONS),
        ("max_batch", config.max_batch, MOST_TEXTS),
        ("max_in_flight", config.max_in_flight, MOST_IN_FLIGHT),
        ("max_tokens", config.max_tokens, usize::MAX),
    ];
    for (field, found, most) in ranges {
        if found == 0 {
            return Err(wrong(key(field), "0 is too few; use at least 1"));
        }
        if found > most {
            return Err(wrong(key(field), format!("{found} is more than {most}")));
        }
    }
    if config.max_batch_tokens < config.max_tokens {
        let (found, text) = (config.max_batch_tokens, config.max_tokens);
        let problem =
            format!("{found} is less than embedding.max_tokens = {text}, which one text may have");
        return Err(wrong(key("max_batch_tokens"), problem));
    }
    let most = answer::most_texts(config.dimensions);
    if config.max_batch > most {
        let (found, dimensions) = (config.max_batch, config.dimensions);
        let problem = format!(
            "the answer to {found} texts with vectors of {dimensions} numbers is too large to be \
             read; use at most {most}"
        );
        return Err(wrong(key("max_batch"), problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn build(
        change: impl FnOnce(&mut EmbeddingsConfig),
    ) -> Result<Result<Embeddings, SecretMissing>, LlmConfigError> {
        let upstreams: BTreeMap<String, UpstreamConfig> = toml::from_str(
            "[open]\nbase_url = \"http://127.0.0.1:1/v1\"\n\
             [lacking]\nbase_url = \"https://example.com/v1\"\napi_key = { env = \"NOT_SET\" }\n\
             [hasty]\nbase_url = \"https://example.com/v1\"\nattempt_timeout_ms = 0\n",
        )
        .unwrap();
        let mut config = EmbeddingsConfig::of("open", "embedder", 1536);
        change(&mut config);
        Embeddings::build(&config, &upstreams, &|_| None)
    }

    #[test]
    fn a_model_knows_its_name_and_its_length() {
        let model = build(|_| {}).unwrap().unwrap();
        assert_eq!((model.model(), model.dimensions()), ("embedder", 1536));
    }

    #[test]
    fn the_largest_batches_of_large_vectors_are_fine() {
        build(|config| (config.dimensions, config.max_batch) = (3072, 2048)).unwrap().unwrap();
    }

    #[test]
    fn a_missing_key_is_told_from_a_wrong_config() {
        let missing = build(|config| config.upstream = "lacking".into()).unwrap().err().unwrap();
        let message = "upstreams.lacking.api_key: environment variable NOT_SET is not set";
        assert_eq!(missing.to_string(), message);
    }

    #[test_case(|config| config.upstream = "nope".into(), "embedding.upstream: there is no [upstreams.nope]" ; "upstream")]
    #[test_case(|config| config.upstream = "hasty".into(), "upstreams.hasty.attempt_timeout_ms" ; "the upstream's own")]
    #[test_case(|config| config.model = " ".into(), "embedding.model: it is empty" ; "model")]
    #[test_case(|config| config.dimensions = 0, "embedding.dimensions: 0" ; "no dimension")]
    #[test_case(|config| config.dimensions = 65_537, "embedding.dimensions: 65537 is more than 65536" ; "dimensions")]
    #[test_case(|config| config.max_batch = 0, "embedding.max_batch: 0" ; "no text")]
    #[test_case(|config| config.max_batch = 2049, "embedding.max_batch: 2049 is more than 2048" ; "texts")]
    #[test_case(|config| config.max_tokens = 0, "embedding.max_tokens: 0" ; "no token")]
    #[test_case(|config| config.max_in_flight = 0, "embedding.max_in_flight: 0" ; "no request")]
    #[test_case(|config| config.max_batch_tokens = 8190, "embedding.max_batch_tokens: 8190 is less than" ; "batch below text")]
    #[test_case(|config| config.dimensions = 65_536, "embedding.max_batch: the answer to 256 texts" ; "answer")]
    fn a_wrong_key_is_named(change: fn(&mut EmbeddingsConfig), message: &str) {
        let error = build(change).map(|_| ()).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}
