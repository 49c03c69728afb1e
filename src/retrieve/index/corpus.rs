//! Corpus files, read line by line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{IndexError, LineProblem};
use crate::domain::{DocId, Document};

/// Longest line that is read, in bytes.
pub(super) const MAX_LINE: usize = 4 << 20;

/// File of documents in a BEIR folder.
const CORPUS: &str = "corpus.jsonl";

/// The file of documents that `data` means: itself, or the corpus of a BEIR
/// folder.
pub(super) fn locate(data: &Path) -> Result<PathBuf, IndexError> {
    let file = if data.is_dir() { data.join(CORPUS) } else { data.to_owned() };
    if file.is_file() {
        return Ok(file);
    }
    let problem = if data.is_dir() {
        format!("the folder has no {CORPUS}")
    } else {
        "there is no such file or folder".to_owned()
    };
    Err(IndexError::Data {
        path: data.to_owned(),
        problem: format!("{problem}; name a BEIR folder or a .jsonl file"),
    })
}

/// Reads one line of a corpus into a document.
///
/// # Errors
/// When the line isn't a document, with the reason.
pub(super) fn parse(line: &[u8]) -> Result<Document, LineProblem> {
    let line: Line = serde_json::from_slice(line)
        .map_err(|error| LineProblem::NotADocument(without_position(&error)))?;
    let id = match line.id {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    };
    let document = Document {
        id: DocId::new(id)?,
        title: line.title.unwrap_or_default(),
        text: line.text,
        metadata: line.metadata.unwrap_or_default(),
    };
    if document.title.trim().is_empty() && document.text.trim().is_empty() {
        return Err(LineProblem::NothingToFind);
    }
    Ok(document)
}

/// What a line may hold. Fields of other tools are let through: corpora carry
/// more than they need.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "_id")]
    id: Id,
    title: Option<String>,
    text: String,
    metadata: Option<Map<String, Value>>,
}

/// Ids are strings; whole numbers are taken as they are written.
#[derive(Deserialize)]
#[serde(untagged, expecting = "_id must be a string or a whole number")]
enum Id {
    Text(String),
    Number(i64),
}

/// The parser's message without its "at line 1 column 7": the line is always
/// the first, and the file's line number is reported beside it.
fn without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let suffix = format!(" at line {} column {}", error.line(), error.column());
    match message.strip_suffix(&suffix) {
        Some(message) => format!("{message} (column {})", error.column()),
        None => message,
    }
}

/// Lines of a file, each with its number from 1, in bounded memory.
pub(super) struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    number: u64,
    line: Vec<u8>,
}

/// One line as it stands in the file.
pub(super) enum RawLine<'a> {
    /// Without its line break; not blank.
    Text(&'a [u8]),
    /// More than [`MAX_LINE`] bytes, passed over.
    TooLong,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, IndexError> {
        let file = File::open(path).map_err(|error| read_error(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            reader: BufReader::with_capacity(1 << 18, file),
            number: 0,
            line: Vec::new(),
        })
    }

    /// The next line that isn't blank, with its number and the bytes of the
    /// file that were read for it.
    pub(super) fn next(&mut self) -> Result<Option<(u64, u64, RawLine<'_>)>, IndexError> {
        let mut bytes = 0;
        loop {
            self.line.clear();
            self.number += 1;
            let read = self.fill()?;
            bytes += read;
            if read == 0 {
                return Ok(None);
            }
            if self.line.len() > MAX_LINE {
                bytes += self.skip_rest()?;
                return Ok(Some((self.number, bytes, RawLine::TooLong)));
            }
            // A byte order mark is no part of the first document.
            if self.number == 1 && self.line.starts_with(b"\xef\xbb\xbf") {
                self.line.drain(..3);
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some((self.number, bytes, RawLine::Text(self.line.trim_ascii()))));
            }
        }
    }

    fn fill(&mut self) -> Result<u64, IndexError> {
        // One more than allowed, so that a line of exactly the limit and its
        // line break fit.
        let mut part = (&mut self.reader).take(MAX_LINE as u64 + 1);
        let read = part.read_until(b'\n', &mut self.line);
        let read = read.map_err(|error| read_error(&self.path, &error))?;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        }
        Ok(read as u64)
    }

    fn skip_rest(&mut self) -> Result<u64, IndexError> {
        self.reader
            .skip_until(b'\n')
            .map(|n| n as u64)
            .map_err(|error| read_error(&self.path, &error))
    }
}

