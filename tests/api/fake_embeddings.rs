//! A fake embedding upstream: a real HTTP server on a free port whose vectors
//! follow the words of a text, so that texts about the same things are near each
//! other. It counts, records, and can be told to fail, to hang, to refuse large
//! requests or to give vectors of another length.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::fake_llm::eventually;

/// What the upstream does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It gives the vectors.
    Well,
    /// It fails with this status and these headers.
    Failing { status: u16, headers: Vec<(&'static str, String)> },
    /// It never answers.
    Hanging,
    /// Its vectors have this length, whatever it was started with.
    OfLength(usize),
    /// It refuses requests of more texts with 413.
    AtMost(usize),
}

impl Mood {
    pub const fn failing(status: u16) -> Self {
        Self::Failing { status, headers: Vec::new() }
    }
}

/// A request as the upstream received it.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
    pub texts: Vec<String>,
}

struct Stage {
    dimensions: usize,
    /// For the next requests, one each.
    next: Vec<Mood>,
    /// For all after them.
    mood: Mood,
    received: Vec<Received>,
}

/// The server; it stops when dropped.
pub struct FakeEmbeddings {
    address: SocketAddr,
    stage: Arc<Mutex<Stage>>,
    server: JoinHandle<()>,
}

impl FakeEmbeddings {
    /// Gives vectors of so many numbers.
    pub async fn start(dimensions: usize) -> Self {
        let stage = Stage { dimensions, next: Vec::new(), mood: Mood::Well, received: Vec::new() };
        let stage = Arc::new(Mutex::new(stage));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&stage));
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, stage, server }
    }

    /// From now on, until told otherwise.
    pub fn be(&self, mood: Mood) {
        self.stage().mood = mood;
    }

    /// For the next requests, one each, before it goes on as it was.
    pub fn be_next(&self, moods: impl IntoIterator<Item = Mood>) {
        self.stage().next.extend(moods);
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Requests received so far.
    pub fn hits(&self) -> usize {
        self.stage().received.len()
    }

    pub fn received(&self) -> Vec<Received> {
        self.stage().received.clone()
    }

    /// Every text received so far, those of refused requests included.
    pub fn texts(&self) -> Vec<String> {
        self.stage().received.iter().flat_map(|received| received.texts.clone()).collect()
    }

    /// Waits until so many requests have come; fails the test after 10 s.
    pub async fn wait_for_hits(&self, hits: usize) {
        eventually("embedding requests", || self.hits() >= hits).await;
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap()
    }
}

impl Drop for FakeEmbeddings {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The vector of a text: how often it has each word, the words hashed to
/// positions, and the whole of length 1.
pub fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0f32; dimensions];
    // What has no word is near nothing else.
    let nothing = std::iter::once(String::new());
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    for word in words.map(str::to_lowercase).chain(nothing) {
        let mut hasher = DefaultHasher::new();
        word.hash(&mut hasher);
        let weight = if word.is_empty() { 0.01 } else { 1.0 };
        vector[usize::try_from(hasher.finish() % dimensions as u64).unwrap()] += weight;
    }
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    vector.iter().map(|number| number / length).collect()
}

async fn answer(
    State(stage): State<Arc<Mutex<Stage>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let texts: Vec<String> = serde_json::from_value(body["input"].clone()).unwrap_or_default();
    let path = uri.path().to_owned();
    let (mood, dimensions) = {
        let mut stage = stage.lock().unwrap();
        stage.received.push(Received { path: path.clone(), headers, body, texts: texts.clone() });
        let mood = if stage.next.is_empty() { stage.mood.clone() } else { stage.next.remove(0) };
        (mood, stage.dimensions)
    };
    if path != "/v1/embeddings" || texts.is_empty() {
        return refusal(404, &[]);
    }
    match mood {
        Mood::Hanging => std::future::pending().await,
        Mood::Failing { status, headers } => refusal(status, &headers),
        Mood::AtMost(most) if texts.len() > most => refusal(413, &[]),
        Mood::Well | Mood::AtMost(_) => embedded(&texts, dimensions),
        Mood::OfLength(dimensions) => embedded(&texts, dimensions),
    }
}

fn refusal(status: u16, headers: &[(&'static str, String)]) -> Response {
    let mut response = json_response(&json!({ "error": { "message": "scripted" } }));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response
}

/// The last one first: only the index says whose vector it is.
fn embedded(texts: &[String], dimensions: usize) -> Response {
    let entry = |(index, text): (usize, &String)| json!({ "object": "embedding", "index": index, "embedding": vector(text, dimensions) });
    let data: Vec<_> = texts.iter().enumerate().rev().map(entry).collect();
    let tokens: usize = texts.iter().map(|text| text.split_whitespace().count()).sum();
    json_response(&json!({
        "object": "list",
        "model": "fake",
        "data": data,
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens }
    }))
}

fn json_response(body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    response.headers_mut().insert("content-type", "application/json".parse().unwrap());
    response
}
