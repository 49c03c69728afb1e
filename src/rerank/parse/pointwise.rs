//! Reads the probability of a Yes.

use super::answer::Answer;
use super::collect::unusable;
use super::json::{self, Json};
use super::{Reading, Unusable};
use crate::domain::Repairs;
use crate::llm::{ChatReply, TokenProbability};

/// Least probability of Yes and No together at which their ratio counts.
const LEAST_MASS: f64 = 0.01;

/// Reads a reply to a yes-or-no prompt as P(yes), in [0, 1].
///
/// From the alternatives of the first token where the reply has them: P(yes) /
/// (P(yes) + P(no)), each summed over its spellings (`Yes`, ` yes`, `YES`).
/// Where only one of the two is among them, half of the most that the other
/// could have is taken for it, so that answers of different certainty stay
/// apart. Else from the text, which has to be the word, alone or followed by
/// punctuation or a line break: "No document …" is not an answer. Then P(yes)
/// is 1 or 0.
#[must_use]
pub fn parse_pointwise(reply: &ChatReply) -> Reading<f64> {
    let answer = match Answer::of(reply) {
        Ok(answer) => answer,
        // One token may be all that was allowed, and it may be white space.
        Err(why @ (Unusable::Malformed | Unusable::Truncated)) => {
            return match from_alternatives(&reply.first_token) {
                Some(probability) if reply.content.trim().is_empty() => usable(probability),
                _ => unusable(why),
            };
        }
        Err(why) => return unusable(why),
    };
    if let Some(probability) = from_alternatives(&reply.first_token)
        && !answer.is_refusal()
    {
        return usable(probability);
    }
    match stated(&answer.text) {
        Some(yes) => usable(f64::from(u8::from(yes))),
        None => unusable(answer.why_unusable()),
    }
}

const fn usable(value: f64) -> Reading<f64> {
    Reading::Usable { value, repairs: Repairs { missing: 0, duplicate: 0, unknown: 0 } }
}

fn from_alternatives(alternatives: &[TokenProbability]) -> Option<f64> {
    let (mut yes, mut no, mut total, mut least) = (0.0, 0.0, 0.0, 1.0_f64);
    for TokenProbability { token, logprob } in alternatives {
        if logprob.is_nan() {
            continue;
        }
        let probability = logprob.min(0.0).exp();
        total += probability;
        least = least.min(probability);
        match word_of(token).as_str() {
            "yes" => yes += probability,
            "no" => no += probability,
            _ => {}
        }
    }
    if yes + no < LEAST_MASS {
        return None;
    }
    let other = least.min((1.0 - total).max(0.0)) / 2.0;
    if yes <= 0.0 {
        yes = other;
    } else if no <= 0.0 {
        no = other;
    }
    Some((yes / (yes + no)).clamp(0.0, 1.0))
}

/// A token without the marks that tokenizers and models put around words.
fn word_of(token: &str) -> String {
    token.trim_matches(|c: char| !c.is_alphabetic() || matches!(c, 'Ġ' | 'Ċ')).to_lowercase()
}

/// What a text answers, if it answers.
fn stated(text: &str) -> Option<bool> {
    match json::whole(text) {
        Some(Json::Bool(yes)) => return Some(yes),
        Some(Json::Object(members)) => {
            return match members.as_slice() {
                [(_, Json::Bool(yes))] => Some(*yes),
                [(_, Json::Text(word))] => lone_word(word),
                _ => None,
            };
        }
        _ => {}
    }
    let text = text.trim_start_matches(['*', '_', '`', '"', '\'', '(', '[', '#', ' ']);
    let lower = text.get(..16).unwrap_or(text).to_ascii_lowercase();
    let labelled = ["answer:", "final answer:"].iter().find(|label| lower.starts_with(*label));
    lone_word(labelled.map_or(text, |label| &text[label.len()..]))
}

/// Yes or No at the start, with nothing that makes it part of a sentence.
fn lone_word(text: &str) -> Option<bool> {
    let text = text.trim_start_matches(['*', '_', '`', '"', '\'', '(', '[', ' ', '\n']);
    let length = text.chars().take_while(|c| c.is_alphanumeric()).map(char::len_utf8).sum();
    let (word, rest) = text.split_at(length);
    let yes = match word {
        _ if word.eq_ignore_ascii_case("yes") => true,
        _ if word.eq_ignore_ascii_case("no") => false,
        _ => return None,
    };
    let rest = rest.trim_start_matches([' ', '*', '_', '`', '"']);
    let ends = match rest.chars().next() {
        None => true,
        // "No-one" is another word.
        Some('-') => text[length..].starts_with(' '),
        Some(c) => ".,;:!)](\n\r–—。<".contains(c),
    };
    ends.then_some(yes)
}
