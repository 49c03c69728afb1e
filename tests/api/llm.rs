//! The LLM side against upstreams that behave and upstreams that don't.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rankgate::domain::{Deadline, Failure};
use rankgate::llm::{
    CallTimes, ChatModel, ChatReply, ChatRequest, FinishReason, InFlight, LlmError, ModelConfig,
    Models, OutputFormat, UpstreamConfig,
};
use serde_json::json;
use test_case::test_case;

use crate::fake_llm::{Chat, FakeLlm, Reply, eventually, refused_url};
use crate::raw_upstream::{RawUpstream, Step};

/// Models named `m` on upstreams `a`, `b` and so on.
struct Setup {
    upstreams: Vec<String>,
    upstream_keys: &'static str,
    model_keys: &'static str,
    in_flight: InFlight,
}

impl Setup {
    fn at(urls: &[String]) -> Self {
        Self {
            upstreams: urls.to_vec(),
            upstream_keys: "",
            model_keys: "",
            in_flight: InFlight::new(None),
        }
    }

    fn upstream_keys(self, upstream_keys: &'static str) -> Self {
        Self { upstream_keys, ..self }
    }

    fn model_keys(self, model_keys: &'static str) -> Self {
        Self { model_keys, ..self }
    }

    fn limit(self, limit: usize) -> Self {
        Self { in_flight: InFlight::new(Some(limit)), ..self }
    }

    fn model(&self) -> Arc<dyn ChatModel> {
        let names = ["a", "b", "c"];
        let upstreams: BTreeMap<_, _> = std::iter::zip(names, &self.upstreams)
            .map(|(name, url)| {
                let text = format!("base_url = \"{url}\"\n{}", self.upstream_keys);
                (name.to_owned(), toml::from_str::<UpstreamConfig>(&text).unwrap())
            })
            .collect();
        let served_by: Vec<_> = upstreams.keys().map(String::as_str).collect();
        let list = if self.model_keys.contains("upstreams =") {
            String::new()
        } else {
            format!("upstreams = {served_by:?}")
        };
        let model: ModelConfig = toml::from_str(&format!("{list}\n{}", self.model_keys)).unwrap();
        let models = BTreeMap::from([("m".to_owned(), model)]);
        let env = |name: &str| (name == "KEY").then(|| "SECRET-KEY".to_owned());
        Models::build(&models, &upstreams, &env, &self.in_flight).unwrap().get("m").unwrap()
    }
}

fn request() -> ChatRequest {
    ChatRequest {
        system: "SECRET SYSTEM".into(),
        user: "SECRET QUESTION".into(),
        output: OutputFormat::Text,
        max_output_tokens: 16,
        top_logprobs: None,
        seed: None,
    }
}

fn within(ms: u64) -> CallTimes {
    CallTimes::until(Deadline::after(Duration::from_millis(ms)))
}

/// Time enough for everything that is meant to succeed.
const AMPLE_MS: u64 = 20_000;

async fn ask(model: &Arc<dyn ChatModel>, times: CallTimes) -> Result<ChatReply, LlmError> {
    Arc::clone(model).chat(request(), times).await
}

async fn ask_one(url: String, keys: &'static str) -> Result<ChatReply, LlmError> {
    ask(&Setup::at(&[url]).upstream_keys(keys).model(), within(AMPLE_MS)).await
}

fn reason(result: Result<ChatReply, LlmError>) -> Failure {
    match result {
        Ok(reply) => panic!("answered \"{}\"", reply.content),
        Err(error) => error.failure(),
    }
}

// Answers.

