//! What `rankgate eval run` says of documents that nobody judged, with the
//! grades of the suite's judge where it has one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use super::plan::Plan;
use crate::cli::Failure;
use crate::cli::output::tell;
use crate::config::Config;
use crate::eval::{
    Graded, Headline, HolesSummary, Judge, JudgeSummary, Judgments, ModelNames, Ranker, Run, Scale,
    Unjudged, holes, refuse_rankers, unjudged,
};
use crate::llm::{ChatModel, ModelUpstream};
use crate::prompt::{PromptRef, Registry};
use crate::rerank::task_of;

/// The file of a judge's grades.
const GRADES: &str = "judge.tsv";

/// What is measured besides the suite's metrics, over what.
pub(super) struct Holes<'a> {
    pub plan: &'a Plan,
    pub judgments: &'a Judgments<'a>,
}

/// What it came to.
pub(super) struct Found {
    /// By variant, in their order.
    pub holes: Vec<HolesSummary>,
    pub judge: Option<JudgeSummary>,
    /// The judge's grades on the set's scale.
    grades: BTreeMap<(String, String), i32>,
}

/// The judge of a suite, if it has one: checked before anything is paid for.
/// `model` finds a model of the configuration that can be called.
pub(super) fn of(
    plan: &Plan,
    registry: &Registry,
    model: impl FnOnce(&str) -> Option<Arc<dyn ChatModel>>,
) -> Result<Option<Judge>, Failure> {
    let Some(wanted) = &plan.suite.judge else { return Ok(None) };
    let config = &plan.loaded.config;
    let wrong = |problem: String| Failure(format!("{}: {problem}", plan.file.display()));
    let Some(names) = names(config, &wanted.model) else {
        let known = config.models.keys().cloned().collect::<Vec<_>>().join(", ");
        return Err(wrong(format!(
            "judge.model: there is no model \"{}\"; there are: {known}",
            wanted.model
        )));
    };
    refuse_rankers(&names, &rankers(config)).map_err(|error| wrong(error.to_string()))?;
    let prompt = wanted.prompt.parse::<PromptRef>().map_err(|error| error.to_string());
    let prompt = prompt.and_then(|it| registry.get(&it).map_err(|error| error.to_string()));
    let prompt = prompt.map_err(|problem| wrong(format!("judge.prompt: {problem}")))?;
    let Some(model) = model(&wanted.model) else {
        return Err(wrong(format!(
            "judge.model: \"{}\" can't be called: its key is missing, or llm.enabled is false; \
             mend it, or take [judge] out",
            wanted.model
        )));
    };
    let judge = Judge::new(model, prompt, wanted.per_call);
    judge.map(Some).map_err(|error| wrong(error.to_string()))
}

/// The models that variants rank with. What only explains doesn't rank.
fn rankers(config: &Config) -> Vec<Ranker<'_>> {
    let ranking = config.pipelines.iter().filter(|(_, it)| task_of(it.strategy).is_some());
    ranking
        .filter_map(|(variant, pipeline)| {
            Some(Ranker { variant, model: names(config, pipeline.model.as_deref()?)? })
        })
        .collect()
}

/// A configured model by every name it has; none where there is no such model.
fn names<'c>(config: &'c Config, model: &str) -> Option<ModelNames<'c>> {
    let (configured, model) = config.models.get_key_value(model)?;
    let usual = model.model.as_deref().unwrap_or(configured);
    let own = model.upstreams.iter().filter_map(ModelUpstream::model);
    Some(ModelNames { configured, upstream: std::iter::once(usual).chain(own).collect() })
}

impl Holes<'_> {
    /// Measures each variant's runs, one for each time that the queries were
    /// asked. Never fails for the judge's failures: what it doesn't grade is
    /// counted.
    pub(super) async fn measure(
        &self,
        judge: Option<&Judge>,
        variants: &[Vec<Run<'_>>],
    ) -> Result<Found, Failure> {
        let mut grades = BTreeMap::new();
        let mut summary = None;
        let Some(metric) = self.plan.suite.headline() else {
            return Ok(Found { holes: Vec::new(), judge: summary, grades });
        };
        let queries: BTreeSet<&str> =
            self.plan.topics.iter().map(|topic| topic.id.as_str()).collect();
        if let (Some(judge), Some(config)) = (judge, &self.plan.suite.judge) {
            let runs = variants.iter().flatten();
            let open = unjudged(self.judgments, runs, &queries, config.depth(metric));
            let (asked, said) = self.ask(judge, &open).await?;
            let scale = Scale::of(self.judgments);
            let mapped = said.grades.into_iter().map(|(pair, it)| (pair, scale.grade(it)));
            grades = mapped.collect();
            summary = Some(asked);
        }
        let holes = {
            let more = grades.iter();
            let more = more.map(|((query, id), grade)| (query.as_str(), id.as_str(), *grade));
            // A judge that graded nothing of what was open says nothing.
            let speaks = |it: &JudgeSummary| it.documents == 0 || it.ungraded < it.documents;
            let speaks = summary.as_ref().is_some_and(speaks);
            let filled = summary.as_ref().map(|_| self.judgments.filled(more));
            let level = self.plan.suite.relevance_level;
            let headline = Headline { metric, level, queries: &queries };
            let of_variant = |runs: &Vec<Run<'_>>| {
                let mut found = holes(&headline, self.judgments, filled.as_ref(), runs);
                found.judge_filled = found.judge_filled.filter(|_| speaks);
                found
            };
            variants.iter().map(of_variant).collect()
        };
        Ok(Found { holes, judge: summary, grades })
    }

    /// Asks the judge about documents by query.
    async fn ask(
        &self,
        judge: &Judge,
        open: &BTreeMap<&str, BTreeSet<&str>>,
    ) -> Result<(JudgeSummary, Graded), Failure> {
        let ids: BTreeSet<&str> = open.values().flatten().copied().collect();
        let texts = self.plan.dataset.documents(&ids)?;
        let mut asked = Vec::new();
        for topic in &self.plan.topics {
            let Some(ids) = open.get(topic.id.as_str()) else { continue };
            let documents = ids.iter().filter_map(|id| texts.get(id).cloned()).collect();
            asked.push(Unjudged { topic, documents });
        }
        let bar = std::io::stderr().is_terminal().then(|| indicatif::ProgressBar::new(0));
        let progress = |done: usize, all: usize| match &bar {
            Some(bar) => {
                bar.set_message("judge");
                bar.set_length(all as u64);
                bar.set_position(done as u64);
            }
            None if done.is_multiple_of(50) || done == all => {
                tell(&format!("judge: {done} of {all} calls"));
            }
            None => {}
        };
        let graded = judge.grade(&asked, &progress).await;
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        let pairs = open.values().map(BTreeSet::len).sum();
        Ok((judge.summary(pairs, &graded), graded))
    }
}

impl Found {
    /// Writes the judge's grades, in the form of the set's own: for people to
    /// look at, and to take over what they find right.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Failure> {
        if self.judge.is_none() {
            return Ok(());
        }
        let rows = self.grades.iter();
        let rows = rows.map(|((query, document), grade)| format!("{query}\t{document}\t{grade}\n"));
        let text: String =
            std::iter::once("query-id\tcorpus-id\tscore\n".to_owned()).chain(rows).collect();
        let file = folder.join(GRADES);
        fs::write(&file, text).map_err(|error| Failure(format!("{}: {error}", file.display())))
    }
}
