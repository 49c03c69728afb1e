//! Finished rankings, single replies and explanations, kept in memory.
//!
//! - Only complete `llm` rankings are kept: nothing degraded is ever served
//!   twice. Usable replies are kept one by one as well, so that a request that
//!   overlaps with an earlier one, or repeats one that ran out of time, pays
//!   only for what is new.
//! - Explanations are kept document by document, as they were checked. They hold
//!   text, so that most of the memory may be theirs.
//! - [`RankingKey`] lists everything that a ranking depends on, the tenant
//!   first. Content hashes are among them, so that a changed document never
//!   meets a ranking of its old text.
//! - Entries are weighed in bytes and live for one TTL.
//! - Requests that ask the same at the same time are joined before they get
//!   here (`pipeline::flight`): a flight outlives the request that began it,
//!   reports progress to each of its waiters, and each waiter has a deadline
//!   of its own, which a loader inside the cache can't do.

use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;
use futures::future::BoxFuture;
use moka::future::Cache;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{
    Candidate, FirstStageScores, Query, Quote, Ranking, Repairs, StrategyName, TenantId,
};
use crate::explain::Explained;
use crate::rerank::{Remember, Remembered};

/// What is kept of finished rankings, single replies and explanations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CacheConfig {
    /// Memory for cached rankings and replies; 0 switches the cache off.
    #[schemars(with = "String", extend("type" = ["string", "integer"]))]
    pub max_bytes: ByteSize,
    /// How long a ranking is served, such as `"1h"` or `"90s"`.
    #[schemars(with = "String")]
    pub ttl: jiff::SignedDuration,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { max_bytes: ByteSize::mib(256), ttl: jiff::SignedDuration::from_hours(1) }
    }
}

/// Everything that shapes a ranking. [`RankingKey::hash`] takes the struct
/// apart, so that a field can't be added and left out.
pub struct RankingKey<'a> {
    /// Whose request it is.
    pub tenant: &'a TenantId,
    /// The pipeline's name.
    pub pipeline: &'a str,
    /// How calls are arranged.
    pub strategy: StrategyName,
    /// The strategy's own setting.
    pub setting: u32,
    /// Documents a call.
    pub window: usize,
    /// Most calls.
    pub max_calls: Option<u32>,
    /// Most tokens that the model reads.
    pub max_input_tokens: Option<u64>,
    /// Most US dollars.
    pub max_cost_usd: Option<f64>,
    /// Most candidates that the LLM is shown.
    pub rerank_limit: usize,
    /// SHA-256 of each prompt file that may be used.
    pub prompts_sha256: &'a [&'a str],
    /// Model, parameters and capabilities.
    pub model: blake3::Hash,
    /// What was asked.
    pub query: &'a Query,
    /// The language that the prompt is told: a reload may give the pipeline
    /// another collection.
    pub lang: &'a str,
    /// Fields passed to the prompt, as canonical JSON.
    pub context: &'a str,
    /// How many results the strategy is asked for.
    pub top_n: Option<usize>,
    /// Most tokens of a document that the request lets the LLM see.
    pub max_passage_tokens: Option<usize>,
    /// What the labels are shuffled by.
    pub seed: u64,
    /// The [`fingerprint`] of all candidates, also of those that the LLM isn't
    /// shown: the ranking places them too.
    pub candidates: blake3::Hash,
}

/// What tells lists of candidates apart: ids, contents, scores and their order.
#[must_use]
pub fn fingerprint(candidates: &[Candidate]) -> blake3::Hash {
    let mut key = Hasher::default();
    key.number(Some(candidates.len() as u64));
    for Candidate { document, collection, scores } in candidates {
        key.text(document.id.as_str());
        key.text(collection.as_deref().unwrap_or_default());
        key.bytes(document.content_hash().as_bytes());
        let FirstStageScores { bm25, dense, fusion, freshness } = *scores;
        for score in [bm25, dense, fusion, freshness] {
            key.number(score.map(|score| u64::from(score.to_bits())));
        }
    }
    key.0.finalize()
}

