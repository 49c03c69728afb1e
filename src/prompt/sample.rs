//! Input that templates are tried on when they are loaded, and that prompts are
//! shown and counted with.

use serde_json::{Map, Value, json};

use super::{Passage, PromptInput, Task};

/// What people see a prompt with: a query with conditions, and title, text and
/// price of what was found.
const FOUND: [(&str, &str, u32); 3] = [
    (
        "Lofoten 2 tent",
        "Two-person tunnel tent of 2.3 kg with two doors and a porch. The fly sheet bears a water \
         column of 4000 mm; poles and pegs are aluminium. Packed size 42 x 16 cm.",
        219,
    ),
    (
        "Meadow dome",
        "A tent for summer weekends: two people, one porch, set up in five minutes. Water column \
         of 2000 mm. Weighs 3.1 kg with its bag.",
        89,
    ),
    (
        "Tarp 3x3",
        "A sheet of coated nylon with twelve loops, to sleep under or to cook under. Poles are \
         sold apart. 0.8 kg.",
        59,
    ),
];

/// What a prompt of this task is shown and compared with.
pub(super) fn of_task(task: Task, declared: &[String]) -> PromptInput {
    let shown = task.most_passages().unwrap_or(FOUND.len());
    let passages: Vec<Passage> = (1..)
        .zip(FOUND)
        .take(shown)
        .map(|(label, (title, text, price))| Passage {
            label,
            title: title.into(),
            text: text.into(),
            score: Some(1.0 / label as f32),
            metadata: json!({ "price": price }).as_object().cloned().unwrap_or_default(),
        })
        .collect();
    PromptInput {
        query: "light tent for two people under 250 euros".into(),
        top_k: passages.len(),
        passages,
        nonce: "0a1b2c3d".into(),
        ..full(declared)
    }
}

/// Nothing but the prompt's own words.
pub(super) fn bare() -> PromptInput {
    PromptInput {
        query: String::new(),
        lang: String::new(),
        passages: Vec::new(),
        top_k: 1,
        context: Map::new(),
        nonce: "0a1b2c3d".into(),
    }
}

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
