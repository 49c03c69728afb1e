//! Which document of the corpus a passage shows.
//!
//! Passages are cut, cleaned and worded around, so that they are recognised by
//! shingles: every five words in a row of a document's head are looked up, and
//! each votes for the documents that have them. Of those with most votes the
//! one whose head stands in the passage for longest is meant, so that a
//! document that quotes another one is not taken for it. Passages of fewer
//! words are recognised as a whole document or as its first words.

use std::collections::HashMap;

use super::queries::Found;
use super::words::{Sequence, Text};

/// Words in a shingle.
const SHINGLE: usize = 5;
/// Words of a document, title included, that it is recognised by.
const HEAD: usize = 256;
/// Shingles that more documents have say little and are left out.
const COMMON: usize = 64;
/// Votes from which a passage needs no head: eight words in a row.
const VOTES: usize = 4;
/// Most documents that a passage may be taken for.
const ALIKE: usize = 8;

/// The heads of all documents.
#[derive(Debug, Default)]
pub(super) struct Passages {
    heads: Vec<Head>,
    /// By hash.
    shingles: Vec<(u64, u32)>,
    /// The first one to four words, by hash.
    openings: Vec<(u64, u32)>,
}

#[derive(Debug)]
struct Head {
    words: Sequence,
    /// Words of the title.
    title: usize,
    /// Whether these are all words of the document.
    whole: bool,
}

/// The longest beginning of a document that stands in a text. A document is
/// shown from its title on sooner than without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    words: usize,
    titled: bool,
}

impl Head {
    /// What a passage may begin with: the title, or the text alone.
    fn starts(&self) -> impl Iterator<Item = usize> {
        let text = Some(self.title).filter(|&title| title > 0 && title < self.words.len());
        std::iter::once(0).chain(text)
    }
}

impl Passages {
    /// Adds a document; they are numbered from 0. [`finish`](Self::finish)
    /// comes after the last one.
    ///
    /// # Errors
    /// When there are too many.
    pub fn add(&mut self, title: &str, text: &str) -> Result<(), std::num::TryFromIntError> {
        let number = u32::try_from(self.heads.len())?;
        let words = Sequence::of([title, text], HEAD);
        let head =
            Head { title: Sequence::of([title], HEAD).len(), whole: words.len() < HEAD, words };
        self.shingles.extend(head.words.shingles(SHINGLE).map(|hash| (hash, number)));
        for start in head.starts() {
            let openings = (1..SHINGLE).filter_map(|length| head.words.part(start..start + length));
            self.openings.extend(openings.map(|hash| (hash, number)));
        }
        self.heads.push(head);
        Ok(())
    }

    /// Makes what was added ready to be looked up.
    pub fn finish(&mut self) {
        for index in [&mut self.shingles, &mut self.openings] {
            index.sort_unstable();
            index.dedup();
            index.shrink_to_fit();
        }
    }

    /// The documents that a passage may show: several where they have what is
    /// shown in common, none where it is unknown. `text` may say more than the
    /// passage; words of the query don't count.
    pub fn recognise(&self, text: &Text, query: Option<Found>) -> Vec<usize> {
        let asked = asked(text, query);
        // A document may also say no more than the query does.
        let nothing = vec![false; asked.len()];
        let ways: [&dyn Fn() -> Vec<usize>; 4] = [
            &|| self.by_votes(text, &asked),
            &|| self.short(text, &asked),
            &|| self.by_votes(text, &nothing),
            &|| self.cut_short(text),
        ];
        ways.iter().map(|way| way()).find(|found| !found.is_empty()).unwrap_or_default()
    }

    fn by_votes(&self, text: &Text, asked: &[bool]) -> Vec<usize> {
        let votes = self.votes(text, asked);
        let most = votes.values().copied().max().unwrap_or(0);
        let leading = votes.into_iter().filter(|&(_, votes)| votes == most);
        let runs: Vec<(usize, Run)> =
            leading.map(|(number, _)| (number as usize, self.run(number as usize, text))).collect();
        let longest = runs.iter().map(|&(_, run)| run).max().unwrap_or_default();
        if most < VOTES && longest.words < SHINGLE {
            return Vec::new();
        }
        let alike = runs.into_iter().filter(|&(_, run)| run == longest);
        sorted(alike.map(|(number, _)| number))
    }

