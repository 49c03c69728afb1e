//! The `[embedding]` table.

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where embeddings come from, with what that needs to know. A key that the
/// chosen provider doesn't read is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Keys", into = "Keys")]
pub enum EmbeddingConfig {
    /// `provider = "builtin"`: the model inside the binary.
    Builtin(BuiltinEncoderConfig),
    /// `provider = "openai"`: the `/v1/embeddings` of an upstream.
    OpenAi(RemoteEncoderConfig),
}

impl Default for EmbeddingConfig {
    fn default() -> Self {
        Self::Builtin(BuiltinEncoderConfig::default())
    }
}

/// Settings of the model inside the binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltinEncoderConfig {
    /// Most parts of a long document that are embedded, 1 to [`MAX_PARTS`].
    /// Default: 4.
    pub parts: usize,
    /// Most threads that embed documents at a time, at least 1. Default: half
    /// of the cores.
    pub document_threads: Option<usize>,
}

impl Default for BuiltinEncoderConfig {
    fn default() -> Self {
        Self { parts: 4, document_threads: None }
    }
}

/// Settings of a model behind an upstream's `/v1/embeddings`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteEncoderConfig {
    /// Name of the upstream. Required.
    pub upstream: String,
    /// The upstream's name for the model. Required.
    pub model: String,
    /// Length of the vectors. Required.
    pub dimensions: usize,
    /// Whether requests name the dimensions, which models that offer one length
    /// alone refuse. Default: true.
    pub send_dimensions: bool,
    /// What stands before every query, such as `"query: "`. Default: nothing.
    pub query_prefix: String,
    /// What stands before every part of a document. Default: nothing.
    pub document_prefix: String,
    /// Most parts of a long document that are embedded, 1 to [`MAX_PARTS`].
    /// Default: 1, since such models read thousands of tokens.
    pub parts: usize,
    /// Most tokens that the model reads of one text, at least
    /// [`MIN_MAX_TOKENS`]. Default: 8191.
    pub max_tokens: usize,
    /// Most texts of one request, at least 1. Default: 256.
    pub max_batch: usize,
    /// Most tokens of one request, at least `max_tokens`. Default: 100000.
    pub max_batch_tokens: usize,
    /// Most requests at a time, at least 1. Default: 4.
    pub max_in_flight: usize,
    /// Memory for embeddings that may be wanted again; 0 keeps none. Default:
    /// 64 MiB.
    pub cache_bytes: ByteSize,
}

impl RemoteEncoderConfig {
    /// A model of an upstream, with defaults for the rest.
    #[must_use]
    pub fn of(upstream: &str, model: &str, dimensions: usize) -> Self {
        Self {
            upstream: upstream.to_owned(),
            model: model.to_owned(),
            dimensions,
            send_dimensions: true,
            query_prefix: String::new(),
            document_prefix: String::new(),
            parts: 1,
            max_tokens: 8191,
            max_batch: 256,
            max_batch_tokens: 100_000,
            max_in_flight: 4,
            cache_bytes: ByteSize::mib(64),
        }
    }
}

/// Most parts of a document. Each is a vector that every search may look at.
pub const MAX_PARTS: usize = 64;

/// Fewest tokens that a model has to read: a prefix and some of the text.
pub const MIN_MAX_TOKENS: usize = 16;

/// Far beyond the cores of any machine; a thread each is started.
const MAX_THREADS: usize = 1024;

/// Longest vector that the engine stores.
const MAX_DIMENSIONS: usize = 65_536;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Provider {
    /// The English model in the binary.
    #[default]
    Builtin,
    /// A model behind an upstream's `/v1/embeddings`.
    OpenAi,
}

impl std::fmt::Display for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Builtin => "builtin",
            Self::OpenAi => "openai",
        })
    }
}

