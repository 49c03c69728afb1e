//! What a gateway has acknowledged survives its sudden end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use futures::SinkExt;
use futures::channel::mpsc;
use program::{Server, command, folder};
use reqwest::{Body, Client};
use serde_json::{Value, json};

const CONFIG: &str = "[pipelines.default]\ncollection = \"live\"\nstrategy = \"none\"\n\
                      retrieve = { mode = \"bm25\", limit = 10000 }\n";

/// How often it is killed; a variable of the environment asks for more.
fn rounds() -> usize {
    std::env::var("RANKGATE_KILL_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap())
}

/// A gateway in a process of its own.
struct Gateway {
    server: Server,
    client: Client,
    url: String,
}

impl Gateway {
    fn start(dir: &Path) -> Self {
        // The client wants one, for plain HTTP too; a second install is refused.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut server = Server::start(dir);
        let url = server.url();
        Self { server, client: Client::builder().no_proxy().build().unwrap(), url }
    }

    fn at(&self, below: &str) -> String {
        format!("{}/v1/collections/live{below}", self.url)
    }

    async fn store(&self, texts: &BTreeMap<String, String>) -> Value {
        let request = self.client.post(self.at("/documents")).body(lines(texts));
        let response = request.header("content-type", "application/x-ndjson").send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    async fn delete(&self, id: &str) {
        let request = self.client.delete(self.at(&format!("/documents/{id}")));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer, json!({"deleted": true}));
    }

    async fn documents(&self) -> u64 {
        let response = self.client.get(self.at("")).send().await.unwrap();
        let info: Value = response.json().await.unwrap();
        info["documents"].as_u64().unwrap()
    }

    async fn ids(&self) -> BTreeSet<String> {
        let response = self.client.get(self.at("/documents?fields=id")).send().await.unwrap();
        let text = response.text().await.unwrap();
        let id = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["_id"].as_str().unwrap().to_owned()
        };
        let ids: Vec<String> = text.lines().map(id).collect();
        let set: BTreeSet<String> = ids.iter().cloned().collect();
        assert_eq!(set.len(), ids.len(), "an id twice");
        set
    }

    /// The texts that a search for what all have in common finds, by id.
    async fn found(&self) -> BTreeMap<String, String> {
        let body = json!({"query": "tent", "top_n": 10_000});
        let request = self.client.post(format!("{}/v1/search", self.url)).json(&body);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let results = answer["results"].as_array().unwrap_or_else(|| panic!("{answer}"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        results.iter().map(|it| (text(&it["id"]), text(&it["document"]["text"]))).collect()
    }
}

fn lines(texts: &BTreeMap<String, String>) -> String {
    let line = |(id, text): (&String, &String)| format!("{}\n", json!({"_id": id, "text": text}));
    texts.iter().map(line).collect()
}

fn texts(range: std::ops::Range<usize>, word: &str) -> BTreeMap<String, String> {
    range.map(|n| (format!("doc-{n:05}"), format!("tent {word} {n}"))).collect()
}

#[tokio::test]
async fn exactly_what_was_acknowledged_is_there_after_a_kill() {
    let dir = folder(Some(CONFIG));
    let mut expected = BTreeMap::new();
    for round in 0..rounds() {
        let gateway = Gateway::start(dir.path());
        // New ones, and some that were there with another text.
        let sent = texts(round * 30..round * 30 + 40, &format!("round{round}"));
        gateway.store(&sent).await;
        expected.extend(sent);
        let gone = format!("doc-{:05}", round * 30 + 5);
        gateway.delete(&gone).await;
        expected.remove(&gone);
        gateway.server.kill();

        let gateway = Gateway::start(dir.path());
        assert_eq!(gateway.found().await, expected, "round {round}");
        assert_eq!(gateway.ids().await, expected.keys().cloned().collect());
        gateway.server.kill();
    }
}

#[tokio::test]
async fn a_kill_amid_a_body_costs_nothing_that_was_acknowledged() {
    let dir = folder(Some(CONFIG));
    let mut acknowledged = BTreeMap::new();
    for round in 0..rounds() {
        let gateway = Gateway::start(dir.path());
        let before = texts(round * 1000..round * 1000 + 20, "before");
        gateway.store(&before).await;
        acknowledged.extend(before);
        let (known, amid) = (gateway.documents().await, round * 1000 + 20..round * 1000 + 500);
        let amid = texts(amid, "amid");
        let (mut sender, receiver) = mpsc::channel::<Result<String, std::io::Error>>(0);
        let request = gateway.client.post(gateway.at("/documents"));
        let request = request.header("content-type", "application/x-ndjson");
        let sending = tokio::spawn(request.body(Body::wrap_stream(receiver)).send());
        sender.send(Ok(lines(&amid))).await.unwrap();
        // At some place of the body that differs from round to round.
        while gateway.documents().await <= known + 128 * (round as u64 % 3) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        gateway.server.kill();
        assert!(sending.await.unwrap().is_err(), "it was never acknowledged");

        let gateway = Gateway::start(dir.path());
        let found = gateway.found().await;
        assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), gateway.ids().await);
        for (id, text) in &acknowledged {
            assert_eq!(found.get(id), Some(text), "round {round}");
        }
        for (id, text) in &found {
            let sent = acknowledged.get(id).or_else(|| amid.get(id));
            assert_eq!(sent, Some(text), "round {round}: {id}");
        }
        // Sent again, all is as if nothing had happened.
        let answer = gateway.store(&amid).await;
        let there = (found.len() - acknowledged.len()) as u64;
        assert_eq!(answer["unchanged"], there, "round {round}");
        acknowledged.extend(amid);
        assert_eq!(gateway.found().await, acknowledged);
        gateway.server.kill();
    }
}

#[tokio::test]
async fn ids_and_texts_are_in_no_log_line() {
    let dir = folder(Some(CONFIG));
    let mut command = command(dir.path(), &["serve", "--listen", "127.0.0.1:0"]);
    command.env("RUST_LOG", "debug");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut server = Server::run(command);
    let url = server.url();
    let gateway = Gateway { server, client: Client::builder().no_proxy().build().unwrap(), url };
    let documents = [("secret-id", "secret tent"), ("other-id", "another secret")]
        .map(|(id, text)| (id.to_owned(), text.to_owned()));
    gateway.store(&BTreeMap::from(documents)).await;
    gateway.delete("secret-id").await;
    let bad = "{\"_id\": \"secret-id\", \"text\": \"secret\", \"metadata\": \"secret\"}\nsecret\n";
    let request = gateway.client.post(gateway.at("/documents?average_length=secret"));
    assert_eq!(request.body(bad).send().await.unwrap().status(), 422);
    let request = gateway.client.post(gateway.at("/documents"));
    assert_eq!(request.body(bad).send().await.unwrap().status(), 200);
    assert_eq!(gateway.ids().await.len(), 1);
    let log = gateway.server.end();
    assert!(log.contains("/v1/collections/{name}/documents/{id}"), "{log}");
    assert!(!log.contains("secret"), "{log}");
}