    /// How many shingles of the text each document has.
    fn votes(&self, text: &Text, asked: &[bool]) -> HashMap<u32, usize> {
        let mut shingles: Vec<u64> = asked
            .windows(SHINGLE)
            .enumerate()
            .filter(|(_, asked)| asked.contains(&false))
            .filter_map(|(at, _)| text.words.part(at..at + SHINGLE))
            .collect();
        shingles.sort_unstable();
        shingles.dedup();
        let mut votes = HashMap::new();
        for shingle in shingles {
            let having = of(&self.shingles, shingle, COMMON + 1);
            if having.len() <= COMMON {
                for (_, number) in having {
                    *votes.entry(*number).or_insert(0) += 1;
                }
            }
        }
        votes
    }

    /// How much of a document's head stands in the text.
    fn run(&self, number: usize, text: &Text) -> Run {
        let Some(head) = self.heads.get(number) else { return Run::default() };
        let runs = head.starts().flat_map(|start| {
            let first = head.words.part(start..start + 1);
            (0..text.words.len())
                .filter(move |&at| text.words.part(at..at + 1) == first)
                .map(move |at| text.words.run(at, &head.words, start))
                .map(move |words| Run { words, titled: start == 0 })
        });
        runs.max().unwrap_or_default()
    }

    /// Documents of a few words that stand in the text as a whole.
    fn short(&self, text: &Text, asked: &[bool]) -> Vec<usize> {
        let (of_query, elsewhere): (Vec<usize>, Vec<usize>) =
            text.openings().partition(|&at| asked.get(at) == Some(&true));
        let found = |places: &[usize]| {
            (1..SHINGLE).rev().find_map(|length| {
                let here = |at: &usize| self.whole_at(text, *at, length);
                places.iter().map(here).find(|found| !found.is_empty())
            })
        };
        found(&elsewhere).or_else(|| found(&of_query)).unwrap_or_default()
    }

    fn whole_at(&self, text: &Text, at: usize, length: usize) -> Vec<usize> {
        if !text.lengths(at, length).any(|ends| ends == length) {
            return Vec::new();
        }
        let Some(hash) = text.words.part(at..at + length) else { return Vec::new() };
        let having =
            of(&self.openings, hash, usize::MAX).iter().map(|(_, number)| *number as usize);
        sorted(having.filter(|&number| {
            self.heads.get(number).is_some_and(|head| {
                head.whole
                    && (head.words.len() == length || head.words.len() - head.title == length)
            })
        }))
    }

    /// Documents that a text of a few words is the beginning of, the last one
    /// of which may be cut.
    fn cut_short(&self, text: &Text) -> Vec<usize> {
        let words = text.words.len();
        if words > SHINGLE {
            return Vec::new();
        }
        let found = (words.saturating_sub(1).max(1)..=words).rev().find_map(|length| {
            let having = of(&self.openings, text.words.part(0..length)?, ALIKE + 1);
            (!having.is_empty()).then_some(having)
        });
        let few = found.filter(|found| found.len() <= ALIKE).unwrap_or_default();
        sorted(few.iter().map(|(_, number)| *number as usize))
    }
}

/// For each word of a text whether it is the query's.
fn asked(text: &Text, query: Option<Found>) -> Vec<bool> {
    let mut asked = vec![false; text.words.len()];
    let Some(Found { length, words, .. }) = query else { return asked };
    for at in 0..asked.len() {
        if text.words.part(at..at + length) == Some(words) {
            asked[at..at + length].fill(true);
        }
    }
    asked
}

/// The entries of a sorted index under a hash; at most so many.
fn of(index: &[(u64, u32)], hash: u64, most: usize) -> &[(u64, u32)] {
    let from = index.partition_point(|&(other, _)| other < hash);
    let rest = &index[from..];
    let length = rest.iter().take(most).take_while(|&&(other, _)| other == hash).count();
    &rest[..length]
}

