//! The model inside the binary: a small English sentence transformer.

use std::num::NonZero;
use std::sync::{Arc, OnceLock};
use std::thread;

use futures::future::{BoxFuture, try_join_all};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use pocket_encoder::Encoder as Model;

use super::config::BuiltinEncoderConfig;
use super::parts::{Parts, split};
use super::wordpiece::{MAX_BYTES, fits};
use super::workers::{Encode, Threads, Vector, Workers, stopped};
use super::{EmbeddingModel, EncodeError, Encoded, Encoder};
use crate::domain::{Deadline, Document};
use crate::retrieve::metrics::{self, TextKind};

/// `pocket-encoder` on threads of its own, loaded at the first use.
pub struct BuiltinEncoder {
    model: EmbeddingModel,
    lazy: Arc<Lazy>,
}

/// What makes the encode function.
pub(super) type Load = Box<dyn Fn() -> Result<Encode, EncodeError> + Send + Sync>;

/// The loaded model and its threads, or why it can't be loaded.
struct Lazy {
    load: Load,
    threads: Threads,
    workers: OnceLock<Result<Workers, EncodeError>>,
}

impl Default for BuiltinEncoder {
    fn default() -> Self {
        Self::new(&BuiltinEncoderConfig::default())
    }
}

impl BuiltinEncoder {
    /// An encoder with a thread for each core, started at the first use.
    #[must_use]
    pub fn new(config: &BuiltinEncoderConfig) -> Self {
        let documents = config.document_threads.unwrap_or_else(|| (cores() / 2).max(1));
        let threads = Threads { all: cores().max(documents), documents };
        Self::with(config.parts, threads, Box::new(load))
    }

    /// Lets documents use every thread, where nobody searches meanwhile.
    #[must_use]
    pub fn with_all_threads(self) -> Self {
        let all = self.lazy.threads.all;
        Self::with(self.model.parts, Threads { all, documents: all }, Box::new(load))
    }

    pub(super) fn with(parts: usize, threads: Threads, load: Load) -> Self {
        let info = pocket_encoder::model_info();
        let model = EmbeddingModel {
            name: info.id,
            revision: info.revision,
            dimensions: info.dimensions,
            document_prefix: String::new(),
            parts,
        };
        let lazy = Lazy { load, threads, workers: OnceLock::new() };
        Self { model, lazy: Arc::new(lazy) }
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

fn load() -> Result<Encode, EncodeError> {
    let model = Model::new().map_err(|error| failed(&error))?;
    Ok(Arc::new(move |text: &str| {
        let mut vectors = model.embed(&[text]).map_err(|error| failed(&error))?;
        vectors.pop().ok_or_else(|| EncodeError::Model("it gave no vector".to_owned()))
    }))
}

fn failed(error: &pocket_encoder::Error) -> EncodeError {
    EncodeError::Model(error.to_string())
}

impl Lazy {
    /// The threads; the first call loads the model, which takes some 100 ms.
    fn workers(&self) -> Result<&Workers, EncodeError> {
        self.workers.get_or_init(|| self.start()).as_ref().map_err(Clone::clone)
    }

    fn start(&self) -> Result<Workers, EncodeError> {
        Workers::start(self.threads, &(self.load)()?)
            .map_err(|error| EncodeError::Model(format!("no thread could be started: {error}")))
    }

    /// The threads, loaded off the async ones if nothing has warmed them up.
    async fn ready(self: &Arc<Self>) -> Result<&Workers, EncodeError> {
        if self.workers.get().is_none() {
            let lazy = Arc::clone(self);
            let load = move || lazy.workers().map(drop);
            tokio::task::spawn_blocking(load).await.map_err(|_| stopped())??;
        }
        self.workers()
    }
}

impl Encoder for BuiltinEncoder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    fn warm_up(&self) -> Result<(), EncodeError> {
        let encoding = self.lazy.workers()?.query("warm up".to_owned())?;
        encoding.blocking_recv().map_err(|_| stopped())?.map(drop)
    }

    fn encode_query(&self, query: &str, deadline: Deadline) -> BoxFuture<'static, Vector> {
        let (lazy, text) = (Arc::clone(&self.lazy), head(query).to_owned());
        let encoding = async move {
            let vector = lazy.ready().await?.query(text)?.await.map_err(|_| stopped())??;
            metrics::embedded(TextKind::Query, 1);
            Ok(vector)
        };
        tokio::time::timeout_at(deadline.instant(), encoding)
            .map(|encoded| encoded.unwrap_or(Err(EncodeError::Deadline)))
            .boxed()
    }

