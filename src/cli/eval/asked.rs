//! What a variant asks with: which models, and which prompts of its pipeline.

use std::sync::Arc;

use crate::pipeline::{ExplainMode, Pipeline, PipelineConfig};
use crate::prompt::{Prompt, Task};
use crate::rerank::task_of;

/// The models that a pipeline asks, by their names in the configuration.
pub(super) struct Asked<'c> {
    /// What ranks; none where no LLM is wanted.
    pub ranks: Option<&'c str>,
    /// What explains.
    pub explains: Option<&'c str>,
    /// What is asked for to rank.
    task: Option<Task>,
}

impl<'c> Asked<'c> {
    /// What a pipeline with these keys asks.
    pub fn of(keys: &'c PipelineConfig) -> Self {
        let task = task_of(keys.strategy);
        let explains = keys.explain_model.as_deref().or(keys.model.as_deref());
        Self {
            ranks: keys.model.as_deref().filter(|_| task.is_some()),
            explains: explains.filter(|_| keys.explain == ExplainMode::On),
            task,
        }
    }

    /// The prompts that it asks with.
    pub fn prompts<'p>(
        &self,
        pipeline: &'p Pipeline,
    ) -> impl Iterator<Item = (Task, &'p Arc<Prompt>)> {
        let prompts = pipeline.prompts().iter().map(|(task, prompt)| (*task, prompt));
        prompts.filter(|(task, _)| self.uses(*task))
    }

    fn uses(&self, task: Task) -> bool {
        let ranks = |tasks: &[Task]| {
            self.ranks.is_some() && self.task.is_some_and(|asked| tasks.contains(&asked))
        };
        match task {
            // Pairs are better asked about once a listwise prompt has found the best few.
            Task::Listwise => ranks(&[Task::Listwise, Task::Pairwise]),
            Task::Graded | Task::Pointwise | Task::Pairwise => ranks(&[task]),
            Task::Explain => self.explains.is_some(),
            Task::Contrast | Task::Judge => false,
        }
    }
}
