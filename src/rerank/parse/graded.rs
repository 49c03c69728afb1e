//! Reads a grade for each label.

use super::Reading;
use super::answer::Answer;
use super::collect::{Labels, label_of, label_text, unusable};
use super::json::{self, Json};
use super::mentions::{leading_label, without_numbering};
use crate::llm::ChatReply;

/// Highest grade of `rerank.graded` prompts.
pub const GRADE_MAX: u8 = 10;
/// Highest grade of `judge` prompts.
pub const JUDGE_MAX: u8 = 3;

const KEYS: [&str; 5] = ["scores", "grades", "ratings", "results", "ranking"];
/// What a grade may be called.
pub(super) const GRADE_KEYS: [&str; 5] =
    ["grade", "score", "relevance", "relevance_score", "rating"];

/// One entry: what may be a label, and a grade if there is a readable one.
type Entry = (Option<f64>, Option<f64>);

/// Reads a reply to a prompt that showed labels 1 to `shown` and asked for a
/// grade from 0 to `max_grade` for each. Grades are kept as they were written,
/// fractions too; one outside of the scale or not a number is not given at all,
/// and its label is missing.
#[must_use]
pub fn parse_graded(reply: &ChatReply, shown: usize, max_grade: u8) -> Reading<Vec<(usize, f64)>> {
    let answer = match Answer::of(reply) {
        Ok(answer) => answer,
        Err(why) => return unusable(why),
    };
    let text: &str = &answer.text;
    let read = |entries: &[Entry]| collect(entries, shown, max_grade);
    let of_json = |json: &Json| grades(json, max_grade);

    // An object with one entry is the answer only where it is all there is: in
    // a longer text it may be the first of many that were cut.
    let stated = json::whole(text)
        .and_then(|json| of_json(&json).or_else(|| Some(vec![entry(&json, max_grade)?])))
        .or_else(|| json::fenced(text).and_then(|json| of_json(&json)))
        .or_else(|| {
            json::embedded(text, |json| grades(json, max_grade).is_some()).and_then(|j| of_json(&j))
        });
    if let Some(entries) = stated {
        return read(&entries).unwrap_or_else(|| unusable(answer.why_unusable()));
    }
    let salvaged: Vec<_> =
        json::salvaged(text, &KEYS).iter().filter_map(|json| entry(json, max_grade)).collect();
    read(&salvaged)
        .or_else(|| {
            let lines = if answer.is_refusal() { Vec::new() } else { by_line(text, max_grade) };
            read(&lines)
        })
        .unwrap_or_else(|| unusable(answer.why_unusable()))
}

fn collect(entries: &[Entry], shown: usize, max_grade: u8) -> Option<Reading<Vec<(usize, f64)>>> {
    let mut labels = Labels::new(shown);
    let mut given = Vec::new();
    for (label, grade) in entries {
        match grade.filter(|grade| (0.0..=f64::from(max_grade)).contains(grade)) {
            Some(grade) => {
                if labels.offer(*label)
                    && let Some(label) = labels.given.last()
                {
                    given.push((*label, grade));
                }
            }
            // Nothing is said of this label, and no other entry moves into its
            // place.
            None => labels.pass_over(*label),
        }
    }
    labels.read(shown, given.len(), || given.clone())
}

/// The entries that a JSON value holds.
fn grades(json: &Json, max_grade: u8) -> Option<Vec<Entry>> {
    match json {
        Json::List(items) => list(items, max_grade),
        Json::Object(_) => match json.member(&KEYS) {
            Some(Json::List(items)) => list(items, max_grade),
            Some(map @ Json::Object(_)) => by_key(map, max_grade),
            _ => json
                .only_list()
                .and_then(|items| list(items, max_grade))
                .or_else(|| by_key(json, max_grade)),
        },
        _ => None,
    }
}

/// Entries that name their labels. Bare numbers don't: by position they could
/// be grades or labels.
fn list(items: &[Json], max_grade: u8) -> Option<Vec<Entry>> {
    if items.iter().any(|item| matches!(item, Json::Object(_))) {
        let readable = |item| entry(item, max_grade).unwrap_or((None, None));
        Some(items.iter().map(readable).collect())
    } else {
        None
    }
}

