//! A prompt taken apart: its passages by their labels, and what is around them.
//!
//! Nothing of a prompt's wording is relied on but that passages begin with
//! `[n]` at the start of a line, alone or behind one word that all of them have.
//! Where there is such a word, the next line that begins with it ends the last
//! passage; else that goes on to the end of the prompt.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// A prompt.
#[derive(Debug)]
pub(super) struct Prompt {
    text: String,
    labelled: Vec<Labelled>,
}

/// A passage under a label.
#[derive(Debug, PartialEq, Eq)]
struct Labelled {
    label: u64,
    text: Range<usize>,
    /// With lines that only look like the beginning of another passage.
    whole: Range<usize>,
}

/// A line that begins with a label.
struct Mark<'a> {
    /// The word before the label; empty where there is none.
    word: &'a str,
    label: u64,
    line: usize,
    text: usize,
}

impl Prompt {
    /// A prompt out of the texts of its messages.
    pub fn new<'a>(messages: impl IntoIterator<Item = &'a str>) -> Self {
        let text = messages.into_iter().collect::<Vec<_>>().join("\n");
        let labelled = labelled(&text);
        Self { text, labelled }
    }

    /// All of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The labels and what stands under them, in the order in which they are
    /// shown.
    pub fn passages(&self) -> impl Iterator<Item = (u64, &str)> {
        self.labelled.iter().map(|it| (it.label, &self.text[it.text.clone()]))
    }

    /// All that stands between each label and the next passage, lines that
    /// repeat a label included.
    pub fn whole_passages(&self) -> impl Iterator<Item = &str> {
        self.labelled.iter().map(|it| &self.text[it.whole.clone()])
    }

    /// Where the first passage begins, in bytes.
    pub fn first_passage(&self) -> usize {
        self.labelled.first().map_or(self.text.len(), |it| it.text.start)
    }

    /// What may say what is wanted: before the passages, and behind the label
    /// of the last one.
    pub fn instructions(&self) -> [&str; 2] {
        let last = self.labelled.last().map_or(self.text.len(), |it| it.text.start);
        [&self.text[..self.first_passage()], &self.text[last..]]
    }
}

fn labelled(text: &str) -> Vec<Labelled> {
    let marks: Vec<Mark> = lines(text).filter_map(|(at, line)| mark(at, line)).collect();
    // A line of a passage may look like a label, too: most are real ones.
    let mut times: HashMap<&str, usize> = HashMap::new();
    for mark in &marks {
        *times.entry(mark.word).or_default() += 1;
    }
    let mut usual: Option<(&str, usize)> = None;
    for mark in &marks {
        let times = times.get(mark.word).copied().unwrap_or(0);
        if usual.is_none_or(|(_, most)| times > most) {
            usual = Some((mark.word, times));
        }
    }
    let Some((usual, _)) = usual else { return Vec::new() };
    let marks: Vec<&Mark> = marks.iter().filter(|mark| mark.word == usual).collect();
    let mut labels = HashSet::new();
    let new: Vec<usize> = (0..marks.len()).filter(|&at| labels.insert(marks[at].label)).collect();
    let passage = |(place, &at): (usize, &usize)| {
        let Mark { label, text: start, .. } = *marks[at];
        let until = |next: Option<&usize>| {
            next.and_then(|&at| marks.get(at)).map_or_else(|| end_of(text, marks[at]), |it| it.line)
        };
        let (text, whole) = (start..until(Some(&(at + 1))), start..until(new.get(place + 1)));
        Labelled { label, text, whole }
    };
    new.iter().enumerate().map(passage).collect()
}

/// Where the last passage ends.
fn end_of(text: &str, last: &Mark) -> usize {
    let mut after = lines(&text[last.text..]).skip(1);
    let ended = after.find(|(_, line)| {
        !last.word.is_empty() && line.split_whitespace().next() == Some(last.word)
    });
    ended.map_or(text.len(), |(at, _)| last.text + at)
}

/// The lines of a text and where they begin.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line)
    })
}

fn mark(at: usize, line: &str) -> Option<Mark<'_>> {
    let inside = line.trim_start();
    let (word, rest) = if let Some(rest) = inside.strip_prefix('[') {
        ("", rest)
    } else {
        let (word, rest) = inside.split_once(char::is_whitespace)?;
        (word, rest.trim_start().strip_prefix('[')?)
    };
    let (label, rest) = rest.split_once(']')?;
    // "[3] > [1]" is an example of an answer.
    if rest.trim_start().starts_with('>') || !label.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let text = at + line.len() - rest.len();
    Some(Mark { word, label: label.parse().ok()?, line: at, text })
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn shown(text: &str) -> Vec<(u64, String)> {
        let prompt = Prompt::new([text]);
        prompt.passages().map(|(label, text)| (label, text.trim().to_owned())).collect()
    }

    #[test_case("[1] a\n[2] b", &[(1, "a"), (2, "b")] ; "bare")]
    #[test_case("x7 [2] a\nmore\n\nx7 [1] b\nx7y\n x7 end\nAnswer", &[(2, "a\nmore"), (1, "b\nx7y")]
        ; "behind a word")]
    #[test_case("x7 [1] a\nSee [9] there\nx7 [2] b\n[4] c", &[(1, "a\nSee [9] there"), (2, "b\n[4] c")]
        ; "what looks like one")]
    #[test_case("[1] a\n[2] b\n[1] is an example", &[(1, "a"), (2, "b")] ; "one of them again")]
    #[test_case("[1] a\n[2] b\n[2] > [1]\nbest first", &[(1, "a"), (2, "b\n[2] > [1]\nbest first")]
        ; "an example of an answer")]
    #[test_case("  [1]\na", &[(1, "a")] ; "on a line of its own")]
    #[test_case("[a] x\n[] y\nno [1] label\n[99999999999999999999999] z", &[(1, "label\n[99999999999999999999999] z")]
        ; "what is none")]
    #[test_case("Is it [1] or not?", &[] ; "within a line")]
    fn finds_passages(text: &str, expected: &[(u64, &str)]) {
        let expected: Vec<_> = expected.iter().map(|&(at, text)| (at, text.to_owned())).collect();
        assert_eq!(shown(text), expected);
    }

    #[test]
    fn a_repeated_label_begins_no_passage() {
        let whole = |text: &str| -> Vec<String> {
            Prompt::new([text]).whole_passages().map(|it| it.trim().to_owned()).collect()
        };
        assert_eq!(whole("[1] a\n[2] b\n[1] c\n[3] d"), ["a", "b\n[1] c", "d"]);
        assert_eq!(whole("x [1] a\n[2] b\nx [2] c\nx end\n[1]"), ["a\n[2] b", "c"]);
    }

    #[test]
    fn instructions_stand_around_the_passages() {
        let prompt = Prompt::new(["Rank.", "Query: a\n[1] b\n[2] c\nJSON only"]);
        assert_eq!(prompt.instructions()[0], "Rank.\nQuery: a\n[1]");
        assert_eq!(prompt.instructions()[1], " c\nJSON only");
        assert_eq!(prompt.first_passage(), 18);
        let prompt = Prompt::new(["x [1] b\nx [2] c\nx end\nJSON only"]);
        assert_eq!(prompt.instructions()[1], " c\nx end\nJSON only");
        assert_eq!(prompt.passages().last(), Some((2, " c\n")));
        let prompt = Prompt::new(["Yes or No?"]);
        assert_eq!(prompt.instructions(), ["Yes or No?", ""]);
    }
}
