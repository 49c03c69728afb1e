//! How a Qdrant server or cluster is reached and used: `retrieval.url` and the
//! keys of `[retrieval.server]`.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use http::Uri;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// gRPC port of Qdrant where the address names none.
const PORT: u16 = 6334;

/// A Qdrant server or cluster, and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "QdrantServerConfig")]
pub struct ServerConfig {
    /// Address of its gRPC port; `http://127.0.0.1:6334` by default. In the
    /// file it stands one level up, beside the engine: `retrieval.url`.
    #[serde(skip)]
    pub url: ServerUrl,
    /// Longest wait for one call of a search in milliseconds, 5000 by default.
    /// The request's own deadline may be earlier. Writes may take until theirs.
    pub timeout_ms: NonZeroU64,
    /// How many replicas have to agree on what a search finds; `"one"` by
    /// default.
    #[schemars(with = "Consistency")]
    pub read_consistency: ReadConsistency,
    /// In which order replicas apply writes; `"weak"` by default.
    pub write_ordering: WriteOrdering,
    /// The shards that documents are in, where collections are sharded by a
    /// key of the operator's. New collections get it as their only key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard_key: Option<ShardKey>,
    /// Shards of a new collection (with `shard_key`: of that key); Qdrant
    /// decides where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard_number: Option<NonZeroU32>,
    /// Copies of each shard of a new collection; Qdrant decides where it is
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication_factor: Option<NonZeroU32>,
    /// Copies that have to confirm a write to a new collection; Qdrant decides
    /// where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_consistency_factor: Option<NonZeroU32>,
    /// Whether embeddings of a new collection are read from disk rather than
    /// kept in memory; Qdrant decides where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_disk_vectors: Option<bool>,
    /// Whether documents of a new collection are read from disk rather than
    /// kept in memory; Qdrant decides where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_disk_payload: Option<bool>,
    /// Most documents of one write request, 64 by default.
    pub upsert_batch: NonZeroUsize,
    /// Most write requests under way for one batch of documents, 4 by default.
    pub upsert_concurrency: NonZeroUsize,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            url: ServerUrl::default(),
            timeout_ms: NonZeroU64::MIN.saturating_add(4999),
            read_consistency: ReadConsistency::One,
            write_ordering: WriteOrdering::Weak,
            shard_key: None,
            shard_number: None,
            replication_factor: None,
            write_consistency_factor: None,
            on_disk_vectors: None,
            on_disk_payload: None,
            upsert_batch: NonZeroUsize::MIN.saturating_add(63),
            upsert_concurrency: NonZeroUsize::MIN.saturating_add(3),
        }
    }
}

impl ServerConfig {
    /// Longest wait for one call of a search.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.get())
    }
}

/// Address of a Qdrant's gRPC port: `http://HOST[:PORT]`, or `https://` for
/// TLS.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerUrl {
    /// Scheme, host and port.
    text: String,
    scheme: Scheme,
    host: String,
    port: u16,
    /// Whether a user or password stood in it. They are dropped at once, so
    /// that no message can show them; using the address fails.
    has_credentials: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

/// The text is no address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be http://HOST or https://HOST of Qdrant's gRPC port, such as http://127.0.0.1:6334, and \
     nothing behind it"
)]
pub struct InvalidUrl;

impl ServerUrl {
    /// Reads an address. Without a port it is Qdrant's for gRPC, 6334.
    ///
    /// # Errors
    /// When it is no address of a server, or has a path.
    pub fn new(text: &str) -> Result<Self, InvalidUrl> {
        let uri: Uri = text.trim().parse().map_err(|_| InvalidUrl)?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return Err(InvalidUrl),
        };
        let authority = uri.authority().ok_or(InvalidUrl)?;
        let host = authority.host().to_owned();
        let port = match authority.as_str().rsplit_once(':') {
            // Not the colon inside an IPv6 address, nor one before a password.
            Some((_, port)) if !port.contains([']', '@']) => {
                port.parse().map_err(|_| InvalidUrl)?
            }
            _ => PORT,
        };
        if host.is_empty() || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(InvalidUrl);
        }
        let text = format!("{}://{host}:{port}", uri.scheme_str().unwrap_or_default());
        let has_credentials = authority.as_str().contains('@');
        Ok(Self { text, scheme, host, port, has_credentials })
    }

    /// Scheme, host and port; never a user or password.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// Whether what is sent stays on this machine.
    pub(super) fn is_local(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let loopback = |address: std::net::IpAddr| address.is_loopback();
        host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(loopback)
    }

    pub(super) const fn has_credentials(&self) -> bool {
        self.has_credentials
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }
}

