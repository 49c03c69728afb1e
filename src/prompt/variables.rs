//! What a template sees: the input, neutralised, and of `context` only what
//! the prompt declares.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

use super::neutralise::{line, text, value};
use super::{Passage, PromptInput};

/// The variables of every template.
pub(super) const NAMES: [&str; 7] =
    ["query", "lang", "passages", "num", "top_k", "context", "nonce"];

#[derive(Serialize)]
pub(super) struct Variables<'a> {
    query: Cow<'a, str>,
    lang: Cow<'a, str>,
    passages: Vec<Shown<'a>>,
    num: usize,
    top_k: usize,
    context: Map<String, Value>,
    nonce: &'a str,
}

#[derive(Serialize)]
struct Shown<'a> {
    label: usize,
    title: Cow<'a, str>,
    text: Cow<'a, str>,
    score: Option<f64>,
    metadata: Map<String, Value>,
}

impl<'a> Variables<'a> {
    pub fn of(input: &'a PromptInput, declared: &[String]) -> Self {
        Self {
            query: text(&input.query),
            lang: line(&input.lang),
            passages: input.passages.iter().map(Shown::of).collect(),
            num: input.passages.len(),
            top_k: input.top_k,
            context: declared
                .iter()
                .map(|name| {
                    let given = input.context.get(name).map_or_else(|| Value::from(""), value);
                    (name.clone(), given)
                })
                .collect(),
            nonce: &input.nonce,
        }
    }
}

impl<'a> Shown<'a> {
    fn of(passage: &'a Passage) -> Self {
        Self {
            label: passage.label,
            title: line(&passage.title),
            text: text(&passage.text),
            score: passage.score.and_then(short),
            metadata: match value(&Value::Object(passage.metadata.clone())) {
                Value::Object(metadata) => metadata,
                _ => Map::new(),
            },
        }
    }
}

/// The score with the digits that it was given with: 0.1, not
/// 0.10000000149011612.
fn short(score: f32) -> Option<f64> {
    if score.is_finite() { score.to_string().parse().ok() } else { None }
}
