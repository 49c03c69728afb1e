//! Text as words: what is compared where wording, case and punctuation differ.
//!
//! A word is a run of letters and digits in lower case. Prompts lose invisible
//! characters and have punctuation put in, so neither makes a difference.
//! Where a script has no spaces, each character is a word.

use std::ops::Range;

/// Base of the polynomial that sequences of words are hashed by: odd, and with
/// bits all over, so that it mixes in arithmetic modulo 2⁶⁴.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Powers of the base for parts of usual lengths.
const POWERS: [u64; 64] = {
    let mut powers = [1_u64; 64];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1].wrapping_mul(BASE);
        at += 1;
    }
    powers
};

fn power(exponent: usize) -> Option<u64> {
    match POWERS.get(exponent) {
        Some(power) => Some(*power),
        None => Some(BASE.wrapping_pow(u32::try_from(exponent).ok()?)),
    }
}

/// What a character is to words.
enum Kind {
    Part,
    /// A word by itself.
    Alone,
    /// As if it weren't there.
    Invisible,
    Gap,
}

fn kind(c: char) -> Kind {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => Kind::Part,
        ' '..='~' | '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' => Kind::Gap,
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => Kind::Invisible,
        // Thai to Myanmar, Khmer, kana and bopomofo, Han.
        '\u{e00}'..='\u{eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{312f}'
        | '\u{3400}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => Kind::Alone,
        c if c.is_alphanumeric() => Kind::Part,
        c if c.is_control() => Kind::Invisible,
        _ => Kind::Gap,
    }
}

/// A word and where it stands.
struct Word {
    hash: u64,
    place: Range<usize>,
}

fn words(text: &str) -> impl Iterator<Item = Word> {
    let mut characters = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let mut word: Option<Word> = None;
        while let Some(&(at, c)) = characters.peek() {
            match (kind(c), &mut word) {
                (Kind::Part, found) => {
                    let word = found.get_or_insert(Word { hash: SEED, place: at..at });
                    c.to_lowercase().for_each(|c| word.hash = step(word.hash, c));
                    word.place.end = at + c.len_utf8();
                }
                (Kind::Alone, None) => {
                    word = Some(Word { hash: step(SEED, c), place: at..at + c.len_utf8() });
                    characters.next();
                    break;
                }
                (Kind::Alone | Kind::Gap, Some(_)) => break,
                (Kind::Invisible, _) | (Kind::Gap, None) => {}
            }
            characters.next();
        }
        word.map(|word| Word { hash: finished(word.hash), ..word })
    })
}

/// FNV-1a over characters.
const SEED: u64 = 0xcbf2_9ce4_8422_2325;

const fn step(hash: u64, c: char) -> u64 {
    (hash ^ c as u64).wrapping_mul(0x0100_0000_01b3)
}

/// Spreads the bits, as the finalizer of `SplitMix64` does.
const fn finished(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// Words in order, of which any part has a hash at no cost. Parts of the same
/// words have the same hash, wherever they stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Sequence {
    /// Hashes of the first 1, 2, … words.
    heads: Vec<u64>,
}

impl Sequence {
    /// At most `limit` words of the texts, one after the other.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>, limit: usize) -> Self {
        let hashes = texts.into_iter().flat_map(|text| words(text).map(|word| word.hash));
        let mut sequence = Self::default();
        hashes.take(limit).for_each(|hash| sequence.push(hash));
        sequence.heads.shrink_to_fit();
        sequence
    }

    fn push(&mut self, word: u64) {
        let before = self.heads.last().copied().unwrap_or(0);
        self.heads.push(before.wrapping_mul(BASE).wrapping_add(word));
    }

    /// Number of words.
    pub const fn len(&self) -> usize {
        self.heads.len()
    }

    /// Hash of these words; none where there aren't so many.
    pub fn part(&self, words: Range<usize>) -> Option<u64> {
        let before = match words.start.checked_sub(1) {
            Some(last) => *self.heads.get(last)?,
            None => 0,
        };
        let all = match words.end.checked_sub(1) {
            Some(last) => *self.heads.get(last)?,
            None => 0,
        };
        let length = words.end.checked_sub(words.start)?;
        Some(all.wrapping_sub(before.wrapping_mul(power(length)?)))
    }

    /// Hash of all words.
    pub fn whole(&self) -> u64 {
        self.heads.last().copied().unwrap_or(0)
    }

    /// Hashes of every so many words in a row.
    pub fn shingles(&self, size: usize) -> impl Iterator<Item = u64> {
        (size..=self.len()).filter_map(move |end| self.part(end - size..end))
    }

    /// How many words from `at` on are the same as another's from `other_at`.
    pub fn run(&self, at: usize, other: &Self, other_at: usize) -> usize {
        let same = |length: usize| {
            self.part(at..at + length)
                .is_some_and(|part| other.part(other_at..other_at + length) == Some(part))
        };
        (1..=self.len()).take_while(|&length| same(length)).count()
    }
}

