//! Sections that belong to no module: server, log, prompts and limits.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the gateway listens, and what it takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Where to listen; port 0 picks a free one.
    #[schemars(with = "String")]
    pub listen: ListenAddress,
    /// Largest request body; a larger one is answered 413. Documents for a
    /// collection are stored as they come: they have no limit together, a line
    /// of them at most 4 MiB, and a pause between them at most 30 s.
    #[schemars(with = "String", extend("type" = ["string", "integer"]))]
    pub max_body: ByteSize,
    /// The pipeline for requests that name none.
    pub default_pipeline: String,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: ListenAddress(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))),
            max_body: ByteSize::mib(16),
            default_pipeline: "default".into(),
        }
    }
}

/// An IP address and port, or `localhost` and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ListenAddress(pub SocketAddr);

impl ListenAddress {
    /// Whether only this machine can reach it.
    #[must_use]
    pub fn is_loopback(self) -> bool {
        self.0.ip().to_canonical().is_loopback()
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ListenAddress {
    type Err = InvalidListenAddress;

    fn from_str(text: &str) -> Result<Self, InvalidListenAddress> {
        let numeric = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => text.to_owned(),
        };
        numeric.parse().map(Self).map_err(|_| InvalidListenAddress(text.to_owned()))
    }
}

impl TryFrom<String> for ListenAddress {
    type Error = InvalidListenAddress;

    fn try_from(text: String) -> Result<Self, InvalidListenAddress> {
        text.parse()
    }
}

impl From<ListenAddress> for String {
    fn from(address: ListenAddress) -> Self {
        address.to_string()
    }
}

/// Not an address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no address and port: write it like \"127.0.0.1:8080\" or \"[::1]:8080\"")]
pub struct InvalidListenAddress(String);

/// How it logs, which is on stderr.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// The form of log lines.
    pub format: LogFormat,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Human on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Where the prompts are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PromptsConfig {
    /// Folder of prompt files. Absent: `prompts`, or the prompts that the
    /// program carries where there is no such folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
}

/// Limits for everyone. An absent limit is off; 0 means that none is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Most ranked requests at a time; one more is answered 429.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<usize>,
    /// Most LLM calls at a time; a request that finds no free one by its
    /// deadline is ranked classically.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub llm_max_in_flight: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_and_says_how_to_write_them() {
        let address: ListenAddress = "localhost:0".parse().unwrap();
        assert_eq!(address.to_string(), "127.0.0.1:0");
        assert!("[::1]:80".parse::<ListenAddress>().unwrap().is_loopback());
        assert!("[::ffff:127.0.0.1]:80".parse::<ListenAddress>().unwrap().is_loopback());
        assert!(!"0.0.0.0:80".parse::<ListenAddress>().unwrap().is_loopback());
        let error = "8080".parse::<ListenAddress>().unwrap_err().to_string();
        assert!(error.contains("\"8080\"") && error.contains("127.0.0.1:8080"), "{error}");
    }
}
