//! The LLM stage of a request: nothing, the cache, or a flight; and what came
//! of it as an answer.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::answer::{Answer, RankedResult, RankingInfo, Timing};
use super::gateway::Gateway;
use super::request::Asked;
use super::serving::{Chosen, Llm, Pipeline};
use crate::cache::{CachedRanking, RankingKey};
use crate::domain::{
    CacheOutcome, Candidate, CandidateList, Deadline, NotWanted, Outcome, Ranking, Repairs,
    ScoreKind, StrategyName, TenantId, Usage,
};
use crate::rerank::{Asker, Job, Progress, run, strategy_for};

/// Time kept back at the end of a deadline to write the answer.
const ANSWER_MARGIN: Duration = Duration::from_millis(10);

/// A ranking and how it came about.
pub(super) struct Ranked {
    candidates: Arc<CandidateList>,
    ranking: Ranking,
    grades: Vec<Option<f64>>,
    outcome: Outcome,
    cache: CacheOutcome,
    chosen: Chosen,
    calls: u32,
    failed_calls: u32,
    rounds: u32,
    coverage: f64,
    repairs: Repairs,
    usage: Usage,
    /// The whole LLM stage, and the part of it spent waiting.
    took: Duration,
    waited: Duration,
}

impl Gateway {
    /// Ranks candidates. Never fails: whatever happens, the result is a
    /// permutation by the deadline.
    pub(super) async fn rank(
        &self,
        asked: &Asked,
        pipeline: &Pipeline,
        chosen: Chosen,
        candidates: Arc<CandidateList>,
        max_passage_tokens: Option<usize>,
        deadline: Deadline,
    ) -> Ranked {
        let begun = Instant::now();
        let llm = match &chosen.llm {
            Ok(llm) => llm.clone(),
            Err(why) => return Ranked::classical(candidates, chosen.strategy, *why),
        };
        let shown = candidates.head(pipeline.config.rerank_limit);
        if shown.len() < 2 {
            return Ranked::classical(candidates, chosen.strategy, NotWanted::NotRequested);
        }
        let stage = Stage { gateway: self, asked, pipeline, chosen: &chosen, llm: &llm };
        let plan = stage.plan(&candidates, max_passage_tokens);
        let key = plan.key;
        if let Some(kept) = self.cache.get(&key).await {
            return Ranked::hit(candidates, chosen, kept, begun.elapsed());
        }
        let until = deadline.earlier_by(margin(deadline));
        let waiting = Instant::now();
        let seat = stage.board(&plan, &candidates, until);
        let leads = seat.leads;
        let progress = seat.wait(until).await;
        let cache = match (leads, self.cache.is_on()) {
            (false, _) => CacheOutcome::Coalesced,
            (true, true) => CacheOutcome::Miss,
            (true, false) => CacheOutcome::Off,
        };
        let (took, waited) = (begun.elapsed(), waiting.elapsed());
        Ranked::made(candidates, chosen, &progress, cache, took, waited)
    }
}

/// The answer's margin, less where little time is left anyway.
fn margin(deadline: Deadline) -> Duration {
    ANSWER_MARGIN.min(deadline.remaining() / 10)
}

/// One request at the LLM stage.
struct Stage<'a> {
    gateway: &'a Gateway,
    asked: &'a Asked,
    pipeline: &'a Pipeline,
    chosen: &'a Chosen,
    llm: &'a Llm,
}

/// A ranking that can be looked up or made.
struct Plan {
    key: blake3::Hash,
    seed: u64,
    top_n: Option<usize>,
    max_passage_tokens: Option<usize>,
}

