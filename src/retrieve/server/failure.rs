//! What became of a call that failed. Qdrant's own messages may quote what it
//! was sent, so that only known parts of them are passed on.

use std::error::Error as _;
use std::fmt::Write as _;
use std::time::Duration;

use tonic::{Code, Status};

use crate::retrieve::EngineError;

/// Longest part of a message about a connection that is passed on, in
/// characters.
const MAX_CAUSE: usize = 200;

/// Why a call failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The deadline came first.
    Deadline,
    /// No answer came within the configured time.
    Silence(Duration),
    /// There is no connection, or it broke.
    Connection(String),
    /// The key is missing or unknown.
    Unauthenticated,
    /// The key doesn't allow this.
    Forbidden,
    /// The collection doesn't exist.
    NoCollection,
    /// What was to be made is there already.
    Exists,
    /// The collection has other vectors than the ones that were sent.
    OtherVectors(String),
    /// Anything else that Qdrant said.
    Qdrant(String),
}

/// Where a call went, for messages.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// Our name of the collection.
    pub(super) collection: &'a str,
    /// The address, without anything secret.
    pub(super) url: &'a str,
    /// Whether a key was sent.
    pub(super) has_key: bool,
}

impl Failure {
    /// What a status says.
    pub(super) fn of(status: &Status) -> Self {
        if let Some(cause) = cause(status) {
            return Self::Connection(cause);
        }
        let message = status.message();
        match status.code() {
            Code::DeadlineExceeded => Self::Deadline,
            Code::Unauthenticated => Self::Unauthenticated,
            Code::PermissionDenied => Self::Forbidden,
            Code::NotFound if message.contains("Collection") => Self::NoCollection,
            Code::AlreadyExists => Self::Exists,
            Code::InvalidArgument if message.contains("already exists") => Self::Exists,
            Code::InvalidArgument if is_about_vectors(message) => {
                Self::OtherVectors(known(status.code(), message))
            }
            Code::Unimplemented => Self::Qdrant(
                "what answers is no Qdrant of 1.16 or later; is this its gRPC port?".to_owned(),
            ),
            code => Self::Qdrant(known(code, message)),
        }
    }

    /// The failure as the rest of rankgate knows it.
    pub(super) fn at(self, place: Place<'_>) -> EngineError {
        let (collection, url) = (place.collection.to_owned(), place.url.to_owned());
        let rejected = |problem: &str| EngineError::Rejected {
            url: place.url.to_owned(),
            problem: problem.to_owned(),
        };
        match self {
            Self::Deadline => EngineError::Deadline(collection),
            Self::Silence(waited) => {
                let problem = format!(
                    "no answer within {} ms (retrieval.server.timeout_ms)",
                    waited.as_millis()
                );
                EngineError::Unreachable { url, problem }
            }
            Self::Connection(problem) => EngineError::Unreachable { url, problem },
            Self::Unauthenticated | Self::Forbidden if !place.has_key => {
                rejected("no key is configured, and it asks for one")
            }
            Self::Unauthenticated => rejected("the key is wrong"),
            Self::Forbidden => {
                rejected(&format!("the key is wrong or doesn't cover collection \"{collection}\""))
            }
            Self::NoCollection => EngineError::NoCollection(collection),
            Self::Exists => {
                EngineError::Qdrant { collection, problem: "it exists already".to_owned() }
            }
            Self::OtherVectors(problem) => EngineError::OtherShape {
                collection,
                problem: format!(
                    "{problem}; it was replaced by another one: index into a new collection"
                ),
            },
            Self::Qdrant(problem) => EngineError::Qdrant { collection, problem },
        }
    }
}

/// What broke a connection; `None` for what the other side answered. The text
/// comes from libraries of ours, which know nothing of what is sent.
fn cause(status: &Status) -> Option<String> {
    let mut cause = status.source()?;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let text = cause.to_string();
    Some(text.chars().filter(|c| !c.is_control()).take(MAX_CAUSE).collect())
}

/// How Qdrant begins its messages.
const KINDS: [&str; 10] = [
    "Wrong input",
    "Not found",
    "Service internal error",
    "Bad request",
    "Storage locked",
    "Timeout",
    "Forbidden",
    "Pre-condition failure",
    "Rate limiting exceeded",
    "Shard temporarily unavailable",
];

/// What stands in a message, and what it means. Known because each has a
/// remedy.
const MEANINGS: [(&str, &str); 8] = [
    (VECTOR_DIMENSION, "its vectors have another length than the ones that were sent"),
    (NO_VECTOR, "it has no vectors of that name"),
    (
        "Index required but not found",
        "it allows filters on indexed keys only; add the key to `indexed` in the configuration of \
         the collection",
    ),
    (
        "istributed",
        "this Qdrant is no cluster: leave out retrieval.server.shard_key and what else needs one",
    ),
    ("hard key", "it has no shards of this retrieval.server.shard_key"),
    ("o space left", "its disk is full"),
    ("ut of disk", "its disk is full"),
    ("ut of memory", "it is out of memory"),
];

