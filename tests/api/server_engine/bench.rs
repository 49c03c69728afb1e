//! What the tests of the engine work with: an encoder, documents, and both
//! sides of a first stage.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use rankgate::domain::{Deadline, DocId, Document, Query};
use rankgate::retrieve::{
    CollectionConfig, Documents, EmbeddedEngine, EmbeddingModel, EncodeError, Encoded, Encoder,
    Engine, Filter, FirstStage, Fusion, IndexType, RetrievalMode, Retrieve, RetrieveError,
    Retrieved, Retriever, ServerConfig, ServerEngine, ServerUrl,
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// The collection of the tests.
pub const DOCS: &str = "docs";

const DIMENSIONS: usize = 16;

/// Long enough for every call that is answered.
pub fn patience() -> Deadline {
    Deadline::after(Duration::from_mins(1))
}

/// Counts letters: texts of similar letters are near each other.
pub struct Letters(EmbeddingModel);

impl Letters {
    /// A model that embeds so many parts of a document.
    pub fn new(parts: usize) -> Arc<Self> {
        Self::sized(parts, DIMENSIONS)
    }

    pub fn sized(parts: usize, dimensions: usize) -> Arc<Self> {
        Arc::new(Self(EmbeddingModel {
            name: "letters".into(),
            revision: "1".into(),
            dimensions,
            document_prefix: String::new(),
            parts,
        }))
    }

    fn vector(&self, text: &str) -> Vec<f32> {
        let mut vector = vec![0.01; self.0.dimensions];
        for byte in text.bytes() {
            vector[usize::from(byte) % self.0.dimensions] += 1.0;
        }
        vector
    }

    /// Words go to the parts in turn.
    fn parts(&self, document: &Document) -> Vec<Vec<f32>> {
        let text = format!("{} {}", document.title, document.text);
        let words: Vec<_> = text.split_whitespace().collect();
        let part = |n: usize| {
            let words: Vec<_> = words.iter().skip(n).step_by(self.0.parts).copied().collect();
            (!words.is_empty()).then(|| self.vector(&words.join(" ")))
        };
        (0..self.0.parts).filter_map(part).collect()
    }
}

impl Encoder for Letters {
    fn model(&self) -> &EmbeddingModel {
        &self.0
    }

    fn warm_up(&self) -> Result<(), EncodeError> {
        Ok(())
    }

    fn encode_query(
        &self,
        query: &str,
        _deadline: Deadline,
    ) -> BoxFuture<'static, Result<Vec<f32>, EncodeError>> {
        std::future::ready(Ok(self.vector(query))).boxed()
    }

    fn encode_documents<'a>(
        &'a self,
        documents: &'a [Document],
    ) -> BoxFuture<'a, Result<Vec<Encoded>, EncodeError>> {
        let encoded = documents
            .iter()
            .map(|document| Encoded { parts: self.parts(document), cut_bytes: 0 })
            .collect();
        std::future::ready(Ok(encoded)).boxed()
    }
}

/// One engine, with the reading and the writing side over it.
pub struct Side {
    pub engine: Arc<dyn Engine>,
    pub search: FirstStage,
    pub documents: Documents,
}

impl Side {
    pub fn new(
        engine: impl Engine,
        encoder: &Arc<Letters>,
        configs: &BTreeMap<String, CollectionConfig>,
    ) -> Self {
        let engine: Arc<dyn Engine> = Arc::new(engine);
        let encoder: Arc<dyn Encoder> = Arc::clone(encoder) as _;
        Self {
            search: FirstStage::new(Arc::clone(&engine), Arc::clone(&encoder), configs.clone())
                .exact(),
            documents: Documents::new(Arc::clone(&engine), encoder, configs.clone()),
            engine,
        }
    }

    /// The server at this address, as configured without anything else.
    pub fn server(url: &str) -> Self {
        Self::configured(url, "")
    }

    /// The server at this address, with these keys of
    /// `[retrieval.server]`.
    pub fn configured(url: &str, keys: &str) -> Self {
        let engine = ServerEngine::new(&config(url, keys), None).unwrap();
        Self::new(engine, &Letters::new(1), &BTreeMap::new())
    }

    /// Stores documents the way indexing does.
    pub async fn fill(&self, documents: Vec<Document>) {
        let writer = self.documents.writer_or_new(DOCS, 12.0).await.unwrap();
        writer.begin().await.unwrap();
        writer.write(documents).await.unwrap();
        writer.finish().await.unwrap();
    }

