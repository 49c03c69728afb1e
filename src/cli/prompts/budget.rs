//! Whether what a pipeline's calls show fits its model, by the arithmetic of
//! serving.

use std::fmt;

use serde::Serialize;

use super::{Failure, fixed_tokens};
use crate::config::Config;
use crate::llm::ModelConfig;
use crate::pipeline::{PipelineConfig, PromptChoice};
use crate::prompt::{Prompt, PromptRef, Registry, Task};
use crate::rerank::{Fit, documents_per_call, fit_window, reply_tokens, window_tokens};

/// A window that doesn't fit. Serving copes: it cuts passages, then leaves some
/// out.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Shortage {
    pipeline: String,
    prompt: String,
    model: String,
    context_tokens: usize,
    /// What a call would take, query not counted.
    needed_tokens: usize,
    fixed_tokens: usize,
    reply_tokens: u32,
    documents: usize,
    max_passage_tokens: usize,
    /// Documents that are shown in place of all.
    shown: usize,
    /// Tokens of each in place of the prompt's `max_passage_tokens`.
    passage_tokens: usize,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pipeline, prompt, model, documents, max_passage_tokens, .. } = self;
        let Self { shown, passage_tokens, fixed_tokens, reply_tokens, .. } = self;
        write!(
            f,
            "pipelines.{pipeline}: {documents} passages of {max_passage_tokens} tokens, \
             {fixed_tokens} of {prompt} itself and {reply_tokens} for the reply make about {} \
             with what stands around them, and models.{model}.context_tokens is {}: ",
            self.needed_tokens, self.context_tokens,
        )?;
        if *shown == 0 {
            f.write_str("not one passage fits, and nothing is ranked by the model")?;
        } else if shown < documents {
            write!(f, "{shown} of them are shown with {passage_tokens} tokens each")?;
        } else {
            write!(f, "they are cut to {passage_tokens} tokens each")?;
        }
        f.write_str(
            "; choose a smaller window, a prompt with a lower max_passage_tokens, or a model that \
             reads more",
        )
    }
}

/// The shortages of every pipeline that has a model. References that mean
/// nothing are for `config check` to report.
pub(super) fn shortages(config: &Config, registry: &Registry) -> Result<Vec<Shortage>, Failure> {
    let mut found = Vec::new();
    for (name, pipeline) in &config.pipelines {
        for wanted in prompts(pipeline) {
            let wanted = wanted.parse::<PromptRef>().ok();
            let prompt = wanted.and_then(|wanted| registry.get(&wanted).ok());
            if let Some(prompt) = prompt
                && let Some(model) = model_of(pipeline, prompt.task())
                && let Some(spec) = config.models.get(model)
            {
                found.extend(shortage((name, pipeline), &prompt, (model, spec))?);
            }
        }
    }
    Ok(found)
}

/// The model that a prompt of this task is for.
fn model_of(pipeline: &PipelineConfig, task: Task) -> Option<&String> {
    let explains = matches!(task, Task::Explain | Task::Contrast);
    pipeline.explain_model.as_ref().filter(|_| explains).or(pipeline.model.as_ref())
}

fn prompts(pipeline: &PipelineConfig) -> Vec<&str> {
    match &pipeline.prompt {
        None => Vec::new(),
        Some(PromptChoice::One(one)) => vec![one],
        Some(PromptChoice::ByTask(several)) => several.values().map(String::as_str).collect(),
    }
}

