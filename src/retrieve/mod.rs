//! The first stage: candidates in classical order.
//!
//! [`FirstStage`] answers searches: it embeds the query, asks an [`Engine`] for
//! each component (BM25, dense) by itself and fuses them, so that engines
//! agree. [`Documents`] is the writing side. [`EmbeddedEngine`] is Qdrant in
//! this process. Requests that bring their own documents are ordered by
//! [`LocalBm25`], which needs no engine.

mod analyzer;
mod bm25;
mod clause;
mod config;
mod documents;
mod embedded;
mod encoder;
mod engine;
mod error;
mod filter;
mod first_stage;
pub(crate) mod freshness;
mod fuse;
mod hits;
mod index;
mod lexical;
mod manifest;
mod matches;
pub mod metrics;
mod name;
mod point;
mod retriever;
mod server;
mod transfer;

pub use analyzer::{Analyzer, Counts, InvalidAnalyzer, TermCounter};
pub use bm25::LocalBm25;
pub use config::{CollectionConfig, EngineKind, IndexType, Language, RetrievalConfig};
pub use documents::{CollectionInfo, Documents, LiveWriter, WriteError, Writer, Written};
pub use embedded::EmbeddedEngine;
pub use encoder::{
    BuiltinEncoder, BuiltinEncoderConfig, EmbeddingCalls, EmbeddingConfig, EmbeddingModel,
    EncodeError, Encoded, Encoder, RemoteEncoder, RemoteEncoderConfig,
};
pub use engine::{
    Collection, Engine, EngineResult, Nearest, Page, Point, QueryVector, SparseVector,
};
pub use error::EngineError;
pub use filter::{Condition, Filter, InvalidFilter, Range};
pub use first_stage::FirstStage;
pub use freshness::Freshness;
pub use fuse::{ComponentWeights, Fusion, FusionKind, InvalidRrfK, RrfK};
pub(crate) use index::Lines as CorpusLines;
pub use index::{
    BadLine, BatchSize, CorpusLine, Drift, IndexError, IndexJob, IndexReport, LineProblem,
    LineSplitter, MAX_LINE, Progress, RawLine, Taken, Target, TargetCollection, TargetResult,
    Totals, index,
};
pub use lexical::{Bm25Params, Bm25Shape, FieldWeights, InvalidSetting, Lexical};
pub use manifest::{Manifest, State};
pub use matches::Matcher;
pub use point::{UPDATED_AT, point_id};
pub use retriever::{Find, RetrievalMode, Retrieve, RetrieveError, Retrieved, Retriever};
pub use server::{
    InvalidServer, InvalidUrl, ReadConsistency, ServerConfig, ServerEngine, ServerUrl, ShardKey,
    WriteOrdering,
};
pub use transfer::transfer;
