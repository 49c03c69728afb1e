//! Calls from their request to what is answered.

use std::path::Path;

use serde_json::{Value, json};
use test_case::test_case;

use super::*;
use crate::simulate::{CorpusFiles, Profile};

fn settings() -> Settings {
    Settings {
        noise: Noise { profile: Profile::STRONG, scale: 4.0, seed: 1 },
        latency: Latency::default(),
        faults: FaultRates::default(),
        requests_per_minute: None,
        json_schema: true,
    }
}

fn simulator(settings: Settings) -> Simulator {
    let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("evals/data/outdoor");
    let files = CorpusFiles {
        corpus: shop.join("corpus.jsonl"),
        queries: None,
        qrels: shop.join("qrels/test.tsv"),
    };
    Simulator::new(files.read().unwrap(), settings)
}

const TITLES: [&str; 3] = [
    "Wendlow Fernway Mid, vegan hiking boot with waterproof membrane, 134.95 €",
    "Tarnvik Storrigg Mid – men's waterproof nubuck leather hiking boot, 189.95 €",
    "A thing that no shop of this world has ever had",
];

/// A request about three passages, of which the first fits the query.
fn request(more: &Value) -> Value {
    let passages =
        TITLES.iter().zip(["2", "3", "1"]).map(|(it, label)| format!("[{label}] {it}\n"));
    let user = format!(
        "Query: hiking boots without leather\n{}\n{{\"ranking\": [label, …]}}, best first.",
        passages.collect::<String>()
    );
    let mut body = json!({ "model": "any", "messages": [{ "role": "user", "content": user }] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn ask(simulator: &Simulator, more: &Value) -> Answer {
    simulator.answer(request(more).to_string().as_bytes())
}

fn content(simulator: &Simulator, more: &Value) -> String {
    ask(simulator, more).result.unwrap().content
}

fn schema() -> Value {
    let schema = json!({ "type": "object", "properties": { "ranking": { "type": "array" } } });
    json!({ "response_format": { "type": "json_schema", "json_schema": { "schema": schema } } })
}

#[test]
fn ranks_what_is_relevant_first_and_counts() {
    let simulator = simulator(settings());
    simulator.admit(Duration::ZERO).unwrap();
    let completion = ask(&simulator, &json!({})).result.unwrap();
    assert!(completion.content.starts_with("{\"ranking\":[2,"), "{}", completion.content);
    assert_eq!((completion.model.as_str(), completion.cut), ("any", false));
    let counts = simulator.counts();
    assert_eq!((counts.calls, counts.rejected, counts.passages), (1, 0, 3));
    assert_eq!((counts.unrecognised_passages, counts.unrecognised_queries), (1, 0));
    assert_eq!(counts.input_tokens, completion.input_tokens as u64);
    assert_eq!(counts.output_tokens, tokens::count(&completion.content) as u64);
    assert!(counts.faults.is_empty() && counts.input_tokens > 50);
}

#[test]
fn the_same_request_has_the_same_reply_but_not_the_same_time() {
    let weak = Noise { profile: Profile::WEAK, scale: 1.0, seed: 1 };
    let simulator = simulator(Settings { noise: weak, ..settings() });
    let answers: Vec<Answer> = (0..10).map(|_| ask(&simulator, &json!({}))).collect();
    let replies: Vec<_> =
        answers.iter().map(|answer| &answer.result.as_ref().unwrap().content).collect();
    assert!(replies.iter().all(|reply| *reply == replies[0]));
    assert!(answers.windows(2).all(|pair| pair[0].after != pair[1].after));
}

#[test]
fn a_retry_may_succeed() {
    let faults = FaultRates { fail: 0.5, ..FaultRates::default() };
    let simulator = simulator(Settings { faults, ..settings() });
    let failed = (0..40).filter(|_| ask(&simulator, &json!({})).result.is_err()).count();
    assert!((8..32).contains(&failed), "{failed}");
    assert_eq!(simulator.counts().faults["failed"], failed as u64);
}

#[test]
fn a_failure_has_its_status_and_takes_its_time() {
    let faults = FaultRates { fail: 1.0, ..FaultRates::default() };
    let latency = Latency { spread: 0.0, stalls: 0.0, ..Latency::default() };
    let answer = ask(&simulator(Settings { latency, faults, ..settings() }), &json!({}));
    assert_eq!(answer.result.unwrap_err().status.as_u16(), 500);
    assert!(answer.after >= latency.base);
}

#[test_case("max_tokens", 3)]
#[test_case("max_completion_tokens", 2)]
#[test_case("max_tokens", 0)]
fn a_limit_of_tokens_cuts(name: &str, tokens: usize) {
    let completion = ask(&simulator(settings()), &json!({ name: tokens })).result.unwrap();
    assert!(completion.cut && completion.output_tokens <= tokens, "{completion:?}");
    assert_eq!(completion.body()["choices"][0]["finish_reason"], "length");
}

#[test]
fn a_schema_is_kept_to_or_ignored() {
    let keeps = content(&simulator(settings()), &schema());
    assert!(keeps.starts_with("{\"ranking\":["), "{keeps}");
    let ignores = simulator(Settings { json_schema: false, ..settings() });
    let fenced = content(&ignores, &schema());
    assert!(fenced.starts_with("Here is") && fenced.contains(&keeps), "{fenced}");
    assert_eq!(content(&ignores, &json!({})), keeps, "no schema, nothing to ignore");
}

#[test]
fn labels_are_left_out_and_replies_spoiled() {
    let omit = FaultRates { omit: 1.0, ..FaultRates::default() };
    let omits = simulator(Settings { faults: omit, ..settings() });
    assert_eq!(content(&omits, &json!({})), "{\"ranking\":[]}");
    assert_eq!(omits.counts().faults["omitted_labels"], 3);
    let echo = FaultRates { echo: 1.0, ..FaultRates::default() };
    let echoes = simulator(Settings { faults: echo, ..settings() });
    assert_eq!(content(&echoes, &json!({})), "{\"ranking\":[2,3,1]}");
    assert_eq!(echoes.counts().faults["echoed"], 1);
}

#[test]
fn what_an_attack_says_is_done() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("evals/injection/attacks.jsonl");
    let attacks = Attacks::read(&file).unwrap();
    let attack = attacks.iter().next().unwrap().clone();
    let attacked = |simulator: &Simulator| {
        let (_, text) = attack.inserted("", "", "");
        let mut body = request(&json!({}));
        let user = body["messages"][0]["content"].as_str().unwrap().to_owned();
        body["messages"][0]["content"] = user.replace("[3] ", &format!("[3] {text} ")).into();
        simulator.answer(body.to_string().as_bytes()).result.unwrap().content
    };
    assert!(attacked(&simulator(settings())).starts_with("{\"ranking\":[2,"));
    let obedient = simulator(settings()).obeying(attacks.clone());
    assert!(attacked(&obedient).starts_with("{\"ranking\":[3,2,"));
    assert!(content(&obedient, &json!({})).starts_with("{\"ranking\":[2,"));
    assert_eq!(obedient.counts().obeyed_passages, 1);
}

#[test]
fn a_yes_comes_with_its_probability_where_asked() {
    let simulator = simulator(settings());
    let ask = |more: &Value| {
        let user = format!("Query: tent footprint\nx document: {}\nYes or No?", TITLES[0]);
        let mut body = json!({ "messages": [{ "role": "user", "content": user }] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        simulator.answer(body.to_string().as_bytes()).result.unwrap()
    };
    let plain = ask(&json!({}));
    assert_eq!((plain.content.as_str(), plain.logprobs), ("No", None));
    let told = ask(&json!({ "logprobs": true, "top_logprobs": 2, "max_tokens": 1 }));
    assert_eq!((told.content.as_str(), told.cut), ("No", false));
    let top = told.logprobs.unwrap()["content"][0]["top_logprobs"].clone();
    assert_eq!((&top[0]["token"], &top[1]["token"]), (&json!("No"), &json!("Yes")));
}

#[test]
fn says_what_it_cannot_do() {
    let simulator = simulator(settings());
    for (user, part) in [
        ("Write a poem.", "can't tell what is asked"),
        ("{\"ranking\": []} of nothing", "no passage begins with its label"),
    ] {
        let body = json!({ "messages": [{ "role": "user", "content": user }] });
        let error = simulator.answer(body.to_string().as_bytes()).result.unwrap_err();
        assert!(error.message.contains(part), "{}", error.message);
        assert_eq!(error.status.as_u16(), 400);
    }
    assert_eq!(simulator.counts().rejected, 2);
}

#[test]
fn lets_in_as_many_as_a_minute_may_have() {
    let limit = NonZeroU32::new(2);
    let simulator = simulator(Settings { requests_per_minute: limit, ..settings() });
    let now = Duration::from_secs(1);
    assert!(simulator.admit(now).is_ok() && simulator.admit(now).is_ok());
    assert_eq!(simulator.admit(now), Err(Duration::from_secs(30)));
    let counts = simulator.counts();
    assert_eq!((counts.calls, counts.faults["rate_limited"]), (3, 1));
}
