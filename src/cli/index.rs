//! `rankgate index`

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::output::{print, tell};
use super::{Outcome, Verdict, load, runtime};
use crate::app;
use crate::config::ConfigSource;
use crate::retrieve::{BadLine, IndexJob, IndexReport, Progress, index};

/// How often a line is printed where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);

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
}

pub(super) fn run(source: &ConfigSource, args: &Args) -> Outcome {
    let loaded = load(source, "warn")?;
    let documents = app::documents(&loaded.config)?;
    let runtime = runtime()?;
    let job = IndexJob {
        collection: args.collection.clone(),
        data: args.data.clone(),
        prune: args.prune,
    };
    let report = if std::io::stderr().is_terminal() {
        let bar = Bar::new();
        let report = runtime.block_on(index(&documents, &job, &bar));
        bar.0.finish_and_clear();
        report?
    } else {
        runtime.block_on(index(&documents, &job, &Lines::default()))?
    };
    conclude(args, &report)
}

fn conclude(args: &Args, report: &IndexReport) -> Outcome {
    let IndexReport { stored, unchanged, pruned, bad_lines, documents, .. } = report;
    print(&format!(
        "{}: {documents} documents ({stored} stored, {unchanged} unchanged, {pruned} pruned), \
         {bad_lines} bad lines",
        args.collection
    ))?;
    if let Some(drift) = &report.drift {
        tell(&format!("warning: {drift}"));
    }
    if let Some(why) = &report.prune_refused {
        tell(&format!("error: nothing was pruned: {why}"));
    }
    let good = *bad_lines == 0 && report.prune_refused.is_none();
    Ok(if good { Verdict::Good } else { Verdict::Bad })
}

/// A bar on a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        let style = "{msg:10} [{bar:40}] {percent:>3} % · {elapsed} · {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        }
        Self(bar)
    }

    fn at(&self, step: &'static str, done: u64, total: u64) {
        self.0.set_message(step);
        self.0.set_length(total);
        self.0.set_position(done);
    }
}

impl Progress for Bar {
    fn bad_line(&self, line: &BadLine) {
        self.0.suspend(|| tell(&line.to_string()));
    }

    fn checking(&self, done: u64, total: u64) {
        self.at("checking", done, total);
    }

    fn indexing(&self, done: u64, total: u64) {
        self.at("indexing", done, total);
    }

    fn optimizing(&self) {
        self.0.set_message("optimizing");
    }
}

/// A line now and then elsewhere.
#[derive(Default)]
struct Lines(Mutex<Option<(&'static str, Instant)>>);

impl Lines {
    fn at(&self, step: &'static str, done: u64, total: u64) {
        let Ok(mut last) = self.0.lock() else { return };
        let due = last.is_none_or(|(told, at)| told != step || at.elapsed() >= EVERY);
        if due {
            *last = Some((step, Instant::now()));
            let percent = done.saturating_mul(100).checked_div(total).unwrap_or(100);
            tell(&format!("{step}: {percent} % ({done} of {total})"));
        }
    }
}

impl Progress for Lines {
    fn bad_line(&self, line: &BadLine) {
        tell(&line.to_string());
    }

    fn checking(&self, done: u64, total: u64) {
        self.at("checking bytes", done, total);
    }

    fn indexing(&self, done: u64, total: u64) {
        self.at("indexing documents", done, total);
    }

    fn optimizing(&self) {
        tell("optimizing");
    }
}
