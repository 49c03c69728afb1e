//! The config sections `[llm]`, `[upstreams.NAME]` and `[models.NAME]`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::secret::SecretSource;

/// Whether LLMs are asked at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LlmConfig {
    /// Whether models are asked at all; `false` makes every ranking classical.
    /// Default: `true`.
    pub enabled: bool,
}

impl Default for LlmConfig {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// One OpenAI-compatible HTTP endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamConfig {
    /// What stands before `/chat/completions` and `/embeddings`. Required.
    #[schemars(with = "String")]
    pub base_url: BaseUrl,
    /// The key sent as `Authorization: Bearer`. Default: none is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretSource>,
    /// Longest time of one attempt in milliseconds, answer included, at least
    /// 1. Default: 30000.
    #[schemars(range(min = 1))]
    #[serde(default = "default_attempt_timeout_ms")]
    pub attempt_timeout_ms: u64,
    /// Most attempts that one call makes on this upstream, 1 to 10; embeddings
    /// for an index, which nobody waits for, have 10. Default: 3.
    #[schemars(range(min = 1, max = 10))]
    #[serde(default = "default_max_attempts")]
    pub max_attempts: u32,
    /// Further headers to send. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

impl UpstreamConfig {
    /// An upstream at `base_url` with defaults for the rest.
    #[must_use]
    pub fn at(base_url: BaseUrl) -> Self {
        Self {
            base_url,
            api_key: None,
            attempt_timeout_ms: default_attempt_timeout_ms(),
            max_attempts: default_max_attempts(),
            headers: BTreeMap::new(),
        }
    }

    /// Longest time of one attempt.
    #[must_use]
    pub const fn attempt_timeout(&self) -> Duration {
        Duration::from_millis(self.attempt_timeout_ms)
    }
}

const fn default_attempt_timeout_ms() -> u64 {
    30_000
}

const fn default_max_attempts() -> u32 {
    3
}

/// One chat model and the upstreams that serve it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Names of upstreams in failover order. Required.
    #[schemars(length(min = 1))]
    pub upstreams: Vec<ModelUpstream>,
    /// The upstreams' name for the model. Default: the name in the config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Tokens that prompt and answer may take together, at least 256. Default:
    /// 8192, which local servers usually offer.
    #[schemars(range(min = 256))]
    #[serde(default = "default_context_tokens")]
    pub context_tokens: usize,
    /// US dollars for a million tokens read. Default: 0.
    #[schemars(range(min = 0))]
    #[serde(default)]
    pub input_usd_per_mtok: f64,
    /// US dollars for a million tokens written. Default: 0.
    #[schemars(range(min = 0))]
    #[serde(default)]
    pub output_usd_per_mtok: f64,
    /// Sent as they are in every request; they win over what rankgate would
    /// send under the same name. Default: none.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub params: toml::Table,
    /// What the model and its upstreams understand.
    #[serde(default)]
    pub capabilities: Capabilities,
}

impl ModelConfig {
    /// A model served by one upstream, with defaults for the rest.
    #[must_use]
    pub fn of(upstream: &str, model: &str) -> Self {
        Self {
            upstreams: vec![ModelUpstream::Name(upstream.to_owned())],
            model: Some(model.to_owned()),
            context_tokens: default_context_tokens(),
            input_usd_per_mtok: 0.0,
            output_usd_per_mtok: 0.0,
            params: toml::Table::new(),
            capabilities: Capabilities::default(),
        }
    }
}

const fn default_context_tokens() -> usize {
    8192
}

/// An upstream of a model: `"name"` or `{ name = "…", model = "…" }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected an upstream's name or { name = \"…\", model = \"…\" }")]
pub enum ModelUpstream {
    /// The upstream alone.
    Name(String),
    /// The upstream and its own name for the model.
    Deployment(Deployment),
}

/// An upstream with its own name for a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// The upstream's name in the config.
    pub name: String,
    /// What this upstream calls the model.
    pub model: String,
}

impl ModelUpstream {
    /// The upstream's name in the config.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) | Self::Deployment(Deployment { name, .. }) => name,
        }
    }

    /// What this upstream calls the model, if it has a name of its own for it.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        match self {
            Self::Name(_) => None,
            Self::Deployment(deployment) => Some(&deployment.model),
        }
    }
}

/// What may be sent to a model and expected of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[allow(clippy::struct_excessive_bools)] // each is a key of the config
pub struct Capabilities {
    /// Whether it takes `response_format` with a JSON schema. Without it the
    /// prompt's words alone ask for JSON. Default: `true`.
    pub json_schema: bool,
    /// Whether it returns log probabilities. Default: `false`.
    pub logprobs: bool,
    /// Whether it takes a `seed`. Default: `true`.
    pub seed: bool,
    /// Whether it takes a `temperature`: then 0 is sent, for rankings that
    /// repeat, unless `params` names another. Default: `false`, because
    /// reasoning models refuse it.
    pub temperature: bool,
    /// The name of the output limit. Default: `max_completion_tokens`.
    pub max_tokens: MaxTokensName,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            json_schema: true,
            logprobs: false,
            seed: true,
            temperature: false,
            max_tokens: MaxTokensName::MaxCompletionTokens,
        }
    }
}

