//! Indexing a corpus file into a collection.
//!
//! Two passes over the file: the first checks every line and measures the
//! average document length, which BM25's vectors depend on; the second stores
//! what is new. Documents that are there already are skipped by their
//! fingerprint, so that a job is idempotent and an interrupted one goes on
//! where it was.

mod corpus;
mod report;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use uuid::Uuid;

use self::corpus::{Lines, RawLine, locate, parse};
use self::report::KEPT_BAD_LINES;
use super::analyzer::{InvalidAnalyzer, TermCounter};
use super::{Documents, EncodeError, EngineError, WriteError, Writer, point_id};
use crate::domain::Document;

pub use self::report::{BadLine, Drift, IndexReport, LineProblem, Progress};

/// Documents stored at a time.
const BATCH: usize = 128;
/// Text stored at a time, in bytes: a batch is one entry of the log.
const BATCH_BYTES: usize = 4 << 20;
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

/// Runs a job to its end. Reads the file on the thread that polls it.
///
/// # Errors
/// When the data can't be read or the engine or the embedding fails. Bad
/// lines are no error: they are told, counted and left out.
pub async fn index(
    documents: &Documents,
    job: &IndexJob,
    progress: &dyn Progress,
) -> Result<IndexReport, IndexError> {
    let file = locate(&job.data)?;
    // Said before the first pass, which may take a while.
    match documents.writer(&job.collection).await {
        Ok(_) | Err(WriteError::Engine(EngineError::NoCollection(_))) => {}
        Err(error) => return Err(error.into()),
    }
    let mut report = IndexReport::default();
    let survey = Survey::take(documents, job, &file, &mut report, progress)?;
    let writer = documents.writer_or_new(&job.collection, survey.average_length()).await?;
    report.drift = Drift::between(writer.average_length(), survey.average_length())
        .filter(|_| survey.documents() > 0);
    writer.begin().await?;
    store(&writer, &file, &survey, &mut report, progress).await?;
    if job.prune {
        prune(&writer, survey, &mut report).await?;
    }
    progress.optimizing();
    writer.finish().await?;
    report.documents = writer.documents_stored().await? as u64;
    Ok(report)
}

/// What the first pass learns: the point of every good line, and lengths.
struct Survey {
    /// Line number by point. Some 40 bytes a document, which a million
    /// documents can afford.
    lines: HashMap<Uuid, u64>,
    terms: f64,
    size: u64,
}

impl Survey {
    fn take(
        documents: &Documents,
        job: &IndexJob,
        file: &Path,
        report: &mut IndexReport,
        progress: &dyn Progress,
    ) -> Result<Self, IndexError> {
        let counter = TermCounter::new(&documents.config(&job.collection).lexical())?;
        let size = size_of(file)?;
        let mut survey = Self { lines: HashMap::new(), terms: 0.0, size };
        let mut lines = Lines::open(file)?;
        let mut done = 0;
        while let Some((number, bytes, line)) = lines.next()? {
            done += bytes;
            match survey.look_at(number, &line) {
                Ok(document) => {
                    survey.terms += counter.length(&document.title, &document.text);
                }
                Err(problem) => tell(BadLine { number, problem }, report, progress),
            }
            progress.checking(done, size);
        }
        Ok(survey)
    }

    fn look_at(&mut self, number: u64, line: &RawLine<'_>) -> Result<Document, LineProblem> {
        let RawLine::Text(text) = line else { return Err(LineProblem::TooLong) };
        let document = parse(text)?;
        match *self.lines.entry(point_id(&document.id)).or_insert(number) {
            first if first == number => Ok(document),
            first => Err(LineProblem::Duplicate { first }),
        }
    }

    fn documents(&self) -> usize {
        self.lines.len()
    }

    fn average_length(&self) -> f64 {
        if self.lines.is_empty() { 0.0 } else { self.terms / self.lines.len() as f64 }
    }
}

fn tell(line: BadLine, report: &mut IndexReport, progress: &dyn Progress) {
    progress.bad_line(&line);
    report.bad_lines += 1;
    if report.first_bad_lines.len() < KEPT_BAD_LINES {
        report.first_bad_lines.push(line);
    }
}

/// The second pass.
async fn store(
    writer: &Writer,
    file: &Path,
    survey: &Survey,
    report: &mut IndexReport,
    progress: &dyn Progress,
) -> Result<(), IndexError> {
    let total = survey.documents() as u64;
    let mut lines = Lines::open(file)?;
    let mut batch = Batch::default();
    let mut flushed = Instant::now();
    let mut more = true;
    while more {
        more = match lines.next()? {
            Some((number, _, RawLine::Text(text))) => {
                // Lines that the first pass told are passed over here.
                if let Ok(document) = parse(text)
                    && survey.lines.get(&point_id(&document.id)) == Some(&number)
                {
                    batch.push(document, text.len());
                }
                true
            }
            Some((_, _, RawLine::TooLong)) => true,
            None => false,
        };
        if batch.is_full() || !more {
            let written = writer.write(batch.take()).await?;
            report.stored += written.stored as u64;
            report.unchanged += written.unchanged as u64;
            progress.indexing(report.stored + report.unchanged, total);
        }
        if flushed.elapsed() >= FLUSH_EVERY {
            writer.flush().await?;
            flushed = Instant::now();
        }
    }
    if report.stored + report.unchanged != total || size_of(file)? != survey.size {
        return Err(IndexError::Data {
            path: file.to_owned(),
            problem: "the file changed while it was read; run the command again".to_owned(),
        });
    }
    Ok(())
}

/// Documents that are stored together.
#[derive(Default)]
struct Batch {
    documents: Vec<Document>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, document: Document, bytes: usize) {
        self.documents.push(document);
        self.bytes += bytes;
    }

    fn is_full(&self) -> bool {
        self.documents.len() >= BATCH || self.bytes >= BATCH_BYTES
    }

    fn take(&mut self) -> Vec<Document> {
        self.bytes = 0;
        std::mem::take(&mut self.documents)
    }
}

/// Removes what the data doesn't hold, unless that could be a mistake.
async fn prune(
    writer: &Writer,
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
    let kept = survey.lines.into_keys().collect();
    report.pruned = writer.remove_others(&kept).await? as u64;
    Ok(())
}

fn size_of(file: &Path) -> Result<u64, IndexError> {
    let metadata = std::fs::metadata(file)
        .map_err(|error| IndexError::Data { path: file.to_owned(), problem: error.to_string() })?;
    Ok(metadata.len())
}
