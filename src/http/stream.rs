//! Server-sent events of a search: what is known at once, and what becomes
//! known until the complete answer.

use std::convert::Infallible;
use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use futures::stream;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;
use tokio_util::task::AbortOnDropHandle;

use super::access::Ending;
use super::admission::Place;
use super::dialects::Dialect;
use super::error::{ApiError, ErrorCode};
use super::openapi::Schemas;
use super::ranked::RankedNote;
use super::routes::{Order, SearchAnswer};
use crate::domain::{DocId, Explanation};
use crate::pipeline::{Answer, Event, Follower, Gateway, SearchRequest};

/// What comes next of a search.
enum Next {
    Event(Event),
    End(Box<Result<Answer, ApiError>>),
}

/// A search under way. Dropping it means that the client left: its calls are
/// cancelled.
struct Running {
    /// A task of its own: it goes on while the client is slow to read. None
    /// after its end.
    work: Option<AbortOnDropHandle<Result<Answer, ApiError>>>,
    heard: Receiver<Event>,
    /// Its end, until that is told.
    result: Option<Box<Result<Answer, ApiError>>>,
    ending: Ending,
    request_id: Arc<str>,
}

/// Starts a search whose answer is a stream.
///
/// # Errors
/// When the first stage gives nothing: then there is nothing to stream.
pub(super) async fn respond(
    gateway: Arc<Gateway>,
    request: SearchRequest,
    request_id: Arc<str>,
    place: Option<Arc<Place>>,
) -> Result<Response, ApiError> {
    let (follower, heard) = Follower::new();
    let work = tokio::spawn(async move {
        // Its place among the requests under way, until it is done.
        let _place = place;
        Ok(gateway.search_followed(request, &follower).await?)
    });
    let ending = Ending::default();
    let mut running = Running {
        work: Some(AbortOnDropHandle::new(work)),
        heard,
        result: None,
        ending: ending.clone(),
        request_id,
    };
    let first = match running.next().await {
        Some(Next::End(result)) => match *result {
            Err(error) => return Err(error),
            answered => Some(Next::End(Box::new(answered))),
        },
        first => first,
    };
    let mut response =
        Sse::new(events(running, first)).keep_alive(KeepAlive::default()).into_response();
    // Always UTF-8 by the standard, but some clients take another where none is named.
    let kind = HeaderValue::from_static("text/event-stream; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    // Proxies that collect answers would keep it all until the end.
    let unbuffered = HeaderName::from_static("x-accel-buffering");
    response.headers_mut().insert(unbuffered, HeaderValue::from_static("no"));
    response.extensions_mut().insert(ending);
    Ok(response)
}

/// Only a fault of ours ends a search without a result.
fn fault() -> ApiError {
    ApiError::new(ErrorCode::Internal, "the gateway has a fault; the log has more")
}

fn events(
    running: Running,
    first: Option<Next>,
) -> impl Stream<Item = Result<sse::Event, Infallible>> + Send + 'static {
    stream::unfold((running, first), |(mut running, first)| async move {
        let next = match first {
            Some(next) => next,
            None => running.next().await?,
        };
        let event = running.event(next);
        Some((Ok(event), (running, None)))
    })
}

impl Running {
    /// None after the end.
    async fn next(&mut self) -> Option<Next> {
        if let Some(work) = self.work.as_mut() {
            tokio::select! {
                biased;
                Some(event) = self.heard.recv() => return Some(Next::Event(event)),
                ended = work => {
                    self.work = None;
                    self.result = Some(Box::new(ended.unwrap_or_else(|_| Err(fault()))));
                }
            }
        }
        // What was told before the end comes before it.
        match self.heard.try_recv() {
            Ok(event) => Some(Next::Event(event)),
            Err(_) => self.result.take().map(Next::End),
        }
    }

    fn event(&self, next: Next) -> sse::Event {
        match next {
            Next::Event(Event::Classical(answer)) => of_order("classical", &answer),
            Next::Event(Event::Ranking(answer)) => of_order("ranking", &answer),
            Next::Event(Event::Explanation { id, collection, explanation }) => {
                written("explanation", &Explained { id, collection, explanation })
            }
            Next::End(result) => match *result {
                Ok(answer) => {
                    self.ending.ranked(RankedNote::of(&answer));
                    written("done", &SearchAnswer::of(&answer))
                }
                Err(error) => {
                    self.ending.failed(error.code);
                    written("error", &error.as_problem(&self.request_id))
                }
            },
        }
    }
}

/// Why a result stands where it stands.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ExplanationEvent")]
struct Explained {
    /// The document.
    id: DocId,
    /// The collection that it was retrieved from: another may have a document
    /// of the same id.
    #[serde(skip_serializing_if = "Option::is_none")]
    collection: Option<Arc<str>>,
    /// What is said of it.
    explanation: Explanation,
}

/// What each event is: its name, and its data as JSON.
pub(super) fn schema(schemas: &mut Schemas) -> Value {
    let order = schemas.written::<Order>();
    let kinds = [
        ("classical", order.clone()),
        ("ranking", order),
        ("explanation", schemas.written::<Explained>()),
        ("done", schemas.written::<SearchAnswer>()),
        ("error", Dialect::Native.error_schema(schemas)),
    ];
    let event = |(name, data): (&str, Value)| {
        json!({
            "type": "object",
            "properties": {
                "event": { "const": name },
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": data,
                },
            },
            "required": ["event", "data"],
        })
    };
    json!({
        "description": "Each server-sent event.",
        "oneOf": kinds.map(event),
    })
}

/// The part of an answer that an order is.
fn of_order(name: &str, answer: &Answer) -> sse::Event {
    written(name, &SearchAnswer::of(answer).order())
}

fn written(name: &str, data: &impl Serialize) -> sse::Event {
    sse::Event::default().event(name).json_data(data).unwrap_or_else(|error| {
        tracing::error!(%error, "an event can't be written");
        sse::Event::default().event("error").data("{\"code\":\"internal\"}")
    })
}
