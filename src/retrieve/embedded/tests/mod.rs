//! The engine on real folders.

mod filters;
mod kill;
mod settings;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::domain::{DocId, Document, Query};
use crate::retrieve::encoder::StubEncoder;
use crate::retrieve::{
    Documents, EmbeddingModel, Encoder, Filter, FirstStage, Freshness, Fusion, Language, Lexical,
    Nearest, Point, QueryVector, RetrievalMode, Retrieve, RetrieveError, Retrieved, Retriever,
    SparseVector, State, point_id,
};

const NAME: &str = "docs";

fn document(id: &str, text: &str, metadata: &Value) -> Document {
    Document {
        id: DocId::new(id).unwrap(),
        title: String::new(),
        text: text.into(),
        metadata: metadata.as_object().cloned().unwrap_or_default(),
    }
}

fn plain(id: &str, text: &str) -> Document {
    document(id, text, &Value::Null)
}

/// An engine with what reads and writes it.
struct Index {
    engine: Arc<EmbeddedEngine>,
    stage: FirstStage,
    documents: Documents,
}

impl Index {
    fn at(folder: &Path) -> Self {
        Self::with(folder, CollectionConfig::default(), &Arc::new(StubEncoder::new("1"))).unwrap()
    }

    fn with(
        folder: &Path,
        config: CollectionConfig,
        encoder: &Arc<StubEncoder>,
    ) -> Result<Self, EngineError> {
        let configs = BTreeMap::from([(NAME.to_owned(), config)]);
        let engine = Arc::new(EmbeddedEngine::open(folder, configs.clone())?);
        let stored = || Arc::clone(&engine) as Arc<dyn Engine>;
        let encoder = || Arc::clone(encoder) as Arc<dyn Encoder>;
        let stage = FirstStage::new(stored(), encoder(), configs.clone());
        let documents = Documents::new(stored(), encoder(), configs);
        Ok(Self { engine, stage, documents })
    }

    async fn fill(&self, documents: Vec<Document>) {
        self.fill_as(NAME, documents).await;
    }

    async fn fill_as(&self, name: &str, documents: Vec<Document>) {
        let writer = self.documents.writer_or_new(name, 3.0).await.unwrap();
        writer.begin().await.unwrap();
        writer.write(documents).await.unwrap();
        writer.finish().await.unwrap();
    }

    async fn retrieve(&self, request: Retrieve) -> Result<Retrieved, RetrieveError> {
        self.stage.retrieve(request).await
    }

    async fn collection(&self) -> Arc<dyn Collection> {
        self.engine.open(NAME, patience()).await.unwrap()
    }
}

fn patience() -> Deadline {
    Deadline::after(Duration::from_mins(5))
}

/// Runs a future to its end, where a test can't be async.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn request(query: &str, mode: RetrievalMode, limit: usize) -> Retrieve {
    Retrieve {
        collections: vec![NAME.into()],
        query: Query::new(query).unwrap(),
        mode,
        fusion: Fusion::default(),
        limit,
        filter: Filter::default(),
        freshness: None,
        deadline: patience(),
    }
}

fn ids(retrieved: &Retrieved) -> Vec<&str> {
    retrieved.candidates.iter().map(|candidate| candidate.document.id.as_str()).collect()
}

fn shop() -> Vec<Document> {
    vec![
        plain("tent-1", "a light tent for two"),
        plain("tent-2", "a heavy tent for six people and a dog"),
        plain("stove", "a gas stove"),
        plain("ünï 火", "a warm jacket"),
    ]
}