/// The first ones, each once.
fn sorted(numbers: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut numbers: Vec<usize> = numbers.collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.truncate(ALIKE);
    numbers
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::super::queries::Queries;
    use super::*;

    const DOCUMENTS: [(&str, &str); 9] = [
        ("Meadow 2 tent", "A light tent for two people with a porch and a groundsheet, 2 kg."),
        ("Meadow 3 tent", "A light tent for three people with a porch and a groundsheet, 3 kg."),
        (
            "Meadow bundle",
            "Meadow 2 tent A light tent for two people with a porch and a groundsheet, 2 kg. With a mat.",
        ),
        ("", "Wool socks"),
        ("Mug", "blue"),
        ("Same", "These words are the same in two documents of the corpus."),
        ("Same", "These words are the same in two documents of the corpus. But not all."),
        ("System: notes", "See [3] and <|im_start|> for what the ad\u{200d}min says about it."),
        ("毛糸の靴下", "冬に暖かい毛糸の靴下です"),
    ];

    fn passages() -> Passages {
        let mut passages = Passages::default();
        for (title, text) in DOCUMENTS {
            passages.add(title, text).unwrap();
        }
        passages.finish();
        passages
    }

    fn recognise(passage: &str, query: &str) -> Vec<usize> {
        let (text, mut queries) = (Text::new(passage, 1000), Queries::default());
        queries.add(query);
        passages().recognise(&text, queries.find(&text, usize::MAX))
    }

    #[test_case("Meadow 2 tent\nA light tent for two people with a porch", &[0] ; "cut")]
    #[test_case("Meadow 2 tent\nA light tent for two people with a porch and a groundsheet, 2 kg.",
        &[0] ; "whole, and quoted by another")]
    #[test_case("Meadow 3 tent\nA light tent for three peo", &[1] ; "cut within a word")]
    #[test_case("A light tent for three people with", &[1] ; "without its title")]
    #[test_case("(score 3.1) Meadow bundle: Meadow 2 tent A light tent for", &[2] ; "within words")]
    #[test_case("Meadow 2 tent (2 kg)\nfor two people with a porch and a groundsheet", &[0]
        ; "with something between title and text")]
    #[test_case("Wool socks", &[3] ; "a few words")]
    #[test_case("Mug\nblue\nx7 end\n\nQuery: tent\nOrder them.", &[4] ; "a few words, and more")]
    #[test_case("Same\nThese words are the same in two", &[5, 6] ; "alike where it is cut")]
    #[test_case("Same\nThese words are the same in two documents of the corpus. But", &[6]
        ; "alike and cut later")]
    #[test_case("System - notes\nSee (3) and < |im_start|> for what the admin says about it.", &[7]
        ; "neutralised")]
    #[test_case("毛糸の靴下\n冬に暖かい", &[8] ; "a script without spaces")]
    #[test_case("Meadow 3", &[1] ; "cut to two words")]
    #[test_case("Meadow 3 te", &[1] ; "cut within the third word")]
    #[test_case("Meadow", &[0, 1, 2] ; "cut to a word")]
    #[test_case("An unknown passage with a porch and a mat.", &[] ; "unknown")]
    #[test_case("", &[] ; "nothing")]
    fn recognises(passage: &str, expected: &[usize]) {
        assert_eq!(recognise(passage, "tent"), expected);
    }

    #[test]
    fn words_of_the_query_say_nothing_of_a_passage() {
        let query = "a light tent for two people with a porch and a groundsheet";
        let prompt = format!("Query: {query}\nx document: Mug\nblue\nx end\nIs it \"{query}\"?");
        assert_eq!(recognise(&prompt, query), [4]);
        assert_eq!(
            recognise("Query: wool socks\nx document: Wool socks\nx end", "wool socks"),
            [3]
        );
    }

    #[test]
    fn words_that_all_documents_have_decide_nothing() {
        let mut passages = Passages::default();
        for number in 0..1000 {
            passages
                .add("", &format!("Free delivery on all orders. Item {number} is here."))
                .unwrap();
        }
        passages.finish();
        let recognise = |passage: &str| passages.recognise(&Text::new(passage, 100), None);
        assert_eq!(recognise("Free delivery on all orders. Item 77 is here."), [77]);
        assert!(recognise("Free delivery on all orders.").is_empty());
    }
}
