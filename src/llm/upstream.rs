//! An upstream of the config, checked and ready to be called.

use std::sync::Arc;

use tokio::time::Instant;

use super::config::UpstreamConfig;
use super::endpoint::{Endpoint, InvalidHeader};
use super::retry::Target;
use super::retry_budget::RetryBudget;
use super::transport;
use crate::secret::SecretError;

/// A wrong config: the key, what is wrong with it and what would be right.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct LlmConfigError {
    /// The key's path, such as `models.small.upstreams`.
    pub key: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

pub(super) fn wrong(key: String, problem: impl Into<String>) -> LlmConfigError {
    LlmConfigError { key, problem: problem.into() }
}

/// An upstream's key is not where the config says. No error of the config: on
/// another machine it may be there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("upstreams.{upstream}.api_key: {error}")]
pub struct SecretMissing {
    /// The upstream's name in the config.
    pub upstream: String,
    /// What is missing.
    pub error: SecretError,
}

/// An upstream that can be called.
pub(super) struct Upstream {
    /// Its name in the config.
    pub name: Arc<str>,
    pub config: UpstreamConfig,
    pub endpoint: Endpoint,
    pub http: reqwest::Client,
    /// Shared by all that call it.
    pub budget: Arc<RetryBudget>,
}

impl Upstream {
    pub fn build(
        name: &str,
        config: &UpstreamConfig,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Result<Self, SecretMissing>, LlmConfigError> {
        let key = |field: &str| format!("upstreams.{name}.{field}");
        if config.attempt_timeout_ms == 0 {
            return Err(wrong(key("attempt_timeout_ms"), "0 leaves no time; use at least 1"));
        }
        if !(1..=10).contains(&config.max_attempts) {
            let found = config.max_attempts;
            return Err(wrong(key("max_attempts"), format!("{found} is not in 1 to 10")));
        }
        let api_key = match config.api_key.as_ref().map(|source| source.resolve(env)).transpose() {
            Ok(api_key) => api_key,
            Err(error) if error.is_config_error() => {
                return Err(wrong(key("api_key"), error.to_string()));
            }
            Err(error) => return Ok(Err(SecretMissing { upstream: name.to_owned(), error })),
        };
        let endpoint = Endpoint::new(config.base_url.clone(), api_key, &config.headers);
        let endpoint = endpoint.map_err(|error| {
            let field = if error == InvalidHeader::Key { "api_key" } else { "headers" };
            wrong(key(field), error.to_string())
        })?;
        let http = transport::http_client(config)
            .map_err(|error| wrong(key("base_url"), format!("no HTTP client: {error}")))?;
        let name = Arc::from(name);
        let budget = Arc::new(RetryBudget::new(Instant::now()));
        Ok(Ok(Self { name, config: config.clone(), endpoint, http, budget }))
    }

    /// What the retry policy has to know of it.
    pub fn target(&self) -> Target {
        Target { max_attempts: self.config.max_attempts, budget: Arc::clone(&self.budget) }
    }
}
