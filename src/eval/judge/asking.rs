//! Asks the judge: a few documents of one query a call, and what got no grade
//! once more, alone.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use futures::stream;

use crate::domain::{Candidate, Deadline, Document, Failure, FirstStageScores, Query, Usage};
use crate::eval::{JudgeSummary, PATIENCE, SIDE_BY_SIDE, Topic};
use crate::llm::{CallTimes, ChatModel};
use crate::prompt::{Prompt, Task};
use crate::rerank::metrics::Replies;
use crate::rerank::parse::{JUDGE_MAX, Unusable, parse_graded};
use crate::rerank::{Asker, Prompts, Window, shuffled_labels};

/// An LLM that grades documents, 0 to 3, each by what its text shows.
pub struct Judge {
    model: Arc<dyn ChatModel>,
    prompts: Prompts,
    per_call: NonZeroUsize,
    side_by_side: usize,
}

/// The prompt is for something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("judge.prompt: {prompt} is for {found}; name a prompt of the task judge")]
pub struct WrongTask {
    prompt: String,
    found: &'static str,
}

/// Documents of one query that nobody judged.
#[derive(Clone, Debug)]
pub struct Unjudged<'a> {
    /// The query.
    pub topic: &'a Topic,
    /// Its documents, in an order that says nothing of any ranking.
    pub documents: Vec<Arc<Document>>,
}

/// What asking came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graded {
    /// The judge's grades, 0 to 3, by query and document.
    pub grades: BTreeMap<(String, String), f64>,
    /// Calls that were made.
    pub calls: usize,
    /// Those that gave nothing usable and those that couldn't be made, by
    /// reason.
    pub failures: BTreeMap<&'static str, usize>,
    /// Tokens and money.
    pub usage: Usage,
}

/// Documents to show together, in this order.
struct Call<'a> {
    topic: &'a Topic,
    documents: Vec<Arc<Document>>,
    attempt: u8,
}

struct Ended<'a> {
    call: Call<'a>,
    /// Grades by label.
    result: Result<Vec<(usize, f64)>, Failure>,
    usage: Usage,
    /// Whether the model was asked at all.
    made: bool,
}

impl Judge {
    /// A judge that is shown at most `per_call` documents at a time.
    ///
    /// # Errors
    /// When the prompt isn't for judging.
    pub fn new(
        model: Arc<dyn ChatModel>,
        prompt: Arc<Prompt>,
        per_call: NonZeroUsize,
    ) -> Result<Self, WrongTask> {
        if prompt.task() != Task::Judge {
            let (prompt, found) = (prompt.id().to_string(), prompt.task().as_str());
            return Err(WrongTask { prompt, found });
        }
        let prompts = Prompts::new(prompt, Vec::new());
        Ok(Self { model, prompts, per_call, side_by_side: SIDE_BY_SIDE })
    }

    /// With so many calls at the same time, and at least one.
    #[must_use]
    pub const fn side_by_side(mut self, calls: usize) -> Self {
        self.side_by_side = calls;
        self
    }

