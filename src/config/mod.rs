//! The configuration: one value, read from a TOML file and the environment.
//!
//! Each module owns the types of its own sections; here they come together and
//! are checked against each other. Nothing else in the program reads the
//! environment, so that a test can build any configuration as a value.
//!
//! - [`ConfigSource`] says where a configuration comes from and can be loaded
//!   again, which is what a reload does.
//! - [`reference`] tells what can be written, for editors and for people.
//! - [`Loaded`] is a configuration together with what is needed to say where a
//!   fault stands: file, line and column, or the variable that overrode it.

mod check;
mod document;
mod environment;
mod error;
mod overrides;
mod planned;
pub mod reference;
mod sections;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use document::KeyPath;
pub use environment::Environment;
pub use error::{ConfigError, Place, Problem};
pub use sections::{
    LimitsConfig, ListenAddress, LogConfig, LogFormat, PromptsConfig, ServerConfig,
};
pub use source::{ConfigSource, DEFAULT_FILE, Loaded};

use crate::cache::CacheConfig;
use crate::llm::{LlmConfig, ModelConfig, UpstreamConfig};
use crate::pipeline::PipelineConfig;
use crate::retrieve::{CollectionConfig, EmbeddingConfig, RetrievalConfig};

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `[server]`.
    pub server: ServerConfig,
    /// `[log]`.
    pub log: LogConfig,
    /// `[retrieval]`.
    pub retrieval: RetrievalConfig,
    /// `[embedding]`.
    pub embedding: EmbeddingConfig,
    /// `[collections.NAME]`.
    pub collections: BTreeMap<String, CollectionConfig>,
    /// `[prompts]`.
    pub prompts: PromptsConfig,
    /// `[llm]`.
    pub llm: LlmConfig,
    /// `[upstreams.NAME]`.
    pub upstreams: BTreeMap<String, UpstreamConfig>,
    /// `[models.NAME]`.
    pub models: BTreeMap<String, ModelConfig>,
    /// `[pipelines.NAME]`.
    pub pipelines: BTreeMap<String, PipelineConfig>,
    /// `[cache]`.
    pub cache: CacheConfig,
    /// `[limits]`.
    pub limits: LimitsConfig,
}

impl Config {
    /// The configuration as TOML with every default written out. Secrets are
    /// only named in a configuration; values of upstream headers, which could
    /// hold one, are left out.
    ///
    /// # Errors
    /// When a value can't be written as TOML.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        let mut shown = self.clone();
        for upstream in shown.upstreams.values_mut() {
            for value in upstream.headers.values_mut() {
                *value = "(not shown)".into();
            }
        }
        toml::to_string(&shown)
    }

    /// The sections that differ and that a running gateway can't take over.
    #[must_use]
    pub fn needing_restart(&self, new: &Self) -> Vec<&'static str> {
        [
            ("server.listen", self.server.listen != new.server.listen),
            ("[log]", self.log != new.log),
            ("[retrieval]", self.retrieval != new.retrieval),
            ("[embedding]", self.embedding != new.embedding),
            ("[collections]", self.collections != new.collections),
            ("[cache]", self.cache != new.cache),
        ]
        .into_iter()
        .filter_map(|(section, differs)| differs.then_some(section))
        .collect()
    }
}