impl RankingKey<'_> {
    /// The key's fingerprint.
    #[must_use]
    pub fn hash(&self) -> blake3::Hash {
        let Self {
            tenant,
            pipeline,
            strategy,
            setting,
            window,
            max_calls,
            max_input_tokens,
            max_cost_usd,
            rerank_limit,
            prompts_sha256,
            model,
            query,
            lang,
            context,
            top_n,
            max_passage_tokens,
            seed,
            candidates,
        } = *self;
        let mut key = Hasher::default();
        key.text(tenant.as_str());
        key.text(pipeline);
        key.text(strategy.as_str());
        key.number(Some(u64::from(setting)));
        key.number(Some(window as u64));
        key.number(max_calls.map(u64::from));
        key.number(max_input_tokens);
        key.number(max_cost_usd.map(f64::to_bits));
        key.number(Some(rerank_limit as u64));
        key.number(Some(prompts_sha256.len() as u64));
        for sha256 in prompts_sha256 {
            key.text(sha256);
        }
        key.bytes(model.as_bytes());
        key.text(query.as_str());
        key.text(lang);
        key.text(context);
        key.number(top_n.map(|n| n as u64));
        key.number(max_passage_tokens.map(|n| n as u64));
        key.number(Some(seed));
        key.bytes(candidates.as_bytes());
        key.0.finalize()
    }
}

/// Feeds fields to blake3 so that no two sequences of fields look alike.
#[derive(Default)]
struct Hasher(blake3::Hasher);

impl Hasher {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn number(&mut self, number: Option<u64>) {
        self.0.update(&[u8::from(number.is_some())]);
        self.0.update(&number.unwrap_or(0).to_le_bytes());
    }
}

/// A complete `llm` ranking as it is kept: what an answer needs and no text.
#[derive(Clone, Debug, PartialEq)]
pub struct CachedRanking {
    /// The order.
    pub ranking: Ranking,
    /// Grades in [0, 1] by classical position.
    pub grades: Vec<Option<f64>>,
    /// Rounds it took.
    pub rounds: u32,
    /// Share of the documents to be ranked that were in a usable reply.
    pub coverage: f64,
    /// What had to be mended.
    pub repairs: Repairs,
}

/// One entry: of one kind by the key that it has.
#[derive(Clone)]
enum Entry {
    Ranking(CachedRanking),
    Reply(Remembered),
    Explained(Arc<Explained>),
}

impl Entry {
    /// Memory of an entry with its key and moka's bookkeeping, in bytes.
    fn weight(&self) -> u32 {
        const ENTRY: usize = 256;
        let own = match self {
            Self::Ranking(CachedRanking { ranking, grades, .. }) => {
                size_of_val(ranking.order()) + size_of_val(grades.as_slice())
            }
            Self::Reply(Remembered::Order { ranked, unranked }) => {
                size_of_val(ranked.as_slice()) + size_of_val(unranked.as_slice())
            }
            Self::Reply(Remembered::Grade(_)) => 0,
            Self::Explained(explained) => {
                let texts = explained.explanations.iter().flatten().flat_map(|explanation| {
                    let quotes = explanation.quotes.iter().map(|quote| &quote.text);
                    quotes.chain(std::iter::once(&explanation.text))
                });
                texts.map(|text| size_of::<Quote>() + text.len()).sum()
            }
        };
        u32::try_from(ENTRY + own).unwrap_or(u32::MAX)
    }
}

/// The cache of finished rankings and single replies.
#[derive(Clone)]
pub struct RankingCache(Option<Cache<blake3::Hash, Entry>>);

impl RankingCache {
    /// A cache of this size and time to live; off where the size is 0.
    #[must_use]
    pub fn new(config: &CacheConfig) -> Self {
        if config.max_bytes.as_u64() == 0 {
            return Self(None);
        }
        let ttl = Duration::try_from(config.ttl).unwrap_or(Duration::ZERO);
        let cache = Cache::builder()
            .weigher(|_, entry: &Entry| entry.weight())
            .max_capacity(config.max_bytes.as_u64())
            .time_to_live(ttl)
            .build();
        Self(Some(cache))
    }

    /// Whether anything is kept at all.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// A kept ranking.
    pub async fn get(&self, key: &blake3::Hash) -> Option<CachedRanking> {
        match self.0.as_ref()?.get(key).await? {
            Entry::Ranking(ranking) => Some(ranking),
            Entry::Reply(_) | Entry::Explained(_) => None,
        }
    }

