//! Reads which of two is better.

use super::Reading;
use super::answer::Answer;
use super::collect::{label_of, shown_label, unusable};
use super::json::{self, Json};
use super::verdict;
use crate::domain::Repairs;
use crate::llm::ChatReply;

/// How many labels a pairwise prompt shows.
pub(super) const SHOWN: usize = 2;

/// What the choice may be called.
const KEYS: [&str; 6] = ["better", "best", "winner", "preferred", "choice", "answer"];

/// Reads a reply to a prompt that showed labels 1 and 2 and asked for the
/// better one.
///
/// JSON that holds a choice is the answer, whatever stands around it. Else the
/// words count, where they give one verdict: `[2]` and nothing else, `[2] >
/// [1]`, `Better: 2`, "[2] is better than [1]". A tie, both labels without a
/// verdict, verdicts for both, and any label besides 1 and 2 are malformed.
#[must_use]
pub fn parse_pairwise(reply: &ChatReply) -> Reading<usize> {
    let answer = match Answer::of(reply) {
        Ok(answer) => answer,
        Err(why) => return unusable(why),
    };
    let text: &str = &answer.text;
    let stated = json::whole(text)
        .or_else(|| json::fenced(text).filter(|json| holder(json).is_some()))
        .or_else(|| json::embedded(text, |json| json.member(&KEYS).is_some()));
    let better = match stated {
        Some(json) => holder(&json).and_then(choice),
        None if answer.is_refusal() => verdict::ordered(text),
        None => verdict::stated(text),
    };
    match better {
        Some(value) => Reading::Usable { value, repairs: Repairs::default() },
        None => unusable(answer.why_unusable()),
    }
}

/// The part of a JSON value that holds the choice.
fn holder(json: &Json) -> Option<&Json> {
    match json {
        Json::Number(_) | Json::List(_) => Some(json),
        Json::Object(members) => json
            .member(&KEYS)
            .or_else(|| members.iter().find_map(|(_, inner)| inner.member(&KEYS)))
            .or_else(|| (members.len() == 1 && label_of(json).is_some()).then_some(json)),
        _ => None,
    }
}

/// The one label that a JSON value stands for. Two in a list may be an order
/// or a tie.
fn choice(json: &Json) -> Option<usize> {
    match json {
        Json::Number(number) => shown_label(*number, SHOWN),
        Json::Text(text) => verdict::stated(text),
        Json::List(items) => match items.as_slice() {
            [item] => choice(item),
            _ => None,
        },
        Json::Object(_) => match json.member(&KEYS) {
            Some(inner) => choice(inner),
            None => label_of(json).and_then(|label| shown_label(label, SHOWN)),
        },
        Json::Bool(_) | Json::Other => None,
    }
}
