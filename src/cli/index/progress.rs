//! What a person sees of indexing.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::output::tell;
use crate::retrieve::{BadLine, Progress};

/// How often a line is printed where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);

/// A bar on a terminal.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub fn new() -> Self {
        let bar = ProgressBar::new(0);
        let style = "{msg:10} [{bar:40}] {percent:>3} % · {elapsed} · {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        }
        Self(bar)
    }

    /// Takes it off the terminal.
    pub fn clear(&self) {
        self.0.finish_and_clear();
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
pub(super) struct Lines(Mutex<Option<(&'static str, Instant)>>);

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
