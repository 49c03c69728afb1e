use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytesize::ByteSize;
use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use test_case::test_case;
use tokio::sync::Semaphore;

use super::document;
use crate::domain::Deadline;
use crate::retrieve::{
    EmbeddingCalls, EncodeError, Encoded, Encoder, RemoteEncoder, RemoteEncoderConfig,
};

/// What an upstream answers.
type Answer = fn(&[String]) -> Result<Vec<Vec<f32>>, EncodeError>;

/// An upstream that reads 20 bytes of a text, tells what it was asked, and can
/// be held.
struct Upstream {
    asked: Mutex<Vec<Vec<String>>>,
    answer: Mutex<Answer>,
    /// A call takes a permit and keeps it.
    open: Semaphore,
    patient: AtomicBool,
}

/// Bytes of a text that the upstream reads.
const ROOM: usize = 20;

/// Each text's length; upstreams refuse a request without texts.
fn lengths(texts: &[String]) -> Result<Vec<Vec<f32>>, EncodeError> {
    if texts.is_empty() {
        return Err(EncodeError::Model("there are no texts".into()));
    }
    Ok(texts.iter().map(|text| vec![text.len() as f32, 1.0]).collect())
}

fn down(_: &[String]) -> Result<Vec<Vec<f32>>, EncodeError> {
    Err(EncodeError::Model("it is down".into()))
}

impl Upstream {
    fn holding() -> Arc<Self> {
        Arc::new(Self {
            asked: Mutex::default(),
            answer: Mutex::new(lengths),
            open: Semaphore::new(0),
            patient: AtomicBool::default(),
        })
    }

    fn open() -> Arc<Self> {
        let upstream = Self::holding();
        upstream.let_pass(1000);
        upstream
    }

    fn let_pass(&self, calls: usize) {
        self.open.add_permits(calls);
    }

    fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    fn asked(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl EmbeddingCalls for Upstream {
    fn embed(
        &self,
        texts: Vec<String>,
        deadline: Option<Deadline>,
    ) -> BoxFuture<'_, Result<Vec<Vec<f32>>, EncodeError>> {
        self.patient.store(deadline.is_none(), Ordering::SeqCst);
        self.asked.lock().unwrap().push(texts.clone());
        async move {
            let call = async {
                self.open.acquire().await.unwrap().forget();
                let answer = *self.answer.lock().unwrap();
                answer(&texts)
            };
            match deadline {
                Some(deadline) => tokio::time::timeout_at(deadline.instant(), call)
                    .await
                    .unwrap_or(Err(EncodeError::Deadline)),
                None => call.await,
            }
        }
        .boxed()
    }

    fn head<'a>(&self, text: &'a str) -> &'a str {
        &text[..text.floor_char_boundary(ROOM)]
    }
}

fn config() -> RemoteEncoderConfig {
    RemoteEncoderConfig { parts: 2, ..RemoteEncoderConfig::of("upstream", "model", 2) }
}

fn encoder(upstream: &Arc<Upstream>, config: &RemoteEncoderConfig) -> RemoteEncoder {
    RemoteEncoder::new(Arc::clone(upstream) as Arc<dyn EmbeddingCalls>, config)
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(5))
}

/// Polls once.
fn begin<T>(future: &mut (impl Future<Output = T> + Unpin)) {
    assert!(future.now_or_never().is_none(), "it should have to wait");
}

#[tokio::test]
async fn prefixes_stand_before_queries_and_each_part_of_a_document() {
    let upstream = Upstream::open();
    let config = RemoteEncoderConfig {
        query_prefix: "query: ".into(),
        document_prefix: "doc: ".into(),
        ..config()
    };
    let encoder = encoder(&upstream, &config);
    assert_eq!(encoder.model().document_prefix, "doc: ");
    let query = encoder.encode_query("a tent for two people", soon()).await;
    assert_eq!(query, Ok(vec![20.0, 1.0]));
    assert_eq!(upstream.asked(), [["query: a tent for tw"]]);
    assert!(!upstream.patient.load(Ordering::SeqCst));

    let documents = [
        document("a", "", "one two three four five six seven"),
        document("b", "", ""),
        document("c", "Tent", "red"),
    ];
    let of_documents = encoder.encode_documents(&documents).await.unwrap();
    assert_eq!(upstream.asked(), [["doc: one two three", "doc: four five six", "doc: Tent\nred"]]);
    assert!(upstream.patient.load(Ordering::SeqCst));
    let vectors = |lengths: &[f32]| lengths.iter().map(|length| vec![*length, 1.0]).collect();
    let expected = [
        Encoded { parts: vectors(&[18.0, 18.0]), cut_bytes: "seven".len() },
        Encoded::default(),
        Encoded { parts: vectors(&[13.0]), cut_bytes: 0 },
    ];
    assert_eq!(of_documents, expected);
    assert_eq!(encoder.encode_documents(&documents[1..2]).await, Ok(vec![Encoded::default()]));
    assert_eq!(encoder.encode_documents(&[]).await, Ok(Vec::new()));
}

