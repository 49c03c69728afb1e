//! Candidates: what the first stage hands to the LLM stage.

use std::collections::HashSet;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DocId, Document};

/// Scores of the first stage, by component; absent where a component took no
/// part or did not find the document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FirstStageScores {
    /// BM25 (unbounded, higher is better).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bm25: Option<f32>,
    /// Cosine similarity of the embeddings, in [-1, 1].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dense: Option<f32>,
    /// What the classical order was sorted by, where several components were
    /// fused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fusion: Option<f32>,
    /// In [0, 1]: 1 for a document that was changed just now. Absent where the
    /// pipeline doesn't prefer newer documents or this one has no date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<f32>,
}

impl FirstStageScores {
    /// The score that the classical order goes by.
    #[must_use]
    pub fn deciding(&self) -> Option<f32> {
        self.fusion.or(self.bm25).or(self.dense)
    }
}

/// A document that the first stage retrieved or the caller sent.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The document itself, shared with the index's answer.
    pub document: Arc<Document>,
    /// The collection that it was retrieved from; none where the caller sent
    /// it. Ids are unique within a collection.
    pub collection: Option<Arc<str>>,
    /// Why the first stage put it where it is.
    pub scores: FirstStageScores,
}

/// Candidates in classical order, each document once.
#[derive(Clone, Debug, Default)]
pub struct CandidateList(Vec<Candidate>);

impl CandidateList {
    /// Takes candidates in classical order.
    ///
    /// # Errors
    /// When a document id appears twice in a collection.
    pub fn new(candidates: Vec<Candidate>) -> Result<Self, DuplicateCandidate> {
        let mut seen = HashSet::with_capacity(candidates.len());
        for candidate in &candidates {
            if !seen.insert((&candidate.collection, &candidate.document.id)) {
                return Err(DuplicateCandidate(candidate.document.id.clone()));
            }
        }
        Ok(Self(candidates))
    }

    /// The first `limit` candidates.
    #[must_use]
    pub fn head(&self, limit: usize) -> &[Candidate] {
        &self.0[..limit.min(self.0.len())]
    }
}

impl std::ops::Deref for CandidateList {
    type Target = [Candidate];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// A document was handed over twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("document {0} appears twice among the candidates")]
pub struct DuplicateCandidate(pub DocId);

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: &str) -> Candidate {
        Candidate {
            document: Arc::new(Document {
                id: DocId::new(id).unwrap(),
                title: String::new(),
                text: String::new(),
                metadata: serde_json::Map::new(),
            }),
            collection: None,
            scores: FirstStageScores::default(),
        }
    }

    #[test]
    fn refuses_a_document_twice() {
        let twice = CandidateList::new(vec![candidate("a"), candidate("b"), candidate("a")]);
        assert_eq!(twice.unwrap_err(), DuplicateCandidate(DocId::new("a").unwrap()));
        let elsewhere = Candidate { collection: Some("videos".into()), ..candidate("a") };
        assert!(CandidateList::new(vec![candidate("a"), elsewhere]).is_ok());
    }

    #[test]
    fn head_never_reaches_past_the_end() {
        let list = CandidateList::new(vec![candidate("a"), candidate("b")]).unwrap();
        assert_eq!(list.head(1).len(), 1);
        assert_eq!(list.head(9).len(), 2);
    }
}
