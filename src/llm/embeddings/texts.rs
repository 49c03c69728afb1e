//! Which texts go into which request.

use std::ops::Range;
use std::sync::Arc;

use crate::llm::tokens;

/// The texts of one request: some of those of a call, in their order.
#[derive(Clone)]
pub(super) struct Texts {
    all: Arc<[String]>,
    range: Range<usize>,
}

impl Texts {
    pub fn as_slice(&self) -> &[String] {
        &self.all[self.range.clone()]
    }

    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Where the first one stands in the call.
    pub const fn position(&self) -> usize {
        self.range.start
    }

    pub fn bytes(&self) -> usize {
        self.as_slice().iter().map(String::len).sum()
    }

    /// Blocks while it counts.
    pub fn tokens(&self) -> usize {
        self.as_slice().iter().map(|text| tokens::count(text)).sum()
    }

    /// Two requests for the same texts; `None` if there is but one text.
    pub fn halves(&self) -> Option<(Self, Self)> {
        if self.len() < 2 {
            return None;
        }
        let middle = self.range.start + self.len().div_ceil(2);
        let part = |range| Self { all: Arc::clone(&self.all), range };
        Some((part(self.range.start..middle), part(middle..self.range.end)))
    }
}

/// What one request may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchLimits {
    pub texts: usize,
    /// A text that has more goes alone.
    pub tokens: usize,
}

impl BatchLimits {
    /// Fills one request after the other. Blocks while it counts tokens.
    pub fn batches(self, all: &Arc<[String]>) -> Vec<Texts> {
        let mut batches = Vec::new();
        let mut start = 0;
        while start < all.len() {
            let end = start + self.fitting(&all[start..]);
            batches.push(Texts { all: Arc::clone(all), range: start..end });
            start = end;
        }
        batches
    }

    /// How many of `texts` go into one request: at least one.
    fn fitting(self, texts: &[String]) -> usize {
        let texts = &texts[..texts.len().min(self.texts)];
        // Tokens never exceed bytes, so most requests for short texts need no
        // counting.
        if texts.iter().map(String::len).sum::<usize>() <= self.tokens {
            return texts.len();
        }
        let total = |total: &mut usize, text: &String| {
            *total += tokens::count(text);
            Some(*total)
        };
        let fitting = texts.iter().scan(0, total).take_while(|total| *total <= self.tokens);
        fitting.count().max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use test_case::test_case;

    use super::*;

    fn sizes(limits: BatchLimits, texts: &[&str]) -> Vec<usize> {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        limits.batches(&texts).iter().map(Texts::len).collect()
    }

    #[test_case(2, 100, &["a"; 5], &[2, 2, 1] ; "by number")]
    #[test_case(9, 2, &["a"; 5], &[2, 2, 1] ; "by bytes that need no counting")]
    #[test_case(9, 3, &["hello world", "hello", "x"], &[2, 1] ; "by tokens")]
    #[test_case(9, 3, &["a", "a b c d e f", "a", "b"], &[1, 1, 2] ; "a long one alone")]
    #[test_case(9, 3, &[], &[] ; "nothing")]
    fn requests_are_filled(texts: usize, tokens: usize, given: &[&str], expected: &[usize]) {
        assert_eq!(sizes(BatchLimits { texts, tokens }, given), expected);
    }

    #[test]
    fn halves_share_the_texts_until_one_is_left() {
        let all: Arc<[String]> = ["a", "b", "c"].map(str::to_owned).into();
        let [batch]: [Texts; 1] =
            BatchLimits { texts: 9, tokens: 9 }.batches(&all).try_into().ok().unwrap();
        let (first, second) = batch.halves().unwrap();
        assert_eq!(
            (first.as_slice(), second.as_slice()),
            (&["a".into(), "b".into()][..], &["c".into()][..])
        );
        assert_eq!((first.position(), second.position()), (0, 2));
        assert!(second.halves().is_none());
    }

    proptest! {
        #[test]
        fn every_text_is_in_one_request_and_limits_hold(
            given in prop::collection::vec("[a-z ]{1,40}", 0..40),
            texts in 1usize..6,
            tokens in 1usize..30,
        ) {
            let batches = BatchLimits { texts, tokens }.batches(&given.clone().into());
            let sent: Vec<_> = batches.iter().flat_map(|batch| batch.as_slice().to_vec()).collect();
            prop_assert_eq!(sent, given);
            for batch in &batches {
                let counted = batch.tokens();
                prop_assert!((1..=texts).contains(&batch.len()));
                prop_assert!(counted <= tokens || batch.len() == 1);
            }
        }
    }
}
