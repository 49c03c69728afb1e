//! Moving a collection from one engine to another, embeddings and all.

use std::collections::HashSet;
use std::time::Duration;

use uuid::Uuid;

use super::analyzer::Analyzer;
use super::documents::others;
use super::engine::{Collection, Engine, Point};
use super::manifest::{Manifest, State};
use super::{EngineError, IndexError, IndexReport, Progress};
use crate::domain::Deadline;

/// Points moved at a time.
const PAGE: usize = 256;
/// How long one call of an engine may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long building indexes may take.
const LONG_PATIENCE: Duration = Duration::from_hours(6);

/// Copies the collection of this name, which nothing should write to
/// meanwhile. The copy searches like the original: it has the same vectors and
/// is made with the same settings. Documents that are there already are passed
/// over, so that an interrupted copy goes on where it was. With `prune`, what
/// the original doesn't hold is removed from the copy.
///
/// # Errors
/// When either engine fails, the original doesn't exist, or the copy was made
/// with other settings.
pub async fn transfer(
    name: &str,
    from: &dyn Engine,
    to: &dyn Engine,
    prune: bool,
    progress: &dyn Progress,
) -> Result<IndexReport, IndexError> {
    let original = from.open(name, patience()).await?;
    let whole = original.manifest();
    let begun = Manifest { state: State::Indexing, ..Manifest::clone(&whole) };
    let copy = to.open_or_create(name, &begun, patience()).await?;
    check_settings(&*copy, &begun)?;
    copy.set_manifest(begun, patience()).await?;
    let mut report = IndexReport::default();
    let kept = copy_points(&*original, &*copy, &mut report, progress).await?;
    if prune {
        report.pruned = remove_others(&*copy, &kept).await?;
    }
    progress.optimizing();
    copy.optimize(Deadline::after(LONG_PATIENCE)).await?;
    copy.flush(patience()).await?;
    copy.set_manifest(Manifest::clone(&whole), patience()).await?;
    report.documents = copy.count(patience()).await? as u64;
    Ok(report)
}

fn check_settings(copy: &dyn Collection, wanted: &Manifest) -> Result<(), EngineError> {
    let there = Manifest { state: wanted.state, ..Manifest::clone(&copy.manifest()) };
    if there == *wanted {
        return Ok(());
    }
    Err(EngineError::OtherShape {
        collection: copy.name().to_owned(),
        problem: "it exists there already and was made with another embedding model, language or \
                  BM25 parameters; remove it there, or copy under another name"
            .to_owned(),
    })
}

/// Copies every point; returns the ids of all.
async fn copy_points(
    original: &dyn Collection,
    copy: &dyn Collection,
    report: &mut IndexReport,
    progress: &dyn Progress,
) -> Result<HashSet<Uuid>, IndexError> {
    let manifest = original.manifest();
    let analyzer = Analyzer::new(manifest.language, manifest.bm25)?;
    let total = original.count(patience()).await? as u64;
    let (mut kept, mut from) = (HashSet::new(), None);
    loop {
        let page = original.ids(from, PAGE, patience()).await?;
        kept.extend(page.ids.iter().copied());
        let here = original.fingerprints(page.ids.clone(), patience()).await?;
        let there = copy.fingerprints(page.ids, patience()).await?;
        let changed: Vec<Uuid> =
            here.iter().filter(|(id, it)| there.get(*id) != Some(*it)).map(|(id, _)| *id).collect();
        report.unchanged += (here.len() - changed.len()) as u64;
        report.stored += changed.len() as u64;
        if !changed.is_empty() {
            let mut embeddings = original.embeddings(changed.clone(), patience()).await?;
            let documents = original.documents(changed, patience()).await?;
            let points = documents
                .into_iter()
                .map(|(id, document)| Point {
                    id,
                    bm25: analyzer.document(&document.title, &document.text),
                    dense: embeddings.remove(&id).unwrap_or_default(),
                    document,
                })
                .collect();
            copy.upsert(points, patience()).await?;
        }
        progress.indexing(report.stored + report.unchanged, total);
        from = page.next;
        if from.is_none() {
            return Ok(kept);
        }
    }
}

async fn remove_others(copy: &dyn Collection, kept: &HashSet<Uuid>) -> Result<u64, EngineError> {
    let others = others(copy, kept).await?;
    for batch in others.chunks(PAGE) {
        copy.delete(batch.to_vec(), patience()).await?;
    }
    Ok(others.len() as u64)
}

