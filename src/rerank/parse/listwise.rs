//! Reads an order of labels, best first.

use super::Reading;
use super::answer::Answer;
use super::collect::{Labels, label_of, unusable};
use super::graded::GRADE_KEYS;
use super::json::{self, Json};
use super::mentions::{bracketed, by_line, longest_chain};
use crate::llm::ChatReply;

/// What an order may be called.
const KEYS: [&str; 8] =
    ["ranking", "rankings", "ranked", "order", "labels", "ids", "results", "result"];
/// What the place of an entry may be called.
const RANK_KEYS: [&str; 3] = ["rank", "position", "place"];

/// Reads a reply to a prompt that showed labels 1 to `shown` and asked for the
/// best `wanted` of them: labels best first, each once, each among those shown.
/// More than `wanted` are kept; labels beyond `wanted` that are not given
/// aren't missing.
#[must_use]
pub fn parse_listwise(reply: &ChatReply, shown: usize, wanted: usize) -> Reading<Vec<usize>> {
    let answer = match Answer::of(reply) {
        Ok(answer) => answer,
        Err(why) => return unusable(why),
    };
    let text: &str = &answer.text;
    let wanted = wanted.min(shown);
    let refusal = answer.is_refusal();
    let read = |labels: &Labels| labels.read(wanted, labels.given.len(), || labels.given.clone());
    let of_json = |json: &Json| order(json).map(|entries| collect(shown, &entries));

    // JSON of the right shape is the answer, even one that says too little.
    let stated = json::whole(text)
        .and_then(|json| of_json(&json))
        .or_else(|| json::fenced(text).and_then(|json| of_json(&json)))
        .or_else(|| {
            let fits = |json: &Json| json.member(&KEYS).is_some() && order(json).is_some();
            json::embedded(text, fits).and_then(|json| of_json(&json))
        });
    if let Some(labels) = stated {
        return read(&labels).unwrap_or_else(|| unusable(answer.why_unusable()));
    }
    let salvaged = entries(&json::salvaged(text, &KEYS));
    read(&collect(shown, &salvaged))
        .or_else(|| read(&chained(text, shown, wanted, refusal)))
        .or_else(|| read(&collect(shown, &by_line(text))).filter(|_| !refusal))
        .or_else(|| read(&collect(shown, &mentioned_once(text, wanted))).filter(|_| !refusal))
        .unwrap_or_else(|| unusable(answer.why_unusable()))
}

fn collect(shown: usize, entries: &[Option<f64>]) -> Labels {
    let mut labels = Labels::new(shown);
    for entry in entries {
        labels.offer(*entry);
    }
    labels
}

/// The entries of the order that a JSON value holds.
fn order(json: &Json) -> Option<Vec<Option<f64>>> {
    match json {
        Json::List(items) => Some(entries(items)),
        Json::Object(_) => match json.member(&KEYS) {
            Some(Json::List(items)) => Some(entries(items)),
            Some(Json::Text(text)) => {
                let mentions = bracketed(text);
                Some(if mentions.is_empty() {
                    by_line(text)
                } else {
                    mentions.iter().map(|mention| mention.label).collect()
                })
            }
            Some(inner @ Json::Object(_)) => match inner.member(&KEYS) {
                Some(Json::List(items)) => Some(entries(items)),
                _ => inner.only_list().map(entries),
            },
            _ => json.only_list().map(entries),
        },
        _ => None,
    }
}

/// The labels of a list; none where its entries carry grades or ranks that say
/// another order than the one in which they stand.
fn entries(items: &[Json]) -> Vec<Option<f64>> {
    let numbers = |keys: &[&str]| -> Vec<f64> {
        let number = |item: &Json| match item.member(keys) {
            Some(Json::Number(number)) => Some(*number),
            _ => None,
        };
        items.iter().filter_map(number).collect()
    };
    let is_in_order = numbers(&GRADE_KEYS).is_sorted_by(|before, after| before >= after)
        && numbers(&RANK_KEYS).is_sorted();
    if is_in_order { items.iter().map(label_of).collect() } else { Vec::new() }
}

/// The longest chain of bracketed labels. A refusal may name labels too, so
/// there only an explicit order counts.
fn chained(text: &str, shown: usize, wanted: usize, refusal: bool) -> Labels {
    let mentions = bracketed(text);
    let chain = longest_chain(text, &mentions)
        .filter(|chain| chain.mentions.len() >= wanted.min(2))
        .filter(|chain| chain.ordered || !refusal);
    let entries: Vec<_> =
        chain.iter().flat_map(|chain| chain.mentions).map(|mention| mention.label).collect();
    collect(shown, &entries)
}

/// Bracketed labels in prose, in the order of their mention, where that can be
/// trusted: none is talked about twice.
fn mentioned_once(text: &str, wanted: usize) -> Vec<Option<f64>> {
    let mentions = bracketed(text);
    let labels: Vec<_> = mentions.iter().map(|mention| mention.label).collect();
    let mut sorted: Vec<u64> = labels.iter().flatten().map(|label| label.to_bits()).collect();
    sorted.sort_unstable();
    let distinct = sorted.windows(2).all(|pair| pair[0] != pair[1]);
    let enough = labels.len() >= 2 || wanted == 1;
    if distinct && enough { labels } else { Vec::new() }
}