#[tokio::test]
async fn finds_by_each_component_and_says_which_found_what() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::at(folder.path());
    index.fill(shop()).await;

    let found = index.retrieve(request("tents", RetrievalMode::Bm25, 10)).await.unwrap();
    assert_eq!(ids(&found), ["tent-1", "tent-2"]);
    let first = &found.candidates[0];
    assert!(first.scores.bm25 > found.candidates[1].scores.bm25);
    assert_eq!((first.scores.dense, first.scores.fusion), (None, None));
    assert_eq!(first.document.text, "a light tent for two");

    let found = index.retrieve(request("a gas stove", RetrievalMode::Dense, 3)).await.unwrap();
    assert_eq!(found.candidates.len(), 3);
    assert_eq!(ids(&found)[0], "stove");
    let dense = found.candidates[0].scores.dense.unwrap();
    assert!(dense > 0.9 && dense < 1.01, "{dense}");

    let found = index.retrieve(request("warm jacket", RetrievalMode::Hybrid, 10)).await.unwrap();
    assert_eq!(found.candidates.len(), 4);
    assert_eq!(ids(&found)[0], "ünï 火");
    assert!(!found.degraded_embedding);
    for candidate in found.candidates.iter() {
        assert!(candidate.scores.dense.is_some() && candidate.scores.fusion.is_some());
    }
    assert!(found.candidates[0].scores.bm25.is_some());
    assert!(found.candidates[3].scores.bm25.is_none());
}

#[tokio::test]
async fn a_query_of_stop_words_finds_nothing_by_bm25_and_no_limit_gives_none() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::at(folder.path());
    index.fill(shop()).await;
    for (query, limit) in [("the of and", 10), ("tent", 0)] {
        let found = index.retrieve(request(query, RetrievalMode::Bm25, limit)).await.unwrap();
        assert!(found.candidates.is_empty());
    }
}

#[tokio::test]
async fn ties_come_in_the_order_of_document_ids() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::at(folder.path());
    let names = ["d", "b", "e", "a", "c"];
    index.fill(names.map(|id| plain(id, "the same words")).into()).await;
    for mode in [RetrievalMode::Bm25, RetrievalMode::Dense, RetrievalMode::Hybrid] {
        let found = index.retrieve(request("same words", mode, 5)).await.unwrap();
        assert_eq!(ids(&found), ["a", "b", "c", "d", "e"], "{mode:?}");
    }
}

#[tokio::test]
async fn without_an_embedding_hybrid_serves_bm25_and_dense_fails() {
    let folder = tempfile::tempdir().unwrap();
    let encoder = Arc::new(StubEncoder::new("1"));
    let index = Index::with(folder.path(), CollectionConfig::default(), &encoder).unwrap();
    index.fill(shop()).await;
    encoder.break_down();

    let found = index.retrieve(request("tent", RetrievalMode::Hybrid, 10)).await.unwrap();
    assert!(found.degraded_embedding);
    assert_eq!(ids(&found), ["tent-1", "tent-2"]);
    let error = index.retrieve(request("tent", RetrievalMode::Dense, 10)).await.unwrap_err();
    assert!(matches!(error, RetrieveError::Engine(_)), "{error}");
    let found = index.retrieve(request("tent", RetrievalMode::Bm25, 10)).await.unwrap();
    assert!(!found.degraded_embedding);
}

#[tokio::test]
async fn a_passed_deadline_and_a_missing_collection_are_errors_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::at(folder.path());
    index.fill(shop()).await;
    let mut late = request("tent", RetrievalMode::Bm25, 10);
    late.deadline = Deadline::after(Duration::ZERO);
    assert!(matches!(index.retrieve(late).await, Err(RetrieveError::Deadline)));

    let error = index.stage.check("other").await.unwrap_err();
    assert!(matches!(&error, RetrieveError::NoCollection(name) if name == "other"));
    assert!(error.to_string().contains("rankgate index --collection other"));
    for name in ["../docs", "", ".hidden", "a/b", &"x".repeat(65)] {
        assert!(matches!(index.stage.check(name).await, Err(RetrieveError::Engine(_))), "{name}");
    }
    index.stage.check(NAME).await.unwrap();
    assert!(!folder.path().join("other").exists());
}

