//! Writing into a real engine.

use std::path::Path;

use futures::TryStreamExt;
use futures::future::BoxFuture;
use serde_json::json;
use tokio::sync::{Notify, Semaphore};

use super::*;
use crate::retrieve::encoder::StubEncoder;
use crate::retrieve::{EmbeddedEngine, EmbeddingModel, Encoded};

const NAME: &str = "docs";

struct Setup {
    folder: tempfile::TempDir,
    encoder: Arc<StubEncoder>,
    documents: Arc<Documents>,
}

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let encoder = Arc::new(StubEncoder::new("1"));
        let documents = open(folder.path(), &encoder);
        Self { folder, encoder, documents }
    }

    async fn live(&self, average_length: Option<f64>) -> LiveWriter {
        self.documents.live_writer(NAME, average_length).await.unwrap()
    }

    async fn info(&self) -> CollectionInfo {
        self.documents.info(NAME).await.unwrap()
    }
}

fn open(folder: &Path, encoder: &Arc<StubEncoder>) -> Arc<Documents> {
    let engine = EmbeddedEngine::open(folder, BTreeMap::new()).unwrap();
    Arc::new(Documents::new(Arc::new(engine), Arc::clone(encoder) as _, BTreeMap::new()))
}

fn document(id: &str, text: &str) -> Document {
    let (id, text) = (DocId::new(id).unwrap(), text.to_owned());
    Document { id, title: String::new(), text, metadata: serde_json::Map::new() }
}

fn with_price(price: u32) -> Document {
    let metadata = json!({ "price": price }).as_object().cloned().unwrap();
    Document { metadata, ..document("a", "one tent") }
}

#[tokio::test]
async fn the_first_document_makes_a_whole_collection() {
    let setup = Setup::new();
    let mut writer = setup.live(None).await;
    assert_eq!(writer.write(Vec::new()).await.unwrap(), Written::default());
    let nothing = setup.documents.info(NAME).await.unwrap_err();
    assert!(matches!(nothing, WriteError::Engine(EngineError::NoCollection(_))), "{nothing}");

    let batch = vec![document("a", "one tent"), document("b", "two tents and three boots")];
    let written = writer.write(batch).await.unwrap();
    assert_eq!((written.stored, writer.documents_stored().await.unwrap()), (2, 2));
    let info = setup.info().await;
    assert_eq!((info.state, info.documents), (State::Ready, 2));
    // Of the first batch: 2 and 4 terms without the stop word.
    assert_eq!(info.average_length.to_bits(), 3.0_f64.to_bits());
}

#[tokio::test]
async fn a_given_average_length_counts_until_something_is_stored() {
    let setup = Setup::new();
    for (given, expected) in [(7.0, 7.0), (9.0, 7.0)] {
        let mut writer = setup.live(Some(given)).await;
        writer.write(vec![document("a", "one tent")]).await.unwrap();
        assert_eq!(setup.info().await.average_length.to_bits(), f64::to_bits(expected));
    }
    setup.documents.writer(NAME).await.unwrap().delete(&document("a", "").id).await.unwrap();
    setup.live(Some(5.0)).await.write(vec![document("b", "a tarp")]).await.unwrap();
    assert_eq!(setup.info().await.average_length.to_bits(), 5.0_f64.to_bits());
}

#[tokio::test]
async fn those_who_come_first_together_agree_on_the_average_length() {
    let setup = Setup::new();
    let first = |n: usize| {
        let (documents, text) = (Arc::clone(&setup.documents), "word ".repeat(n + 1));
        async move {
            let mut writer = documents.live_writer(NAME, None).await.unwrap();
            writer.write(vec![document(&n.to_string(), &text)]).await.unwrap();
            let Some(writer) = writer.writer else { panic!("it has written") };
            writer.average_length().to_bits()
        }
    };
    let lengths = futures::future::join_all((0..8).map(first)).await;
    assert!(lengths.iter().all(|length| *length == lengths[0]), "{lengths:?}");
    assert_eq!(setup.info().await.documents, 8);
}

#[tokio::test]
async fn an_indexing_under_way_stays_so() {
    let setup = Setup::new();
    let writer = setup.documents.writer_or_new(NAME, 3.0).await.unwrap();
    writer.begin().await.unwrap();
    writer.write(vec![document("a", "one tent")]).await.unwrap();
    setup.live(None).await.write(vec![document("b", "a tarp")]).await.unwrap();
    assert_eq!(setup.info().await.state, State::Indexing);
    writer.finish().await.unwrap();
    setup.live(None).await.write(vec![document("c", "a boot")]).await.unwrap();
    assert_eq!(setup.info().await.state, State::Ready);
}

#[tokio::test]
async fn another_price_is_stored_without_embedding_the_text_again() {
    let setup = Setup::new();
    let mut writer = setup.live(None).await;
    writer.write(vec![with_price(90)]).await.unwrap();
    let written = writer.write(vec![with_price(80)]).await.unwrap();
    assert_eq!((written.stored, setup.encoder.documents_encoded()), (1, 1));
    let unchanged = writer.write(vec![with_price(80)]).await.unwrap();
    assert_eq!((unchanged.stored, unchanged.unchanged), (0, 1));
    let (engine, id) = (&setup.documents.engine, point_id(&with_price(0).id));
    let collection = engine.open(NAME, patience()).await.unwrap();
    let stored = collection.documents(vec![id], patience()).await.unwrap();
    assert_eq!(stored[&id], with_price(80));
    let embeddings = collection.embeddings(vec![id], patience()).await.unwrap();
    assert_eq!(embeddings[&id].len(), 1);
}

