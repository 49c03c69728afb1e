//! The LLM stage of a request: nothing, the cache, or a flight.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::flight::Seat;
use super::gateway::Gateway;
use super::ranked::{Ranked, Took};
use super::request::Asked;
use super::serving::{Chosen, Llm, Pipeline};
use super::spend::is_confident;
use crate::cache::{CachedRanking, RankingKey, fingerprint};
use crate::domain::{
    CacheOutcome, Candidate, CandidateList, Deadline, Failure, NotWanted, Outcome, Ranking,
    TenantId,
};
use crate::prompt::Task;
use crate::rerank::{
    Arrangement, Asker, Job, LADDER, Means, Progress, Terms, canonical, plan, run,
};

/// Time kept back at the end of a deadline to write the answer.
const ANSWER_MARGIN: Duration = Duration::from_millis(10);

impl Gateway {
    /// Ranks candidates. Never fails: whatever happens, the result is a
    /// permutation by the deadline. `improved` is shown what is known by then
    /// whenever a reply has come in.
    #[expect(clippy::too_many_arguments, reason = "a stage's whole input, from two callers")]
    pub(super) async fn rank(
        &self,
        asked: &Asked,
        pipeline: &Pipeline,
        chosen: Chosen,
        candidates: Arc<CandidateList>,
        max_passage_tokens: Option<usize>,
        deadline: Deadline,
        improved: Option<&(dyn Fn(Ranked) + Sync)>,
    ) -> Ranked {
        let begun = Instant::now();
        let classical =
            |chosen, candidates, why| Ranked::unasked(candidates, chosen, Outcome::Classical(why));
        let llm = match &chosen.llm {
            Ok(llm) => llm.clone(),
            Err(why) => {
                let why = *why;
                return classical(chosen, candidates, why);
            }
        };
        let shown = candidates.head(pipeline.config.rerank_limit);
        let unwanted = if shown.len() < 2 {
            Some(NotWanted::NotRequested)
        } else if is_confident(&candidates, pipeline.config.min_margin) {
            Some(NotWanted::SpendGate)
        } else {
            None
        };
        if let Some(why) = unwanted {
            let chosen = Chosen { llm: Err(why), ..chosen };
            return classical(chosen, candidates, why);
        }
        let until = deadline.earlier_by(margin(deadline));
        let stage = Stage {
            gateway: self,
            asked,
            pipeline,
            chosen: &chosen,
            llm: &llm,
            shown,
            max_passage_tokens,
            fingerprint: fingerprint(&candidates),
            seed: seed(asked, &candidates),
        };
        let (arrangement, terms) = match stage.find(until).await {
            Found::Kept(arrangement, kept) => {
                let took = begun.elapsed();
                return Ranked::hit(candidates, chosen, arrangement.name(), kept, took);
            }
            Found::Unaffordable(failure) => {
                return Ranked::unasked(candidates, chosen, Outcome::Fallback(failure));
            }
            Found::ToMake(arrangement, terms) => (arrangement, terms),
        };
        let waiting = Instant::now();
        let seat = stage.board(arrangement, terms, &candidates, until);
        let cache = match (seat.leads, self.cache.is_on()) {
            (false, _) => CacheOutcome::Coalesced,
            (true, true) => CacheOutcome::Miss,
            (true, false) => CacheOutcome::Off,
        };
        let by_now = |progress: &Progress| {
            let took = Took { all: begun.elapsed(), waiting: waiting.elapsed() };
            let (candidates, chosen) = (Arc::clone(&candidates), chosen.clone());
            Ranked::made(candidates, chosen, arrangement.name(), progress, cache, took)
        };
        let progress = match improved {
            None => seat.wait(until).await,
            Some(show) => seat.follow(until, |progress| show(by_now(progress))).await,
        };
        by_now(&progress)
    }
}

/// The answer's margin, less where little time is left anyway.
pub(super) fn margin(deadline: Deadline) -> Duration {
    ANSWER_MARGIN.min(deadline.remaining() / 10)
}

/// What labels and partitions are drawn from: the same for a repeated request.
pub(super) fn seed(asked: &Asked, candidates: &[Candidate]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(asked.query.as_str().as_bytes());
    for candidate in candidates {
        hasher.update(&[0]);
        hasher.update(candidate.document.id.as_str().as_bytes());
    }
    let mut seed = [0; 8];
    hasher.finalize_xof().fill(&mut seed);
    u64::from_le_bytes(seed)
}

/// One request at the LLM stage.
struct Stage<'a> {
    gateway: &'a Gateway,
    asked: &'a Asked,
    pipeline: &'a Pipeline,
    chosen: &'a Chosen,
    llm: &'a Llm,
    /// The candidates that the LLM may see.
    shown: &'a [Candidate],
    max_passage_tokens: Option<usize>,
    fingerprint: blake3::Hash,
    seed: u64,
}

