//! The models of the config, built once for each config.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::client::ModelClient;
use super::config::{ModelConfig, UpstreamConfig};
use super::in_flight::InFlight;
use super::prices::Prices;
use super::upstream::{LlmConfigError, SecretMissing, Upstream, wrong};
use super::{ChatModel, ModelSpec, UpstreamModel, stack};

/// Fields of a request that `params` may not set.
const RESERVED_PARAMS: [&str; 4] = ["model", "messages", "stream", "stream_options"];

/// Every model of the config by its name.
#[derive(Default)]
pub struct Models {
    models: BTreeMap<String, Result<Arc<UpstreamModel>, String>>,
    warnings: Vec<String>,
}

/// Why a name gives no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelUnavailable {
    /// No such model in the config.
    #[error("there is no [models.{0}]")]
    Unknown(String),
    /// Its upstreams lack their secrets: the LLM counts as not configured.
    #[error("model \"{name}\" can't be used: {reason}")]
    NotConfigured {
        /// The model's name.
        name: String,
        /// What is missing.
        reason: String,
    },
}

impl Models {
    /// Checks and builds them all. `env` looks up environment variables that
    /// secrets are in. A missing secret is a warning and no error: models that
    /// have no other upstream are then not configured.
    pub fn build(
        models: &BTreeMap<String, ModelConfig>,
        upstreams: &BTreeMap<String, UpstreamConfig>,
        env: &dyn Fn(&str) -> Option<String>,
        in_flight: &InFlight,
    ) -> Result<Self, LlmConfigError> {
        let mut built = Self::default();
        let mut ready = BTreeMap::new();
        for (name, config) in upstreams {
            let upstream = Upstream::build(name, config, env)?;
            if let Err(missing) = &upstream {
                built.warnings.push(missing.to_string());
            }
            ready.insert(name.as_str(), upstream);
        }
        for (name, config) in models {
            let model = build_model(name, config, &ready, in_flight)?;
            built.models.insert(name.clone(), model.map(Arc::new));
        }
        Ok(built)
    }

    /// The model of this name.
    pub fn get(&self, name: &str) -> Result<Arc<dyn ChatModel>, ModelUnavailable> {
        match self.models.get(name) {
            Some(Ok(model)) => Ok(Arc::<UpstreamModel>::clone(model)),
            Some(Err(reason)) => Err(ModelUnavailable::NotConfigured {
                name: name.to_owned(),
                reason: reason.clone(),
            }),
            None => Err(ModelUnavailable::Unknown(name.to_owned())),
        }
    }

