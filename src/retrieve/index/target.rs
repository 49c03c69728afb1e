//! Where a job's documents go: into an engine of this process, or to a gateway
//! that runs.

use std::collections::HashSet;

use futures::future::BoxFuture;
use uuid::Uuid;

use super::{BadLine, IndexError, Progress};
use crate::domain::Document;
use crate::retrieve::documents::{Documents, Writer};
use crate::retrieve::{EngineError, Lexical, WriteError};

/// What a target answers.
pub type TargetResult<'a, T> = BoxFuture<'a, Result<T, IndexError>>;

/// A place where documents can be indexed into collections.
pub trait Target: Sync {
    /// Whether there is anything against indexing into this collection, before
    /// the data is read; and how its terms are counted.
    fn check<'a>(&'a self, collection: &'a str) -> TargetResult<'a, Lexical>;

    /// The collection, made if it doesn't exist; BM25 counts with this average
    /// length in terms if nothing is stored in it yet.
    fn open<'a>(
        &'a self,
        collection: &'a str,
        average_length: f64,
    ) -> TargetResult<'a, Box<dyn TargetCollection>>;
}

/// A collection that documents are indexed into.
pub trait TargetCollection: Send + Sync {
    /// How many documents are taken at a time.
    fn batch_size(&self) -> BatchSize;

    /// Stores what is new or changed of these documents, in their order. Once
    /// it returns they survive the end of every process that takes part.
    fn write(&self, lines: Vec<CorpusLine>) -> TargetResult<'_, Taken>;

    /// Removes every document whose point is not among `kept`. Returns how
    /// many there were.
    fn remove_others<'a>(&'a self, kept: &'a HashSet<Uuid>) -> TargetResult<'a, u64>;

    /// Makes what was stored survive a loss of power, where that takes doing.
    fn flush(&self) -> TargetResult<'_, ()>;

    /// The end of a job that came to it.
    fn finish<'a>(&'a self, progress: &'a dyn Progress) -> TargetResult<'a, Totals>;
}

/// Bounds of a batch: it is full as soon as it has as much of one as this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSize {
    /// Documents.
    pub documents: usize,
    /// Bytes of their lines.
    pub bytes: usize,
}

/// A document, and the line of the file that it was read from.
#[derive(Clone, Debug)]
pub struct CorpusLine {
    /// Number of the line, from 1.
    pub number: u64,
    /// The line as it stands in the file, without its line break.
    pub text: Box<[u8]>,
    /// What it says.
    pub document: Document,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Documents that are new or changed.
    pub stored: u64,
    /// Documents that were there already, word for word.
    pub unchanged: u64,
    /// Of the stored ones, those with text that no embedding holds.
    pub cut: u64,
    /// Number of lines that the target refuses.
    pub refused: u64,
    /// The first of them.
    pub first_refused: Vec<BadLine>,
}

/// What a collection holds after a job.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Number of documents.
    pub documents: u64,
    /// The average length that its BM25 vectors are made with; none where
    /// there is no collection.
    pub average_length: Option<f64>,
}

/// What an engine takes at a time: a batch is one entry of its log.
pub(super) const ENGINE_BATCH: BatchSize = BatchSize { documents: 128, bytes: 4 << 20 };

impl Target for Documents {
    fn check<'a>(&'a self, collection: &'a str) -> TargetResult<'a, Lexical> {
        Box::pin(async move {
            match self.writer(collection).await {
                Ok(_) | Err(WriteError::Engine(EngineError::NoCollection(_))) => {
                    Ok(self.lexical(collection))
                }
                Err(error) => Err(error.into()),
            }
        })
    }

    fn open<'a>(
        &'a self,
        collection: &'a str,
        average_length: f64,
    ) -> TargetResult<'a, Box<dyn TargetCollection>> {
        Box::pin(async move {
            let writer = self.writer_or_new(collection, average_length).await?;
            writer.begin().await?;
            Ok(Box::new(writer) as Box<dyn TargetCollection>)
        })
    }
}

impl TargetCollection for Writer {
    fn batch_size(&self) -> BatchSize {
        ENGINE_BATCH
    }

    fn write(&self, lines: Vec<CorpusLine>) -> TargetResult<'_, Taken> {
        Box::pin(async move {
            let documents = lines.into_iter().map(|line| line.document).collect();
            let written = self.write(documents).await?;
            Ok(Taken {
                stored: written.stored as u64,
                unchanged: written.unchanged as u64,
                cut: written.cut as u64,
                ..Taken::default()
            })
        })
    }

    fn remove_others<'a>(&'a self, kept: &'a HashSet<Uuid>) -> TargetResult<'a, u64> {
        Box::pin(async move { Ok(self.remove_others(kept).await? as u64) })
    }

    fn flush(&self) -> TargetResult<'_, ()> {
        Box::pin(async move { Ok(self.flush().await?) })
    }

    fn finish<'a>(&'a self, progress: &'a dyn Progress) -> TargetResult<'a, Totals> {
        Box::pin(async move {
            progress.optimizing();
            self.finish().await?;
            let documents = self.documents_stored().await? as u64;
            Ok(Totals { documents, average_length: Some(self.average_length()) })
        })
    }
}