impl Stage<'_> {
    fn plan(&self, candidates: &CandidateList, max_passage_tokens: Option<usize>) -> Plan {
        let config = &self.pipeline.config;
        let seed = self.seed(candidates);
        // Only what changes the calls may tell rankings apart.
        let top_n = strategy_for(self.chosen.strategy, config.window, self.asked.top_n)
            .and_then(|strategy| strategy.wants_top())
            .filter(|&top_n| top_n < config.window.min(config.rerank_limit));
        let key = RankingKey {
            tenant: &TenantId::default(),
            pipeline: &self.pipeline.name,
            strategy: self.chosen.strategy,
            window: config.window,
            max_calls: config.max_calls,
            rerank_limit: config.rerank_limit,
            prompt_sha256: self.llm.prompt.sha256(),
            model: self.llm.model.spec().fingerprint,
            query: &self.asked.query,
            context: &canonical(&self.asked.context),
            top_n,
            max_passage_tokens,
            seed,
            candidates,
        }
        .hash();
        Plan { key, seed, top_n, max_passage_tokens }
    }

    /// What labels are shuffled by: the same for a repeated request.
    fn seed(&self, candidates: &CandidateList) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.asked.query.as_str().as_bytes());
        for candidate in candidates.iter() {
            hasher.update(&[0]);
            hasher.update(candidate.document.id.as_str().as_bytes());
        }
        let mut seed = [0; 8];
        hasher.finalize_xof().fill(&mut seed);
        u64::from_le_bytes(seed)
    }

    /// Takes a seat on the flight for this ranking.
    fn board(
        &self,
        plan: &Plan,
        candidates: &Arc<CandidateList>,
        until: Deadline,
    ) -> super::flight::Seat {
        let shown = candidates.head(self.pipeline.config.rerank_limit);
        let (key, late) = (plan.key, self.pipeline.late());
        let (cache, all) = (self.gateway.cache.clone(), candidates.len());
        let shown_n = shown.len();
        self.gateway.flights.board(key, until, shown_n, |cockpit| {
            let job = self.job(plan, shown.to_vec());
            async move {
                let result = cockpit.progress.subscribe();
                let Some(job) = job else { return };
                run(job, cockpit.deadline, late, &cockpit.progress).await;
                let progress = result.borrow().clone();
                if progress.outcome() == Outcome::Llm {
                    cache.insert(key, kept(&progress, all)).await;
                }
                // Waiters learn of the end by this sender's: after the cache
                // has the ranking, so that nobody misses both.
                drop(cockpit.progress);
            }
        })
    }

    fn job(&self, plan: &Plan, shown: Vec<Candidate>) -> Option<Job> {
        let config = &self.pipeline.config;
        let strategy = strategy_for(self.chosen.strategy, config.window, plan.top_n)?;
        Some(Job {
            strategy,
            asker: Asker {
                query: self.asked.query.clone(),
                candidates: shown,
                prompt: Arc::clone(&self.llm.prompt),
                model: Arc::clone(&self.llm.model),
                context: self.asked.context.clone(),
                max_passage_tokens: plan.max_passage_tokens,
                seed: plan.seed,
                nonce: self.nonce(plan.seed),
            },
            max_calls: config.max_calls,
            parallel: self.gateway.parallel,
        })
    }

    /// A delimiter that no document can know.
    fn nonce(&self, seed: u64) -> String {
        let hash = blake3::keyed_hash(&self.gateway.secret, &seed.to_le_bytes());
        hash.to_hex().as_str().chars().take(8).collect()
    }
}

fn canonical(context: &serde_json::Map<String, Value>) -> String {
    let mut value = Value::Object(context.clone());
    value.sort_all_objects();
    value.to_string()
}

fn kept(progress: &Progress, all: usize) -> CachedRanking {
    CachedRanking {
        ranking: Ranking::with_preferred(all, progress.standing.ranking.order().iter().copied()),
        grades: progress.standing.grades.clone(),
        rounds: progress.rounds,
        coverage: progress.coverage(),
        repairs: progress.repairs,
    }
}

impl Ranked {
    fn classical(candidates: Arc<CandidateList>, strategy: StrategyName, why: NotWanted) -> Self {
        Self {
            ranking: Ranking::classical(candidates.len()),
            grades: Vec::new(),
            outcome: Outcome::Classical(why),
            cache: CacheOutcome::Off,
            chosen: Chosen { strategy, llm: Err(why) },
            calls: 0,
            failed_calls: 0,
            rounds: 0,
            coverage: 0.0,
            repairs: Repairs::default(),
            usage: Usage::default(),
            took: Duration::ZERO,
            waited: Duration::ZERO,
            candidates,
        }
    }

