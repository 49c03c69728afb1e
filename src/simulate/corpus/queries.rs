//! Which of the known queries a prompt is about.
//!
//! A query may be a word that stands in many passages too. So places count
//! where something is named: a whole line, or what stands behind a colon, in
//! quotation marks or between tags. Of the queries that stand at such places
//! before the first passage, the one that stands there most often is meant,
//! else of those at such places anywhere, else the longest that occurs.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use super::words::{Sequence, Text};

/// Words of a query that are read.
const LONGEST: usize = 1024;

/// The texts of all known queries.
#[derive(Debug, Default)]
pub(super) struct Queries {
    by_words: HashMap<u64, usize, BuildHasherDefault<Hashed>>,
    /// Lengths in words, the longest first.
    lengths: Vec<usize>,
}

/// Takes hashes as they are: thousands are looked up in a prompt.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// A query that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its number, as it was added.
    pub query: usize,
    /// How many words it has.
    pub length: usize,
    /// Hash of its words.
    pub words: u64,
}

impl Queries {
    /// Adds a query, and gives it a number; one of the same words has the same
    /// number. None where a text has no words.
    pub fn add(&mut self, text: &str) -> Option<usize> {
        let words = Sequence::of([text], LONGEST);
        if words.len() == 0 {
            return None;
        }
        let next = self.by_words.len();
        let number = *self.by_words.entry(words.whole()).or_insert(next);
        if let Err(place) = self.lengths.binary_search_by(|length| words.len().cmp(length)) {
            self.lengths.insert(place, words.len());
        }
        Some(number)
    }

    /// The query that a text is about, whose first passage begins at this
    /// byte.
    pub fn find(&self, text: &Text, passages: usize) -> Option<Found> {
        let named = self.named(text);
        let outside: Vec<_> =
            named.iter().filter(|(at, _)| text.byte_of(*at) < passages).copied().collect();
        usual(&outside).or_else(|| usual(&named)).or_else(|| self.longest(text, passages))
    }

    /// Queries where something is named, with the word that they begin at.
    fn named(&self, text: &Text) -> Vec<(usize, Found)> {
        let most = self.lengths.first().copied().unwrap_or(0);
        let mut found = Vec::new();
        for at in text.openings() {
            let lengths = text.lengths(at, most);
            found.extend(lengths.filter_map(|length| Some((at, self.at(text, at, length)?))));
        }
        found
    }

    fn at(&self, text: &Text, at: usize, length: usize) -> Option<Found> {
        let words = text.words.part(at..at + length)?;
        let query = *self.by_words.get(&words)?;
        Some(Found { query, length, words })
    }

    /// The longest query that stands before the passages, else anywhere.
    fn longest(&self, text: &Text, passages: usize) -> Option<Found> {
        let occurs = |length: usize, outside: bool| {
            (0..text.words.len())
                .filter(|&at| !outside || text.byte_of(at) < passages)
                .find_map(|at| self.at(text, at, length))
        };
        let by_length = |outside| self.lengths.iter().find_map(|&length| occurs(length, outside));
        by_length(true).or_else(|| by_length(false))
    }
}

/// The query that is named most often; of several the one that is named first,
/// and of those the longest.
fn usual(named: &[(usize, Found)]) -> Option<Found> {
    let mut times: HashMap<usize, usize> = HashMap::new();
    for (_, found) in named {
        *times.entry(found.query).or_default() += 1;
    }
    let mut seen = HashSet::new();
    named
        .iter()
        .filter(|(_, found)| seen.insert(found.query))
        .max_by_key(|(at, found)| (times.get(&found.query), Reverse(*at), found.length))
        .map(|(_, found)| *found)
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    const KNOWN: [&str; 8] = [
        "laptop",
        "gaming laptop",
        "Was heißt das?",
        "size: laptop",
        "what holds?",
        "tent under 300 €, not \"heavy\"",
        "ends now. laptop",
        "query",
    ];

    fn queries() -> Queries {
        let mut queries = Queries::default();
        for (number, text) in KNOWN.iter().enumerate() {
            assert_eq!(queries.add(text), Some(number));
        }
        queries
    }

    fn find(prompt: &str) -> Option<&'static str> {
        let passages = prompt.find("[1]").unwrap_or(prompt.len());
        queries().find(&Text::new(prompt, 10_000), passages).map(|found| KNOWN[found.query])
    }

    #[test]
    fn queries_of_the_same_words_are_one() {
        let mut queries = queries();
        assert_eq!(queries.add("LAPTOP!"), Some(0));
        assert_eq!(queries.add("?!"), None);
        assert_eq!(queries.add("another"), Some(KNOWN.len()));
    }

    #[test_case("Query: laptop\n[1] gaming laptop\n[2] gaming laptop\ngaming laptop\n", "laptop"
        ; "a line before the passages")]
    #[test_case("<query>gaming laptop</query>\n[1] laptop", "gaming laptop" ; "tags")]
    #[test_case("Rank by \"size: laptop\", best first.\n[1] laptop", "size: laptop" ; "quotes")]
    #[test_case("Query: size: laptop\n[1] a", "size: laptop" ; "a colon within")]
    #[test_case("Rank.\n[1] a\n[2] b\n\nQuery: gaming laptop\nJSON!", "gaming laptop"
        ; "a line behind the passages")]
    #[test_case("I need to know what holds when\n[1] laptop gaming", "what holds?"
        ; "within a sentence before the passages")]
    #[test_case("Rank these.\n[1] a gaming laptop here", "gaming laptop" ; "anywhere, the longest")]
    #[test_case("Query: tent under 300 €, not \"heavy\"\n[1] x", "tent under 300 €, not \"heavy\""
        ; "with quotes within")]
    #[test_case("query = WAS HEISST DAS\nquery = was heißt das", "Was heißt das?" ; "any case")]
    #[test_case("Query: gaming laptop\nx document: Laptop\nlaptop\nx end\nanswer \"gaming laptop\"",
        "gaming laptop" ; "one document, named like another query")]
    fn finds_what_is_asked(prompt: &str, expected: &str) {
        assert_eq!(find(prompt), Some(expected));
    }

    #[test]
    fn says_where_nothing_is_known() {
        assert_eq!(find("Rank: notebooks\n[1] a notebook"), None);
        assert_eq!(find(""), None);
        assert_eq!(Queries::default().find(&Text::new("laptop", 9), 9), None);
    }
}
