//! Documents out of a body that is still being sent.
//!
//! Seen are read as they come and gathered into batches. Whoever asks for a
//! batch reads no further than its end, so that a body of any size takes the
//! memory of what was asked for.

use std::collections::HashSet;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures::{Stream, StreamExt};
use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::{DocId, Document};
use crate::retrieve::{LineProblem, LineSplitter};

/// A batch is full with so many documents …
const BATCH: usize = 128;
/// … or so many bytes of their lines.
const BATCH_BYTES: usize = 4 << 20;
/// Bad lines that are named; the others are only counted.
const NAMED: usize = 100;

/// A body on its way.
pub(super) struct Upload<S> {
    body: S,
    /// What has come and isn't looked at yet.
    piece: Bytes,
    splitter: LineSplitter,
    /// Longest wait for the next piece.
    idle: Duration,
    /// The first document of the next batch.
    held: Option<(Document, Line)>,
    ended: bool,
    seen: Seen,
}

/// Number and length of a line.
#[derive(Clone, Copy)]
struct Line {
    number: u64,
    bytes: usize,
}

/// What was on the lines so far.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub(super) struct Seen {
    /// Seen that weren't blank.
    pub received: u64,
    /// Those among them that are no document.
    pub bad_lines: u64,
    /// The first of those.
    pub errors: Vec<LineError>,
}

/// A line that is no document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct LineError {
    /// Its number in the body, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub error: String,
}

/// Documents to be stored together, each id once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub documents: Vec<Document>,
    /// Number of the last one's line.
    pub last_line: u64,
    ids: HashSet<DocId>,
    bytes: usize,
}

/// Why a body has no further batch although it isn't at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interrupted {
    /// Nothing came for too long.
    Idle,
    /// The connection broke.
    Broken,
}

impl<S, E> Upload<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    pub fn new(body: S, idle: Duration) -> Self {
        Self {
            body,
            piece: Bytes::new(),
            splitter: LineSplitter::default(),
            idle,
            held: None,
            ended: false,
            seen: Seen::default(),
        }
    }

    /// The documents to be stored next; empty at the end of the body. A
    /// document whose id came before begins a batch of its own, so that each
    /// line has the effect that it would have alone.
    pub async fn next_batch(&mut self) -> Result<Batch, Interrupted> {
        let mut batch = Batch::default();
        if let Some((document, line)) = self.held.take() {
            batch.push(document, line);
        }
        while !batch.is_full() {
            let Some((document, line)) = self.next_document().await? else { break };
            if batch.ids.contains(&document.id) {
                self.held = Some((document, line));
                break;
            }
            batch.push(document, line);
        }
        Ok(batch)
    }

    /// What was on the lines so far.
    pub const fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Reads what is left for so long, and forgets it: a client that is still
    /// sending may not see an answer before it is done.
    pub async fn discard(&mut self, patience: Duration) {
        let rest = async { while let Some(Ok(_)) = self.body.next().await {} };
        let _ = tokio::time::timeout(patience, rest).await;
    }

    async fn next_document(&mut self) -> Result<Option<(Document, Line)>, Interrupted> {
        loop {
            while self.next_line() {
                let (number, raw) = self.splitter.line();
                self.seen.received += 1;
                match raw.parse() {
                    Ok(document) => {
                        let line = Line { number, bytes: raw.bytes() };
                        return Ok(Some((document, line)));
                    }
                    Err(problem) => self.seen.tell(number, &problem),
                }
            }
            if self.ended {
                return Ok(None);
            }
            match tokio::time::timeout(self.idle, self.body.next()).await {
                Err(_) => return Err(Interrupted::Idle),
                Ok(Some(Err(_))) => return Err(Interrupted::Broken),
                Ok(Some(Ok(piece))) => self.piece = piece,
                Ok(None) => self.ended = true,
            }
        }
    }

    /// Whether there is another line in what has come.
    fn next_line(&mut self) -> bool {
        let mut rest = &self.piece[..];
        let found = self.splitter.advance(&mut rest);
        let read = self.piece.len() - rest.len();
        self.piece.advance(read);
        found || (self.ended && self.splitter.finish())
    }
}

impl Batch {
    fn push(&mut self, document: Document, line: Line) {
        self.ids.insert(document.id.clone());
        self.documents.push(document);
        self.last_line = line.number;
        self.bytes += line.bytes;
    }

    fn is_full(&self) -> bool {
        self.documents.len() >= BATCH || self.bytes >= BATCH_BYTES
    }
}