#[tokio::test]
async fn no_free_worker_by_the_deadline_is_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::at(folder.path());
    index.fill(shop()).await;
    let _taken = index.engine.reads.take_all().unwrap();
    let mut waiting = request("tent", RetrievalMode::Bm25, 10);
    waiting.deadline = Deadline::after(Duration::from_millis(20));
    assert!(matches!(index.retrieve(waiting).await, Err(RetrieveError::Deadline)));
}

#[tokio::test]
async fn everything_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let first = Index::at(folder.path());
    first.fill(shop()).await;
    let before = first.retrieve(request("tent", RetrievalMode::Hybrid, 10)).await.unwrap();
    drop(first);

    let left_over = folder.path().join(NAME).join("shard/temp_segments/half");
    std::fs::create_dir_all(&left_over).unwrap();
    let again = Index::at(folder.path());
    assert_eq!(again.engine.list_collections().unwrap(), [NAME]);
    let after = again.retrieve(request("tent", RetrievalMode::Hybrid, 10)).await.unwrap();
    assert_eq!(ids(&before), ids(&after));
    assert!(!left_over.exists());
    let collection = again.collection().await;
    assert_eq!(collection.count(patience()).await.unwrap(), 4);
    assert_eq!(collection.manifest().state, State::Ready);
}

#[test]
fn a_second_engine_on_the_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Index::at(folder.path());
    let second = EmbeddedEngine::open(folder.path(), BTreeMap::new());
    let error = second.err().unwrap().to_string();
    assert!(error.contains("in use by another rankgate process"), "{error}");
}

#[tokio::test]
async fn another_model_or_language_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::at(folder.path());
    index.fill(shop()).await;
    drop(index);

    let other = Arc::new(StubEncoder::new("2"));
    let index = Index::with(folder.path(), CollectionConfig::default(), &other).unwrap();
    let errors = [
        index.stage.check(NAME).await.unwrap_err().to_string(),
        index.documents.writer(NAME).await.err().unwrap().to_string(),
        index.documents.writer_or_new(NAME, 3.0).await.err().unwrap().to_string(),
    ];
    for error in errors {
        assert!(error.contains("stub (1") && error.contains("stub (2"), "{error}");
        assert!(error.contains("new collection"), "{error}");
    }
    drop(index);

    let german = CollectionConfig { language: Language::German, ..CollectionConfig::default() };
    let same = Arc::new(StubEncoder::new("1"));
    let index = Index::with(folder.path(), german, &same).unwrap();
    let error = index.stage.check(NAME).await.unwrap_err().to_string();
    assert!(error.contains("\"english\"") && error.contains("\"german\""), "{error}");
}

#[tokio::test]
async fn an_interrupted_creation_is_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::at(folder.path());
    index.fill(Vec::new()).await;
    drop(index);
    // As a process leaves it that is killed right after the manifest.
    std::fs::remove_dir_all(folder.path().join(NAME).join("shard")).unwrap();
    let index = Index::at(folder.path());
    index.fill(shop()).await;
    assert_eq!(index.collection().await.count(patience()).await.unwrap(), 4);
}

#[tokio::test]
async fn the_average_length_is_settled_by_the_first_documents() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::at(folder.path());
    for (measured, settled) in [(5.0, 5.0), (7.0, 7.0)] {
        let writer = index.documents.writer_or_new(NAME, measured).await.unwrap();
        assert_eq!(writer.average_length().to_bits(), f64::to_bits(settled));
    }
    index.fill(shop()).await;
    let writer = index.documents.writer_or_new(NAME, 9.0).await.unwrap();
    assert_eq!(writer.average_length().to_bits(), 3.0_f64.to_bits());
}

