use std::collections::BTreeSet;

use futures::future::BoxFuture;
use proptest::prelude::*;

use super::super::testing::run_with;
use super::super::{Answered, Arrangement, Terms};
use super::*;
use crate::domain::{DocId, Document, FirstStageScores, StrategyName, Usage};
use crate::llm::{CallTimes, FinishReason, LlmError, ModelSpec, Prices};
use crate::prompt::Registry;

/// Counts words as tokens and is never called.
struct Words(ModelSpec);

impl Words {
    fn with_context(context_tokens: usize) -> Arc<dyn ChatModel> {
        Arc::new(Self(ModelSpec {
            name: "words".into(),
            model: "words-1".into(),
            context_tokens,
            json_schema: true,
            logprobs: false,
            prices: Prices::default(),
            fingerprint: blake3::hash(b"words"),
        }))
    }
}

impl ChatModel for Words {
    fn spec(&self) -> &ModelSpec {
        &self.0
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.split_whitespace().count()
    }

    fn truncate<'a>(&self, text: &'a str, max_tokens: usize) -> &'a str {
        let end = text.split_whitespace().take(max_tokens).last();
        end.map_or("", |word| &text[..word.as_ptr() as usize - text.as_ptr() as usize + word.len()])
    }

    fn chat(
        self: Arc<Self>,
        _: ChatRequest,
        _: CallTimes,
    ) -> BoxFuture<'static, Result<ChatReply, LlmError>> {
        Box::pin(std::future::pending())
    }
}

fn prompt_of(name: &str) -> Arc<Prompt> {
    Registry::builtin().unwrap().get(&name.parse().unwrap()).unwrap()
}

fn asker(documents: usize, words: usize, context_tokens: usize, prompt: &str) -> Asker {
    let candidate = |index: usize| Candidate {
        document: Arc::new(Document {
            id: DocId::from_index(index),
            title: format!("title{index}"),
            text: format!("start{index} {}end{index}", "word ".repeat(words)),
            metadata: Map::new(),
        }),
        collection: None,
        scores: FirstStageScores::default(),
    };
    Asker {
        query: Query::new("a tent").unwrap(),
        lang: String::new(),
        candidates: (0..documents).map(candidate).collect(),
        prompts: Prompts::new(prompt_of(prompt), Vec::new()),
        model: Words::with_context(context_tokens),
        context: Map::new(),
        max_passage_tokens: None,
        seed: 42,
        nonce: "n0nce".into(),
    }
}

/// All documents, for the task of the asker's prompt.
fn all(asker: &Asker, documents: usize) -> Window {
    Window::new(asker.prompts.main().task(), (0..documents).collect(), documents)
}

/// The request for all documents.
fn ask_all(asker: &Asker, documents: usize) -> Result<Ask, Failure> {
    asker.ask(&all(asker, documents), 0)
}

fn reply(content: &str) -> ChatReply {
    ChatReply {
        content: content.into(),
        finish: FinishReason::Stop,
        refusal: None,
        first_token: Vec::new(),
        usage: Usage::default(),
    }
}

/// Members whose passage the message shows.
fn shown(ask: &Ask, documents: usize) -> Vec<usize> {
    (0..documents).filter(|i| ask.request.user.contains(&format!("start{i} "))).collect()
}

#[test]
fn labels_lead_back_to_the_documents_they_were_shown_with() {
    let ask = ask_all(&asker(8, 5, 8000, "rerank-listwise@v1"), 8).unwrap();
    for (label, member) in (1..).zip(&ask.reader.by_label) {
        let heading = format!("n0nce [{label}] title{member}\n");
        assert!(ask.request.user.contains(&heading), "{}", ask.request.user);
    }
    let read = ask.reader.read(&reply("{\"ranking\": [8, 7, 6, 5, 4, 3, 2, 1]}")).unwrap();
    let expected: Vec<usize> = ask.reader.by_label.iter().rev().copied().collect();
    assert_eq!(read.order.ranked, expected);
}

#[test]
fn a_repeat_asks_the_same_and_another_call_shuffles_anew() {
    let asker = asker(12, 5, 8000, "rerank-listwise@v1");
    let labels = |salt| asker.ask(&all(&asker, 12), salt).unwrap().reader.by_label;
    assert_eq!(labels(1), labels(1));
    assert_ne!(labels(1), labels(2));
    assert_ne!(labels(1), (0..12).collect::<Vec<_>>(), "labels would tell the order");
}