#[tokio::test]
async fn what_was_embedded_is_not_asked_for_again() {
    let upstream = Upstream::open();
    let encoder = encoder(&upstream, &config());
    let documents = ["tent", "stove", "tent"].map(|text| document("a", "", text));
    let first = encoder.encode_documents(&documents).await.unwrap();
    assert_eq!(upstream.asked(), [["tent", "stove"]], "a repeated text is asked for once");
    assert_eq!(first[0], first[2]);
    assert_eq!(encoder.encode_documents(&documents).await.unwrap(), first);
    assert_eq!(encoder.encode_query("stove", soon()).await, Ok(first[1].parts[0].clone()));
    assert_eq!(upstream.asked(), Vec::<Vec<String>>::new());
    let more = ["mat", "tent", "bag"].map(|text| document("a", "", text));
    let more = encoder.encode_documents(&more).await.unwrap();
    assert_eq!(upstream.asked(), [["mat", "bag"]]);
    let lengths: Vec<f32> = more.iter().map(|encoded| encoded.parts[0][0]).collect();
    assert_eq!(lengths, [3.0, 4.0, 3.0]);
}

#[tokio::test]
async fn a_prefix_makes_another_text_of_a_query() {
    let upstream = Upstream::open();
    let encoder =
        encoder(&upstream, &RemoteEncoderConfig { query_prefix: "q: ".into(), ..config() });
    encoder.encode_documents(&[document("a", "", "tent")]).await.unwrap();
    assert_eq!(encoder.encode_query("tent", soon()).await, Ok(vec![7.0, 1.0]));
    assert_eq!(upstream.asked(), [["tent"], ["q: tent"]]);
}

#[tokio::test]
async fn a_cache_of_no_bytes_keeps_nothing() {
    let upstream = Upstream::open();
    let encoder = encoder(&upstream, &RemoteEncoderConfig { cache_bytes: ByteSize(0), ..config() });
    for _ in 0..2 {
        encoder.encode_query("tent", soon()).await.unwrap();
    }
    assert_eq!(upstream.asked(), [["tent"], ["tent"]]);
}

#[tokio::test]
async fn a_text_that_is_wanted_by_several_at_a_time_is_asked_for_once() {
    let upstream = Upstream::holding();
    let encoder = encoder(&upstream, &config());
    let mut queries: Vec<_> = (0..5).map(|_| encoder.encode_query("tent", soon())).collect();
    queries.iter_mut().for_each(begin);
    assert_eq!(upstream.asked(), [["tent"]]);
    // The one that began goes away; the others go on with its call.
    drop(queries.remove(0));
    upstream.let_pass(1);
    assert!(join_all(queries).await.into_iter().all(|vector| vector == Ok(vec![4.0, 1.0])));
    assert_eq!(upstream.asked(), Vec::<Vec<String>>::new());
}

#[tokio::test]
async fn a_batch_joins_what_another_batch_is_asking_for() {
    let upstream = Upstream::holding();
    let encoder = encoder(&upstream, &config());
    let [one, two] = [["tent", "stove"], ["stove", "mat"]]
        .map(|texts| texts.map(|text| document("a", "", text)));
    let (mut first, mut second) = (encoder.encode_documents(&one), encoder.encode_documents(&two));
    // Batches give way after each document.
    while upstream.asked.lock().unwrap().is_empty() {
        begin(&mut first);
    }
    while upstream.asked.lock().unwrap().len() < 2 {
        begin(&mut second);
    }
    assert_eq!(upstream.asked(), [vec!["tent", "stove"], vec!["mat"]]);
    upstream.let_pass(2);
    let (first, second) = futures::join!(first, second);
    assert_eq!(first.unwrap()[1], second.unwrap()[0]);
}

