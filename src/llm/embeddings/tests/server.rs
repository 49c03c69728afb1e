//! A real server to embed with: scripted, counting, on a port of its own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Barrier;
use tokio::task::JoinHandle;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Seen {
    pub fn texts(&self) -> Vec<String> {
        serde_json::from_value(self.body["input"].clone()).unwrap()
    }
}

/// What is answered.
#[derive(Clone)]
pub enum Reply {
    /// What the request asks for, see [`vector`].
    Vectors,
    /// This body.
    Json(Value),
    /// This status, `retry-after-ms` and body.
    Status(u16, Option<u64>, Value),
    /// The same, once as many requests are there as the barrier waits for.
    Together(Arc<Barrier>),
    /// No answer, ever.
    Hang,
    /// Spaces without end.
    Endless,
}

impl Reply {
    pub const fn status(status: u16) -> Self {
        Self::Status(status, None, Value::Null)
    }

    pub fn data(data: &Value) -> Self {
        Self::Json(json!({ "data": data }))
    }
}

/// The vector of a text; texts of other lengths or beginnings have others.
pub fn vector(text: &str) -> Vec<f32> {
    vec![1.0, text.len() as f32, f32::from(text.as_bytes()[0])]
}

pub fn vectors(texts: &[String]) -> Vec<Vec<f32>> {
    texts.iter().map(|text| vector(text)).collect()
}

type Script = dyn Fn(usize, &Seen) -> Reply + Send + Sync;

struct Stage {
    script: Box<Script>,
    seen: Mutex<Vec<Seen>>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

/// The server; it stops when dropped.
pub struct Server {
    address: SocketAddr,
    stage: Arc<Stage>,
    task: JoinHandle<()>,
}

impl Server {
    /// Answers by how many requests came before, and by the request.
    pub async fn start(script: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static) -> Self {
        let stage = Arc::new(Stage {
            script: Box::new(script),
            seen: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(answer).with_state(Arc::clone(&stage));
        let app = app.layer(axum::extract::DefaultBodyLimit::disable());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, stage, task }
    }

    pub async fn always(reply: Reply) -> Self {
        Self::start(move |_, _| reply.clone()).await
    }

    /// The replies in their order; the last one repeats.
    pub async fn queue(replies: Vec<Reply>) -> Self {
        Self::start(move |hit, _| replies[hit.min(replies.len() - 1)].clone()).await
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.stage.seen.lock().unwrap().clone()
    }

    pub fn hits(&self) -> usize {
        self.stage.seen.lock().unwrap().len()
    }

    /// How many texts each request had.
    pub fn sizes(&self) -> Vec<usize> {
        self.seen().iter().map(|seen| seen.texts().len()).collect()
    }

    pub fn most_in_flight(&self) -> usize {
        self.stage.most_in_flight.load(Ordering::SeqCst)
    }

    pub async fn wait_for_hits(&self, hits: usize) {
        eventually("requests", || self.hits() >= hits).await;
    }

    pub async fn wait_until_idle(&self) {
        eventually("idle", || self.stage.in_flight.load(Ordering::SeqCst) == 0).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits until `done`; fails the test after 10 s.
async fn eventually(what: &str, done: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}: not within 10 s");
}

/// Counted down when the client goes away, too.
struct UnderWay(Arc<Stage>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn answer(
    State(stage): State<Arc<Stage>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now = stage.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
    stage.most_in_flight.fetch_max(now, Ordering::SeqCst);
    let _under_way = UnderWay(Arc::clone(&stage));
    let body = serde_json::from_slice(&body).unwrap();
    let seen = Seen { path: uri.path().to_owned(), headers, body };
    let hit = {
        let mut all = stage.seen.lock().unwrap();
        all.push(seen.clone());
        all.len() - 1
    };
    match (stage.script)(hit, &seen) {
        Reply::Vectors => embedded(&seen),
        Reply::Together(barrier) => {
            barrier.wait().await;
            embedded(&seen)
        }
        Reply::Json(body) => response(200, None, &body),
        Reply::Status(status, wait, body) => response(status, wait, &body),
        Reply::Hang => std::future::pending().await,
        Reply::Endless => {
            let spaces = || Ok::<_, std::convert::Infallible>(Bytes::from_static(&[b' '; 8192]));
            Response::new(Body::from_stream(futures::stream::repeat_with(spaces)))
        }
    }
}

fn embedded(seen: &Seen) -> Response {
    let entry = |(index, vector)| json!({ "index": index, "embedding": vector });
    let data: Vec<_> = vectors(&seen.texts()).into_iter().enumerate().map(entry).collect();
    let usage = json!({ "prompt_tokens": 5 * data.len(), "total_tokens": 5 * data.len() });
    response(200, None, &json!({ "object": "list", "data": data, "usage": usage }))
}

fn response(status: u16, wait_ms: Option<u64>, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    if let Some(wait_ms) = wait_ms {
        response.headers_mut().insert("retry-after-ms", wait_ms.into());
    }
    response
}
