//! Runs that can be repeated without an LLM: what the first stage found, what
//! models replied and how long it took, as files that can live in git.
//!
//! A recording is played to the letter: a call that it doesn't have ends the
//! run, with what has changed since it was made. While it is made, replies that
//! are there already are not asked for again, so that an interrupted run goes
//! on where it was.

mod call;
mod candidates;
mod ledger;
mod manifest;
mod model;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::call::Call;
use self::candidates::{Found, RecordedCandidates};
use self::ledger::Ledger;
use self::model::RecordedModel;
use super::file::InvalidFile;
use super::first_stage::Texts;
use super::runner::Row;
use crate::llm::ChatModel;
use crate::retrieve::Retriever;

pub use self::ledger::Unused;
pub use self::manifest::{Manifest, Recorded};

const CALLS: &str = "replies.jsonl";
const CANDIDATES: &str = "candidates.jsonl";
const LATENCIES: &str = "latencies.jsonl";

/// Whether a recording is made or played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Calls are made where there is no reply yet, and kept.
    Record,
    /// No call is made.
    Replay,
}

/// A folder of candidates, replies and latencies.
pub struct Recording {
    mode: Mode,
    calls: Ledger<Call>,
    candidates: Ledger<Found>,
    latencies: Ledger<Latency>,
    /// What was asked for in a replay and isn't there.
    missing: AtomicUsize,
    /// The first thing that couldn't be written.
    failed: Mutex<Option<RecordingError>>,
}

/// How long an answer took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Latency {
    /// Whole microseconds, which a file gives back as they were.
    us: u64,
}

impl Latency {
    fn of(ms: f64) -> Self {
        let took = Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default();
        Self { us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX) }
    }

    fn ms(self) -> f64 {
        self.us as f64 / 1e3
    }
}

/// A recording that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// A file of it can't be read or written.
    #[error("{}: {error}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A line of it is wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidFile),
    /// There is none.
    #[error(
        "{}: there is no recording, or it was not finished; make it with --record {}",
        .0.display(),
        .0.display()
    )]
    Unfinished(PathBuf),
}

impl Recording {
    /// Opens a folder, which is made where a recording is to be made.
    ///
    /// # Errors
    /// When one of its files can't be read.
    pub fn open(folder: &Path, mode: Mode) -> Result<Self, RecordingError> {
        if mode == Mode::Record {
            let failed = |error| RecordingError::File { file: folder.to_owned(), error };
            fs::create_dir_all(folder).map_err(failed)?;
        }
        Ok(Self {
            mode,
            calls: Ledger::open(folder.join(CALLS))?,
            candidates: Ledger::open(folder.join(CANDIDATES))?,
            latencies: Ledger::open(folder.join(LATENCIES))?,
            missing: AtomicUsize::new(0),
            failed: Mutex::new(None),
        })
    }

    /// Whether it is made or played.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// How many calls it has.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// The ids of the documents that the first stage found.
    #[must_use]
    pub fn documents(&self) -> BTreeSet<String> {
        let found = self.candidates.values();
        found.iter().flat_map(Found::ids).map(str::to_owned).collect()
    }

    /// A model whose calls are kept or played. `asked` is everything besides
    /// the request that shapes its replies, `repeat` the round of the same
    /// questions, from 1.
    #[must_use]
    pub fn around(
        self: &Arc<Self>,
        inner: Arc<dyn ChatModel>,
        asked: String,
        repeat: u32,
    ) -> Arc<dyn ChatModel> {
        Arc::new(RecordedModel { inner, asked, repeat, recording: Arc::clone(self) })
    }

    /// A first stage whose candidates are kept, or, where there is no `inner`
    /// one, played with the documents in `texts`. `configured` is everything of
    /// the configuration that shapes what it finds.
    #[must_use]
    pub fn in_front_of(
        self: &Arc<Self>,
        inner: Option<Arc<dyn Retriever>>,
        configured: String,
        texts: Arc<Texts>,
    ) -> Arc<dyn Retriever> {
        let recording = Arc::clone(self);
        Arc::new(RecordedCandidates { inner, configured, texts, recording })
    }

    /// Keeps how long an answer took, or sets it to what was kept: a played
    /// answer takes no time.
    pub(super) fn time(&self, row: &mut Row) {
        let key = format!("{} {} {}", row.variant, row.query, row.repeat);
        match self.latencies.get(&key) {
            Some(latency) => row.latency_ms = latency.ms(),
            None if self.mode == Mode::Record => {
                let latency = Latency::of(row.latency_ms);
                row.latency_ms = latency.ms();
                self.keep(|it| it.latencies.put(key, latency));
            }
            None => self.note_missing(),
        }
    }

    /// How much of what was asked for in a replay isn't there.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.missing.load(Ordering::Relaxed)
    }

    /// The first thing that couldn't be written.
    ///
    /// # Errors
    /// With it, once.
    pub fn written(&self) -> Result<(), RecordingError> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        failed.map_or(Ok(()), Err)
    }

    /// Sorts the files. `unused` says what becomes of lines that this run
    /// didn't ask for.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn settle(&self, unused: Unused) -> Result<(), RecordingError> {
        self.written()?;
        self.calls.settle(unused)?;
        self.candidates.settle(unused)?;
        self.latencies.settle(unused)
    }

    fn note_missing(&self) {
        self.missing.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes, where nobody waits for an error.
    fn keep(&self, write: impl FnOnce(&Self) -> Result<(), RecordingError>) {
        if let Err(error) = write(self) {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert(error);
        }
    }
}
