//! What `rankgate eval run --out` leaves behind.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use serde::Serialize;

use super::asked::Asked;
use super::plan::Plan;
use crate::cli::Failure;
use crate::config::Config;
use crate::eval::{
    self, HtmlReport, Judgments, Measured, ModelUsed, PromptUsed, Provenance, Row, Run, Summary,
    VariantSetup,
};
use crate::llm::ModelConfig;
use crate::pipeline::{Pipeline, PipelineConfig, Serving};
use crate::retrieve::{CollectionConfig, EmbeddingConfig};

/// What was run.
pub(super) struct Setup<'a> {
    pub plan: &'a Plan,
    pub judgments: &'a Judgments<'a>,
    /// The variants as pipelines.
    pub serving: &'a Serving,
}

/// What came out.
pub(super) struct Results<'a> {
    pub measured: &'a [Measured<'a>],
    pub summary: &'a Summary,
    pub verdicts: &'a [eval::Verdict],
}

/// A line of `per_query.jsonl`.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    row: &'a Row,
    metrics: BTreeMap<String, f64>,
}

impl Setup<'_> {
    /// The suite's name.
    pub fn title(&self) -> String {
        let stem = self.plan.file.file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }
}

/// Writes everything into a folder; `markdown` is the report as text.
pub(super) fn write(
    folder: &Path,
    setup: &Setup<'_>,
    results: &Results<'_>,
    markdown: &str,
) -> Result<(), Failure> {
    let put = |name: &str, text: &str| {
        let file = folder.join(name);
        fs::write(&file, text).map_err(|error| Failure(format!("{}: {error}", file.display())))
    };
    fs::create_dir_all(folder)
        .map_err(|error| Failure(format!("{}: {error}", folder.display())))?;
    put("summary.json", &(serde_json::to_string_pretty(results.summary)? + "\n"))?;
    put("report.md", markdown)?;
    let mut lines = String::new();
    for Measured { name, rows, scores, rounds } in results.measured {
        for (repeat, run) in (1..).zip(rounds_of(rows)) {
            // No variant has such a sign in its name.
            let file = if repeat == 1 { (*name).to_owned() } else { format!("{name}@{repeat}") };
            put(&format!("{file}.trec"), &run.to_trec(name))?;
        }
        let names: Vec<String> = scores.metrics.iter().map(ToString::to_string).collect();
        for row in *rows {
            let values = rounds.get(row.repeat as usize - 1);
            let values = values.and_then(|it| it.by_query.get(&row.query));
            let values = values.into_iter().flatten().copied();
            let metrics = names.iter().cloned().zip(values).collect();
            lines += &serde_json::to_string(&Line { row, metrics })?;
            lines.push('\n');
        }
    }
    put("per_query.jsonl", &lines)?;
    // Last: what it tells of is there by now, whatever becomes of the page.
    put("report.html", &page(setup, results)?)
}

/// The rankings of each round.
pub(super) fn rounds_of(rows: &[Row]) -> Vec<Run<'_>> {
    let rounds = rows.iter().map(|row| row.repeat).max().unwrap_or_default();
    (1..=rounds).map(|repeat| run_of(rows.iter().filter(|row| row.repeat == repeat))).collect()
}

/// The rankings of rows of one round.
pub(super) fn run_of<'r>(rows: impl IntoIterator<Item = &'r Row>) -> Run<'r> {
    let order = |row: &'r Row| row.order.iter().map(String::as_str).collect();
    Run::of_orders(rows.into_iter().map(|row| (row.query.as_str(), order(row))).collect())
}

fn page(setup: &Setup<'_>, results: &Results<'_>) -> Result<String, Failure> {
    let report = HtmlReport {
        title: &setup.title(),
        summary: results.summary,
        verdicts: results.verdicts,
        measured: results.measured,
        topics: &setup.plan.topics,
        judgments: setup.judgments,
        relevance_level: setup.plan.suite.relevance_level,
    };
    let documents = setup.plan.dataset.documents(&report.documents())?;
    Ok(report.render(&documents, &provenance(setup, results.measured)?)?)
}

fn provenance(setup: &Setup<'_>, measured: &[Measured<'_>]) -> Result<Provenance, Failure> {
    let Setup { plan, serving, .. } = setup;
    let corpus = ("corpus.jsonl".to_owned(), plan.corpus);
    let hashes = [corpus].into_iter().chain(plan.dataset.hashes());
    let mut variants = Vec::with_capacity(measured.len());
    for it in measured {
        let pipeline = serving.pipeline(Some(it.name))?;
        variants.push(variant_setup(it.name, &pipeline, &plan.loaded.config)?);
    }
    Ok(Provenance {
        command: command_line(std::env::args_os()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        suite_file: plan.file.display().to_string(),
        suite_text: plan.text.clone(),
        dataset: plan.suite.dataset.display().to_string(),
        split: plan.suite.split.clone(),
        hashes: hashes.map(|(file, hash)| (file, hash.to_hex().to_string())).collect(),
        variants,
    })
}

/// A part of a configuration, as it would be written.
#[derive(Serialize)]
struct Keys<'a> {
    pipelines: BTreeMap<&'a str, &'a PipelineConfig>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    models: BTreeMap<&'a str, &'a ModelConfig>,
    collections: BTreeMap<&'a str, &'a CollectionConfig>,
    embedding: &'a EmbeddingConfig,
}

fn variant_setup(
    name: &str,
    pipeline: &Pipeline,
    config: &Config,
) -> Result<VariantSetup, Failure> {
    let keys = &pipeline.config;
    let asked = Asked::of(keys);
    let (ranks, explains) = (asked.ranks, asked.explains);
    let models = [("ranking", ranks), ("explaining", explains)];
    let models = models.into_iter().filter_map(|(what, name)| {
        let (name, what) = (name?, what.to_owned());
        let model = config.models.get(name).and_then(|it| it.model.clone());
        Some(ModelUsed { what, model: model.unwrap_or_else(|| name.to_owned()) })
    });
    let models_asked = [ranks, explains].into_iter().flatten();
    let searched = keys.collection.names().iter().map(String::as_str);
    let text = toml::to_string(&Keys {
        pipelines: BTreeMap::from([(name, keys)]),
        models: models_asked.filter_map(|name| Some((name, config.models.get(name)?))).collect(),
        collections: searched
            .filter_map(|name| Some((name, config.collections.get(name)?)))
            .collect(),
        embedding: &config.embedding,
    })?;
    Ok(VariantSetup {
        name: name.to_owned(),
        models: models.collect(),
        prompts: asked
            .prompts(pipeline)
            .map(|(task, prompt)| PromptUsed {
                task: task.as_str().to_owned(),
                id: prompt.id().to_string(),
                sha256: prompt.sha256().to_owned(),
            })
            .collect(),
        keys: text,
    })
}

/// The command as it would be typed: the program by its name, wherever it is.
fn command_line(arguments: impl Iterator<Item = OsString>) -> String {
    let typed = arguments.skip(1).map(|argument| quoted(&argument.to_string_lossy()));
    let words: Vec<String> = std::iter::once("rankgate".to_owned()).chain(typed).collect();
    words.join(" ")
}

/// An argument as a shell reads it.
fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_can_be_typed_again() {
        let arguments =
            ["/usr/local/bin/rankgate", "eval", "run", "my suite.toml", "--out", "it's"];
        let command = command_line(arguments.into_iter().map(OsString::from));
        assert_eq!(command, r"rankgate eval run 'my suite.toml' --out 'it'\''s'");
    }
}