#[test]
fn passages_are_cut_to_the_prompts_budget_and_the_requests() {
    let mut asker = asker(1, 1000, 100_000, "rerank-graded@v1");
    let words = |asker: &Asker| {
        let ask = ask_all(asker, 1).unwrap();
        assert!(!ask.request.user.contains("end0"));
        ask.request.user.matches("word ").count()
    };
    assert!((195..=200).contains(&words(&asker)), "{}", words(&asker));
    asker.max_passage_tokens = Some(50);
    assert!((45..=50).contains(&words(&asker)), "{}", words(&asker));
}

#[test]
fn a_small_context_cuts_all_alike_before_it_leaves_documents_out() {
    let roomy = ask_all(&asker(10, 100, 2500, "rerank-graded@v1"), 10).unwrap();
    assert_eq!(shown(&roomy, 10).len(), 10);
    assert!(roomy.request.user.contains("end9"));
    let tight = ask_all(&asker(10, 100, 1200, "rerank-graded@v1"), 10).unwrap();
    assert_eq!(shown(&tight, 10).len(), 10);
    assert!(!tight.request.user.contains("end9"));
    let tighter = ask_all(&asker(10, 100, 700, "rerank-graded@v1"), 10).unwrap();
    let left = shown(&tighter, 10);
    assert!((1..10).contains(&left.len()), "{left:?}");
    assert!(tighter.left_some_out && !tight.left_some_out);
    assert_eq!(left, (0..left.len()).collect::<Vec<_>>(), "the best stay");
    let none = ask_all(&asker(10, 100, 200, "rerank-graded@v1"), 10);
    assert_eq!(none.err(), Some(Failure::ContextOverflow));
}

#[test]
fn grades_come_back_in_zero_to_one() {
    let ask = ask_all(&asker(2, 5, 8000, "rerank-graded@v1"), 2).unwrap();
    let content = r#"{"scores": [{"id": 1, "grade": 10}, {"id": 2, "grade": 3}]}"#;
    let read = ask.reader.read(&reply(content)).unwrap();
    let by_label = &ask.reader.by_label;
    assert_eq!(read.order.grades, [(by_label[0], 1.0), (by_label[1], 0.3)]);
}

#[test]
fn what_a_reply_leaves_out_is_unranked() {
    let ask = ask_all(&asker(4, 5, 8000, "rerank-listwise@v1"), 4).unwrap();
    let read = ask.reader.read(&reply("[3] > [9] > [2]")).unwrap();
    let by_label = &ask.reader.by_label;
    assert_eq!(read.order.ranked, [by_label[2], by_label[1]]);
    assert_eq!(read.order.unranked, [by_label[0], by_label[3]]);
    assert_eq!(read.repairs, Repairs { missing: 2, duplicate: 0, unknown: 1 });
}

#[test]
fn the_better_of_two_stands_before_the_other() {
    let asker = asker(9, 5, 8000, "rerank-pairwise@v1");
    let pair = Window::new(Task::Pairwise, vec![7, 2], 1);
    for salt in 0..8 {
        let ask = asker.ask(&pair, salt).unwrap();
        for (content, better) in [("{\"better\": 1}", 0), ("[2] is better.", 1)] {
            let read = ask.reader.read(&reply(content)).unwrap();
            let by_label = &ask.reader.by_label;
            assert_eq!(read.order.ranked, [by_label[better]]);
            assert_eq!(read.order.unranked, [by_label[1 - better]]);
            assert_eq!(read.repairs, Repairs::default());
        }
    }
}

#[test]
fn a_pair_is_asked_about_as_a_whole_or_not_at_all() {
    let pair = Window::new(Task::Pairwise, vec![0, 1], 1);
    let asked: Vec<_> = (200..1000)
        .map(|context| asker(2, 100, context, "rerank-pairwise@v1").ask(&pair, 0))
        .map(|ask| ask.map(|ask| shown(&ask, 2).len()))
        .collect();
    assert!(asked.iter().all(|ask| matches!(ask, Ok(2) | Err(Failure::ContextOverflow))));
    assert!(asked.first().is_some_and(Result::is_err) && asked.last() == Some(&Ok(2)));
}

