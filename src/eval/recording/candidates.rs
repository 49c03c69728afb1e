//! A first stage whose candidates are kept, or played from where they were
//! kept: other machines' floating-point numbers may order them otherwise.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Mode, Recording};
use crate::domain::{Candidate, CandidateList, FirstStageScores};
use crate::eval::first_stage::Texts;
use crate::retrieve::{Find, Retrieve, RetrieveError, Retrieved, Retriever};

/// What the first stage found for a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Found {
    /// The query: for those who read the file.
    query: String,
    /// Whether the embedding failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    degraded_embedding: bool,
    candidates: Vec<Kept>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Kept {
    id: String,
    #[serde(flatten)]
    scores: FirstStageScores,
}

impl Found {
    /// The ids of the documents.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.candidates.iter().map(|kept| kept.id.as_str())
    }
}

/// A first stage with a recording in front of it.
pub(super) struct RecordedCandidates {
    /// None in a replay.
    pub inner: Option<Arc<dyn Retriever>>,
    /// Everything of the configuration that shapes what it finds.
    pub configured: String,
    /// The documents of a replay.
    pub texts: Arc<Texts>,
    pub recording: Arc<Recording>,
}

impl RecordedCandidates {
    fn key(&self, request: &Retrieve) -> String {
        let all = serde_json::json!([self.configured, request.query.as_str(), request.limit]);
        blake3::hash(all.to_string().as_bytes()).to_hex()[..24].to_owned()
    }

    fn played(&self, request: &Retrieve) -> Result<Retrieved, RetrieveError> {
        let Some(found) = self.recording.candidates.get(&self.key(request)) else {
            self.recording.note_missing();
            return Err(RetrieveError::Engine("the recording has no candidates for it".into()));
        };
        let collection: Option<Arc<str>> =
            request.collections.first().map(|name| name.as_str().into());
        let candidate = |kept: &Kept| {
            let document = self.texts.get(&kept.id).ok_or_else(|| {
                RetrieveError::Engine(format!("the data set has no document {:?}", kept.id))
            })?;
            Ok(Candidate {
                document: Arc::clone(document),
                collection: collection.clone(),
                scores: kept.scores,
            })
        };
        let candidates: Result<Vec<_>, RetrieveError> =
            found.candidates.iter().map(candidate).collect();
        let candidates = CandidateList::new(candidates?)
            .map_err(|error| RetrieveError::Engine(error.to_string()))?;
        Ok(Retrieved { candidates, degraded_embedding: found.degraded_embedding })
    }

    fn keep(&self, key: String, query: String, retrieved: &Retrieved) {
        let kept = |candidate: &Candidate| Kept {
            id: candidate.document.id.to_string(),
            scores: candidate.scores,
        };
        let found = Found {
            query,
            degraded_embedding: retrieved.degraded_embedding,
            candidates: retrieved.candidates.iter().map(kept).collect(),
        };
        self.recording.keep(|it| it.candidates.put(key, found));
    }
}

impl Retriever for RecordedCandidates {
    fn retrieve(&self, request: Retrieve) -> BoxFuture<'_, Result<Retrieved, RetrieveError>> {
        match (&self.inner, self.recording.mode) {
            (Some(inner), Mode::Record) => async move {
                let (key, query) = (self.key(&request), request.query.as_str().to_owned());
                let retrieved = inner.retrieve(request).await?;
                self.keep(key, query, &retrieved);
                Ok(retrieved)
            }
            .boxed(),
            _ => futures::future::ready(self.played(&request)).boxed(),
        }
    }

    fn find(&self, wanted: Find) -> BoxFuture<'_, Result<Vec<Option<Candidate>>, RetrieveError>> {
        match &self.inner {
            Some(inner) => inner.find(wanted),
            None => futures::future::ready(Ok(self.texts.find(&wanted.ids))).boxed(),
        }
    }

    fn check<'a>(&'a self, collection: &'a str) -> BoxFuture<'a, Result<(), RetrieveError>> {
        match &self.inner {
            Some(inner) => inner.check(collection),
            None => futures::future::ready(Ok(())).boxed(),
        }
    }

    fn newest<'a>(
        &'a self,
        collection: &'a str,
    ) -> BoxFuture<'a, Result<Option<Timestamp>, RetrieveError>> {
        match &self.inner {
            Some(inner) => inner.newest(collection),
            None => futures::future::ready(Ok(None)).boxed(),
        }
    }
}
