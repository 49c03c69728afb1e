//! A gateway that runs, asked over HTTP.

use std::time::Duration;

use reqwest::{RequestBuilder, Response, StatusCode, Url, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Attempts at a request, the first one included. Every request that is sent
/// here has the same effect twice as once.
const ATTEMPTS: u32 = 6;
/// The wait before the second attempt where the gateway names none; it doubles
/// with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Longest wait before another attempt, whatever the gateway says.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// Longest time to connect.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Longest silence: documents are embedded before they are acknowledged.
const SILENCE: Duration = Duration::from_mins(10);
/// Largest answer to an error that is read, in bytes.
const MAX_PROBLEM: usize = 64 * 1024;

/// A gateway at an address.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    http: reqwest::Client,
    base: Url,
    first_wait: Duration,
}

/// Why there is no answer that could be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum RemoteError {
    /// The address can't be one.
    #[error(
        "--url: \"{url}\" is no address of a gateway ({problem}): write it like http://127.0.0.1:8080"
    )]
    Address {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The HTTP client can't be made.
    #[error("HTTP can't be spoken here: {0}")]
    Client(reqwest::Error),
    /// There was no answer.
    #[error("{gateway}: {problem}")]
    NoAnswer {
        /// The address.
        gateway: String,
        /// What went wrong.
        problem: String,
    },
    /// The gateway doesn't do it.
    #[error("{gateway} answers {status}: {}", problem.detail)]
    Refused {
        /// The address.
        gateway: String,
        /// The status.
        status: StatusCode,
        /// What it says.
        problem: Problem,
    },
}

/// What a gateway says of an error.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Problem {
    /// What is wrong and what would be right.
    #[serde(default)]
    pub detail: String,
    /// The error's name.
    #[serde(default)]
    pub code: String,
    /// What a collection would be made with, where it isn't there.
    #[serde(flatten)]
    pub lexical: Option<crate::retrieve::Lexical>,
}

impl Remote {
    pub fn new(url: &str) -> Result<Self, RemoteError> {
        let invalid = |problem: &str| RemoteError::Address {
            url: url.to_owned(),
            problem: problem.to_owned(),
        };
        let base = Url::parse(url).map_err(|error| invalid(&error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(invalid("neither http:// nor https://"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(invalid("it goes on after the path"));
        }
        // Fails where the process already has one, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .user_agent(concat!("rankgate/", env!("CARGO_PKG_VERSION")))
            // Another host would receive the documents.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIME)
            .read_timeout(SILENCE);
        // A proxy from the environment can't reach this machine's own servers.
        let builder = if is_loopback(&base) { builder.no_proxy() } else { builder };
        let http = builder.build().map_err(RemoteError::Client)?;
        Ok(Self { http, base, first_wait: FIRST_WAIT })
    }

    /// The address of a resource; its segments are encoded.
    pub fn at(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    pub const fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The answer to a request, which is sent again where another attempt may
    /// succeed.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, RemoteError> {
        let mut wait = self.first_wait;
        for _ in 1..ATTEMPTS {
            let Some(attempt) = request.try_clone() else { break };
            let waited = match attempt.send().await {
                Ok(response) if worth_another(response.status()) => {
                    retry_after(&response).unwrap_or(wait)
                }
                Ok(response) => return self.checked(response).await,
                Err(_) => wait,
            };
            tokio::time::sleep(waited.min(LONGEST_WAIT)).await;
            wait *= 2;
        }
        let response = request.send().await.map_err(|error| self.no_answer(&error))?;
        self.checked(response).await
    }

    /// The same, read as JSON.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, RemoteError> {
        self.read(self.send(request).await?).await
    }

    /// The answer to a request that is sent once, read as JSON: for those who
    /// would rather hear at once that something is wrong.
    pub async fn ask_once<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, RemoteError> {
        let response = request.send().await.map_err(|error| self.no_answer(&error))?;
        self.read(self.checked(response).await?).await
    }

    async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, RemoteError> {
        response.json().await.map_err(|error| self.no_answer(&error))
    }

    async fn checked(&self, mut response: Response) -> Result<Response, RemoteError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_PROBLEM {
                break;
            }
        }
        let mut problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
        if problem.detail.is_empty() {
            "there may be no rankgate at this address".clone_into(&mut problem.detail);
        }
        Err(RemoteError::Refused { gateway: self.shown(), status, problem })
    }