impl Seen {
    fn tell(&mut self, line: u64, problem: &LineProblem) {
        self.bad_lines += 1;
        if self.errors.len() < NAMED {
            self.errors.push(LineError { line, error: problem.to_string() });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream;

    use super::*;
    use crate::retrieve::MAX_LINE;

    fn line(id: impl std::fmt::Display, text: &str) -> String {
        format!("{}\n", serde_json::json!({ "_id": id.to_string(), "text": text }))
    }

    fn upload(
        pieces: Vec<String>,
    ) -> Upload<impl Stream<Item = Result<Bytes, Infallible>> + Unpin> {
        let pieces = pieces.into_iter().map(|piece| Ok(Bytes::from(piece)));
        Upload::new(stream::iter(pieces), Duration::from_mins(1))
    }

    fn ids(batch: &Batch) -> Vec<&str> {
        batch.documents.iter().map(|document| document.id.as_str()).collect()
    }

    #[tokio::test]
    async fn batches_have_bounds_and_the_last_is_empty() {
        let text = (0..300).map(|n| line(n, "tent")).collect();
        let mut upload = upload(vec![text]);
        let mut sizes = Vec::new();
        loop {
            let batch = upload.next_batch().await.unwrap();
            sizes.push((batch.documents.len(), batch.last_line));
            if batch.documents.is_empty() {
                break;
            }
        }
        assert_eq!(sizes, [(128, 128), (128, 256), (44, 300), (0, 0)]);
        assert_eq!((upload.seen().received, upload.seen().bad_lines), (300, 0));
    }

    #[tokio::test]
    async fn a_batch_of_long_lines_has_few_documents_and_nothing_is_read_ahead() {
        let long = "x".repeat(BATCH_BYTES / 2);
        let mut upload = upload((0..5).map(|n| line(n, &long)).collect());
        assert_eq!(ids(&upload.next_batch().await.unwrap()), ["0", "1"]);
        assert_eq!(upload.seen().received, 2);
        assert_eq!(upload.body.size_hint().0, 3, "pieces that were not asked for");
    }

    #[tokio::test]
    async fn a_repeated_id_begins_another_batch() {
        let text = [line("a", "1"), line("b", "2"), line("a", "3"), line("a", "4")].concat();
        let mut upload = upload(vec![text]);
        for (expected, last) in [(&["a", "b"][..], 2), (&["a"], 3), (&["a"], 4), (&[], 0)] {
            let batch = upload.next_batch().await.unwrap();
            assert_eq!((&ids(&batch)[..], batch.last_line), (expected, last));
        }
    }

    #[tokio::test]
    async fn bad_lines_are_numbered_and_the_others_are_kept() {
        let long = format!("{}\n", "x".repeat(MAX_LINE + 1));
        let text = [line("a", "1"), "\n{\n".into(), long, line("b", "2"), "last".into()].concat();
        let mut upload = upload(text.as_bytes().chunks(1000).map(utf8).collect());
        assert_eq!(ids(&upload.next_batch().await.unwrap()), ["a", "b"]);
        let Seen { received, bad_lines, errors } = upload.seen();
        assert_eq!((*received, *bad_lines), (5, 3));
        let numbers: Vec<u64> = errors.iter().map(|error| error.line).collect();
        assert_eq!(numbers, [3, 4, 6]);
        assert!(errors[1].error.contains("4 MiB"), "{errors:?}");
    }

    fn utf8(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn only_the_first_bad_lines_are_named() {
        let mut upload = upload(vec!["{\n".repeat(250)]);
        assert!(upload.next_batch().await.unwrap().documents.is_empty());
        assert_eq!((upload.seen().bad_lines, upload.seen().errors.len()), (250, NAMED));
    }

    #[tokio::test]
    async fn a_sender_that_falls_silent_or_breaks_off_is_an_interruption() {
        let first = stream::iter([Ok(Bytes::from(line("a", "1")))]);
        let silent = first.clone().chain(stream::pending::<Result<Bytes, ()>>());
        let mut upload = Upload::new(silent, Duration::from_millis(20));
        assert_eq!(upload.next_batch().await.unwrap_err(), Interrupted::Idle);
        let broken = first.chain(stream::iter([Err(())]));
        let mut upload = Upload::new(broken, Duration::from_mins(1));
        assert_eq!(upload.next_batch().await.unwrap_err(), Interrupted::Broken);
        assert_eq!(upload.seen().received, 1);
    }
}
