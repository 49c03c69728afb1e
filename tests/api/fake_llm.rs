//! A fake LLM upstream: a real HTTP server on a free port with scripted
//! answers, faults and counters. For the faults that no HTTP server makes there
//! is [`crate::raw_upstream`].

#![allow(dead_code, reason = "each test uses its part of the stage")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use futures::stream::{self, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request as the upstream received it.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Received {
    /// The text of the user message.
    pub fn user(&self) -> &str {
        self.message("user")
    }

    /// The text of the system message; empty where there is none.
    pub fn system(&self) -> &str {
        self.message("system")
    }

    fn message(&self, role: &str) -> &str {
        let messages = self.body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let message = messages.iter().find(|message| message["role"] == role);
        message.and_then(|message| message["content"].as_str()).unwrap_or_default()
    }

    /// The labels and texts of the passages in the prompt, in their order.
    pub fn passages(&self) -> Vec<(u64, String)> {
        passages(self.user())
    }

    /// What kind of reply the prompt asks for.
    pub fn task(&self) -> Task {
        let user = self.user();
        if user.contains("{\"ranking\"") {
            Task::Listwise
        } else if user.contains("{\"scores\"") {
            Task::Graded
        } else if user.contains("{\"better\"") {
            Task::Pairwise
        } else if user.contains("Yes or No") {
            Task::Pointwise
        } else {
            Task::Other
        }
    }
}

/// What kind of reply a prompt asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Listwise,
    Graded,
    Pointwise,
    Pairwise,
    Other,
}

/// A passage begins with a line `[label] …` or `nonce [label] …` and ends
/// before the next one or a line `nonce end`.
fn passages(prompt: &str) -> Vec<(u64, String)> {
    let mut passages: Vec<(u64, String)> = Vec::new();
    let mut open = false;
    for line in prompt.lines() {
        if let Some((label, rest)) = heading(line) {
            passages.push((label, rest.to_owned()));
            open = true;
        } else if line.trim_end().ends_with(" end") && line.split_whitespace().count() == 2 {
            open = false;
        } else if let Some((_, text)) = passages.last_mut().filter(|_| open) {
            text.push('\n');
            text.push_str(line);
        }
    }
    passages
}

fn heading(line: &str) -> Option<(u64, &str)> {
    let line = line.trim_start();
    let from_label =
        if line.starts_with('[') { line } else { line.split_once(' ')?.1.trim_start() };
    let (label, rest) = from_label.strip_prefix('[')?.split_once(']')?;
    Some((label.parse().ok()?, rest.trim_start()))
}

/// The document of a pointwise prompt: between `nonce document…` and `nonce end`.
fn document(prompt: &str) -> String {
    let second_word = |line: &str, word: &str| {
        line.split_whitespace().nth(1).is_some_and(|second| second.trim_end_matches(':') == word)
    };
    let inside: Vec<_> = prompt
        .lines()
        .skip_while(|line| !second_word(line, "document"))
        .take_while(|line| !second_word(line, "end"))
        .collect();
    if inside.is_empty() { prompt.to_owned() } else { inside.join("\n") }
}

/// What the upstream answers.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "one a request, in tests")]
pub enum Reply {
    /// A chat completion.
    Chat(Chat),
    /// Any status, headers and body.
    Http { status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// Another reply after a while.
    After(Duration, Box<Reply>),
    /// No answer, ever.
    Hang,
    /// Headers at once, then the body in so many pieces with pauses.
    Trickle { body: Vec<u8>, pieces: usize, pause: Duration },
    /// Headers and half a body, then nothing more.
    HangInBody,
    /// Headers and half a body, then the connection breaks.
    BreakInBody,
    /// Headers, then a body without end.
    Endless,
}

/// A chat completion.
#[derive(Clone, Debug)]
pub struct Chat {
    pub content: Value,
    pub finish: &'static str,
    pub refusal: Option<String>,
    pub usage: Value,
    pub logprobs: Value,
}

impl Chat {
    pub fn new(content: impl Into<Value>) -> Self {
        Self {
            content: content.into(),
            finish: "stop",
            refusal: None,
            usage: json!({ "prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110 }),
            logprobs: Value::Null,
        }
    }

    pub fn body(&self) -> Value {
        json!({
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": "fake",
            "choices": [{
                "index": 0,
                "message": {
                    "role": "assistant", "content": self.content, "refusal": self.refusal
                },
                "finish_reason": self.finish,
                "logprobs": self.logprobs
            }],
            "usage": self.usage
        })
    }
}

impl Reply {
    pub fn content(content: impl Into<Value>) -> Self {
        Self::Chat(Chat::new(content))
    }

    pub fn status(status: u16) -> Self {
        Self::json(status, &json!({ "error": { "message": "scripted", "code": null } }))
    }

    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, body.to_string())
    }

