//! Indexing a corpus file into a collection.
//!
//! Two passes over the file: the first checks every line and measures the
//! average document length, which BM25's vectors depend on; the second stores
//! what is new. Documents that are there already are skipped by their
//! fingerprint, so that a job is idempotent and an interrupted one goes on
//! where it was. Where the documents go is a [`Target`]: the engine of this
//! process, or a gateway that runs.

mod corpus;
mod lines;
mod report;
mod survey;
mod target;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::corpus::locate;
use self::survey::{Survey, size_of};
use super::analyzer::InvalidAnalyzer;
use super::{EncodeError, EngineError, WriteError};

pub(crate) use self::lines::Lines;
pub use self::lines::{LineSplitter, MAX_LINE, RawLine};
pub use self::report::{BadLine, Drift, IndexReport, LineProblem, Progress};
pub use self::target::{
    BatchSize, CorpusLine, Taken, Target, TargetCollection, TargetResult, Totals,
};

/// How much work a loss of power may cost.
const FLUSH_EVERY: Duration = Duration::from_secs(10);

/// What to index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexJob {
    /// Name of the collection, made if it doesn't exist.
    pub collection: String,
    /// A BEIR folder or a file of corpus lines.
    pub data: PathBuf,
    /// Whether documents that the data doesn't hold are removed.
    pub prune: bool,
}

/// Why a job ended early. What it had stored stays.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The data can't be read.
    #[error("{}: {problem}", path.display())]
    Data {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The embedding failed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The language has no analyzer.
    #[error(transparent)]
    Analyzer(#[from] InvalidAnalyzer),
    /// The gateway that the documents are sent to can't be reached, or doesn't
    /// take them; with what it says.
    #[error("{0}")]
    Gateway(String),
}

impl From<WriteError> for IndexError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Engine(error) => Self::Engine(error),
            WriteError::Encode(error) => Self::Encode(error),
            WriteError::Analyzer(error) => Self::Analyzer(error),
        }
    }
}

/// Runs a job to its end. Reads files without yielding.
///
/// # Errors
/// When the data can't be read or the target fails. Bad lines are no error:
/// they are told, counted and left out.
pub async fn index(
    target: &dyn Target,
    job: &IndexJob,
    progress: &dyn Progress,
) -> Result<IndexReport, IndexError> {
    let file = locate(&job.data)?;
    // Said before the first pass, which may take a while.
    let lexical = target.check(&job.collection).await?;
    let mut report = IndexReport::default();
    let survey = Survey::take(&lexical, &file, &mut report, progress)?;
    let (documents, average_length) = (survey.documents(), survey.average_length());
    let collection = target.open(&job.collection, average_length).await?;
    store(&*collection, &file, &survey, &mut report, progress).await?;
    if job.prune {
        prune(&*collection, survey, &mut report).await?;
    }
    let totals = collection.finish(progress).await?;
    report.documents = totals.documents;
    report.drift = totals
        .average_length
        .filter(|_| documents > 0)
        .and_then(|stored| Drift::between(stored, average_length));
    Ok(report)
}

/// The second pass.
async fn store(
    collection: &dyn TargetCollection,
    file: &Path,
    survey: &Survey,
    report: &mut IndexReport,
    progress: &dyn Progress,
) -> Result<(), IndexError> {
    let total = survey.documents();
    let mut lines = Lines::open(file)?;
    let mut batch = Batch::new(collection.batch_size());
    let (mut done, mut flushed) = (0, Instant::now());
    let mut more = true;
    while more {
        more = match lines.next()? {
            Some((number, _, line)) => {
                // Lines that the first pass told are passed over here.
                if let (RawLine::Text(text), Ok(document)) = (line, line.parse())
                    && survey.has(&document, number)
                {
                    batch.push(CorpusLine { number, text: text.into(), document });
                }
                true
            }
            None => false,
        };
        if batch.is_full() || (!more && !batch.lines.is_empty()) {
            let lines = batch.take();
            done += lines.len() as u64;
            report.add(collection.write(lines).await?, progress);
            progress.indexing(done, total);
        }
        if flushed.elapsed() >= FLUSH_EVERY {
            collection.flush().await?;
            flushed = Instant::now();
        }
    }
    if done != total || size_of(file)? != survey.size {
        return Err(IndexError::Data {
            path: file.to_owned(),
            problem: "the file changed while it was read; run the command again".to_owned(),
        });
    }
    Ok(())
}

/// Documents that are stored together.
struct Batch {
    size: BatchSize,
    lines: Vec<CorpusLine>,
    bytes: usize,
}

impl Batch {
    const fn new(size: BatchSize) -> Self {
        Self { size, lines: Vec::new(), bytes: 0 }
    }

    fn push(&mut self, line: CorpusLine) {
        self.bytes += line.text.len();
        self.lines.push(line);
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= self.size.documents || self.bytes >= self.size.bytes
    }

    fn take(&mut self) -> Vec<CorpusLine> {
        self.bytes = 0;
        std::mem::take(&mut self.lines)
    }
}

/// Removes what the data doesn't hold, unless that could be a mistake.
async fn prune(
    collection: &dyn TargetCollection,
    survey: Survey,
    report: &mut IndexReport,
) -> Result<(), IndexError> {
    if report.bad_lines > 0 {
        report.prune_refused = Some(format!(
            "{} bad lines may be documents that the collection holds; mend them and run again",
            report.bad_lines
        ));
        return Ok(());
    }
    if survey.documents() == 0 {
        report.prune_refused =
            Some("the data holds no documents: pruning would remove everything".to_owned());
        return Ok(());
    }
    report.pruned = collection.remove_others(&survey.into_points()).await?;
    Ok(())
}
