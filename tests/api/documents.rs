//! Documents that come, change and go while the gateway serves.

use std::path::Path;
use std::process::Output;

use futures::SinkExt;
use futures::channel::mpsc;
use reqwest::{Body, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use test_case::test_case;

use crate::app::{CLASSICAL, TestApp};
use crate::fake_llm::FakeLlm;
use crate::faults;

const DOCUMENTS: &str = "/v1/collections/live/documents";
const NDJSON: &str = "application/x-ndjson";

/// A gateway over a collection that isn't there yet.
async fn start(base_url: &str) -> TestApp {
    let config = format!(
        r#"
[server]
default_pipeline = "live"

[retrieval]
data_dir = "{{dir}}/index"

[collections.german]
language = "german"

[pipelines.live]
collection = "live"
strategy = "single"
prompt = "rerank-listwise@v1"
model = "fake"

[pipelines.bm25]
collection = "live"
retrieve = {{ mode = "bm25", limit = 1000 }}
strategy = "none"
{}"#,
        faults::config(base_url)
    );
    TestApp::start(&config).await
}

async fn classical() -> TestApp {
    start("http://127.0.0.1:9/v1").await
}

fn line(id: &str, text: &str) -> String {
    format!("{}\n", json!({"_id": id, "title": "", "text": text}))
}

fn lines(range: std::ops::Range<usize>) -> String {
    range.map(|n| line(&format!("doc-{n}"), &format!("tent number{n}"))).collect()
}

fn request(app: &TestApp, method: Method, path: &str) -> RequestBuilder {
    app.client.request(method, format!("{}{path}", app.url))
}

fn upload(app: &TestApp, path: &str, body: impl Into<Body>) -> RequestBuilder {
    request(app, Method::POST, path).header("content-type", NDJSON).body(body)
}

async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let problem = response.headers()["content-type"] == "application/problem+json";
    assert_eq!(problem, status != 200, "errors have their form, and nothing else has");
    (status, response.json().await.unwrap())
}

async fn send(app: &TestApp, path: &str, body: impl Into<Body>) -> (u16, Value) {
    read(upload(app, path, body).send().await.unwrap()).await
}

async fn store(app: &TestApp, body: impl Into<Body>) -> Value {
    let (status, answer) = send(app, DOCUMENTS, body).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn get(app: &TestApp, path: &str) -> (u16, Value) {
    read(app.get(path).await).await
}

async fn delete(app: &TestApp, path: &str) -> (u16, Value) {
    read(request(app, Method::DELETE, path).send().await.unwrap()).await
}

async fn found(app: &TestApp, query: &str) -> Vec<String> {
    let body = json!({"query": query, "pipeline": "bm25", "top_n": 1000});
    let (status, answer) = app.ask("/v1/search", &body).await;
    assert_eq!(status, 200, "{answer}");
    let results = answer["results"].as_array().unwrap();
    results.iter().map(|result| result["id"].as_str().unwrap().to_owned()).collect()
}

/// The ids of the list, in order.
async fn listed(app: &TestApp) -> Vec<String> {
    let response = app.get(&format!("{DOCUMENTS}?fields=id")).await;
    assert_eq!(response.headers()["content-type"], NDJSON);
    let text = response.text().await.unwrap();
    let id = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line.as_object().unwrap().len(), 1);
        line["_id"].as_str().unwrap().to_owned()
    };
    let mut ids: Vec<String> = text.lines().map(id).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn what_was_acknowledged_is_found_by_the_next_search() {
    let app = classical().await;
    let first = store(&app, lines(0..3)).await;
    let expected = json!({
        "collection": "live", "received": 3, "stored": 3, "unchanged": 0, "cut": 0,
        "bad_lines": 0, "errors": [], "stored_up_to_line": 3, "documents": 3,
    });
    assert_eq!(first, expected);
    for n in 3..30 {
        store(&app, lines(n..n + 1)).await;
        assert_eq!(found(&app, &format!("number{n}")).await, [format!("doc-{n}")]);
    }
    let (_, answer) = app.ask("/v1/search", &json!({"query": "tent", "strategy": "none"})).await;
    assert!(answer["results"][0]["scores"]["dense"].is_number(), "embedded too: {answer}");
}