    /// Keeps a complete `llm` ranking.
    pub async fn insert(&self, key: blake3::Hash, ranking: CachedRanking) {
        if let Some(cache) = &self.0 {
            cache.insert(key, Entry::Ranking(ranking)).await;
        }
    }

    /// Explanations that were kept, with what became of their quotes.
    pub async fn explained(&self, key: &ExplanationKey) -> Option<Arc<Explained>> {
        match self.0.as_ref()?.get(&key.0).await? {
            Entry::Explained(explained) => Some(explained),
            Entry::Ranking(_) | Entry::Reply(_) => None,
        }
    }

    /// Keeps a usable reply that explains, as it was checked.
    pub async fn keep_explained(&self, key: ExplanationKey, explained: Arc<Explained>) {
        if let Some(cache) = &self.0 {
            cache.insert(key.0, Entry::Explained(explained)).await;
        }
    }

    /// Where a tenant's replies are kept; none where the cache is off.
    #[must_use]
    pub fn replies(&self, tenant: &TenantId) -> Option<Arc<dyn Remember>> {
        let cache = self.0.clone()?;
        Some(Arc::new(Replies { cache, tenant: tenant.clone() }))
    }
}

/// What an explanation depends on, the tenant first.
#[derive(Clone, Copy)]
pub struct ExplanationKey(blake3::Hash);

impl ExplanationKey {
    /// The key of a tenant's call; see [`Explainer::key`](crate::explain::Explainer::key).
    #[must_use]
    pub fn of(tenant: &TenantId, call: blake3::Hash) -> Self {
        Self(tenants_own(tenant, "explanation", call))
    }

    /// The same key for requests that share one call.
    #[must_use]
    pub const fn hash(&self) -> blake3::Hash {
        self.0
    }
}

/// A key that no other tenant and no other kind of entry has.
fn tenants_own(tenant: &TenantId, kind: &str, hash: blake3::Hash) -> blake3::Hash {
    let mut key = Hasher::default();
    key.text(tenant.as_str());
    key.text(kind);
    key.bytes(hash.as_bytes());
    key.0.finalize()
}

/// The replies of one tenant.
struct Replies {
    cache: Cache<blake3::Hash, Entry>,
    tenant: TenantId,
}

impl Replies {
    fn key(&self, window: blake3::Hash) -> blake3::Hash {
        tenants_own(&self.tenant, "reply", window)
    }
}

