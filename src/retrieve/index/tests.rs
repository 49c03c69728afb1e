//! Indexing into a real engine.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::*;
use crate::retrieve::encoder::StubEncoder;
use crate::retrieve::{Documents, EmbeddedEngine, State};

const NAME: &str = "docs";

struct Setup {
    folder: tempfile::TempDir,
    encoder: Arc<StubEncoder>,
    documents: Documents,
}

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let encoder = Arc::new(StubEncoder::new("1"));
        let documents = open(folder.path(), &encoder);
        Self { folder, encoder, documents }
    }

    async fn index(&self, lines: &str, prune: bool) -> IndexReport {
        self.try_index(lines, prune, &()).await.unwrap()
    }

    async fn try_index(
        &self,
        lines: &str,
        prune: bool,
        progress: &dyn Progress,
    ) -> Result<IndexReport, IndexError> {
        let data = self.folder.path().join("corpus.jsonl");
        std::fs::write(&data, lines).unwrap();
        let job = IndexJob { collection: NAME.into(), data, prune };
        index(&self.documents, &job, progress).await
    }

    async fn stored(&self) -> usize {
        self.documents.info(NAME).await.unwrap().documents
    }

    async fn state(&self) -> State {
        self.documents.info(NAME).await.unwrap().state
    }
}

fn open(folder: &Path, encoder: &Arc<StubEncoder>) -> Documents {
    let engine = EmbeddedEngine::open(folder.join("data"), BTreeMap::new()).unwrap();
    Documents::new(Arc::new(engine), Arc::clone(encoder) as _, BTreeMap::new())
}

fn line(id: &str, text: &str) -> String {
    format!("{}\n", serde_json::json!({"_id": id, "title": "Shop", "text": text}))
}

fn lines(range: std::ops::Range<usize>) -> String {
    range.map(|n| line(&format!("doc ü{n}"), &format!("words of number {n}"))).collect()
}

#[tokio::test]
async fn a_second_run_stores_nothing_and_a_changed_document_only_itself() {
    let setup = Setup::new();
    // More than a batch.
    let first = setup.index(&lines(0..300), false).await;
    assert_eq!((first.stored, first.unchanged, first.documents), (300, 0, 300));
    assert_eq!(setup.encoder.documents_encoded(), 300);

    let second = setup.index(&lines(0..300), false).await;
    assert_eq!((second.stored, second.unchanged, second.documents), (0, 300, 300));
    assert_eq!(setup.encoder.documents_encoded(), 300);

    let changed =
        setup.index(&(lines(0..299) + &line("doc ü299", "other words here now")), false).await;
    assert_eq!((changed.stored, changed.unchanged, changed.documents), (1, 299, 300));
    assert_eq!(setup.encoder.documents_encoded(), 301);
}

#[tokio::test]
async fn an_interrupted_job_goes_on_where_it_was() {
    let setup = Setup::new();
    let writer = setup.documents.writer_or_new(NAME, 5.0).await.unwrap();
    writer.begin().await.unwrap();
    let stored = RawLine::Text(lines(3..4).trim_end().as_bytes()).parse().unwrap();
    writer.write(vec![stored]).await.unwrap();
    drop(writer);
    let Setup { folder, encoder, documents } = setup;
    drop(documents);

    let documents = open(folder.path(), &encoder);
    let setup = Setup { folder, encoder, documents };
    assert_eq!(setup.state().await, State::Indexing);
    let report = setup.index(&lines(0..10), false).await;
    assert_eq!((report.stored, report.unchanged), (9, 1));
    assert_eq!(setup.state().await, State::Ready);
}

/// Keeps what it is told.
#[derive(Default)]
struct Told {
    bad: Mutex<Vec<BadLine>>,
    indexed: Mutex<Vec<(u64, u64)>>,
}

impl Progress for Told {
    fn bad_line(&self, line: &BadLine) {
        self.bad.lock().unwrap().push(line.clone());
    }

    fn indexing(&self, done: u64, total: u64) {
        self.indexed.lock().unwrap().push((done, total));
    }
}