#[tokio::test]
async fn a_changed_text_is_not_ranked_from_the_cache() {
    let server = FakeLlm::competent(|text| if text.contains("warm") { 1.0 } else { 0.1 }).await;
    let app = start(&server.base_url()).await;
    store(&app, [line("a", "a warm bag"), line("b", "a cold bag")].concat()).await;
    let search = async |first: &str, cache: &str, hits: usize| {
        let (_, answer) = app.ask("/v1/search", &json!({"query": "sleeping bag"})).await;
        assert_eq!(
            (&answer["results"][0]["id"], &answer["ranking"]["cache"]),
            (&json!(first), &json!(cache)),
            "{answer}"
        );
        assert_eq!(answer["ranking"]["status"], "llm");
        assert_eq!(server.hits(), hits);
        answer
    };
    search("a", "miss", 1).await;
    search("a", "hit", 1).await;
    let changed = [line("a", "a cold bag"), line("b", "a warm bag")].concat();
    assert_eq!(store(&app, changed).await["stored"], 2);
    let answer = search("b", "miss", 2).await;
    assert_eq!(answer["results"][0]["document"]["text"], "a warm bag");
    search("b", "hit", 2).await;
    delete(&app, &format!("{DOCUMENTS}/b")).await;
    store(&app, line("c", "the warm one of the bags")).await;
    let answer = search("c", "miss", 3).await;
    assert!(!answer.to_string().contains("a warm bag"), "deleted: {answer}");
}

#[tokio::test]
async fn what_was_there_already_is_not_stored_again() {
    let app = classical().await;
    store(&app, lines(0..200)).await;
    let again = store(&app, lines(0..200)).await;
    assert_eq!((&again["stored"], &again["unchanged"]), (&json!(0), &json!(200)));
    // Each line counts for itself, also one whose id comes twice.
    let twice = [line("x", "one"), line("x", "two"), line("x", "two")].concat();
    let answer = store(&app, twice).await;
    assert_eq!((&answer["stored"], &answer["unchanged"]), (&json!(2), &json!(1)), "{answer}");
    assert_eq!(answer["documents"], 201);
    assert_eq!(found(&app, "two").await, ["x"]);
}