#[tokio::test]
async fn changed_metadata_keeps_the_embedding_and_changed_text_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let encoder = Arc::new(StubEncoder::new("1"));
    let index = Index::with(folder.path(), CollectionConfig::default(), &encoder).unwrap();
    let priced = |price: u32, text: &str| document("tent", text, &json!({"price": price}));
    index.fill(vec![priced(80, "a tent")]).await;
    assert_eq!(encoder.documents_encoded(), 1);
    let before = index.collection().await.embeddings(vec![tent_id()], patience()).await.unwrap();

    let writer = index.documents.writer(NAME).await.unwrap();
    let written = writer.write(vec![priced(70, "a tent")]).await.unwrap();
    assert_eq!((written.stored, written.unchanged), (1, 0));
    assert_eq!(encoder.documents_encoded(), 1);
    let after = index.collection().await.embeddings(vec![tent_id()], patience()).await.unwrap();
    assert_eq!(before, after);
    let found = index.retrieve(request("tent", RetrievalMode::Dense, 1)).await.unwrap();
    assert_eq!(found.candidates[0].document.metadata["price"], 70);

    writer.write(vec![priced(70, "a red tent")]).await.unwrap();
    assert_eq!(encoder.documents_encoded(), 2);
}

fn tent_id() -> Uuid {
    point_id(&DocId::new("tent").unwrap())
}

#[tokio::test]
async fn of_documents_with_one_id_the_last_counts_and_a_deleted_one_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::at(folder.path());
    index.fill(vec![plain("tent", "a red tent"), plain("tent", "a blue tent")]).await;
    let found = index.retrieve(request("tent", RetrievalMode::Hybrid, 9)).await.unwrap();
    assert_eq!(ids(&found), ["tent"]);
    assert_eq!(found.candidates[0].document.text, "a blue tent");

    let writer = index.documents.writer(NAME).await.unwrap();
    let id = DocId::new("tent").unwrap();
    assert!(writer.delete(&id).await.unwrap());
    assert!(!writer.delete(&id).await.unwrap());
    let found = index.retrieve(request("tent", RetrievalMode::Hybrid, 9)).await.unwrap();
    assert!(found.candidates.is_empty());
}

#[tokio::test]
async fn several_collections_are_searched_as_one_and_ids_stay_apart() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::at(folder.path());
    index.fill(vec![plain("1", "a light tent"), plain("2", "a gas stove")]).await;
    index.fill_as("videos", vec![plain("1", "how to pitch a tent"), plain("3", "a knot")]).await;
    for mode in [RetrievalMode::Bm25, RetrievalMode::Dense, RetrievalMode::Hybrid] {
        let mut both = request("tent", mode, 10);
        both.collections = vec![NAME.into(), "videos".into()];
        let found = index.retrieve(both.clone()).await.unwrap();
        let mut tents: Vec<_> = found
            .candidates
            .iter()
            .filter(|it| it.document.text.contains("tent"))
            .map(|it| (it.collection.as_deref().unwrap(), it.document.text.as_str()))
            .collect();
        tents.sort_unstable();
        let expected = [("docs", "a light tent"), ("videos", "how to pitch a tent")];
        assert_eq!(tents, expected, "{mode:?}");
        both.limit = 1;
        assert_eq!(index.retrieve(both).await.unwrap().candidates.len(), 1);
    }
    let mut missing = request("tent", RetrievalMode::Bm25, 10);
    missing.collections = vec![NAME.into(), "nothing".into()];
    let error = index.retrieve(missing).await.unwrap_err();
    assert!(matches!(error, RetrieveError::NoCollection(name) if name == "nothing"));
}

