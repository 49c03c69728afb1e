//! Collects labels: each once, and only those that were shown.

use super::json::Json;
use super::mentions::bracketed;
use super::{Reading, Unusable};
use crate::domain::Repairs;

/// Labels in the order in which they came, with what was wrong with others.
pub(super) struct Labels {
    shown: usize,
    seen: Vec<bool>,
    pub given: Vec<usize>,
    pub repairs: Repairs,
    zeros: u32,
}

impl Labels {
    /// For labels 1 to `shown`.
    pub fn new(shown: usize) -> Self {
        Self {
            shown,
            seen: vec![false; shown],
            given: Vec::new(),
            repairs: Repairs::default(),
            zeros: 0,
        }
    }

    /// Takes what may be a label. Whether it is one that was not given before.
    pub fn offer(&mut self, label: Option<f64>) -> bool {
        let Some(label) = label.and_then(|label| shown_label(label, self.shown)) else {
            self.zeros += u32::from(label == Some(0.0));
            self.repairs.unknown = self.repairs.unknown.saturating_add(1);
            return false;
        };
        let index = label - 1;
        if self.seen[index] {
            self.repairs.duplicate = self.repairs.duplicate.saturating_add(1);
            return false;
        }
        self.seen[index] = true;
        self.given.push(label);
        true
    }

    /// Counts an entry that says nothing usable: no repair if at least its label
    /// is one that was shown.
    pub fn pass_over(&mut self, label: Option<f64>) {
        if label.and_then(|label| shown_label(label, self.shown)).is_none() {
            self.offer(None);
        }
    }

    /// Whether the labels are exactly those that a model gives when it counts
    /// from 0: each then means another document than its own.
    pub fn are_shifted(&self) -> bool {
        self.shown >= 2
            && self.zeros == 1
            && self.repairs == Repairs { unknown: 1, ..Repairs::default() }
            && self.given.len() == self.shown - 1
            && !self.seen[self.shown - 1]
    }

    /// Ends the reading: usable if at least half of `wanted` is there.
    pub fn read<T>(
        &self,
        wanted: usize,
        given: usize,
        value: impl FnOnce() -> T,
    ) -> Option<Reading<T>> {
        if given == 0 || given.saturating_mul(2) < wanted || self.are_shifted() {
            return None;
        }
        let missing = u32::try_from(wanted.saturating_sub(given)).unwrap_or(u32::MAX);
        Some(Reading::Usable { value: value(), repairs: Repairs { missing, ..self.repairs } })
    }
}

/// The label that a number is, if it is one of 1 to `shown`.
pub(super) fn shown_label(number: f64, shown: usize) -> Option<usize> {
    let in_bounds = number >= 1.0 && number <= shown as f64 && number.fract() == 0.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in bounds")]
    in_bounds.then_some(number as usize)
}

/// The label that a JSON value stands for: a number, a string such as `"3"`,
/// `"[3]"` or `"Tarp [3]"`, an object with an id, or any of these alone in a list.
pub(super) fn label_of(json: &Json) -> Option<f64> {
    match json {
        Json::Number(number) => Some(*number),
        Json::Text(text) => entry_label(text),
        Json::Object(_) => match json.member(&["id", "label", "passage", "document", "doc"])? {
            Json::Number(number) => Some(*number),
            Json::Text(text) => entry_label(text),
            _ => None,
        },
        Json::List(items) => match items.as_slice() {
            [Json::Number(number)] => Some(*number),
            _ => None,
        },
        Json::Bool(_) | Json::Other => None,
    }
}

/// The label of an entry that a model wrote as text: alone, or in brackets
/// among other words, as in `"7f3a [3]"` where it repeats the whole heading of
/// a document. Two labels in brackets are none.
fn entry_label(text: &str) -> Option<f64> {
    label_text(text).or_else(|| match bracketed(text).as_slice() {
        [only] => only.label,
        _ => None,
    })
}

/// `3` or `[3]` and nothing else.
pub(super) fn label_text(text: &str) -> Option<f64> {
    let text = text.trim();
    let inside = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text).trim();
    digits(inside)
}

/// A number of plain digits; one too long to be a label is still a number.
pub(super) fn digits(text: &str) -> Option<f64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.get(..text.len().min(20))?.parse().ok() } else { None }
}

/// A reading that gives nothing.
pub(super) fn unusable<T>(why: Unusable) -> Reading<T> {
    Reading::Unusable(why)
}