#[tokio::test]
async fn a_call_carries_what_is_configured_and_brings_the_answer_back() {
    let llm = FakeLlm::always(Reply::content("fine")).await;
    let setup = Setup::at(&[llm.base_url()])
        .upstream_keys("api_key = { env = \"KEY\" }\nheaders = { x-team = \"search\" }")
        .model_keys(
            "model = \"gpt\"\nparams = { top_p = 0.5 }\ninput_usd_per_mtok = 1.0\noutput_usd_per_mtok = 10.0",
        );
    let reply = ask(&setup.model(), within(AMPLE_MS)).await.unwrap();
    assert_eq!((reply.content.as_str(), reply.finish), ("fine", FinishReason::Stop));
    assert_eq!((reply.usage.input_tokens, reply.usage.output_tokens), (100, 10));
    assert!((reply.usage.cost_usd - 0.0002).abs() < 1e-12, "{}", reply.usage.cost_usd);
    let received = &llm.received()[0];
    assert_eq!(received.path, "/v1/chat/completions");
    assert_eq!(received.headers["authorization"], "Bearer SECRET-KEY");
    assert_eq!(received.headers["x-team"], "search");
    assert_eq!(received.body["model"], "gpt");
    assert_eq!(received.body["top_p"], 0.5);
    assert_eq!((received.system(), received.user()), ("SECRET SYSTEM", "SECRET QUESTION"));
}

#[test_case(json!(null) ; "missing")]
#[test_case(json!({ "prompt_tokens": -5, "completion_tokens": -1 }) ; "negative")]
#[test_case(json!("many") ; "of_another_shape")]
#[tokio::test]
async fn usage_that_cannot_be_is_estimated(usage: serde_json::Value) {
    let reply = Reply::Chat(Chat { usage, ..Chat::new("one two three") });
    let llm = FakeLlm::always(reply).await;
    let usage = ask_one(llm.base_url(), "").await.unwrap().usage;
    assert_eq!(usage.output_tokens, 3);
    assert!((5..40).contains(&usage.input_tokens), "{}", usage.input_tokens);
}

#[tokio::test]
async fn a_truncated_answer_and_a_refusal_are_answers() {
    let cut = Reply::Chat(Chat { finish: "length", ..Chat::new("[1") });
    let refused = Reply::Chat(Chat { refusal: Some("no".into()), ..Chat::new(json!(null)) });
    let filtered = Reply::json(400, &json!({ "error": { "code": "content_filter" } }));
    let llm = FakeLlm::queue(vec![cut, refused, filtered]).await;
    let model = Setup::at(&[llm.base_url()]).model();
    let cut = ask(&model, within(AMPLE_MS)).await.unwrap();
    assert_eq!((cut.content.as_str(), cut.finish), ("[1", FinishReason::Length));
    let refused = ask(&model, within(AMPLE_MS)).await.unwrap();
    assert_eq!((refused.content.as_str(), refused.refusal.as_deref()), ("", Some("no")));
    let filtered = ask(&model, within(AMPLE_MS)).await.unwrap();
    assert_eq!((filtered.content.as_str(), filtered.finish), ("", FinishReason::ContentFilter));
    assert_eq!(llm.hits(), 3);
}

// Failures, and how often each is tried.

#[test_case(Reply::status(401), Failure::UpstreamRejected, 1 ; "bad_key")]
#[test_case(Reply::status(403), Failure::UpstreamRejected, 1 ; "forbidden")]
#[test_case(Reply::status(404), Failure::UpstreamRejected, 1 ; "no_model")]
#[test_case(Reply::status(400), Failure::UpstreamRejected, 1 ; "bad_request")]
#[test_case(Reply::status(422), Failure::UpstreamRejected, 1 ; "unprocessable")]
#[test_case(Reply::status(413), Failure::ContextOverflow, 1 ; "too_large")]
#[test_case(
    Reply::json(400, &json!({ "error": { "code": "context_length_exceeded" } })),
    Failure::ContextOverflow, 1 ; "context")]
#[test_case(
    Reply::json(429, &json!({ "error": { "code": "insufficient_quota" } })),
    Failure::UpstreamRejected, 1 ; "quota")]
#[test_case(Reply::status(429), Failure::UpstreamRateLimited, 3 ; "limited")]
#[test_case(
    Reply::status(429).header("retry-after", 0), Failure::UpstreamRateLimited, 3 ; "limited_for_now")]