    pub fn text(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Http { status, headers: Vec::new(), body: body.into() }
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        if let Self::Http { headers, .. } = &mut self {
            headers.push((name, value.to_string()));
        }
        self
    }

    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self::After(wait, Box::new(self))
    }

    /// Chat completion that comes in pieces.
    pub fn trickle(content: &str, pieces: usize, pause: Duration) -> Self {
        let body = Chat::new(content).body().to_string().into_bytes();
        Self::Trickle { body, pieces, pause }
    }
}

type Script = Arc<dyn Fn(usize, &Received) -> Reply + Send + Sync>;

struct Stage {
    script: Mutex<Script>,
    received: Mutex<Vec<Received>>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

/// The server; it stops when dropped.
pub struct FakeLlm {
    address: SocketAddr,
    stage: Arc<Stage>,
    server: JoinHandle<()>,
}

impl FakeLlm {
    /// Answers by a function of how many requests came before, and of the
    /// request.
    pub async fn start(script: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static) -> Self {
        let stage = Arc::new(Stage {
            script: Mutex::new(Arc::new(script)),
            received: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(answer).with_state(Arc::clone(&stage));
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, stage, server }
    }

    /// Answers every request alike.
    pub async fn always(reply: Reply) -> Self {
        Self::start(move |_, _| reply.clone()).await
    }

    /// Answers the first request with the first reply and so on; the last one
    /// repeats.
    pub async fn queue(replies: Vec<Reply>) -> Self {
        Self::start(move |hit, _| replies[hit.min(replies.len() - 1)].clone()).await
    }

    /// Does what prompts ask for, by `score` of a passage's text: 0 to 1,
    /// higher is better. Equal passages keep their order.
    pub async fn competent(score: impl Fn(&str) -> f64 + Send + Sync + 'static) -> Self {
        Self::start(move |_, request| competent(request, &score)).await
    }

    /// What [`Self::competent`] answers, for scripts that do so at times.
    pub fn script(
        score: impl Fn(&str) -> f64 + Send + Sync + 'static,
    ) -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
        move |request| competent(request, &score)
    }

    /// Answers differently from now on.
    pub fn set(&self, script: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static) {
        *self.stage.script.lock().unwrap() = Arc::new(script);
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Requests received so far.
    pub fn hits(&self) -> usize {
        self.stage.received.lock().unwrap().len()
    }

    pub fn received(&self) -> Vec<Received> {
        self.stage.received.lock().unwrap().clone()
    }

    /// Requests whose answer hasn't begun; one whose client went away is none.
    pub fn in_flight(&self) -> usize {
        self.stage.in_flight.load(Ordering::SeqCst)
    }

    pub fn most_in_flight(&self) -> usize {
        self.stage.most_in_flight.load(Ordering::SeqCst)
    }

    /// Waits until so many requests have come; fails the test after 10 s.
    pub async fn wait_for_hits(&self, hits: usize) {
        eventually("requests", || self.hits() >= hits).await;
    }

    /// Waits until nothing is in flight; fails the test after 10 s.
    pub async fn wait_until_idle(&self) {
        eventually("idle", || self.in_flight() == 0).await;
    }
}

impl Drop for FakeLlm {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Waits until `done`; fails the test after 10 s.
pub async fn eventually(what: &str, done: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}: not within 10 s");
}

/// The base URL of a port where nobody listens.
pub async fn refused_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}/v1", listener.local_addr().unwrap())
}

/// A request under way; also counts down when the client goes away.
struct UnderWay(Arc<Stage>);

impl UnderWay {
    fn new(stage: &Arc<Stage>) -> Self {
        let now = stage.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        stage.most_in_flight.fetch_max(now, Ordering::SeqCst);
        Self(Arc::clone(stage))
    }
}

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
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let request = Received { path: uri.path().to_owned(), headers, body };
    let under_way = UnderWay::new(&stage);
    let hit = {
        let mut received = stage.received.lock().unwrap();
        received.push(request.clone());
        received.len() - 1
    };
    let script = Arc::clone(&stage.script.lock().unwrap());
    respond(script(hit, &request), under_way).await
}