/// Where embeddings come from: the keys of all providers. One that the chosen
/// provider doesn't read is an error.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "EmbeddingConfig")]
struct Keys {
    /// Who embeds: the model in the binary, or an upstream's `/v1/embeddings`.
    provider: Provider,
    /// Name of the upstream. Of "openai", which needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<String>,
    /// The upstream's name for the model. Of "openai", which needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// Length of the vectors. Of "openai", which needs it.
    #[schemars(range(min = 1, max = MAX_DIMENSIONS))]
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
    /// Whether requests name the dimensions, which models that offer one length
    /// alone refuse; absent: they do. Of "openai".
    #[serde(skip_serializing_if = "Option::is_none")]
    send_dimensions: Option<bool>,
    /// What stands before every query, such as `"query: "`; absent: nothing. Of
    /// "openai".
    #[serde(skip_serializing_if = "Option::is_none")]
    query_prefix: Option<String>,
    /// What stands before every part of a document; absent: nothing. Of
    /// "openai".
    #[serde(skip_serializing_if = "Option::is_none")]
    document_prefix: Option<String>,
    /// Most parts of a long document that are embedded; absent: 4 for the model
    /// in the binary, 1 for "openai", whose models read thousands of tokens.
    #[schemars(range(min = 1, max = MAX_PARTS))]
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<usize>,
    /// Most threads that embed documents beside searches; absent: half of the
    /// cores. Of "builtin".
    #[schemars(range(min = 1, max = MAX_THREADS))]
    #[serde(skip_serializing_if = "Option::is_none")]
    document_threads: Option<usize>,
    /// Most tokens that the model reads of one text; absent: 8191. Of "openai".
    #[schemars(range(min = MIN_MAX_TOKENS))]
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<usize>,
    /// Most texts of one request; absent: 256. Of "openai".
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    max_batch: Option<usize>,
    /// Most tokens of one request, at least `max_tokens`; absent: 100000. Of
    /// "openai".
    #[serde(skip_serializing_if = "Option::is_none")]
    max_batch_tokens: Option<usize>,
    /// Most requests at a time; absent: 4. Of "openai".
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    max_in_flight: Option<usize>,
    /// Memory for embeddings that may be wanted again, such as `"64MiB"`, which
    /// is what it is where it is absent; 0 keeps none. Of "openai".
    #[schemars(with = "Option<String>", extend("type" = ["string", "integer"]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_bytes: Option<ByteSize>,
}

/// What is wrong with an `[embedding]` table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum InvalidEmbedding {
    #[error(
        "provider = \"{provider}\" doesn't read {key}: remove it, or write provider = \"{reader}\""
    )]
    NotRead { provider: Provider, key: &'static str, reader: Provider },
    #[error("provider = \"openai\" needs {key}: write {example}")]
    Missing { key: &'static str, example: &'static str },
    #[error("{key} = {value} is too low: write at least {least}")]
    TooLow { key: &'static str, value: usize, least: usize },
    #[error("{key} = {value} is too high: write at most {most}")]
    TooHigh { key: &'static str, value: usize, most: usize },
    #[error(
        "max_batch_tokens = {batch} is less than max_tokens = {text}, so that the longest texts \
         would fit into no request: write {text} or more"
    )]
    NarrowBatch { batch: usize, text: usize },
}

impl TryFrom<Keys> for EmbeddingConfig {
    type Error = InvalidEmbedding;

    fn try_from(keys: Keys) -> Result<Self, InvalidEmbedding> {
        match keys.provider {
            Provider::Builtin => builtin(keys).map(Self::Builtin),
            Provider::OpenAi => remote(keys).map(Self::OpenAi),
        }
    }
}

/// Each of the two takes the keys apart by name, so that none can be added and
/// forgotten there.
fn builtin(keys: Keys) -> Result<BuiltinEncoderConfig, InvalidEmbedding> {
    let Keys {
        provider,
        parts,
        document_threads,
        upstream,
        model,
        dimensions,
        send_dimensions,
        query_prefix,
        document_prefix,
        max_tokens,
        max_batch,
        max_batch_tokens,
        max_in_flight,
        cache_bytes,
    } = keys;
    let of_the_other = [
        ("upstream", upstream.is_some()),
        ("model", model.is_some()),
        ("dimensions", dimensions.is_some()),
        ("send_dimensions", send_dimensions.is_some()),
        ("query_prefix", query_prefix.is_some()),
        ("document_prefix", document_prefix.is_some()),
        ("max_tokens", max_tokens.is_some()),
        ("max_batch", max_batch.is_some()),
        ("max_batch_tokens", max_batch_tokens.is_some()),
        ("max_in_flight", max_in_flight.is_some()),
        ("cache_bytes", cache_bytes.is_some()),
    ];
    if let Some((key, _)) = of_the_other.into_iter().find(|(_, given)| *given) {
        return Err(InvalidEmbedding::NotRead { provider, key, reader: Provider::OpenAi });
    }
    let default = BuiltinEncoderConfig::default();
    let document_threads = document_threads
        .map(|threads| within("document_threads", threads, 1, MAX_THREADS))
        .transpose()?;
    let parts = within("parts", parts.unwrap_or(default.parts), 1, MAX_PARTS)?;
    Ok(BuiltinEncoderConfig { parts, document_threads })
}