    fn hit(
        candidates: Arc<CandidateList>,
        chosen: Chosen,
        kept: CachedRanking,
        took: Duration,
    ) -> Self {
        Self {
            candidates,
            ranking: kept.ranking,
            grades: kept.grades,
            outcome: Outcome::Llm,
            cache: CacheOutcome::Hit,
            chosen,
            calls: 0,
            failed_calls: 0,
            rounds: kept.rounds,
            coverage: kept.coverage,
            repairs: kept.repairs,
            usage: Usage::default(),
            took,
            waited: Duration::ZERO,
        }
    }

    fn made(
        candidates: Arc<CandidateList>,
        chosen: Chosen,
        progress: &Progress,
        cache: CacheOutcome,
        took: Duration,
        waited: Duration,
    ) -> Self {
        let order = progress.standing.ranking.order().iter().copied();
        let own = cache != CacheOutcome::Coalesced;
        Self {
            ranking: Ranking::with_preferred(candidates.len(), order),
            grades: progress.standing.grades.clone(),
            outcome: progress.outcome(),
            cache,
            chosen,
            calls: if own { progress.calls } else { 0 },
            failed_calls: if own { progress.failed_calls } else { 0 },
            rounds: progress.rounds,
            coverage: progress.coverage(),
            repairs: progress.repairs,
            usage: if own { progress.usage } else { Usage::default() },
            took,
            waited,
            candidates,
        }
    }

    /// The answer, cut to what was asked for.
    pub(super) fn answer(self, asked: &Asked, pipeline: &Pipeline, timing: Timing) -> Answer {
        let (results, score_kind) = self.results(asked.top_n);
        let llm = self.chosen.llm.as_ref().ok();
        let ranking = RankingInfo {
            outcome: self.outcome,
            cache: self.cache,
            pipeline: pipeline.name.clone(),
            strategy: self.chosen.strategy,
            prompt: llm.map(|llm| llm.prompt.id().to_string()),
            prompt_sha256: llm.map(|llm| llm.prompt.sha256().to_owned()),
            model: llm.map(|llm| llm.model.spec().model.clone()),
            score_kind,
            calls: self.calls,
            failed_calls: self.failed_calls,
            rounds: self.rounds,
            coverage: self.coverage,
            repairs: self.repairs,
            degraded: None,
        };
        let timing = Timing {
            total: millis(asked.received.elapsed()),
            rerank: millis(self.took),
            waiting: timing.waiting + millis(self.waited),
            ..timing
        };
        Answer { id: asked.id.clone(), results, ranking, usage: self.usage, timing }
    }

    /// Grades are shown where every result has one; else the scores tell the
    /// order and nothing more.
    fn results(&self, top_n: Option<usize>) -> (Vec<RankedResult>, ScoreKind) {
        let n = self.ranking.len();
        let order = &self.ranking.order()[..top_n.unwrap_or(n).min(n)];
        let grades: Option<Vec<f64>> = (self.outcome == Outcome::Llm && !order.is_empty())
            .then(|| order.iter().map(|&at| self.grades.get(at).copied().flatten()).collect())
            .flatten();
        let results = order
            .iter()
            .enumerate()
            .filter_map(|(place, &at)| Some((place, at, self.candidates.get(at)?)))
            .map(|(place, at, candidate)| RankedResult {
                index: at,
                rank: place + 1,
                first_stage_rank: at + 1,
                relevance_score: match &grades {
                    Some(grades) => grades.get(place).copied().unwrap_or(0.0),
                    None => (n - place) as f64 / n as f64,
                },
                collection: candidate.collection.clone(),
                scores: candidate.scores,
                document: Arc::clone(&candidate.document),
            })
            .collect();
        (results, if grades.is_some() { ScoreKind::Graded } else { ScoreKind::Ordinal })
    }
}

/// Milliseconds with their fraction.
pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
