//! Finds what a model quotes in the document that it quotes from.

use super::folded::Folded;
use crate::domain::{Document, Field, Quote};

/// Most quotes of one explanation.
const MOST: usize = 3;
/// Fewest letters and digits of a quote: less says nothing.
const LEAST: usize = 2;
/// Most characters of a quote: more is no quote but the document again.
const LONGEST: usize = 400;

/// A document to quote from.
pub(super) struct Source {
    fields: [(Field, Folded); 2],
}

impl Source {
    pub fn new(document: &Document) -> Self {
        Self { fields: Field::ALL.map(|field| (field, Folded::new(field.of(document)))) }
    }

    /// Whether a text stands in it, whole words only.
    pub fn has(&self, text: &Folded) -> bool {
        self.fields.iter().any(|(_, field)| field.find(text).is_some())
    }

    /// The quotes that stand in it, the first few and each once, with how many
    /// stand there and how many don't.
    pub fn locate(&self, given: &[String]) -> Located {
        let mut located = Located::default();
        for text in given {
            match self.find(text) {
                None => located.dropped += 1,
                Some(quote) => {
                    located.found += 1;
                    if located.quotes.len() < MOST && !located.quotes.contains(&quote) {
                        located.quotes.push(quote);
                    }
                }
            }
        }
        located
    }

    fn find(&self, text: &str) -> Option<Quote> {
        let text = without_frame(text);
        if text.chars().filter(|c| c.is_alphanumeric()).count() < LEAST
            || text.chars().count() > LONGEST
        {
            return None;
        }
        let wanted = Folded::new(text);
        let mut found = self.fields.iter().filter_map(|(field, folded)| {
            let range = folded.find(&wanted)?;
            let text = folded.original(range.clone());
            Some(Quote { field: *field, start: range.start, end: range.end, text })
        });
        found.next().filter(|quote| !has_markup(&quote.text))
    }
}

/// What became of a model's quotes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Located {
    /// Those that are shown.
    pub quotes: Vec<Quote>,
    /// All that stand in the document, also those that aren't shown.
    pub found: usize,
    pub dropped: usize,
}

/// A quote without the marks and dots that models put around it.
fn without_frame(text: &str) -> &str {
    let frame = |c: char| c.is_whitespace() || matches!(c, '"' | '“' | '”' | '„' | '…' | '«' | '»');
    let text = text.trim_matches(frame);
    text.strip_prefix("...").unwrap_or(text).strip_suffix("...").unwrap_or(text).trim()
}

/// Whether a browser could take a part of it for a tag.
pub(super) fn has_markup(text: &str) -> bool {
    text.match_indices('<').any(|(at, _)| {
        text[at + 1..]
            .starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'))
    })
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;
    use crate::domain::DocId;

    fn source(title: &str, text: &str) -> Source {
        Source::new(&Document {
            id: DocId::new("d").unwrap(),
            title: title.into(),
            text: text.into(),
            metadata: serde_json::Map::new(),
        })
    }

    fn locate(text: &str, quotes: &[&str]) -> Located {
        let quotes: Vec<String> = quotes.iter().map(|&quote| quote.to_owned()).collect();
        source("Größe L: Zelt", text).locate(&quotes)
    }

    #[test]
    fn offsets_are_code_points_of_the_stored_field() {
        let located = locate("„Für zwei“ – wiegt nur 900 g.", &["wiegt nur 900 g", "Größe L"]);
        let expected = [
            Quote { field: Field::Text, start: 13, end: 28, text: "wiegt nur 900 g".into() },
            Quote { field: Field::Title, start: 0, end: 7, text: "Größe L".into() },
        ];
        assert_eq!(located.quotes, expected);
        assert_eq!(located.dropped, 0);
    }

    #[test]
    fn what_does_not_stand_there_is_dropped_and_counted() {
        let located = locate("A light tent.", &["a heavy tent", "light tent", "\"light tent.\""]);
        let texts: Vec<_> = located.quotes.iter().map(|quote| quote.text.as_str()).collect();
        assert_eq!(texts, ["light tent", "light tent."]);
        assert_eq!(located.dropped, 1);
    }

    #[test_case("x" ; "one letter")]
    #[test_case("..." ; "no letter")]
    #[test_case("" ; "nothing")]
    fn too_little_is_no_quote(quote: &str) {
        assert_eq!(locate("x ... y", &[quote]).dropped, 1);
    }

    #[test_case("…light tent…")]
    #[test_case("...light tent...")]
    #[test_case(" “light tent” ")]
    fn the_frame_of_a_quote_is_not_looked_for(quote: &str) {
        assert_eq!(locate("A light tent.", &[quote]).quotes[0].text, "light tent");
    }

    #[test]
    fn the_whole_document_is_no_quote() {
        let text = "many words ".repeat(100);
        assert_eq!(locate(&text, &[&text]).dropped, 1);
    }

    #[test]
    fn the_same_place_is_quoted_once_and_few_are_enough() {
        let quotes = ["one two", "One  two", "three", "four", "five six"];
        let located = locate("one two three four five six", &quotes);
        let texts: Vec<_> = located.quotes.iter().map(|quote| quote.text.as_str()).collect();
        assert_eq!(texts, ["one two", "three", "four"]);
        assert_eq!((located.found, located.dropped), (5, 0), "what isn't shown was true too");
    }

    #[test]
    fn markup_is_never_quoted() {
        let text = "Good <img src=x onerror=alert(1)> tent, 3 < 4";
        let located = locate(text, &["Good <img src=x onerror=alert(1)>", "tent, 3 < 4"]);
        assert_eq!(located.quotes.len(), 1);
        assert_eq!(located.quotes[0].text, "tent, 3 < 4");
        assert_eq!(located.dropped, 1);
    }
}
