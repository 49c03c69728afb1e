//! The explanations of an answer: by the LLM where there is time, budget and
//! something that can be shown, by the first stage everywhere else.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::Instant;

use super::answer::{Answer, ExplainAnswer, ExplainInfo, Timing};
use super::flight::Seat;
use super::follow::Follower;
use super::gateway::{Gateway, deadline_of};
use super::ranked::millis;
use super::request::{Asked, DocumentsToExplain, ExplainRequest, RequestError};
use super::serving::{Llm, Pipeline, Serving};
use super::stage::{margin, seed};
use super::trace::{CallTrace, Purpose, Trace};
use crate::cache::ExplanationKey;
use crate::domain::{
    Candidate, Deadline, DocId, Explanation, Failure, NotWanted, Query, TenantId, Usage,
};
use crate::explain::{Explained, Explainer, classical, metrics};
use crate::llm::{Attempts, CallEnd, CallRecord, CallTimes, LastFailure};
use crate::prompt::Task;
use crate::rerank::Asker;
use crate::retrieve::{Find, Lexical, Matcher};

/// Most documents of a request that an LLM explains: each is a call. Those
/// behind them are explained by the first stage.
const MOST_CALLS: usize = 20;

/// What is known of one call that explains.
#[derive(Clone, Default)]
pub(super) struct Made {
    /// None while it is under way.
    ended: Option<(Result<Arc<Explained>, Failure>, Usage, Instant)>,
    /// Shared with the call, whose attempts may fail after this was made.
    failures: Arc<LastFailure>,
    /// Shared with the call, which counts them.
    attempts: Arc<Attempts>,
}

/// What is to be explained.
struct Explain<'a> {
    asked: &'a Asked,
    pipeline: &'a Pipeline,
    llm: Result<Llm, NotWanted>,
    task: Task,
    candidates: Vec<Candidate>,
    /// What the request consumed before.
    spent: (u32, Usage),
    until: Deadline,
    /// Who is told each explanation as it is made.
    follower: &'a Follower,
}

impl Explain<'_> {
    /// Tells the follower what a call said of the documents at these places.
    fn tell(&self, end: &End, places: std::ops::Range<usize>) {
        let Ok(explained) = &end.result else { return };
        for (candidate, explanation) in self.candidates[places].iter().zip(&explained.explanations)
        {
            if let Some(explanation) = explanation {
                self.follower.explanation(candidate, explanation);
            }
        }
    }
}

/// Explanations of all of the documents, in their order.
struct Explanations {
    by_document: Vec<Explanation>,
    info: ExplainInfo,
    /// The calls that this request made.
    calls: Vec<CallRecord>,
    usage: Usage,
    took: Duration,
    /// The part of it spent waiting for a model.
    waited: Duration,
}

/// One call's way to its explanations.
enum Way {
    Kept(Arc<Explained>),
    /// On the flight of a call, and that call as far as it is known here.
    Seat(Seat<Made>, CallRecord),
    NoCall(Failure),
}

impl Gateway {
    /// Explains stored documents, without ranking anything.
    ///
    /// # Errors
    /// When the request names something that isn't there, or the first stage
    /// gives nothing by the deadline. Never for an LLM's failure.
    pub async fn explain(&self, request: ExplainRequest) -> Result<ExplainAnswer, RequestError> {
        let ExplainRequest { asked, documents } = request;
        let serving = self.serving();
        let pipeline = serving.pipeline(asked.pipeline.as_deref())?;
        let (task, ids) = match documents {
            DocumentsToExplain::Each(ids) => (Task::Explain, ids),
            DocumentsToExplain::Contrast(ids) => (Task::Contrast, ids.to_vec()),
        };
        let llm = serving.explainer(&pipeline, task, asked.prompt.as_deref())?;
        let deadline = deadline_of(&asked, &pipeline);
        let begun = Instant::now();
        let nobody = Follower::default();
        let candidates = self.find(&pipeline, &ids, deadline).await?;
        let found = millis(begun.elapsed());
        let explain = Explain {
            asked: &asked,
            pipeline: &pipeline,
            llm,
            task,
            candidates,
            spent: Default::default(),
            until: deadline.earlier_by(margin(deadline)),
            follower: &nobody,
        };
        let Explanations { by_document, info, calls, usage, took, .. } =
            self.explain_all(explain).await;
        let trace = asked.trace.then(|| Trace { calls: traced(&calls, &info, &asked) });
        let timing = Timing {
            total: millis(asked.received.elapsed()),
            retrieve: found,
            explain: millis(took),
            ..Timing::default()
        };
        let explanations = ids.into_iter().zip(by_document).collect();
        Ok(ExplainAnswer { id: asked.id, explanations, explain: info, usage, timing, trace })
    }

