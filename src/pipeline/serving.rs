//! What is being served at a moment: pipelines with their prompts and models,
//! checked against each other. Immutable; a reload makes a new one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::config::{PipelineConfig, PromptChoice};
use super::request::{Asked, RequestError};
use crate::domain::{NotWanted, StrategyName};
use crate::llm::ChatModel;
use crate::prompt::{Prompt, PromptRef, Registry, Task};
use crate::rerank::{Prompts, task_of};
use crate::retrieve::{CollectionConfig, Lexical};

/// A model as a pipeline finds it.
#[derive(Clone)]
pub enum ModelSlot {
    /// Calls can be made.
    Ready(Arc<dyn ChatModel>),
    /// Its upstreams have no usable credentials: rankings are classical.
    NotConfigured,
}

/// A pipeline, ready to serve.
pub struct Pipeline {
    /// Its name.
    pub name: String,
    /// Its configuration.
    pub config: PipelineConfig,
    /// How its first collection counts terms, for documents that requests bring.
    pub lexical: Lexical,
    model: Option<ModelSlot>,
    /// What explains; `model` where no other is named.
    explain_model: Option<ModelSlot>,
    prompts: BTreeMap<Task, Arc<Prompt>>,
}

/// What is being served at a moment.
pub struct Serving {
    pipelines: BTreeMap<String, Arc<Pipeline>>,
    names: HashMap<String, String>,
    default: String,
    registry: Arc<Registry>,
    llm_enabled: bool,
}

/// How a request is to be ranked.
#[derive(Clone)]
pub struct Chosen {
    /// The strategy that was asked for.
    pub strategy: StrategyName,
    /// What it asks with, or why no LLM is wanted.
    pub llm: Result<Llm, NotWanted>,
}

/// A model and the prompts to ask it with.
#[derive(Clone)]
pub struct Llm {
    /// The model.
    pub model: Arc<dyn ChatModel>,
    /// The prompts that the strategy needs or can use.
    pub prompts: Prompts,
}

