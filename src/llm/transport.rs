//! HTTP to one upstream: one request for each call, nothing repeated, nothing
//! followed, everything bounded. It hands async-openai only successful, complete
//! and readable answers: what that crate can't read it writes into the log, body
//! and all.

use std::borrow::Cow;
use std::error::Error;
use std::future::Future;
use std::io::ErrorKind;
use std::sync::{Arc, Once};
use std::task::{Context, Poll};
use std::time::Duration;

use async_openai::middleware::HttpRequestFactory;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::StatusCode;
use reqwest::{Request, Response};
use serde_json::Value;
use tower::Service;

use super::attempt::AttemptFailure;
use super::classify::{self, ErrorBody};
use super::config::{BaseUrl, UpstreamConfig};
use super::upstream::Upstream;

/// Largest part of an error's body that is read, in bytes.
const MAX_ERROR_BYTES: usize = 64 * 1024;
/// Longest time to wait for an error's body: its status already says enough.
const ERROR_BODY_TIME: Duration = Duration::from_secs(1);
/// Longest time to connect, TLS included.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How long an idle connection is kept: less than servers and the balancers
/// before them usually keep theirs.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// Idle connections kept for each upstream.
const MAX_IDLE: usize = 64;

/// An HTTP client for the upstream at `config`.
pub(super) fn http_client(config: &UpstreamConfig) -> Result<reqwest::Client, reqwest::Error> {
    install_crypto();
    let builder = reqwest::Client::builder()
        .user_agent(concat!("rankgate/", env!("CARGO_PKG_VERSION")))
        // Another host would receive the key and the documents.
        .redirect(reqwest::redirect::Policy::none())
        // Retries are counted and budgeted, so none may happen unseen.
        .retry(reqwest::retry::never())
        // One HTTP/2 connection carries about 100 requests and lets the next
        // wait without a word; HTTP/1.1 opens as many as there are calls.
        .http1_only()
        .connect_timeout(CONNECT_TIME.min(config.attempt_timeout()))
        .pool_idle_timeout(IDLE_TIME)
        .pool_max_idle_per_host(MAX_IDLE);
    direct_if_local(builder, &config.base_url).build()
}

/// A proxy from the environment can't reach this machine's own servers.
fn direct_if_local(builder: reqwest::ClientBuilder, url: &BaseUrl) -> reqwest::ClientBuilder {
    if url.is_loopback() { builder.no_proxy() } else { builder }
}

/// TLS comes without a provider of its own, so that only one is linked.
fn install_crypto() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        // Fails where the process already has one, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// What kind of answers a transport fetches.
pub(super) trait AnswerKind: Clone + Send + Sync + 'static {
    /// What a person should check where an upstream takes exception to the
    /// request itself.
    const CHECK: &'static str;

    /// Largest answer that is read, unpacked, in bytes.
    fn max_bytes(&self) -> usize;

    /// What stands in for the answer where a content filter stopped the
    /// request; without it that is a failure.
    fn filtered(&self) -> Option<Bytes> {
        None
    }

    /// Takes the body of a success and gives what async-openai is to read.
    fn receive(&self, body: Bytes) -> impl Future<Output = Result<Bytes, Unusable>> + Send;
}

/// Why the body of a success can't be used.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Unusable {
    /// It is an error all the same: its `error` field.
    Error(Value),
    /// It isn't what was asked for; another attempt may bring that.
    Broken(Cow<'static, str>),
    /// It is of another shape than the config says, as it will be every time.
    Misconfigured(Cow<'static, str>),
}

/// The service under async-openai.
#[derive(Clone)]
pub(super) struct Transport<K> {
    http: reqwest::Client,
    upstream: Arc<str>,
    kind: K,
}

impl<K: AnswerKind> Transport<K> {
    pub fn new(upstream: &Upstream, kind: K) -> Self {
        Self { http: upstream.http.clone(), upstream: Arc::clone(&upstream.name), kind }
    }

    async fn send(&self, request: Request) -> Result<Response, AttemptFailure> {
        let response = self.http.execute(request).await.map_err(|error| self.broken(&error))?;
        let status = response.status();
        let wait = classify::retry_after(response.headers());
        if status.is_success() {
            let body = self.body(response).await?;
            let body = self.kind.receive(body).await;
            return body.map(success).map_err(|why| self.unusable(why, wait));
        }
        let body = self.error_body(response).await;
        if status.is_client_error()
            && body.is_filtered()
            && let Some(filtered) = self.kind.filtered()
        {
            return Ok(success(filtered));
        }
        Err(classify::failure(&self.upstream, status, wait, &body, K::CHECK))
    }

    /// The whole body, so that a timeout around this service covers it.
    async fn body(&self, mut response: Response) -> Result<Bytes, AttemptFailure> {
        let limit = self.kind.max_bytes();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(&error))? {
            if body.len() + chunk.len() > limit {
                let detail = format!("the answer is larger than {limit} bytes");
                return Err(AttemptFailure::upstream(&self.upstream, detail));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.into())
    }

    /// What can be had of an error's body.
    async fn error_body(&self, mut response: Response) -> ErrorBody {
        let mut body = Vec::new();
        let read = async {
            while let Ok(Some(chunk)) = response.chunk().await {
                body.extend_from_slice(&chunk);
                if body.len() > MAX_ERROR_BYTES {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(ERROR_BODY_TIME, read).await;
        ErrorBody::parse(&body)
    }

    fn unusable(&self, why: Unusable, wait: Option<Duration>) -> AttemptFailure {
        match why {
            Unusable::Error(error) => {
                let error = ErrorBody::from_value(error);
                classify::failure(&self.upstream, error.status(), wait, &error, K::CHECK)
            }
            Unusable::Broken(detail) => AttemptFailure::upstream(&self.upstream, detail),
            Unusable::Misconfigured(detail) => {
                AttemptFailure::misconfigured(&self.upstream, detail)
            }
        }
    }

    fn broken(&self, error: &reqwest::Error) -> AttemptFailure {
        let detail = if error.is_connect() {
            connect_detail(error)
        } else if error.is_decode() {
            "the answer can't be unpacked"
        } else {
            "the connection broke before the answer was complete"
        };
        AttemptFailure::upstream(&self.upstream, detail)
    }
}

/// Why there is no connection, as far as the error tells.
fn connect_detail(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        return "no connection in time";
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            match error.kind() {
                ErrorKind::ConnectionRefused => return "connection refused: is it running?",
                ErrorKind::InvalidData => return "TLS failed: check its certificate",
                _ => {}
            }
        }
        cause = error.source();
    }
    "no connection: check base_url and the network"
}

fn success(body: Bytes) -> Response {
    let mut response = http::Response::new(reqwest::Body::from(body));
    *response.status_mut() = StatusCode::OK;
    response.into()
}

impl<K: AnswerKind> Service<HttpRequestFactory> for Transport<K> {
    type Response = Response;
    type Error = AttemptFailure;
    type Future = BoxFuture<'static, Result<Response, AttemptFailure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), AttemptFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, factory: HttpRequestFactory) -> Self::Future {
        let transport = self.clone();
        Box::pin(async move {
            let request = factory.build().await.map_err(|_| {
                AttemptFailure::rejected(&transport.upstream, "the request can't be built")
            })?;
            transport.send(request).await
        })
    }
}
