use std::collections::BTreeSet;
use std::sync::Mutex;

use futures::future::BoxFuture;
use serde_json::json;

use super::*;
use crate::domain::DocId;
use crate::llm::{ChatReply, ChatRequest, FinishReason, LlmError, ModelSpec, Prices};
use crate::prompt::Registry;

type Script = fn(&[(usize, usize)]) -> Result<String, LlmError>;

/// Answers by a function of the labels and numbers of the documents shown.
struct Model {
    spec: ModelSpec,
    script: Script,
    /// What each call showed: numbers of documents by label.
    asked: Mutex<Vec<Vec<(usize, usize)>>>,
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
        request: ChatRequest,
        _: CallTimes,
    ) -> BoxFuture<'static, Result<ChatReply, LlmError>> {
        let shown = shown(&request.user);
        let reply = (self.script)(&shown).map(|content| ChatReply {
            content,
            finish: FinishReason::Stop,
            refusal: None,
            first_token: Vec::new(),
            usage: Usage { input_tokens: 100, output_tokens: 10, cost_usd: 0.25 },
        });
        self.asked.lock().unwrap().push(shown);
        Box::pin(std::future::ready(reply))
    }
}

/// A heading ends with its label in brackets; the text stands below it.
fn shown(prompt: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = prompt.lines().collect();
    let label = |line: &str| line.strip_suffix(']')?.rsplit_once('[')?.1.parse().ok();
    let number = |line: &str| line.rsplit(' ').next()?.parse().ok();
    lines.windows(2).filter_map(|two| Some((label(two[0])?, number(two[1])?))).collect()
}

fn document(number: usize) -> Arc<Document> {
    Arc::new(Document {
        id: DocId::new(format!("d{number}")).unwrap(),
        title: String::new(),
        text: format!("tent number {number}"),
        metadata: serde_json::Map::new(),
    })
}

/// Asks about so many documents of each query.
async fn ask(documents: &[(&str, usize)], script: Script) -> (Graded, Vec<Vec<(usize, usize)>>) {
    let spec = ModelSpec {
        name: "judge".into(),
        model: "judge-1".into(),
        context_tokens: 8000,
        json_schema: true,
        logprobs: false,
        prices: Prices::default(),
        fingerprint: blake3::hash(b"m"),
    };
    let model = Arc::new(Model { spec, script, asked: Mutex::default() });
    let asked: Arc<dyn ChatModel> = Arc::<Model>::clone(&model);
    let judge = Judge::new(asked, prompt("judge@v1"), NonZeroUsize::new(5).unwrap()).unwrap();
    let topics: Vec<Topic> = documents
        .iter()
        .map(|(query, _)| Topic { id: (*query).to_owned(), query: Query::new(query).unwrap() })
        .collect();
    let unjudged: Vec<_> = topics
        .iter()
        .zip(documents)
        .map(|(topic, (_, n))| Unjudged { topic, documents: (0..*n).map(document).collect() })
        .collect();
    let graded = judge.grade(&unjudged, &|_, _| {}).await;
    let asked = model.asked.lock().unwrap().clone();
    (graded, asked)
}

fn prompt(name: &str) -> Arc<Prompt> {
    Registry::builtin().unwrap().get(&name.parse().unwrap()).unwrap()
}

/// The number of each document as its grade.
#[allow(clippy::unnecessary_wraps, reason = "a script")]
fn by_number(shown: &[(usize, usize)]) -> Result<String, LlmError> {
    let grade = |(label, number): &(usize, usize)| json!({"id": label, "grade": number});
    Ok(json!({"scores": shown.iter().map(grade).collect::<Vec<_>>()}).to_string())
}

fn pair(query: &str, number: usize) -> (String, String) {
    (query.to_owned(), format!("d{number}"))
}

#[tokio::test]
async fn each_pair_is_shown_once_in_an_order_of_its_query() {
    let (_, asked) = ask(&[("tent", 7), ("boot", 5)], by_number).await;
    let sizes: Vec<usize> = asked.iter().take(3).map(Vec::len).collect();
    assert_eq!(sizes, [4, 3, 5], "of about the same size");
    let first: Vec<usize> = asked[..2].iter().flatten().map(|(_, number)| *number).collect();
    assert_eq!(first.iter().copied().collect::<BTreeSet<_>>(), (0..7).collect());
    assert_ne!(first, (0..7).collect::<Vec<_>>(), "by id");
    for call in &asked {
        let labels: Vec<usize> = call.iter().map(|(label, _)| *label).collect();
        assert_eq!(labels, (1..=call.len()).collect::<Vec<_>>());
    }
    let (_, again) = ask(&[("tent", 7), ("boot", 5)], by_number).await;
    assert_eq!(again, asked, "the same in every run");
}

#[tokio::test]
async fn what_has_no_grade_is_asked_about_once_more_and_alone() {
    // Grades above 3 are none.
    let (graded, asked) = ask(&[("tent", 5)], by_number).await;
    let expected: BTreeMap<_, _> =
        (0..=3u8).map(|n| (pair("tent", n.into()), f64::from(n))).collect();
    assert_eq!(graded.grades, expected);
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1], [(1, 4)]);
    assert_eq!((graded.calls, graded.usage.input_tokens), (2, 200));
    assert_eq!(graded.failures, BTreeMap::from([("malformed_output", 1)]));
}

#[tokio::test]
async fn a_reply_that_says_nothing_costs_no_document() {
    let (graded, asked) = ask(&[("tent", 3)], |shown| match shown {
        [_] => by_number(shown),
        _ => Ok("They are all fine.".to_owned()),
    })
    .await;
    assert_eq!(graded.grades.len(), 3);
    assert_eq!(asked.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1, 1, 1]);
    assert_eq!(graded.failures, BTreeMap::from([("malformed_output", 1)]));
}

#[tokio::test]
async fn an_upstream_that_fails_is_counted_and_not_asked_again() {
    let (graded, asked) = ask(&[("tent", 3), ("boot", 1)], |shown| match shown {
        [_] => by_number(shown),
        _ => Err(LlmError::Overloaded),
    })
    .await;
    assert_eq!(graded.grades, BTreeMap::from([(pair("boot", 0), 0.0)]));
    assert_eq!((asked.len(), graded.calls), (2, 2));
    assert_eq!(graded.failures, BTreeMap::from([("overloaded", 1)]));
}

#[test]
fn a_delimiter_depends_on_every_document() {
    let topic = Topic { id: "q".into(), query: Query::new("tent").unwrap() };
    let of = |numbers: [usize; 2]| {
        nonce(&Call { topic: &topic, documents: numbers.map(document).to_vec(), attempt: 0 })
    };
    assert_eq!(of([1, 2]), of([1, 2]));
    assert!(of([1, 2]) != of([1, 3]) && of([1, 2]) != of([0, 2]));
}

#[test]
fn a_prompt_for_something_else_is_refused() {
    let spec = ModelSpec {
        name: "m".into(),
        model: "m".into(),
        context_tokens: 8000,
        json_schema: true,
        logprobs: false,
        prices: Prices::default(),
        fingerprint: blake3::hash(b"m"),
    };
    let model = Arc::new(Model { spec, script: by_number, asked: Mutex::default() });
    let judge = Judge::new(model, prompt("rerank-graded@v1"), NonZeroUsize::MIN);
    let error = judge.map(drop).unwrap_err().to_string();
    assert!(error.contains("rerank-graded@v1 is for rerank.graded"), "{error}");
}
