//! `rankgate eval run`: a suite, from its data to its verdict.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::journal::Journal;
use super::judge::{self, Found, Holes};
use super::out::{self, Results, Setup, rounds_of, run_of};
use super::plan::{Plan, Selection};
use super::stages::Stages;
use crate::app::{self, Secrets, Workbench};
use crate::cli::output::{print, print_json, tell};
use crate::cli::{Failure, Outcome, Verdict, runtime};
use crate::config::ConfigSource;
use crate::eval::{
    self, Judgments, Measured, Mode, Round, Row, Run, SIDE_BY_SIDE, Scores, Suite, Summary, Topic,
    Variant, ask_all, markdown, mean_scores, score,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Write the summary, the report (as a page and as text), a line for each query
    /// and a run file for each variant into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Keep candidates and replies in this folder. Replies that are there already
    /// are not asked for again
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    record: Option<PathBuf>,
    /// Take candidates and replies from this folder, without any LLM
    #[arg(long, value_name = "DIR")]
    replay: Option<PathBuf>,
    /// Queries asked at the same time: 1 for a model on this machine
    #[arg(long, value_name = "N", default_value_t = SIDE_BY_SIDE, value_parser = side_by_side)]
    side_by_side: usize,
    /// Print the summary as one JSON document
    #[arg(long)]
    json: bool,
}

fn side_by_side(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n @ 1..=64) => Ok(n),
        _ => Err("use a number from 1 to 64".into()),
    }
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
    let judge = judge::of(&plan, workbench.registry(), |name| stages.model(name))?;
    let judge = judge.map(|judge| judge.side_by_side(args.side_by_side));
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
                side_by_side: args.side_by_side,
                recording: Some(&recording),
            };
            let asked = runtime.block_on(ask(round, &plan, variant));
            // What is missing in a recording shows as failures: it comes first.
            journal.check(&recording, &stages, Some(&variant.name))?;
            let asked = asked?;
            rounds.push(scores(&plan.suite, &judgments, &plan.topics, &asked));
            rows.extend(asked);
        }
        ran.push(Ran { name: &variant.name, rows, scores: mean_scores(&rounds), rounds });
    }
    let holes = Holes { plan: &plan, judgments: &judgments };
    let runs: Vec<Vec<Run<'_>>> = ran.iter().map(|it| rounds_of(&it.rows)).collect();
    let found = runtime.block_on(holes.measure(judge.as_ref(), &runs));
    journal.check(&recording, &stages, None)?;
    let found = found?;
    journal.finish(&recording, &stages)?;
    let serving = stages.serving()?;
    let setup = Setup { plan: &plan, judgments: &judgments, serving: &serving };
    conclude(args, &setup, &ran, &found)
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

fn conclude(args: &Args, setup: &Setup<'_>, ran: &[Ran<'_>], found: &Found) -> Outcome {
    let measured: Vec<Measured<'_>> = ran
        .iter()
        .map(|it| Measured {
            name: it.name,
            rows: &it.rows,
            scores: &it.scores,
            rounds: &it.rounds,
        })
        .collect();
    let suite = &setup.plan.suite;
    let summary = Summary::of(&measured, suite.baseline());
    let summary = summary.with_holes(found.holes.clone(), found.judge.clone());
    let verdicts = eval::judge(suite, &summary, &measured);
    let page = markdown(&setup.title(), &summary, &verdicts);
    if let Some(folder) = &args.out {
        let results = Results { measured: &measured, summary: &summary, verdicts: &verdicts };
        out::write(folder, setup, &results, &page)?;
        found.write(folder)?;
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
