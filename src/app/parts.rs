//! Makes the parts of a gateway from its configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::AppError;
use crate::config::{Config, ConfigError, KeyPath, Loaded};
use crate::pipeline::{Gateway, Serving, Unservable};
use crate::prompt::Registry;

/// Where prompts are where no folder is named.
const DEFAULT_PROMPTS: &str = "prompts";

/// The gateway of a configuration.
///
/// # Errors
/// When its prompts or pipelines can't be served.
pub fn gateway(loaded: &Loaded) -> Result<Gateway, AppError> {
    // Merge: the retriever (where a pipeline has a collection), the cache and
    // the limits go in here.
    Ok(Gateway::new(serving(loaded)?, None))
}

/// What a gateway serves by a configuration; a reload makes it anew.
///
/// # Errors
/// When prompts or pipelines can't be served.
pub(super) fn serving(loaded: &Loaded) -> Result<Serving, AppError> {
    let config = &loaded.config;
    let registry = Arc::new(registry(config)?);
    // Merge: models from `[models]`, `[upstreams]` and `loaded.env`.
    let serving = Serving::build(
        &config.pipelines,
        &config.server.default_pipeline,
        registry,
        config.llm.enabled,
    );
    serving.map_err(|problems| unservable(loaded, problems).into())
}

/// Whether a configuration could be served: what [`gateway`] checks, without
/// opening or binding anything.
///
/// # Errors
/// As for [`gateway`].
pub fn check(loaded: &Loaded) -> Result<(), AppError> {
    missing_secrets(loaded)?;
    serving(loaded).map(drop)
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