    fn encode_documents<'a>(
        &'a self,
        documents: &'a [Document],
    ) -> BoxFuture<'a, Result<Vec<Encoded>, EncodeError>> {
        // One document more than are encoded at a time is taken apart ahead.
        let ahead = self.lazy.threads.documents + 1;
        stream::iter(documents)
            .map(|document| self.encode_document(document))
            .buffered(ahead)
            .try_collect()
            .boxed()
    }
}

impl BuiltinEncoder {
    async fn encode_document(&self, document: &Document) -> Result<Encoded, EncodeError> {
        let workers = self.lazy.ready().await?;
        let Parts { texts, cut_bytes } = split(document, "", self.model.parts, &fits);
        let parts = try_join_all(texts.into_iter().map(|text| workers.document(text))).await?;
        metrics::embedded(TextKind::Document, parts.len());
        metrics::cut(cut_bytes);
        Ok(Encoded { parts, cut_bytes })
    }
}

/// The longest prefix of at most [`MAX_BYTES`] bytes: more of a query the model
/// wouldn't read, and it would only cost tokenizing.
fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Script, document, length};
    use super::*;

    use std::collections::BTreeSet;
    use std::time::Duration;

    fn patience() -> Deadline {
        Deadline::after(Duration::from_mins(1))
    }

    fn encoder(parts: usize, threads: Threads, encode: Encode) -> BuiltinEncoder {
        BuiltinEncoder::with(parts, threads, Box::new(move || Ok(Arc::clone(&encode))))
    }

    const ONE: Threads = Threads { all: 1, documents: 1 };

    #[tokio::test]
    async fn documents_keep_their_order_and_have_a_vector_for_each_part() {
        let encoder = encoder(2, Threads { all: 3, documents: 3 }, Arc::new(length));
        let long = "word ".repeat(1000);
        let documents = [
            document("a", "Tent", "For two."),
            document("b", " ", ""),
            document("c", "Long", &long),
        ];
        let vectors = encoder.encode_documents(&documents).await.unwrap();
        assert_eq!(vectors[0].parts, [vec!["Tent\nFor two.".len() as f32]]);
        assert_eq!((vectors[0].cut_bytes, vectors[1].cut_bytes), (0, 0));
        assert!(vectors[1].parts.is_empty());
        // The title takes 1.1 of the 120 tokens, and so does each word.
        let part = "Long\n".len() + "word ".len() * 108 - 1;
        let cut_bytes = "word ".len() * (1000 - 2 * 108) - 1;
        assert_eq!(vectors[2], Encoded { parts: vec![vec![part as f32]; 2], cut_bytes });
    }

    #[tokio::test]
    async fn a_text_that_fails_fails_its_call_and_no_other() {
        let encoder = encoder(1, ONE, Arc::new(length));
        let poisoned = [document("a", "", "fine"), document("b", "", "poison")];
        let error = encoder.encode_documents(&poisoned).await.unwrap_err();
        assert_eq!(error, EncodeError::Model("it panicked".into()));
        assert_eq!(encoder.encode_documents(&poisoned[..1]).await.unwrap()[0].parts, [[4.0]]);
        assert_eq!(encoder.encode_query("query", patience()).await, Ok(vec![5.0]));
        assert!(encoder.encode_query("", patience()).await.is_err());
    }

    #[tokio::test]
    async fn a_call_that_is_dropped_stops_and_queries_go_on() {
        let (script, encode) = Script::new();
        let encoder = encoder(1, ONE, encode);
        encoder.lazy.ready().await.unwrap();
        let documents: Vec<_> = (0..50).map(|n| document("a", "", &format!("text {n}"))).collect();
        let mut call = encoder.encode_documents(&documents);
        assert!((&mut call).now_or_never().is_none());
        assert_eq!(script.seen.recv().unwrap(), "text 0");
        drop(call);
        let query = tokio::spawn(encoder.encode_query("query", patience()));
        let after = [document("a", "", "after")];
        let after = encoder.encode_documents(&after);
        for _ in 0..3 {
            script.go();
        }
        after.await.unwrap();
        query.await.unwrap().unwrap();
        let seen: BTreeSet<_> = script.seen.try_iter().collect();
        assert_eq!(seen, BTreeSet::from(["query".to_owned(), "after".to_owned()]));
    }

    #[tokio::test]
    async fn a_query_ends_by_its_deadline() {
        let (script, encode) = Script::new();
        let encoder = encoder(1, ONE, encode);
        encoder.lazy.ready().await.unwrap();
        let query = encoder.encode_query("query", Deadline::after(Duration::from_millis(50)));
        assert_eq!(query.await, Err(EncodeError::Deadline));
        drop(script);
    }

    #[tokio::test]
    async fn a_model_that_cannot_be_loaded_fails_every_call() {
        let error = EncodeError::Model("no memory".into());
        let same = error.clone();
        let encoder = BuiltinEncoder::with(1, ONE, Box::new(move || Err(same.clone())));
        assert_eq!(encoder.warm_up(), Err(error.clone()));
        assert_eq!(encoder.encode_query("q", patience()).await, Err(error.clone()));
        assert_eq!(encoder.encode_documents(&[document("a", "", "t")]).await, Err(error));
    }

    #[test]
    fn documents_have_their_share_of_the_threads() {
        let config = |document_threads| BuiltinEncoderConfig { parts: 4, document_threads };
        let threads = |config| BuiltinEncoder::new(&config).lazy.threads;
        let default = threads(config(None));
        assert!(default.documents >= 1 && default.documents <= default.all.div_ceil(2));
        assert_eq!(threads(config(Some(1))), Threads { documents: 1, ..default });
        assert_eq!(threads(config(Some(99))), Threads { all: 99, documents: 99 });
        let all = BuiltinEncoder::new(&config(None)).with_all_threads().lazy.threads;
        assert_eq!(all, Threads { all: default.all, documents: default.all });
    }

    /// The model says nothing of what it doesn't read, but what it doesn't read
    /// changes no vector.
    #[test]
    fn the_model_reads_nearly_every_part_to_its_end() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/evals/data/outdoor/corpus.jsonl");
        let corpus = std::fs::read_to_string(corpus).unwrap();
        let texts = corpus.lines().take(40).map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["text"].as_str().unwrap().to_owned()
        });
        let text = texts.collect::<Vec<_>>().join(" ");
        let encode = load().unwrap();
        let read_to_the_end = |text: &str| encode(text) != encode(&format!("{text} elephant"));
        assert!(!read_to_the_end(&text));
        let parts = split(&document("a", "Camping gear", &text), "", 10, &fits).texts;
        assert_eq!(parts.len(), 10);
        let read = parts.iter().filter(|part| read_to_the_end(part)).count();
        assert!(read >= 8, "{read} of 10");
        // Nor is much room wasted, although parts end where a sentence does.
        let full = parts.iter().filter(|part| {
            let more = &part[..part.floor_char_boundary(part.len() / 2)];
            !read_to_the_end(&format!("{part} {more}"))
        });
        assert!(full.count() >= 8);
    }
}
