//! Corpus files and what their lines hold.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::lines::RawLine;
use super::{IndexError, LineProblem};
use crate::domain::{DocId, Document};

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

impl RawLine<'_> {
    /// Length of its text in bytes; 0 where it was passed over.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::TooLong => 0,
        }
    }

    /// The document on the line.
    ///
    /// # Errors
    /// When the line isn't a document, with the reason, which holds nothing of
    /// the line's text.
    pub fn parse(self) -> Result<Document, LineProblem> {
        match self {
            Self::Text(text) => parse(text),
            Self::TooLong => Err(LineProblem::TooLong),
        }
    }
}

fn parse(line: &[u8]) -> Result<Document, LineProblem> {
    // serde would also take an array, field by field.
    if line.first() == Some(&b'[') {
        return Err(LineProblem::NotADocument("it is an array, not an object".into()));
    }
    let line: Line =
        serde_json::from_slice(line).map_err(|error| LineProblem::NotADocument(plain(&error)))?;
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

/// The parser's message without its "at line 1 column 7", since the line is
/// always the first and its number is reported beside it, and without the
/// value that it may quote.
fn plain(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let (message, place) = match message.strip_suffix(&position) {
        Some(message) => (message, format!(" (column {})", error.column())),
        None => (message.as_str(), String::new()),
    };
    let quoted = message.find('"').zip(message.rfind(", expected "));
    match quoted {
        Some((start, end)) if start < end => {
            format!("{}{}{place}", message[..start].trim_end(), &message[end..])
        }
        _ => format!("{message}{place}"),
    }
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
            (
                r#"{"_id": "a", "text": "x", "metadata": "a \"private, expected \" text"}"#,
                "invalid type: string, expected a map (column",
            ),
            (r#"{"_id": "a", "title": " ", "text": "\n"}"#, "both empty"),
            (r#"["a", "title", "text", {}]"#, "an array"),
            ("plain text", "expected value"),
        ];
        for (line, reason) in cases {
            let problem = parse(line.as_bytes()).unwrap_err().to_string();
            assert!(problem.contains(reason), "{problem}");
            assert!(!problem.contains("line 1"), "{problem}");
            assert!(!problem.contains("private"), "{problem}");
        }
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
