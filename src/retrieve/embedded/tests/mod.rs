//! The engine on real folders.

mod filters;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::domain::{Deadline, DocId, Document, Query};
use crate::retrieve::encoder::StubEncoder;
use crate::retrieve::{
    Filter, Fusion, IndexType, Language, RetrievalMode, Retrieve, RetrieveError, Retrieved,
    Retriever,
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

fn engine_with(
    folder: &Path,
    config: CollectionConfig,
    encoder: &Arc<StubEncoder>,
) -> Result<EmbeddedEngine, EngineError> {
    let configs = BTreeMap::from([(NAME.to_owned(), config)]);
    EmbeddedEngine::open(folder, configs, Arc::clone(encoder) as Arc<dyn Encoder>)
}

fn engine(folder: &Path) -> EmbeddedEngine {
    engine_with(folder, CollectionConfig::default(), &Arc::new(StubEncoder::new("1"))).unwrap()
}

fn fill(engine: &EmbeddedEngine, documents: Vec<Document>) {
    let writer = engine.writer(NAME, 3.0).unwrap();
    writer.begin().unwrap();
    writer.write(documents).unwrap();
    writer.finish().unwrap();
}

fn request(query: &str, mode: RetrievalMode, limit: usize) -> Retrieve {
    Retrieve {
        collection: NAME.into(),
        query: Query::new(query).unwrap(),
        mode,
        fusion: Fusion::default(),
        limit,
        filter: Filter::default(),
        deadline: Deadline::after(Duration::from_mins(5)),
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
    let engine = engine(folder.path());
    fill(&engine, shop());

    let found = engine.retrieve(request("tents", RetrievalMode::Bm25, 10)).await.unwrap();
    assert_eq!(ids(&found), ["tent-1", "tent-2"]);
    let first = &found.candidates[0];
    assert!(first.scores.bm25 > found.candidates[1].scores.bm25);
    assert_eq!((first.scores.dense, first.scores.fusion), (None, None));
    assert_eq!(first.document.text, "a light tent for two");

    let found = engine.retrieve(request("a gas stove", RetrievalMode::Dense, 3)).await.unwrap();
    assert_eq!(found.candidates.len(), 3);
    assert_eq!(ids(&found)[0], "stove");
    let dense = found.candidates[0].scores.dense.unwrap();
    assert!(dense > 0.9 && dense < 1.01, "{dense}");

    let found = engine.retrieve(request("warm jacket", RetrievalMode::Hybrid, 10)).await.unwrap();
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
    let engine = engine(folder.path());
    fill(&engine, shop());
    for (query, limit) in [("the of and", 10), ("tent", 0)] {
        let found = engine.retrieve(request(query, RetrievalMode::Bm25, limit)).await.unwrap();
        assert!(found.candidates.is_empty());
    }
}

#[tokio::test]
async fn ties_come_in_the_order_of_document_ids() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let names = ["d", "b", "e", "a", "c"];
    fill(&engine, names.map(|id| plain(id, "the same words")).into());
    for mode in [RetrievalMode::Bm25, RetrievalMode::Dense, RetrievalMode::Hybrid] {
        let found = engine.retrieve(request("same words", mode, 5)).await.unwrap();
        assert_eq!(ids(&found), ["a", "b", "c", "d", "e"], "{mode:?}");
    }
}

#[tokio::test]
async fn without_an_embedding_hybrid_serves_bm25_and_dense_fails() {
    let folder = tempfile::tempdir().unwrap();
    let encoder = Arc::new(StubEncoder::new("1"));
    let engine = engine_with(folder.path(), CollectionConfig::default(), &encoder).unwrap();
    fill(&engine, shop());
    encoder.break_down();

    let found = engine.retrieve(request("tent", RetrievalMode::Hybrid, 10)).await.unwrap();
    assert!(found.degraded_embedding);
    assert_eq!(ids(&found), ["tent-1", "tent-2"]);
    let error = engine.retrieve(request("tent", RetrievalMode::Dense, 10)).await.unwrap_err();
    assert!(matches!(error, RetrieveError::Engine(_)), "{error}");
    let found = engine.retrieve(request("tent", RetrievalMode::Bm25, 10)).await.unwrap();
    assert!(!found.degraded_embedding);
}

#[tokio::test]
async fn a_passed_deadline_and_a_missing_collection_are_errors_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    fill(&engine, shop());
    let mut late = request("tent", RetrievalMode::Bm25, 10);
    late.deadline = Deadline::after(Duration::ZERO);
    assert!(matches!(engine.retrieve(late).await, Err(RetrieveError::Deadline)));

    let error = engine.check("other").await.unwrap_err();
    assert!(matches!(&error, RetrieveError::NoCollection(name) if name == "other"));
    assert!(error.to_string().contains("rankgate index --collection other"));
    for name in ["../docs", "", ".hidden", "a/b", &"x".repeat(65)] {
        assert!(matches!(engine.check(name).await, Err(RetrieveError::Engine(_))), "{name}");
    }
    engine.check(NAME).await.unwrap();
    assert!(!folder.path().join("other").exists());
}

#[tokio::test]
async fn no_free_worker_by_the_deadline_is_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    fill(&engine, shop());
    let all = engine.permits.available_permits();
    let _taken = engine.permits.acquire_many(u32::try_from(all).unwrap()).await.unwrap();
    let mut waiting = request("tent", RetrievalMode::Bm25, 10);
    waiting.deadline = Deadline::after(Duration::from_millis(20));
    assert!(matches!(engine.retrieve(waiting).await, Err(RetrieveError::Deadline)));
}

