//! Input that templates are tried on when they are loaded.

use serde_json::{Map, Value};

use super::{Passage, PromptInput};

/// Every field filled, and fewer labels wanted than shown.
pub(super) fn full(declared: &[String]) -> PromptInput {
    let passage = |label| Passage {
        label,
        title: "A title".into(),
        text: "A text of a few words.".into(),
        score: Some(1.5),
        metadata: Map::new(),
    };
    PromptInput {
        query: "a query".into(),
        lang: "en".into(),
        passages: vec![passage(1), passage(2)],
        top_k: 1,
        context: declared.iter().map(|name| (name.clone(), Value::from("a value"))).collect(),
        nonce: "sample".into(),
    }
}

/// No language, no title, no score, no metadata and no context.
pub(super) fn sparse() -> PromptInput {
    PromptInput {
        query: "a query".into(),
        lang: String::new(),
        passages: vec![Passage {
            label: 1,
            title: String::new(),
            text: "A text of a few words.".into(),
            score: None,
            metadata: Map::new(),
        }],
        top_k: 1,
        context: Map::new(),
        nonce: "sample".into(),
    }
}
