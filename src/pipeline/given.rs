//! The first stage of a request that brings its own documents.

use std::sync::Arc;

use crate::domain::{
    Candidate, CandidateList, Deadline, Document, DuplicateCandidate, FirstStageScores, Query,
};
use crate::retrieve::{Lexical, LocalBm25};

/// The classical order of given documents: BM25 blended with the order in
/// which they came. Where that isn't done by the deadline, the given order is
/// the classical one.
pub(super) async fn order_given(
    query: &Query,
    documents: Vec<Document>,
    lexical: Lexical,
    deadline: Deadline,
) -> Result<CandidateList, DuplicateCandidate> {
    let documents: Vec<Arc<Document>> = documents.into_iter().map(Arc::new).collect();
    if deadline.has_passed() {
        return as_given(documents);
    }
    let (asked, given) = (query.clone(), documents.clone());
    let ordering = tokio::task::spawn_blocking(move || {
        let bm25 = LocalBm25::new(lexical).ok()?;
        Some(bm25.rank(&asked, &given))
    });
    match tokio::time::timeout_at(deadline.instant(), ordering).await {
        Ok(Ok(Some(ordered))) => ordered,
        Ok(Ok(None) | Err(_)) | Err(_) => as_given(documents),
    }
}

fn as_given(documents: Vec<Arc<Document>>) -> Result<CandidateList, DuplicateCandidate> {
    let scores = FirstStageScores::default();
    let candidates =
        documents.into_iter().map(|document| Candidate { document, collection: None, scores });
    CandidateList::new(candidates.collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::DocId;

    fn documents(texts: &[&str]) -> Vec<Document> {
        let document = |(index, text): (usize, &&str)| Document {
            id: DocId::from_index(index),
            title: String::new(),
            text: (*text).to_owned(),
            metadata: serde_json::Map::new(),
        };
        texts.iter().enumerate().map(document).collect()
    }

    async fn order(texts: &[&str], deadline: Duration) -> Vec<String> {
        let query = Query::new("waterproof jacket").unwrap();
        let deadline = Deadline::after(deadline);
        let ordered = order_given(&query, documents(texts), Lexical::default(), deadline).await;
        ordered.unwrap().iter().map(|candidate| candidate.document.id.to_string()).collect()
    }

    #[tokio::test]
    async fn what_matches_rises() {
        let texts = ["a tent", "a spoon", "a waterproof jacket"];
        assert_eq!(order(&texts, Duration::from_mins(1)).await[0], "2");
    }

    #[tokio::test]
    async fn the_given_order_is_served_when_time_is_up() {
        let texts = ["a tent", "a spoon", "a waterproof jacket"];
        assert_eq!(order(&texts, Duration::ZERO).await, ["0", "1", "2"]);
    }
}
