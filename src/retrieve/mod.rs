//! The first stage: candidates in classical order.
//!
//! [`Retriever`] is the one interface; an engine answers each component query
//! (BM25, dense) by itself and the fusion is ours, so that engines agree.
//! [`EmbeddedEngine`] is Qdrant in this process. Requests that bring their own
//! documents are ordered by [`LocalBm25`], which needs no engine.

mod analyzer;
mod bm25;
mod config;
mod embedded;
mod encoder;
mod filter;
mod fuse;
mod index;
mod lexical;
mod retriever;

pub use analyzer::{Analyzer, InvalidAnalyzer};
pub use bm25::LocalBm25;
pub use config::{
    CollectionConfig, EmbeddingConfig, EmbeddingProvider, EngineKind, IndexType, Language,
    NotBuilt, RetrievalConfig,
};
pub use embedded::{CollectionInfo, EmbeddedEngine, EngineError, State, point_id};
pub use encoder::{BuiltinEncoder, EmbeddingModel, EncodeError, Encoder, Passage};
pub use filter::{Condition, Filter, InvalidFilter, Range};
pub use fuse::{ComponentWeights, Fusion, FusionKind, InvalidRrfK, RrfK};
pub use index::{BadLine, Drift, IndexError, IndexJob, IndexReport, LineProblem, Progress, index};
pub use lexical::{Bm25Params, Bm25Shape, FieldWeights, InvalidSetting, Lexical};
pub use retriever::{RetrievalMode, Retrieve, RetrieveError, Retrieved, Retriever};