const VECTOR_DIMENSION: &str = "Vector dimension error";
const NO_VECTOR: &str = "Not existing vector name";

fn is_about_vectors(message: &str) -> bool {
    message.contains(VECTOR_DIMENSION) || message.contains(NO_VECTOR)
}

/// The code, and of the message what is sure to come from Qdrant itself.
fn known(code: Code, message: &str) -> String {
    let mut known = format!("Qdrant answered {code:?}");
    if let Some(kind) = KINDS.iter().find(|kind| message.starts_with(**kind)) {
        let _ = write!(known, " ({kind})");
    }
    if let Some((_, meaning)) = MEANINGS.iter().find(|(words, _)| message.contains(words)) {
        let _ = write!(known, ": {meaning}");
    }
    if message.contains(VECTOR_DIMENSION)
        && let (Some(expected), Some(got)) = (number(message, "dim: "), number(message, "got "))
    {
        let _ = write!(known, " ({expected}, not {got})");
    }
    known
}

/// The number that follows on some words.
fn number(message: &str, words: &str) -> Option<u32> {
    let (_, after) = message.split_once(words)?;
    let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    after[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    const PLACE: Place<'_> = Place { collection: "docs", url: "http://q:6334", has_key: true };

    fn told(code: Code, message: &str) -> String {
        Failure::of(&Status::new(code, message)).at(PLACE).to_string()
    }

    #[test_case(Code::DeadlineExceeded, "Timeout: x", &Failure::Deadline ; "deadline")]
    #[test_case(Code::Unauthenticated, "Invalid API key", &Failure::Unauthenticated ; "key")]
    #[test_case(Code::PermissionDenied, "Forbidden: x", &Failure::Forbidden ; "right")]
    #[test_case(
        Code::NotFound, "Not found: Collection `docs` doesn't exist!", &Failure::NoCollection
        ; "collection"
    )]
    #[test_case(Code::AlreadyExists, "x", &Failure::Exists ; "exists")]
    #[test_case(
        Code::InvalidArgument, "Bad request: Shard key eu already exists", &Failure::Exists
        ; "exists in older words"
    )]
    fn statuses_have_a_meaning(code: Code, message: &str, expected: &Failure) {
        assert_eq!(Failure::of(&Status::new(code, message)), *expected);
    }

    #[test]
    fn other_vectors_are_named_by_their_length() {
        let message = "Wrong input: Vector dimension error: expected dim: 384, got 4";
        assert_eq!(
            told(Code::InvalidArgument, message),
            "collection \"docs\" can't be used: Qdrant answered InvalidArgument (Wrong input): its \
             vectors have another length than the ones that were sent (384, not 4); it was \
             replaced by another one: index into a new collection"
        );
        let message = "Wrong input: Not existing vector name error: dense";
        let error = told(Code::InvalidArgument, message);
        assert!(error.contains("no vectors of that name"), "{error}");
    }

    #[test]
    fn known_troubles_come_with_a_remedy() {
        let message = "Bad request: Index required but not found for \"metadata.brand\"";
        let error = told(Code::InvalidArgument, message);
        assert!(error.contains("add the key to `indexed`"), "{error}");
        let error = told(Code::Unimplemented, "");
        assert!(error.contains("1.16 or later"), "{error}");
        assert!(error.contains("gRPC port"), "{error}");
        let keyless = Place { has_key: false, ..PLACE };
        let error = Failure::Unauthenticated.at(keyless).to_string();
        assert!(error.contains("no key is configured"), "{error}");
        let error = Failure::Silence(Duration::from_millis(300)).at(PLACE).to_string();
        assert!(error.contains("within 300 ms (retrieval.server.timeout_ms)"), "{error}");
    }

    #[test_case(Code::InvalidArgument, "Wrong input: can't parse \"a private query\"" ; "input")]
    #[test_case(Code::Internal, "a private query broke it\nand more" ; "internal")]
    #[test_case(Code::NotFound, "a private query" ; "not found")]
    #[test_case(Code::Unknown, "" ; "unknown")]
    #[test_case(
        Code::InvalidArgument, "Wrong input: Vector dimension error: dim: a private query, got x"
        ; "numbers that are none"
    )]
    fn what_was_sent_is_never_passed_on(code: Code, message: &str) {
        let error = told(code, message);
        assert!(!error.contains("private"), "{error}");
        assert!(!error.contains('\n'), "{error}");
        assert!(error.contains("docs"), "{error}");
    }

    #[test]
    fn a_broken_connection_is_told_by_its_first_cause() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let status = Status::from_error(Box::new(refused));
        assert_eq!(
            Failure::of(&status).at(PLACE).to_string(),
            "retrieval.url: no Qdrant answers at http://q:6334: connection refused"
        );
    }
}
