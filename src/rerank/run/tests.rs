use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::json;

use super::super::refine::Refine;
use super::super::window::Prompts;
use super::*;
use crate::domain::{Candidate, DocId, Document, FirstStageScores, Outcome, Query};
use crate::llm::{ChatModel, ChatReply, ChatRequest, FinishReason, ModelSpec, Prices};
use crate::prompt::Registry;

/// Answers in the order of the labels; the calls named never answer.
struct Model {
    spec: ModelSpec,
    silent: BTreeSet<usize>,
    calls: Mutex<usize>,
}

impl ChatModel for Model {
    fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.len() / 4
    }

    fn truncate<'a>(&self, text: &'a str, _: usize) -> &'a str {
        text
    }

    fn chat(
        self: Arc<Self>,
        _: ChatRequest,
        _: CallTimes,
    ) -> BoxFuture<'static, Result<ChatReply, LlmError>> {
        let call = {
            let mut calls = self.calls.lock().unwrap();
            *calls += 1;
            *calls - 1
        };
        if self.silent.contains(&call) {
            return Box::pin(std::future::pending());
        }
        let reply = ChatReply {
            content: json!({"ranking": [1, 2, 3, 4]}).to_string(),
            finish: FinishReason::Stop,
            refusal: None,
            first_token: Vec::new(),
            usage: Usage { input_tokens: 100, output_tokens: 10, cost_usd: 0.1 },
        };
        Box::pin(std::future::ready(Ok(reply)))
    }
}

fn candidate(at: usize) -> Candidate {
    let document = Document {
        id: DocId::from_index(at),
        title: String::new(),
        text: format!("document {at}"),
        metadata: serde_json::Map::new(),
    };
    Candidate {
        document: Arc::new(document),
        collection: None,
        scores: FirstStageScores::default(),
    }
}

/// `refine` over 16 documents in windows of 4: five calls, four, three.
fn job(silent: &[usize], budget: Budget, paces: &Arc<Paces>) -> Job {
    let spec = ModelSpec {
        name: "m".into(),
        model: "m".into(),
        context_tokens: 8000,
        json_schema: true,
        logprobs: false,
        prices: Prices::default(),
        fingerprint: blake3::hash(b"m"),
    };
    let silent = silent.iter().copied().collect();
    let prompt = Registry::builtin().unwrap().get(&"rerank-listwise@v1".parse().unwrap()).unwrap();
    Job {
        strategy: Box::new(Refine { window: 4, depth: 4, rounds: 3, seed: 1 }),
        asker: Asker {
            query: Query::new("tent").unwrap(),
            lang: String::new(),
            candidates: (0..16).map(candidate).collect(),
            prompts: Prompts::new(prompt, Vec::new()),
            model: Arc::new(Model { spec, silent, calls: Mutex::default() }),
            context: serde_json::Map::new(),
            max_passage_tokens: None,
            seed: 1,
            nonce: "n".into(),
        },
        budget,
        parallel: 8,
        memory: None,
        paces: Arc::clone(paces),
        traced: true,
    }
}

async fn run_until(deadline: Deadline, job: Job) -> Progress {
    let (_keep, deadline) = watch::channel(deadline);
    let (progress, result) = watch::channel(Progress::nothing(16));
    run(job, deadline, Duration::ZERO, &progress).await;
    result.borrow().clone()
}

#[tokio::test]
async fn rounds_go_on_without_the_last_reply_where_time_is_short() {
    // Calls of this kind took half an hour lately: all time is short.
    let paces = Arc::new(Paces::default());
    for _ in 0..64 {
        let long = Duration::from_mins(30);
        paces.note(blake3::hash(b"m"), crate::prompt::Task::Listwise, 4, long);
    }
    // The call for the head; other windows of its round cover its documents.
    let job = job(&[0], Budget::default(), &paces);
    let progress = run_until(Deadline::after(Duration::from_mins(10)), job).await;
    assert_eq!(progress.outcome(), Outcome::Llm, "at once, and not after ten minutes");
    assert!(progress.rounds > 1);
    assert_eq!(progress.failed_calls, 0);
}

#[tokio::test]
async fn what_nobody_covers_leaves_the_ranking_partial() {
    let paces = Arc::new(Paces::default());
    // A window of the first round that alone shows some documents.
    let job = job(&[4], Budget::default(), &paces);
    let progress = run_until(Deadline::after(Duration::from_millis(300)), job).await;
    assert_eq!(progress.outcome(), Outcome::Partial(Failure::Deadline));
    // It is told as one that has not ended, which is no failure.
    let unfinished = progress.trace.iter().filter(|it| it.call.end.is_none()).count();
    assert_eq!((unfinished, progress.failed_calls), (1, 0));
}

#[tokio::test]
async fn calls_are_told_before_the_first_reply() {
    let (_keep, deadline) = watch::channel(Deadline::after(Duration::from_mins(10)));
    let (progress, told) = watch::channel(Progress::nothing(16));
    let all: Vec<usize> = (0..5).collect();
    let job = job(&all, Budget::default(), &Arc::default());
    let running = tokio::spawn(async move {
        run(job, deadline, Duration::ZERO, &progress).await;
    });
    while told.borrow().calls == 0 {
        tokio::task::yield_now().await;
    }
    let calls: Vec<_> =
        told.borrow().trace.iter().map(|it| (it.round, it.call.documents)).collect();
    assert_eq!(told.borrow().calls, 5);
    assert_eq!(calls.iter().map(|(round, _)| round).collect::<BTreeSet<_>>(), BTreeSet::from([&1]));
    assert!(calls.iter().all(|(_, documents)| (1..=4).contains(documents)), "{calls:?}");
    assert!(!told.has_changed().unwrap(), "nobody is woken for it");
    running.abort();
}

#[tokio::test]
async fn each_call_adds_up_to_what_is_counted() {
    let job = job(&[], Budget::default(), &Arc::default());
    let progress = run_until(Deadline::after(Duration::from_mins(10)), job).await;
    assert_eq!(progress.trace.len(), progress.calls as usize);
    let mut sum = Usage::default();
    for told in &progress.trace {
        sum += told.call.end.unwrap().usage;
    }
    assert_eq!(
        (sum.input_tokens, sum.output_tokens),
        (progress.usage.input_tokens, progress.usage.output_tokens)
    );
    assert_eq!(progress.trace.last().unwrap().round, progress.rounds);
}

#[tokio::test]
async fn what_is_in_flight_counts_against_the_budget() {
    let paces = Arc::new(Paces::default());
    let budget = Budget { input_tokens: Some(700), ..Budget::default() };
    let progress =
        run_until(Deadline::after(Duration::from_mins(1)), job(&[], budget, &paces)).await;
    assert_eq!(progress.outcome(), Outcome::Partial(Failure::BudgetExhausted));
    assert!((1..7).contains(&progress.calls), "{}", progress.calls);
    assert!(progress.usage.input_tokens <= 700);
}