fn read_error(path: &Path, error: &std::io::Error) -> IndexError {
    IndexError::Data { path: path.to_owned(), problem: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_corpus_line_may_hold() {
        let line = r#"{"_id": "é 1", "title": "T", "text": "x", "metadata": {"a": 1}, "url": "u"}"#;
        let document = parse(line.as_bytes()).unwrap();
        assert_eq!(document.id.as_str(), "é 1");
        assert_eq!((document.title.as_str(), document.text.as_str()), ("T", "x"));
        assert_eq!(document.metadata["a"], 1);
        let bare = parse(br#"{"_id": 7, "title": null, "text": "x"}"#).unwrap();
        assert_eq!((bare.id.as_str(), bare.title.as_str()), ("7", ""));
        assert!(bare.metadata.is_empty());
    }

    #[test]
    fn says_why_a_line_is_bad() {
        let cases = [
            (r#"{"_id": "a", "text": "#, "EOF"),
            (r#"{"title": "a", "text": "x"}"#, "_id"),
            (r#"{"_id": "a"}"#, "text"),
            (r#"{"_id": 1.5, "text": "x"}"#, "_id must be a string"),
            (r#"{"_id": "", "text": "x"}"#, "id is empty"),
            (r#"{"_id": "a\nb", "text": "x"}"#, "control character"),
            (r#"{"_id": "a", "text": "x", "metadata": [1]}"#, "expected a map"),
            (r#"{"_id": "a", "title": " ", "text": "\n"}"#, "both empty"),
            ("[1, 2]", "invalid"),
            ("plain text", "expected value"),
        ];
        for (line, reason) in cases {
            let problem = parse(line.as_bytes()).unwrap_err().to_string();
            assert!(problem.contains(reason), "{problem}");
            assert!(!problem.contains("line 1"), "{problem}");
        }
    }

    fn numbered(contents: &[u8]) -> Vec<(u64, Option<Vec<u8>>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.jsonl");
        std::fs::write(&path, contents).unwrap();
        let mut lines = Lines::open(&path).unwrap();
        let (mut found, mut total) = (Vec::new(), 0);
        while let Some((number, bytes, line)) = lines.next().unwrap() {
            total += bytes;
            found.push((
                number,
                match line {
                    RawLine::Text(text) => Some(text.to_vec()),
                    RawLine::TooLong => None,
                },
            ));
        }
        assert!(total <= contents.len() as u64);
        found
    }

    #[test]
    fn numbers_count_blank_lines_and_a_last_line_needs_no_break() {
        let lines = numbered(b"\xef\xbb\xbfone\r\n\n  \ntwo");
        assert_eq!(lines, [(1, Some(b"one".to_vec())), (4, Some(b"two".to_vec()))]);
    }

    #[test]
    fn a_line_over_the_limit_is_passed_over_and_reading_goes_on() {
        let mut contents = vec![b'x'; MAX_LINE];
        contents.extend_from_slice(b"\n");
        contents.extend(vec![b'y'; 3 * MAX_LINE]);
        contents.extend_from_slice(b"\nlast\n");
        let lines = numbered(&contents);
        assert_eq!(lines[0], (1, Some(vec![b'x'; MAX_LINE])));
        assert_eq!(lines[1], (2, None));
        assert_eq!(lines[2], (3, Some(b"last".to_vec())));
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn data_is_a_folder_with_a_corpus_or_a_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(locate(folder.path()).unwrap_err().to_string().contains("corpus.jsonl"));
        let file = folder.path().join(CORPUS);
        std::fs::write(&file, "").unwrap();
        assert_eq!(locate(folder.path()).unwrap(), file);
        assert_eq!(locate(&file).unwrap(), file);
        let missing = folder.path().join("nothing.jsonl");
        assert!(locate(&missing).unwrap_err().to_string().contains("no such file"));
    }
}
