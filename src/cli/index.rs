//! `rankgate index`

mod progress;
mod sending;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use self::progress::{Bar, Lines};
use self::sending::Gateway;
use super::output::{print, tell};
use super::remote::Remote;
use super::{Failure, Outcome, Verdict, load, runtime};
use crate::app;
use crate::config::ConfigSource;
use crate::retrieve::{
    EngineKind, IndexError, IndexJob, IndexReport, Progress, Target, index, transfer,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Collection to index into; made if it doesn't exist
    #[arg(long, value_name = "NAME")]
    collection: String,
    /// A BEIR folder, or a file of corpus lines
    #[arg(long, value_name = "DIR|FILE.jsonl", required_unless_present = "from")]
    data: Option<PathBuf>,
    /// Copy the collection from this engine into the configured one instead,
    /// embeddings and all
    #[arg(long, value_name = "ENGINE", conflicts_with_all = ["data", "url"])]
    from: Option<From>,
    /// Remove documents that the data, or the engine copied from, doesn't hold
    #[arg(long)]
    prune: bool,
    /// Send the documents to the gateway that runs at this address; no
    /// configuration is read then
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// Where a collection is copied from.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum From {
    /// The folder `retrieval.data_dir`
    Embedded,
    /// The server at `retrieval.url`
    Qdrant,
}

impl From {
    const fn kind(self) -> EngineKind {
        match self {
            Self::Embedded => EngineKind::Embedded,
            Self::Qdrant => EngineKind::Qdrant,
        }
    }
}

pub(super) fn run(source: &ConfigSource, args: &Args) -> Outcome {
    let report = match (&args.from, &args.data) {
        (Some(from), _) => copy(source, args, *from)?,
        (None, Some(data)) => fill(source, args, data)?,
        (None, None) => return Err(Failure("name the data with --data".into())),
    };
    conclude(args, &report)
}

fn copy(source: &ConfigSource, args: &Args, from: From) -> Result<IndexReport, Failure> {
    let loaded = load(source, "warn")?;
    let configured = loaded.config.retrieval.engine;
    if from.kind() == configured {
        let from = from.to_possible_value().map(|it| it.get_name().to_owned());
        return Err(Failure(format!(
            "--from {0}: the configured engine is the same; set retrieval.engine to the one to \
             copy into",
            from.unwrap_or_default()
        )));
    }
    let (original, target) =
        (app::engine(&loaded, from.kind())?, app::engine(&loaded, configured)?);
    with_progress(async |progress| {
        transfer(&args.collection, &*original, &*target, args.prune, progress).await
    })
}

fn fill(source: &ConfigSource, args: &Args, data: &Path) -> Result<IndexReport, Failure> {
    let target: Box<dyn Target> = match &args.url {
        Some(url) => Box::new(Gateway(Remote::new(url)?)),
        None => Box::new(app::documents(&load(source, "warn")?)?),
    };
    let job =
        IndexJob { collection: args.collection.clone(), data: data.to_owned(), prune: args.prune };
    with_progress(async |progress| index(&*target, &job, progress).await)
}

/// Runs a job to its end, with a bar on a terminal and lines elsewhere.
pub(super) fn with_progress(
    job: impl AsyncFnOnce(&dyn Progress) -> Result<IndexReport, IndexError>,
) -> Result<IndexReport, Failure> {
    let runtime = runtime()?;
    if std::io::stderr().is_terminal() {
        let bar = Bar::new();
        let report = runtime.block_on(job(&bar));
        bar.clear();
        return Ok(report?);
    }
    Ok(runtime.block_on(job(&Lines::default()))?)
}

fn conclude(args: &Args, report: &IndexReport) -> Outcome {
    let IndexReport { stored, unchanged, cut, pruned, bad_lines, documents, .. } = report;
    print(&format!(
        "{}: {documents} documents ({stored} stored, {unchanged} unchanged, {pruned} pruned), \
         {bad_lines} bad lines",
        args.collection
    ))?;
    if *cut > 0 {
        tell(&format!(
            "note: of {cut} documents the embedding holds only the beginning; BM25 reads all"
        ));
    }
    if let Some(drift) = &report.drift {
        tell(&format!("warning: {drift}"));
    }
    if let Some(why) = &report.prune_refused {
        tell(&format!("error: nothing was pruned: {why}"));
    }
    let good = *bad_lines == 0 && report.prune_refused.is_none();
    Ok(if good { Verdict::Good } else { Verdict::Bad })
}
