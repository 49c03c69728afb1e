//! Stand-in for the embedded engine and indexing.

use std::path::{Path, PathBuf};

/// The embedded engine.
pub struct EmbeddedEngine(());

/// The engine failed.
#[derive(Debug, thiserror::Error)]
#[error("the engine is not there yet")]
pub struct EngineError;

impl EmbeddedEngine {
    /// Never opens.
    ///
    /// # Errors
    /// Always.
    pub fn open(_data_dir: &Path) -> Result<Self, EngineError> {
        Err(EngineError)
    }
}

/// Told as indexing goes on.
pub trait Progress {
    /// A line can't be indexed.
    fn bad_line(&self, _line: &BadLine) {}
    /// The data is being read and checked: `done` of `total` bytes.
    fn checking(&self, _done: u64, _total: u64) {}
    /// Documents are being stored: `done` of `total`.
    fn indexing(&self, _done: u64, _total: u64) {}
    /// All documents are stored, and the vector index is being built.
    fn optimizing(&self) {}
}

/// A line that was left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {number}")]
pub struct BadLine {
    /// Its number in the file, from 1.
    pub number: u64,
}

/// What to index.
pub struct IndexJob {
    /// Name of the collection.
    pub collection: String,
    /// A BEIR folder or a file of corpus lines.
    pub data: PathBuf,
    /// Whether documents that the data doesn't hold are removed.
    pub prune: bool,
}

/// What an indexing job did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IndexReport {
    /// Documents that are new or changed.
    pub stored: u64,
    /// Documents that were there already.
    pub unchanged: u64,
    /// Documents that were removed.
    pub pruned: u64,
    /// Number of lines that were left out.
    pub bad_lines: u64,
    /// Why nothing was pruned although it was asked for.
    pub prune_refused: Option<String>,
    /// Documents in the collection now.
    pub documents: u64,
    /// Set where the average length no longer fits.
    pub drift: Option<String>,
}

/// Indexes nothing.
///
/// # Errors
/// Always.
pub fn index(
    _engine: &EmbeddedEngine,
    _job: &IndexJob,
    _progress: &dyn Progress,
) -> Result<IndexReport, EngineError> {
    Err(EngineError)
}