impl Remember for Replies {
    fn recall(&self, key: blake3::Hash) -> BoxFuture<'_, Option<Remembered>> {
        let key = self.key(key);
        Box::pin(async move {
            match self.cache.get(&key).await? {
                Entry::Reply(reply) => Some(reply),
                Entry::Ranking(_) | Entry::Explained(_) => None,
            }
        })
    }

    fn keep(&self, key: blake3::Hash, reply: Remembered) -> BoxFuture<'_, ()> {
        let key = self.key(key);
        Box::pin(self.cache.insert(key, Entry::Reply(reply)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{DocId, Document};

    fn candidate(id: &str, text: &str, bm25: f32) -> Candidate {
        let document = Document {
            id: DocId::new(id).unwrap(),
            title: String::new(),
            text: text.into(),
            metadata: serde_json::Map::new(),
        };
        let scores = FirstStageScores { bm25: Some(bm25), ..FirstStageScores::default() };
        Candidate { document: Arc::new(document), collection: None, scores }
    }

    fn ranking() -> CachedRanking {
        CachedRanking {
            ranking: Ranking::classical(3),
            grades: vec![None; 3],
            rounds: 1,
            coverage: 1.0,
            repairs: Repairs::default(),
        }
    }

    /// Every contributor, changed alone, has to give another key.
    #[test]
    fn each_contributor_changes_the_key() {
        let (tenant, query) = (TenantId::default(), Query::new("tent").unwrap());
        let candidates = [candidate("a", "x", 1.0), candidate("b", "y", 0.5)];
        let base = || RankingKey {
            tenant: &tenant,
            pipeline: "p",
            strategy: StrategyName::Single,
            setting: 0,
            window: 20,
            max_calls: None,
            max_input_tokens: None,
            max_cost_usd: None,
            rerank_limit: 100,
            prompts_sha256: &["aa"],
            model: blake3::hash(b"m"),
            query: &query,
            lang: "en",
            context: "{}",
            top_n: Some(10),
            max_passage_tokens: None,
            seed: 1,
            candidates: fingerprint(&candidates),
        };
        let other_query = Query::new("tents").unwrap();
        let reordered = [candidate("b", "y", 0.5), candidate("a", "x", 1.0)];
        let rescored = [candidate("a", "x", 1.5), candidate("b", "y", 0.5)];
        let rewritten = [candidate("a", "x2", 1.0), candidate("b", "y", 0.5)];
        let elsewhere = [
            Candidate { collection: Some("videos".into()), ..candidates[0].clone() },
            candidates[1].clone(),
        ];
        let keys = [
            base(),
            RankingKey { pipeline: "q", ..base() },
            RankingKey { strategy: StrategyName::Graded, ..base() },
            RankingKey { window: 21, ..base() },
            RankingKey { setting: 1, ..base() },
            RankingKey { max_calls: Some(0), ..base() },
            RankingKey { max_input_tokens: Some(0), ..base() },
            RankingKey { max_cost_usd: Some(0.0), ..base() },
            RankingKey { rerank_limit: 99, ..base() },
            RankingKey { prompts_sha256: &["ab"], ..base() },
            RankingKey { prompts_sha256: &["aa", "ab"], ..base() },
            RankingKey { model: blake3::hash(b"n"), ..base() },
            RankingKey { query: &other_query, ..base() },
            RankingKey { lang: "de", ..base() },
            RankingKey { context: "{\"a\":1}", ..base() },
            RankingKey { top_n: None, ..base() },
            RankingKey { max_passage_tokens: Some(0), ..base() },
            RankingKey { seed: 2, ..base() },
            RankingKey { candidates: fingerprint(&reordered), ..base() },
            RankingKey { candidates: fingerprint(&rescored), ..base() },
            RankingKey { candidates: fingerprint(&rewritten), ..base() },
            RankingKey { candidates: fingerprint(&elsewhere), ..base() },
            RankingKey { candidates: fingerprint(&candidates[..1]), ..base() },
        ];
        let hashes: std::collections::HashSet<_> = keys.iter().map(RankingKey::hash).collect();
        assert_eq!(hashes.len(), keys.len());
        assert_eq!(base().hash(), base().hash());
    }

    #[tokio::test]
    async fn keeps_what_it_is_given() {
        let cache = RankingCache::new(&CacheConfig::default());
        let key = blake3::hash(b"k");
        assert_eq!(cache.get(&key).await, None);
        cache.insert(key, ranking()).await;
        assert_eq!(cache.get(&key).await, Some(ranking()));
    }

    #[tokio::test]
    async fn a_reply_is_known_to_its_tenant_alone() {
        let cache = RankingCache::new(&CacheConfig::default());
        let (ours, theirs) = (TenantId::default(), TenantId::named("b"));
        let (key, reply) = (blake3::hash(b"k"), Remembered::Grade(0.5));
        cache.replies(&ours).unwrap().keep(key, reply.clone()).await;
        assert_eq!(cache.replies(&ours).unwrap().recall(key).await, Some(reply));
        assert_eq!(cache.replies(&theirs).unwrap().recall(key).await, None);
        assert_eq!(cache.get(&key).await, None, "a reply is no ranking");
    }

    #[tokio::test]
    async fn zero_bytes_is_off() {
        let config = CacheConfig { max_bytes: ByteSize::b(0), ..CacheConfig::default() };
        let cache = RankingCache::new(&config);
        cache.insert(blake3::hash(b"k"), ranking()).await;
        assert!(cache.replies(&TenantId::default()).is_none());
        assert!(!cache.is_on() && cache.get(&blake3::hash(b"k")).await.is_none());
    }

    #[test]
    fn config_reads_sizes_and_durations() {
        let config: CacheConfig = toml::from_str("max_bytes = \"64MiB\"\nttl = \"90s\"").unwrap();
        assert_eq!(config.max_bytes, ByteSize::mib(64));
        assert_eq!(config.ttl, jiff::SignedDuration::from_secs(90));
        assert!(toml::from_str::<CacheConfig>("size = 1").is_err());
    }
}
