//! Reads claims with quotes, one entry for each label.

use super::Reading;
use super::answer::Answer;
use super::collect::{Labels, label_of, unusable};
use super::json::{self, Json};
use crate::llm::ChatReply;

const KEYS: [&str; 4] = ["items", "explanations", "results", "documents"];
const CLAIM_KEYS: [&str; 4] = ["claim", "explanation", "reason", "why"];
const QUOTE_KEYS: [&str; 4] = ["quotes", "quote", "evidence", "spans"];
/// What the text of a quote may be called that is an object.
const TEXT_KEYS: [&str; 2] = ["text", "quote"];

/// What a model says of one document. Nothing of it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The document's label in the call.
    pub label: usize,
    /// What it claims, never empty.
    pub claim: String,
    /// What it says to stand in the document.
    pub quotes: Vec<String>,
}

/// An entry before its label is looked at.
type Entry = (Option<f64>, String, Vec<String>);

/// Reads a reply to a prompt that showed labels 1 to `shown` and asked for a
/// claim and quotes for each. Entries without a claim are missing. Of one
/// document the label may be left out or wrong.
#[must_use]
pub fn parse_explained(reply: &ChatReply, shown: usize) -> Reading<Vec<Claimed>> {
    let answer = match Answer::of(reply) {
        Ok(answer) => answer,
        Err(why) => return unusable(why),
    };
    // As the model wrote it: quotes are looked for word for word.
    let text = answer.plain;
    let stated = json::whole(text)
        .and_then(|json| entries(&json))
        .or_else(|| json::fenced(text).and_then(|json| entries(&json)))
        .or_else(|| {
            // An entry alone is the answer only to a question about one
            // document: else it may be the first of many that were cut.
            let fits = |json: &Json| {
                (shown == 1 || json.member(&KEYS).is_some()) && entries(json).is_some()
            };
            json::embedded(text, fits).and_then(|json| entries(&json))
        })
        .unwrap_or_else(|| json::salvaged(text, &KEYS).iter().filter_map(entry).collect());
    collect(stated, shown).unwrap_or_else(|| unusable(answer.why_unusable()))
}

fn collect(entries: Vec<Entry>, shown: usize) -> Option<Reading<Vec<Claimed>>> {
    let mut labels = Labels::new(shown);
    let mut claimed = Vec::new();
    let alone = shown == 1 && entries.len() == 1;
    for (label, claim, quotes) in entries {
        let label = if alone { Some(1.0) } else { label };
        if labels.offer(label)
            && let Some(&label) = labels.given.last()
        {
            claimed.push(Claimed { label, claim, quotes });
        }
    }
    let given = claimed.len();
    labels.read(shown, given, || claimed)
}

/// The entries that a JSON value holds; none where it is something else.
fn entries(json: &Json) -> Option<Vec<Entry>> {
    let items = match json {
        Json::List(items) => items.as_slice(),
        Json::Object(_) => match json.member(&KEYS) {
            Some(Json::List(items)) => items,
            Some(one @ Json::Object(_)) => std::slice::from_ref(one),
            _ => std::slice::from_ref(json),
        },
        _ => return None,
    };
    let read: Vec<Entry> = items.iter().filter_map(entry).collect();
    (!read.is_empty()).then_some(read)
}

fn entry(json: &Json) -> Option<Entry> {
    let Json::Text(claim) = json.member(&CLAIM_KEYS)? else { return None };
    let claim = claim.trim();
    if claim.is_empty() {
        return None;
    }
    let quotes = match json.member(&QUOTE_KEYS) {
        Some(Json::List(items)) => items.iter().filter_map(quote).collect(),
        Some(one) => quote(one).into_iter().collect(),
        None => Vec::new(),
    };
    Some((label_of(json), claim.to_owned(), quotes))
}

fn quote(json: &Json) -> Option<String> {
    match json {
        Json::Text(text) => Some(text.clone()),
        Json::Object(_) => match json.member(&TEXT_KEYS) {
            Some(Json::Text(text)) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}
