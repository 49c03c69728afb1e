//! A first stage in disorder.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng;

use crate::domain::{Candidate, CandidateList};
use crate::retrieve::{Find, Retrieve, RetrieveError, Retrieved, Retriever};

/// Hands over the candidates of another first stage in random order, the same
/// each time: what quality is left doesn't come from where documents stood. A
/// strategy or a model that loses much by it leans on the order that it is
/// shown.
pub struct Shuffled {
    inner: Arc<dyn Retriever>,
    seed: u64,
}

impl Shuffled {
    /// The order depends on the seed and on the query.
    #[must_use]
    pub fn new(inner: Arc<dyn Retriever>, seed: u64) -> Self {
        Self { inner, seed }
    }

    fn shuffle(&self, query: &str, retrieved: &Retrieved) -> Result<Retrieved, RetrieveError> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(query.as_bytes());
        let mut seed = [0; 8];
        hasher.finalize_xof().fill(&mut seed);
        let mut candidates = retrieved.candidates.to_vec();
        candidates.shuffle(&mut Pcg64Mcg::seed_from_u64(u64::from_le_bytes(seed)));
        let candidates = CandidateList::new(candidates)
            .map_err(|error| RetrieveError::Engine(error.to_string()))?;
        Ok(Retrieved { candidates, degraded_embedding: retrieved.degraded_embedding })
    }
}

impl Retriever for Shuffled {
    fn retrieve(&self, request: Retrieve) -> BoxFuture<'_, Result<Retrieved, RetrieveError>> {
        async move {
            let query = request.query.clone();
            let retrieved = self.inner.retrieve(request).await?;
            self.shuffle(query.as_str(), &retrieved)
        }
        .boxed()
    }

    fn find(&self, wanted: Find) -> BoxFuture<'_, Result<Vec<Option<Candidate>>, RetrieveError>> {
        self.inner.find(wanted)
    }

    fn check<'a>(&'a self, collection: &'a str) -> BoxFuture<'a, Result<(), RetrieveError>> {
        self.inner.check(collection)
    }

    fn newest<'a>(
        &'a self,
        collection: &'a str,
    ) -> BoxFuture<'a, Result<Option<Timestamp>, RetrieveError>> {
        self.inner.newest(collection)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{RunFile, Texts};
    use super::*;
    use crate::domain::{Deadline, DocId, Document, Query};
    use crate::eval::{Run, Topic};
    use crate::retrieve::{Filter, Fusion, RetrievalMode};

    fn request(query: &Query) -> Retrieve {
        Retrieve {
            collections: vec!["c".into()],
            query: query.clone(),
            mode: RetrievalMode::Bm25,
            fusion: Fusion::default(),
            limit: 10,
            filter: Filter::default(),
            freshness: None,
            deadline: Deadline::after(Duration::from_mins(1)),
        }
    }

    /// The order of ten documents for a query.
    fn order(seed: u64, query: &str) -> Vec<String> {
        let ids: Vec<String> = (0..10).map(|at| format!("d{at}")).collect();
        let document = |id: &String| Document {
            id: DocId::new(id).unwrap(),
            title: String::new(),
            text: String::new(),
            metadata: serde_json::Map::new(),
        };
        let texts: Texts = ids.iter().map(document).collect();
        let query = Query::new(query).unwrap();
        let orders =
            std::collections::BTreeMap::from([("q", ids.iter().map(String::as_str).collect())]);
        let topics = [Topic { id: "q".into(), query: query.clone() }];
        let first = RunFile::new(&Run::of_orders(orders), &topics, &texts).unwrap();
        let shuffled = Shuffled::new(Arc::new(first), seed);
        let found = futures::executor::block_on(shuffled.retrieve(request(&query))).unwrap();
        found.candidates.iter().map(|it| it.document.id.to_string()).collect()
    }

    #[test]
    fn the_order_is_another_by_seed_and_query_and_the_same_each_time() {
        let first = order(1, "tent");
        assert_eq!(first, order(1, "tent"));
        assert_ne!(first, order(2, "tent"));
        assert_ne!(first, order(1, "boots"));
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted.len(), 10);
        assert_ne!(first, sorted);
        sorted.dedup();
        assert_eq!(sorted.len(), 10);
    }
}
