//! About how much of a text the model inside the binary reads.
//!
//! Its crate keeps the tokenizer to itself, so tokens are estimated: a mark or
//! a letter of another script is one, and a word is as many as words of its
//! length are on average. Of 6,000 English documents (abstracts and product
//! descriptions) the parts that are filled by this estimate have 111 tokens on
//! average; one in fourteen has more than the model reads, and the ends that it
//! doesn't see are 0.4 % of all tokens.

/// What the model reads of one text: 128 tokens, of which it sets two itself.
/// Of the other 126 six are left free for texts of more tokens than estimated.
const ROOM: usize = 120 * TOKEN;

/// A part is never longer: white space takes no tokens, yet the model refuses
/// texts beyond 64 KiB.
pub(super) const MAX_BYTES: usize = 4096;

/// Estimates are in tenths of tokens.
const TOKEN: usize = 10;

/// Tenths of tokens of a word by its letters, the first entry being for none.
/// Measured on the texts above.
const WORD: [usize; 15] = [0, 10, 11, 12, 11, 12, 12, 13, 14, 15, 17, 20, 22, 25, 32];

/// For each letter beyond that table: such words are rare, and most are taken
/// apart.
const LETTER: usize = 6;

/// Tenths of tokens of a word with digits, by its length; beyond it
/// [`DIGIT`] for each character.
const NUMBER: [usize; 5] = [0, 11, 11, 14, 20];

/// For each character of a number or code beyond that table.
const DIGIT: usize = 7;

/// How many bytes of `text` the model reads after `before`.
pub(super) fn fits(before: &str, text: &str) -> usize {
    let mut gauge = Gauge::default();
    before.chars().for_each(|c| gauge.push(c));
    let most = MAX_BYTES.saturating_sub(before.len());
    for (position, c) in text.char_indices() {
        gauge.push(c);
        if gauge.spent() > ROOM || position + c.len_utf8() > most {
            return position;
        }
    }
    text.len()
}

/// Counts while a text is read.
#[derive(Default)]
struct Gauge {
    /// Tenths of tokens before the word that is being read.
    before: usize,
    /// Length of that word so far.
    letters: usize,
    digits: bool,
}

impl Gauge {
    fn push(&mut self, c: char) {
        // The model takes accents off. Letters of other scripts are in its
        // vocabulary one by one, if at all.
        if c.is_alphanumeric() && c < '\u{250}' {
            self.letters += 1;
            self.digits |= c.is_ascii_digit();
            return;
        }
        self.before = self.spent();
        (self.letters, self.digits) = (0, false);
        if !c.is_whitespace() {
            self.before += TOKEN;
        }
    }

    fn spent(&self) -> usize {
        let (table, beyond): (&[usize], usize) =
            if self.digits { (&NUMBER, DIGIT) } else { (&WORD, LETTER) };
        let last = table.len() - 1;
        let word = table[self.letters.min(last)] + self.letters.saturating_sub(last) * beyond;
        self.before + word
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use test_case::test_case;

    fn tenths(text: &str) -> usize {
        let mut gauge = Gauge::default();
        text.chars().for_each(|c| gauge.push(c));
        gauge.spent()
    }

    #[test_case("", 0; "nothing")]
    #[test_case(" \n\t ", 0; "white space")]
    #[test_case("tent", 11; "a word")]
    #[test_case("a tent", 21; "two words")]
    #[test_case("tent, red!", 43; "marks")]
    #[test_case("Élan", 11; "an accent")]
    #[test_case("30", 11; "a number")]
    #[test_case("AZERTY2000", 62; "a code")]
    #[test_case("pneumonoultramicroscopic", 92; "a long word")]
    #[test_case("帐篷。", 30; "another script")]
    fn tokens_are_estimated(text: &str, expected: usize) {
        assert_eq!(tenths(text), expected);
    }

    #[test]
    fn what_stands_before_takes_room() {
        let text = "a ".repeat(500);
        assert_eq!(fits("", &text), 2 * ROOM / TOKEN);
        assert_eq!(fits("a a a ", &text), 2 * (ROOM / TOKEN - 3));
        assert_eq!(fits(&text, &text), 0);
    }

    #[test]
    fn white_space_is_no_way_around_the_limit_in_bytes() {
        assert_eq!(fits("", &" ".repeat(MAX_BYTES + 1)), MAX_BYTES);
        assert_eq!(fits(&" ".repeat(MAX_BYTES + 1), "a"), 0);
    }

    proptest! {
        #[test]
        fn what_fits_ends_between_characters_and_fits_again(text in "\\PC{0,800}") {
            let end = fits("", &text);
            prop_assert!(text.is_char_boundary(end));
            prop_assert_eq!(fits("", &text[..end]), end);
        }
    }
}