    pub async fn ask(&self, request: Retrieve) -> Result<Retrieved, RetrieveError> {
        self.search.retrieve(request).await
    }

    /// The error of a search.
    pub async fn error(&self, request: Retrieve) -> RetrieveError {
        match self.ask(request).await {
            Err(error) => error,
            Ok(found) => panic!("{} were found", found.candidates.len()),
        }
    }

    /// Ids of what a search finds.
    pub async fn found(&self, request: Retrieve) -> Vec<String> {
        let found = self.ask(request).await.unwrap();
        found.candidates.iter().map(|it| it.document.id.to_string()).collect()
    }
}

/// An embedded engine and the folder that it is in.
pub fn embedded(
    encoder: &Arc<Letters>,
    configs: &BTreeMap<String, CollectionConfig>,
) -> (Side, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let engine = EmbeddedEngine::open(folder.path(), configs.clone()).unwrap();
    (Side::new(engine, encoder, configs), folder)
}

pub fn config(url: &str, keys: &str) -> ServerConfig {
    ServerConfig { url: ServerUrl::new(url).unwrap(), ..toml::from_str(keys).unwrap() }
}

/// A search by both components for all that there is.
pub fn search(query: &str) -> Retrieve {
    Retrieve {
        collections: vec![DOCS.into()],
        query: Query::new(query).unwrap(),
        mode: RetrievalMode::Hybrid,
        fusion: Fusion::default(),
        limit: 10,
        filter: Filter::default(),
        freshness: None,
        deadline: patience(),
    }
}

pub fn document(id: &str, text: &str, metadata: &Value) -> Document {
    Document {
        id: DocId::new(id).unwrap(),
        title: String::new(),
        text: text.into(),
        metadata: metadata.as_object().cloned().unwrap_or_default(),
    }
}

const WORDS: [&str; 24] = [
    "tent", "stove", "rope", "lamp", "boot", "jacket", "warm", "light", "dry", "gas", "summer",
    "winter", "hiking", "trail", "river", "night", "steel", "nylon", "wool", "leather", "small",
    "tall", "red", "blue",
];

/// Documents of few words, so that many score the same; some are empty.
pub fn corpus(size: usize) -> Vec<Document> {
    (0..size)
        .map(|n| {
            // A step that is prime to the number of words.
            let word = |place: usize| WORDS[(n * 7 + place * (1 + n % 5)) % WORDS.len()];
            let words: Vec<_> = (0..n % 9).map(word).collect();
            let metadata = json!({
                "brand": (["acme", "peak", "dune"])[n % 3],
                "price": f64::from(u32::try_from(n % 50).unwrap()) * 1.5,
                "stock": n % 4,
                "new": n % 2 == 0,
                "tags": [word(0), word(1)],
                "updated_at": format!("2025-{:02}-01T00:00:00Z", 1 + n % 12),
                "shop.name": if n % 5 == 0 { Value::Null } else { json!({"id": n, "x": [1.5, -0.0]}) },
            });
            let title = if n % 4 == 0 { word(3).to_owned() } else { String::new() };
            Document { title, ..document(&format!("d{n}"), &words.join(" "), &metadata) }
        })
        .collect()
}

/// The indexes that the filters of [`filters`] use.
pub fn indexed() -> BTreeMap<String, CollectionConfig> {
    let indexed = [
        ("brand", IndexType::Keyword),
        ("price", IndexType::Float),
        ("stock", IndexType::Integer),
        ("new", IndexType::Bool),
    ];
    let indexed = indexed.map(|(key, index)| (key.to_owned(), index)).into();
    let config = CollectionConfig { indexed, ..CollectionConfig::default() };
    BTreeMap::from([(DOCS.to_owned(), config)])
}

/// Filters on [`corpus`], from none to all at once.
pub fn filters() -> Vec<Filter> {
    let filters = [
        json!({}),
        json!({"brand": ["acme", "dune"]}),
        json!({"price": {"gte": 30, "lt": 60}, "new": true}),
        json!({"stock": 3, "not": {"brand": "peak"}}),
        json!({"updated_at": {"gt": "2025-06-01"}}),
        json!({"tags": "tent"}),
        json!({"brand": "nobody"}),
    ];
    filters.iter().map(|filter| Filter::parse(filter.as_object().unwrap()).unwrap()).collect()
}

/// An object without anything in it.
pub fn nothing() -> Value {
    Value::Object(Map::new())
}
