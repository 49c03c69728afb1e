//! The `[retrieval]` and `[collections.NAME]` tables.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::UPDATED_AT;
use super::lexical::{Bm25Shape, FieldWeights, Lexical};
use super::server::{ServerConfig, ServerUrl};
use crate::secret::SecretSource;

/// The engine and where it keeps its data. The keys of both engines may stand
/// side by side: moving a collection from one to the other reads both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetrievalConfig {
    /// Which engine answers.
    pub engine: EngineKind,
    /// Folder of the embedded engine, one folder per collection in it.
    pub data_dir: PathBuf,
    /// Address of a Qdrant server's gRPC port.
    #[schemars(with = "String")]
    pub url: ServerUrl,
    /// Key of the Qdrant server; absent: none is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretSource>,
    /// How the server is used.
    pub server: ServerConfig,
}

impl Default for RetrievalConfig {
    fn default() -> Self {
        Self {
            engine: EngineKind::default(),
            data_dir: PathBuf::from("data"),
            url: ServerUrl::default(),
            api_key: None,
            server: ServerConfig::default(),
        }
    }
}

impl RetrievalConfig {
    /// Where the server is and how it is used.
    #[must_use]
    pub fn server_config(&self) -> ServerConfig {
        ServerConfig { url: self.url.clone(), ..self.server.clone() }
    }
}

/// The engines of the first stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// Qdrant in this process.
    #[default]
    Embedded,
    /// A Qdrant server or cluster.
    Qdrant,
}

/// How the documents of one collection are read and indexed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CollectionConfig {
    /// Stemming and stop words of BM25.
    pub language: Language,
    /// k1 and b of BM25.
    pub bm25: Bm25Shape,
    /// How much title and text count for BM25.
    pub fields: FieldWeights,
    /// Metadata keys that filters use, with the type of their values. A value
    /// of another type stays in the document, and filters don't see it.
    #[serde(deserialize_with = "indexed_keys")]
    pub indexed: BTreeMap<String, IndexType>,
    /// What the collection, or an alias of it, is called on a Qdrant server;
    /// absent: the same as here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_name: Option<String>,
}

impl CollectionConfig {
    /// The settings of BM25.
    #[must_use]
    pub const fn lexical(&self) -> Lexical {
        Lexical { language: self.language, shape: self.bm25, fields: self.fields }
    }

    /// Every metadata key that has an index: the configured ones, and
    /// [`UPDATED_AT`](super::UPDATED_AT) as a date where they don't say
    /// otherwise.
    #[must_use]
    pub fn indexes(&self) -> BTreeMap<String, IndexType> {
        let mut indexes = self.indexed.clone();
        indexes.entry(UPDATED_AT.to_owned()).or_insert(IndexType::Datetime);
        indexes
    }
}

/// The engine writes the keys of its indexes as quoted paths, in which it
/// knows no escapes.
fn indexed_keys<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, IndexType>, D::Error> {
    let indexed = BTreeMap::<String, IndexType>::deserialize(deserializer)?;
    match indexed.keys().find(|key| key.is_empty() || key.contains(['"', '\\'])) {
        Some(key) => Err(serde::de::Error::custom(format!(
            "the metadata key {key:?} can't be indexed: it is empty or has a quote or backslash; \
             rename the field in the data"
        ))),
        None => Ok(indexed),
    }
}

/// Types of metadata that can be indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IndexType {
    /// Strings that are compared whole.
    Keyword,
    /// Numbers.
    Float,
    /// Whole numbers; others are not seen by filters.
    Integer,
    /// `true` and `false`.
    Bool,
    /// RFC 3339 dates.
    Datetime,
}

/// Languages with a Snowball stemmer and a list of stop words.
///
/// A word is a run of letters and digits, in lower case. Accents count as they
/// are written, unless the language's stemmer folds them: the German one takes
/// ä, ö and ü for a, o and u, and ß for ss, so that "Häuser" finds "Haus".
///
/// What BM25 does not know in any language: parts of compounds ("Zelt" does not
/// find "Zeltplane"), irregular forms ("ging" does not find "gehen"), umlauts
/// written as two letters ("Haeuser"), and accents that are combining marks of
/// their own, which separate words (bring data into Unicode's form NFC). An
/// embedding model of the language makes up for some of it; the built-in model
/// knows English.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each variant is the language of its name")]
pub enum Language {
    /// No stemming and no stop words, but lower case: for every language that
    /// is not listed here, and for texts in several.
    None,
    Arabic,
    Danish,
    Dutch,
    #[default]
    English,
    Finnish,
    French,
    German,
    Greek,
    Hungarian,
    Italian,
    Norwegian,
    Portuguese,
    Romanian,
    Russian,
    Spanish,
    Swedish,
    Turkish,
}

