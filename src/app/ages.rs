//! Tells metrics how old the newest document of each collection is: a feed
//! that has dried up shows there first.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::pipeline::Gateway;
use crate::telemetry::COLLECTION_NEWEST_AGE;

/// How often collections are asked.
const EVERY: Duration = Duration::from_secs(15);

/// Asks and tells for as long as it is polled.
pub(super) async fn watch(gateway: Arc<Gateway>) {
    let Some(retriever) = gateway.retriever().map(Arc::clone) else { return };
    let mut tick = tokio::time::interval(EVERY);
    loop {
        tick.tick().await;
        let serving = gateway.serving();
        let names: BTreeSet<&str> = serving
            .pipelines()
            .flat_map(|pipeline| pipeline.config.collection.names())
            .map(String::as_str)
            .collect();
        for name in names {
            // A collection that can't be asked is for readiness to tell.
            if let Ok(Some(newest)) = retriever.newest(name).await {
                let age = Timestamp::now().duration_since(newest).as_secs_f64();
                metrics::gauge!(COLLECTION_NEWEST_AGE, "collection" => name.to_owned()).set(age);
            }
        }
    }
}