impl Default for ServerUrl {
    fn default() -> Self {
        Self {
            text: format!("http://127.0.0.1:{PORT}"),
            scheme: Scheme::Http,
            host: "127.0.0.1".into(),
            port: PORT,
            has_credentials: false,
        }
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl TryFrom<String> for ServerUrl {
    type Error = InvalidUrl;

    fn try_from(text: String) -> Result<Self, InvalidUrl> {
        Self::new(&text)
    }
}

impl From<ServerUrl> for String {
    fn from(url: ServerUrl) -> Self {
        url.text
    }
}

/// How many replicas have to agree on what a search finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadConsistency {
    /// One replica answers.
    #[default]
    One,
    /// All are asked, and what most of them hold counts.
    Majority,
    /// More than half are asked, and what all of these hold counts.
    Quorum,
    /// All are asked, and what all of them hold counts.
    All,
    /// So many are asked, and what all of these hold counts.
    Replicas(NonZeroU64),
}

/// In which order replicas apply writes to the same document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WriteOrdering {
    /// Any.
    #[default]
    Weak,
    /// That of a leader, which changes when the leader fails.
    Medium,
    /// That of one leader; writes fail while it is away.
    Strong,
}

/// The key of the shards that documents are in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a text or a whole number")]
pub enum ShardKey {
    /// A number.
    Number(u64),
    /// A text.
    Keyword(String),
}

/// What the file holds for [`ReadConsistency`].
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "\"one\", \"majority\", \"quorum\", \"all\" or a number of replicas")]
enum Consistency {
    /// By a word.
    Word(ConsistencyWord),
    /// So many are asked, and what all of these hold counts.
    Replicas(NonZeroU64),
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ConsistencyWord {
    /// One replica answers.
    One,
    /// All are asked, and what most of them hold counts.
    Majority,
    /// More than half are asked, and what all of these hold counts.
    Quorum,
    /// All are asked, and what all of them hold counts.
    All,
}

impl<'de> Deserialize<'de> for ReadConsistency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Consistency::deserialize(deserializer)? {
            Consistency::Word(ConsistencyWord::One) => Self::One,
            Consistency::Word(ConsistencyWord::Majority) => Self::Majority,
            Consistency::Word(ConsistencyWord::Quorum) => Self::Quorum,
            Consistency::Word(ConsistencyWord::All) => Self::All,
            Consistency::Replicas(replicas) => Self::Replicas(replicas),
        })
    }
}