    async fn find(
        &self,
        pipeline: &Pipeline,
        ids: &[DocId],
        deadline: Deadline,
    ) -> Result<Vec<Candidate>, RequestError> {
        let no_collection = || RequestError::NoCollection(pipeline.name.clone());
        let collections = pipeline.config.collection.names().to_vec();
        if collections.is_empty() {
            return Err(no_collection());
        }
        let retriever = self.retriever.as_ref().ok_or_else(no_collection)?;
        let wanted = Find { collections, ids: ids.to_vec(), deadline };
        let found = retriever.find(wanted).await?;
        let missing: Vec<DocId> = ids
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none())
            .map(|(id, _)| id.clone())
            .collect();
        if !missing.is_empty() {
            let pipeline = pipeline.name.clone();
            return Err(RequestError::UnknownDocuments { pipeline, ids: missing });
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// Explains the results of an answer within what is left of its deadline.
    ///
    /// # Errors
    /// When the pipeline's prompt can't be used.
    pub(super) async fn explain_answer(
        &self,
        asked: &Asked,
        serving: &Serving,
        pipeline: &Pipeline,
        answer: &mut Answer,
        deadline: Deadline,
        follower: &Follower,
    ) -> Result<(), RequestError> {
        let candidates = answer.results.iter().map(|result| Candidate {
            document: Arc::clone(&result.document),
            collection: result.collection.clone(),
            scores: result.scores,
        });
        let explain = Explain {
            asked,
            pipeline,
            llm: serving.explainer(pipeline, Task::Explain, None)?,
            task: Task::Explain,
            candidates: candidates.collect(),
            spent: (answer.ranking.calls, answer.usage),
            until: deadline.earlier_by(margin(deadline)),
            follower,
        };
        let Explanations { by_document, info, calls, usage, took, waited } =
            self.explain_all(explain).await;
        if let Some(trace) = &mut answer.trace {
            trace.calls.extend(traced(&calls, &info, asked));
        }
        for (result, explanation) in answer.results.iter_mut().zip(by_document) {
            result.explanation = Some(explanation);
        }
        answer.explain = Some(info);
        answer.usage += usage;
        answer.timing.explain = millis(took);
        answer.timing.waiting += millis(waited);
        answer.timing.total = millis(asked.received.elapsed());
        Ok(())
    }

    /// Never fails: what no LLM explains, the first stage does.
    async fn explain_all(&self, explain: Explain<'_>) -> Explanations {
        let begun = Instant::now();
        let Explain { asked, pipeline, ref candidates, until, .. } = explain;
        let matched = by_first_stage(&asked.query, candidates, pipeline.lexical, until);
        let asking = async {
            match &explain.llm {
                Ok(llm) => self.by_llm(&explain, llm).await,
                Err(why) => ByLlm::nothing(candidates.len(), Some(why.as_str())),
            }
        };
        let (matched, by_llm) = tokio::join!(matched, asking);
        let ByLlm { explanations, mut info, calls, usage, waited } = by_llm;
        for (candidate, (llm, own)) in candidates.iter().zip(explanations.iter().zip(&matched)) {
            // The others were told as they came.
            if llm.is_none() {
                explain.follower.explanation(candidate, own);
            }
        }
        let by_document: Vec<Explanation> =
            explanations.into_iter().zip(matched).map(|(llm, own)| llm.unwrap_or(own)).collect();
        for explanation in &by_document {
            let kind = explanation.kind.as_str();
            metrics::count_shown(&pipeline.name, kind);
        }
        info.classical = by_document.len() - info.llm;
        Explanations { by_document, info, calls, usage, took: begun.elapsed(), waited }
    }

    async fn by_llm(&self, explain: &Explain<'_>, llm: &Llm) -> ByLlm {
        let all = explain.candidates.len();
        let together = if explain.task == Task::Contrast { all.max(1) } else { 1 };
        let groups = explain.candidates.chunks(together).take(MOST_CALLS);
        let mut budget = Left::of(explain);
        let mut ways = Vec::new();
        for group in groups {
            ways.push(self.way(explain, llm, group, &mut budget).await);
        }
        let (until, waiting) = (explain.until, Instant::now());
        let places = || by_llm_places(all, together);
        let ends = join_all(ways.into_iter().zip(places()).map(|(way, places)| async move {
            let end = way.end(until).await;
            explain.tell(&end, places);
            end
        }));
        let ends = ends.await;
        let mut by_llm = ByLlm { waited: waiting.elapsed(), ..ByLlm::nothing(all, None) };
        by_llm.info.prompt = Some(llm.prompts.main().id().to_string());
        by_llm.info.model = Some(llm.model.spec().model.clone());
        for (end, places) in ends.into_iter().zip(places()) {
            by_llm.take(end, places);
        }
        by_llm
    }

    /// Starts or joins the call for a group of documents, unless it was made
    /// before.
    async fn way(
        &self,
        explain: &Explain<'_>,
        llm: &Llm,
        group: &[Candidate],
        budget: &mut Left,
    ) -> Way {
        let seed = seed(explain.asked, group);
        let asker = Asker {
            query: explain.asked.query.clone(),
            candidates: group.to_vec(),
            prompts: llm.prompts.clone(),
            model: Arc::clone(&llm.model),
            context: explain.asked.context.clone(),
            lang: explain.pipeline.lang().to_owned(),
            max_passage_tokens: None,
            seed,
            nonce: self.nonce(seed),
        };
        let explainer = Explainer::new(asker, explain.task);
        let key = ExplanationKey::of(&TenantId::default(), explainer.key());
        if let Some(kept) = self.cache.explained(&key).await {
            return Way::Kept(kept);
        }
        if explain.until.has_passed() {
            return Way::NoCall(Failure::Deadline);
        }
        let request = match explainer.request() {
            Ok(request) => request,
            Err(failure) => return Way::NoCall(failure),
        };
        if !budget.take(&explainer, &request) {
            return Way::NoCall(Failure::BudgetExhausted);
        }
        let (cache, late) = (self.cache.clone(), explain.pipeline.late());
        let model = Arc::clone(&llm.model);
        let nothing = Made::default();
        let made = nothing.clone();
        let call = CallRecord::begin(group.len(), &nothing.attempts);
        let board =
            self.explaining.board(key.hash(), explain.until, nothing, |cockpit| async move {
                let deadline = *cockpit.deadline.borrow();
                let times = CallTimes {
                    deadline,
                    late_until: deadline.later_by(late),
                    failures: Arc::clone(&made.failures),
                    attempts: Arc::clone(&made.attempts),
                };
                let (result, usage) = match model.chat(request, times).await {
                    Ok(reply) => (explainer.read(&reply).map(Arc::new), reply.usage),
                    Err(error) => (Err(error.failure()), Usage::default()),
                };
                let at = Instant::now();
                if let Ok(explained) = &result {
                    cache.keep_explained(key, Arc::clone(explained)).await;
                }
                cockpit.progress.send_replace(Made { ended: Some((result, usage, at)), ..made });
            });
        Way::Seat(board, call)
    }
}

/// The calls of explanations as answers tell them.
fn traced(calls: &[CallRecord], info: &ExplainInfo, asked: &Asked) -> Vec<CallTrace> {
    let model = info.model.as_deref().unwrap_or_default();
    let of = |call| CallTrace::of(call, Purpose::Explain, None, model, asked.received);
    calls.iter().map(of).collect()
}

/// The places of each call's documents.
fn by_llm_places(all: usize, together: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..all).step_by(together).map(move |start| start..(start + together).min(all))
}