fn patience() -> Deadline {
    Deadline::after(PATIENCE)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::domain::{DocId, Document, Query};
    use crate::retrieve::encoder::StubEncoder;
    use crate::retrieve::{
        Documents, EmbeddedEngine, Encoder, Filter, FirstStage, Fusion, RetrievalMode, Retrieve,
        Retriever,
    };

    const NAME: &str = "docs";

    struct Side {
        engine: Arc<dyn Engine>,
        documents: Documents,
        stage: FirstStage,
        encoder: Arc<StubEncoder>,
        _folder: tempfile::TempDir,
    }

    impl Side {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let engine: Arc<dyn Engine> =
                Arc::new(EmbeddedEngine::open(folder.path(), BTreeMap::new()).unwrap());
            let encoder = Arc::new(StubEncoder::new("1"));
            let shared = || Arc::clone(&encoder) as Arc<dyn Encoder>;
            let documents = Documents::new(Arc::clone(&engine), shared(), BTreeMap::new());
            let stage = FirstStage::new(Arc::clone(&engine), shared(), BTreeMap::new());
            Self { engine, documents, stage, encoder, _folder: folder }
        }

        async fn store(&self, range: std::ops::Range<usize>) {
            let documents: Vec<_> = range.map(document).collect();
            let writer = self.documents.writer_or_new(NAME, 7.0).await.unwrap();
            writer.write(documents).await.unwrap();
            writer.finish().await.unwrap();
        }

        async fn search(&self, mode: RetrievalMode) -> Vec<(String, Option<f32>)> {
            let request = Retrieve {
                collections: vec![NAME.into()],
                query: Query::new("words of number 7").unwrap(),
                mode,
                limit: 50,
                filter: Filter::default(),
                fusion: Fusion::default(),
                freshness: None,
                deadline: patience(),
            };
            let found = self.stage.retrieve(request).await.unwrap().candidates;
            found.iter().map(|it| (it.document.id.to_string(), it.scores.fusion)).collect()
        }
    }

    fn document(n: usize) -> Document {
        Document {
            id: DocId::from_index(n),
            title: format!("Title {n}"),
            text: format!("some words of number {n}"),
            metadata: json!({"n": n}).as_object().cloned().unwrap(),
        }
    }

    #[tokio::test]
    async fn a_copy_searches_like_the_original_and_embeds_nothing() {
        let (original, copy) = (Side::new(), Side::new());
        original.store(0..600).await;
        let report = transfer(NAME, &*original.engine, &*copy.engine, false, &()).await.unwrap();
        assert_eq!((report.stored, report.unchanged, report.documents), (600, 0, 600));
        assert_eq!(copy.encoder.documents_encoded(), 0);
        for mode in [RetrievalMode::Bm25, RetrievalMode::Dense, RetrievalMode::Hybrid] {
            assert_eq!(original.search(mode).await, copy.search(mode).await, "{mode:?}");
        }
        let writer = copy.documents.writer(NAME).await.unwrap();
        assert_eq!(writer.average_length().to_bits(), 7.0_f64.to_bits());
    }

    #[tokio::test]
    async fn a_second_copy_moves_what_has_changed_and_prunes_when_asked() {
        let (original, copy) = (Side::new(), Side::new());
        original.store(0..300).await;
        copy.store(200..400).await;
        let report = transfer(NAME, &*original.engine, &*copy.engine, false, &()).await.unwrap();
        assert_eq!((report.stored, report.unchanged, report.documents), (200, 100, 400));
        let report = transfer(NAME, &*original.engine, &*copy.engine, true, &()).await.unwrap();
        assert_eq!((report.stored, report.unchanged, report.pruned), (0, 300, 100));
        assert_eq!(report.documents, 300);
    }

    #[tokio::test]
    async fn a_copy_that_was_made_otherwise_is_left_alone() {
        let (original, copy) = (Side::new(), Side::new());
        original.store(0..3).await;
        let writer = copy.documents.writer_or_new(NAME, 9.0).await.unwrap();
        writer.write(vec![document(5)]).await.unwrap();
        let error = transfer(NAME, &*original.engine, &*copy.engine, true, &()).await.unwrap_err();
        assert!(error.to_string().contains("made with another"), "{error}");
        assert_eq!(writer.documents_stored().await.unwrap(), 1);
        let error = transfer("other", &*original.engine, &*copy.engine, true, &()).await;
        assert!(error.unwrap_err().to_string().contains("no collection \"other\""));
    }
}
