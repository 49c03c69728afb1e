//! From the hits of the components to candidates in classical order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::freshness::freshness_of;
use super::{Retrieve, fuse};
use crate::domain::{
    Candidate, CandidateList, DocId, Document, DuplicateCandidate, FirstStageScores,
};

/// A point of one of the request's collections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    /// Position of the collection in the request.
    pub(super) source: usize,
    /// The point.
    pub(super) id: Uuid,
}

/// What the components found; absent where one took no part.
#[derive(Default)]
pub(super) struct Hits {
    pub(super) bm25: Option<Vec<(Key, f32)>>,
    pub(super) dense: Option<Vec<(Key, f32)>>,
}

/// What ties are broken by: the same in every engine.
type Name = (DocId, usize);

impl Hits {
    /// Every point that was found, once.
    pub(super) fn keys(&self) -> HashSet<Key> {
        self.bm25.iter().chain(&self.dense).flatten().map(|(key, _)| *key).collect()
    }

    /// The best `limit` with their documents, in classical order.
    pub(super) fn ranked(
        self,
        documents: HashMap<Key, Document>,
        collections: &[Arc<str>],
        request: &Retrieve,
        now: Timestamp,
    ) -> Result<CandidateList, DuplicateCandidate> {
        let bm25 = self.bm25.map(|hits| named(&hits, &documents));
        let dense = self.dense.map(|hits| named(&hits, &documents));
        let mut documents: HashMap<Name, Document> = documents
            .into_iter()
            .map(|(key, document)| ((document.id.clone(), key.source), document))
            .collect();
        let mut fused = match (&bm25, &dense) {
            (Some(bm25), Some(dense)) => Some(request.fusion.fuse(bm25, dense)),
            _ => None,
        };
        let mut fresh = HashMap::new();
        if let Some(freshness) = &request.freshness {
            let now = freshness.rounded(now);
            let of = |(name, document): (&Name, &Document)| {
                Some((name.clone(), freshness.decay(freshness_of(document)?, now)))
            };
            fresh = documents.iter().filter_map(of).collect();
            // Shares are of scores in [0, 1], which only relative fusion gives.
            let relevance = match fused {
                Some(fused) if request.fusion.is_relative() => Some(fused),
                Some(fused) => Some(fuse::alone(&fused)),
                None => bm25.as_deref().or(dense.as_deref()).map(fuse::alone),
            };
            fused = relevance.map(|it| fuse::blended(&it, &fresh, freshness.weight));
        }
        let order = fused.as_ref().or(bm25.as_ref()).or(dense.as_ref());
        let order: Vec<Name> =
            order.into_iter().flatten().take(request.limit).map(|(name, _)| name.clone()).collect();
        let (bm25, dense, fused) = (by_name(bm25), by_name(dense), by_name(fused));
        let candidates = order
            .into_iter()
            .filter_map(|name| {
                let scores = FirstStageScores {
                    bm25: bm25.get(&name).copied(),
                    dense: dense.get(&name).copied(),
                    fusion: fused.get(&name).copied(),
                    freshness: fresh.get(&name).copied(),
                };
                let document = Arc::new(documents.remove(&name)?);
                let collection = collections.get(name.1).map(Arc::clone);
                Some(Candidate { document, collection, scores })
            })
            .collect();
        CandidateList::new(candidates)
    }
}

/// Hits by document, in order. A document that was deleted since the engine
/// found it is left out.
fn named(hits: &[(Key, f32)], documents: &HashMap<Key, Document>) -> Vec<(Name, f32)> {
    let mut named: Vec<_> = hits
        .iter()
        .filter_map(|(key, score)| Some(((documents.get(key)?.id.clone(), key.source), *score)))
        .collect();
    fuse::order(&mut named);
    named
}

fn by_name(hits: Option<Vec<(Name, f32)>>) -> HashMap<Name, f32> {
    hits.into_iter().flatten().collect()
}
