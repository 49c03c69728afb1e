//! A ranking on its way into an answer.

use std::sync::Arc;
use std::time::Duration;

use super::answer::{Answer, RankedResult, RankingInfo, Timing};
use super::request::Asked;
use super::serving::{Chosen, Pipeline};
use super::trace::{CallTrace, Purpose, Trace};
use crate::cache::CachedRanking;
use crate::domain::{
    CacheOutcome, CandidateList, Failure, Outcome, Ranking, Repairs, ScoreKind, StrategyName, Usage,
};
use crate::rerank::{Progress, RoundCall};

/// A ranking and how it came about.
pub(super) struct Ranked {
    candidates: Arc<CandidateList>,
    ranking: Ranking,
    grades: Vec<Option<f64>>,
    outcome: Outcome,
    cache: CacheOutcome,
    chosen: Chosen,
    /// What was asked with; the name in `chosen` where nothing was.
    strategy: StrategyName,
    calls: u32,
    failed_calls: u32,
    trace: Vec<RoundCall>,
    recalled: u32,
    rounds: u32,
    coverage: f64,
    repairs: Repairs,
    usage: Usage,
    /// The whole LLM stage, and the part of it spent waiting.
    took: Duration,
    waited: Duration,
}

/// How long the LLM stage took, and how much of it was spent waiting.
#[derive(Clone, Copy, Default)]
pub(super) struct Took {
    pub all: Duration,
    pub waiting: Duration,
}

impl Ranked {
    /// The classical order, without a call.
    pub(super) fn unasked(
        candidates: Arc<CandidateList>,
        chosen: Chosen,
        outcome: Outcome,
    ) -> Self {
        Self {
            ranking: Ranking::classical(candidates.len()),
            grades: Vec::new(),
            outcome,
            cache: CacheOutcome::Off,
            strategy: chosen.strategy,
            chosen,
            calls: 0,
            failed_calls: 0,
            trace: Vec::new(),
            recalled: 0,
            rounds: 0,
            coverage: 0.0,
            repairs: Repairs::default(),
            usage: Usage::default(),
            took: Duration::ZERO,
            waited: Duration::ZERO,
            candidates,
        }
    }

    /// What would be answered if the deadline came before any reply.
    pub(super) fn before_any_reply(candidates: &Arc<CandidateList>, chosen: &Chosen) -> Self {
        let outcome = match &chosen.llm {
            Ok(_) => Outcome::Fallback(Failure::Deadline),
            Err(why) => Outcome::Classical(*why),
        };
        Self::unasked(Arc::clone(candidates), chosen.clone(), outcome)
    }

    /// A ranking that was kept.
    pub(super) fn hit(
        candidates: Arc<CandidateList>,
        chosen: Chosen,
        strategy: StrategyName,
        kept: CachedRanking,
        took: Duration,
    ) -> Self {
        Self {
            ranking: kept.ranking,
            grades: kept.grades,
            cache: CacheOutcome::Hit,
            strategy,
            rounds: kept.rounds,
            coverage: kept.coverage,
            repairs: kept.repairs,
            took,
            ..Self::unasked(candidates, chosen, Outcome::Llm)
        }
    }

    /// What a flight made by now.
    pub(super) fn made(
        candidates: Arc<CandidateList>,
        chosen: Chosen,
        strategy: StrategyName,
        progress: &Progress,
        cache: CacheOutcome,
        took: Took,
    ) -> Self {
        let order = progress.standing.ranking.order().iter().copied();
        let own = cache != CacheOutcome::Coalesced;
        Self {
            ranking: Ranking::with_preferred(candidates.len(), order),
            grades: progress.standing.grades.clone(),
            cache,
            strategy,
            calls: if own { progress.calls } else { 0 },
            failed_calls: if own { progress.failed_calls } else { 0 },
            trace: if own { progress.trace.clone() } else { Vec::new() },
            recalled: progress.recalled,
            rounds: progress.rounds,
            coverage: progress.coverage(),
            repairs: progress.repairs,
            usage: if own { progress.usage } else { Usage::default() },
            took: took.all,
            waited: took.waiting,
            ..Self::unasked(candidates, chosen, progress.outcome())
        }
    }

