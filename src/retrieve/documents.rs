//! The writing side of a collection: embeds what is new and stores it.

mod listing;
mod live;
mod shared;
#[cfg(test)]
mod tests;
mod upkeep;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use self::shared::Shared;
use super::analyzer::{Analyzer, InvalidAnalyzer, TermCounter};
use super::engine::{Collection, Engine, Fingerprint, Point};
use super::manifest::{Manifest, State};
use super::{CollectionConfig, EncodeError, Encoder, EngineError, Lexical, point_id};
use crate::domain::{Deadline, DocId, Document};

pub use self::listing::CollectionInfo;
pub use self::live::LiveWriter;

/// Points deleted at a time.
const DELETE_BATCH: usize = 1000;
/// Ids read at a time.
const PAGE: usize = 10_000;
/// How long one call of the engine may take: nobody waits for a write with a
/// deadline of their own.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long building indexes may take.
const LONG_PATIENCE: Duration = Duration::from_hours(6);

/// Writes documents into the collections of an engine. Cheap to share.
pub struct Documents {
    engine: Arc<dyn Engine>,
    encoder: Arc<dyn Encoder>,
    configs: BTreeMap<String, CollectionConfig>,
    /// By collection.
    shared: Mutex<BTreeMap<String, Arc<Shared>>>,
}

/// Why documents were not written. What was stored before stays.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The embedding failed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The language has no analyzer.
    #[error(transparent)]
    Analyzer(#[from] InvalidAnalyzer),
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Documents that are new or changed.
    pub stored: usize,
    /// Documents that were there already, word for word.
    pub unchanged: usize,
    /// Of the stored ones, those with text that no embedding holds.
    pub cut: usize,
}

impl Documents {
    /// The writing side of an engine. `configs` holds the collections that
    /// have settings of their own; others have the defaults.
    #[must_use]
    pub fn new(
        engine: Arc<dyn Engine>,
        encoder: Arc<dyn Encoder>,
        configs: BTreeMap<String, CollectionConfig>,
    ) -> Self {
        Self { engine, encoder, configs, shared: Mutex::default() }
    }

    /// Settings of a collection.
    pub(super) fn config(&self, name: &str) -> CollectionConfig {
        self.configs.get(name).cloned().unwrap_or_default()
    }

    /// How a collection's terms are read and counted by its settings.
    #[must_use]
    pub fn lexical(&self, name: &str) -> Lexical {
        self.config(name).lexical()
    }

    fn shared(&self, name: &str) -> Arc<Shared> {
        Arc::clone(lock(&self.shared).entry(name.to_owned()).or_default())
    }

    /// A writer to a collection that exists.
    ///
    /// # Errors
    /// When it doesn't exist, can't be reached, or was made with other settings
    /// than the configured ones.
    pub async fn writer(&self, name: &str) -> Result<Writer, WriteError> {
        let collection = self.engine.open(name, patience()).await?;
        let config = self.config(name);
        super::first_stage::check_same(&*collection, &config, self.encoder.model())?;
        Writer::new(collection, Arc::clone(&self.encoder), self.shared(name))
    }

    /// A writer to a collection, which is made if it doesn't exist.
    /// `average_length` (in terms, see [`Documents::average_length`]) is what
    /// its BM25 vectors are made with if nothing is stored in it yet.
    ///
    /// # Errors
    /// When it can't be made or reached, or was made with other settings than
    /// the configured ones.
    pub async fn writer_or_new(
        &self,
        name: &str,
        average_length: f64,
    ) -> Result<Writer, WriteError> {
        let config = self.config(name);
        let params = config.lexical().params(average_length);
        let manifest = Manifest::new(self.encoder.model().clone(), config.language, params);
        let collection = self.engine.open_or_create(name, &manifest, patience()).await?;
        super::first_stage::check_same(&*collection, &config, self.encoder.model())?;
        let stored = collection.manifest();
        let differs = stored.bm25 != params;
        if differs && collection.count(patience()).await? == 0 {
            let adopted = Manifest { bm25: params, ..Manifest::clone(&stored) };
            collection.set_manifest(adopted, patience()).await?;
        }
        Writer::new(collection, Arc::clone(&self.encoder), self.shared(name))
    }

    /// Average length in terms of these documents, as a collection of this
    /// name counts; 0 where there are none.
    ///
    /// # Errors
    /// When the collection's language has no analyzer.
    pub fn average_length(&self, name: &str, documents: &[Document]) -> Result<f64, WriteError> {
        let counter = TermCounter::new(&self.lexical(name))?;
        let total: f64 = documents.iter().map(|it| counter.length(&it.title, &it.text)).sum();
        Ok(total / documents.len().max(1) as f64)
    }
}

/// Writes to one collection.
pub struct Writer {
    collection: Arc<dyn Collection>,
    encoder: Arc<dyn Encoder>,
    analyzer: Analyzer,
    shared: Arc<Shared>,
}

impl Writer {
    fn new(
        collection: Arc<dyn Collection>,
        encoder: Arc<dyn Encoder>,
        shared: Arc<Shared>,
    ) -> Result<Self, WriteError> {
        let manifest = collection.manifest();
        let analyzer = Analyzer::new(manifest.language, manifest.bm25)?;
        Ok(Self { collection, encoder, analyzer, shared })
    }

    /// Average length that the collection's BM25 vectors are made with.
    #[must_use]
    pub fn average_length(&self) -> f64 {
        self.collection.manifest().bm25.average_length
    }

