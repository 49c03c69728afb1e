//! `rankgate eval run`: a suite, from its data to its verdict.

use std::collections::BTreeMap;
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::app;
use crate::cli::index::with_progress;
use crate::cli::output::{print, print_json, tell};
use crate::cli::{Failure, Outcome, Verdict, load, runtime};
use crate::config::{ConfigSource, Loaded};
use crate::eval::{
    Dataset, Judgments, Measured, PATIENCE, Row, Run, Scores, Suite, Summary, Topic, Variant,
    ask_all, judge, markdown, score,
};
use crate::pipeline::{Gateway, PipelineConfig};
use crate::retrieve::{EngineKind, IndexJob, index};

/// Where corpora are indexed for evals, each once.
const INDEXES: &str = ".rankgate/eval";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The suite
    #[arg(value_name = "SUITE.toml")]
    suite: PathBuf,
    /// Write the summary, the report, a line for each query and a run file for each
    /// variant into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Run only this variant, and the baseline; may be given several times
    #[arg(long, value_name = "NAME")]
    variant: Vec<String>,
    /// Ask only the first queries
    #[arg(long, value_name = "N")]
    limit: Option<std::num::NonZeroUsize>,
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
}

pub(super) fn run(source: &ConfigSource, args: &Args) -> Outcome {
    let text = fs::read_to_string(&args.suite)
        .map_err(|error| Failure(format!("{}: {error}", args.suite.display())))?;
    let suite = Suite::parse(&text, &args.suite)?;
    let variants = chosen(&suite, &args.variant)?;
    let dataset = Dataset::open(&suite.dataset, &suite.split)?;
    let judgments = dataset.judgments()?;
    let mut topics = dataset.topics(&judgments, suite.relevance_level)?;
    topics.truncate(args.limit.map_or(usize::MAX, std::num::NonZeroUsize::get));
    if topics.is_empty() {
        return Err(Failure(format!(
            "{}: no query has a document of grade {} or more",
            suite.dataset.display(),
            suite.relevance_level
        )));
    }
    let loaded = prepared(load(source, "warn")?, &variants, &dataset)?;
    for missing in app::missing_secrets(&loaded)? {
        tell(&format!("warning: {missing}"));
    }
    index_once(&loaded, &dataset)?;
    let gateway = app::build(&loaded)?.gateway;
    let runtime = runtime()?;
    let mut ran = Vec::new();
    for variant in variants {
        let rows = runtime.block_on(ask(&gateway, variant, &topics, suite.top_n))?;
        let scores = scores(&suite, &judgments, &topics, &rows);
        ran.push(Ran { name: &variant.name, rows, scores });
    }
    conclude(args, &suite, &ran)
}

/// The variants to run: the baseline is always one of them.
fn chosen<'s>(suite: &'s Suite, named: &[String]) -> Result<Vec<&'s Variant>, Failure> {
    let known = || suite.variants.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(unknown) =
        named.iter().find(|name| !suite.variants.iter().any(|it| it.name == **name))
    {
        return Err(Failure(format!(
            "--variant {unknown}: the suite has no such variant; there are: {}",
            known()
        )));
    }
    let wanted = |variant: &&Variant| {
        named.is_empty() || named.contains(&variant.name) || variant.name == suite.baseline()
    };
    Ok(suite.variants.iter().filter(wanted).collect())
}

/// The configuration with the variants as its pipelines, over the suite's
/// documents, without a cache: every variant asks for itself.
fn prepared(
    mut loaded: Loaded,
    variants: &[&Variant],
    dataset: &Dataset,
) -> Result<Loaded, Failure> {
    let corpus = corpus_hash(&dataset.corpus())?;
    let config = &mut loaded.config;
    let mut pipelines = BTreeMap::new();
    for variant in variants {
        let Some(base) = config.pipelines.get(&variant.pipeline) else {
            let known = config.pipelines.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(Failure(format!(
                "variant {}: there is no pipeline \"{}\"; there are: {known}",
                variant.name, variant.pipeline
            )));
        };
        let mut pipeline = changed(base, variant)?;
        let original = pipeline.collection.names().first().cloned().unwrap_or_default();
        let settings = config.collections.get(&original).cloned().unwrap_or_default();
        let name = collection_name(&corpus, &settings, config)?;
        config.collections.insert(name.clone(), settings);
        pipeline.collection = name.into();
        pipelines.insert(variant.name.clone(), pipeline);
    }
    let first = variants.first().map(|variant| variant.name.clone()).unwrap_or_default();
    config.pipelines = pipelines;
    config.server.default_pipeline = first;
    config.cache.max_bytes = bytesize::ByteSize(0);
    config.retrieval.engine = EngineKind::Embedded;
    config.retrieval.data_dir = INDEXES.into();
    Ok(loaded)
}