#[test]
fn an_echo_is_the_order_of_the_passages_whatever_their_labels() {
    let window = Window::new(Task::Listwise, vec![5, 0, 3, 1], 4);
    let ask = asker(6, 5, 8000, "rerank-listwise@v1").ask(&window, 1).unwrap();
    let repeats = |ranked: &[usize]| ask.reader.repeats_what_was_shown(ranked);
    assert!(repeats(&[5, 0, 3, 1]) && repeats(&[5, 0]));
    assert!(!repeats(&[0, 5]) && !repeats(&[5]) && !repeats(&[5, 0, 3, 1, 2]));
    assert!(!repeats(&ask.reader.by_label), "the order of the labels is another");
}

/// Every strategy with a prompt for it.
const STRATEGIES: [(StrategyName, &str); 8] = [
    (StrategyName::Single, "rerank-listwise@v1"),
    (StrategyName::Sliding, "rerank-listwise@v1"),
    (StrategyName::Blocks, "rerank-listwise@v1"),
    (StrategyName::Refine, "rerank-listwise@v1"),
    (StrategyName::Topdown, "rerank-listwise@v1"),
    (StrategyName::Graded, "rerank-graded@v1"),
    (StrategyName::Pointwise, "rerank-pointwise@v1"),
    (StrategyName::Pairwise, "rerank-pairwise@v1"),
];

fn distinct(order: &[usize]) -> BTreeSet<usize> {
    order.iter().copied().collect()
}

proptest! {
    #[test]
    fn whatever_the_model_writes_the_ranking_is_a_permutation(
        contents in prop::collection::vec(
            "[\\[\\]{}\":,> a-z0-9-]{0,80}|\\{\"ranking\": \\[[0-9, ]{0,60}\\]\\}", 1..6,
        ),
        documents in 0_usize..30,
        window in 0_usize..25,
        top_n in prop::option::of(0_usize..40),
        seed: u64,
    ) {
        for (name, prompt) in STRATEGIES {
            let terms = Terms { window, top_n, max_calls: None, seed };
            let arrangement = Arrangement::of(name, documents, &terms, |_| true).unwrap();
            let strategy = arrangement.strategy(&terms);
            let mut asker = asker(documents, 3, 100_000, prompt);
            asker.prompts = Prompts::new(prompt_of(prompt), vec![prompt_of("rerank-listwise@v1")]);
            let mut replies = contents.iter().cycle();
            let (standing, _) = run_with(strategy.as_ref(), documents, |window| {
                let ask = asker.ask(window, 0).unwrap();
                let read = ask.reader.read(&reply(replies.next().unwrap()));
                read.map_or(Answered::Dropped, |read| Answered::Usable(read.order))
            });
            prop_assert_eq!(
                distinct(standing.ranking.order()),
                (0..documents).collect::<BTreeSet<_>>(),
                "{}", name
            );
        }
    }
}

#[test]
fn a_window_is_known_by_what_is_shown_and_not_by_its_place() {
    let asker = || asker(12, 5, 8000, "rerank-listwise@v1");
    let key = |asker: &Asker, members: &[usize], wanted| {
        asker.window_key(&Window::new(Task::Listwise, members.to_vec(), wanted))
    };
    let usual = key(&asker(), &[1, 2, 3], 2);
    assert_eq!(usual, key(&asker(), &[1, 2, 3], 2));
    let mut moved = asker();
    moved.candidates.remove(0);
    moved.seed = 7;
    assert_eq!(usual, key(&moved, &[0, 1, 2], 2), "the same documents, one place up");
    assert_ne!(usual, key(&asker(), &[1, 3, 2], 2), "another order of showing");
    assert_ne!(usual, key(&asker(), &[1, 2, 3], 1), "fewer are named");
    let other = Asker { query: Query::new("tents").unwrap(), ..asker() };
    assert_ne!(usual, key(&other, &[1, 2, 3], 2));
    let german = Asker { lang: "de".into(), ..asker() };
    assert_ne!(usual, key(&german, &[1, 2, 3], 2), "a prompt may name the language");
    let mut changed = asker();
    Arc::make_mut(&mut changed.candidates[2].document).text = "new".into();
    assert_ne!(usual, key(&changed, &[1, 2, 3], 2));
    let cut = Asker { max_passage_tokens: Some(50), ..asker() };
    assert_ne!(usual, key(&cut, &[1, 2, 3], 2));
}