async fn respond(reply: Reply, under_way: UnderWay) -> Response {
    let half = || Bytes::from_static(b"{\"choices\":[{\"mess");
    match reply {
        Reply::Chat(chat) => http(200, Body::from(chat.body().to_string())),
        Reply::Http { status, headers, body } => {
            let mut response = http(status, Body::from(body));
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
        Reply::After(wait, reply) => {
            tokio::time::sleep(wait).await;
            Box::pin(respond(*reply, under_way)).await
        }
        Reply::Hang => std::future::pending().await,
        Reply::Trickle { body, pieces, pause } => {
            let size = body.len().div_ceil(pieces);
            let chunks: Vec<_> = body.chunks(size).map(Bytes::copy_from_slice).collect();
            let paced = stream::iter(chunks).then(move |chunk| async move {
                tokio::time::sleep(pause).await;
                Ok::<_, Infallible>(chunk)
            });
            http(200, with(under_way, paced))
        }
        Reply::HangInBody => {
            let start = stream::once(async move { Ok::<_, Infallible>(half()) });
            http(200, with(under_way, start.chain(stream::pending())))
        }
        Reply::BreakInBody => {
            let broken = stream::iter([Ok(half()), Err(std::io::Error::other("scripted"))]);
            http(200, Body::from_stream(broken))
        }
        Reply::Endless => {
            let spaces =
                stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[b' '; 4096])));
            http(200, with(under_way, spaces))
        }
    }
}

/// A body that counts as under way until it ends or its client leaves.
fn with<E>(
    under_way: UnderWay,
    stream: impl stream::Stream<Item = Result<Bytes, E>> + Send + 'static,
) -> Body
where
    E: std::error::Error + Send + Sync + 'static,
{
    Body::from_stream(stream.map(move |chunk| {
        let _ = &under_way;
        chunk
    }))
}

fn http(status: u16, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn competent(request: &Received, score: &dyn Fn(&str) -> f64) -> Reply {
    let mut passages = request.passages();
    let content = match request.task() {
        Task::Listwise => {
            passages.sort_by(|(_, a), (_, b)| score(b).total_cmp(&score(a)));
            let labels: Vec<_> = passages.iter().map(|(label, _)| label).collect();
            json!({ "ranking": labels }).to_string()
        }
        Task::Graded => {
            let rounded = |text: &str| score(text) * 10.0 + 0.5;
            let grade = |text: &str| (1..=10u8).filter(|&g| rounded(text) >= f64::from(g)).count();
            let scores: Vec<_> = passages
                .iter()
                .map(|(label, text)| json!({ "id": label, "grade": grade(text) }))
                .collect();
            json!({ "scores": scores }).to_string()
        }
        Task::Pairwise => {
            let better = passages.iter().max_by(|(_, a), (_, b)| score(a).total_cmp(&score(b)));
            json!({ "better": better.map(|(label, _)| label) }).to_string()
        }
        Task::Pointwise => return pointwise(score(&document(request.user()))),
        Task::Other => "I don't know what to do.".to_owned(),
    };
    Reply::content(content)
}

/// Yes or No, with both as alternatives by their probability.
fn pointwise(score: f64) -> Reply {
    let yes = score.clamp(0.001, 0.999);
    let mut alternatives = [("Yes", yes), ("No", 1.0 - yes)];
    alternatives.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let entry = |(token, p): (&str, f64)| json!({ "token": token, "logprob": p.ln() });
    let top: Vec<_> = alternatives.into_iter().map(entry).collect();
    let first =
        json!({ "token": top[0]["token"], "logprob": top[0]["logprob"], "top_logprobs": top });
    let mut chat = Chat::new(alternatives[0].0);
    chat.logprobs = json!({ "content": [first] });
    Reply::Chat(chat)
}

fn received(user: &str) -> Received {
    let body = json!({ "messages": [{ "role": "user", "content": user }] });
    Received { path: String::new(), headers: HeaderMap::new(), body }
}

fn content(reply: Reply) -> Value {
    match reply {
        Reply::Chat(chat) => chat.content,
        other => panic!("{other:?}"),
    }
}

fn tents(text: &str) -> f64 {
    if text.contains("tent") { 0.8 } else { 0.1 }
}

const PASSAGES: &str =
    "Query: a tent\n\nx7 [2] Mug\nblue\nx7 [1] Shelter\na small tent\nx7 end\n\nQuery: a tent\n";

#[test]
fn the_competent_upstream_orders_and_grades_by_its_taste() {
    assert_eq!(received(PASSAGES).passages()[1], (1, "Shelter\na small tent".to_owned()));
    let listwise = received(&format!("{PASSAGES}Reply with {{\"ranking\": [label]}}"));
    assert_eq!(content(competent(&listwise, &tents)), "{\"ranking\":[1,2]}");
    let graded = received(&format!("{PASSAGES}Reply with {{\"scores\": []}}"));
    let by_taste = "{\"scores\":[{\"id\":2,\"grade\":1},{\"id\":1,\"grade\":8}]}";
    assert_eq!(content(competent(&graded, &tents)), by_taste);
}

#[test]
fn the_competent_upstream_judges_the_document_and_not_the_query() {
    let ask = |text: &str| {
        let prompt = format!(
            "Query: tent\nx7 document: Thing\n{text}\nx7 end\nAnswer Yes or No about tent."
        );
        content(competent(&received(&prompt), &tents))
    };
    assert_eq!((ask("a tent"), ask("a mug")), (json!("Yes"), json!("No")));
}
