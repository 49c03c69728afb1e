//! The queries and judgments of a BEIR folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::file::{InvalidFile, lines};
use super::first_stage::Texts;
use super::judgments::Judgments;
use crate::domain::Query;
use crate::retrieve::{CorpusLines, IndexError};

/// A BEIR folder. Its corpus is read only where documents are asked for.
#[derive(Debug)]
pub struct Dataset {
    folder: PathBuf,
    queries_text: String,
    qrels_file: PathBuf,
    qrels_text: String,
}

/// A file of a data set that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// It can't be read.
    #[error("{}: {error}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A line of it is wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidFile),
    /// The corpus can't be read.
    #[error(transparent)]
    Corpus(#[from] IndexError),
}

/// A query of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its id in the judgments.
    pub id: String,
    /// What is asked.
    pub query: Query,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "_id")]
    id: String,
    text: String,
}

impl Dataset {
    /// Reads `queries.jsonl` and `qrels/<split>.tsv` of a folder.
    ///
    /// # Errors
    /// When one of them can't be read.
    pub fn open(folder: &Path, split: &str) -> Result<Self, DatasetError> {
        let read = |file: PathBuf| {
            let text = fs::read_to_string(&file);
            text.map_err(|error| DatasetError::Unreadable { file, error })
        };
        let qrels_file = folder.join("qrels").join(format!("{split}.tsv"));
        Ok(Self {
            folder: folder.to_owned(),
            queries_text: read(folder.join("queries.jsonl"))?,
            qrels_text: read(qrels_file.clone())?,
            qrels_file,
        })
    }

    /// The judgments.
    ///
    /// # Errors
    /// At the first line that is none.
    pub fn judgments(&self) -> Result<Judgments<'_>, InvalidFile> {
        Judgments::parse(&self.qrels_text, &self.qrels_file.to_string_lossy())
    }

    /// BLAKE3 hashes of the queries' file and of the judgments', with their
    /// paths within the folder.
    #[must_use]
    pub fn hashes(&self) -> [(String, blake3::Hash); 2] {
        let inside = self.qrels_file.strip_prefix(&self.folder).unwrap_or(&self.qrels_file);
        [
            ("queries.jsonl".to_owned(), blake3::hash(self.queries_text.as_bytes())),
            (inside.display().to_string(), blake3::hash(self.qrels_text.as_bytes())),
        ]
    }

    /// The file of its documents.
    #[must_use]
    pub fn corpus(&self) -> PathBuf {
        self.folder.join("corpus.jsonl")
    }

    /// The documents of these ids, as far as the corpus has them. It is read
    /// through once, and only these are kept. Of lines with the same id the
    /// last one counts, as in an index.
    ///
    /// # Errors
    /// When the corpus can't be read. Lines that are no documents are passed
    /// over: indexing names them.
    pub fn documents(&self, ids: &BTreeSet<&str>) -> Result<Texts, DatasetError> {
        let mut lines = CorpusLines::open(&self.corpus())?;
        let mut found = Vec::new();
        while let Some((_, _, line)) = lines.next()? {
            if let Ok(document) = line.parse()
                && ids.contains(document.id.as_str())
            {
                found.push(document);
            }
        }
        Ok(found.into_iter().collect())
    }

    /// The queries for which a document of grade `level` or more is known, in
    /// the order of the file: nothing can be measured with the others.
    ///
    /// # Errors
    /// At the first line of the queries that is none, and at a judged query
    /// that isn't among them.
    pub fn topics(&self, judgments: &Judgments<'_>, level: i32) -> Result<Vec<Topic>, InvalidFile> {
        let file = self.folder.join("queries.jsonl").to_string_lossy().into_owned();
        let mut topics = Vec::new();
        for (line, text) in lines(&self.queries_text) {
            let wrong = |problem| InvalidFile { file: file.clone(), line, problem };
            let Line { id, text } =
                serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
            let grades = judgments.of(&id);
            if grades.is_some_and(|grades| grades.values().any(|&grade| grade >= level)) {
                let query = Query::new(text).map_err(|error| wrong(error.to_string()))?;
                topics.push(Topic { id, query });
            }
        }
        Ok(topics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(queries: &str) -> (tempfile::TempDir, Dataset) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("qrels")).unwrap();
        fs::write(folder.path().join("queries.jsonl"), queries).unwrap();
        fs::write(folder.path().join("qrels/test.tsv"), "q2\ta\t1\nq1\ta\t2\nq3\ta\t0\n").unwrap();
        let dataset = Dataset::open(folder.path(), "test").unwrap();
        (folder, dataset)
    }

    #[test]
    fn only_queries_with_something_to_find_are_asked() {
        let lines = "{\"_id\": \"q1\", \"text\": \"tent\", \"metadata\": {}}\n\
            {\"_id\": \"q2\", \"text\": \"boot\"}\n{\"_id\": \"q3\", \"text\": \"pan\"}\n";
        let (_folder, dataset) = dataset(lines);
        let judgments = dataset.judgments().unwrap();
        let ids = |level| {
            let topics = dataset.topics(&judgments, level).unwrap();
            topics.into_iter().map(|topic| topic.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(1), ["q1", "q2"]);
        assert_eq!(ids(2), ["q1"]);
    }

    #[test]
    fn documents_are_found_by_their_ids_and_the_last_of_an_id_counts() {
        let (folder, dataset) = dataset("");
        let corpus = "{\"_id\": \"a\", \"text\": \"old\"}\nno document\n\
            {\"_id\": 7, \"text\": \"seven\"}\n{\"_id\": \"a\", \"text\": \"new\"}\n";
        fs::write(folder.path().join("corpus.jsonl"), corpus).unwrap();
        let texts = dataset.documents(&BTreeSet::from(["a", "z"])).unwrap();
        assert_eq!(texts.get("a").unwrap().text, "new");
        assert!(texts.get("7").is_none() && texts.get("z").is_none());
    }

    #[test]
    fn the_hashes_are_those_of_the_files() {
        let (folder, dataset) = dataset("{\"_id\": \"q1\", \"text\": \"tent\"}\n");
        let [queries, judgments] = dataset.hashes();
        assert_eq!((queries.0.as_str(), judgments.0.as_str()), ("queries.jsonl", "qrels/test.tsv"));
        for (file, hash) in [queries, judgments] {
            assert_eq!(blake3::hash(&fs::read(folder.path().join(file)).unwrap()), hash);
        }
    }

    #[test]
    fn what_can_not_be_read_is_named() {
        let (folder, dataset) = dataset("{\"_id\": \"q1\", \"text\": \"tent\"}\n{\"_id\": 1}\n");
        let judgments = dataset.judgments().unwrap();
        let error = dataset.topics(&judgments, 1).unwrap_err();
        assert!(error.file.ends_with("queries.jsonl") && error.line == 2, "{error}");
        let error = Dataset::open(folder.path(), "dev").unwrap_err().to_string();
        assert!(error.contains("qrels/dev.tsv"), "{error}");
    }
}
