//! The story of a request: retrieve, look into the cache, rerank or fall back,
//! and say which happened.

mod answer;
mod config;
mod explain;
mod flight;
mod follow;
mod gateway;
mod given;
mod promotion;
mod ranked;
mod request;
mod serving;
mod spend;
mod stage;
mod trace;

pub use answer::{Answer, ExplainAnswer, ExplainInfo, RankedResult, RankingInfo, Timing};
pub use config::{
    ExplainMode, FusionName, PipelineConfig, PromptChoice, RetrieveConfig, ReturnedDocuments,
};
pub use follow::{Event, Follower};
pub use gateway::Gateway;
pub use request::{
    Asked, DocumentsToExplain, ExplainRequest, RequestError, RerankRequest, SearchRequest,
};
pub use serving::{Chosen, Llm, ModelSlot, Pipeline, Serving, Unservable};
pub use trace::{CallOutcome, CallTrace, Fine, Purpose, Trace};
