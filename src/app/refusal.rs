//! What a refused reload means for those who look after prompts.

use jiff::Timestamp;

use super::AppError;
use crate::config::{Place, Problem};
use crate::http::RefusedPrompts;
use crate::prompt::PromptProblem;

/// Whose fault it was, and what the list of prompts says of it.
pub(super) struct Refusal {
    /// Whether the prompts have to be mended.
    pub blames_prompts: bool,
    /// Why the prompts in the files aren't what is served; none where they are.
    pub prompts: Option<RefusedPrompts>,
}

impl Refusal {
    /// `could_be_read` tells whether the configuration was read before `error`
    /// came about, `prompts_differ` whether the prompts in the files are others
    /// than those that are served.
    pub fn of(error: &AppError, could_be_read: bool, prompts_differ: bool) -> Self {
        let because = |blames_prompts, problems, more| {
            let refused = RefusedPrompts { at: Timestamp::now(), problems, more };
            Self { blames_prompts, prompts: Some(refused) }
        };
        match error {
            AppError::Prompts(invalid) => {
                let (first, more) = invalid.first();
                because(true, first.to_vec(), more)
            }
            _ if !prompts_differ => Self { blames_prompts: false, prompts: None },
            AppError::Config(config) => {
                let problems = config.problems();
                // Only a change of prompts takes away what a pipeline had.
                let unserved: Vec<_> =
                    problems.iter().filter(|it| could_be_read && is_about_prompts(it)).collect();
                if unserved.is_empty() {
                    because(false, problems.iter().map(held_up).collect(), 0)
                } else {
                    because(true, unserved.into_iter().map(missed).collect(), 0)
                }
            }
            _ => {
                let reason = "prompts are taken over together with the configuration, which failed";
                let problem = PromptProblem::new(".", None, reason, "see the log for the cause");
                because(false, vec![problem], 0)
            }
        }
    }
}

/// Whether a pipeline has no use for the prompts that it names.
fn is_about_prompts(problem: &Problem) -> bool {
    problem.key.starts_with("pipelines.") && problem.key.ends_with(".prompt")
}

/// A pipeline can't be served with these prompts.
fn missed(problem: &Problem) -> PromptProblem {
    let (file, line) = place(problem);
    let remedy = "put the prompt back as it was, or let the pipeline name another one";
    PromptProblem::new(file, line, format!("{}: {}", problem.key, problem.message), remedy)
}

/// Prompts wait for a configuration that can be used. What is wrong with it is
/// not told here: it may quote values.
fn held_up(problem: &Problem) -> PromptProblem {
    let (file, line) = place(problem);
    let key = if problem.key.is_empty() { "the configuration" } else { &problem.key };
    let reason = format!("{key} can't be used, and prompts are taken over together with it");
    PromptProblem::new(file, line, reason, "mend it: the log and rankgate config check say how")
}

fn place(problem: &Problem) -> (&str, Option<usize>) {
    match &problem.place {
        Place::File(file) => (file, None),
        Place::Line { file, line, .. } => (file, Some(*line)),
        Place::Variable(name) => (name, None),
    }
}
