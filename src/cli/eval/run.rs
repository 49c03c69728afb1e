//! `rankgate eval run`: a suite, from its data to its verdict.

use std::collections::BTreeMap;
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::journal::Journal;
use super::plan::{Plan, Selection};
use super::stages::Stages;
use crate::app::{self, Secrets, Workbench};
use crate::cli::output::{print, print_json, tell};
use crate::cli::{Failure, Outcome, Verdict, runtime};
use crate::config::ConfigSource;
use crate::eval::{
    Judgments, Measured, Mode, Round, Row, Run, Scores, Suite, Summary, Topic, Variant, ask_all,
    judge, markdown, mean_scores, score,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Write the summary, the report, a line for each query and a run file for each
    /// variant into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Keep candidates and replies in this folder. Replies that are there already
    /// are not asked for again
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    record: Option<PathBuf>,
    /// Take candidates and replies from this folder, without any LLM
    #[arg(long, value_name = "DIR")]
    replay: Option<PathBuf>,
    /// Print the summary as one JSON document
    #[arg(long)]
    json: bool,
}

/// A line of `per_query.jsonl`.
#[derive(serde::Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    row: &'a Row,
    metrics: BTreeMap<String, f64>,
}

/// A variant that was run.
struct Ran<'a> {
    name: &'a str,
    rows: Vec<Row>,
    scores: Scores,
    rounds: Vec<Scores>,
}

pub(super) fn run(source: &ConfigSource, args: &Args) -> Outcome {
    let plan = Plan::read(source, &args.selection)?;
    let journal = Journal::of(args.record.as_deref(), args.replay.as_deref(), &args.selection);
    let recording = Arc::new(journal.open()?);
    let secrets = match recording.mode() {
        Mode::Record => Secrets::Needed,
        Mode::Replay => Secrets::NotNeeded,
    };
    if recording.mode() == Mode::Record {
        for missing in app::missing_secrets(&plan.loaded)? {
            tell(&format!("warning: {missing}"));
        }
        if plan.suite.candidates.is_none() {
            plan.index()?;
        }
    }
    let workbench = Workbench::new(plan.loaded.clone(), secrets)?;
    let stages = Stages::open(&plan, &workbench, &recording)?;
    let judgments = plan.dataset.judgments()?;
    let runtime = runtime()?;
    let mut ran = Vec::new();
    for variant in &plan.variants {
        let (mut rows, mut rounds) = (Vec::new(), Vec::new());
        for repeat in 1..=plan.suite.repeats {
            let gateway = stages.gateway(variant, repeat)?;
            let round = Round {
                gateway: &gateway,
                variant: &variant.name,
                repeat,
                top_n: plan.suite.top_n,
                recording: Some(&recording),
            };
            let asked = runtime.block_on(ask(round, &plan, variant));
            // What is missing in a recording shows as failures: it comes first.
            journal.check(&recording, &stages, variant)?;
            let asked = asked?;
            rounds.push(scores(&plan.suite, &judgments, &plan.topics, &asked));
            rows.extend(asked);
        }
        ran.push(Ran { name: &variant.name, rows, scores: mean_scores(&rounds), rounds });
    }
    journal.finish(&recording, &stages)?;
    conclude(args, &plan.suite, &ran)
}