#[tokio::test]
async fn everything_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let first = engine(folder.path());
    fill(&first, shop());
    let before = first.retrieve(request("tent", RetrievalMode::Hybrid, 10)).await.unwrap();
    drop(first);

    let left_over = folder.path().join(NAME).join("shard/temp_segments/half");
    std::fs::create_dir_all(&left_over).unwrap();
    let again = engine(folder.path());
    assert_eq!(again.list_collections().unwrap(), [NAME]);
    let after = again.retrieve(request("tent", RetrievalMode::Hybrid, 10)).await.unwrap();
    assert_eq!(ids(&before), ids(&after));
    assert!(!left_over.exists());
    let info = again.collection_info(NAME).unwrap();
    assert_eq!((info.documents, info.state), (4, State::Ready));
}

#[test]
fn a_second_engine_on_the_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = engine(folder.path());
    let encoder = Arc::new(StubEncoder::new("1"));
    let second = engine_with(folder.path(), CollectionConfig::default(), &encoder);
    let error = second.err().unwrap().to_string();
    assert!(error.contains("in use by another rankgate process"), "{error}");
}

#[test]
fn another_model_or_language_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    fill(&engine(folder.path()), shop());

    let other = Arc::new(StubEncoder::new("2"));
    let engine = engine_with(folder.path(), CollectionConfig::default(), &other).unwrap();
    for error in [engine.collection_info(NAME).err(), engine.writer(NAME, 3.0).err()] {
        let error = error.unwrap().to_string();
        assert!(error.contains("stub (1") && error.contains("stub (2"), "{error}");
        assert!(error.contains("new collection"), "{error}");
    }
    drop(engine);

    let german = CollectionConfig { language: Language::German, ..CollectionConfig::default() };
    let same = Arc::new(StubEncoder::new("1"));
    let error = engine_with(folder.path(), german, &same).unwrap().collection_info(NAME);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("\"english\"") && error.contains("\"german\""), "{error}");
}

#[test]
fn an_interrupted_creation_is_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    fill(&engine(folder.path()), Vec::new());
    // As a process leaves it that is killed right after the manifest.
    std::fs::remove_dir_all(folder.path().join(NAME).join("shard")).unwrap();
    let engine = engine(folder.path());
    fill(&engine, shop());
    assert_eq!(engine.collection_info(NAME).unwrap().documents, 4);
}

#[test]
fn the_average_length_is_settled_by_the_first_documents() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    for (measured, settled) in [(5.0, 5.0), (7.0, 7.0)] {
        let writer = engine.writer(NAME, measured).unwrap();
        assert_eq!(writer.average_length().to_bits(), f64::to_bits(settled));
    }
    fill(&engine, shop());
    let writer = engine.writer(NAME, 9.0).unwrap();
    assert_eq!(writer.average_length().to_bits(), 3.0_f64.to_bits());
}

#[test]
fn point_ids_depend_on_collection_and_document() {
    let id = |name: &str| DocId::new(name).unwrap();
    assert_eq!(point_id("a", &id("x")), point_id("a", &id("x")));
    assert_ne!(point_id("a", &id("x")), point_id("b", &id("x")));
    assert_ne!(point_id("a", &id("bx")), point_id("ab", &id("x")));
    // Stored in every collection: a change would lose track of all documents.
    let expected = "b8422533-e890-58ea-b780-4691388c6d7d";
    assert_eq!(point_id("docs", &id("1")).to_string(), expected);
}

// --- killed while writing ---

/// Folder that a child process writes to until it is killed.
const CHILD_FOLDER: &str = "RANKGATE_TEST_CRASH_FOLDER";
const CRASH_TEST: &str = "retrieve::embedded::tests::what_was_acknowledged_survives_a_kill";

#[test]
fn what_was_acknowledged_survives_a_kill() {
    if let Some(folder) = std::env::var_os(CHILD_FOLDER) {
        write_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    for acknowledged in [7, 40] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", CRASH_TEST, "--nocapture"])
            .env(CHILD_FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let last = lines
            .map(|line| line.unwrap())
            .filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<usize>().ok())
            .nth(acknowledged)
            .unwrap();
        child.kill().unwrap();
        child.wait().unwrap();

        let engine = engine(folder.path());
        let collection = engine.shared.collection(NAME).unwrap();
        let stored: Vec<_> = collection.ids().unwrap();
        for number in 0..=last {
            let id = DocId::new(format!("doc {number}")).unwrap();
            assert!(stored.contains(&point_id(NAME, &id)), "document {number} of {last} is lost");
        }
        assert_eq!(collection.state(), State::Indexing);
    }
}

fn write_until_killed(folder: &Path) -> ! {
    let engine = engine(folder);
    let writer = engine.writer(NAME, 3.0).unwrap();
    writer.begin().unwrap();
    let mut out = std::io::stdout();
    for number in 0.. {
        writer.write(vec![plain(&format!("doc {number}"), "some words")]).unwrap();
        writeln!(out, "acknowledged {number}").unwrap();
        out.flush().unwrap();
        if number % 10 == 9 {
            writer.flush().unwrap();
        }
    }
    unreachable!("numbers don't end")
}
