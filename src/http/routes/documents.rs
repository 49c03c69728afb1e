//! `/v1/collections/{name}/documents`: documents come and go while the gateway
//! serves.
//!
//! A body of corpus lines is stored while it comes: at most one batch waits
//! while another is being stored, so that the body is read no faster than its
//! documents are stored, and may be of any length. An answer acknowledges them:
//! the next search finds them, and they survive the end of the process.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::future::{Either, select};
use futures::stream::{self, StreamExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::collections::{
    Named, Refused, WITH_COLLECTION, documents, in_path, name_in_path, not_found_if_invalid,
};
use crate::domain::DocId;
use crate::http::admission;
use crate::http::arrival::Arrival;
use crate::http::dialects::Dialect;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::openapi::{ANY, JSON, Operation, Schemas, Tag};
use crate::http::state::{HttpState, Phase};
use crate::http::upload::{Batch, Interrupted, Seen, Upload};
use crate::retrieve::{LiveWriter, WriteError, Written};

/// Longest wait for the next piece of a body: a sender that has gone silent
/// must not hold its turn.
const IDLE: Duration = Duration::from_secs(30);
/// How long the rest of a body is read after the answer to it is clear: a
/// client that is still sending may see no answer otherwise.
const LINGER: Duration = Duration::from_secs(2);

/// What a request for storing documents may say beside its body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    average_length: Option<f64>,
}

/// Media type of lines of JSON.
const LINES: &str = "application/x-ndjson";

/// Describes the storing of documents.
pub(in crate::http) fn describe_store(schemas: &mut Schemas) -> Operation {
    let codes: Vec<ErrorCode> = ANY
        .into_iter()
        .chain(WITH_COLLECTION)
        .chain([
            ErrorCode::IncompleteBody,
            ErrorCode::SlowBody,
            ErrorCode::UnsupportedMediaType,
            ErrorCode::TooManyRequests,
        ])
        .collect();
    let lines = json!({
        "type": "string",
        "description": "A document a line: `{\"_id\": …, \"title\": …, \"text\": …, \"metadata\": {…}}`.",
    });
    let example = "{\"_id\": \"tent-1\", \"title\": \"Tent\", \"text\": \"For two, 1.2 kg\", \"metadata\": {\"price\": 340}}\n";
    let terms = json!({ "type": "number", "minimum": 0 });
    let stored = schemas.written::<Stored>();
    let operation = Operation::new(
        "store_documents",
        Tag::Collections,
        "Store documents",
        "Of any number, as they come. The answer acknowledges them: the next search finds them. A bad line is told by \
         its number and costs only itself. A document whose id is there already takes its place.",
    );
    name_in_path(operation)
        .in_query("average_length", false, "Average length in terms of a new collection.", terms)
        .reads_or_nothing(LINES, lines, example.into())
        .answers(StatusCode::OK, "What became of the lines.", &[(JSON, stored)])
        .fails(&[Dialect::Native], &codes, schemas)
}

/// Describes the list of ids.
pub(in crate::http) fn describe_ids(schemas: &mut Schemas) -> Operation {
    let codes: Vec<ErrorCode> = ANY.into_iter().chain(WITH_COLLECTION).collect();
    let lines = json!({ "type": "string", "description": "`{\"_id\": …}` on each line." });
    let operation = Operation::new(
        "document_ids",
        Tag::Collections,
        "List documents",
        "The ids of all of them.",
    );
    name_in_path(operation)
        .in_query("fields", true, "What is listed of each.", json!({ "enum": ["id"] }))
        .answers(StatusCode::OK, "A line for each document.", &[(LINES, lines)])
        .fails(&[Dialect::Native], &codes, schemas)
}

/// Describes the removal of a document.
pub(in crate::http) fn describe_delete(schemas: &mut Schemas) -> Operation {
    let codes: Vec<ErrorCode> = ANY.into_iter().chain(WITH_COLLECTION).collect();
    let id = schemas.read::<DocId>();
    let deleted = schemas.written::<Deleted>();
    let operation =
        Operation::new("delete_document", Tag::Collections, "Delete a document", "If it is there.");
    name_in_path(operation)
        .in_path("id", "The document.", id)
        .answers(StatusCode::OK, "It isn't there any more.", &[(JSON, deleted)])
        .fails(&[Dialect::Native], &codes, schemas)
}

/// What became of a document that should go.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Deleted {
    /// Whether it was there.
    deleted: bool,
}

/// Stores the documents of the body.
pub(in crate::http) async fn store_documents(
    State(state): State<HttpState>,
    arrival: Arrival,
    name: Named<String>,
    request: Request,
) -> Response {
    match store(&state, name, request).await {
        Ok(stored) => Json(stored).into_response(),
        Err(refused) if refused.error.code == ErrorCode::TooManyRequests => {
            admission::later(refused.respond(&arrival))
        }
        Err(refused) => refused.respond(&arrival),
    }
}

