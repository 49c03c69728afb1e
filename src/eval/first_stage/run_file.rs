//! A run file as the first stage: whatever made it, what an LLM makes of its
//! candidates is what is measured.

use std::collections::HashMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use jiff::Timestamp;

use super::Texts;
use crate::domain::{Candidate, CandidateList, DocId, Document, FirstStageScores};
use crate::eval::{Run, Topic};
use crate::retrieve::{Find, Retrieve, RetrieveError, Retrieved, Retriever};

/// Candidates of a run file, in its order and without its scores, which are of
/// an unknown kind.
#[derive(Debug)]
pub struct RunFile {
    /// By the text of the query.
    candidates: HashMap<String, Vec<Arc<Document>>>,
    documents: HashMap<DocId, Arc<Document>>,
}

/// A run that can't be a first stage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunFileError {
    /// The data set lacks a document.
    #[error("query {query:?}: there is no document {document:?} in corpus.jsonl")]
    NoDocument {
        /// The query's id.
        query: String,
        /// The document's id.
        document: String,
    },
    /// Two queries can't be told apart.
    #[error("queries {0:?} and {1:?} ask the same and have other candidates: leave one out")]
    SameText(String, String),
}

impl RunFile {
    /// The candidates of these queries. A query that is missing from the run has
    /// none.
    ///
    /// # Errors
    /// When a document isn't among `texts`, or two queries of the same text have
    /// other candidates.
    pub fn new(run: &Run<'_>, topics: &[Topic], texts: &Texts) -> Result<Self, RunFileError> {
        let mut candidates = HashMap::<String, Vec<Arc<Document>>>::new();
        let mut documents = HashMap::new();
        let mut first = HashMap::<&str, &Topic>::new();
        for topic in topics {
            let order = run.of(&topic.id).unwrap_or_default();
            let text = topic.query.as_str();
            if let Some(other) = first.insert(text, topic)
                && run.of(&other.id).unwrap_or_default() != order
            {
                return Err(RunFileError::SameText(other.id.clone(), topic.id.clone()));
            }
            let mut found = Vec::with_capacity(order.len());
            for &id in order {
                let document = texts.get(id).ok_or_else(|| RunFileError::NoDocument {
                    query: topic.id.clone(),
                    document: id.to_owned(),
                })?;
                documents.insert(document.id.clone(), Arc::clone(document));
                found.push(Arc::clone(document));
            }
            candidates.insert(text.to_owned(), found);
        }
        Ok(Self { candidates, documents })
    }
}

fn candidate(document: &Arc<Document>) -> Candidate {
    let document = Arc::clone(document);
    Candidate { document, collection: None, scores: FirstStageScores::default() }
}

impl Retriever for RunFile {
    fn retrieve(&self, request: Retrieve) -> BoxFuture<'_, Result<Retrieved, RetrieveError>> {
        let found = self.candidates.get(request.query.as_str());
        let found = found.into_iter().flatten().take(request.limit).map(candidate).collect();
        let retrieved = CandidateList::new(found)
            .map(|candidates| Retrieved { candidates, degraded_embedding: false })
            .map_err(|error| RetrieveError::Engine(error.to_string()));
        ready(retrieved).boxed()
    }

    fn find(&self, wanted: Find) -> BoxFuture<'_, Result<Vec<Option<Candidate>>, RetrieveError>> {
        let found = wanted.ids.iter().map(|id| self.documents.get(id).map(candidate)).collect();
        ready(Ok(found)).boxed()
    }

    fn check<'a>(&'a self, _collection: &'a str) -> BoxFuture<'a, Result<(), RetrieveError>> {
        ready(Ok(())).boxed()
    }

    fn newest<'a>(
        &'a self,
        _collection: &'a str,
    ) -> BoxFuture<'a, Result<Option<Timestamp>, RetrieveError>> {
        ready(Ok(None)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Query;

    fn topic(id: &str, text: &str) -> Topic {
        Topic { id: id.into(), query: Query::new(text).unwrap() }
    }

    fn texts(ids: &[&str]) -> Texts {
        let document = |id: &&str| Document {
            id: DocId::new(id).unwrap(),
            title: String::new(),
            text: String::new(),
            metadata: serde_json::Map::new(),
        };
        ids.iter().map(document).collect()
    }

    const RUN: &str = "q1 Q0 b 1 2 t\nq1 Q0 a 2 1 t\nq2 Q0 a 1 1 t\n";

    #[test]
    fn candidates_are_the_runs_in_its_order() {
        let run = Run::parse(RUN, "f").unwrap();
        let topics = [topic("q1", "tent"), topic("q2", "boot"), topic("q3", "pan")];
        let first = RunFile::new(&run, &topics, &texts(&["a", "b"])).unwrap();
        let ids = |query: &str| -> Vec<String> {
            first.candidates[query].iter().map(|it| it.id.to_string()).collect()
        };
        assert_eq!((ids("tent"), ids("pan")), (vec!["b".into(), "a".into()], vec![]));
    }

    #[test]
    fn what_can_not_be_a_first_stage_is_named() {
        let run = Run::parse(RUN, "f").unwrap();
        let error = RunFile::new(&run, &[topic("q1", "tent")], &texts(&["a"])).unwrap_err();
        assert_eq!(error.to_string(), "query \"q1\": there is no document \"b\" in corpus.jsonl");
        let twins = [topic("q1", "tent"), topic("q2", "tent")];
        let error = RunFile::new(&run, &twins, &texts(&["a", "b"])).unwrap_err();
        assert_eq!(error, RunFileError::SameText("q1".into(), "q2".into()));
    }
}