    /// The answer, within the pipeline's bound and cut to what was asked for.
    pub(super) fn answer(mut self, asked: &Asked, pipeline: &Pipeline, timing: Timing) -> Answer {
        let held_back = match pipeline.config.promotion() {
            Some(promotion) => {
                let (bound, held_back) = promotion.bound(self.ranking);
                self.ranking = bound;
                held_back
            }
            None => 0,
        };
        let (results, score_kind) = self.results(asked.top_n);
        let rest = self.ranking.order()[results.len()..].iter();
        let rest =
            rest.filter_map(|&at| Some((self.candidates.get(at)?.document.id.clone(), at + 1)));
        let rest = rest.collect();
        let llm = self.chosen.llm.as_ref().ok();
        let model = llm.map(|llm| llm.model.spec().model.clone());
        let trace = asked.trace.then(|| self.trace(asked, model.as_deref().unwrap_or_default()));
        let ranking = RankingInfo {
            outcome: self.outcome,
            cache: self.cache,
            pipeline: pipeline.name.clone(),
            strategy: self.strategy,
            prompt: llm.map(|llm| llm.prompts.main().id().to_string()),
            prompt_sha256: llm.map(|llm| llm.prompts.main().sha256().to_owned()),
            model,
            score_kind,
            calls: self.calls,
            failed_calls: self.failed_calls,
            recalled: self.recalled,
            rounds: self.rounds,
            coverage: self.coverage,
            repairs: self.repairs,
            held_back,
            degraded: None,
        };
        let timing = Timing {
            total: millis(asked.received.elapsed()),
            rerank: millis(self.took),
            waiting: timing.waiting + millis(self.waited),
            ..timing
        };
        Answer {
            id: asked.id.clone(),
            results,
            rest,
            ranking,
            explain: None,
            usage: self.usage,
            timing,
            returned_documents: pipeline.config.returned_documents,
            trace,
        }
    }

    fn trace(&self, asked: &Asked, model: &str) -> Trace {
        let of = |RoundCall { round, call }: &RoundCall| {
            CallTrace::of(call, Purpose::Rank, Some(*round), model, asked.received)
        };
        Trace { calls: self.trace.iter().map(of).collect() }
    }

    /// Grades are shown where every result has one; else the scores tell the
    /// order and nothing more.
    fn results(&self, top_n: Option<usize>) -> (Vec<RankedResult>, ScoreKind) {
        let n = self.ranking.len();
        let order = &self.ranking.order()[..top_n.unwrap_or(n).min(n)];
        let grades: Option<Vec<f64>> = (self.outcome == Outcome::Llm && !order.is_empty())
            .then(|| order.iter().map(|&at| self.grades.get(at).copied().flatten()).collect())
            .flatten();
        // What was held back has a better grade than what it stands behind.
        let mut least = f64::INFINITY;
        let results = order
            .iter()
            .enumerate()
            .filter_map(|(place, &at)| Some((place, at, self.candidates.get(at)?)))
            .map(|(place, at, candidate)| RankedResult {
                index: at,
                rank: place + 1,
                first_stage_rank: at + 1,
                relevance_score: match &grades {
                    Some(grades) => {
                        least = least.min(grades.get(place).copied().unwrap_or(0.0));
                        least
                    }
                    None => (n - place) as f64 / n as f64,
                },
                collection: candidate.collection.clone(),
                scores: candidate.scores,
                document: Arc::clone(&candidate.document),
                explanation: None,
            })
            .collect();
        (results, if grades.is_some() { ScoreKind::Graded } else { ScoreKind::Ordinal })
    }
}

/// Milliseconds with their fraction.
pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