/// What is left of a request's budget.
struct Left {
    budget: crate::rerank::Budget,
    calls: u32,
    spent: Usage,
}

impl Left {
    fn of(explain: &Explain<'_>) -> Self {
        let (calls, spent) = explain.spent;
        Self { budget: explain.pipeline.config.budget(), calls, spent }
    }

    /// Takes what a call may consume, if it is there.
    fn take(&mut self, explainer: &Explainer, request: &crate::llm::ChatRequest) -> bool {
        let mut spent = self.spent;
        if self.budget.counts_tokens() {
            let asker = explainer.asker();
            let input = asker.count_tokens(request);
            spent += asker.model.spec().prices.usage(input, request.max_output_tokens.into());
        }
        if !self.budget.allows(self.calls + 1, spent) {
            return false;
        }
        (self.calls, self.spent) = (self.calls + 1, spent);
        true
    }
}

/// How a call ended for this request.
struct End {
    result: Result<Arc<Explained>, Failure>,
    /// None where this request made no call.
    call: Option<CallRecord>,
}

impl Way {
    async fn end(self, until: Deadline) -> End {
        match self {
            Self::Kept(kept) => End { result: Ok(kept), call: None },
            Self::NoCall(failure) => End { result: Err(failure), call: None },
            Self::Seat(seat, call) => {
                let leads = seat.leads;
                let Made { ended, failures, .. } = seat.wait(until).await;
                let (result, usage, at) = ended.unwrap_or_else(|| {
                    let late = failures.get().unwrap_or(Failure::Deadline);
                    (Err(late), Usage::default(), Instant::now())
                });
                let failure = result.as_ref().err().copied();
                let end = Some(CallEnd { at, failure, usage });
                End { result, call: leads.then_some(CallRecord { end, ..call }) }
            }
        }
    }
}

