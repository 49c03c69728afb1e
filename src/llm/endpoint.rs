//! Where an upstream is and what is sent with every request to it.

use async_openai::config::Config;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::config::BaseUrl;

/// Headers that the config may not set: the transport owns them, or they carry
/// a secret, which belongs into `api_key`.
const RESERVED_HEADERS: [&str; 14] = [
    "authorization",
    "proxy-authorization",
    "api-key",
    "x-api-key",
    "cookie",
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "accept-encoding",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
];

/// Where an upstream is and how it is addressed.
#[derive(Clone)]
pub(super) struct Endpoint {
    base_url: BaseUrl,
    api_key: SecretString,
    headers: HeaderMap,
}

/// A header that can't be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidHeader {
    /// The name is no header name.
    #[error("\"{0}\" is no header name")]
    Name(String),
    /// The name isn't for the config to set.
    #[error("\"{0}\" can't be set here; a key goes into api_key = {{ env = \"NAME\" }}")]
    Reserved(String),
    /// The value has characters that a header can't carry.
    #[error("the value of \"{0}\" has characters that a header can't carry")]
    Value(String),
    /// The key has such characters.
    #[error("the key has characters that a header can't carry")]
    Key,
}

impl Endpoint {
    /// The headers are built once, the key among them.
    pub fn new<'a>(
        base_url: BaseUrl,
        api_key: Option<SecretString>,
        headers: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Result<Self, InvalidHeader> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let (name, value) = header(name, value)?;
            map.insert(name, value);
        }
        if let Some(key) = &api_key {
            let bearer = format!("Bearer {}", key.expose_secret());
            let mut value = HeaderValue::try_from(bearer).map_err(|_| InvalidHeader::Key)?;
            value.set_sensitive(true);
            map.insert(AUTHORIZATION, value);
        }
        Ok(Self { base_url, api_key: api_key.unwrap_or_default(), headers: map })
    }
}

/// Checks one header of the config.
fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), InvalidHeader> {
    let parsed = HeaderName::try_from(name).map_err(|_| InvalidHeader::Name(name.to_owned()))?;
    if RESERVED_HEADERS.contains(&parsed.as_str()) {
        return Err(InvalidHeader::Reserved(name.to_owned()));
    }
    let value = HeaderValue::try_from(value).map_err(|_| InvalidHeader::Value(name.to_owned()))?;
    Ok((parsed, value))
}

/// Own, because `OpenAIConfig::new()` reads the environment.
impl Config for Endpoint {
    fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    fn url(&self, path: &str) -> String {
        self.base_url.join(path)
    }

    fn query(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    fn api_base(&self) -> &str {
        self.base_url.as_str()
    }

    fn api_key(&self) -> &SecretString {
        &self.api_key
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test]
    fn the_key_is_sent_as_a_bearer_token_and_not_shown() {
        let key = Some(SecretString::from("k-123"));
        let headers = [("X-Team".to_owned(), "search".to_owned())];
        let headers = headers.iter().map(|(name, value)| (name, value));
        let endpoint = Endpoint::new("https://host/v1".parse().unwrap(), key, headers).unwrap();
        assert_eq!(endpoint.headers()["authorization"], "Bearer k-123");
        assert_eq!(endpoint.headers()["x-team"], "search");
        assert!(!format!("{:?}", endpoint.headers()).contains("k-123"));
        assert_eq!(endpoint.url("/chat/completions"), "https://host/v1/chat/completions");
    }

    #[test_case("Authorization", "Bearer x")]
    #[test_case("HOST", "elsewhere")]
    #[test_case("api-key", "x")]
    #[test_case("a b", "x")]
    #[test_case("x-ok", "line\nbreak")]
    fn refuses_headers_that_are_not_for_the_config(name: &str, value: &str) {
        header(name, value).unwrap_err();
    }

    #[test]
    fn a_key_that_no_header_can_carry_is_refused_unseen() {
        let key = Some(SecretString::from("k\n123"));
        let error = Endpoint::new("https://host".parse().unwrap(), key, []).err().unwrap();
        assert_eq!(error, InvalidHeader::Key);
        assert!(!error.to_string().contains("123"));
    }
}