#[test_case(
    Reply::status(429).header("retry-after", 86_400), Failure::UpstreamRateLimited, 1 ; "limited_for_today")]
#[test_case(
    Reply::status(429).header("retry-after", "-1"), Failure::UpstreamRateLimited, 3 ; "limited_for_nonsense")]
#[test_case(Reply::status(500), Failure::UpstreamError, 3 ; "server_error")]
#[test_case(Reply::text(502, "<html>bad gateway</html>"), Failure::UpstreamError, 3 ; "bad_gateway")]
#[test_case(
    Reply::status(503).header("retry-after", 86_400), Failure::UpstreamError, 1 ; "unavailable_for_today")]
#[test_case(Reply::status(529), Failure::UpstreamError, 3 ; "overloaded")]
#[test_case(Reply::text(200, "{\"choices\": [{"), Failure::UpstreamError, 3 ; "not_json")]
#[test_case(Reply::text(200, "<html>welcome</html>"), Failure::UpstreamError, 3 ; "page")]
#[test_case(Reply::text(200, ""), Failure::UpstreamError, 3 ; "nothing")]
#[test_case(Reply::text(204, ""), Failure::UpstreamError, 3 ; "no_content")]
#[test_case(Reply::text(200, "[".repeat(100_000)), Failure::UpstreamError, 3 ; "nested")]
#[test_case(Reply::json(200, &json!({ "choices": [] })), Failure::UpstreamError, 3 ; "no_choices")]
#[test_case(
    Reply::json(200, &json!({ "error": { "message": "overloaded" } })), Failure::UpstreamError, 3 ; "error_as_success")]
#[test_case(
    Reply::json(200, &json!({ "error": { "code": 429 } })), Failure::UpstreamRateLimited, 3 ; "limit_as_success")]
#[test_case(Reply::BreakInBody, Failure::UpstreamError, 3 ; "break_in_body")]
#[test_case(Reply::Endless, Failure::UpstreamError, 3 ; "endless")]
#[tokio::test]
async fn a_failure_has_its_reason_and_its_attempts(
    reply: Reply,
    expected: Failure,
    attempts: usize,
) {
    let llm = FakeLlm::always(reply).await;
    let model = Setup::at(&[llm.base_url()]).model();
    let times = within(AMPLE_MS);
    let failures = Arc::clone(&times.failures);
    assert_eq!(reason(ask(&model, times).await), expected);
    assert_eq!(failures.get(), Some(expected));
    assert_eq!(llm.hits(), attempts);
}

#[test_case(Reply::Hang ; "hang")]
#[test_case(Reply::HangInBody ; "hang_in_body")]
#[test_case(Reply::trickle("late", 4, Duration::from_millis(100)) ; "slow_body")]
#[test_case(Reply::content("late").after(Duration::from_secs(5)) ; "slow_headers")]
#[tokio::test]
async fn an_attempt_ends_at_its_limit_body_included(reply: Reply) {
    let llm = FakeLlm::always(reply).await;
    let result = ask_one(llm.base_url(), "attempt_timeout_ms = 100\nmax_attempts = 2").await;
    assert_eq!(reason(result), Failure::UpstreamTimeout);
    assert_eq!(llm.hits(), 2);
    llm.wait_until_idle().await;
}

#[tokio::test]
async fn a_slow_body_within_the_limit_is_read() {
    let llm = FakeLlm::always(Reply::trickle("slow", 5, Duration::from_millis(10))).await;
    assert_eq!(ask_one(llm.base_url(), "").await.unwrap().content, "slow");
}

