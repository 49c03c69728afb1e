//! Stand-ins for configuration types that other modules own. Once those have
//! landed, this folder goes and `config/mod.rs` imports theirs.

mod cache;
mod llm;
mod retrieve;
mod secret;

pub use cache::CacheConfig;
pub use llm::{LlmConfig, ModelConfig, UpstreamConfig};
pub use retrieve::{CollectionConfig, EmbeddingConfig, RetrievalConfig};
pub use secret::SecretSource;