fn remote(keys: Keys) -> Result<RemoteEncoderConfig, InvalidEmbedding> {
    let Keys {
        provider,
        parts,
        document_threads,
        upstream,
        model,
        dimensions,
        send_dimensions,
        query_prefix,
        document_prefix,
        max_tokens,
        max_batch,
        max_batch_tokens,
        max_in_flight,
        cache_bytes,
    } = keys;
    if document_threads.is_some() {
        let key = "document_threads";
        return Err(InvalidEmbedding::NotRead { provider, key, reader: Provider::Builtin });
    }
    let missing = |key, example| move || InvalidEmbedding::Missing { key, example };
    let named = |name: Option<String>| name.filter(|name| !name.trim().is_empty());
    let upstream = named(upstream)
        .ok_or_else(missing("upstream", "upstream = \"NAME\" with a table [upstreams.NAME]"))?;
    let model =
        named(model).ok_or_else(missing("model", "the upstream's name for it, model = \"…\""))?;
    let dimensions = dimensions
        .ok_or_else(missing("dimensions", "the length of the model's vectors, dimensions = …"))?;
    let dimensions = within("dimensions", dimensions, 1, MAX_DIMENSIONS)?;

    let default = RemoteEncoderConfig::of(&upstream, &model, dimensions);
    let max_tokens = max_tokens.unwrap_or(default.max_tokens);
    let max_tokens = within("max_tokens", max_tokens, MIN_MAX_TOKENS, usize::MAX)?;
    let max_batch_tokens = max_batch_tokens.unwrap_or(default.max_batch_tokens);
    if max_batch_tokens < max_tokens {
        return Err(InvalidEmbedding::NarrowBatch { batch: max_batch_tokens, text: max_tokens });
    }
    let max_in_flight = max_in_flight.unwrap_or(default.max_in_flight);
    Ok(RemoteEncoderConfig {
        send_dimensions: send_dimensions.unwrap_or(default.send_dimensions),
        query_prefix: query_prefix.unwrap_or(default.query_prefix),
        document_prefix: document_prefix.unwrap_or(default.document_prefix),
        parts: within("parts", parts.unwrap_or(default.parts), 1, MAX_PARTS)?,
        max_tokens,
        max_batch: within("max_batch", max_batch.unwrap_or(default.max_batch), 1, usize::MAX)?,
        max_batch_tokens,
        max_in_flight: within("max_in_flight", max_in_flight, 1, usize::MAX)?,
        cache_bytes: cache_bytes.unwrap_or(default.cache_bytes),
        upstream,
        model,
        dimensions,
    })
}

fn within(
    key: &'static str,
    value: usize,
    least: usize,
    most: usize,
) -> Result<usize, InvalidEmbedding> {
    if value < least {
        return Err(InvalidEmbedding::TooLow { key, value, least });
    }
    if value > most {
        return Err(InvalidEmbedding::TooHigh { key, value, most });
    }
    Ok(value)
}

