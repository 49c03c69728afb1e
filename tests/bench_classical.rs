//! The parts of the benchmark of classical settings that its figures rest on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
// The benchmark uses the rest.
#![allow(dead_code)]

#[path = "../examples/bench_classical/data.rs"]
mod data;
#[path = "../examples/bench_classical/inverted.rs"]
mod inverted;
#[path = "../examples/bench_classical/kept.rs"]
mod kept;
#[path = "../examples/bench_classical/measure.rs"]
mod measure;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use rankgate::domain::{Deadline, Document, Query};
use rankgate::retrieve::{
    Bm25Shape, CollectionConfig, Documents, EmbeddedEngine, EmbeddingModel, EncodeError, Encoded,
    Encoder, FieldWeights, Filter, FirstStage, Fusion, Language, Lexical, RetrievalMode, Retrieve,
    Retriever,
};

use self::data::{Judged, Set};
use self::inverted::Inverted;
use self::kept::Kept;
use self::measure::{Figures, ndcg};

const NAME: &str = "shop";

/// Embeds everything alike: only BM25 is looked at.
struct Same(EmbeddingModel);

impl Encoder for Same {
    fn model(&self) -> &EmbeddingModel {
        &self.0
    }

    fn warm_up(&self) -> Result<(), EncodeError> {
        Ok(())
    }

    fn encode_query(
        &self,
        _query: &str,
        _deadline: Deadline,
    ) -> BoxFuture<'static, Result<Vec<f32>, EncodeError>> {
        std::future::ready(Ok(vec![1.0])).boxed()
    }

    fn encode_documents<'a>(
        &'a self,
        documents: &'a [Document],
    ) -> BoxFuture<'a, Result<Vec<Encoded>, EncodeError>> {
        let same = Encoded { parts: vec![vec![1.0]], cut_bytes: 0 };
        std::future::ready(Ok(vec![same; documents.len()])).boxed()
    }
}

/// What the engine answers to a query by BM25.
async fn by_engine(first_stage: &FirstStage, query: &str) -> Vec<(String, f32)> {
    let request = Retrieve {
        collections: vec![NAME.into()],
        query: Query::new(query).unwrap(),
        mode: RetrievalMode::Bm25,
        fusion: Fusion::default(),
        limit: 100,
        filter: Filter::default(),
        freshness: None,
        deadline: Deadline::after(Duration::from_mins(5)),
    };
    let found = first_stage.retrieve(request).await.unwrap().candidates;
    let hit =
        |it: &rankgate::domain::Candidate| (it.document.id.to_string(), it.scores.bm25.unwrap());
    found.iter().map(hit).collect()
}

#[tokio::test]
async fn scores_in_memory_are_the_engines() {
    let set = Set::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("evals/data/outdoor")).unwrap();
    let config = CollectionConfig {
        language: Language::English,
        bm25: Bm25Shape::new(0.9, 0.4).unwrap(),
        fields: FieldWeights::new(2.5, 1.0).unwrap(),
        ..CollectionConfig::default()
    };
    let lexical: Lexical = config.lexical();
    let folder = tempfile::tempdir().unwrap();
    let configs = BTreeMap::from([(NAME.to_owned(), config)]);
    let encoder: Arc<dyn Encoder> = Arc::new(Same(EmbeddingModel {
        name: "same".into(),
        revision: "1".into(),
        dimensions: 1,
        document_prefix: String::new(),
        parts: 1,
    }));
    let engine = Arc::new(EmbeddedEngine::open(folder.path(), configs.clone()).unwrap());
    let documents = Documents::new(engine.clone(), Arc::clone(&encoder), configs.clone());
    let average_length = documents.average_length(NAME, &set.documents).unwrap();
    let writer = documents.writer_or_new(NAME, average_length).await.unwrap();
    writer.write(set.documents.clone()).await.unwrap();
    writer.finish().await.unwrap();
    let first_stage = FirstStage::new(engine, encoder, configs);

    let index = Inverted::new(lexical, &set.documents).unwrap();
    assert!(set.queries.len() > 30, "the set was not found");
    for query in &set.queries {
        let ours = index.search(lexical.shape, &query.text, 100);
        let theirs = by_engine(&first_stage, &query.text).await;
        assert_eq!(ours.len(), theirs.len());
        let by_id: HashMap<&str, f32> = theirs.iter().map(|(id, it)| (id.as_str(), *it)).collect();
        for ((place, score), (_, at_rank)) in ours.iter().zip(&theirs) {
            let id = set.documents[*place as usize].id.as_str();
            // Documents that are equal but for a last bit may change places.
            assert!((score - at_rank).abs() < 1e-4 * score, "{id}: {score} and {at_rank}");
            let theirs = by_id.get(id).copied().unwrap_or(*at_rank);
            assert!((score - theirs).abs() < 1e-4 * score, "{id}: {score} and {theirs}");
        }
    }
}

fn judged(grades: &[(&str, f64)]) -> Judged {
    let grades: Vec<_> = grades.iter().map(|(id, grade)| ((*id).to_owned(), *grade)).collect();
    let places = HashMap::from([("a", 0), ("b", 1), ("c", 2)]);
    Judged::new("query".into(), &grades, &places).unwrap()
}

#[test]
fn ndcg_has_linear_gain_and_an_ideal_of_all_judgments() {
    let query = judged(&[("a", 3.0), ("b", 1.0), ("c", 0.0), ("elsewhere", 2.0)]);
    let log = f64::log2;
    let ideal = 3.0 + 2.0 / log(3.0) + 1.0 / log(4.0);
    let expected = (1.0 + 3.0 / log(4.0)) / ideal;
    assert!((ndcg(&[1, 2, 0], &query) - expected).abs() < 1e-12);
    assert!(ndcg(&[], &query).abs() < 1e-12);
    let late: Vec<u32> = (10..20).chain([0]).collect();
    assert!(ndcg(&late, &query).abs() < 1e-12, "only the first ten count");
}

#[test]
fn queries_without_a_relevant_document_do_not_count() {
    let places = HashMap::from([("a", 0)]);
    assert!(Judged::new("query".into(), &[("a".into(), 0.0)], &places).is_none());
}

#[test]
fn halves_are_every_other_query() {
    let figures = Figures::of(&[1.0, 0.0, 0.5]);
    let expected = Figures { all: 0.5, choosing: 0.75, confirming: 0.0 };
    assert_eq!(figures, expected);
}

#[test]
fn embeddings_are_kept_and_a_broken_one_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.bin");
    let texts = [vec![vec![1.0, -2.5], vec![0.0, 3.0]], Vec::new(), vec![vec![4.0, 5.0]]];
    Kept::open(&path).unwrap().push(texts.to_vec()).unwrap();
    assert_eq!(Kept::open(&path).unwrap().into_texts(), texts);

    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let mut kept = Kept::open(&path).unwrap();
    assert_eq!(kept.len(), 2);
    kept.push(vec![texts[2].clone()]).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}