    /// An error of a connection.
    pub fn no_answer(&self, error: &reqwest::Error) -> RemoteError {
        let problem = if error.is_connect() {
            "no gateway answers there: is `rankgate serve` running?".to_owned()
        } else if error.is_timeout() {
            "the gateway fell silent".to_owned()
        } else if error.is_decode() {
            "the answer is not what a rankgate answers".to_owned()
        } else {
            "the connection broke".to_owned()
        };
        RemoteError::NoAnswer { gateway: self.shown(), problem }
    }

    /// The address without anything secret.
    fn shown(&self) -> String {
        let mut url = self.base.clone();
        // They only fail where there can be no such parts.
        let _ = url.set_password(None);
        let _ = url.set_username("");
        url.to_string()
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Too busy, restarting, or a proxy before a gateway that is.
const fn worth_another(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse();
    seconds.ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::extract::Request;
    use axum::response::IntoResponse;

    use super::*;

    /// A server that answers with these statuses, the last one from then on.
    async fn server(statuses: &'static [u16]) -> (Remote, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let app = Router::new().fallback(move |request: Request| {
            let number = count.fetch_add(1, Ordering::SeqCst);
            let status = statuses.get(number).or(statuses.last()).copied().unwrap_or(200);
            async move {
                let path = request.uri().path().to_owned();
                let body = serde_json::json!({"detail": "scripted", "code": "x", "path": path});
                let status = StatusCode::from_u16(status).unwrap();
                (status, [("retry-after", "0")], axum::Json(body)).into_response()
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/base/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (Remote::new(&url).unwrap(), asked)
    }

    #[tokio::test]
    async fn what_may_succeed_later_is_tried_again() {
        let (remote, asked) = server(&[429, 503, 502, 200]).await;
        let answer: serde_json::Value =
            remote.ask(remote.http().get(remote.at(&["a/b", "ü %2F"]))).await.unwrap();
        assert_eq!(answer["path"], "/base/a%2Fb/%C3%BC%20%252F");
        assert_eq!(asked.load(Ordering::SeqCst), 4);
    }

    #[tokio::test]
    async fn what_is_refused_is_not_tried_again_and_a_busy_gateway_not_for_ever() {
        for (status, attempts) in [(404, 1), (422, 1), (500, 1), (503, ATTEMPTS as usize)] {
            let statuses: &'static [u16] = Box::leak(Box::new([status]));
            let (remote, asked) = server(statuses).await;
            let error = remote.send(remote.http().get(remote.at(&[]))).await.unwrap_err();
            assert!(error.to_string().ends_with(": scripted"), "{error}");
            assert_eq!(asked.load(Ordering::SeqCst), attempts, "{status}");
        }
    }

    #[tokio::test]
    async fn what_is_asked_once_is_asked_once() {
        let (remote, asked) = server(&[503, 200]).await;
        let request = || remote.http().get(remote.at(&[]));
        let error = remote.ask_once::<serde_json::Value>(request()).await.unwrap_err();
        assert!(error.to_string().contains("503"), "{error}");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert!(remote.ask_once::<serde_json::Value>(request()).await.is_ok());
    }

    #[tokio::test]
    async fn a_gateway_that_is_not_there_is_named_without_secrets() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let mut remote = Remote::new(&format!("http://me:secret@{address}")).unwrap();
        remote.first_wait = Duration::ZERO;
        let error = remote.send(remote.http().get(remote.at(&[]))).await.unwrap_err().to_string();
        assert!(error.contains("rankgate serve") && !error.contains("secret"), "{error}");
        assert!(error.contains(&address.to_string()), "{error}");
    }

    #[test]
    fn addresses_that_can_not_be_are_refused() {
        for url in ["", "8080", "127.0.0.1:8080", "ftp://a", "http://", "http://a/?b=c"] {
            let error = Remote::new(url).unwrap_err().to_string();
            assert!(error.contains("http://127.0.0.1:8080"), "{error}");
        }
        for url in ["http://localhost:1", "http://[::1]:1", "http://127.0.0.1"] {
            assert!(is_loopback(&Url::parse(url).unwrap()), "{url}");
        }
        assert!(!is_loopback(&Url::parse("http://example.org").unwrap()));
    }
}
