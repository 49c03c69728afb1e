//! Documents of a data set by their ids.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::{Candidate, DocId, Document, FirstStageScores};

/// Documents by id.
#[derive(Debug, Default)]
pub struct Texts(HashMap<String, Arc<Document>>);

impl Texts {
    /// The document of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Document>> {
        self.0.get(id)
    }

    /// The documents of these ids as candidates without scores.
    #[must_use]
    pub fn find(&self, ids: &[DocId]) -> Vec<Option<Candidate>> {
        let candidate = |id: &DocId| {
            let document = Arc::clone(self.get(id.as_str())?);
            Some(Candidate { document, collection: None, scores: FirstStageScores::default() })
        };
        ids.iter().map(candidate).collect()
    }
}

impl FromIterator<Document> for Texts {
    fn from_iter<I: IntoIterator<Item = Document>>(documents: I) -> Self {
        let by_id = |document: Document| (document.id.to_string(), Arc::new(document));
        Self(documents.into_iter().map(by_id).collect())
    }
}
