//! What indexing tells while it runs and when it is done.

use super::Taken;
use crate::domain::InvalidDocId;

/// Bad lines that a report keeps; all of them are told as they are found.
const KEPT_BAD_LINES: usize = 1000;

/// Drift of the average length from which it is worth telling.
const TOLERATED_DRIFT: f64 = 0.2;

/// Told as indexing goes on. Every method does nothing by default.
pub trait Progress: Sync {
    /// A line can't be indexed.
    fn bad_line(&self, _line: &BadLine) {}

    /// The data is being read and checked: `done` of `total` bytes.
    fn checking(&self, _done: u64, _total: u64) {}

    /// Documents are being stored: `done` of `total`.
    fn indexing(&self, _done: u64, _total: u64) {}

    /// All documents are stored, and the vector index is being built.
    fn optimizing(&self) {}
}

/// Tells nobody.
impl Progress for () {}

/// A line that was left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {number}: {problem}")]
pub struct BadLine {
    /// Its number in the file, from 1.
    pub number: u64,
    /// What is wrong with it.
    pub problem: LineProblem,
}

/// What can be wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// Not JSON, or not of the right shape.
    #[error("not a document like {{\"_id\": \"…\", \"title\": \"…\", \"text\": \"…\"}}: {0}")]
    NotADocument(String),
    /// The id can't be one.
    #[error(transparent)]
    Id(#[from] InvalidDocId),
    /// Neither title nor text.
    #[error("title and text are both empty: there is nothing to find it by")]
    NothingToFind,
    /// More bytes than are read.
    #[error("the line is longer than {} MiB", super::lines::MAX_LINE >> 20)]
    TooLong,
    /// The gateway that it was sent to doesn't take it.
    #[error("the gateway refuses it: {0}")]
    Refused(String),
    /// The id was there before.
    #[error("the id is that of line {first} already, which was kept")]
    Duplicate {
        /// Number of the line that was kept.
        first: u64,
    },
}

/// What an indexing job did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IndexReport {
    /// Documents that are new or changed.
    pub stored: u64,
    /// Documents that were there already, word for word.
    pub unchanged: u64,
    /// Of the stored ones, those with text that no embedding holds.
    pub cut: u64,
    /// Documents that were removed because the data doesn't hold them.
    pub pruned: u64,
    /// Number of lines that were left out.
    pub bad_lines: u64,
    /// The first thousand of them.
    pub first_bad_lines: Vec<BadLine>,
    /// Why nothing was pruned although it was asked for.
    pub prune_refused: Option<String>,
    /// Documents in the collection now.
    pub documents: u64,
    /// Set where the collection's average length no longer fits its data.
    pub drift: Option<Drift>,
}

impl IndexReport {
    /// Counts a bad line and tells of it.
    pub(super) fn tell(&mut self, line: BadLine, progress: &dyn Progress) {
        progress.bad_line(&line);
        self.bad_lines += 1;
        if self.first_bad_lines.len() < KEPT_BAD_LINES {
            self.first_bad_lines.push(line);
        }
    }

    /// Counts what became of a batch.
    pub(super) fn add(&mut self, taken: Taken, progress: &dyn Progress) {
        self.stored += taken.stored;
        self.unchanged += taken.unchanged;
        self.cut += taken.cut;
        // Some may have been refused without being named.
        let unnamed = taken.refused.saturating_sub(taken.first_refused.len() as u64);
        for line in taken.first_refused {
            self.tell(line, progress);
        }
        self.bad_lines += unnamed;
    }
}

/// The average document length has moved since the collection was made, and
/// its BM25 vectors still count with the old one.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "the average document length is now {measured:.1} terms, and the collection's BM25 counts \
     with {stored:.1}; index into a new collection to bring it up to date"
)]
pub struct Drift {
    /// What the collection was made with.
    pub stored: f64,
    /// What the data has.
    pub measured: f64,
}

impl Drift {
    /// The drift, if it is more than a fifth of what was stored.
    pub(super) fn between(stored: f64, measured: f64) -> Option<Self> {
        let drifted = (measured - stored).abs() > TOLERATED_DRIFT * stored;
        drifted.then_some(Self { stored, measured })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_drift_is_tolerated() {
        assert_eq!(Drift::between(10.0, 11.9), None);
        assert_eq!(Drift::between(10.0, 8.1), None);
        assert!(Drift::between(10.0, 12.1).is_some());
        let told = Drift::between(10.0, 5.0).unwrap().to_string();
        assert!(told.contains("5.0") && told.contains("10.0") && told.contains("new collection"));
    }
}