/// What an LLM explained.
struct ByLlm {
    explanations: Vec<Option<Explanation>>,
    info: ExplainInfo,
    calls: Vec<CallRecord>,
    usage: Usage,
    waited: Duration,
}

impl ByLlm {
    fn nothing(documents: usize, reason: Option<&'static str>) -> Self {
        Self {
            explanations: vec![None; documents],
            info: ExplainInfo { reason, ..ExplainInfo::default() },
            calls: Vec::new(),
            usage: Usage::default(),
            waited: Duration::ZERO,
        }
    }

    fn take(&mut self, end: End, places: std::ops::Range<usize>) {
        let info = &mut self.info;
        if let Some(call) = end.call {
            info.calls += 1;
            info.failed_calls += u32::from(end.result.is_err());
            self.usage += call.end.map(|end| end.usage).unwrap_or_default();
            self.calls.push(call);
        }
        match end.result {
            Err(failure) => info.reason = Some(failure.as_str()),
            Ok(explained) => {
                info.quotes += explained.quotes;
                for (place, explanation) in places.zip(&explained.explanations) {
                    match explanation {
                        Some(_) => info.llm += 1,
                        None => info.unverified += 1,
                    }
                    self.explanations[place].clone_from(explanation);
                }
            }
        }
    }
}

/// The first stage's explanations. Where time runs out they name scores alone.
async fn by_first_stage(
    query: &Query,
    candidates: &[Candidate],
    lexical: Lexical,
    until: Deadline,
) -> Vec<Explanation> {
    let scores: Vec<_> = candidates.iter().map(|candidate| candidate.scores).collect();
    let (query, documents) = (query.clone(), candidates.iter().map(|it| Arc::clone(&it.document)));
    let documents: Vec<_> = documents.collect();
    let matching = tokio::task::spawn_blocking(move || {
        let matcher = Matcher::new(&lexical, &query).ok();
        let places = documents.iter().map(|document| match &matcher {
            Some(matcher) if !until.has_passed() => matcher.places(document),
            _ => Vec::new(),
        });
        places.collect::<Vec<_>>()
    });
    let places = match tokio::time::timeout_at(until.instant(), matching).await {
        Ok(Ok(places)) => places,
        Ok(Err(_)) | Err(_) => vec![Vec::new(); scores.len()],
    };
    places.into_iter().zip(scores).map(|(matched, scores)| classical(matched, scores)).collect()
}
