//! Makes sure that a claim says nothing that can be seen to be invented.
//!
//! Whether a sentence follows from a document can't be told without reading
//! it. But what a reader would take for a fact word for word can: numbers,
//! passages in quotation marks and addresses have to stand in the documents or
//! in the query. A claim with one that doesn't is not shown at all.

use super::folded::Folded;
use super::quotes::{Source, has_markup};
use crate::prompt::plain_line;

/// Most characters of a claim that are shown.
const LONGEST: usize = 300;

/// What a claim may take its facts from.
pub(super) struct Facts {
    sources: Vec<Source>,
    others: Folded,
}

impl Facts {
    /// `others` is all other text that the model was shown: the query and
    /// metadata.
    pub fn new(sources: Vec<Source>, others: &str) -> Self {
        Self { sources, others: Folded::new(others) }
    }

    /// The document at this position.
    pub fn source(&self, at: usize) -> Option<&Source> {
        self.sources.get(at)
    }

    fn have(&self, text: &str) -> bool {
        let text = Folded::new(text);
        text.text().is_empty()
            || self.others.find(&text).is_some()
            || self.sources.iter().any(|source| source.has(&text))
    }

    /// The claim as plain text of one line, at most [`LONGEST`] characters;
    /// none where it holds something invented, or markup.
    pub fn checked(&self, claim: &str) -> Option<String> {
        let line = plain_line(claim);
        let claim = line.trim().trim_matches('*').trim();
        if claim.is_empty() || has_markup(claim) || claim.contains("](") {
            return None;
        }
        let facts = numbers(claim).into_iter().chain(quoted(claim)).chain(addresses(claim));
        if !facts.into_iter().all(|fact| self.have(fact)) {
            return None;
        }
        Some(shortened(claim))
    }
}

/// Numbers of digits, with their decimal points.
fn numbers(text: &str) -> Vec<&str> {
    let parts = text.split(|c: char| !(c.is_numeric() || matches!(c, '.' | ',')));
    let numbers = parts.map(|part| part.trim_matches(['.', ',']));
    numbers.filter(|number| number.contains(char::is_numeric)).collect()
}

/// What stands between quotation marks.
fn quoted(text: &str) -> Vec<&str> {
    const MARKS: [(char, &[char]); 5] =
        [('"', &['"']), ('“', &['”']), ('„', &['“', '”']), ('«', &['»']), ('»', &['«'])];
    let mut quoted = Vec::new();
    let mut rest = text;
    while let Some((at, close)) = rest.char_indices().find_map(|(at, c)| {
        let (_, close) = MARKS.iter().find(|(open, _)| *open == c)?;
        Some((at + c.len_utf8(), *close))
    }) {
        let Some(length) = rest[at..].find(close) else { break };
        quoted.push(rest[at..at + length].trim_matches(['.', ',', ';', '!', '?', '…', ' ']));
        let after = &rest[at + length..];
        rest = &after[after.chars().next().map_or(0, char::len_utf8)..];
    }
    quoted
}

/// Words that a reader could follow.
fn addresses(text: &str) -> Vec<&str> {
    let is_address = |word: &&str| {
        let lower = word.to_ascii_lowercase();
        word.contains("://") || lower.starts_with("www.") || word.contains('@') || has_domain(word)
    };
    let words = text.split_whitespace().filter(is_address);
    words.map(|word| word.trim_matches(|c: char| !c.is_alphanumeric())).collect()
}

/// Whether a word begins like `shop.example`: letters on both sides of a dot,
/// at least two of them behind it. No abbreviation does.
fn has_domain(word: &str) -> bool {
    let host = word.trim_start_matches(|c: char| !c.is_alphanumeric());
    let host = host.split(['/', ':', '?']).next().unwrap_or_default();
    let host = host.trim_end_matches(|c: char| !c.is_alphanumeric());
    host.rsplit_once('.').is_some_and(|(before, last)| {
        before.ends_with(char::is_alphanumeric)
            && last.chars().count() >= 2
            && last.chars().all(char::is_alphabetic)
    })
}

/// At most [`LONGEST`] characters, ended at a blank where there is one.
fn shortened(claim: &str) -> String {
    let Some((end, _)) = claim.char_indices().nth(LONGEST) else { return claim.to_owned() };
    let cut = &claim[..end];
    let cut = cut.rfind(' ').map_or(cut, |blank| &cut[..blank]);
    format!("{} …", cut.trim_end_matches([',', ';', ' ']))
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;
    use crate::domain::{DocId, Document};

    fn checked(claim: &str) -> Option<String> {
        let document = Document {
            id: DocId::new("d").unwrap(),
            title: "Tent for two".into(),
            text: "Weighs 1,950 g and packs to 42 cm. Waterproof to 3000 mm. See acme.example"
                .into(),
            metadata: serde_json::Map::new(),
        };
        Facts::new(vec![Source::new(&document)], "tent under 200 €").checked(claim)
    }

    #[test_case("A light tent that keeps rain out." ; "no facts")]
    #[test_case("It weighs 1,950 g, and you asked for less than 200 €." ; "numbers of both")]
    #[test_case("It is called \"Tent for two\" and is “waterproof to 3000 mm”." ; "quoted words")]
    #[test_case("Packs to 42 cm." ; "a number at the end of a sentence")]
    #[test_case("Made by acme.example, e.g. for hikers." ; "an address of the document")]
    #[test_case("Es ist „waterproof“." ; "German quotation marks")]
    fn what_stands_there_may_be_said(claim: &str) {
        assert_eq!(checked(claim).as_deref(), Some(claim));
    }

    #[test_case("It weighs 950 g." ; "another number")]
    #[test_case("It costs 199 €." ; "a number of nowhere")]
    #[test_case("Reviewers call it \"the best tent\"." ; "invented words")]
    #[test_case("Sie nennen es „das beste Zelt“." ; "invented words in German")]
    #[test_case("More at https://evil.example/x" ; "an address")]
    #[test_case("Write to a@evil.example" ; "a mail address")]
    #[test_case("Cheaper at evil.example/x." ; "an address without a scheme")]
    #[test_case("<b>light</b>" ; "a tag")]
    #[test_case("![x](y)" ; "a picture")]
    #[test_case(" \u{200b}" ; "nothing to see")]
    fn what_does_not_stand_there_is_not_shown(claim: &str) {
        assert_eq!(checked(claim), None);
    }

    #[test]
    fn a_claim_is_one_line_of_visible_text() {
        assert_eq!(checked("light\n\u{202e}tent\u{0}").as_deref(), Some("light tent"));
        assert_eq!(checked("**light**").as_deref(), Some("light"));
    }

    #[test]
    fn a_long_claim_ends_at_a_word() {
        let shown = checked(&"word ".repeat(200)).unwrap();
        assert!(shown.ends_with("word …") && shown.chars().count() <= LONGEST + 2, "{shown}");
        let shown = checked(&"漢".repeat(500)).unwrap();
        assert_eq!(shown.chars().count(), LONGEST + 2);
    }
}
