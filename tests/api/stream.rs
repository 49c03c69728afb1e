//! Searches whose answers are streams of events.

use futures::StreamExt;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::fake_llm::{FakeLlm, Reply, eventually};
use crate::search::Shop;

const LAST: f64 = 0.9;

/// The last of two hiking boots first, and one quote for each.
fn helpful(text: &str) -> f64 {
    if text.contains("contains no leather") { LAST } else { 0.1 }
}

fn boots(more: &Value) -> Value {
    let mut body = json!({"query": "hiking boot of leather", "top_n": 2, "stream": true});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

/// The events of a whole stream.
pub async fn events(app: &TestApp, body: &Value) -> Vec<(String, Value)> {
    let response = app.post("/v1/search", body).await;
    assert_eq!(response.status(), 200);
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(kind, "text/event-stream; charset=utf-8");
    parsed(&response.text().await.unwrap())
}

fn parsed(text: &str) -> Vec<(String, Value)> {
    let event = |block: &str| {
        let field = |name: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().trim().to_owned()
        };
        (field("event:"), serde_json::from_str(&field("data:")).unwrap())
    };
    text.split("\n\n").filter(|block| block.contains("event:")).map(event).collect()
}

fn names(events: &[(String, Value)]) -> Vec<&str> {
    events.iter().map(|(name, _)| name.as_str()).collect()
}

