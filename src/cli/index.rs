//! `rankgate index`

mod progress;
mod sending;

use std::io::IsTerminal;
use std::path::PathBuf;

use self::progress::{Bar, Lines};
use self::sending::Gateway;
use super::output::{print, tell};
use super::remote::Remote;
use super::{Outcome, Verdict, load, runtime};
use crate::app;
use crate::config::ConfigSource;
use crate::retrieve::{IndexJob, IndexReport, Target, index};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Collection to index into; made if it doesn't exist
    #[arg(long, value_name = "NAME")]
    collection: String,
    /// A BEIR folder, or a file of corpus lines
    #[arg(long, value_name = "DIR|FILE.jsonl")]
    data: PathBuf,
    /// Remove documents that the data doesn't hold
    #[arg(long)]
    prune: bool,
    /// Send the documents to the gateway that runs at this address; no
    /// configuration is read then
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

pub(super) fn run(source: &ConfigSource, args: &Args) -> Outcome {
    let target: Box<dyn Target> = match &args.url {
        Some(url) => Box::new(Gateway(Remote::new(url)?)),
        None => Box::new(app::documents(&load(source, "warn")?.config)?),
    };
    let runtime = runtime()?;
    let job = IndexJob {
        collection: args.collection.clone(),
        data: args.data.clone(),
        prune: args.prune,
    };
    let report = if std::io::stderr().is_terminal() {
        let bar = Bar::new();
        let report = runtime.block_on(index(&*target, &job, &bar));
        bar.clear();
        report?
    } else {
        runtime.block_on(index(&*target, &job, &Lines::default()))?
    };
    conclude(args, &report)
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
