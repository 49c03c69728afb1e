//! One log line and one set of metrics for each request, however it ends.

use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt;

use super::arrival::Arrival;
use super::error::ErrorCode;
use super::ranked::RankedNote;
use super::router::is_ranked;
use crate::telemetry::{OVERHEAD, REQUEST_DURATION, REQUESTS_TOTAL};

/// What nginx logs where the client went away before the answer.
const CLIENT_LEFT: u16 = 499;

/// Left with error responses by the dialects, for the log line.
#[derive(Clone, Copy, Debug)]
pub(super) struct ErrorNote(pub ErrorCode);

/// How a streamed answer ended, which is known long after its headers.
#[derive(Clone, Debug, Default)]
pub(super) struct Ending(Arc<OnceLock<Result<RankedNote, ErrorCode>>>);

impl Ending {
    /// With an answer.
    pub fn ranked(&self, note: RankedNote) {
        let _ = self.0.set(Ok(note));
    }

    /// With an error.
    pub fn failed(&self, code: ErrorCode) {
        let _ = self.0.set(Err(code));
    }
}

/// Records each request when it ends; a streamed one with its stream.
pub(super) async fn record(request: Request, next: Next) -> Response {
    let mut open = Open { line: Some(Line::begin(&request)), ending: Ending::default() };
    let mut response = next.run(request).await;
    if let Some(ending) = response.extensions_mut().remove::<Ending>() {
        open.ending = ending;
        return response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _until_the_end = &open;
                frame
            }))
        });
    }
    if let Some(line) = open.line.take() {
        line.end(&response);
    }
    response
}

/// A request under way. Dropped with its line where the client left, or where a
/// stream ends.
struct Open {
    line: Option<Line>,
    ending: Ending,
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some(line) = self.line.take() else { return };
        let ok = StatusCode::OK.as_u16();
        match self.ending.0.get() {
            Some(Ok(note)) => line.write(ok, None, Some(note)),
            Some(Err(code)) => line.write(ok, Some(code.as_str()), None),
            None => line.write(CLIENT_LEFT, Some("client_left"), None),
        }
    }
}

struct Line {
    arrival: Arrival,
    method: Method,
    /// The matched route, never the path: paths are the client's text.
    route: String,
    trace_id: Option<Arc<str>>,
}

impl Line {
    fn begin(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>();
        Self {
            arrival: Arrival::of(request.extensions()),
            method: request.method().clone(),
            route: route.map_or("(none)", MatchedPath::as_str).to_owned(),
            trace_id: trace_id(request.headers()),
        }
    }

    fn end(self, response: &Response) {
        let ranked = response.extensions().get::<RankedNote>();
        let error = response.extensions().get::<ErrorNote>().map(|note| note.0.as_str());
        // Errors that no dialect wrote, such as a panic's.
        let error = error.or_else(|| {
            response.status().is_server_error().then_some(ErrorCode::Internal.as_str())
        });
        self.write(response.status().as_u16(), error, ranked);
    }

    fn write(self, http_status: u16, error: Option<&'static str>, ranked: Option<&RankedNote>) {
        let seconds = self.arrival.at.elapsed().as_secs_f64();
        if is_ranked(&self.route) {
            self.count(seconds, error, ranked);
        }
        let Self { arrival, method, route, trace_id } = self;
        let (id, ms, trace_id) = (&*arrival.id, round_ms(seconds), trace_id.as_deref());
        if let Some(note) = ranked {
            let RankedNote { status, reason, cache, pipeline, calls, failed_calls, .. } = note;
            tracing::info!(
                request_id = id, %method, route, http_status, status, reason, cache, pipeline, ms,
                calls, failed_calls, trace_id, "request"
            );
        } else if http_status == StatusCode::OK.as_u16() {
            tracing::debug!(request_id = id, %method, route, http_status, ms, trace_id, "request");
        } else {
            tracing::info!(
                request_id = id, %method, route, http_status, error, ms, trace_id, "request"
            );
        }
    }

    fn count(&self, seconds: f64, error: Option<&'static str>, ranked: Option<&RankedNote>) {
        let (pipeline, status, reason, cache) = match ranked {
            Some(note) => {
                let reason = note.reason.unwrap_or_default();
                (note.pipeline.clone(), note.status, reason, note.cache)
            }
            None => (String::new(), "error", error.unwrap_or_default(), ""),
        };
        metrics::counter!(
            REQUESTS_TOTAL,
            "route" => self.route.clone(),
            "pipeline" => pipeline,
            "status" => status,
            "reason" => reason,
            "cache" => cache
        )
        .increment(1);
        metrics::histogram!(REQUEST_DURATION, "route" => self.route.clone()).record(seconds);
        if let Some(note) = ranked {
            let overhead = (seconds - note.waiting_ms / 1000.0).max(0.0);
            metrics::histogram!(OVERHEAD, "route" => self.route.clone()).record(overhead);
        }
    }
}

fn round_ms(seconds: f64) -> f64 {
    (seconds * 10_000.0).round() / 10.0
}

/// The trace that the caller's `traceparent` names, if it is one.
fn trace_id(headers: &HeaderMap) -> Option<Arc<str>> {
    let mut parts = headers.get("traceparent")?.to_str().ok()?.split('-');
    let (version, id) = (parts.next()?, parts.next()?);
    let hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let valid = version.len() == 2 && hex(version) && version != "ff" && id.len() == 32 && hex(id);
    (valid && id.bytes().any(|b| b != b'0')).then(|| id.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn reads_the_trace_of_a_valid_traceparent() {
        let read = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", HeaderValue::from_static(text));
            trace_id(&headers)
        };
        let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(read(valid).as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for odd in ["", "00-x-y-01", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"] {
            assert_eq!(read(odd), None, "{odd}");
        }
        assert_eq!(read("00-00000000000000000000000000000000-00f067aa0ba902b7-01"), None);
    }
}