#[tokio::test]
async fn nobody_listening_is_an_upstream_error() {
    let error = ask_one(refused_url().await, "").await.err().unwrap();
    assert_eq!(error.failure(), Failure::UpstreamError);
    assert!(error.to_string().contains("upstream a failed: connection refused"), "{error}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_an_upstream_error() {
    let result = ask_one("http://nowhere.invalid/v1".into(), "max_attempts = 1").await;
    assert_eq!(reason(result), Failure::UpstreamError);
}

#[test_case(vec![Step::Reset] ; "reset_on_accept")]
#[test_case(vec![Step::Read, Step::Reset] ; "reset_after_the_request")]
#[test_case(vec![
    Step::Read,
    Step::Write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"choices\"".to_vec()),
    Step::Pause(Duration::from_millis(20)),
    Step::Reset,
] ; "reset_in_the_body")]
#[test_case(vec![
    Step::Read,
    Step::Write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"choices\":[]}".to_vec()),
] ; "shorter_than_announced")]
#[test_case(vec![
    Step::Read,
    Step::Write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{\"cho".to_vec()),
] ; "cut_chunk")]
#[test_case(vec![Step::Read, Step::Write(b"220 mail.example.com ESMTP\r\n".to_vec())] ; "no_http")]
#[test_case(vec![
    Step::Read,
    Step::Write(
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n{\"a}".to_vec()
    ),
] ; "not_gzip")]
#[tokio::test]
async fn a_broken_connection_is_an_upstream_error(steps: Vec<Step>) {
    let raw = RawUpstream::start(steps).await;
    let result = ask_one(raw.base_url(), "max_attempts = 2").await;
    assert_eq!(reason(result), Failure::UpstreamError);
    assert_eq!(raw.connections(), 2);
}

#[tokio::test]
async fn accept_and_silence_is_a_timeout() {
    let raw = RawUpstream::start(vec![Step::Hang]).await;
    let result = ask_one(raw.base_url(), "attempt_timeout_ms = 80\nmax_attempts = 2").await;
    assert_eq!(reason(result), Failure::UpstreamTimeout);
}

#[tokio::test]
async fn stray_bytes_after_the_answer_do_no_harm() {
    let body = Chat::new("fine").body().to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    let raw = RawUpstream::saying(format!("{head}{body}HTTP/1.1 200 OK\r\n\r\nstray")).await;
    assert_eq!(ask_one(raw.base_url(), "").await.unwrap().content, "fine");
}

/// 4 MiB of white space in a chat completion, in 4 kB.
const PADDED: &[u8] = include_bytes!("padded.json.gz");

#[tokio::test]
async fn an_answer_that_unpacks_to_too_much_is_not_read() {
    let llm = FakeLlm::always(Reply::text(200, PADDED).header("content-encoding", "gzip")).await;
    let result = ask_one(llm.base_url(), "max_attempts = 1").await;
    assert_eq!(reason(result), Failure::UpstreamError);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = FakeLlm::always(Reply::content("leaked")).await;
    let target = format!("{}/chat/completions", elsewhere.base_url());
    let llm = FakeLlm::always(Reply::text(307, "").header("location", target)).await;
    let result = ask_one(llm.base_url(), "api_key = { env = \"KEY\" }").await;
    assert_eq!(reason(result), Failure::UpstreamError);
    assert_eq!((llm.hits(), elsewhere.hits()), (1, 0));
}

#[tokio::test]
async fn trouble_that_passes_is_survived() {
    let replies = vec![Reply::status(500), Reply::status(429), Reply::content("at last")];
    let llm = FakeLlm::queue(replies).await;
    let times = within(AMPLE_MS);
    let failures = Arc::clone(&times.failures);
    let model = Setup::at(&[llm.base_url()]).model();
    assert_eq!(ask(&model, times).await.unwrap().content, "at last");
    assert_eq!(llm.hits(), 3);
    assert_eq!(failures.get(), Some(Failure::UpstreamRateLimited));
}

