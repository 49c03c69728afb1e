//! What the simulated model knows: documents, queries and grades.

mod files;
mod passages;
mod queries;
#[cfg(test)]
mod tests;
mod words;

use std::collections::HashMap;

use self::passages::Passages;
use self::queries::{Found, Queries};
use self::words::Text;
use super::noise::Seen;
use super::prompt::Prompt;

pub use self::files::{CorpusError, CorpusFiles};
pub(super) use self::files::{line_error, whole_error};

/// Words of a passage that are read.
const PASSAGE: usize = 512;
/// Words of a prompt that are read for its query, or without labels.
const PROMPT: usize = 64 * 1024;
/// Words that an unknown passage is told from others by.
const UNKNOWN: usize = 12;

/// Documents, queries and the grades of their pairs.
#[derive(Debug, Default)]
pub struct Corpus {
    ids: Vec<String>,
    passages: Passages,
    /// By their number.
    query_texts: Vec<String>,
    queries: Queries,
    /// By the numbers of query and document.
    grades: HashMap<(usize, usize), i32>,
    highest: i32,
}

/// What a prompt shows, as far as it is known.
#[derive(Debug, PartialEq)]
pub(super) struct Reading {
    /// The query's text; none where it is unknown.
    pub query: Option<String>,
    /// In the order in which they are shown.
    pub shown: Vec<Shown>,
}

/// A passage.
#[derive(Debug, PartialEq)]
pub(super) struct Shown {
    /// Its label.
    pub label: u64,
    /// Its id in the corpus, or one made of its text.
    pub id: String,
    /// Its grade for the query; 0 where none is known.
    pub grade: i32,
    /// Whether it is of the corpus.
    pub known: bool,
    /// Whether it has an order to rank it first that is obeyed.
    pub obeyed: bool,
}

impl Shown {
    /// As the noise takes it.
    pub fn seen(&self) -> Seen<'_> {
        Seen { id: &self.id, grade: self.grade }
    }
}

impl Corpus {
    /// Number of documents.
    #[must_use]
    pub const fn documents(&self) -> usize {
        self.ids.len()
    }

    /// Number of queries, those of the same words counted as one.
    #[must_use]
    pub const fn queries(&self) -> usize {
        self.query_texts.len()
    }

    /// Number of grades above 0.
    #[must_use]
    pub fn judgments(&self) -> usize {
        self.grades.len()
    }

    /// The highest grade of all; at least 1.
    #[must_use]
    pub fn highest_grade(&self) -> i32 {
        self.highest.max(1)
    }

    /// What a prompt with labels shows.
    pub(super) fn read_labelled(&self, prompt: &Prompt) -> Reading {
        let query = self.query(prompt);
        let passages = prompt.passages().map(|(label, text)| {
            let unknown = || of_text(text.split_whitespace().take(UNKNOWN));
            self.shown(label, &Text::new(text, PASSAGE), query, unknown)
        });
        let shown = passages.collect();
        Reading { query: self.text_of(query), shown }
    }

    /// What a prompt shows that is about one document and needs no label.
    pub(super) fn read_one(&self, prompt: &Prompt) -> Reading {
        let query = self.query(prompt);
        let unknown = || {
            let longest = prompt.text().lines().max_by_key(|line| line.len());
            of_text(longest.unwrap_or_default().split_whitespace().take(UNKNOWN))
        };
        let shown = self.shown(1, &Text::new(prompt.text(), PROMPT), query, unknown);
        Reading { query: self.text_of(query), shown: vec![shown] }
    }

    fn query(&self, prompt: &Prompt) -> Option<Found> {
        self.queries.find(&Text::new(prompt.text(), PROMPT), prompt.first_passage())
    }

    fn text_of(&self, query: Option<Found>) -> Option<String> {
        self.query_texts.get(query?.query).cloned()
    }

    /// Of documents that look alike, the one with the highest grade is meant.
    fn shown(
        &self,
        label: u64,
        text: &Text,
        query: Option<Found>,
        unknown: impl Fn() -> String,
    ) -> Shown {
        let alike = self.passages.recognise(text, query);
        let grade = |document: usize| {
            let query = query?.query;
            self.grades.get(&(query, document)).copied()
        };
        let best = alike.iter().copied().rev().max_by_key(|&document| grade(document));
        match best.and_then(|best| Some((best, self.ids.get(best)?))) {
            Some((best, id)) => {
                let grade = grade(best).unwrap_or(0);
                Shown { label, id: id.clone(), grade, known: true, obeyed: false }
            }
            None => Shown { label, id: unknown(), grade: 0, known: false, obeyed: false },
        }
    }
}

/// An id that no document has: a document's holds no control character.
fn of_text<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.collect();
    format!("\0{}", blake3::hash(words.join(" ").as_bytes()).to_hex())
}