/// `{"id": 3, "grade": 7}`.
fn entry(json: &Json, max_grade: u8) -> Option<Entry> {
    let Json::Object(_) = json else { return None };
    let grade = json.member(&GRADE_KEYS)?;
    Some((label_of(json), grade_of(grade, max_grade)))
}

/// `{"1": 7, "[2]": 3}`.
fn by_key(json: &Json, max_grade: u8) -> Option<Vec<Entry>> {
    let Json::Object(members) = json else { return None };
    let entries: Option<Vec<_>> = members
        .iter()
        .map(|(key, value)| {
            let value = value.member(&GRADE_KEYS).unwrap_or(value);
            Some((Some(label_text(key)?), grade_of(value, max_grade)))
        })
        .collect();
    entries.filter(|entries| !entries.is_empty())
}

/// `8`, `8.5`, `"8"` or `"8/10"`.
fn grade_of(json: &Json, max_grade: u8) -> Option<f64> {
    match json {
        Json::Number(number) => Some(*number),
        Json::Text(text) => leading_grade(text.trim(), max_grade)
            .filter(|(_, rest)| rest.is_empty())
            .map(|(grade, _)| grade),
        _ => None,
    }
}

/// Lines such as `[3]: 7`, `Passage 3 - Grade: 7/10 (why)` or `3: 7`.
fn by_line(text: &str, max_grade: u8) -> Vec<Entry> {
    text.lines().filter_map(|line| graded_line(line.trim(), max_grade)).collect()
}

fn graded_line(line: &str, max_grade: u8) -> Option<Entry> {
    const WORDS: [&str; 4] = ["grade", "score", "relevance", "rating"];
    const BETWEEN: [char; 10] = [' ', ':', '=', '-', '–', '—', '|', '*', '_', '>'];
    let (label, mut rest) = match leading_label(without_numbering(line)) {
        Some(found) => found,
        None => bare_label(line)?,
    };
    rest = rest.trim_start_matches([']', ')', '"', '`']);
    let mut marked = false;
    loop {
        let trimmed = rest.trim_start_matches(BETWEEN);
        marked |= rest[..rest.len() - trimmed.len()].chars().any(|c| c != ' ');
        let word = WORDS.iter().find(|word| {
            trimmed.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
        });
        rest = trimmed;
        match word {
            Some(word) => {
                marked = true;
                rest = &rest[word.len()..];
            }
            None => break,
        }
    }
    let (grade, rest) = leading_grade(rest, max_grade)?;
    // "[1] 7 nights" and "[1] 2-person tent" are titles, not grades.
    let ends = match rest.chars().next() {
        None => true,
        Some(c) => {
            let next = rest.trim_start().chars().next();
            marked
                && (c.is_whitespace() || ".,;:|)*]".contains(c))
                && next.is_none_or(|next| ".,;:|)*](-–—".contains(next))
        }
    };
    ends.then_some((Some(label), Some(grade)))
}

/// `3: 7` and `3. 7`, where the number can only be the label.
fn bare_label(line: &str) -> Option<(f64, &str)> {
    let length = line.bytes().take_while(u8::is_ascii_digit).count();
    let rest = line[length..].strip_prefix([':', '.', ')', '='])?;
    let label = label_text(&line[..length])?;
    rest.starts_with([' ', '\t']).then_some((label, rest))
}

/// The number that a text begins with, with an optional `/10` or `out of 10`,
/// and the rest.
fn leading_grade(text: &str, max_grade: u8) -> Option<(f64, &str)> {
    let length = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let number = text[..length].trim_end_matches('.');
    let rest = &text[number.len()..];
    let grade = number.get(..number.len().min(20))?.parse().ok()?;
    let after = rest.trim_start();
    let Some(scale) = after.strip_prefix('/').or_else(|| after.strip_prefix("out of ")) else {
        return Some((grade, rest));
    };
    let scale = scale.trim_start();
    let length = scale.bytes().take_while(u8::is_ascii_digit).count();
    let same = label_text(&scale[..length]) == Some(f64::from(max_grade));
    same.then(|| (grade, &scale[length..]))
}