impl Language {
    /// Every language, for tables and tests.
    pub const ALL: [Self; 18] = [
        Self::None,
        Self::Arabic,
        Self::Danish,
        Self::Dutch,
        Self::English,
        Self::Finnish,
        Self::French,
        Self::German,
        Self::Greek,
        Self::Hungarian,
        Self::Italian,
        Self::Norwegian,
        Self::Portuguese,
        Self::Romanian,
        Self::Russian,
        Self::Spanish,
        Self::Swedish,
        Self::Turkish,
    ];

    /// The name as it is written in the config.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Arabic => "arabic",
            Self::Danish => "danish",
            Self::Dutch => "dutch",
            Self::English => "english",
            Self::Finnish => "finnish",
            Self::French => "french",
            Self::German => "german",
            Self::Greek => "greek",
            Self::Hungarian => "hungarian",
            Self::Italian => "italian",
            Self::Norwegian => "norwegian",
            Self::Portuguese => "portuguese",
            Self::Romanian => "romanian",
            Self::Russian => "russian",
            Self::Spanish => "spanish",
            Self::Swedish => "swedish",
            Self::Turkish => "turkish",
        }
    }

    /// The language as a BCP 47 tag, as prompts are told it; empty where there
    /// is no one language.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Arabic => "ar",
            Self::Danish => "da",
            Self::Dutch => "nl",
            Self::English => "en",
            Self::Finnish => "fi",
            Self::French => "fr",
            Self::German => "de",
            Self::Greek => "el",
            Self::Hungarian => "hu",
            Self::Italian => "it",
            Self::Norwegian => "no",
            Self::Portuguese => "pt",
            Self::Romanian => "ro",
            Self::Russian => "ru",
            Self::Spanish => "es",
            Self::Swedish => "sv",
            Self::Turkish => "tr",
        }
    }
}

impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retrieve::ReadConsistency;

    fn retrieval(text: &str) -> Result<RetrievalConfig, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn defaults_are_the_documented_ones() {
        let config = retrieval("").unwrap();
        assert_eq!(config.engine, EngineKind::Embedded);
        assert_eq!(config.data_dir, PathBuf::from("data"));
        let collection: CollectionConfig = toml::from_str("").unwrap();
        assert_eq!(collection, CollectionConfig::default());
        assert_eq!(collection.lexical(), Lexical::default());
        assert_eq!(collection.language, Language::English);
    }

    #[test]
    fn two_keys_change_the_engine_and_the_rest_has_a_table_of_its_own() {
        let text = "engine = \"qdrant\"\nurl = \"https://q.example\"\n\
                    api_key = { env = \"QDRANT_API_KEY\" }\n\
                    [server]\nread_consistency = \"majority\"\n";
        let config = retrieval(text).unwrap();
        assert_eq!(config.engine, EngineKind::Qdrant);
        assert_eq!(config.url.as_str(), "https://q.example:6334");
        assert_eq!(config.server.read_consistency, ReadConsistency::Majority);
        let written = toml::to_string(&config).unwrap();
        assert_eq!(retrieval(&written).unwrap(), config);
    }

    #[test]
    fn unknown_keys_and_words_are_errors() {
        assert!(retrieval("data = \"x\"").is_err());
        assert!(retrieval("engine = \"elastic\"").is_err());
        assert!(toml::from_str::<CollectionConfig>("language = \"klingon\"").is_err());
        assert!(toml::from_str::<CollectionConfig>("indexed = { a = \"text\" }").is_err());
        assert!(toml::from_str::<CollectionConfig>("indexed = { 'a\"b' = \"bool\" }").is_err());
        assert!(toml::from_str::<CollectionConfig>("indexed = { 'a.b' = \"bool\" }").is_ok());
    }

    #[test]
    fn names_of_languages_are_the_ones_that_are_read() {
        for language in Language::ALL {
            let text = format!("language = \"{language}\"");
            let config: CollectionConfig = toml::from_str(&text).unwrap();
            assert_eq!(config.language, language);
        }
    }

    #[test]
    fn each_language_has_a_tag_of_its_own() {
        let tags: Vec<&str> = Language::ALL.iter().map(|language| language.tag()).collect();
        assert_eq!(
            tags,
            [
                "", "ar", "da", "nl", "en", "fi", "fr", "de", "el", "hu", "it", "no", "pt", "ro",
                "ru", "es", "sv", "tr"
            ]
        );
    }
}
