//! Why a document stands where it stands, as far as it can be shown.

use schemars::JsonSchema;
use serde::Serialize;

use super::Document;

/// An explanation whose quotes stand in the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Explanation {
    /// Who explains.
    pub kind: ExplanationKind,
    /// One sentence or two of plain text: to be shown as text, never as markup.
    pub text: String,
    /// What it rests on, in the order in which it was given.
    pub quotes: Vec<Quote>,
}

/// Who explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExplanationKind {
    /// An LLM, with at least one quote that was found in the document.
    Llm,
    /// The first stage: which terms of the query the document has.
    Classical,
}

impl ExplanationKind {
    /// The word of answers and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Llm => "llm",
            Self::Classical => "classical",
        }
    }
}

/// A part of a document, word for word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Quote {
    /// Where it stands.
    pub field: Field,
    /// Its first code point, counted from 0 in the field as it is stored.
    pub start: usize,
    /// The code point after its last.
    pub end: usize,
    /// The text between them.
    pub text: String,
}

/// A field that can be quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    /// The headline.
    Title,
    /// The body.
    Text,
}

impl Field {
    /// Both, the body first: most quotes stand there.
    pub const ALL: [Self; 2] = [Self::Text, Self::Title];

    /// What a document has in it.
    #[must_use]
    pub fn of(self, document: &Document) -> &str {
        match self {
            Self::Title => &document.title,
            Self::Text => &document.text,
        }
    }
}
