//! The story of a request: retrieve, look into the cache, rerank or fall back,
//! and say which happened.

mod answer;
mod config;
mod gateway;
mod request;
mod serving;

pub use answer::{Answer, RankedResult, RankingInfo, Repairs, Timing};
pub use config::{PipelineConfig, PromptChoice, RetrieveConfig};
pub use gateway::Gateway;
pub use request::{Asked, RequestError, RerankRequest, SearchRequest};
pub use serving::{Pipeline, Serving, Unservable};