/// Where a ranking is to come from.
enum Found {
    /// It was made before.
    Kept(Arrangement, CachedRanking),
    /// It has to be made this way.
    ToMake(Arrangement, Terms),
    /// Nothing fits the time or the budget.
    Unaffordable(Failure),
}

impl Stage<'_> {
    /// Looks for the ranking. `auto` takes the richest one that was kept,
    /// before it plans a new one.
    async fn find(&self, until: Deadline) -> Found {
        let terms = self.terms();
        let name = self.chosen.strategy;
        let has = |task| self.llm.prompts.has(task);
        let fixed = Arrangement::of(name, self.shown.len(), &terms, has);
        let choices = fixed.as_ref().map_or(LADDER.as_slice(), std::slice::from_ref);
        for &choice in choices {
            if let Some(kept) = self.gateway.cache.get(&self.key(choice, &terms)).await {
                return Found::Kept(choice, kept);
            }
        }
        match fixed.map_or_else(|| plan(self.shown.len(), &terms, &self.means(until)), Ok) {
            Ok(arrangement) => Found::ToMake(arrangement, terms),
            Err(failure) => Found::Unaffordable(failure),
        }
    }

    fn terms(&self) -> Terms {
        let config = &self.pipeline.config;
        Terms {
            window: config.window,
            top_n: self.asked.top_n,
            max_calls: config.max_calls,
            seed: self.seed,
        }
    }

    fn means(&self, until: Deadline) -> Means {
        /// Bytes of text that a token stands for, at least in English.
        const BYTES_PER_TOKEN: usize = 4;
        /// Tokens of a prompt's own wording.
        const WORDING: u64 = 256;
        let spec = self.llm.model.spec();
        let most = self.llm.prompts.main().max_passage_tokens();
        let most = self.max_passage_tokens.map_or(most, |cap| cap.min(most));
        let length = |candidate: &Candidate| {
            let document = &candidate.document;
            ((document.title.len() + document.text.len()) / BYTES_PER_TOKEN).min(most)
        };
        let passages: usize = self.shown.iter().map(length).sum();
        let paces = &self.gateway.paces;
        Means {
            time: until.remaining(),
            p90: paces.p90(spec.fingerprint, Task::Listwise, self.pipeline.config.window),
            parallel: self.gateway.parallel,
            budget: self.pipeline.config.budget(),
            prices: spec.prices,
            tokens_per_passage: passages.div_ceil(self.shown.len().max(1)) as u64,
            tokens_per_call: WORDING,
        }
    }

    fn key(&self, arrangement: Arrangement, terms: &Terms) -> blake3::Hash {
        let config = &self.pipeline.config;
        let prompts: Vec<&str> = self.llm.prompts.iter().map(|prompt| prompt.sha256()).collect();
        RankingKey {
            tenant: &TenantId::default(),
            pipeline: &self.pipeline.name,
            strategy: arrangement.name(),
            setting: arrangement.setting(),
            window: config.window,
            max_calls: config.max_calls,
            max_input_tokens: config.max_input_tokens,
            max_cost_usd: config.max_cost_usd,
            rerank_limit: config.rerank_limit,
            prompts_sha256: &prompts,
            model: self.llm.model.spec().fingerprint,
            query: &self.asked.query,
            lang: self.pipeline.lang(),
            context: &canonical(&self.asked.context),
            // Only what changes the calls may tell rankings apart.
            top_n: arrangement.strategy(terms).wants_top(),
            max_passage_tokens: self.max_passage_tokens,
            seed: self.seed,
            candidates: self.fingerprint,
        }
        .hash()
    }

    /// Takes a seat on the flight for this ranking.
    fn board(
        &self,
        arrangement: Arrangement,
        terms: Terms,
        candidates: &CandidateList,
        until: Deadline,
    ) -> Seat<Progress> {
        let (key, late) = (self.key(arrangement, &terms), self.pipeline.late());
        let (cache, all) = (self.gateway.cache.clone(), candidates.len());
        let nothing = Progress::nothing(self.shown.len());
        self.gateway.flights.board(key, until, nothing, |cockpit| {
            let job = self.job(arrangement, &terms);
            async move {
                let result = cockpit.progress.subscribe();
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

    fn job(&self, arrangement: Arrangement, terms: &Terms) -> Job {
        Job {
            strategy: arrangement.strategy(terms),
            asker: Asker {
                query: self.asked.query.clone(),
                lang: self.pipeline.lang().to_owned(),
                candidates: self.shown.to_vec(),
                prompts: self.llm.prompts.clone(),
                model: Arc::clone(&self.llm.model),
                context: self.asked.context.clone(),
                max_passage_tokens: self.max_passage_tokens,
                seed: self.seed,
                nonce: self.gateway.nonce(self.seed),
            },
            budget: self.pipeline.config.budget(),
            parallel: self.gateway.parallel,
            memory: self.gateway.cache.replies(&TenantId::default()),
            paces: Arc::clone(&self.gateway.paces),
            // Who shares the flight of another makes no call.
            traced: self.asked.trace,
        }
    }
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
