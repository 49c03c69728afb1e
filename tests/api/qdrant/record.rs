//! What the server was asked.

use std::sync::Mutex;

use axum::http::{HeaderMap, header};
use qdrant_client::qdrant::{
    ChangeAliases, CollectionExistsRequest, CountPoints, CreateCollection,
    CreateFieldIndexCollection, CreateShardKeyRequest, DeleteCollection,
    DeleteFieldIndexCollection, DeletePoints, GetCollectionInfoRequest, GetPoints,
    HealthCheckRequest, ListAliasesRequest, ListCollectionAliasesRequest, ListCollectionsRequest,
    QueryBatchPoints, QueryPoints, ReadConsistency, ScrollPoints, ShardKeySelector,
    UpdateCollection, UpsertPoints, WriteOrdering,
};

/// A call as it arrived, before anything was done with it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Service and method, as in `Points/Query`.
    pub rpc: String,
    pub api_key: Option<String>,
}

impl Call {
    /// Read from the path and headers of a gRPC request.
    pub fn new(path: &str, headers: &HeaderMap) -> Self {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = || header(header::AUTHORIZATION.as_str())?.strip_prefix("Bearer ");
        Self {
            rpc: path.trim_start_matches("/qdrant.").to_owned(),
            api_key: header("api-key").or_else(bearer).map(str::to_owned),
        }
    }
}

/// What a call said about how it is to be answered. `None` is what it left
/// unsaid, or what its RPC has no place for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// Service and method, as in `Points/Query`.
    pub rpc: String,
    pub api_key: Option<String>,
    pub read_consistency: Option<ReadConsistency>,
    pub shard_key_selector: Option<ShardKeySelector>,
    pub ordering: Option<WriteOrdering>,
    pub wait: Option<bool>,
    /// Seconds.
    pub timeout: Option<u64>,
    /// Points in an upsert.
    pub points: usize,
}

/// All calls so far.
#[derive(Default)]
pub(super) struct Record {
    calls: Mutex<Vec<Call>>,
    asked: Mutex<Vec<Asked>>,
}

impl Record {
    pub fn called(&self, call: Call) {
        self.calls.lock().unwrap().push(call);
    }

    pub fn understood(&self, call: &Call, asked: Vec<Asked>) {
        let asked = asked.into_iter().map(|asked| Asked {
            rpc: call.rpc.clone(),
            api_key: call.api_key.clone(),
            ..asked
        });
        self.asked.lock().unwrap().extend(asked);
    }

    pub fn calls(&self, rpc: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|call| is(&call.rpc, rpc)).count()
    }

    pub fn asked(&self, rpc: &str) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|asked| is(&asked.rpc, rpc)).cloned().collect()
    }
}

/// Whether a call is of this RPC, which may be named without its service.
fn is(called: &str, rpc: &str) -> bool {
    called == rpc || called.rsplit('/').next() == Some(rpc)
}

/// A request that says how it is to be answered.
pub(super) trait Says {
    /// One for each request in a batch; without the call's own part.
    fn says(&self) -> Vec<Asked>;
}

macro_rules! says {
    ($($request:ty: $($field:ident)*;)*) => {$(
        impl Says for $request {
            fn says(&self) -> Vec<Asked> {
                vec![Asked { $($field: self.$field.clone(),)* ..Asked::default() }]
            }
        }
    )*};
}

says! {
    HealthCheckRequest:;
    GetCollectionInfoRequest:;
    ListCollectionsRequest:;
    CollectionExistsRequest:;
    ListAliasesRequest:;
    ListCollectionAliasesRequest:;
    CreateCollection: timeout;
    UpdateCollection: timeout;
    DeleteCollection: timeout;
    ChangeAliases: timeout;
    CreateShardKeyRequest: timeout;
    CreateFieldIndexCollection: wait ordering timeout;
    DeleteFieldIndexCollection: wait ordering timeout;
    DeletePoints: wait ordering shard_key_selector timeout;
    GetPoints: read_consistency shard_key_selector timeout;
    ScrollPoints: read_consistency shard_key_selector timeout;
    CountPoints: read_consistency shard_key_selector timeout;
    QueryPoints: read_consistency shard_key_selector timeout;
}

impl Says for UpsertPoints {
    fn says(&self) -> Vec<Asked> {
        vec![Asked {
            wait: self.wait,
            ordering: self.ordering,
            shard_key_selector: self.shard_key_selector.clone(),
            timeout: self.timeout,
            points: self.points.len(),
            ..Asked::default()
        }]
    }
}

impl Says for QueryBatchPoints {
    /// The batch's own consistency and timeout hold for all of its queries,
    /// whatever they say themselves; the shards are each query's own.
    fn says(&self) -> Vec<Asked> {
        let queries = self.query_points.iter();
        queries
            .map(|query| Asked {
                read_consistency: self.read_consistency,
                timeout: self.timeout,
                shard_key_selector: query.shard_key_selector.clone(),
                ..Asked::default()
            })
            .collect()
    }
}