#[tokio::test]
async fn the_failure_of_a_batch_is_not_that_of_the_texts_it_shares() {
    let upstream = Upstream::holding();
    let encoder = encoder(&upstream, &config());
    let one = ["tent", "stove"].map(|text| document("a", "", text));
    let two = ["stove"].map(|text| document("a", "", text));
    let (mut first, mut second) = (encoder.encode_documents(&one), encoder.encode_documents(&two));
    while upstream.asked.lock().unwrap().is_empty() {
        begin(&mut first);
    }
    for _ in 0..3 {
        begin(&mut second);
    }
    upstream.answers(down);
    upstream.let_pass(1);
    assert!(first.await.is_err());
    upstream.answers(lengths);
    upstream.let_pass(1);
    assert_eq!(second.await.unwrap()[0].parts, [[5.0, 1.0]]);
    assert_eq!(upstream.asked(), [vec!["tent", "stove"], vec!["stove"]]);
}

#[tokio::test]
async fn a_failure_is_shared_and_not_kept() {
    let upstream = Upstream::holding();
    let encoder = encoder(&upstream, &config());
    upstream.answers(down);
    let mut queries: Vec<_> = (0..3).map(|_| encoder.encode_query("tent", soon())).collect();
    queries.iter_mut().for_each(begin);
    upstream.let_pass(1000);
    assert!(join_all(queries).await.into_iter().all(|vector| vector == down(&[]).map(|_| vec![])));
    assert_eq!(upstream.asked(), [["tent"]]);
    upstream.answers(lengths);
    assert_eq!(encoder.encode_query("tent", soon()).await, Ok(vec![4.0, 1.0]));
    assert_eq!(upstream.asked(), [["tent"]]);
}

#[tokio::test]
async fn the_deadline_of_one_query_is_not_that_of_another() {
    let upstream = Upstream::holding();
    let encoder = encoder(&upstream, &config());
    let hasty = encoder.encode_query("tent", Deadline::after(Duration::from_millis(10)));
    let mut hasty = tokio::spawn(hasty);
    let patient = encoder.encode_query("tent", Deadline::after(Duration::from_secs(10)));
    let mut patient = tokio::spawn(patient);
    assert_eq!((&mut hasty).await.unwrap(), Err(EncodeError::Deadline));
    // The patient one asks anew, with its own deadline.
    while upstream.asked.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    upstream.let_pass(1);
    assert_eq!((&mut patient).await.unwrap(), Ok(vec![4.0, 1.0]));
}

#[tokio::test]
async fn a_query_ends_by_its_deadline_and_its_call_with_it() {
    let upstream = Upstream::holding();
    let encoder = encoder(&upstream, &config());
    let query = encoder.encode_query("tent", Deadline::after(Duration::from_millis(10)));
    assert_eq!(query.await, Err(EncodeError::Deadline));
    // Had the call gone on, the next query would have joined it.
    let mut next = encoder.encode_query("tent", soon());
    begin(&mut next);
    assert_eq!(upstream.asked(), [["tent"], ["tent"]]);
}

#[tokio::test]
async fn a_batch_that_is_dropped_ends_its_call() {
    let upstream = Upstream::holding();
    let encoder = encoder(&upstream, &config());
    let documents = [document("a", "", "tent")];
    let mut batch = encoder.encode_documents(&documents);
    while upstream.asked().is_empty() {
        begin(&mut batch);
    }
    drop(batch);
    upstream.let_pass(1);
    encoder.encode_documents(&documents).await.unwrap();
    assert_eq!(upstream.asked(), [["tent"]], "the dropped call was still there");
}

#[test_case(|_| Ok(vec![]), "0 vectors for 2 texts" ; "no vectors")]
#[test_case(|_| Ok(vec![vec![1.0, 1.0], vec![1.0]]), "a vector of 1 numbers" ; "a short vector")]
#[test_case(|_| Ok(vec![vec![1.0, 1.0], vec![0.0, 0.0]]), "no direction" ; "zeros")]
#[test_case(|_| Ok(vec![vec![1.0, 1.0], vec![f32::NAN, 1.0]]), "no direction" ; "no number")]
#[tokio::test]
async fn vectors_that_cannot_be_compared_are_refused(answer: Answer, problem: &str) {
    let upstream = Upstream::open();
    let encoder = encoder(&upstream, &config());
    upstream.answers(answer);
    let documents = ["tent", "stove"].map(|text| document("a", "", text));
    let error = encoder.encode_documents(&documents).await.unwrap_err().to_string();
    assert!(error.contains(problem), "{error}");
    upstream.answers(lengths);
    encoder.encode_documents(&documents).await.unwrap();
    assert_eq!(upstream.asked(), [["tent", "stove"], ["tent", "stove"]], "nothing bad is kept");
}