#[tokio::test]
async fn bad_lines_are_numbered_and_the_others_are_stored() {
    let app = classical().await;
    let too_long = format!("{{\"_id\": \"long\", \"text\": \"{}\"}}\n", "x".repeat(5 << 20));
    let body = [
        line("a", "one"),
        "not json\n\n".into(),
        "{\"text\": \"no id\"}\n".into(),
        "{\"_id\": \"c\", \"text\": \"  \"}\n".into(),
        too_long,
        "{\"_id\": \"d\", \"text\": \"x\", \"metadata\": \"private\"}\n".into(),
        line("b", "two"),
    ]
    .concat();
    let answer = store(&app, body).await;
    assert_eq!((&answer["received"], &answer["stored"]), (&json!(7), &json!(2)), "{answer}");
    assert_eq!((&answer["bad_lines"], &answer["documents"]), (&json!(5), &json!(2)));
    let errors = answer["errors"].as_array().unwrap();
    let numbers: Vec<u64> = errors.iter().map(|error| error["line"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [2, 4, 5, 6, 7]);
    for (error, part) in errors.iter().zip(["expected", "_id", "empty", "4 MiB", "expected a map"])
    {
        assert!(error["error"].as_str().unwrap().contains(part), "{error}");
    }
    assert!(!answer.to_string().contains("private"), "{answer}");
    assert_eq!(listed(&app).await, ["a", "b"]);
}

#[tokio::test]
async fn a_body_may_be_cut_anywhere() {
    let app = classical().await;
    let text = format!("\u{feff}{}\r\n\n{}", line("é", "日本 tent").trim_end(), lines(0..40));
    for size in [1, 7] {
        let pieces: Vec<_> = text
            .as_bytes()
            .chunks(size)
            .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
            .collect();
        let answer = store(&app, Body::wrap_stream(futures::stream::iter(pieces))).await;
        assert_eq!((&answer["received"], &answer["bad_lines"]), (&json!(41), &json!(0)));
        assert_eq!(answer["stored_up_to_line"], 42, "{answer}");
    }
    assert_eq!(found(&app, "日本").await, ["é"]);
}

/// A body that is sent as the test goes on.
fn channel() -> (mpsc::Sender<Result<String, std::io::Error>>, Body) {
    let (sender, receiver) = mpsc::channel(0);
    (sender, Body::wrap_stream(receiver))
}

#[tokio::test]
async fn documents_of_a_slow_sender_are_stored_before_the_last_one_comes() {
    let app = classical().await;
    let (mut sender, body) = channel();
    let sending = tokio::spawn(upload(&app, DOCUMENTS, body).send());
    sender.send(Ok(lines(0..200))).await.unwrap();
    app.eventually("/v1/collections/live", |text| text.contains("\"documents\":128")).await;
    let last = lines(200..201);
    let (first, second) = last.split_at(9);
    sender.send(Ok(first.to_owned())).await.unwrap();
    sender.send(Ok(second.to_owned())).await.unwrap();
    drop(sender);
    let (status, answer) = read(sending.await.unwrap().unwrap()).await;
    assert_eq!((status, &answer["documents"]), (200, &json!(201)), "{answer}");
}

#[tokio::test]
async fn a_gateway_that_ends_says_how_far_it_came() {
    let mut app = classical().await;
    let (mut sender, body) = channel();
    let sending = tokio::spawn(upload(&app, DOCUMENTS, body).send());
    sender.send(Ok(lines(0..200) + "broken\n")).await.unwrap();
    app.eventually("/v1/collections/live", |text| text.contains("\"documents\":128")).await;
    app.stop();
    while tokio::net::TcpStream::connect(app.address).await.is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    sender.send(Ok(lines(200..300))).await.unwrap();
    drop(sender);
    let (status, problem) = read(sending.await.unwrap().unwrap()).await;
    assert_eq!((status, &problem["code"]), (503, &json!("storage")), "{problem}");
    assert_eq!(problem["stored_up_to_line"], 128);
    assert_eq!((&problem["stored"], &problem["bad_lines"]), (&json!(128), &json!(1)));
    (&mut app.served).await.unwrap();
}

#[tokio::test]
async fn a_sender_that_breaks_off_leaves_what_was_stored() {
    let app = classical().await;
    let (mut sender, body) = channel();
    let sending = tokio::spawn(upload(&app, DOCUMENTS, body).send());
    sender.send(Ok(lines(0..200))).await.unwrap();
    app.eventually("/v1/collections/live", |text| text.contains("\"documents\":128")).await;
    sender.send(Err(std::io::Error::other("gone"))).await.unwrap();
    assert!(sending.await.unwrap().is_err());
    assert_eq!(listed(&app).await.len(), 128);
    assert_eq!(store(&app, lines(0..200)).await["documents"], 200);
}

#[tokio::test]
async fn more_senders_than_have_a_place_are_told_to_come_back() {
    let app = classical().await;
    store(&app, lines(0..1)).await;
    let (senders, bodies): (Vec<_>, Vec<_>) = (0..21).map(|_| channel()).unzip();
    let sending = bodies.into_iter().map(|body| Box::pin(upload(&app, DOCUMENTS, body).send()));
    // None of the others can be answered before its body ends.
    let (first, _, others) = futures::future::select_all(sending).await;
    let first = first.unwrap();
    assert!(first.headers().contains_key("retry-after"));
    let (status, problem) = read(first).await;
    assert_eq!((status, &problem["code"]), (429, &json!("too_many_requests")));
    assert_eq!(app.get("/v1/collections/live").await.status(), 200);
    drop(senders);
    for other in others {
        assert_eq!(other.await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn an_empty_body_is_fine() {
    let app = classical().await;
    for (body, expected) in [("", 0), ("\n\n", 0)] {
        let answer = store(&app, body).await;
        for count in ["received", "stored", "unchanged", "cut", "bad_lines", "documents"] {
            assert_eq!(answer[count], expected, "{count}: {answer}");
        }
    }
    assert_eq!(get(&app, "/v1/collections/live").await.0, 404, "nothing was made");
}

#[tokio::test]
async fn a_collection_tells_what_it_was_made_with() {
    let app = classical().await;
    store(&app, lines(0..2)).await;
    let (status, info) = get(&app, "/v1/collections/live").await;
    assert_eq!(status, 200);
    assert_eq!((&info["name"], &info["documents"]), (&json!("live"), &json!(2)), "{info}");
    assert_eq!((&info["state"], &info["language"]), (&json!("ready"), &json!("english")));
    assert_eq!(info["average_length"], 2.0);
    assert!(info["embedding"]["dimensions"].as_u64().unwrap() > 0, "{info}");
    let path = "/v1/collections/german/documents?average_length=12.5";
    assert_eq!(send(&app, path, line("a", "ein Zelt")).await.0, 200);
    let (_, info) = get(&app, "/v1/collections/german").await;
    assert_eq!((&info["language"], &info["average_length"]), (&json!("german"), &json!(12.5)));
    let (status, problem) = get(&app, "/v1/collections/nothing").await;
    assert_eq!((status, &problem["code"]), (404, &json!("unknown_collection")), "{problem}");
    assert_eq!(problem["language"], "english", "what it would be made with");
}

#[tokio::test]
async fn a_document_is_deleted_by_its_id() {
    let app = classical().await;
    let odd = "a/b c%2F?é";
    store(&app, [line(odd, "odd tent"), line("plain", "plain tent")].concat()).await;
    let path = format!("{DOCUMENTS}/a%2Fb%20c%252F%3F%C3%A9");
    assert_eq!(delete(&app, &path).await, (200, json!({"deleted": true})));
    assert_eq!(delete(&app, &path).await, (200, json!({"deleted": false})));
    assert_eq!(found(&app, "tent").await, ["plain"]);
    assert_eq!(listed(&app).await, ["plain"]);
    let (status, problem) = delete(&app, &format!("{DOCUMENTS}/a%0Ab")).await;
    assert_eq!((status, &problem["field"]), (422, &json!("id")), "{problem}");
    let (status, problem) = delete(&app, &format!("{DOCUMENTS}/%FF")).await;
    assert_eq!((status, &problem["field"]), (422, &json!("path")), "{problem}");
}

#[test_case("POST", "/v1/collections/..%2Fup/documents", 422 ; "store under a name that can not be")]
#[test_case("GET", "/v1/collections/..%2Fup", 404 ; "look for a name that can not be")]
#[test_case("DELETE", "/v1/collections/nothing/documents/a", 404 ; "delete from nothing")]
#[test_case("DELETE", "/v1/collections/-a/documents/a", 404 ; "delete from a name that can not be")]
#[test_case("GET", "/v1/collections/nothing/documents?fields=id", 404 ; "list nothing")]
#[test_case("GET", "/v1/collections/live/documents", 422 ; "list without fields")]
#[test_case("GET", "/v1/collections/live/documents?fields=text", 422 ; "list texts")]
#[test_case("POST", "/v1/collections/live/documents?average_length=long", 422 ; "a length that is none")]
#[test_case("PUT", "/v1/collections/live/documents", 405 ; "another method")]
#[test_case("POST", "/v1/collections/live", 405 ; "make a collection")]
#[tokio::test]
async fn what_can_not_be_is_refused(method: &str, path: &str, status: u16) {
    let app = classical().await;
    let method: Method = method.parse().unwrap();
    let sent = request(&app, method, path).header("content-type", NDJSON).body(lines(0..1));
    let (got, problem) = read(sent.send().await.unwrap()).await;
    assert_eq!(got, status, "{problem}");
    assert!(problem.get("stored").is_none(), "nothing was read: {problem}");
    assert_eq!(get(&app, "/v1/collections/live").await.0, 404, "nothing was made");
}

#[tokio::test]
async fn a_body_under_another_type_is_refused() {
    let app = classical().await;
    let url = format!("{}{DOCUMENTS}", app.url);
    for (kind, part) in [("application/x-www-form-urlencoded", "curl"), ("text/plain", "x-ndjson")]
    {
        let sent = app.client.post(&url).header("content-type", kind).body(lines(0..1));
        let (status, problem) = read(sent.send().await.unwrap()).await;
        assert_eq!((status, &problem["field"]), (415, &json!("content-type")));
        assert!(problem["detail"].as_str().unwrap().contains(part), "{problem}");
    }
    assert_eq!(app.client.post(&url).body(lines(0..1)).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_gateway_without_collections_says_so() {
    let app = TestApp::classical().await;
    for (status, problem) in [
        send(&app, DOCUMENTS, lines(0..1)).await,
        get(&app, "/v1/collections/live").await,
        delete(&app, &format!("{DOCUMENTS}/a")).await,
        get(&app, &format!("{DOCUMENTS}?fields=id")).await,
    ] {
        assert_eq!((status, &problem["code"]), (404, &json!("not_found")));
        assert!(problem["detail"].as_str().unwrap().contains("no collections"), "{problem}");
    }
}

#[tokio::test]
async fn a_collection_of_another_language_is_not_mixed() {
    let app = classical().await;
    store(&app, lines(0..1)).await;
    let config = std::fs::read_to_string(app.dir().join("rankgate.toml")).unwrap();
    let dir = stop(app).await;
    let config = config.replace("[collections.german]", "[collections.live]");
    let app = TestApp::start(&config).await;
    let (status, problem) = send(&app, DOCUMENTS, lines(1..2)).await;
    assert_eq!((status, &problem["code"]), (409, &json!("other_settings")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("language"), "{problem}");
    assert_eq!(get(&app, "/v1/collections/live").await.0, 200, "it can be looked at");
    drop(dir);
}

/// Ends a gateway and gives its folder, which another process may use then.
async fn stop(mut app: TestApp) -> tempfile::TempDir {
    app.stop();
    (&mut app.served).await.unwrap();
    app.into_dir()
}

/// The program as a user runs it.
async fn program(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_rankgate"));
    let command = command.current_dir(dir).args(arguments).env_clear();
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

async fn index(app: &TestApp, data: &str, more: &[&str]) -> (i32, String, String) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("corpus.jsonl"), data).unwrap();
    let fixed = ["index", "--collection", "live", "--data", "corpus.jsonl", "--url", &app.url];
    program(dir.path(), &[&fixed, more].concat()).await
}

#[tokio::test]
async fn a_corpus_is_sent_to_a_gateway() {
    let app = classical().await;
    let (status, out, err) = index(&app, &lines(0..600), &[]).await;
    assert_eq!(status, 0, "{err}");
    let counts = "live: 600 documents (600 stored, 0 unchanged, 0 pruned), 0 bad lines\n";
    assert_eq!(out, counts);
    assert!(err.contains("indexing documents: 85 % (512 of 600)"), "{err}");
    let (_, info) = get(&app, "/v1/collections/live").await;
    assert_eq!((&info["documents"], &info["average_length"]), (&json!(600), &json!(2.0)));

    let more = lines(0..600) + &line("new", "word ".repeat(200).trim());
    let (status, out, err) = index(&app, &more, &[]).await;
    assert_eq!(status, 0, "{err}");
    assert!(out.starts_with("live: 601 documents (1 stored, 600 unchanged, 0 pruned)"), "{out}");
    assert!(!err.contains("drift"), "{err}");

    let (status, out, err) = index(&app, &lines(5..8), &["--prune"]).await;
    assert_eq!(status, 0, "{err}");
    assert!(out.starts_with("live: 3 documents (0 stored, 3 unchanged, 598 pruned)"), "{out}");
    assert_eq!(listed(&app).await, ["doc-5", "doc-6", "doc-7"]);
}

#[tokio::test]
async fn bad_lines_of_a_corpus_have_its_numbers_and_nothing_is_pruned() {
    let app = classical().await;
    store(&app, line("kept", "a tent")).await;
    let data = [line("a", "one"), "broken\n\n".into(), line("a", "two"), line("b", "x")].concat();
    let (status, out, err) = index(&app, &data, &["--prune"]).await;
    assert_eq!(status, 1, "{err}");
    assert!(out.starts_with("live: 3 documents (2 stored, 0 unchanged, 0 pruned), 2 bad"), "{out}");
    for part in ["line 2: not a document", "line 4: the id is that of line 1", "nothing was pruned"]
    {
        assert!(err.contains(part), "{part}: {err}");
    }
    let (status, _, err) = index(&app, "", &["--prune"]).await;
    assert_eq!(status, 1);
    assert!(err.contains("everything"), "{err}");
    assert_eq!(listed(&app).await, ["a", "b", "kept"]);
}

#[tokio::test]
async fn what_a_gateway_refuses_ends_the_program_with_2() {
    let app = classical().await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("c.jsonl"), lines(0..1)).unwrap();
    for (name, url, part) in [
        ("-odd", app.url.as_str(), "can't be the name of a collection"),
        ("live", "127.0.0.1:8080", "--url"),
    ] {
        let name = format!("--collection={name}");
        let arguments = ["index", &name, "--data", "c.jsonl", "--url", url];
        let (status, out, err) = program(dir.path(), &arguments).await;
        assert_eq!((status, out.as_str()), (2, ""), "{err}");
        assert!(err.starts_with("error: ") && err.contains(part), "{err}");
    }
    let arguments = ["search", "tent", "--pipeline", "no", "--url", &app.url];
    let (status, _, err) = program(dir.path(), &arguments).await;
    assert_eq!(status, 2);
    assert!(err.contains("404") && err.contains("pipeline"), "{err}");
}

#[tokio::test]
async fn a_gateway_shows_the_same_as_a_search_without_one() {
    let app = classical().await;
    store(&app, lines(0..30) + &line("\u{e9}/1", "a light tent for two")).await;
    let search = ["search", "light tent", "--pipeline", "bm25", "--top-n", "7"];
    let plain = |text: String| {
        let (before, _) = text.rsplit_once(", ").unwrap();
        before.to_owned()
    };
    let result = |text: String| {
        let answer: Value = serde_json::from_str(&text).unwrap();
        (answer["results"].clone(), answer["ranking"].clone(), answer["usage"].clone())
    };
    let by_url = ["--url", &app.url].map(str::to_owned);
    let by_url: Vec<&str> = by_url.iter().map(String::as_str).collect();
    let nowhere = tempfile::tempdir().unwrap();
    let (status, remote, err) = program(nowhere.path(), &[&search, &by_url[..]].concat()).await;
    assert_eq!(status, 0, "{err}");
    let json = [&search[..], &["--json"]].concat();
    let (_, remote_json, _) = program(nowhere.path(), &[&json, &by_url[..]].concat()).await;

    let dir = stop(app).await;
    let config = dir.path().join("rankgate.toml");
    let here = ["--config", config.to_str().unwrap()];
    let (status, local, err) = program(nowhere.path(), &[&search, &here[..]].concat()).await;
    assert_eq!(status, 0, "{err}");
    assert!(local.contains("é/1") && local.contains("status classical"), "{local}");
    assert_eq!(plain(remote), plain(local));
    let (_, local_json, _) = program(nowhere.path(), &[&json, &here[..]].concat()).await;
    assert_eq!(result(remote_json), result(local_json));
}

#[tokio::test]
async fn documents_are_there_after_an_orderly_end() {
    let app = classical().await;
    let config = std::fs::read_to_string(app.dir().join("rankgate.toml")).unwrap();
    store(&app, lines(0..150)).await;
    let dir = stop(app).await;
    let app = TestApp::start(&config).await;
    assert_eq!(listed(&app).await.len(), 150);
    assert_eq!(store(&app, lines(0..151)).await["unchanged"], 150);
    drop(dir);
}

#[tokio::test]
async fn classical_gateways_have_no_routes_for_what_they_lack() {
    let config = format!("{CLASSICAL}\n[retrieval]\ndata_dir = \"{{dir}}/index\"\n");
    let app = TestApp::start(&config).await;
    assert_eq!(send(&app, DOCUMENTS, lines(0..1)).await.0, 404);
    assert!(!app.dir().join("index").exists(), "no engine was opened");
}