/// The request's name for the output limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensName {
    /// The older name, which every compatible server knows.
    MaxTokens,
    /// The name that `OpenAI`'s reasoning models insist on.
    MaxCompletionTokens,
}

impl MaxTokensName {
    /// The name as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}

/// An absolute http or https URL without credentials, query or fragment.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BaseUrl(reqwest::Url);

impl BaseUrl {
    /// The URL of `path`, which starts with a slash, below this one.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.as_str())
    }

    /// The URL without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// Whether the host is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for BaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = InvalidBaseUrl;

    fn try_from(text: String) -> Result<Self, InvalidBaseUrl> {
        let url = reqwest::Url::parse(&text).map_err(|_| InvalidBaseUrl::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidBaseUrl::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidBaseUrl::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidBaseUrl::Query);
        }
        Ok(Self(url))
    }
}

impl std::str::FromStr for BaseUrl {
    type Err = InvalidBaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidBaseUrl> {
        Self::try_from(text.to_owned())
    }
}

/// Why a text is no base URL. Messages don't repeat it: it may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBaseUrl {
    /// It doesn't parse.
    #[error("not an absolute URL: write it like \"https://api.openai.com/v1\"")]
    NotAUrl,
    /// Neither http nor https.
    #[error("the URL has to start with http:// or https://")]
    Scheme,
    /// User or password.
    #[error("the URL holds credentials: put them into api_key = {{ env = \"NAME\" }}")]
    Credentials,
    /// Query or fragment.
    #[error("the URL has a query or fragment: end it before the \"?\" or \"#\"")]
    Query,
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test]
    fn reads_the_shapes_of_the_documentation() {
        let upstream: UpstreamConfig = toml::from_str(
            "base_url = \"https://api.openai.com/v1/\"\napi_key = { env = \"OPENAI_API_KEY\" }\n\
             headers = { \"x-team\" = \"search\" }",
        )
        .unwrap();
        assert_eq!(upstream.base_url.join("/models"), "https://api.openai.com/v1/models");
        assert_eq!((upstream.attempt_timeout_ms, upstream.max_attempts), (30_000, 3));
        let model: ModelConfig = toml::from_str(
            "upstreams = [\"openai\", { name = \"azure\", model = \"mine\" }]\n\
             params = { temperature = 0 }\ncapabilities = { max_tokens = \"max_tokens\" }",
        )
        .unwrap();
        assert_eq!(model.upstreams[1].name(), "azure");
        assert_eq!(model.upstreams[1].model(), Some("mine"));
        assert_eq!(model.capabilities.max_tokens, MaxTokensName::MaxTokens);
        assert!(model.capabilities.json_schema);
    }

    #[test]
    fn a_section_shown_reads_back() {
        let model = ModelConfig::of("u", "m");
        let text = toml::to_string(&model).unwrap();
        assert_eq!(toml::from_str::<ModelConfig>(&text).unwrap(), model);
        let upstream = UpstreamConfig::at("http://localhost:1/v1".parse().unwrap());
        let text = toml::to_string(&upstream).unwrap();
        assert_eq!(toml::from_str::<UpstreamConfig>(&text).unwrap(), upstream);
    }

    #[test_case("upstreams = [\"a\"]\ntemprature = 1", "temprature")]
    #[test_case("upstreams = [{ name = \"a\" }]", "expected an upstream's name or")]
    #[test_case("upstreams = [\"a\"]\ncapabilities = { tools = true }", "tools")]
    #[test_case("model = \"m\"", "upstreams")]
    fn refuses_a_wrong_model(text: &str, named: &str) {
        let error = toml::from_str::<ModelConfig>(text).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }

    #[test_case("api.openai.com/v1", InvalidBaseUrl::NotAUrl)]
    #[test_case("ftp://host/v1", InvalidBaseUrl::Scheme)]
    #[test_case("https://user:pass@host/v1", InvalidBaseUrl::Credentials)]
    #[test_case("https://host/v1?key=1", InvalidBaseUrl::Query)]
    fn refuses_a_wrong_base_url(text: &str, why: InvalidBaseUrl) {
        assert_eq!(text.parse::<BaseUrl>().unwrap_err(), why);
    }

    #[test_case("http://localhost:8080/v1", true)]
    #[test_case("http://127.0.0.1/v1", true)]
    #[test_case("http://[::1]:80/v1", true)]
    #[test_case("https://api.openai.com/v1", false)]
    fn knows_this_machine(text: &str, loopback: bool) {
        assert_eq!(text.parse::<BaseUrl>().unwrap().is_loopback(), loopback);
    }
}
