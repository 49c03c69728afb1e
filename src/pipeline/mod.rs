//! The story of a request: retrieve, look into the cache, rerank or fall back,
//! and say which happened.

mod answer;
mod config;
mod request;

pub use answer::{Answer, RankedResult, RankingInfo, Timing};
pub use config::{PipelineConfig, PromptChoice, RetrieveConfig};
pub use request::{Asked, RequestError, RerankRequest, SearchRequest};
