//! Reading the files that say what is known.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::Corpus;
use crate::retrieve::{CorpusLines, IndexError, LineProblem, RawLine};

/// Where a corpus is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorpusFiles {
    /// Documents: lines of JSON with `_id`, `title` and `text`.
    pub corpus: PathBuf,
    /// Queries: lines of JSON with `_id` and `text`. Where none is named,
    /// `queries.jsonl` beside the corpus.
    pub queries: Option<PathBuf>,
    /// Grades: `query-id`, `corpus-id` and `score` by tabs under a header, as
    /// BEIR has them, or four columns, as TREC has them.
    pub qrels: PathBuf,
}

/// Why a corpus, or a file of attacks, can't be read.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A file can't be read.
    #[error(transparent)]
    File(#[from] IndexError),
    /// A line is not what it should be.
    #[error("{}:{line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// Files that don't belong together, or hold nothing.
    #[error("{}: {problem}", path.display())]
    Whole {
        /// The file.
        path: PathBuf,
        /// What is wrong and what would be right.
        problem: String,
    },
}

impl CorpusFiles {
    /// Reads all of it.
    ///
    /// # Errors
    /// When a file is missing or wrong, with its line and the remedy.
    pub fn read(&self) -> Result<Corpus, CorpusError> {
        let mut corpus = Corpus::default();
        let documents = self.documents(&mut corpus)?;
        let queries = self.queries(&mut corpus)?;
        self.grades(&mut corpus, &documents, &queries)?;
        Ok(corpus)
    }

    fn documents(&self, corpus: &mut Corpus) -> Result<HashMap<String, usize>, CorpusError> {
        let mut numbers = HashMap::new();
        each(&self.corpus, |line, raw| {
            let wrong = |problem: String| Err(line_error(&self.corpus, line, problem));
            let document = match raw.parse() {
                Ok(document) => document,
                Err(problem) => return wrong(format!("{problem}; mend or remove the line")),
            };
            let id = document.id.to_string();
            if corpus.passages.add(&document.title, &document.text).is_err() {
                return wrong(
                    "there are more documents than can be known: use a smaller corpus".into(),
                );
            }
            if numbers.insert(id.clone(), corpus.ids.len()).is_some() {
                return wrong("the id is that of an earlier line; remove one of them".into());
            }
            corpus.ids.push(id);
            Ok(())
        })?;
        corpus.passages.finish();
        if corpus.ids.is_empty() {
            let problem = "there are no documents: name a file of lines like {\"_id\": \"…\", \
                           \"title\": \"…\", \"text\": \"…\"}";
            return Err(whole_error(&self.corpus, problem.into()));
        }
        Ok(numbers)
    }

    fn queries_file(&self) -> PathBuf {
        self.queries.clone().unwrap_or_else(|| self.corpus.with_file_name("queries.jsonl"))
    }

    fn queries(&self, corpus: &mut Corpus) -> Result<HashMap<String, usize>, CorpusError> {
        let path = self.queries_file();
        let mut numbers = HashMap::new();
        each(&path, |line, raw| {
            let wrong = |problem: &str| Err(line_error(&path, line, problem.to_owned()));
            let query = match raw.parse() {
                Ok(query) => query,
                Err(LineProblem::NotADocument(why)) => {
                    return wrong(&format!(
                        "not a query like {{\"_id\": \"…\", \"text\": \"…\"}}: {why}"
                    ));
                }
                Err(problem) => return wrong(&format!("{problem}; mend or remove the line")),
            };
            let Some(number) = corpus.queries.add(&query.text) else {
                return wrong("the text has no words: remove the line");
            };
            if number == corpus.query_texts.len() {
                corpus.query_texts.push(query.text);
            }
            match numbers.insert(query.id.to_string(), number) {
                None => Ok(()),
                Some(_) => wrong("the id is that of an earlier line; remove one of them"),
            }
        })?;
        if corpus.query_texts.is_empty() {
            let problem = "there are no queries: name the file that has them with --queries";
            return Err(whole_error(&path, problem.into()));
        }
        Ok(numbers)
    }