/// The prompts that explain where a pipeline names none.
const EXPLAINING: [(Task, &str); 2] =
    [(Task::Explain, "explain@latest"), (Task::Contrast, "contrast@latest")];

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
    /// Puts pipelines, prompts and models together.
    ///
    /// # Errors
    /// Everything that doesn't fit, not just the first.
    pub fn build(
        pipelines: &BTreeMap<String, PipelineConfig>,
        default: &str,
        registry: Arc<Registry>,
        models: &BTreeMap<String, ModelSlot>,
        collections: &BTreeMap<String, CollectionConfig>,
        llm_enabled: bool,
    ) -> Result<Self, Vec<Unservable>> {
        let mut problems = Vec::new();
        let mut names = HashMap::new();
        let mut ready = BTreeMap::new();
        for (name, config) in pipelines {
            for called in std::iter::once(name).chain(&config.aliases) {
                if let Some(other) = names.insert(called.clone(), name.clone()) {
                    problems.push(unservable(
                        name,
                        "aliases",
                        format!("\"{called}\" already names pipeline \"{other}\""),
                    ));
                }
            }
            let first = config.collection.names().first();
            let collection = first.and_then(|name| collections.get(name));
            let lexical = collection.map_or_else(Lexical::default, CollectionConfig::lexical);
            match Pipeline::build(name, config, lexical, &registry, models) {
                Ok(pipeline) => drop(ready.insert(name.clone(), Arc::new(pipeline))),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() {
            Ok(Self { pipelines: ready, names, default: default.into(), registry, llm_enabled })
        } else {
            Err(problems)
        }
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

    /// The strategy of a request with its model and prompt, or why no LLM is
    /// wanted.
    ///
    /// # Errors
    /// When the request names a prompt that can't be used, or a strategy that
    /// the pipeline has no prompt for.
    pub fn choose(&self, pipeline: &Pipeline, asked: &Asked) -> Result<Chosen, RequestError> {
        let strategy = asked.strategy.unwrap_or(pipeline.config.strategy);
        let llm = match task_of(strategy) {
            None => Err(NotWanted::NotRequested),
            Some(task) => self.llm(pipeline, strategy, task, asked.prompt.as_deref())?,
        };
        Ok(Chosen { strategy, llm })
    }

    fn llm(
        &self,
        pipeline: &Pipeline,
        strategy: StrategyName,
        task: Task,
        prompt: Option<&str>,
    ) -> Result<Result<Llm, NotWanted>, RequestError> {
        let prompt = match prompt {
            Some(wanted) => self.pinned(wanted, strategy, task)?,
            None => match pipeline.prompts.get(&task) {
                Some(prompt) => Arc::clone(prompt),
                None if pipeline.model.is_none() => return Ok(Err(NotWanted::NoLlmConfigured)),
                None => {
                    let pipeline = pipeline.name.clone();
                    return Err(RequestError::NoPrompt { pipeline, strategy, task });
                }
            },
        };
        Ok(match &pipeline.model {
            _ if !self.llm_enabled => Err(NotWanted::LlmDisabled),
            Some(ModelSlot::Ready(model)) => {
                Ok(Llm { model: Arc::clone(model), prompts: pipeline.with_helpers(prompt) })
            }
            Some(ModelSlot::NotConfigured) | None => Err(NotWanted::NoLlmConfigured),
        })
    }

    /// The model and the prompt that explain, or why no LLM does.
    ///
    /// # Errors
    /// When the request names a prompt that can't be used.
    pub(super) fn explainer(
        &self,
        pipeline: &Pipeline,
        task: Task,
        prompt: Option<&str>,
    ) -> Result<Result<Llm, NotWanted>, RequestError> {
        let prompt = match prompt {
            None => pipeline.prompts.get(&task).cloned(),
            Some(wanted) => {
                let prompt =
                    find_prompt(&self.registry, wanted).map_err(RequestError::UnknownPrompt)?;
                if prompt.task() != task {
                    let (prompt, found) = (prompt.id().to_string(), prompt.task());
                    return Err(RequestError::NotExplaining { prompt, found, needed: task });
                }
                Some(prompt)
            }
        };
        Ok(match (prompt, &pipeline.explain_model) {
            _ if !self.llm_enabled => Err(NotWanted::LlmDisabled),
            (Some(prompt), Some(ModelSlot::Ready(model))) => {
                let prompts = Prompts::new(prompt, Vec::new());
                Ok(Llm { model: Arc::clone(model), prompts })
            }
            _ => Err(NotWanted::NoLlmConfigured),
        })
    }

    fn pinned(
        &self,
        wanted: &str,
        strategy: StrategyName,
        needed: Task,
    ) -> Result<Arc<Prompt>, RequestError> {
        let prompt = find_prompt(&self.registry, wanted).map_err(RequestError::UnknownPrompt)?;
        if prompt.task() == needed {
            return Ok(prompt);
        }
        let (prompt, found) = (prompt.id().to_string(), prompt.task());
        Err(RequestError::WrongTask { prompt, found, strategy, needed })
    }
}

impl Pipeline {
    fn build(
        name: &str,
        config: &PipelineConfig,
        lexical: Lexical,
        registry: &Registry,
        models: &BTreeMap<String, ModelSlot>,
    ) -> Result<Self, Vec<Unservable>> {
        let mut problems = Vec::new();
        let mut slot = |key: &str, wanted: Option<&String>| {
            let wanted = wanted?;
            let found = models.get(wanted).cloned();
            if found.is_none() {
                let known = models.keys().cloned().collect::<Vec<_>>().join(", ");
                let problem = format!("there is no model \"{wanted}\"; there are: {known}");
                problems.push(unservable(name, key, problem));
            }
            found
        };
        let model = slot("model", config.model.as_ref());
        let explain_model = slot("explain_model", config.explain_model.as_ref());
        let explain_model = explain_model.or_else(|| model.clone());
        let mut prompts = match prompts_by_task(name, config, registry) {
            Ok(prompts) => prompts,
            Err(found) => {
                problems.extend(found);
                BTreeMap::new()
            }
        };
        for (task, usual) in EXPLAINING {
            // A folder without them explains by the first stage.
            if let Ok(prompt) = find_prompt(registry, usual)
                && prompt.task() == task
            {
                prompts.entry(task).or_insert(prompt);
            }
        }
        let needed = task_of(config.strategy);
        if problems.is_empty()
            && let (Some(needed), Some(_)) = (needed, &model)
            && !prompts.contains_key(&needed)
        {
            let problem = format!(
                "strategy \"{}\" needs a prompt for {}, and none is named",
                config.strategy,
                needed.as_str()
            );
            problems.push(unservable(name, "prompt", problem));
        }
        if !(1..=600_000).contains(&config.deadline_ms) {
            let problem = format!("{} is outside 1 to 600000", config.deadline_ms);
            problems.push(unservable(name, "deadline_ms", problem));
        }
        if config.min_margin.is_some_and(|margin| !(0.0..=1.0).contains(&margin)) {
            let problem = "use a number from 0 to 1, or leave it out".into();
            problems.push(unservable(name, "min_margin", problem));
        }
        if config.max_cost_usd.is_some_and(|most| !(most >= 0.0 && most.is_finite())) {
            let problem = "use a number of US dollars, 0 or more".into();
            problems.push(unservable(name, "max_cost_usd", problem));
        }
        if config.promotion_top == 0 {
            let problem = "it protects at least the first place: 1 or more".into();
            problems.push(unservable(name, "promotion_top", problem));
        }
        if config.promotion_below.is_some_and(|below| below < config.promotion_top) {
            let problem = format!(
                "the best {} places need as many documents that may enter them: use \
                 promotion_top or more",
                config.promotion_top
            );
            problems.push(unservable(name, "promotion_below", problem));
        }
        if config.window == 0 {
            problems.push(unservable(name, "window", "a call needs a document: 1 or more".into()));
        }
        if problems.is_empty() {
            let (name, config) = (name.into(), config.clone());
            Ok(Self { name, config, lexical, model, explain_model, prompts })
        } else {
            Err(problems)
        }
    }

    /// The prompt with what its task can use besides: pairs are better asked
    /// about once a listwise prompt has found the best few.
    fn with_helpers(&self, main: Arc<Prompt>) -> Prompts {
        let helper = (main.task() == Task::Pairwise)
            .then(|| self.prompts.get(&Task::Listwise).cloned())
            .flatten();
        Prompts::new(main, helper.into_iter().collect())
    }

    /// Time to the complete answer where a request names none.
    #[must_use]
    pub const fn deadline(&self) -> Duration {
        Duration::from_millis(self.config.deadline_ms)
    }

    /// How long calls in flight at the deadline may run on.
    #[must_use]
    pub const fn late(&self) -> Duration {
        Duration::from_millis(self.config.late_ms)
    }

    /// The prompts by task.
    #[must_use]
    pub const fn prompts(&self) -> &BTreeMap<Task, Arc<Prompt>> {
        &self.prompts
    }

    /// The upstream's name for the pipeline's model, where calls can be made.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        match &self.model {
            Some(ModelSlot::Ready(model)) => Some(&model.spec().model),
            Some(ModelSlot::NotConfigured) | None => None,
        }
    }
}