#[tokio::test]
async fn each_bad_line_is_told_by_number_and_the_rest_is_stored() {
    let setup = Setup::new();
    let text = [
        line("a", "one"),
        "not json\n".to_owned(),
        "\n".to_owned(),
        line("b", "two"),
        line("a", "three"),
        "{\"_id\": \"c\"}\n".to_owned(),
    ]
    .concat();
    let told = Told::default();
    let report = setup.try_index(&text, false, &told).await.unwrap();
    assert_eq!((report.stored, report.bad_lines, report.documents), (2, 3, 2));
    let told_lines = told.bad.into_inner().unwrap();
    assert_eq!(report.first_bad_lines, told_lines);
    let numbers: Vec<_> = told_lines.iter().map(|line| line.number).collect();
    assert_eq!(numbers, [2, 5, 6]);
    assert_eq!(told_lines[1].problem, LineProblem::Duplicate { first: 1 });
    assert_eq!(
        told_lines[1].to_string(),
        "line 5: the id is that of line 1 already, which was kept"
    );
    assert_eq!(told.indexed.into_inner().unwrap(), [(2, 2)]);
}

#[tokio::test]
async fn pruning_removes_what_the_data_lacks_and_never_after_bad_lines() {
    let setup = Setup::new();
    setup.index(&lines(0..10), false).await;
    let kept = setup.index(&lines(5..8), false).await;
    assert_eq!((kept.pruned, setup.stored().await), (0, 10));

    let refused = setup.index(&(lines(5..8) + "broken\n"), true).await;
    assert!(refused.prune_refused.unwrap().contains("1 bad lines"));
    assert_eq!(setup.stored().await, 10);
    let refused = setup.index("", true).await;
    assert!(refused.prune_refused.unwrap().contains("everything"));
    assert_eq!(setup.stored().await, 10);

    let pruned = setup.index(&lines(5..8), true).await;
    assert_eq!((pruned.pruned, pruned.documents, pruned.prune_refused), (7, 3, None));
    assert_eq!(setup.stored().await, 3);
}

#[tokio::test]
async fn the_average_length_is_measured_first_and_its_drift_is_told() {
    let setup = Setup::new();
    let short = setup.index(&line("a", "three more words"), false).await;
    assert_eq!(short.drift, None);
    // The title counts too, and "more" is a stop word.
    let stored = setup.documents.info(NAME).await.unwrap().average_length;
    assert_eq!(stored.to_bits(), 3.0_f64.to_bits());

    let long = setup.index(&line("b", &"word ".repeat(50)), false).await;
    assert_eq!(long.drift, Some(Drift { stored: 3.0, measured: 51.0 }));
    assert_eq!(setup.index("", false).await.drift, None);
}

#[tokio::test]
async fn a_file_that_is_not_there_makes_no_collection() {
    let setup = Setup::new();
    let job = IndexJob {
        collection: NAME.into(),
        data: setup.folder.path().join("nothing"),
        prune: false,
    };
    let error = index(&setup.documents, &job, &()).await.unwrap_err();
    assert!(matches!(error, IndexError::Data { .. }), "{error}");
    let error = setup.documents.info(NAME).await.unwrap_err();
    assert!(matches!(error, WriteError::Engine(EngineError::NoCollection(_))), "{error}");
}

#[tokio::test]
async fn a_name_that_can_not_be_is_refused_before_anything_is_read() {
    let setup = Setup::new();
    let data = setup.folder.path().join("corpus.jsonl");
    std::fs::write(&data, "broken\n").unwrap();
    let job = IndexJob { collection: "../up".into(), data, prune: false };
    let told = Told::default();
    let error = index(&setup.documents, &job, &told).await.unwrap_err();
    assert!(matches!(error, IndexError::Engine(EngineError::InvalidName(_))), "{error}");
    assert!(told.bad.into_inner().unwrap().is_empty());
}

#[tokio::test]
async fn a_failing_embedding_ends_the_job_and_the_next_one_goes_on() {
    let setup = Setup::new();
    setup.encoder.break_down();
    let error = setup.try_index(&lines(0..3), false, &()).await.unwrap_err();
    assert!(matches!(error, IndexError::Encode(_)), "{error}");
    assert_eq!(setup.state().await, State::Indexing);
}

#[tokio::test]
async fn a_document_as_long_as_a_line_may_be_is_stored() {
    let setup = Setup::new();
    let long = line("long", &"word ".repeat((MAX_LINE - 100) / 5));
    let report = setup.index(&(lines(0..2) + &long + &lines(2..4)), false).await;
    assert_eq!((report.stored, report.bad_lines), (5, 0));
}
