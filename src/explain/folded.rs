//! Text as it is compared: what looks the same to a reader is the same here,
//! and every place can be traced back.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

/// A text folded for comparison: compatibility forms decomposed, lower case,
/// one kind of quotation mark, dash, bracket and blank, and nothing invisible.
/// Those are also the differences between a document and what a prompt shows
/// of it.
pub(super) struct Folded {
    text: String,
    /// The code point of the original that each byte of `text` comes from.
    origins: Vec<usize>,
    original: Vec<char>,
}

impl Folded {
    pub fn new(original: &str) -> Self {
        let original: Vec<char> = original.chars().collect();
        let mut folded = Self {
            text: String::with_capacity(original.len()),
            origins: Vec::with_capacity(original.len()),
            original: Vec::new(),
        };
        for (at, &c) in original.iter().enumerate() {
            for part in std::iter::once(c).nfkd().flat_map(char::to_lowercase) {
                folded.push(unified(part), at);
            }
        }
        if folded.text.ends_with(' ') {
            folded.text.pop();
            folded.origins.pop();
        }
        folded.original = original;
        folded
    }

    fn push(&mut self, c: Option<char>, at: usize) {
        let Some(c) = c else { return };
        // Blanks fold into one; none stands at the start or behind an opening
        // bracket, where breaking up a label may have put one.
        if c == ' ' && (self.text.is_empty() || self.text.ends_with([' ', '(', '<'])) {
            return;
        }
        self.text.push(c);
        self.origins.resize(self.text.len(), at);
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first place where `wanted` stands, whole words only, as code points
    /// of the original.
    pub fn find(&self, wanted: &Self) -> Option<Range<usize>> {
        if wanted.text.is_empty() {
            return None;
        }
        let places = self.text.match_indices(&wanted.text);
        let mut whole = places.filter_map(|(at, _)| {
            let first = *self.origins.get(at)?;
            let last = *self.origins.get(at + wanted.text.len() - 1)?;
            self.is_whole(first, last).then_some(first..last + 1)
        });
        whole.next()
    }

    /// Whether nothing that belongs to the same word or number stands beside
    /// the range.
    fn is_whole(&self, first: usize, last: usize) -> bool {
        let at = |index: usize| self.original.get(index).copied();
        let before = first.checked_sub(1).and_then(at);
        let before_that = first.checked_sub(2).and_then(at);
        let starts_inside = continues(before, at(first), before_that);
        let ends_inside = continues(at(last + 1), at(last), at(last + 2));
        !starts_inside && !ends_inside
    }

    /// The part of the original.
    pub fn original(&self, range: Range<usize>) -> String {
        self.original.get(range).unwrap_or_default().iter().collect()
    }
}

/// Whether a neighbour goes on with the word or number that ends in `edge`;
/// `beyond` is the neighbour's own neighbour.
fn continues(neighbour: Option<char>, edge: Option<char>, beyond: Option<char>) -> bool {
    let (Some(neighbour), Some(edge)) = (neighbour, edge) else { return false };
    if edge.is_numeric() {
        let point = matches!(neighbour, '.' | ',') && beyond.is_some_and(char::is_numeric);
        return neighbour.is_numeric() || point;
    }
    // Scripts without upper and lower case write words without blanks.
    let has_case = |c: char| c.is_lowercase() || c.is_uppercase();
    has_case(neighbour) && has_case(edge)
}

/// One character for all that look alike; none for what can't be seen.
fn unified(c: char) -> Option<char> {
    Some(match c {
        '\u{ad}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{e0000}'..='\u{e0fff}' => return None,
        c if c.is_whitespace() => ' ',
        c if c.is_control() => return None,
        '‘' | '’' | '‚' | '‛' | '′' | '`' | '´' => '\'',
        '“' | '”' | '„' | '‟' | '″' | '«' | '»' => '"',
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' => '-',
        '[' | '［' | '【' => '(',
        ']' | '］' | '】' => ')',
        c => c,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use test_case::test_case;

    use super::*;

    fn found(text: &str, wanted: &str) -> Option<String> {
        let text = Folded::new(text);
        text.find(&Folded::new(wanted)).map(|range| text.original(range))
    }

    #[test_case("Weighs 900 g.", "weighs 900 g", "Weighs 900 g" ; "case")]
    #[test_case("Weighs\n  900\u{a0}g.", "Weighs 900 g", "Weighs\n  900\u{a0}g" ; "white space")]
    #[test_case("a “light” tent – 2 kg", "\"light\" tent - 2 kg", "“light” tent – 2 kg" ; "marks")]
    #[test_case("cafe\u{301} table", "café", "cafe\u{301}" ; "composed in the quote")]
    #[test_case("café table", "cafe\u{301}", "café" ; "composed in the document")]
    #[test_case("ﬁne ２ m", "fine 2 m", "ﬁne ２ m" ; "compatibility forms")]
    #[test_case("see [3] now", "see (3) now", "see [3] now" ; "a label as prompts show it")]
    #[test_case("a [INST] b", "a [ INST] b", "a [INST] b" ; "a token as prompts show it")]
    #[test_case("ad\u{200b}min tent", "admin tent", "ad\u{200b}min tent" ; "invisible")]
    #[test_case("重量：900克，防水", "900克，防水", "900克，防水" ; "no blanks between words")]
    #[test_case("start art", "art", "art" ; "a later whole word")]
    #[test_case("STRASSE", "strasse", "STRASSE" ; "upper case")]
    fn what_looks_the_same_is_found(text: &str, wanted: &str, expected: &str) {
        assert_eq!(found(text, wanted).as_deref(), Some(expected));
    }

    #[test_case("Weighs 900 g.", "weighs 90" ; "part of a number")]
    #[test_case("Weighs 1.5 kg", "5 kg" ; "behind a decimal point")]
    #[test_case("Weighs 1.5 kg", "Weighs 1" ; "before a decimal point")]
    #[test_case("15 kg", "5 kg" ; "a number's last digit")]
    #[test_case("start", "art" ; "part of a word")]
    #[test_case("waterproof tent", "waterproof, light tent" ; "more than there is")]
    #[test_case("1.5 kg", "15 kg" ; "without the point")]
    #[test_case("now here", "nowhere" ; "joined words")]
    #[test_case("anything", "" ; "nothing")]
    #[test_case("anything", " \u{200b} " ; "nothing to see")]
    fn what_is_not_there_is_not_found(text: &str, wanted: &str) {
        assert_eq!(found(text, wanted), None);
    }

    proptest! {
        #[test]
        fn a_range_is_always_a_part_of_the_original(
            text in "[aA1. \\-éﬁ\u{200b}「漢\u{301}]{0,30}",
            wanted in "[aA1. éfi漢]{0,6}",
        ) {
            let folded = Folded::new(&text);
            if let Some(range) = folded.find(&Folded::new(&wanted)) {
                prop_assert!(range.start < range.end && range.end <= text.chars().count());
                let part: String =
                    text.chars().skip(range.start).take(range.end - range.start).collect();
                prop_assert_eq!(folded.original(range), part);
            }
        }

        #[test]
        fn whole_texts_are_found_in_themselves(text in "\\PC{1,40}") {
            let folded = Folded::new(&text);
            prop_assert!(folded.text().is_empty() || folded.find(&Folded::new(&text)).is_some());
        }
    }
}