    /// Says that the collection isn't whole until [`finish`](Self::finish).
    ///
    /// # Errors
    /// When the engine fails.
    pub async fn begin(&self) -> Result<(), WriteError> {
        self.set_state(State::Indexing).await
    }

    async fn set_state(&self, state: State) -> Result<(), WriteError> {
        let manifest = self.collection.manifest();
        if manifest.state != state {
            let manifest = Manifest { state, ..Manifest::clone(&manifest) };
            self.collection.set_manifest(manifest, patience()).await?;
        }
        Ok(())
    }

    /// Stores a batch; of documents with the same id the last one counts.
    /// Documents that are there already are neither embedded nor written
    /// again, which makes an interrupted job resumable, and one whose metadata
    /// alone has changed keeps its embeddings.
    ///
    /// Once this returns, what it stored survives the end of the process and
    /// is found by searches.
    ///
    /// # Errors
    /// When the engine or the embedding fails; nothing of the batch is
    /// acknowledged then.
    pub async fn write(&self, documents: Vec<Document>) -> Result<Written, WriteError> {
        let mut by_id: BTreeMap<Uuid, Document> = BTreeMap::new();
        for document in documents {
            by_id.insert(point_id(&document.id), document);
        }
        let _place = self.shared.enter(by_id.keys().copied().collect()).await;
        let stored =
            self.collection.fingerprints(by_id.keys().copied().collect(), patience()).await?;
        let total = by_id.len();
        by_id.retain(|id, document| is_new(stored.get(id), document));
        let mut written = Written { stored: by_id.len(), unchanged: total - by_id.len(), cut: 0 };
        if by_id.is_empty() {
            return Ok(written);
        }
        let same_text = by_id
            .iter()
            .filter(|(id, document)| has_text_of(stored.get(id), document))
            .map(|(id, _)| *id)
            .collect::<Vec<_>>();
        let mut kept = match same_text.as_slice() {
            [] => HashMap::new(),
            _ => self.collection.embeddings(same_text, patience()).await?,
        };
        let (ids, to_embed): (Vec<Uuid>, Vec<Document>) = by_id
            .iter()
            .filter(|(id, _)| !kept.contains_key(id))
            .map(|(id, document)| (*id, document.clone()))
            .unzip();
        let encoded = self.encoder.encode_documents(&to_embed).await?;
        for (id, encoded) in ids.into_iter().zip(encoded) {
            written.cut += usize::from(encoded.cut_bytes > 0);
            kept.insert(id, encoded.parts);
        }
        let points = by_id
            .into_iter()
            .map(|(id, document)| Point {
                id,
                bm25: self.analyzer.document(&document.title, &document.text),
                dense: kept.remove(&id).unwrap_or_default(),
                document,
            })
            .collect();
        self.collection.upsert(points, patience()).await?;
        self.shared.note(written.stored);
        Ok(written)
    }

    /// Removes a document; says whether it was there.
    ///
    /// # Errors
    /// When the engine fails.
    pub async fn delete(&self, id: &DocId) -> Result<bool, WriteError> {
        let id = point_id(id);
        let _place = self.shared.enter(vec![id]).await;
        if self.collection.fingerprints(vec![id], patience()).await?.is_empty() {
            return Ok(false);
        }
        self.collection.delete(vec![id], patience()).await?;
        self.shared.note(1);
        Ok(true)
    }

    /// Removes every document whose point is not among `kept`. Returns how
    /// many there were.
    ///
    /// # Errors
    /// When the engine fails.
    pub async fn remove_others(&self, kept: &HashSet<Uuid>) -> Result<usize, WriteError> {
        let others = others(&*self.collection, kept).await?;
        for batch in others.chunks(DELETE_BATCH) {
            self.collection.delete(batch.to_vec(), patience()).await?;
            self.shared.note(batch.len());
        }
        Ok(others.len())
    }

    /// Number of documents stored.
    ///
    /// # Errors
    /// When the engine fails.
    pub async fn documents_stored(&self) -> Result<usize, WriteError> {
        Ok(self.collection.count(patience()).await?)
    }

    /// Makes what was written survive a loss of power.
    ///
    /// # Errors
    /// When the engine fails.
    pub async fn flush(&self) -> Result<(), WriteError> {
        Ok(self.collection.flush(patience()).await?)
    }

    /// Builds the indexes, makes everything survive a loss of power and says
    /// that the collection is whole.
    ///
    /// # Errors
    /// When the engine fails.
    pub async fn finish(&self) -> Result<(), WriteError> {
        self.collection.optimize(Deadline::after(LONG_PATIENCE)).await?;
        self.flush().await?;
        self.set_state(State::Ready).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every stored id that is not among `kept`.
pub(super) async fn others(
    collection: &dyn Collection,
    kept: &HashSet<Uuid>,
) -> Result<Vec<Uuid>, EngineError> {
    let (mut others, mut from) = (Vec::new(), None);
    loop {
        let page = collection.ids(from, PAGE, patience()).await?;
        others.extend(page.ids.into_iter().filter(|id| !kept.contains(id)));
        from = page.next;
        if from.is_none() {
            return Ok(others);
        }
    }
}

fn patience() -> Deadline {
    Deadline::after(PATIENCE)
}

fn is_new(stored: Option<&Fingerprint>, document: &Document) -> bool {
    stored.is_none_or(|it| it.content != document.content_hash().to_hex().as_str())
}

fn has_text_of(stored: Option<&Fingerprint>, document: &Document) -> bool {
    stored.is_some_and(|it| it.text == document.text_hash().to_hex().as_str())
}
