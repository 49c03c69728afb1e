//! The story of a request: retrieve, look into the cache, rerank or fall back,
//! and say which happened.

mod answer;
mod config;
mod flight;
mod gateway;
mod given;
mod ranked;
mod request;
mod serving;
mod spend;
mod stage;

pub use answer::{Answer, RankedResult, RankingInfo, Timing};
pub use config::{FusionName, PipelineConfig, PromptChoice, RetrieveConfig};
pub use gateway::Gateway;
pub use request::{Asked, RequestError, RerankRequest, SearchRequest};
pub use serving::{Chosen, Llm, ModelSlot, Pipeline, Serving, Unservable};