fn changed(base: &PipelineConfig, variant: &Variant) -> Result<PipelineConfig, Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        let error = error.to_string();
        Failure(format!("variant {}: {}", variant.name, error.trim()))
    };
    let mut table = toml::Table::try_from(base).map_err(|error| wrong(&error))?;
    table.remove("aliases");
    // Evals wait for whatever a variant asks for, unless it says otherwise.
    let patience = i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX);
    table.insert("deadline_ms".into(), patience.into());
    table.extend(variant.changes.clone());
    table.try_into().map_err(|error| wrong(&error))
}

fn corpus_hash(corpus: &Path) -> Result<blake3::Hash, Failure> {
    let unreadable = |error| Failure(format!("{}: {error}", corpus.display()));
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(fs::File::open(corpus).map_err(unreadable)?).map_err(unreadable)?;
    Ok(hasher.finalize())
}

/// One name for the same documents indexed in the same way.
fn collection_name(
    corpus: &blake3::Hash,
    settings: &crate::retrieve::CollectionConfig,
    config: &crate::config::Config,
) -> Result<String, Failure> {
    let indexed_by = serde_json::to_string(&(settings, &config.embedding))?;
    let hash = blake3::keyed_hash(corpus.as_bytes(), indexed_by.as_bytes());
    Ok(format!("eval-{}", &hash.to_hex()[..24]))
}

/// Indexes the documents into each collection that doesn't have them yet.
fn index_once(loaded: &Loaded, dataset: &Dataset) -> Result<(), Failure> {
    let documents = app::documents(loaded)?;
    let mut names: Vec<&String> =
        loaded.config.pipelines.values().flat_map(|it| it.collection.names()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let (collection, data) = (name.clone(), dataset.corpus());
        let job = IndexJob { collection, data, prune: false };
        let report = with_progress(async |progress| index(&documents, &job, progress).await)?;
        if report.bad_lines > 0 {
            return Err(Failure(format!(
                "{}: {} lines can't be read",
                dataset.corpus().display(),
                report.bad_lines
            )));
        }
    }
    Ok(())
}

async fn ask(
    gateway: &Gateway,
    variant: &Variant,
    topics: &[Topic],
    top_n: usize,
) -> Result<Vec<Row>, Failure> {
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
        let text = format!("{}: ${so_far:.4} so far, about ${whole:.4} in all", variant.name);
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
    let rows = ask_all(gateway, &variant.name, topics, top_n, &tell_progress).await?;
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

/// The rankings of the rows.
fn run_of(rows: &[Row]) -> Run<'_> {
    let orders =
        rows.iter().map(|row| (row.query.as_str(), row.order.iter().map(String::as_str).collect()));
    Run::of_orders(orders.collect())
}

fn conclude(args: &Args, suite: &Suite, ran: &[Ran<'_>]) -> Outcome {
    let measured: Vec<Measured<'_>> = ran
        .iter()
        .map(|it| Measured { name: it.name, rows: &it.rows, scores: &it.scores })
        .collect();
    let summary = Summary::of(&measured, suite.baseline());
    let verdicts = judge(suite, &summary, &measured);
    let title = args.suite.file_stem().map(|stem| stem.to_string_lossy().into_owned());
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
    for Ran { name, rows, scores } in ran {
        put(&format!("{name}.trec"), &run_of(rows).to_trec(name))?;
        let names: Vec<String> = scores.metrics.iter().map(ToString::to_string).collect();
        for row in rows {
            let values = scores.by_query.get(&row.query).into_iter().flatten().copied();
            let metrics = names.iter().cloned().zip(values).collect();
            lines += &serde_json::to_string(&Line { row, metrics })?;
            lines.push('\n');
        }
    }
    put("per_query.jsonl", &lines)
}