/// What became of the documents of a body.
#[derive(Serialize, JsonSchema)]
struct Stored {
    /// The collection's name.
    collection: String,
    #[serde(flatten)]
    progress: Progress,
    /// In the collection now.
    documents: usize,
}

/// What became of the lines so far.
#[derive(Default, Serialize, JsonSchema)]
struct Progress {
    #[serde(flatten)]
    seen: Seen,
    /// Documents that are new or changed.
    stored: usize,
    /// Documents that were there already, word for word.
    unchanged: usize,
    /// Of the stored ones, those with text that no embedding holds.
    cut: usize,
    /// Every document up to this line is stored; 0 where none is.
    stored_up_to_line: u64,
}

impl Progress {
    fn add(&mut self, written: Written, last_line: u64) {
        self.stored += written.stored;
        self.unchanged += written.unchanged;
        self.cut += written.cut;
        self.stored_up_to_line = last_line;
    }
}

async fn store(
    state: &HttpState,
    name: Named<String>,
    request: Request,
) -> Result<Stored, Refused<Option<Progress>>> {
    let collection = in_path(name)?;
    let documents = documents(state)?;
    check_type(request.headers())?;
    let average_length = average_length(request.uri())?;
    // Before a turn is waited for: what can't be stored at all is refused.
    documents.live_writer(&collection, average_length).await.map_err(ApiError::from)?;
    let _turn = state.uploads().turn(&collection).await.ok_or_else(|| {
        ApiError::new(
            ErrorCode::TooManyRequests,
            "as many requests store documents as this gateway takes: try again later",
        )
    })?;
    let writer = documents.live_writer(&collection, average_length).await;
    let mut writer = writer.map_err(ApiError::from)?;
    let mut upload = Upload::new(request.into_body().into_data_stream(), IDLE);
    let mut progress = Progress::default();
    let outcome = write_all(state, &mut upload, &mut writer, &mut progress).await;
    progress.seen = upload.seen().clone();
    if let Err(error) = outcome {
        upload.discard(LINGER).await;
        return Err(Refused { error, more: Some(progress) });
    }
    match writer.documents_stored().await {
        Ok(documents) => Ok(Stored { collection, progress, documents }),
        Err(error) => Err(Refused { error: error.into(), more: Some(progress) }),
    }
}

/// Stores batch after batch, and reads the next one meanwhile.
async fn write_all<S, E>(
    state: &HttpState,
    upload: &mut Upload<S>,
    writer: &mut LiveWriter,
    progress: &mut Progress,
) -> Result<(), ApiError>
where
    S: futures::Stream<Item = Result<Bytes, E>> + Unpin,
{
    let mut batch = upload.next_batch().await.map_err(interrupted)?;
    while !batch.documents.is_empty() {
        let Batch { documents, last_line, .. } = batch;
        let (written, next) = both(writer.write(documents), upload.next_batch()).await?;
        progress.add(written, last_line);
        batch = next.map_err(interrupted)?;
        if state.phase() == Phase::Draining && !batch.documents.is_empty() {
            let detail = "the gateway is ending: send the lines after stored_up_to_line again";
            return Err(ApiError::new(ErrorCode::Storage, detail));
        }
    }
    Ok(())
}

/// Waits for both, and for no further batch where the writing fails.
async fn both(
    write: impl Future<Output = Result<Written, WriteError>>,
    read: impl Future<Output = Result<Batch, Interrupted>>,
) -> Result<(Written, Result<Batch, Interrupted>), ApiError> {
    tokio::pin!(write, read);
    Ok(match select(write, read).await {
        Either::Left((written, read)) => (written?, read.await),
        Either::Right((next, write)) => (write.await?, next),
    })
}

fn interrupted(why: Interrupted) -> ApiError {
    match why {
        Interrupted::Idle => ApiError::new(
            ErrorCode::SlowBody,
            format!("nothing more of the body came for {} s", IDLE.as_secs()),
        ),
        Interrupted::Broken => ApiError::new(ErrorCode::IncompleteBody, "the body ended early"),
    }
}

/// Lines of JSON have several names, and may come without one; but not from a
/// web page of another origin, which could then send without being asked.
fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let wrong = |sent: &str| {
        let detail = format!(
            "send one JSON document a line, with content-type: application/x-ndjson (also taken: \
             application/jsonl, application/json), not {sent}"
        );
        Err(ApiError::new(ErrorCode::UnsupportedMediaType, detail).about("content-type"))
    };
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        let from_page = headers.contains_key(header::ORIGIN);
        return if from_page { wrong("none from a web page") } else { Ok(()) };
    };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match essence.to_ascii_lowercase().as_str() {
        "application/x-ndjson" | "application/jsonl" | "application/json" => Ok(()),
        "application/x-www-form-urlencoded" => {
            wrong("a form, which is what curl says by itself: add -H 'content-type: …'")
        }
        _ => wrong("what it says"),
    }
}

