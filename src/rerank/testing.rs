//! A model that is never wrong, for the tests of strategies.

use super::{Answered, Evidence, PartialOrder, Standing, Strategy, Window};

/// The strongest of a window's members.
pub(super) fn by_strength(strengths: &[f64], window: &Window) -> Answered {
    let mut ranked = window.members.clone();
    ranked.sort_by(|&a, &b| strengths[b].total_cmp(&strengths[a]).then(a.cmp(&b)));
    let unranked = ranked.split_off(window.wanted.min(ranked.len()));
    Answered::Usable(PartialOrder { ranked, unranked, grades: Vec::new() })
}

/// Asks until the strategy ends: what stands then, and the rounds it took.
pub(super) fn run(strategy: &dyn Strategy, strengths: &[f64]) -> (Standing, u32) {
    run_with(strategy, strengths.len(), |window| by_strength(strengths, window))
}

/// The same with any answers.
pub(super) fn run_with(
    strategy: &dyn Strategy,
    candidates: usize,
    mut answer: impl FnMut(&Window) -> Answered,
) -> (Standing, u32) {
    let mut known = Evidence::none(candidates);
    loop {
        let windows = strategy.next(&known);
        let Some(first) = windows.first() else { break };
        assert!(known.rounds() < 50, "it never ends");
        let round = known.begin_round(first.task);
        for (place, window) in windows.iter().enumerate() {
            let mut members = window.members.clone();
            members.sort_unstable();
            members.dedup();
            assert_eq!(members.len(), window.members.len(), "a document twice in a window");
            assert!(members.iter().all(|&at| at < candidates) && !members.is_empty());
            known.note((round, place), answer(window));
        }
    }
    (strategy.standing(&known), known.rounds())
}
