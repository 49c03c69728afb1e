//! Stand-in: what is being served, without models.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::config::PipelineConfig;
use super::request::RequestError;
use crate::prompt::{Prompt, Registry, Task};

/// A pipeline, ready to serve.
pub struct Pipeline {
    /// Its name.
    pub name: String,
    /// Its configuration.
    pub config: PipelineConfig,
    prompts: BTreeMap<Task, Arc<Prompt>>,
}

impl Pipeline {
    /// The prompts by task.
    #[must_use]
    pub const fn prompts(&self) -> &BTreeMap<Task, Arc<Prompt>> {
        &self.prompts
    }

    /// The upstream's name for the pipeline's model, where calls can be made.
    #[must_use]
    pub const fn model(&self) -> Option<&str> {
        None
    }
}

/// What is being served at a moment.
pub struct Serving {
    pipelines: BTreeMap<String, Arc<Pipeline>>,
    names: HashMap<String, String>,
    default: String,
    registry: Arc<Registry>,
}

/// What can't be served as it is configured; `key` is the config's key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct Unservable {
    /// Where in the config.
    pub key: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl Serving {
    /// Puts pipelines and prompts together.
    ///
    /// # Errors
    /// None here.
    pub fn build(
        pipelines: &BTreeMap<String, PipelineConfig>,
        default: &str,
        registry: Arc<Registry>,
        _llm_enabled: bool,
    ) -> Result<Self, Vec<Unservable>> {
        let mut names = HashMap::new();
        let mut ready = BTreeMap::new();
        for (name, config) in pipelines {
            for called in std::iter::once(name).chain(&config.aliases) {
                names.insert(called.clone(), name.clone());
            }
            let prompts = BTreeMap::new();
            let pipeline = Pipeline { name: name.clone(), config: config.clone(), prompts };
            ready.insert(name.clone(), Arc::new(pipeline));
        }
        Ok(Self { pipelines: ready, names, default: default.into(), registry })
    }

    /// The pipeline of this name or alias; the default one for none.
    pub fn pipeline(&self, name: Option<&str>) -> Result<Arc<Pipeline>, RequestError> {
        let name = name.unwrap_or(&self.default);
        self.names.get(name).and_then(|name| self.pipelines.get(name)).cloned().ok_or_else(|| {
            RequestError::UnknownPipeline {
                name: name.into(),
                known: self.pipelines.keys().cloned().collect::<Vec<_>>().join(", "),
            }
        })
    }

    /// All pipelines by name.
    pub fn pipelines(&self) -> impl Iterator<Item = &Arc<Pipeline>> {
        self.pipelines.values()
    }

    /// The name of the pipeline for requests that name none.
    #[must_use]
    pub fn default_pipeline(&self) -> &str {
        &self.default
    }

    /// The prompts.
    #[must_use]
    pub const fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }
}