    /// Grades of pairs that the other files don't hold are passed over: they
    /// can't be shown. So are those of 0 and below, which say what no grade
    /// says.
    fn grades(
        &self,
        corpus: &mut Corpus,
        documents: &HashMap<String, usize>,
        queries: &HashMap<String, usize>,
    ) -> Result<(), CorpusError> {
        let (mut form, mut judged) = (None, HashSet::new());
        each(&self.qrels, |line, raw| {
            let wrong = |problem: &str| Err(line_error(&self.qrels, line, problem.to_owned()));
            let RawLine::Text(text) = raw else { return wrong("the line is too long") };
            let Ok(text) = std::str::from_utf8(text) else { return wrong("it is not UTF-8") };
            let first = form.is_none();
            let Some(found) = Form::of(text) else { return wrong(Form::EXPECTED) };
            if *form.get_or_insert(found) != found {
                return wrong("it has another number of columns than the first line");
            }
            let Some((query, document, grade)) = found.columns(text) else {
                return wrong(Form::EXPECTED);
            };
            let Ok(grade) = grade.parse::<i32>() else {
                // A header has no grade.
                return if first { Ok(()) } else { wrong("the grade is no whole number") };
            };
            if !judged.insert((query.to_owned(), document.to_owned())) {
                return wrong("the pair has a grade already; remove one of them");
            }
            if let (Some(&query), Some(&document)) = (queries.get(query), documents.get(document))
                && grade > 0
            {
                let known = corpus.grades.entry((query, document)).or_insert(grade);
                *known = grade.max(*known);
                corpus.highest = corpus.highest.max(grade);
            }
            Ok(())
        })?;
        if corpus.grades.is_empty() {
            let problem = format!(
                "no line grades a document of {} above 0 for a query of {}: name the qrels that \
                 belong to them",
                self.corpus.display(),
                self.queries_file().display()
            );
            return Err(whole_error(&self.qrels, problem));
        }
        Ok(())
    }
}

/// Calls for each line that isn't blank, with its number.
fn each(
    path: &Path,
    mut take: impl FnMut(u64, RawLine<'_>) -> Result<(), CorpusError>,
) -> Result<(), CorpusError> {
    if !path.is_file() {
        let problem = "there is no such file; --corpus, --qrels and --queries each name one";
        return Err(whole_error(path, problem.into()));
    }
    let mut lines = CorpusLines::open(path)?;
    while let Some((number, _, line)) = lines.next()? {
        take(number, line)?;
    }
    Ok(())
}

pub(in crate::simulate) fn line_error(path: &Path, line: u64, problem: String) -> CorpusError {
    CorpusError::Line { path: path.to_owned(), line, problem }
}

pub(in crate::simulate) fn whole_error(path: &Path, problem: String) -> CorpusError {
    CorpusError::Whole { path: path.to_owned(), problem }
}

/// How grades are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `query-id`, `corpus-id`, `score`, by tabs.
    Beir,
    /// Query, iteration, document, grade, by white space.
    Trec,
}

impl Form {
    const EXPECTED: &str = "not a line like \"query-id<TAB>corpus-id<TAB>score\" (BEIR) or \
                            \"query 0 document grade\" (TREC)";

    fn of(line: &str) -> Option<Self> {
        if line.split('\t').count() == 3 {
            return Some(Self::Beir);
        }
        (line.split_whitespace().count() == 4).then_some(Self::Trec)
    }

    fn columns(self, line: &str) -> Option<(&str, &str, &str)> {
        match self {
            Self::Beir => {
                let mut columns = line.split('\t').map(str::trim);
                Some((columns.next()?, columns.next()?, columns.next()?))
            }
            Self::Trec => {
                let mut columns = line.split_whitespace();
                let query = columns.next()?;
                Some((query, columns.nth(1)?, columns.next()?))
            }
        }
    }
}