impl Serialize for ReadConsistency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let consistency = match self {
            Self::One => Consistency::Word(ConsistencyWord::One),
            Self::Majority => Consistency::Word(ConsistencyWord::Majority),
            Self::Quorum => Consistency::Word(ConsistencyWord::Quorum),
            Self::All => Consistency::Word(ConsistencyWord::All),
            Self::Replicas(replicas) => Consistency::Replicas(*replicas),
        };
        consistency.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn read(text: &str) -> Result<ServerConfig, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn defaults_are_the_documented_ones() {
        let config = read("").unwrap();
        assert_eq!(config, ServerConfig::default());
        assert_eq!(config.url.as_str(), "http://127.0.0.1:6334");
        assert_eq!(ServerUrl::new("http://127.0.0.1").unwrap(), ServerUrl::default());
        assert_eq!(config.timeout(), Duration::from_secs(5));
        assert_eq!((config.upsert_batch.get(), config.upsert_concurrency.get()), (64, 4));
    }

    #[test]
    fn what_is_written_is_read() {
        let text = "timeout_ms = 800\nread_consistency = 2\n\
                    write_ordering = \"strong\"\nshard_key = \"eu\"\nshard_number = 6\n\
                    replication_factor = 3\nwrite_consistency_factor = 2\non_disk_vectors = true\n\
                    on_disk_payload = false\nupsert_batch = 100\nupsert_concurrency = 8\n";
        let config = read(text).unwrap();
        assert_eq!(toml::to_string(&config).unwrap(), text);
        assert_eq!(read(text).unwrap(), config);
    }

    #[test_case("\"one\"", ReadConsistency::One ; "one")]
    #[test_case("\"majority\"", ReadConsistency::Majority ; "majority")]
    #[test_case("\"quorum\"", ReadConsistency::Quorum ; "quorum")]
    #[test_case("\"all\"", ReadConsistency::All ; "all")]
    #[test_case("3", ReadConsistency::Replicas(NonZeroU64::new(3).unwrap()) ; "three")]
    fn consistency_is_a_word_or_a_number(text: &str, expected: ReadConsistency) {
        let config = read(&format!("read_consistency = {text}")).unwrap();
        assert_eq!(config.read_consistency, expected);
        assert_eq!(read(&toml::to_string(&config).unwrap()).unwrap(), config);
    }

    #[test]
    fn a_shard_key_is_a_text_or_a_number() {
        let key = |text: &str| read(text).unwrap().shard_key.unwrap();
        assert_eq!(key("shard_key = 7"), ShardKey::Number(7));
        assert_eq!(key("shard_key = \"7\""), ShardKey::Keyword("7".into()));
    }

    #[test_case("read_consistency = 0", "\"quorum\"" ; "no replicas")]
    #[test_case("read_consistency = \"two\"", "\"quorum\"" ; "unknown word")]
    #[test_case("write_ordering = \"loose\"", "medium" ; "unknown ordering")]
    #[test_case("timeout_ms = 0", "nonzero" ; "no time")]
    #[test_case("upsert_batch = 0", "nonzero" ; "empty batches")]
    #[test_case("shard_key = 1.5", "whole number" ; "broken shard key")]
    #[test_case("uri = \"http://a\"", "unknown field" ; "unknown key")]
    fn what_is_wrong_is_named_with_what_is_right(text: &str, word: &str) {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }

    #[test_case("127.0.0.1:6334" ; "no scheme")]
    #[test_case("grpc://a:6334" ; "another scheme")]
    #[test_case("http://a:6334/x" ; "a path")]
    #[test_case("http://a:6334?x=1" ; "a query")]
    #[test_case("http://a:99999" ; "no such port")]
    #[test_case("" ; "nothing")]
    fn what_is_no_address_is_refused_with_an_example(text: &str) {
        let error = ServerUrl::new(text).unwrap_err().to_string();
        assert!(error.contains("http://127.0.0.1:6334"), "{error}");
    }

    #[test_case("http://q", "http://q:6334", false, false ; "default port")]
    #[test_case("https://q.example:443/", "https://q.example:443", true, false ; "tls")]
    #[test_case("http://[::1]", "http://[::1]:6334", false, true ; "ipv6")]
    #[test_case("http://[2001:db8::1]:80", "http://[2001:db8::1]:80", false, false ; "ipv6 and port")]
    #[test_case("http://localhost:1", "http://localhost:1", false, true ; "localhost")]
    #[test_case("http://127.9.9.9:1", "http://127.9.9.9:1", false, true ; "loopback")]
    fn addresses(text: &str, shown: &str, encrypted: bool, local: bool) {
        let url = ServerUrl::new(text).unwrap();
        assert_eq!(url.to_string(), shown);
        assert_eq!((url.is_encrypted(), url.is_local()), (encrypted, local));
        assert!(!url.has_credentials());
    }

    #[test_case("http://user:very-secret@q:6334" ; "password")]
    #[test_case("http://very-secret@q" ; "user")]
    fn a_secret_in_the_address_is_dropped_and_told(text: &str) {
        let url = ServerUrl::new(text).unwrap();
        assert!(url.has_credentials());
        assert_eq!(url.as_str(), "http://q:6334");
        assert!(!format!("{url:?}").contains("secret"));
    }
}
