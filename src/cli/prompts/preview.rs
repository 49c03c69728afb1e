//! The messages of one call as serving makes them, counted part by part.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{count, tokens};
use crate::domain::Query;
use crate::prompt::{Messages, Passage, Prompt, PromptInput, RenderError};
use crate::rerank::{cut_passage, prompt_input, shuffled_labels};

/// Stands for the delimiter, which is another one for each ranking.
const NONCE: &str = "0a1b2c3d";
/// Serving draws labels by query and documents; here they are always the same,
/// so that two previews can be compared.
const SEED: u64 = 7;

/// A document to show.
pub(super) struct Given {
    pub title: String,
    pub text: String,
    pub metadata: Map<String, Value>,
    pub score: Option<f32>,
}

/// What a call reads.
pub(super) struct Preview {
    pub messages: Messages,
    pub tokens: Parts,
}

/// Tokens by part; the parts make up the total.
#[derive(Debug, Serialize)]
pub(super) struct Parts {
    pub system: usize,
    pub user_without_passages: usize,
    pub passages: Vec<PassagePart>,
    /// What the template writes around passages. Below zero where tokens of
    /// neighbours melt into one.
    pub around_passages: i64,
    pub total: usize,
}

/// One passage.
#[derive(Debug, Serialize)]
pub(super) struct PassagePart {
    pub label: usize,
    pub title: String,
    /// Tokens of title and text, as far as they are shown.
    pub tokens: usize,
    /// Tokens of the whole document, where it was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_from: Option<usize>,
}

/// Shows `given` to the prompt: each cut to the prompt's limit, with room for
/// all.
pub(super) fn preview(
    prompt: &Prompt,
    query: &Query,
    lang: &str,
    given: Vec<Given>,
    context: &Map<String, Value>,
) -> Result<Preview, RenderError> {
    let labels = shuffled_labels(given.len(), SEED);
    let shown = given.into_iter().zip(labels);
    let (passages, parts): (Vec<_>, Vec<_>) =
        shown.map(|(given, label)| passage(given, label, prompt.max_passage_tokens())).unzip();
    let wanted = passages.len();
    let render = |passages| {
        prompt.render(&prompt_input(query, lang, passages, wanted, context.clone(), NONCE))
    };
    let without = tokens::count(&render(Vec::new())?.user);
    let messages = render(passages)?;
    let (system, total) = (tokens::count(&messages.system), count(&messages));
    let named = system + without + parts.iter().map(|part| part.tokens).sum::<usize>();
    let tokens = Parts {
        system,
        user_without_passages: without,
        passages: parts,
        around_passages: total.cast_signed() as i64 - named.cast_signed() as i64,
        total,
    };
    Ok(Preview { messages, tokens })
}

fn passage(given: Given, label: usize, most: usize) -> (Passage, PassagePart) {
    let Given { title, text, metadata, score } = given;
    let (shown_title, shown_text) =
        cut_passage(&title, &text, most, tokens::count, tokens::truncate);
    let is_cut = shown_title.len() + shown_text.len() < title.len() + text.len();
    let part = PassagePart {
        label,
        title: shown_title.to_owned(),
        tokens: tokens::count(shown_title) + tokens::count(shown_text),
        cut_from: is_cut.then(|| tokens::count(&title) + tokens::count(&text)),
    };
    let (title, text) = (shown_title.to_owned(), shown_text.to_owned());
    (Passage { label, title, text, score, metadata }, part)
}

/// The documents of an input.
pub(super) fn documents(input: PromptInput) -> Vec<Given> {
    let given = |passage: Passage| {
        let Passage { title, text, metadata, score, .. } = passage;
        Given { title, text, metadata, score }
    };
    input.passages.into_iter().map(given).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_seen_to_be_shuffled() {
        for n in [2, 3, 10] {
            assert!(!shuffled_labels(n, SEED).is_sorted(), "{n}");
        }
    }
}