fn ids(order: &Value) -> Vec<&str> {
    order["results"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_classical_order_comes_first_and_the_whole_answer_last() {
    let server = FakeLlm::competent(helpful).await;
    let shop = Shop::open(&server.base_url()).await;
    let events = events(&shop.app, &boots(&json!({}))).await;
    assert_eq!(names(&events), ["classical", "ranking", "done"]);
    let [(_, classical), (_, ranking), (_, done)] = events.as_slice() else { panic!() };
    assert_eq!(ids(classical), ["boot-1", "boot-2"]);
    assert_eq!(ids(ranking), ["boot-2", "boot-1"]);
    // Each is what would be answered if it ended there.
    assert_eq!(
        (&classical["ranking"]["status"], &classical["ranking"]["reason"]),
        (&json!("fallback"), &json!("deadline"))
    );
    assert_eq!(done["ranking"]["status"], "llm");
    assert_eq!((done["ranking"]["cache"].as_str(), server.hits()), (Some("miss"), 1));
    assert!(classical.get("usage").is_none() && done["usage"].is_object());
    // A repeat is a hit: there is nothing to wait for.
    let again = self::events(&shop.app, &boots(&json!({}))).await;
    assert_eq!(names(&again), ["classical", "done"]);
    let plain = shop.search(&boots(&json!({"stream": false}))).await;
    assert_eq!(plain["results"], again[1].1["results"]);
    assert_eq!((again[1].1["ranking"]["cache"].as_str(), server.hits()), (Some("hit"), 1));
}

#[tokio::test]
async fn orders_are_told_as_replies_come_in_and_each_once() {
    let server = FakeLlm::start(|_, request| {
        let graded: Vec<Value> = request
            .passages()
            .iter()
            .map(|(label, text)| json!({"id": label, "grade": if helpful(text) == LAST { 9 } else { 3 }}))
            .collect();
        Reply::content(json!({ "scores": graded }).to_string())
    })
    .await;
    let shop = Shop::open(&server.base_url()).await;
    let body = boots(&json!({"strategy": "graded", "prompt": "rerank-graded@v1"}));
    let events = events(&shop.app, &body).await;
    let orders: Vec<Vec<&str>> =
        events.iter().filter(|(name, _)| name != "done").map(|(_, order)| ids(order)).collect();
    assert!(orders.windows(2).all(|pair| pair[0] != pair[1]), "{orders:?}");
    assert_eq!(ids(&events.last().unwrap().1), *orders.last().unwrap());
}

#[tokio::test]
async fn explanations_follow_the_ranking() {
    let rank = FakeLlm::script(helpful);
    let server = FakeLlm::start(move |_, request| {
        if !request.user().contains("{\"items\"") {
            return rank(request);
        }
        let quotes =
            if request.user().contains("no leather") { json!(["no leather"]) } else { json!([]) };
        Reply::content(
            json!({"items": [{"id": 1, "claim": "It is a boot.", "quotes": quotes}]}).to_string(),
        )
    })
    .await;
    let shop = Shop::open(&server.base_url()).await;
    let events = events(&shop.app, &boots(&json!({"explain": true}))).await;
    assert_eq!(names(&events), ["classical", "ranking", "explanation", "explanation", "done"]);
    let done = &events[4].1;
    for (_, told) in &events[2..4] {
        let result = done["results"].as_array().unwrap().iter().find(|it| it["id"] == told["id"]);
        assert_eq!(result.unwrap()["explanation"], told["explanation"]);
        assert_eq!(told["collection"], "shop");
    }
    assert_eq!(events[2].1["explanation"]["kind"], "llm", "the first stage's come last");
    assert_eq!(events[3].1["explanation"]["kind"], "classical");
}

#[tokio::test]
async fn the_first_stage_does_not_wait_and_a_client_that_leaves_cancels() {
    let server = FakeLlm::always(Reply::Hang).await;
    let shop = Shop::open(&server.base_url()).await;
    let response = shop.app.post("/v1/search", &boots(&json!({"deadline_ms": 600_000}))).await;
    let mut body = response.bytes_stream();
    let mut text = String::new();
    while !text.contains("\n\n") {
        text += std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap();
    }
    assert_eq!(names(&parsed(&text)), ["classical"]);
    server.wait_for_hits(1).await;
    assert_eq!(server.in_flight(), 1);
    drop(body);
    server.wait_until_idle().await;
    // Nobody is left: nothing is counted as answered.
    let left = "status=\"error\",reason=\"client_left\"";
    shop.app.eventually("/metrics", |metrics| metrics.contains(left)).await;
}

#[tokio::test]
async fn an_answer_by_the_deadline_is_told_as_what_it_is() {
    let server = FakeLlm::always(Reply::Hang).await;
    let shop = Shop::patient(&server.base_url()).await;
    let events = events(&shop.app, &boots(&json!({"deadline_ms": 1500}))).await;
    assert_eq!(names(&events), ["classical", "done"]);
    let done = &events[1].1;
    assert_eq!(
        (&done["ranking"]["status"], &done["ranking"]["reason"]),
        (&json!("fallback"), &json!("deadline"))
    );
    assert_eq!(ids(done), ids(&events[0].1));
}

#[tokio::test]
async fn what_can_not_be_begun_is_an_error_and_no_stream() {
    let server = FakeLlm::competent(helpful).await;
    let shop = Shop::open(&server.base_url()).await;
    for (more, status) in [
        (json!({"pipeline": "no"}), 404),
        (json!({"pipeline": "missing"}), 503),
        (json!({"prompt": "no@v1"}), 422),
        (json!({"query": " "}), 422),
    ] {
        let response = shop.app.post("/v1/search", &boots(&more)).await;
        assert_eq!(response.status(), status, "{more}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn a_stream_keeps_its_place_until_its_end() {
    let server = FakeLlm::always(Reply::Hang).await;
    let shop = Shop::limited(&server.base_url(), 1).await;
    let streaming = shop.app.post("/v1/search", &boots(&json!({"deadline_ms": 600_000}))).await;
    assert_eq!(streaming.status(), 200);
    let plain = boots(&json!({"stream": false, "strategy": "none"}));
    assert_eq!(shop.app.post("/v1/search", &plain).await.status(), 429);
    drop(streaming);
    server.wait_until_idle().await;
    let mut status = shop.app.post("/v1/search", &plain).await.status();
    for _ in 0..1000 {
        if status == 200 {
            break;
        }
        tokio::task::yield_now().await;
        status = shop.app.post("/v1/search", &plain).await.status();
    }
    assert_eq!(status, 200, "the place is free again");
    eventually("idle", || server.in_flight() == 0).await;
}

#[tokio::test]
async fn a_stream_is_counted_by_how_it_ended() {
    let server = FakeLlm::competent(helpful).await;
    let shop = Shop::open(&server.base_url()).await;
    events(&shop.app, &boots(&json!({"query": "hiking boot with a sole"}))).await;
    let counted =
        "route=\"/v1/search\",pipeline=\"shop\",status=\"llm\",reason=\"\",cache=\"miss\"";
    shop.app.eventually("/metrics", |metrics| metrics.contains(counted)).await;
}