fn shortage(
    (name, pipeline): (&str, &PipelineConfig),
    prompt: &Prompt,
    (model, spec): (&str, &ModelConfig),
) -> Result<Option<Shortage>, Failure> {
    let Some(documents) = documents_per_call(prompt.task(), pipeline.window) else {
        return Ok(None);
    };
    let documents = documents.min(pipeline.rerank_limit);
    let fixed = fixed_tokens(prompt)?;
    let reply = reply_tokens(prompt.task(), documents, spec.capabilities.logprobs);
    let most = prompt.max_passage_tokens();
    let fit = fit_window(spec.context_tokens, fixed, reply, documents, most);
    let wanted = Fit { passages: documents, tokens_each: most };
    if documents == 0 || fit == Some(wanted) {
        return Ok(None);
    }
    let Fit { passages, tokens_each } = fit.unwrap_or(Fit { passages: 0, tokens_each: 0 });
    Ok(Some(Shortage {
        pipeline: name.to_owned(),
        prompt: prompt.id().to_string(),
        model: model.to_owned(),
        context_tokens: spec.context_tokens,
        needed_tokens: window_tokens(fixed, reply, wanted),
        fixed_tokens: fixed,
        reply_tokens: reply,
        documents,
        max_passage_tokens: most,
        shown: passages,
        passage_tokens: tokens_each,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(context_tokens: usize, pipeline: &str) -> Vec<Shortage> {
        let text = format!(
            "[models.m]\nupstreams = [\"u\"]\ncontext_tokens = {context_tokens}\n\
             [upstreams.u]\nbase_url = \"http://127.0.0.1:1/v1\"\n\
             [pipelines.p]\nmodel = \"m\"\n{pipeline}"
        );
        let config: Config = toml::from_str(&text).unwrap();
        shortages(&config, &Registry::builtin().unwrap()).unwrap()
    }

    #[test]
    fn says_when_passages_are_cut_left_out_or_none_fits() {
        let listwise = "prompt = \"rerank-listwise@v1\"\n";
        assert_eq!(found(16_000, listwise), []);
        let told = |context| {
            let found = found(context, listwise);
            assert_eq!(found.len(), 1);
            found[0].to_string()
        };
        let cut = told(4096);
        assert!(cut.starts_with("pipelines.p: 20 passages of 200 tokens, "), "{cut}");
        assert!(cut.contains("models.m.context_tokens is 4096: they are cut to "), "{cut}");
        let fewer = told(1024);
        assert!(fewer.contains(" is 1024: 12 of them are shown with "), "{fewer}");
        let none = told(256);
        assert!(none.contains(" is 256: not one passage fits"), "{none}");
    }

    #[test]
    fn looks_at_every_prompt_with_the_window_of_its_task() {
        let pipeline = "window = 10\n[pipelines.p.prompt]\n\
            \"rerank.listwise\" = \"rerank-listwise@latest\"\n\
            \"rerank.graded\" = \"rerank-graded@v1\"\n\
            \"rerank.pointwise\" = \"rerank-pointwise@v1\"\n\
            \"rerank.pairwise\" = \"rerank-pairwise@v1\"\n";
        let found = found(1024, pipeline);
        let prompts: Vec<_> = found.iter().map(|it| (it.prompt.as_str(), it.documents)).collect();
        assert_eq!(prompts, [("rerank-listwise@v1", 10), ("rerank-graded@v1", 10)]);
    }

    #[test]
    fn explanations_are_asked_of_their_own_model() {
        let pipeline = "explain_model = \"tiny\"\n[pipelines.p.prompt]\n\
            \"rerank.listwise\" = \"rerank-listwise@v1\"\nexplain = \"explain@v1\"\n\
            contrast = \"contrast@v1\"\n\
            [models.tiny]\nupstreams = [\"u\"]\ncontext_tokens = 768\n";
        let found = found(16_000, pipeline);
        let told: Vec<_> =
            found.iter().map(|it| (it.prompt.as_str(), it.model.as_str(), it.documents)).collect();
        assert_eq!(told, [("contrast@v1", "tiny", 2)]);
    }

    #[test]
    fn fewer_candidates_make_smaller_windows() {
        let pipeline = "rerank_limit = 3\nprompt = \"rerank-listwise@v1\"\n";
        assert_eq!(found(1024, pipeline), []);
    }

    #[test]
    fn what_names_nothing_is_passed_over() {
        for pipeline in ["", "prompt = \"nothing@v1\"\n", "prompt = \"?\"\n"] {
            assert_eq!(found(1024, pipeline), []);
        }
    }
}