    /// Grades what it can. Never fails: what has no grade afterwards got none.
    /// `done` is told how many of how many calls have ended; the second
    /// attempt begins anew.
    pub async fn grade(
        &self,
        unjudged: &[Unjudged<'_>],
        done: &(dyn Fn(usize, usize) + Sync),
    ) -> Graded {
        let mut graded = Graded::default();
        let calls = unjudged.iter().flat_map(|it| self.calls(it)).collect();
        let left = self.ask_all(calls, done).await;
        let alone = graded.take(left).into_iter();
        let alone = alone.map(|(topic, it)| Call { topic, documents: vec![it], attempt: 1 });
        let ended = self.ask_all(alone.collect(), done).await;
        graded.take(ended);
        graded
    }

    /// What asking about so many documents came to.
    #[must_use]
    pub fn summary(&self, documents: usize, graded: &Graded) -> JudgeSummary {
        JudgeSummary {
            model: self.model.spec().model.clone(),
            prompt: self.prompts.main().id().to_string(),
            documents,
            ungraded: documents.saturating_sub(graded.grades.len()),
            calls: graded.calls,
            failures: graded.failures.clone(),
            usage: graded.usage,
        }
    }

    /// A query's documents in an order drawn from a seed, in calls of about the
    /// same size.
    fn calls<'a>(&self, unjudged: &Unjudged<'a>) -> Vec<Call<'a>> {
        let (topic, documents) = (unjudged.topic, &unjudged.documents);
        let order = shuffled_labels(documents.len(), seed(&topic.query, 0));
        let shuffled: Vec<_> =
            order.into_iter().filter_map(|label| documents.get(label - 1).cloned()).collect();
        let calls = shuffled.len().div_ceil(self.per_call.get()).max(1);
        let size = shuffled.len().div_ceil(calls).max(1);
        let call = |part: &[Arc<Document>]| Call { topic, documents: part.to_vec(), attempt: 0 };
        shuffled.chunks(size).map(call).collect()
    }

    async fn ask_all<'a>(
        &self,
        calls: Vec<Call<'a>>,
        done: &(dyn Fn(usize, usize) + Sync),
    ) -> Vec<Ended<'a>> {
        let (all, ended) = (calls.len(), AtomicUsize::new(0));
        let ended = &ended;
        let asking = calls.into_iter().map(|call| async move {
            let end = self.ask(call).await;
            done(ended.fetch_add(1, Ordering::Relaxed) + 1, all);
            end
        });
        stream::iter(asking).buffered(self.side_by_side.max(1)).collect().await
    }

    async fn ask<'a>(&self, call: Call<'a>) -> Ended<'a> {
        let shown = call.documents.len();
        let window = Window::new(Task::Judge, (0..shown).collect(), shown);
        let not = |call, failure, made| {
            let usage = Usage::default();
            Ended { call, result: Err(failure), usage, made }
        };
        let request = match self.asker(&call).ask_in_order(&window) {
            Ok(request) => request,
            Err(failure) => return not(call, failure, false),
        };
        let times = CallTimes::until(Deadline::after(PATIENCE));
        let reply = match Arc::clone(&self.model).chat(request, times).await {
            Ok(reply) => reply,
            Err(error) => return not(call, error.failure(), true),
        };
        let reading = parse_graded(&reply, shown, JUDGE_MAX);
        self.replies().count(&reading);
        let result = reading.into_result().map(|(grades, _)| grades).map_err(Unusable::failure);
        Ended { call, result, usage: reply.usage, made: true }
    }

    fn asker(&self, call: &Call<'_>) -> Asker {
        // No scores: they would tell a document's place in the first stage.
        let candidate = |document: &Arc<Document>| Candidate {
            document: Arc::clone(document),
            collection: None,
            scores: FirstStageScores::default(),
        };
        Asker {
            query: call.topic.query.clone(),
            lang: String::new(),
            candidates: call.documents.iter().map(candidate).collect(),
            prompts: self.prompts.clone(),
            model: Arc::clone(&self.model),
            context: serde_json::Map::new(),
            max_passage_tokens: None,
            seed: seed(&call.topic.query, call.attempt),
            nonce: nonce(call),
        }
    }

    fn replies(&self) -> Replies {
        Replies {
            prompt: self.prompts.main().id().to_string(),
            model: self.model.spec().name.clone(),
        }
    }
}

impl Graded {
    /// Takes the ends of calls, and gives back what is worth another attempt.
    fn take<'a>(&mut self, ended: Vec<Ended<'a>>) -> Vec<(&'a Topic, Arc<Document>)> {
        ended.into_iter().flat_map(|end| self.take_one(end)).collect()
    }

    fn take_one<'a>(&mut self, ended: Ended<'a>) -> Vec<(&'a Topic, Arc<Document>)> {
        let Ended { call: Call { topic, documents, .. }, result, usage, made } = ended;
        self.calls += usize::from(made);
        self.usage += usage;
        let by_label: BTreeMap<usize, f64> = match result {
            Ok(grades) => grades.into_iter().collect(),
            Err(failure) => {
                *self.failures.entry(failure.as_str()).or_default() += 1;
                if !lies_in_what_was_shown(failure) {
                    return Vec::new();
                }
                BTreeMap::new()
            }
        };
        let mut left = Vec::new();
        for (at, document) in documents.into_iter().enumerate() {
            match by_label.get(&(at + 1)) {
                Some(&grade) => {
                    let pair = (topic.id.clone(), document.id.to_string());
                    self.grades.insert(pair, grade);
                }
                None => left.push((topic, document)),
            }
        }
        left
    }
}

/// Failures that a smaller question may not have. Those of upstreams were
/// retried below.
const fn lies_in_what_was_shown(failure: Failure) -> bool {
    matches!(
        failure,
        Failure::MalformedOutput
            | Failure::Refused
            | Failure::Truncated
            | Failure::Filtered
            | Failure::ContextOverflow
    )
}

/// The same for the same query, so that a run can be repeated.
fn seed(query: &Query, attempt: u8) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(query.as_str().as_bytes()).update(&[attempt]);
    let mut seed = [0; 8];
    hasher.finalize_xof().fill(&mut seed);
    u64::from_le_bytes(seed)
}

/// A delimiter that is the same in every run, and that no document knows: it
/// depends on all of the documents, its own text included.
fn nonce(call: &Call<'_>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(call.topic.query.as_str().as_bytes());
    for document in &call.documents {
        hasher.update(document.content_hash().as_bytes());
    }
    hasher.finalize().to_hex().as_str().chars().take(8).collect()
}

#[cfg(test)]
mod tests;
