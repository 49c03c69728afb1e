//! Documents as requests bring them: strings, or objects of fields.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::{DocId, Document};
use crate::http::error::ApiError;
use crate::pipeline::ReturnedDocuments;

/// A document of a request.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a string or an object with \"text\"")]
pub(super) enum SentDocument {
    Text(String),
    Fields(Map<String, Value>),
}

impl JsonSchema for SentDocument {
    fn schema_name() -> Cow<'static, str> {
        "SentDocument".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A text, or an object of fields. Without `rank_fields`, `text` is what is ranked.",
            "anyOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": {
                        "text": { "type": "string" },
                        "title": { "type": ["string", "null"] },
                    },
                    "required": ["text"],
                },
            ],
        })
    }
}

/// The documents of strings.
pub(super) fn from_texts(texts: Vec<String>) -> Vec<Document> {
    texts.into_iter().enumerate().map(|(index, text)| from_text(index, text)).collect()
}

/// The document of a string.
fn from_text(index: usize, text: String) -> Document {
    let (title, metadata) = (String::new(), Map::new());
    Document { id: DocId::from_index(index), title, text, metadata }
}

impl SentDocument {
    /// The document at `index`. Of an object, `rank_fields` are what is ranked
    /// by where they are given, and `title` and `text` otherwise; everything
    /// else is metadata.
    pub fn into_document(
        self,
        index: usize,
        rank_fields: Option<&[String]>,
    ) -> Result<Document, ApiError> {
        let mut metadata = match self {
            Self::Text(text) => return Ok(from_text(index, text)),
            Self::Fields(fields) => fields,
        };
        let wrong = |problem: String| ApiError::invalid(format!("documents[{index}]"), problem);
        let id = DocId::from_index(index);
        if let Some(fields) = rank_fields.filter(|fields| !fields.is_empty()) {
            let text = joined(&metadata, fields).ok_or_else(|| {
                wrong(format!("it has none of rank_fields: {}", fields.join(", ")))
            })?;
            return Ok(Document { id, title: String::new(), text, metadata });
        }
        let mut take = |name: &str| match metadata.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(format!("\"{name}\" must be a string"))),
        };
        let (title, text) = (take("title")?, take("text")?);
        let text = text.ok_or_else(|| {
            wrong("an object needs \"text\", or the request names its fields in rank_fields".into())
        })?;
        Ok(Document { id, title: title.unwrap_or_default(), text, metadata })
    }
}

/// The fields that are there, one a line; a single one without its name. None
/// where there is none of them.
fn joined(metadata: &Map<String, Value>, fields: &[String]) -> Option<String> {
    let lines: Vec<(&str, String)> = fields
        .iter()
        .filter_map(|field| match metadata.get(field)? {
            Value::Null => None,
            Value::String(text) => Some((field.as_str(), text.clone())),
            other => Some((field.as_str(), other.to_string())),
        })
        .collect();
    match lines.as_slice() {
        [] => None,
        [(_, text)] => Some(text.clone()),
        lines => {
            let lines: Vec<String> =
                lines.iter().map(|(field, text)| format!("{field}: {text}")).collect();
            Some(lines.join("\n"))
        }
    }
}

/// A document for those who want it back, in the form that the pipeline says.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum ReturnedDocument<'a> {
    /// With the fields that were sent.
    Object(Map<String, Value>),
    /// The text alone.
    Text(&'a str),
}

impl<'a> ReturnedDocument<'a> {
    pub fn of(document: &'a Document, form: ReturnedDocuments) -> Self {
        match form {
            ReturnedDocuments::Object => Self::Object(as_sent(document)),
            // Who looks a string up among those that were sent has to find it.
            ReturnedDocuments::Text => Self::Text(&document.text),
        }
    }
}

/// A document as it was sent.
fn as_sent(document: &Document) -> Map<String, Value> {
    let mut fields = Map::new();
    // With rank_fields the metadata is the whole object, its text included.
    let rank_fields_made_it = document.metadata.contains_key("text");
    if !rank_fields_made_it {
        fields.insert("text".into(), document.text.clone().into());
        if !document.title.is_empty() {
            fields.insert("title".into(), document.title.clone().into());
        }
    }
    fields.extend(document.metadata.clone());
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(sent: Value, rank_fields: Option<&[&str]>) -> Result<Document, String> {
        let sent: SentDocument = serde_json::from_value(sent).unwrap();
        let fields: Option<Vec<String>> =
            rank_fields.map(|fields| fields.iter().map(ToString::to_string).collect());
        sent.into_document(3, fields.as_deref()).map_err(|error| error.message())
    }

    #[test]
    fn reads_strings_and_objects() {
        let document = read(json!("a tent"), None).unwrap();
        assert_eq!((document.id.as_str(), document.text.as_str()), ("3", "a tent"));
        let sent = json!({"text": "two doors", "title": "Tent", "price": "90"});
        let document = read(sent.clone(), None).unwrap();
        assert_eq!((document.title.as_str(), document.text.as_str()), ("Tent", "two doors"));
        assert_eq!(document.metadata["price"], "90");
        assert_eq!(Value::Object(as_sent(&document)), sent);
    }

    #[test]
    fn ranks_by_the_fields_that_are_named() {
        let sent = json!({"name": "Tent", "weight": 900, "text": "x"});
        let document = read(sent.clone(), Some(&["name", "weight", "colour"])).unwrap();
        assert_eq!(document.text, "name: Tent\nweight: 900");
        assert_eq!(Value::Object(as_sent(&document)), sent);
        assert_eq!(read(sent, Some(&["name"])).unwrap().text, "Tent");
        assert_eq!(read(json!({"name": ""}), Some(&["name"])).unwrap().text, "");
    }

    #[test]
    fn gives_back_the_form_that_is_asked_for() {
        use ReturnedDocuments::{Object, Text};
        let whole = json!({"text": "two doors", "title": "Tent", "price": "90"});
        let fields = json!({"name": "Tent", "text": "x"});
        for (sent, rank_fields, form, expected) in [
            (json!("a tent"), None, Object, json!({"text": "a tent"})),
            (json!("a tent"), None, Text, json!("a tent")),
            (whole.clone(), None, Object, whole.clone()),
            (whole, None, Text, json!("two doors")),
            (fields.clone(), Some(&["name"][..]), Object, fields.clone()),
            (fields, Some(&["name"][..]), Text, json!("Tent")),
        ] {
            let document = read(sent, rank_fields).unwrap();
            let returned = ReturnedDocument::of(&document, form);
            assert_eq!(serde_json::to_value(returned).unwrap(), expected);
        }
    }

    #[test]
    fn says_which_document_is_wrong() {
        for (sent, fields, part) in [
            (json!({"title": "Tent"}), None, "needs \"text\""),
            (json!({"text": 5}), None, "\"text\" must be a string"),
            (json!({"text": "x"}), Some(&["name"][..]), "rank_fields: name"),
        ] {
            let error = read(sent, fields).unwrap_err();
            assert!(error.starts_with("documents[3]: ") && error.contains(part), "{error}");
        }
    }
}
