//! What the simulated model has done since it started.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Counts of everything.
#[derive(Debug, Default)]
pub(super) struct Stats(Mutex<Counts>);

/// Counts at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Chat completions that were asked for, whatever became of them.
    pub calls: u64,
    /// Those that were refused because of what they asked for.
    pub rejected: u64,
    /// Tokens of the prompts that were read.
    pub input_tokens: u64,
    /// Tokens that were written.
    pub output_tokens: u64,
    /// Passages that were shown.
    pub passages: u64,
    /// Those of them that are of no document of the corpus.
    pub unrecognised_passages: u64,
    /// Calls whose query is not among the known ones.
    pub unrecognised_queries: u64,
    /// Passages that were put first because they say so.
    pub obeyed_passages: u64,
    /// What went wrong on purpose, by its kind: calls, and labels for
    /// `omitted_labels`.
    pub faults: BTreeMap<&'static str, u64>,
}

impl Stats {
    /// Changes the counts.
    pub fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The counts of this moment.
    pub fn now(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Counts {
    /// Counts faults of a kind.
    pub fn fault(&mut self, kind: &'static str, times: usize) {
        if times > 0 {
            *self.faults.entry(kind).or_default() += times as u64;
        }
    }
}
