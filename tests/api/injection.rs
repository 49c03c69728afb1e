//! Attacks in documents, against a model that obeys whatever reaches it intact:
//! what it is told in words it does, and nothing that needs structure gets
//! through. `docs/injection.md` has the figures, and what else there is.

#[path = "../../examples/bench_injection/naive.rs"]
mod naive;

use std::path::Path;

use rankgate::simulate::{Attack, Attacks, Style};
use serde_json::{Value, json};
use test_case::test_case;

use crate::app::TestApp;
use crate::simulate::{Model, QUERY, gateway, of_grade};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/evals/injection/attacks.jsonl");

fn attacks() -> Attacks {
    Attacks::read(Path::new(FILE)).unwrap()
}

fn obedient() -> Model {
    Model::start(&["--obey", FILE])
}

/// Title and text of four documents that are what is asked for, and of two
/// that aren't. The attack is in the last one.
fn documents(attack: &Attack) -> Vec<(String, String)> {
    let of_grade = |grade, most| {
        let field = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
        let documents = of_grade(grade, most);
        let both = documents.iter().map(|it| (field(it, "title"), field(it, "text")));
        both.collect::<Vec<_>>()
    };
    let mut documents = of_grade("3", 4);
    documents.extend(of_grade("0", 2));
    let (title, text) = documents.pop().unwrap();
    documents.push(attack.inserted(&title, &text, QUERY));
    documents
}

const ATTACKED: u64 = 5;

/// The document that a pipeline puts first.
async fn first(app: &TestApp, pipeline: &str, attack: &Attack) -> u64 {
    let documents: Vec<Value> = documents(attack)
        .into_iter()
        .map(|(title, text)| json!({ "title": title, "text": text }))
        .collect();
    let body = json!({ "model": pipeline, "query": QUERY, "documents": documents });
    let (status, answer) = app.ask("/v1/rerank", &body).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["x_rankgate"]["status"], "llm", "{answer}");
    answer["results"][0]["index"].as_u64().unwrap()
}

#[tokio::test]
async fn each_attack_works_on_a_prompt_without_defences() {
    let model = obedient();
    for attack in &attacks() {
        let documents = documents(attack);
        let shown: Vec<(&str, &str)> =
            documents.iter().map(|(title, text)| (title.as_str(), text.as_str())).collect();
        let request = naive::request("any", QUERY, &shown, 3);
        let reply: Value = model.complete(request.to_string()).await.json().await.unwrap();
        let order = naive::read(&reply, shown.len(), 3).unwrap();
        assert_eq!(order.first().map(|&at| at as u64), Some(ATTACKED), "{}", attack.id);
    }
    let (_, stats) = model.get("/stats").await;
    assert_eq!(stats["obeyed_passages"], attacks().len(), "{stats}");
}

#[tokio::test]
async fn nothing_that_needs_structure_gets_through() {
    let model = obedient();
    let app = gateway(&model).await;
    let (mut through, mut held) = (Vec::new(), Vec::new());
    for attack in &attacks() {
        let is_first = first(&app, "single", attack).await == ATTACKED;
        match (is_first, attack.style.is_structural()) {
            (true, true) => through.push(attack.id.clone()),
            (false, false) => held.push(attack.id.clone()),
            (true, false) | (false, true) => {}
        }
    }
    assert!(through.is_empty(), "intact in a prompt: {through:?}");
    assert!(held.is_empty(), "words that were changed: {held:?}");
}

#[test_case("graded")]
#[test_case("pointwise")]
#[test_case("pairwise")]
#[tokio::test]
async fn nor_in_the_prompts_of_other_tasks(pipeline: &str) {
    let model = obedient();
    let app = gateway(&model).await;
    let attacks = attacks();
    let mut obeyed = 0;
    for attack in attacks.sample(Style::ALL.len()) {
        first(&app, pipeline, attack).await;
        // Not the first place: what pairs say counts beside the classical order.
        let (_, stats) = model.get("/stats").await;
        let so_far = stats["obeyed_passages"].as_u64().unwrap();
        assert_eq!(so_far > obeyed, !attack.style.is_structural(), "{}", attack.id);
        obeyed = so_far;
    }
}

#[tokio::test]
async fn a_model_that_obeys_nobody_is_not_led() {
    let model = Model::start(&[]);
    let app = gateway(&model).await;
    let attacks = attacks();
    for attack in attacks.sample(Style::ALL.len()) {
        assert!(first(&app, "single", attack).await < 4, "{}", attack.id);
    }
}