fn prompts_by_task(
    name: &str,
    config: &PipelineConfig,
    registry: &Registry,
) -> Result<BTreeMap<Task, Arc<Prompt>>, Vec<Unservable>> {
    let mut problems = Vec::new();
    let mut prompts = BTreeMap::new();
    let mut take = |wanted: &str, task: Option<Task>| match find_prompt(registry, wanted) {
        Ok(prompt) => match task.filter(|&task| task != prompt.task()) {
            Some(task) => {
                let (found, task) = (prompt.task().as_str(), task.as_str());
                let problem = format!("{wanted} is for {found}, and {task} is needed here");
                problems.push(unservable(name, "prompt", problem));
            }
            None => drop(prompts.insert(prompt.task(), prompt)),
        },
        Err(problem) => problems.push(unservable(name, "prompt", problem)),
    };
    match &config.prompt {
        None => {}
        Some(PromptChoice::One(wanted)) => take(wanted, task_of(config.strategy)),
        Some(PromptChoice::ByTask(choices)) => {
            for (&task, wanted) in choices {
                take(wanted, Some(task));
            }
        }
    }
    if problems.is_empty() { Ok(prompts) } else { Err(problems) }
}

fn find_prompt(registry: &Registry, wanted: &str) -> Result<Arc<Prompt>, String> {
    let reference: PromptRef = wanted.parse().map_err(|error| format!("{error}"))?;
    registry.get(&reference).map_err(|error| error.to_string())
}

fn unservable(pipeline: &str, key: &str, problem: String) -> Unservable {
    Unservable { key: format!("pipelines.{pipeline}.{key}"), problem }
}