#[tokio::test]
async fn the_wait_that_the_upstream_asks_for_is_kept() {
    // As a real limiter does, it turns away whoever comes before the time.
    let open_from = std::sync::OnceLock::new();
    let llm = FakeLlm::start(move |hit, _| {
        let now = Instant::now();
        let open_from = *open_from.get_or_init(|| now + Duration::from_millis(400));
        match hit {
            0 => Reply::status(429).header("retry-after-ms", 400),
            _ if now < open_from => Reply::status(401),
            _ => Reply::content("fine"),
        }
    })
    .await;
    assert_eq!(ask_one(llm.base_url(), "").await.unwrap().content, "fine");
    assert_eq!(llm.hits(), 2);
}

// Failover.

#[test_case(Reply::status(401) ; "rejected")]
#[test_case(Reply::status(500) ; "broken")]
#[test_case(Reply::status(429).header("retry-after", 86_400) ; "limited")]
#[test_case(Reply::Hang ; "slow")]
#[tokio::test]
async fn the_next_upstream_takes_over(reply: Reply) {
    let first = FakeLlm::always(reply).await;
    let second = FakeLlm::always(Reply::content("second")).await;
    let setup = Setup::at(&[first.base_url(), second.base_url()])
        .upstream_keys("attempt_timeout_ms = 300")
        .model_keys("upstreams = [\"a\", { name = \"b\", model = \"other\" }]\nmodel = \"gpt\"");
    assert_eq!(ask(&setup.model(), within(AMPLE_MS)).await.unwrap().content, "second");
    assert_eq!((first.hits(), second.hits()), (1, 1));
    assert_eq!(first.received()[0].body["model"], "gpt");
    assert_eq!(second.received()[0].body["model"], "other");
}

