//! Connections: their limits and their end. Written byte by byte, since no
//! client would send such things.

use std::time::Duration;

use rankgate::http::ConnectionLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::{CLASSICAL, TestApp};

/// Longer than anything here takes, so that a hang is a failure.
const PATIENCE: Duration = Duration::from_mins(1);

async fn connect(app: &TestApp) -> TcpStream {
    TcpStream::connect(app.address).await.unwrap()
}

/// Sends `text` and reads until the other side closes.
async fn converse(app: &TestApp, text: &str) -> String {
    let mut stream = connect(app).await;
    stream.write_all(text.as_bytes()).await.unwrap();
    rest(stream).await
}

async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    // A reset after the answer is an end like any other.
    let _ = tokio::time::timeout(PATIENCE, read).await.expect("it should have been closed");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn impatient() -> ConnectionLimits {
    ConnectionLimits { header_timeout: Duration::from_millis(300), ..Default::default() }
}

#[tokio::test]
async fn connections_that_ask_for_nothing_are_closed() {
    let app = TestApp::with_limits(CLASSICAL, impatient()).await;
    for text in ["", "P", "PRI * HTTP/2.0\r\n", "GET /healthz HTTP/1.1\r\nhost: a\r\n"] {
        let answer = converse(&app, text).await;
        assert!(!answer.contains("200 OK"), "{text:?}: {answer}");
    }
    assert_eq!(app.get("/healthz").await.status(), 200);
}

#[tokio::test]
async fn a_head_over_32_kib_is_refused() {
    let app = TestApp::classical().await;
    let long = "x".repeat(40 * 1024);
    let text = format!("GET /healthz HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n");
    assert!(converse(&app, &text).await.starts_with("HTTP/1.1 431"));
    let fine = "x".repeat(20 * 1024);
    let text =
        format!("GET /healthz HTTP/1.1\r\nhost: a\r\nx: {fine}\r\nconnection: close\r\n\r\n");
    assert!(converse(&app, &text).await.starts_with("HTTP/1.1 200"));
}

/// A gateway that lets nobody in, and one that takes small bodies only, with
/// the status that each refuses with.
async fn refusing() -> [(TestApp, &'static str); 2] {
    let full = TestApp::start(&format!("{CLASSICAL}\n[limits]\nmax_in_flight = 0\n")).await;
    let narrow = TestApp::start(&format!("[server]\nmax_body = \"1KiB\"\n{CLASSICAL}")).await;
    [(full, "429"), (narrow, "413")]
}

/// The head of a request that announces a body.
fn announcing(length: usize, more: &str) -> String {
    format!(
        "POST /v2/rerank HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n{more}\r\n"
    )
}

#[tokio::test]
async fn who_sends_everything_first_gets_the_refusal() {
    // More than the buffers of both sides hold.
    let body = "x".repeat(12 << 20);
    for (app, status) in refusing().await {
        let head = announcing(body.len(), "");
        let answer = converse(&app, &format!("{head}{body}")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
}

#[tokio::test]
async fn a_length_that_is_not_told_changes_nothing() {
    let app = TestApp::start(&format!("[server]\nmax_body = \"1KiB\"\n{CLASSICAL}")).await;
    let head = "POST /v2/rerank HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    // More than the buffers of both sides hold, in pieces.
    let piece = format!("100000\r\n{}\r\n", "x".repeat(1 << 20));
    let body = format!("{}0\r\n\r\n", piece.repeat(12));
    let answer = converse(&app, &format!("{head}{body}")).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let wrong_type = head.replace("application/json", "text/plain");
    let answer = converse(&app, &format!("{wrong_type}{body}")).await;
    assert!(answer.starts_with("HTTP/1.1 415"), "{answer}");
}

#[tokio::test]
async fn who_asks_before_sending_is_refused_without_a_body() {
    for (app, status) in refusing().await {
        let answer = converse(&app, &announcing(12 << 20, "expect: 100-continue\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
}

#[tokio::test]
async fn the_host_has_to_be_clear() {
    let app = TestApp::classical().await;
    for (hosts, status) in [
        ("host: a\r\n", "200"),
        ("", "400"),
        ("host: a\r\nhost: b\r\n", "400"),
        ("host: a\r\nhost: a\r\n", "400"),
    ] {
        let text = format!("GET /healthz HTTP/1.1\r\n{hosts}connection: close\r\n\r\n");
        let answer = converse(&app, &text).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{hosts:?}: {answer}");
    }
}

#[tokio::test]
async fn http2_is_spoken_without_an_upgrade() {
    let app = TestApp::classical().await;
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let response = client.get(format!("{}/healthz", app.url)).send().await.unwrap();
    assert_eq!(response.version(), reqwest::Version::HTTP_2);
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_request_under_way_is_finished_and_new_ones_are_not_taken() {
    let mut app = TestApp::classical().await;
    let body = "{\"query\": \"tent\", \"documents\": [\"a\", \"b\"]}";
    let (first, second) = body.split_at(10);
    let mut stream = connect(&app).await;
    let length = body.len();
    let head = format!(
        "POST /v2/rerank HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nexpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The handler waits for the body when it says that it wants it.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100 Continue"));
    stream.write_all(first.as_bytes()).await.unwrap();
    let idle = connect(&app).await;

    app.stop();
    while TcpStream::connect(app.address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!app.served.is_finished(), "a request is under way");
    stream.write_all(second.as_bytes()).await.unwrap();
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("relevance_score"), "{answer}");
    tokio::time::timeout(PATIENCE, &mut app.served).await.unwrap().unwrap();
    drop(idle);
}