async fn ask(round: Round<'_>, plan: &Plan, variant: &Variant) -> Result<Vec<Row>, Failure> {
    let topics = &plan.topics;
    let bar =
        std::io::stderr().is_terminal().then(|| indicatif::ProgressBar::new(topics.len() as u64));
    let done = AtomicUsize::new(0);
    let spent = std::sync::Mutex::new(0.0);
    let tell_progress = |row: &Row| {
        let n = done.fetch_add(1, Ordering::Relaxed) + 1;
        let so_far = {
            let mut spent = spent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *spent += row.usage.cost_usd;
            *spent
        };
        let whole = so_far / n as f64 * topics.len() as f64;
        let round = match plan.suite.repeats {
            1 => String::new(),
            all => format!(" (round {} of {all})", round.repeat),
        };
        let text =
            format!("{}{round}: ${so_far:.4} so far, about ${whole:.4} in all", variant.name);
        match &bar {
            Some(bar) => {
                bar.set_message(text);
                bar.inc(1);
            }
            None if n.is_multiple_of(50) || n == topics.len() => {
                tell(&format!("{n} of {} queries, {text}", topics.len()));
            }
            None => {}
        }
    };
    let rows = ask_all(round, topics, &tell_progress).await?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(rows)
}

fn scores(suite: &Suite, judgments: &Judgments<'_>, topics: &[Topic], rows: &[Row]) -> Scores {
    let mut scores = score(judgments, &run_of(rows), &suite.metrics, suite.relevance_level);
    // Where only some were asked, the others aren't failures.
    scores.by_query.retain(|query, _| topics.iter().any(|topic| topic.id == *query));
    scores
}

/// The rankings of the rows, which are of one round.
fn run_of<'r>(rows: impl IntoIterator<Item = &'r Row>) -> Run<'r> {
    let order = |row: &'r Row| row.order.iter().map(String::as_str).collect();
    Run::of_orders(rows.into_iter().map(|row| (row.query.as_str(), order(row))).collect())
}

fn conclude(args: &Args, suite: &Suite, ran: &[Ran<'_>]) -> Outcome {
    let measured: Vec<Measured<'_>> = ran
        .iter()
        .map(|it| Measured {
            name: it.name,
            rows: &it.rows,
            scores: &it.scores,
            rounds: &it.rounds,
        })
        .collect();
    let summary = Summary::of(&measured, suite.baseline());
    let verdicts = judge(suite, &summary, &measured);
    let title = args.selection.suite.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let page = markdown(&title.unwrap_or_default(), &summary, &verdicts);
    if let Some(folder) = &args.out {
        write(folder, ran, &summary, &page)?;
    }
    if args.json {
        print_json(&summary)?;
    } else {
        print(&page)?;
    }
    let failed: Vec<_> = verdicts.iter().filter(|verdict| !verdict.passed).collect();
    for verdict in &failed {
        tell(&format!("failed: {}", verdict.text));
    }
    Ok(if failed.is_empty() { Verdict::Good } else { Verdict::Bad })
}

fn write(folder: &Path, ran: &[Ran<'_>], summary: &Summary, page: &str) -> Result<(), Failure> {
    let put = |name: &str, text: &str| {
        let file = folder.join(name);
        fs::write(&file, text).map_err(|error| Failure(format!("{}: {error}", file.display())))
    };
    fs::create_dir_all(folder)
        .map_err(|error| Failure(format!("{}: {error}", folder.display())))?;
    put("summary.json", &(serde_json::to_string_pretty(summary)? + "\n"))?;
    put("report.md", page)?;
    let mut lines = String::new();
    for Ran { name, rows, scores, rounds } in ran {
        for (repeat, _) in (1..).zip(rounds) {
            let run = run_of(rows.iter().filter(|row| row.repeat == repeat)).to_trec(name);
            // No variant has such a sign in its name.
            let file = if repeat == 1 { (*name).to_owned() } else { format!("{name}@{repeat}") };
            put(&format!("{file}.trec"), &run)?;
        }
        let names: Vec<String> = scores.metrics.iter().map(ToString::to_string).collect();
        for row in rows {
            let values = rounds.get(row.repeat as usize - 1);
            let values = values.and_then(|it| it.by_query.get(&row.query));
            let values = values.into_iter().flatten().copied();
            let metrics = names.iter().cloned().zip(values).collect();
            lines += &serde_json::to_string(&Line { row, metrics })?;
            lines.push('\n');
        }
    }
    put("per_query.jsonl", &lines)
}
