//! The first pass over a file: every line is checked, and the average length
//! is measured.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use uuid::Uuid;

use super::lines::{Lines, RawLine};
use super::{BadLine, IndexError, IndexReport, LineProblem, Progress};
use crate::domain::Document;
use crate::retrieve::analyzer::TermCounter;
use crate::retrieve::{Lexical, point_id};

/// What the first pass learns: the point of every good line, and lengths.
pub(super) struct Survey {
    /// Line number by point. Some 40 bytes a document, which a million
    /// documents can afford.
    lines: HashMap<Uuid, u64>,
    terms: f64,
    /// Size of the file in bytes.
    pub(super) size: u64,
}

impl Survey {
    pub(super) fn take(
        lexical: &Lexical,
        file: &Path,
        report: &mut IndexReport,
        progress: &dyn Progress,
    ) -> Result<Self, IndexError> {
        let counter = TermCounter::new(lexical)?;
        let size = size_of(file)?;
        let mut survey = Self { lines: HashMap::new(), terms: 0.0, size };
        let mut lines = Lines::open(file)?;
        let mut done = 0;
        while let Some((number, bytes, line)) = lines.next()? {
            done += bytes;
            match survey.look_at(number, line) {
                Ok(document) => {
                    survey.terms += counter.length(&document.title, &document.text);
                }
                Err(problem) => report.tell(BadLine { number, problem }, progress),
            }
            progress.checking(done, size);
        }
        Ok(survey)
    }

    fn look_at(&mut self, number: u64, line: RawLine<'_>) -> Result<Document, LineProblem> {
        let document = line.parse()?;
        match *self.lines.entry(point_id(&document.id)).or_insert(number) {
            first if first == number => Ok(document),
            first => Err(LineProblem::Duplicate { first }),
        }
    }

    /// Whether the first pass found this document on this line.
    pub(super) fn has(&self, document: &Document, number: u64) -> bool {
        self.lines.get(&point_id(&document.id)) == Some(&number)
    }

    /// Number of good lines.
    pub(super) fn documents(&self) -> u64 {
        self.lines.len() as u64
    }

    /// In terms; 0 where there are no documents.
    pub(super) fn average_length(&self) -> f64 {
        if self.lines.is_empty() { 0.0 } else { self.terms / self.lines.len() as f64 }
    }

    /// The points of the good lines.
    pub(super) fn into_points(self) -> HashSet<Uuid> {
        self.lines.into_keys().collect()
    }
}

/// Size of a file in bytes.
pub(super) fn size_of(file: &Path) -> Result<u64, IndexError> {
    let metadata = std::fs::metadata(file)
        .map_err(|error| IndexError::Data { path: file.to_owned(), problem: error.to_string() })?;
    Ok(metadata.len())
}