fn average_length(uri: &Uri) -> Result<Option<f64>, ApiError> {
    let invalid = |detail: String| ApiError::invalid("average_length", detail);
    let Query(Parameters { average_length }) = Query::try_from_uri(uri).map_err(|_| {
        invalid("the only query parameter is average_length, a number of terms".into())
    })?;
    match average_length {
        Some(terms) if !(terms.is_finite() && terms >= 0.0) => {
            Err(invalid("write a number of terms, 0 or more".into()))
        }
        other => Ok(other),
    }
}

/// Removes a document.
pub(in crate::http) async fn delete_document(
    State(state): State<HttpState>,
    arrival: Arrival,
    path: Named<(String, String)>,
) -> Response {
    match delete(&state, path).await {
        Ok(deleted) => Json(Deleted { deleted }).into_response(),
        Err(error) => Dialect::Native.error(&not_found_if_invalid(error), &arrival.id),
    }
}

async fn delete(state: &HttpState, path: Named<(String, String)>) -> Result<bool, ApiError> {
    let (collection, id) = in_path(path)?;
    let id = DocId::new(id).map_err(|error| ApiError::invalid("id", error.to_string()))?;
    let writer = documents(state)?.writer(&collection).await?;
    Ok(writer.delete(&id).await?)
}

/// What a request for a list may say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    fields: Fields,
}

/// The fields of documents that can be listed.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fields {
    Id,
}

/// The ids of all documents, a line each, while they are read.
pub(in crate::http) async fn document_ids(
    State(state): State<HttpState>,
    arrival: Arrival,
    name: Named<String>,
    uri: Uri,
) -> Response {
    match ids(&state, name, &uri).await {
        Ok(body) => {
            let kind = [(header::CONTENT_TYPE, LINES)];
            (kind, body).into_response()
        }
        Err(error) => Dialect::Native.error(&not_found_if_invalid(error), &arrival.id),
    }
}

async fn ids(state: &HttpState, name: Named<String>, uri: &Uri) -> Result<Body, ApiError> {
    let collection = in_path(name)?;
    let Query(Listed { fields: Fields::Id }) = Query::try_from_uri(uri)
        .map_err(|_| ApiError::invalid("fields", "documents are listed by ?fields=id only"))?;
    let mut pages = documents(state)?.ids(&collection).await?;
    // Read first, so that a failure can still be told in form.
    let first = pages.next().await.transpose()?;
    let lines = stream::iter(first.map(Ok)).chain(pages).map(|page| match page {
        Ok(ids) => Ok(lines_of(&ids)),
        // The body breaks off, so that nobody takes it for the whole.
        Err(error) => {
            tracing::error!(%error, "a list of documents broke off");
            Err(std::io::Error::other("the list broke off"))
        }
    });
    Ok(Body::from_stream(lines))
}

fn lines_of(ids: &[DocId]) -> Bytes {
    let mut lines = String::new();
    for id in ids {
        lines.push_str(&json!({ "_id": id }).to_string());
        lines.push('\n');
    }
    lines.into()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use test_case::test_case;

    use super::*;

    #[test_case(None, None, true ; "none")]
    #[test_case(None, Some("https://example.org"), false ; "none_from_a_page")]
    #[test_case(Some("application/x-ndjson"), Some("https://example.org"), true ; "ndjson")]
    #[test_case(Some("application/jsonl; charset=utf-8"), None, true ; "jsonl")]
    #[test_case(Some("Application/JSON"), None, true ; "json")]
    #[test_case(Some("application/x-www-form-urlencoded"), None, false ; "form")]
    #[test_case(Some("text/plain"), None, false ; "text")]
    fn takes_lines_under_their_names(
        kind: Option<&'static str>,
        origin: Option<&'static str>,
        taken: bool,
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::CONTENT_TYPE, kind), (header::ORIGIN, origin)] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        let checked = check_type(&headers);
        assert_eq!(checked.is_ok(), taken);
        if kind == Some("application/x-www-form-urlencoded") {
            assert!(checked.unwrap_err().detail.contains("curl"));
        }
    }

    #[test_case("/", None ; "absent")]
    #[test_case("/?average_length=12.5", Some(12.5) ; "a number")]
    fn reads_the_average_length(uri: &str, expected: Option<f64>) {
        assert_eq!(average_length(&uri.parse().unwrap()), Ok(expected));
    }

    #[test_case("/?average_length=NaN" ; "not a number")]
    #[test_case("/?average_length=inf" ; "no end")]
    #[test_case("/?average_length=-1" ; "negative")]
    #[test_case("/?average_length=x" ; "a word")]
    #[test_case("/?average=1" ; "another name")]
    fn refuses_a_length_that_is_none(uri: &str) {
        let error = average_length(&uri.parse().unwrap()).unwrap_err();
        assert_eq!(error.field.as_deref(), Some("average_length"));
    }

    #[tokio::test]
    async fn a_failed_write_does_not_wait_for_the_sender() {
        let failed = std::future::ready(Err(WriteError::Encode(
            crate::retrieve::EncodeError::Model("told to fail".into()),
        )));
        let error = both(failed, std::future::pending()).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Storage);
    }
}
