//! What a call shows of a window: how many passages, how long, under which
//! labels. Pure, so that tools can tell it without a model.

use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng;
use serde_json::{Map, Value};

use crate::domain::Query;
use crate::prompt::{Passage, PromptInput, Task};

/// Passages are never cut below so many tokens; fewer are shown instead.
const PASSAGE_FLOOR: usize = 32;
/// What a template is assumed to add around each passage.
const PASSAGE_OVERHEAD: usize = 24;
/// Tokens that chat formats add around messages.
pub(super) const FORMAT_OVERHEAD: usize = 32;
/// Tokens of a claim of some thirty words with two short quotes, in languages
/// that take more tokens than English.
const EXPLAINED: u32 = 192;
/// Room for white space, a fence or a closing remark around a JSON reply.
const REPLY_HEADROOM: u32 = 64;

/// What of a window fits a model's context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Passages that are shown, at least one.
    pub passages: usize,
    /// Most tokens of each.
    pub tokens_each: usize,
}

/// How many of `passages` fit into `context` tokens beside `fixed` tokens of
/// the prompt's own and `reply` tokens of the answer, each with at most
/// `budget` tokens: all are cut alike, down to a floor, before any is left
/// out. None where not even one fits.
#[must_use]
pub fn fit_window(
    context: usize,
    fixed: usize,
    reply: u32,
    passages: usize,
    budget: usize,
) -> Option<Fit> {
    let room = context.saturating_sub(fixed + FORMAT_OVERHEAD + reply as usize);
    let floor = PASSAGE_FLOOR.min(budget);
    let passages = (room / (floor + PASSAGE_OVERHEAD)).min(passages);
    let each = room.checked_div(passages)?.saturating_sub(PASSAGE_OVERHEAD);
    Some(Fit { passages, tokens_each: each.clamp(floor, budget) })
}

/// What a call takes whose passages all fit.
#[must_use]
pub const fn window_tokens(fixed: usize, reply: u32, shown: Fit) -> usize {
    shown.passages * (shown.tokens_each + PASSAGE_OVERHEAD)
        + fixed
        + FORMAT_OVERHEAD
        + reply as usize
}

/// Tokens that a reply may take: what its labels need, with some room. Models
/// that enforce a schema stop by themselves; others are stopped here. Where a
/// probability is read, the first token says everything.
#[must_use]
pub fn reply_tokens(task: Task, wanted: usize, logprobs: bool) -> u32 {
    let wanted = u32::try_from(wanted).unwrap_or(u32::MAX / 64);
    match task {
        Task::Pointwise if logprobs => 1,
        Task::Pointwise | Task::Pairwise => REPLY_HEADROOM,
        Task::Graded | Task::Judge => REPLY_HEADROOM + wanted * 20,
        Task::Listwise => REPLY_HEADROOM + wanted * 6,
        Task::Explain | Task::Contrast => REPLY_HEADROOM + wanted * EXPLAINED,
    }
}

/// Documents that a call of this task shows at most, where a pipeline's window
/// has `window`; none for tasks of no pipeline.
#[must_use]
pub fn documents_per_call(task: Task, window: usize) -> Option<usize> {
    match task {
        // A listwise call of one document says nothing.
        Task::Listwise => Some(window.max(2)),
        Task::Graded => Some(window.max(1)),
        Task::Pointwise | Task::Pairwise => task.most_passages(),
        Task::Explain => Some(1),
        Task::Contrast => Some(2),
        Task::Judge => None,
    }
}

/// The labels from 1 to `n` in the order in which passages are given them, so
/// that no label tells a document's rank.
#[must_use]
pub fn shuffled_labels(n: usize, seed: u64) -> Vec<usize> {
    let mut labels: Vec<usize> = (1..=n).collect();
    labels.shuffle(&mut Pcg64Mcg::seed_from_u64(seed));
    labels
}

/// Title and text cut to `tokens` together. The title comes first.
#[must_use]
pub fn cut_passage<'a>(
    title: &'a str,
    text: &'a str,
    tokens: usize,
    count: impl Fn(&str) -> usize,
    truncate: impl Fn(&'a str, usize) -> &'a str,
) -> (&'a str, &'a str) {
    let title = truncate(title, tokens);
    let left = tokens.saturating_sub(count(title));
    (title, truncate(text, left))
}

/// What a prompt is given.
#[must_use]
pub fn prompt_input(
    query: &Query,
    passages: Vec<Passage>,
    wanted: usize,
    context: Map<String, Value>,
    nonce: &str,
) -> PromptInput {
    PromptInput {
        query: query.as_str().to_owned(),
        lang: String::new(),
        passages,
        top_k: wanted,
        context,
        nonce: nonce.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn passages_are_cut_before_any_is_left_out() {
        let fits = |context| fit_window(context, 100, 184, 20, 200);
        let all = |tokens_each| Some(Fit { passages: 20, tokens_each });
        let with = |tokens_each| window_tokens(100, 184, Fit { passages: 20, tokens_each });
        let enough = with(200);
        assert_eq!(fits(enough), all(200));
        assert_eq!(fits(enough - 1), all(199));
        let least = with(PASSAGE_FLOOR);
        assert_eq!(fits(least), all(PASSAGE_FLOOR));
        assert_eq!(fits(least - 1).map(|fit| fit.passages), Some(19));
        assert_eq!(fits(300), None);
    }

    #[test]
    fn a_title_is_cut_last() {
        // A byte a token.
        let short = |tokens| {
            cut_passage("title", "text", tokens, str::len, |text, most| {
                &text[..most.min(text.len())]
            })
        };
        assert_eq!(short(9), ("title", "text"));
        assert_eq!(short(7), ("title", "te"));
        assert_eq!(short(3), ("tit", ""));
    }

    proptest! {
        #[test]
        fn what_fits_never_takes_more_than_there_is(
            context in 0usize..20_000,
            fixed in 0usize..2000,
            passages in 1usize..120,
            budget in 1usize..2000,
        ) {
            if let Some(found) = fit_window(context, fixed, 64, passages, budget) {
                prop_assert!((1..=passages).contains(&found.passages));
                prop_assert!(found.tokens_each <= budget);
                prop_assert!(window_tokens(fixed, 64, found) <= context);
            }
        }
    }
}