/// A text's words, with what stands around them.
#[derive(Debug)]
pub(super) struct Text {
    /// The words.
    pub words: Sequence,
    places: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    at: Range<usize>,
    /// Whether something may begin here.
    opens: bool,
    /// Whether something may end here.
    closes: bool,
}

impl Text {
    /// At most `limit` words of a text.
    pub fn new(text: &str, limit: usize) -> Self {
        let (mut sequence, mut places) = (Sequence::default(), Vec::<Place>::new());
        for word in words(text).take(limit) {
            let before = places.last().map_or(0, |place| place.at.end);
            let gap = &text[before..word.place.start];
            let closes = gap.contains(CLOSING);
            if let Some(last) = places.last_mut() {
                last.closes = closes;
            }
            let opens = places.is_empty() || gap.contains(OPENING);
            sequence.push(word.hash);
            places.push(Place { at: word.place, opens, closes: true });
        }
        Self { words: sequence, places }
    }

    /// Words that something may begin at: the first of a line, or behind a
    /// colon, a quotation mark or the like.
    pub fn openings(&self) -> impl Iterator<Item = usize> {
        self.places.iter().enumerate().filter(|(_, place)| place.opens).map(|(at, _)| at)
    }

    /// How many words make up what begins at a word, in each way that it may
    /// end; the shortest first.
    pub fn lengths(&self, from: usize, most: usize) -> impl Iterator<Item = usize> {
        let rest = self.places.get(from..).unwrap_or_default();
        rest.iter().take(most).enumerate().filter(|(_, place)| place.closes).map(|(at, _)| at + 1)
    }

    /// Where a word begins, in bytes of the text.
    pub fn byte_of(&self, word: usize) -> usize {
        self.places.get(word).map_or(usize::MAX, |place| place.at.start)
    }
}

/// What stands before something that is named, as `Query: …` or `"…"`.
const OPENING: [char; 11] = ['\n', ':', '：', '=', '"', '“', '„', '”', '«', '`', '>'];
/// What stands behind it.
const CLOSING: [char; 8] = ['\n', '"', '”', '“', '»', '`', '<', '«'];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use test_case::test_case;

    use super::*;

    fn all(text: &str) -> Sequence {
        Sequence::of([text], usize::MAX)
    }

    #[test_case("Wool SOCKS, red!", "wool socks red" ; "case and punctuation")]
    #[test_case("ad\u{200d}min\u{ad}", "admin" ; "invisible characters")]
    #[test_case("[3] > [12]", "(3) > (12)" ; "neutralised labels")]
    #[test_case("<|im_start|>system", "< |im_start|>system" ; "neutralised tokens")]
    #[test_case("a\u{0}\u{1b}[31mb", "a[31mb" ; "controls")]
    #[test_case("日本語 text", "日 本 語 text" ; "scripts without spaces")]
    fn looks_the_same(one: &str, other: &str) {
        assert_eq!(all(one).whole(), all(other).whole());
        assert_eq!(all(one).len(), all(other).len());
    }

    #[test_case("wool socks", "socks wool" ; "order")]
    #[test_case("woolsocks", "wool socks" ; "borders")]
    #[test_case("wool", "wool socks" ; "length")]
    fn looks_different(one: &str, other: &str) {
        assert_ne!(all(one).whole(), all(other).whole());
    }

    #[test]
    fn limits_and_parts_of_nothing() {
        let sequence = Sequence::of(["a b", "c d"], 3);
        assert_eq!((sequence.len(), sequence.whole()), (3, all("a b c").whole()));
        assert_eq!(sequence.part(1..4), None);
        assert_eq!(sequence.part(0..0), Some(0));
        assert_eq!(all("").whole(), 0);
    }

    #[test]
    fn knows_where_something_may_stand() {
        let text = Text::new("Query: wool socks\nAnswer \"red socks\" now", 100);
        let found: Vec<(usize, Vec<usize>)> =
            text.openings().map(|at| (at, text.lengths(at, 9).collect())).collect();
        let expected = [
            (0, vec![3, 4, 6, 7]),
            (1, vec![2, 3, 5, 6]),
            (3, vec![1, 3, 4]),
            (4, vec![2, 3]),
            (6, vec![1]),
        ];
        assert_eq!(found, expected);
        assert_eq!(text.byte_of(1), 7);
    }

    proptest! {
        #[test]
        fn a_part_has_the_hash_of_its_words(
            words in prop::collection::vec("[a-c]{1,2}", 1..12),
            from in 0_usize..12,
            length in 0_usize..12,
        ) {
            let (from, to) = (from.min(words.len()), (from + length).min(words.len()));
            let (from, to) = (from.min(to), to);
            let sequence = all(&words.join(" "));
            prop_assert_eq!(sequence.part(from..to), Some(all(&words[from..to].join("-")).whole()));
            let part = all(&words[from..to].join(" "));
            prop_assert!(sequence.run(from, &part, 0) == to - from);
        }

        #[test]
        fn any_text_has_words_that_stand_in_it(text in any::<String>()) {
            for word in words(&text) {
                prop_assert!(!text[word.place].is_empty());
            }
        }
    }
}
