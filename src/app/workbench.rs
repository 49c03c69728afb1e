//! The parts of gateways that don't serve: evals put other things around models
//! and first stages, and make a gateway for each variant.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::AppError;
use super::parts::{models, parallel, registry, serving_with, warm_up};
use super::retrieval::{Retrieval, Use};
use crate::cache::RankingCache;
use crate::config::Loaded;
use crate::llm::{ChatModel, InFlight};
use crate::pipeline::{Gateway, ModelSlot};
use crate::prompt::Registry;
use crate::retrieve::Retriever;

/// Whether models need their secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// Calls are made: those without can't be asked.
    Needed,
    /// No call is made: every model is there.
    NotNeeded,
}

/// Puts something around a model of this name in the configuration.
pub type Around<'a> = dyn Fn(&str, &Arc<dyn ChatModel>) -> Arc<dyn ChatModel> + 'a;

/// The parts of a configuration, each made once for all gateways.
pub struct Workbench {
    loaded: Loaded,
    registry: Arc<Registry>,
    models: BTreeMap<String, ModelSlot>,
}

impl Workbench {
    /// Makes prompts and models.
    ///
    /// # Errors
    /// When prompts or models can't be used as they are configured.
    pub fn new(loaded: Loaded, secrets: Secrets) -> Result<Self, AppError> {
        let in_flight = InFlight::new(loaded.config.limits.llm_max_in_flight);
        let models = match secrets {
            Secrets::Needed => models(&loaded, &in_flight)?,
            Secrets::NotNeeded => models(&without_keys(loaded.clone()), &in_flight)?,
        };
        let registry = Arc::new(registry(&loaded.config)?);
        Ok(Self { loaded, registry, models })
    }

    /// The configuration.
    #[must_use]
    pub const fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// The prompts.
    #[must_use]
    pub const fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// The model of this name in the configuration; none where there is no such
    /// model, or its secret is missing.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&Arc<dyn ChatModel>> {
        match self.models.get(name)? {
            ModelSlot::Ready(model) => Some(model),
            ModelSlot::NotConfigured => None,
        }
    }

    /// Most LLM calls of one request side by side.
    #[must_use]
    pub fn parallel(&self) -> usize {
        parallel(&self.loaded.config)
    }

    /// Opens the configured first stage, once for all gateways, and loads what
    /// its first answer would have to wait for. Blocks.
    ///
    /// # Errors
    /// When another process holds the engine's folder, or it can't be made.
    pub fn first_stage(&self) -> Result<Arc<dyn Retriever>, AppError> {
        let retrieval = Retrieval::open(&self.loaded, Use::Serving)?;
        warm_up(Some(retrieval.encoder.as_ref()));
        Ok(Arc::new(retrieval.first_stage()))
    }

    /// A gateway of all pipelines over a first stage, whose models have
    /// something `around` them, by their names in the configuration. What
    /// delimiters in prompts are derived from is given, so that the same secret
    /// asks the same.
    ///
    /// # Errors
    /// When pipelines can't be served.
    pub fn gateway(
        &self,
        first_stage: Arc<dyn Retriever>,
        around: &Around<'_>,
        secret: [u8; 32],
    ) -> Result<Gateway, AppError> {
        let wrapped = |(name, slot): (&String, &ModelSlot)| {
            let slot = match slot {
                ModelSlot::Ready(model) => ModelSlot::Ready(around(name, model)),
                ModelSlot::NotConfigured => ModelSlot::NotConfigured,
            };
            (name.clone(), slot)
        };
        let models = self.models.iter().map(wrapped).collect();
        let config = &self.loaded.config;
        let serving = serving_with(&self.loaded, Arc::clone(&self.registry), &models)?;
        let cache = RankingCache::new(&config.cache);
        Ok(Gateway::new(serving, Some(first_stage), cache, parallel(config), secret))
    }
}

fn without_keys(mut loaded: Loaded) -> Loaded {
    for upstream in loaded.config.upstreams.values_mut() {
        upstream.api_key = None;
    }
    loaded
}
