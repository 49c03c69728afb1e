//! Refuses requests that don't say, in one way, which host they are for.
//! hyper lets a missing and a repeated Host pass; proxies in front of us may
//! read them differently than we do.

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{Version, header};
use axum::middleware::Next;
use axum::response::Response;

use super::arrival::Arrival;
use super::dialects::Dialect;
use super::error::{ApiError, ErrorCode};

/// Answers 400 where the host is not clear.
pub(super) async fn check(request: Request, next: Next) -> Response {
    match problem(&request) {
        None => next.run(request).await,
        Some(problem) => {
            let id = Arrival::of(request.extensions()).id;
            let error = ApiError::new(ErrorCode::BadHost, problem);
            Dialect::of_path(request.uri().path()).error(&error, &id)
        }
    }
}

fn problem<B>(request: &axum::http::Request<B>) -> Option<&'static str> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    if more.is_some() {
        return Some("the request has more than one Host header");
    }
    let Some(host) = host else {
        let named = request.uri().authority().is_some() || request.version() < Version::HTTP_11;
        return (!named).then_some("the request has no Host header");
    };
    let valid = host.to_str().is_ok_and(|host| host.parse::<Authority>().is_ok());
    (!valid).then_some("the Host header is no host name")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(version: Version, uri: &str, hosts: &[&str]) -> Option<&'static str> {
        let mut request = axum::http::Request::builder().version(version).uri(uri);
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        problem(&request.body(()).unwrap())
    }

    #[test]
    fn one_host_is_wanted() {
        let (v1, v2) = (Version::HTTP_11, Version::HTTP_2);
        assert_eq!(found(v1, "/", &["localhost:8080"]), None);
        assert_eq!(found(v2, "http://localhost/", &[]), None);
        assert_eq!(found(Version::HTTP_10, "/", &[]), None);
        assert!(found(v1, "/", &[]).unwrap().contains("no Host"));
        assert!(found(v2, "/", &[]).unwrap().contains("no Host"));
        assert!(found(v1, "/", &["a", "b"]).unwrap().contains("more than one"));
        assert!(found(v1, "/", &["a b"]).unwrap().contains("no host name"));
    }
}