impl From<EmbeddingConfig> for Keys {
    fn from(config: EmbeddingConfig) -> Self {
        match config {
            EmbeddingConfig::Builtin(BuiltinEncoderConfig { parts, document_threads }) => {
                Self { parts: Some(parts), document_threads, ..Self::default() }
            }
            EmbeddingConfig::OpenAi(remote) => Self {
                provider: Provider::OpenAi,
                upstream: Some(remote.upstream),
                model: Some(remote.model),
                dimensions: Some(remote.dimensions),
                send_dimensions: Some(remote.send_dimensions),
                query_prefix: Some(remote.query_prefix),
                document_prefix: Some(remote.document_prefix),
                parts: Some(remote.parts),
                document_threads: None,
                max_tokens: Some(remote.max_tokens),
                max_batch: Some(remote.max_batch),
                max_batch_tokens: Some(remote.max_batch_tokens),
                max_in_flight: Some(remote.max_in_flight),
                cache_bytes: Some(remote.cache_bytes),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    fn read(text: &str) -> Result<EmbeddingConfig, toml::de::Error> {
        toml::from_str(text)
    }

    const REMOTE: &str = "provider = \"openai\"\nupstream = \"u\"\nmodel = \"m\"\ndimensions = 8\n";

    #[test]
    fn defaults_are_the_documented_ones() {
        let builtin = BuiltinEncoderConfig { parts: 4, document_threads: None };
        assert_eq!(read("").unwrap(), EmbeddingConfig::Builtin(builtin));
        assert_eq!(read("provider = \"builtin\"").unwrap(), EmbeddingConfig::default());
        let EmbeddingConfig::OpenAi(remote) = read(REMOTE).unwrap() else { panic!("remote") };
        assert_eq!(remote, RemoteEncoderConfig::of("u", "m", 8));
        assert!(remote.send_dimensions && remote.query_prefix.is_empty());
        assert_eq!((remote.parts, remote.max_tokens), (1, 8191));
        assert_eq!((remote.max_batch, remote.max_batch_tokens), (256, 100_000));
        assert_eq!((remote.max_in_flight, remote.cache_bytes), (4, ByteSize::mib(64)));
    }

    #[test]
    fn every_key_is_read_and_written_back() {
        let builtin = "parts = 2\ndocument_threads = 3";
        let expected = BuiltinEncoderConfig { parts: 2, document_threads: Some(3) };
        assert_eq!(read(builtin).unwrap(), EmbeddingConfig::Builtin(expected));
        let remote = format!(
            "{REMOTE}send_dimensions = false\nquery_prefix = \"query: \"\nmax_batch = 7\n\
             document_prefix = \"passage: \"\nparts = 3\nmax_tokens = 512\n\
             max_batch_tokens = 600\nmax_in_flight = 2\ncache_bytes = \"1MiB\""
        );
        let expected = RemoteEncoderConfig {
            upstream: "u".into(),
            model: "m".into(),
            dimensions: 8,
            send_dimensions: false,
            query_prefix: "query: ".into(),
            document_prefix: "passage: ".into(),
            parts: 3,
            max_tokens: 512,
            max_batch: 7,
            max_batch_tokens: 600,
            max_in_flight: 2,
            cache_bytes: ByteSize::mib(1),
        };
        assert_eq!(read(&remote).unwrap(), EmbeddingConfig::OpenAi(expected));
        for text in ["", builtin, REMOTE, &remote] {
            let config = read(text).unwrap();
            assert_eq!(read(&toml::to_string(&config).unwrap()).unwrap(), config);
        }
    }

    #[test_case("upstream = \"u\"", "upstream", "builtin" ; "an upstream for the builtin model")]
    #[test_case("cache_bytes = \"1MiB\"", "cache_bytes", "builtin" ; "a cache for the builtin model")]
    #[test_case("max_in_flight = 1", "max_in_flight", "builtin" ; "calls of the builtin model")]
    #[test_case("provider = \"openai\"\ndocument_threads = 1", "document_threads", "openai"
        ; "threads for an upstream")]
    #[test_case("provider = \"openai\"\nmodel = \"m\"\ndimensions = 8", "upstream", "openai"
        ; "no upstream")]
    #[test_case("provider = \"openai\"\nupstream = \"u\"\ndimensions = 8", "model", "openai"
        ; "no model")]
    #[test_case("provider = \"openai\"\nupstream = \"u\"\nmodel = \"m\"", "dimensions", "openai"
        ; "no dimensions")]
    #[test_case("provider = \"cohere\"", "cohere", "builtin" ; "another provider")]
    #[test_case("modle = \"m\"", "modle", "model" ; "a key that does not exist")]
    #[test_case("parts = 0", "parts = 0", "at least 1" ; "no parts")]
    #[test_case("parts = 65", "parts = 65", "at most 64" ; "too many parts")]
    #[test_case("document_threads = 0", "document_threads = 0", "at least 1" ; "no threads")]
    fn what_is_wrong_is_named(text: &str, key: &str, other: &str) {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(key) && error.contains(other), "{error}");
    }

    #[test_case("max_tokens = 4", "max_tokens = 4", "at least 16" ; "too few tokens")]
    #[test_case("max_batch = 0", "max_batch = 0", "at least 1" ; "empty requests")]
    #[test_case("max_in_flight = 0", "max_in_flight = 0", "at least 1" ; "no requests")]
    #[test_case("max_batch_tokens = 8190", "max_batch_tokens = 8190", "max_tokens = 8191"
        ; "a request that holds no text")]
    fn limits_of_an_upstream_are_checked(text: &str, key: &str, other: &str) {
        let error = read(&format!("{REMOTE}{text}")).unwrap_err().to_string();
        assert!(error.contains(key) && error.contains(other), "{error}");
    }

    #[test]
    fn names_are_not_empty_and_vectors_not_endless() {
        for (right, wrong) in
            [("\"u\"", "\" \""), ("\"m\"", "\"\""), ("= 8", "= 0"), ("= 8", "= 70000")]
        {
            assert!(read(&REMOTE.replace(right, wrong)).is_err(), "{wrong}");
        }
    }
}