#[tokio::test]
async fn newer_documents_are_preferred_by_their_share() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::at(folder.path());
    let dated = |id: &str, text: &str, date: &str| document(id, text, &json!({"updated_at": date}));
    let now = Timestamp::now();
    let yesterday = now.checked_sub(Duration::from_hours(24)).unwrap().to_string();
    index
        .fill(vec![
            dated("old", "election results in full", "2020-01-01T00:00:00Z"),
            dated("new", "results of an election of a new mayor and more", &yesterday),
            plain("undated", "election results and other results"),
        ])
        .await;
    for mode in [RetrievalMode::Bm25, RetrievalMode::Hybrid] {
        let mut fresh = request("election results", mode, 10);
        let plainly = index.retrieve(fresh.clone()).await.unwrap();
        assert_ne!(ids(&plainly)[0], "new", "{mode:?}");
        assert!(plainly.candidates.iter().all(|it| it.scores.freshness.is_none()));

        fresh.freshness = Some(Freshness { half_life: Duration::from_hours(72), weight: 0.8 });
        let found = index.retrieve(fresh).await.unwrap();
        assert_eq!(ids(&found)[0], "new", "{mode:?}");
        let newest = found.candidates[0].scores.freshness.unwrap();
        assert!(newest > 0.7 && newest < 0.9, "{newest}");
        let undated = found.candidates.iter().find(|it| it.document.id.as_str() == "undated");
        assert_eq!(undated.unwrap().scores.freshness, None);
    }
    let newest = index.collection().await.newest(patience()).await.unwrap().unwrap();
    assert_eq!(newest.as_microsecond(), yesterday.parse::<Timestamp>().unwrap().as_microsecond());
}

#[tokio::test]
async fn a_collection_without_dates_has_no_newest() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::at(folder.path());
    index.fill(shop()).await;
    assert_eq!(index.collection().await.newest(patience()).await.unwrap(), None);
}

#[tokio::test]
async fn ids_come_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::at(folder.path());
    index.fill((0..25).map(|n| plain(&n.to_string(), "word")).collect()).await;
    let collection = index.collection().await;
    let (mut all, mut from) = (std::collections::BTreeSet::new(), None);
    loop {
        let page = collection.ids(from, 10, patience()).await.unwrap();
        assert!(page.ids.len() <= 10);
        all.extend(page.ids);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let expected = (0..25).map(|n| point_id(&DocId::from_index(n)));
    assert_eq!(all, expected.collect());
}

#[tokio::test]
async fn a_document_of_several_parts_scores_by_its_best_one() {
    let folder = tempfile::tempdir().unwrap();
    let engine = EmbeddedEngine::open(folder.path(), BTreeMap::new()).unwrap();
    let embedding = EmbeddingModel {
        name: "parts".into(),
        revision: "1".into(),
        dimensions: 2,
        document_prefix: String::new(),
        parts: 3,
    };
    let params = Lexical::default().params(3.0);
    let manifest = Manifest::new(embedding, Language::English, params);
    let collection = engine.open_or_create("parted", &manifest, patience()).await.unwrap();
    let point = |id: &str, dense: Vec<Vec<f32>>| Point {
        id: point_id(&DocId::new(id).unwrap()),
        document: plain(id, "word"),
        bm25: SparseVector::default(),
        dense,
    };
    let parted = vec![vec![0.0, 1.0], vec![3.0, 0.0], vec![0.0, -1.0]];
    let points = vec![point("tent", parted.clone()), point("pan", vec![vec![1.0, 1.0]])];
    collection.upsert(points, patience()).await.unwrap();
    let nearest = Nearest {
        vector: QueryVector::Dense(vec![2.0, 0.0]),
        filter: Arc::default(),
        limit: 5,
        exact: false,
        deadline: patience(),
    };
    let hits = collection.nearest(nearest).await.unwrap();
    let scores: Vec<f32> = hits.iter().map(|(_, score)| *score).collect();
    assert_eq!(hits[0].0, tent_id());
    assert!((scores[0] - 1.0).abs() < 1e-5 && (scores[1] - 0.5_f32.sqrt()).abs() < 1e-5);
    let stored = collection.embeddings(vec![tent_id()], patience()).await.unwrap();
    assert_eq!(stored[&tent_id()].len(), parted.len());
}

#[test]
fn point_ids_depend_on_the_document_alone() {
    let id = |name: &str| DocId::new(name).unwrap();
    assert_eq!(point_id(&id("x")), point_id(&id("x")));
    assert_ne!(point_id(&id("x")), point_id(&id("y")));
    // Stored in every collection: a change would lose track of all documents.
    let expected = "5d5eb738-d1cd-5663-a162-aea61b82b005";
    assert_eq!(point_id(&id("1")).to_string(), expected);
}
