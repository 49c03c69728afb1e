//! Makes the gateways of a suite's variants, with a recording around their
//! models and in front of their first stage.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use super::asked::Asked;
use super::plan::Plan;
use crate::app::Workbench;
use crate::cli::Failure;
use crate::eval::{
    Manifest, Mode, Recorded, Recording, Run, RunFile, Shuffled, Texts, Unasked, Variant,
};
use crate::llm::ChatModel;
use crate::pipeline::{Gateway, Serving};
use crate::prompt::PromptRef;
use crate::retrieve::Retriever;

/// Everything that the gateways of a run share.
pub(super) struct Stages<'p> {
    plan: &'p Plan,
    workbench: &'p Workbench,
    /// What is around models and first stages; none where models are priced and
    /// never asked.
    recording: Option<Arc<Recording>>,
    /// The suite's run file.
    run_file: Option<Arc<RunFile>>,
    /// The index; none where nothing is searched.
    engine: Option<Arc<dyn Retriever>>,
    /// The documents that a recording's candidates are.
    texts: Arc<Texts>,
}

impl<'p> Stages<'p> {
    /// With models that are never asked.
    pub fn unasked(plan: &'p Plan, workbench: &'p Workbench) -> Result<Self, Failure> {
        let run_file = run_file(plan)?;
        let engine = run_file.is_none().then(|| workbench.first_stage()).transpose()?;
        Ok(Self { plan, workbench, recording: None, run_file, engine, texts: Arc::default() })
    }

    /// With a recording. The index is only opened where it is searched.
    pub fn open(
        plan: &'p Plan,
        workbench: &'p Workbench,
        recording: &Arc<Recording>,
    ) -> Result<Self, Failure> {
        let run_file = run_file(plan)?;
        let searches = run_file.is_none() && recording.mode() == Mode::Record;
        let engine = searches.then(|| workbench.first_stage()).transpose()?;
        let texts = match recording.mode() {
            Mode::Record => Texts::default(),
            Mode::Replay => {
                let ids = recording.documents();
                plan.dataset.documents(&ids.iter().map(String::as_str).collect())?
            }
        };
        let (recording, texts) = (Some(Arc::clone(recording)), Arc::new(texts));
        Ok(Self { plan, workbench, recording, run_file, engine, texts })
    }

    /// A variant's gateway for one round of the same questions, counted from 1.
    pub fn gateway(&self, variant: &Variant, repeat: u32) -> Result<Gateway, Failure> {
        let around = |name: &str, model: &Arc<dyn ChatModel>| -> Arc<dyn ChatModel> {
            match &self.recording {
                Some(it) => it.around(Arc::clone(model), self.asked(name), repeat),
                None => Arc::new(Unasked(Arc::clone(model))),
            }
        };
        // The same each time, so that the same is asked; in another round with
        // other delimiters.
        let secret = blake3::derive_key("rankgate eval delimiters", &repeat.to_le_bytes());
        Ok(self.workbench.gateway(self.first_stage(variant)?, &around, secret)?)
    }

    /// A model for work that is no variant's, with the recording around it; none
    /// where it can't be called.
    pub fn model(&self, name: &str) -> Option<Arc<dyn ChatModel>> {
        if !self.plan.loaded.config.llm.enabled {
            return None;
        }
        let model = Arc::clone(self.workbench.model(name)?);
        Some(match &self.recording {
            Some(recording) => recording.around(model, self.asked(name), 1),
            None => Arc::new(Unasked(model)),
        })
    }

    /// What shapes the replies of a model besides what it is asked. Where it is
    /// reached and what it costs don't.
    fn asked(&self, name: &str) -> String {
        let config = self.plan.loaded.config.models.get(name);
        let shaping =
            config.map(|it| (it.model.as_deref().unwrap_or(name), &it.params, &it.capabilities));
        serde_json::json!(shaping).to_string()
    }

    fn first_stage(&self, variant: &Variant) -> Result<Arc<dyn Retriever>, Failure> {
        let ordered: Arc<dyn Retriever> = match (&self.run_file, &self.recording, &self.engine) {
            (Some(run), ..) => Arc::<RunFile>::clone(run),
            (None, Some(recording), engine) => {
                let pipeline = self.plan.pipeline(variant);
                let names = pipeline.collection.names();
                let configured = serde_json::json!([names, pipeline.retrieve]).to_string();
                recording.in_front_of(engine.clone(), configured, Arc::clone(&self.texts))
            }
            (None, None, Some(engine)) => Arc::clone(engine),
            (None, None, None) => return Err(Failure("there is no first stage".into())),
        };
        Ok(match variant.shuffle {
            Some(seed) => Arc::new(Shuffled::new(ordered, seed)),
            None => ordered,
        })
    }

    /// The variants as they are served.
    pub fn serving(&self) -> Result<Arc<Serving>, Failure> {
        let first = self.plan.variants.first();
        let first = first.ok_or_else(|| Failure("the suite has no variants".into()))?;
        Ok(self.gateway(first, 1)?.serving())
    }

    /// What the run is made of.
    pub fn manifest(&self) -> Result<Manifest, Failure> {
        let mut variants = BTreeMap::new();
        for variant in &self.plan.variants {
            let gateway = self.gateway(variant, 1)?;
            variants.insert(variant.name.clone(), recorded(&gateway, variant)?);
        }
        Ok(Manifest {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            corpus: self.plan.corpus.to_hex().to_string(),
            judge: self.judge()?,
            variants,
        })
    }

    /// What the suite's judge is made of.
    fn judge(&self) -> Result<Option<Recorded>, Failure> {
        let Some(judge) = &self.plan.suite.judge else { return Ok(None) };
        let prompt = self.workbench.registry().get(&judge.prompt.parse::<PromptRef>()?)?;
        Ok(Some(Recorded {
            pipeline: serde_json::Map::new(),
            model: self.workbench.model(&judge.model).map(|it| it.spec().model.clone()),
            prompts: BTreeMap::from([(prompt.id().to_string(), prompt.sha256().to_owned())]),
        }))
    }
}

/// The suite's candidates, where it names a run file.
fn run_file(plan: &Plan) -> Result<Option<Arc<RunFile>>, Failure> {
    let Some(file) = &plan.suite.candidates else { return Ok(None) };
    let wrong = |error: &dyn std::fmt::Display| Failure(format!("{}: {error}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| wrong(&error))?;
    let run = Run::parse(&text, &file.to_string_lossy())?;
    let found = plan.topics.iter().filter_map(|topic| run.of(&topic.id));
    let ids: BTreeSet<&str> = found.flatten().copied().collect();
    let texts = plan.dataset.documents(&ids)?;
    let first_stage = RunFile::new(&run, &plan.topics, &texts).map_err(|error| wrong(&error))?;
    Ok(Some(Arc::new(first_stage)))
}

fn recorded(gateway: &Gateway, variant: &Variant) -> Result<Recorded, Failure> {
    let pipeline = gateway.serving().pipeline(Some(&variant.name))?;
    let config = &pipeline.config;
    let mut keys = match serde_json::to_value(config)? {
        serde_json::Value::Object(keys) => keys,
        _ => serde_json::Map::new(),
    };
    keys.insert("shuffle".into(), variant.shuffle.into());
    let asked = Asked::of(config);
    let prompts = asked.prompts(&pipeline);
    let prompts = prompts.map(|(_, it)| (it.id().to_string(), it.sha256().to_owned())).collect();
    let model = pipeline.model().filter(|_| asked.ranks.or(asked.explains).is_some());
    Ok(Recorded { pipeline: keys, model: model.map(str::to_owned), prompts })
}