    /// What a person should know at start: the secrets that are missing.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// Upstreams by name; those whose secret is missing hold why.
type Upstreams<'a> = BTreeMap<&'a str, Result<Upstream, SecretMissing>>;

/// The inner error: none of its upstreams has its secret.
fn build_model(
    name: &str,
    config: &ModelConfig,
    upstreams: &Upstreams<'_>,
    in_flight: &InFlight,
) -> Result<Result<UpstreamModel, String>, LlmConfigError> {
    check(name, config)?;
    let key = format!("models.{name}.upstreams");
    let params = Arc::new(json_params(name, &config.params)?);
    let capabilities = Arc::new(config.capabilities.clone());
    let model_name = config.model.as_deref().unwrap_or(name);
    let label: Arc<str> = name.into();
    let (mut targets, mut stacks, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for entry in &config.upstreams {
        let upstream = match upstreams.get(entry.name()) {
            Some(Ok(upstream)) => upstream,
            Some(Err(SecretMissing { upstream, error })) => {
                missing.push(format!("upstream {upstream}: {error}"));
                continue;
            }
            None => return Err(wrong(key, format!("there is no [upstreams.{}]", entry.name()))),
        };
        let client = ModelClient::new(
            upstream,
            entry.model().unwrap_or(model_name).into(),
            Arc::clone(&capabilities),
            Arc::clone(&params),
        );
        let timeout = upstream.config.attempt_timeout();
        stacks.push(stack::upstream_stack(client, &upstream.name, &label, timeout));
        targets.push(upstream.target());
    }
    if stacks.is_empty() {
        return Ok(Err(missing.join("; ")));
    }
    let spec = ModelSpec {
        name: name.to_owned(),
        model: model_name.to_owned(),
        context_tokens: config.context_tokens,
        json_schema: config.capabilities.json_schema,
        logprobs: config.capabilities.logprobs,
        prices: Prices {
            input_usd_per_mtok: config.input_usd_per_mtok,
            output_usd_per_mtok: config.output_usd_per_mtok,
        },
        fingerprint: fingerprint(config, model_name, &params, upstreams),
    };
    let stack = stack::model_stack(in_flight, targets.into(), stacks.into());
    Ok(Ok(UpstreamModel::new(spec, stack)))
}

fn check(name: &str, config: &ModelConfig) -> Result<(), LlmConfigError> {
    const LEAST_CONTEXT: usize = 256;
    let key = |field: &str| format!("models.{name}.{field}");
    if config.upstreams.is_empty() {
        return Err(wrong(key("upstreams"), "the list is empty; name at least one upstream"));
    }
    if config.context_tokens < LEAST_CONTEXT {
        let problem = format!("{} is less than {LEAST_CONTEXT}", config.context_tokens);
        return Err(wrong(key("context_tokens"), problem));
    }
    let prices = [
        ("input_usd_per_mtok", config.input_usd_per_mtok),
        ("output_usd_per_mtok", config.output_usd_per_mtok),
    ];
    for (field, price) in prices {
        if !price.is_finite() || price < 0.0 {
            return Err(wrong(key(field), "a price is a number of dollars, 0 or more"));
        }
    }
    match RESERVED_PARAMS.iter().find(|param| config.params.contains_key(**param)) {
        Some(param) => Err(wrong(key("params"), format!("\"{param}\" can't be set here"))),
        None => Ok(()),
    }
}

fn json_params(name: &str, params: &toml::Table) -> Result<Map<String, Value>, LlmConfigError> {
    let key = || format!("models.{name}.params");
    if params.values().any(has_no_json) {
        return Err(wrong(key(), "dates, nan and inf can't be sent as JSON; use strings"));
    }
    match serde_json::to_value(params) {
        Ok(Value::Object(params)) => Ok(params),
        Ok(_) => Err(wrong(key(), "not a table")),
        Err(error) => Err(wrong(key(), error.to_string())),
    }
}

fn has_no_json(value: &toml::Value) -> bool {
    match value {
        toml::Value::Datetime(_) => true,
        toml::Value::Float(number) => !number.is_finite(),
        toml::Value::Array(values) => values.iter().any(has_no_json),
        toml::Value::Table(table) => table.values().any(has_no_json),
        _ => false,
    }
}

/// Hash of everything that shapes the model's answers. Upstreams without their
/// secret are left out: they don't answer.
fn fingerprint(
    config: &ModelConfig,
    model: &str,
    params: &Map<String, Value>,
    upstreams: &Upstreams<'_>,
) -> blake3::Hash {
    let served: Vec<_> = config
        .upstreams
        .iter()
        .filter_map(|entry| {
            let upstream = upstreams.get(entry.name())?.as_ref().ok()?;
            Some((upstream.config.base_url.as_str(), entry.model().unwrap_or(model)))
        })
        .collect();
    let all = serde_json::json!([served, config.capabilities, config.context_tokens, params]);
    blake3::hash(all.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[derive(serde::Deserialize)]
    struct Sections {
        #[serde(default)]
        upstreams: BTreeMap<String, UpstreamConfig>,
        #[serde(default)]
        models: BTreeMap<String, ModelConfig>,
    }

    const UPSTREAMS: &str = "
        [upstreams.open]
        base_url = \"http://127.0.0.1:1/v1\"
        [upstreams.keyed]
        base_url = \"https://example.com/v1\"
        api_key = { env = \"KEY\" }
        [upstreams.lacking]
        base_url = \"https://example.com/v1\"
        api_key = { env = \"NOT_SET\" }
    ";

    fn build(models: &str) -> Result<Models, LlmConfigError> {
        let sections: Sections = toml::from_str(&format!("{UPSTREAMS}\n{models}")).unwrap();
        let env = |name: &str| (name == "KEY").then(|| "k".to_owned());
        Models::build(&sections.models, &sections.upstreams, &env, &InFlight::new(None))
    }

    fn spec(model: &str) -> ModelSpec {
        build(&format!("[models.m]\n{model}")).unwrap().get("m").unwrap().spec().clone()
    }

    #[test]
    fn a_model_is_found_with_what_is_known_of_it() {
        let spec = spec("upstreams = [\"open\", \"keyed\"]\ncapabilities = { logprobs = true }");
        assert_eq!((spec.name.as_str(), spec.model.as_str()), ("m", "m"));
        assert!(spec.json_schema && spec.logprobs);
        assert_eq!(spec.context_tokens, 8192);
    }

    #[test]
    fn a_missing_secret_leaves_the_other_upstreams() {
        let models = build("[models.m]\nupstreams = [\"lacking\", \"open\"]").unwrap();
        models.get("m").map(|_| ()).unwrap();
        let warning = "upstreams.lacking.api_key: environment variable NOT_SET is not set";
        assert_eq!(models.warnings(), [warning]);
    }

    #[test]
    fn without_any_secret_a_model_is_not_configured() {
        let models = build("[models.m]\nupstreams = [\"lacking\"]").unwrap();
        let why = models.get("m").map(|_| ()).unwrap_err();
        assert!(matches!(why, ModelUnavailable::NotConfigured { .. }));
        assert!(why.to_string().contains("NOT_SET"), "{why}");
    }

    #[test]
    fn an_unknown_name_is_told_from_a_missing_secret() {
        let why = build("").unwrap().get("x").map(|_| ()).unwrap_err();
        assert_eq!(why, ModelUnavailable::Unknown("x".into()));
    }

    #[test_case(
        "[models.m]\nupstreams = [\"nope\"]",
        "models.m.upstreams: there is no [upstreams.nope]"
    )]
    #[test_case("[models.m]\nupstreams = []", "models.m.upstreams: the list is empty")]
    #[test_case(
        "[models.m]\nupstreams = [\"open\"]\ncontext_tokens = 10",
        "models.m.context_tokens: 10"
    )]
    #[test_case(
        "[models.m]\nupstreams = [\"open\"]\ninput_usd_per_mtok = -1",
        "models.m.input_usd_per_mtok"
    )]
    #[test_case(
        "[models.m]\nupstreams = [\"open\"]\nparams = { stream = true }",
        "models.m.params: \"stream\""
    )]
    #[test_case(
        "[models.m]\nupstreams = [\"open\"]\nparams = { a = [1979-05-27] }",
        "models.m.params: dates"
    )]
    #[test_case(
        "[upstreams.u]\nbase_url = \"http://h\"\nmax_attempts = 0",
        "upstreams.u.max_attempts: 0"
    )]
    #[test_case(
        "[upstreams.u]\nbase_url = \"http://h\"\nattempt_timeout_ms = 0",
        "upstreams.u.attempt_timeout_ms"
    )]
    #[test_case(
        "[upstreams.u]\nbase_url = \"http://h\"\napi_key = \"sk-1\"",
        "upstreams.u.api_key: a secret is never"
    )]
    #[test_case(
        "[upstreams.u]\nbase_url = \"http://h\"\nheaders = { host = \"x\" }",
        "upstreams.u.headers: \"host\""
    )]
    fn a_wrong_key_is_named(config: &str, message: &str) {
        let error = build(config).map(|_| ()).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
        assert!(!error.contains("sk-1"), "{error}");
    }

    #[test]
    fn the_fingerprint_follows_what_shapes_answers() {
        let base = spec("upstreams = [\"open\"]").fingerprint;
        assert_eq!(base, spec("upstreams = [\"open\"]\ninput_usd_per_mtok = 1.0").fingerprint);
        for other in [
            "upstreams = [\"keyed\"]",
            "upstreams = [{ name = \"open\", model = \"x\" }]",
            "upstreams = [\"open\"]\nmodel = \"x\"",
            "upstreams = [\"open\"]\nparams = { temperature = 1 }",
            "upstreams = [\"open\"]\ncapabilities = { json_schema = false }",
        ] {
            assert_ne!(base, spec(other).fingerprint, "{other}");
        }
    }
}
