//! Counting and cutting by tokens.
//!
//! One encoder (o200k) for every model: the counts of other tokenizers differ
//! by some percent, which budgets leave room for.

use tiktoken_rs::{CoreBPE, o200k_base_singleton};

/// Most bytes that are encoded in one go. The encoder's regular expression
/// backtracks over runs of white space and gives up, by a panic, on very long
/// ones; texts above this size are encoded in pieces.
const PIECE_BYTES: usize = 16 * 1024;

/// Bytes of text encoded at first for each token wanted. English has about
/// four a token.
const BYTES_PER_TOKEN: usize = 8;

fn encoder() -> &'static CoreBPE {
    o200k_base_singleton()
}

/// Loads the encoder (a quarter of a second and 50 MB), so that the first
/// request doesn't. Blocks: call it off the async threads.
pub fn warm() {
    let _ = count("warm");
}

/// Tokens of `text`; above 16 KiB up to one a piece too many.
#[must_use]
pub fn count(text: &str) -> usize {
    pieces(text).map(|piece| encoder().encode_ordinary(piece).len()).sum()
}

/// A prefix of `text` of at most `max_tokens` tokens, cut at a character
/// boundary; as long as can be had without encoding more than it needs.
#[must_use]
pub fn truncate(text: &str, max_tokens: usize) -> &str {
    // A token has at least one byte, so short texts need no encoding.
    if text.len() <= max_tokens {
        return text;
    }
    let mut taken_tokens = 0;
    let mut taken_bytes = 0;
    // The first part is what is usually needed; what follows it comes in
    // pieces, so that a long text of long tokens costs no more than it gives.
    let first = text.floor_char_boundary(
        max_tokens.saturating_mul(BYTES_PER_TOKEN).clamp(64, PIECE_BYTES).min(text.len()),
    );
    for piece in std::iter::once(&text[..first]).chain(pieces(&text[first..])) {
        let tokens = encoder().encode_ordinary(piece);
        if taken_tokens + tokens.len() > max_tokens {
            let cut = prefix_of(piece, &tokens, max_tokens - taken_tokens);
            return fit(text, taken_bytes + cut, max_tokens);
        }
        taken_tokens += tokens.len();
        taken_bytes += piece.len();
    }
    text
}

/// Bytes of `piece` that its first `wanted` tokens cover.
fn prefix_of(piece: &str, tokens: &[u32], wanted: usize) -> usize {
    let bytes = encoder().decode_bytes(&tokens[..wanted]).map_or(0, |bytes| bytes.len());
    piece.floor_char_boundary(bytes)
}

/// Cutting can change how the last word is encoded, rarely to more tokens than
/// it had: drops characters until the count holds.
fn fit(text: &str, mut end: usize, max_tokens: usize) -> &str {
    while end > 0 && count(&text[..end]) > max_tokens {
        end = text.floor_char_boundary(end - 1);
    }
    &text[..end]
}

fn pieces(mut rest: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, tail) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES.min(rest.len())));
        rest = tail;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_as_the_encoder_does() {
        assert_eq!(count(""), 0);
        assert_eq!(count("hello world"), 2);
    }

    #[test]
    fn a_text_that_fits_comes_back_whole() {
        assert_eq!(truncate("hello world", 2), "hello world");
        assert_eq!(truncate("hello world", 100), "hello world");
    }

    #[test]
    fn cuts_at_the_token_that_no_longer_fits() {
        assert_eq!(truncate("hello world", 1), "hello");
        assert_eq!(truncate("hello world", 0), "");
    }

    #[test]
    fn long_texts_without_words_neither_panic_nor_overrun() {
        for unit in [" ", "a", "\n", "^", "é", "🦀", "0"] {
            let long = unit.repeat(200_000);
            assert!(count(&long) <= long.len());
            let cut = truncate(&long, 50);
            assert!(!cut.is_empty() && count(cut) <= 50, "{unit:?}: {}", cut.len());
        }
        let spaces_then_word = format!("{}x", " ".repeat(1_000_000));
        assert!(count(&spaces_then_word) > 0);
    }

    proptest! {
        #[test]
        fn never_more_than_asked_and_always_a_prefix(text in "\\PC{0,300}", max in 0usize..60) {
            let cut = truncate(&text, max);
            prop_assert!(text.starts_with(cut));
            prop_assert!(count(cut) <= max);
        }

        #[test]
        fn tokens_never_exceed_bytes(text in any::<String>()) {
            prop_assert!(count(&text) <= text.len());
        }
    }
}