#[tokio::test]
async fn a_refused_connection_fails_over_and_the_last_failure_is_told() {
    let second = FakeLlm::always(Reply::status(401)).await;
    let setup =
        Setup::at(&[refused_url().await, second.base_url()]).upstream_keys("max_attempts = 1");
    assert_eq!(reason(ask(&setup.model(), within(AMPLE_MS)).await), Failure::UpstreamRejected);
    assert_eq!(second.hits(), 1);
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_not_sent_on() {
    let first = FakeLlm::always(Reply::status(413)).await;
    let second = FakeLlm::always(Reply::content("second")).await;
    let setup = Setup::at(&[first.base_url(), second.base_url()]);
    assert_eq!(reason(ask(&setup.model(), within(AMPLE_MS)).await), Failure::ContextOverflow);
    assert_eq!(second.hits(), 0);
}

// Time.

#[tokio::test]
async fn the_deadline_stands_outside_the_attempts() {
    let llm = FakeLlm::always(Reply::Hang).await;
    let setup = Setup::at(&[llm.base_url()]).upstream_keys("attempt_timeout_ms = 60000");
    // Had the attempt come to its own end, it would be a timeout.
    assert_eq!(reason(ask(&setup.model(), within(150)).await), Failure::Deadline);
    assert_eq!(llm.hits(), 1);
    llm.wait_until_idle().await;
}

#[tokio::test]
async fn a_failure_before_the_deadline_is_the_reason() {
    let llm = FakeLlm::queue(vec![Reply::status(500), Reply::Hang]).await;
    let model = Setup::at(&[llm.base_url()]).model();
    assert_eq!(reason(ask(&model, within(600)).await), Failure::UpstreamError);
    assert_eq!(llm.hits(), 2);
}

#[tokio::test]
async fn a_failure_is_seen_before_the_call_ends() {
    let llm = FakeLlm::queue(vec![Reply::status(500), Reply::Hang]).await;
    let model = Setup::at(&[llm.base_url()]).model();
    let times = within(AMPLE_MS);
    let failures = Arc::clone(&times.failures);
    let call = tokio::spawn(async move { ask(&model, times).await });
    llm.wait_for_hits(2).await;
    assert_eq!(failures.get(), Some(Failure::UpstreamError));
    assert!(!call.is_finished());
    call.abort();
}

#[tokio::test]
async fn attempts_that_time_out_are_the_reason_at_the_deadline() {
    let llm = FakeLlm::always(Reply::Hang).await;
    let setup =
        Setup::at(&[llm.base_url()]).upstream_keys("attempt_timeout_ms = 100\nmax_attempts = 10");
    assert_eq!(reason(ask(&setup.model(), within(400)).await), Failure::UpstreamTimeout);
    assert!((1..=3).contains(&llm.hits()), "{}", llm.hits());
}

#[tokio::test]
async fn a_call_in_flight_at_the_deadline_may_run_on() {
    let late = Reply::content("late").after(Duration::from_millis(300));
    let llm = FakeLlm::always(late).await;
    let deadline = Deadline::after(Duration::from_millis(100));
    let times = CallTimes {
        late_until: deadline.later_by(Duration::from_secs(20)),
        ..CallTimes::until(deadline)
    };
    let reply = ask(&Setup::at(&[llm.base_url()]).model(), times).await.unwrap();
    assert_eq!(reply.content, "late");
}

#[tokio::test]
async fn no_attempt_starts_after_the_deadline() {
    let llm = FakeLlm::always(Reply::status(500).after(Duration::from_millis(300))).await;
    let deadline = Deadline::after(Duration::from_millis(100));
    let times = CallTimes {
        late_until: deadline.later_by(Duration::from_secs(20)),
        ..CallTimes::until(deadline)
    };
    let model = Setup::at(&[llm.base_url(), llm.base_url()]).model();
    assert_eq!(reason(ask(&model, times).await), Failure::UpstreamError);
    assert_eq!(reason(ask(&model, within(0)).await), Failure::Deadline);
    assert_eq!(llm.hits(), 1);
}

#[tokio::test]
async fn a_dropped_call_is_cancelled() {
    let llm = FakeLlm::always(Reply::Hang).await;
    let model = Setup::at(&[llm.base_url()]).model();
    let call = tokio::spawn(async move { ask(&model, within(AMPLE_MS)).await });
    llm.wait_for_hits(1).await;
    assert_eq!(llm.in_flight(), 1);
    call.abort();
    llm.wait_until_idle().await;
    assert_eq!(llm.hits(), 1);
}

// Limits.

#[tokio::test]
async fn calls_beyond_the_limit_wait_their_turn() {
    let llm = FakeLlm::always(Reply::content("fine").after(Duration::from_millis(20))).await;
    let model = Setup::at(&[llm.base_url()]).limit(2).model();
    let calls = (0..12).map(|_| ask(&model, within(AMPLE_MS)));
    for result in futures::future::join_all(calls).await {
        result.unwrap();
    }
    assert_eq!((llm.hits(), llm.most_in_flight()), (12, 2));
}

#[tokio::test]
async fn a_call_without_a_place_by_its_deadline_is_overload() {
    let llm = FakeLlm::always(Reply::Hang).await;
    let setup = Setup::at(&[llm.base_url()]).limit(1);
    let model = setup.model();
    let holder = Arc::clone(&model);
    let holding = tokio::spawn(async move { ask(&holder, within(AMPLE_MS)).await });
    llm.wait_for_hits(1).await;
    assert_eq!(reason(ask(&model, within(50)).await), Failure::Overloaded);
    assert_eq!(llm.hits(), 1);
    holding.abort();
    eventually("the place is free", || setup.in_flight.running() == 0).await;
}

#[tokio::test]
async fn a_limit_of_none_allows_none() {
    let llm = FakeLlm::always(Reply::content("fine")).await;
    let model = Setup::at(&[llm.base_url()]).limit(0).model();
    assert_eq!(reason(ask(&model, within(AMPLE_MS)).await), Failure::Overloaded);
    assert_eq!(llm.hits(), 0);
}

#[tokio::test]
async fn calls_beyond_the_queue_are_shed_at_once() {
    let llm = FakeLlm::always(Reply::Hang).await;
    let model = Setup::at(&[llm.base_url()]).limit(1).model();
    let calls: Vec<_> = (0..200)
        .map(|_| {
            let model = Arc::clone(&model);
            tokio::spawn(async move { ask(&model, within(AMPLE_MS)).await })
        })
        .collect();
    // One in flight and 64 waiting are held; the rest ends long before its deadline.
    eventually("the rest is shed", || {
        calls.iter().filter(|call| call.is_finished()).count() == 135
    })
    .await;
    for call in calls {
        if call.is_finished() {
            assert_eq!(reason(call.await.unwrap()), Failure::Overloaded);
        } else {
            call.abort();
        }
    }
}

#[tokio::test]
async fn when_everything_fails_attempts_stay_within_the_budget() {
    const CALLS: usize = 300;
    let llm = FakeLlm::always(Reply::status(500)).await;
    let model = Setup::at(&[llm.base_url()]).model();
    let start = Instant::now();
    for _ in 0..CALLS / 20 {
        let calls = (0..20).map(|_| ask(&model, within(AMPLE_MS)));
        for result in futures::future::join_all(calls).await {
            assert_eq!(reason(result), Failure::UpstreamError);
        }
    }
    // Ten a second and a tenth of the calls; a started second counts.
    let seconds = usize::try_from(start.elapsed().as_secs()).unwrap() + 1;
    let allowed = CALLS + CALLS / 10 + 10 * seconds;
    assert!((CALLS + 1..=allowed).contains(&llm.hits()), "{} of {allowed}", llm.hits());
}

// What is counted and what is told.

#[tokio::test]
async fn attempts_tokens_and_cost_are_counted() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _installed = metrics::set_default_local_recorder(&recorder);
    let llm = FakeLlm::queue(vec![Reply::status(500), Reply::content("fine"), Reply::Hang]).await;
    let setup = Setup::at(&[llm.base_url()]).model_keys("input_usd_per_mtok = 10.0");
    ask(&setup.model(), within(AMPLE_MS)).await.unwrap();
    assert_eq!(reason(ask(&setup.model(), within(100)).await), Failure::Deadline);
    let shown = recorder.handle().render();
    for line in [
        "rankgate_llm_attempts_total{upstream=\"a\",model=\"m\",outcome=\"upstream_error\"} 1",
        "rankgate_llm_attempts_total{upstream=\"a\",model=\"m\",outcome=\"ok\"} 1",
        "rankgate_llm_attempts_total{upstream=\"a\",model=\"m\",outcome=\"cancelled\"} 1",
        "rankgate_llm_tokens_total{model=\"m\",direction=\"input\"} 100",
        "rankgate_llm_tokens_total{model=\"m\",direction=\"output\"} 10",
        "rankgate_llm_cost_usd_total{model=\"m\"} 0.001",
    ] {
        assert!(shown.contains(line), "{line} is not in\n{shown}");
    }
}

/// Everything that is logged, from every crate at every level down to `info`.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test_case(500, "SECRET ANSWER" ; "server_error")]
#[test_case(400, "{\"error\":{\"message\":\"SECRET ANSWER\"}}" ; "client_error")]
#[test_case(401, "SECRET ANSWER" ; "unreadable_error")]
#[test_case(200, "SECRET ANSWER" ; "unreadable_answer")]
#[test_case(200, "{\"choices\":[],\"x\":\"SECRET ANSWER\"}" ; "no_choice")]
#[tokio::test]
async fn no_key_prompt_or_answer_is_logged_or_told(status: u16, body: &str) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_writer(move || writer.clone())
        .finish();
    let _installed = tracing::subscriber::set_default(subscriber);
    let llm = FakeLlm::always(Reply::text(status, body)).await;
    let error = ask_one(llm.base_url(), "api_key = { env = \"KEY\" }").await.err().unwrap();
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("an attempt failed"), "{logged}");
    assert!(!logged.contains("SECRET"), "{logged}");
    assert!(!format!("{error} {error:?}").contains("SECRET"), "{error:?}");
}