/// Embeds documents once it is let.
struct Gated {
    encoder: StubEncoder,
    asked: Notify,
    gate: Semaphore,
}

impl Encoder for Gated {
    fn model(&self) -> &EmbeddingModel {
        self.encoder.model()
    }

    fn warm_up(&self) -> Result<(), EncodeError> {
        self.encoder.warm_up()
    }

    fn encode_query(
        &self,
        query: &str,
        deadline: Deadline,
    ) -> BoxFuture<'static, Result<Vec<f32>, EncodeError>> {
        self.encoder.encode_query(query, deadline)
    }

    fn encode_documents<'a>(
        &'a self,
        documents: &'a [Document],
    ) -> BoxFuture<'a, Result<Vec<Encoded>, EncodeError>> {
        Box::pin(async move {
            self.asked.notify_one();
            let _leave = self.gate.acquire().await.unwrap();
            self.encoder.encode_documents(documents).await
        })
    }
}

#[tokio::test]
async fn a_write_waits_for_another_of_the_same_document() {
    let folder = tempfile::tempdir().unwrap();
    let (encoder, asked, gate) = (StubEncoder::new("1"), Notify::new(), Semaphore::new(1));
    let encoder = Arc::new(Gated { encoder, asked, gate });
    let engine = Arc::new(EmbeddedEngine::open(folder.path(), BTreeMap::new()).unwrap());
    let documents = Arc::new(Documents::new(engine, Arc::clone(&encoder) as _, BTreeMap::new()));
    let write = |document: Document| {
        let documents = Arc::clone(&documents);
        async move { documents.live_writer(NAME, None).await?.write(vec![document]).await }
    };
    write(with_price(90)).await.unwrap();
    encoder.asked.notified().await;

    let closed = encoder.gate.acquire().await.unwrap();
    let another_text = tokio::spawn(write(document("a", "two boots")));
    encoder.asked.notified().await;
    // Without the other one, this would find its text unchanged.
    let another_price = tokio::spawn(write(with_price(80)));
    for _ in 0..50 {
        documents.info(NAME).await.unwrap();
    }
    assert!(!another_price.is_finished(), "the other one is under way");
    drop(closed);
    assert_eq!(another_text.await.unwrap().unwrap().stored, 1);
    assert_eq!(another_price.await.unwrap().unwrap().stored, 1);
    assert_eq!(encoder.encoder.documents_encoded(), 3, "its text was another one by then");
    let id = point_id(&with_price(0).id);
    let collection = documents.engine.open(NAME, patience()).await.unwrap();
    let stored = collection.documents(vec![id], patience()).await.unwrap();
    assert_eq!(stored[&id], with_price(80));
}

#[tokio::test]
async fn ids_are_told_once_each() {
    let setup = Setup::new();
    let id = |n: usize| format!("id/é {n}");
    let batch = (0..200).map(|n| document(&id(n), "a tent")).collect();
    setup.live(None).await.write(batch).await.unwrap();
    let pages: Vec<Vec<DocId>> =
        setup.documents.ids(NAME).await.unwrap().try_collect().await.unwrap();
    assert!(pages.len() > 1, "more than a page");
    let mut told: Vec<String> = pages.concat().iter().map(ToString::to_string).collect();
    told.sort_unstable();
    let mut expected: Vec<String> = (0..200).map(id).collect();
    expected.sort_unstable();
    assert_eq!(told, expected);
    assert!(setup.documents.ids("nothing").await.is_err());
}

#[tokio::test]
async fn upkeep_looks_after_what_was_written_and_nothing_else() {
    let setup = Setup::new();
    let documents = &setup.documents;
    assert!(documents.flush_changed().await.is_empty());
    let batch = (0..40).map(|n| document(&n.to_string(), "a tent")).collect();
    setup.live(None).await.write(batch).await.unwrap();
    let shared = documents.shared(NAME);
    assert!(documents.flush_changed().await.is_empty());
    assert_eq!(shared.take_unflushed(), 0, "flushed");
    assert!(documents.optimize_changed(41).await.is_empty());
    assert_eq!(shared.take_unoptimized(40), Some(40), "too few to optimize");
    shared.give_back_unoptimized(40);
    assert!(documents.optimize_changed(40).await.is_empty());
    assert_eq!(shared.take_unoptimized(1), None, "optimized");
    assert_eq!(setup.info().await.documents, 40);
    assert!(documents.writer(NAME).await.unwrap().delete(&document("7", "").id).await.unwrap());
    assert_eq!(shared.take_unflushed(), 1);
}

#[tokio::test]
async fn upkeep_that_fails_is_told_and_tried_again() {
    let setup = Setup::new();
    let shared = setup.documents.shared("never made");
    shared.note(3);
    for _ in 0..2 {
        let failed = setup.documents.flush_changed().await;
        assert_eq!(failed.len(), 1);
        assert_eq!(failed[0].0, "never made");
        assert_eq!(setup.documents.optimize_changed(3).await.len(), 1);
    }
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart() {
    let Setup { folder, encoder, documents } = Setup::new();
    let mut writer = documents.live_writer(NAME, None).await.unwrap();
    writer.write(vec![document("a", "one tent"), document("b", "a tarp")]).await.unwrap();
    drop((writer, documents));
    let documents = open(folder.path(), &encoder);
    assert_eq!(documents.info(NAME).await.unwrap().documents, 2);
    let mut writer = documents.live_writer(NAME, None).await.unwrap();
    let again = writer.write(vec![document("a", "one tent")]).await.unwrap();
    assert_eq!((again.stored, again.unchanged), (0, 1));
}
