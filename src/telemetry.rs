//! Logs and metrics: how they are set up, and every name in one table.
//!
//! Log lines go to stderr. Queries, documents, prompts and keys are in none of
//! them; libraries that would print such things are switched off for good.

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::config::LogFormat;
use crate::{explain, llm, rerank, retrieve};

/// Ranked requests; labels `route`, `pipeline`, `status`, `reason`, `cache`.
/// A request that was answered with an HTTP error has the status `error` and
/// the error's code as reason.
pub const REQUESTS_TOTAL: &str = "rankgate_requests_total";
/// From the arrival of a ranked request to its answer; label `route`.
pub const REQUEST_DURATION: &str = "rankgate_request_duration_seconds";
/// The part of it that was not spent waiting for the first stage's engine or
/// an upstream; label `route`.
pub const OVERHEAD: &str = "rankgate_overhead_seconds";
/// Changes of prompt files that could not be taken over; no labels.
pub const PROMPT_RELOAD_FAILURES_TOTAL: &str = "rankgate_prompt_reload_failures_total";

/// Age of a collection's newest document by its `updated_at`, in seconds;
/// label `collection`. Absent where no document has a date.
pub const COLLECTION_NEWEST_AGE: &str = "rankgate_collection_newest_age_seconds";

/// Name, labels and meaning of each metric that the edge counts.
pub const TABLE: [(&str, &[&str], &str); 4] = [
    (
        REQUESTS_TOTAL,
        &["route", "pipeline", "status", "reason", "cache"],
        "Ranked requests, by how their ranking came about",
    ),
    (REQUEST_DURATION, &["route"], "Seconds from a request's arrival to its answer"),
    (OVERHEAD, &["route"], "Seconds of it not spent waiting for the engine or an upstream"),
    (PROMPT_RELOAD_FAILURES_TOTAL, &[], "Changes of prompt files that could not be taken over"),
];

/// Upper bounds in seconds: a cached answer takes a millisecond, a local model
/// half a minute.
const DURATION_BUCKETS: [f64; 16] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0,
];
const OVERHEAD_BUCKETS: [f64; 11] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5];

/// How often finished samples are folded into the histograms.
const UPKEEP: Duration = Duration::from_secs(5);

/// What is never logged, whatever the filter says: a client that prints whole
/// replies when it can't read them, and an engine's warnings about flags that
/// only a server of its own sets.
const SILENCED: [&str; 3] =
    ["async_openai=off", "qdrant_edge::common::flags=off", "qdrant_edge::common::mmap=error"];

/// Starts logging. `filter` is in the form of `RUST_LOG`; where it is absent,
/// `default` is used. A second call changes nothing.
///
/// # Errors
/// When the filter can't be read.
pub fn init_logging(
    format: LogFormat,
    filter: Option<&str>,
    default: &str,
) -> Result<(), InvalidFilter> {
    let text = filter.unwrap_or(default);
    let mut filter = EnvFilter::builder()
        .parse(text)
        .map_err(|error| InvalidFilter { text: text.to_owned(), problem: error.to_string() })?;
    for silenced in SILENCED {
        if let Ok(directive) = silenced.parse() {
            filter = filter.add_directive(directive);
        }
    }
    let json = match format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Human => false,
        LogFormat::Json => true,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE);
    // An error means that a subscriber is there already.
    let _ = if json {
        builder.json().flatten_event(true).with_current_span(false).try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    Ok(())
}

/// The log filter can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "RUST_LOG: \"{text}\" is no log filter ({problem}): write it like \"info\" or \"info,rankgate=debug\""
)]
pub struct InvalidFilter {
    text: String,
    problem: String,
}

/// The metrics of this process, which is one for all gateways in it.
///
/// # Errors
/// When another recorder was installed before.
pub fn metrics() -> Result<PrometheusHandle, MetricsError> {
    static HANDLE: OnceLock<Result<PrometheusHandle, MetricsError>> = OnceLock::new();
    HANDLE.get_or_init(install).clone()
}

/// Metrics can't be recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("metrics can't be recorded: {0}")]
pub struct MetricsError(String);

fn install() -> Result<PrometheusHandle, MetricsError> {
    let wrong = |error: &dyn std::fmt::Display| MetricsError(error.to_string());
    let matcher = |name: &str| Matcher::Full(name.to_owned());
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(matcher(REQUEST_DURATION), &DURATION_BUCKETS)
        .and_then(|builder| builder.set_buckets_for_metric(matcher(OVERHEAD), &OVERHEAD_BUCKETS))
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| wrong(&error))?;
    for (name, _, meaning) in TABLE {
        if name.ends_with("_total") {
            metrics::describe_counter!(name, meaning);
        } else {
            metrics::describe_histogram!(name, metrics::Unit::Seconds, meaning);
        }
    }
    for (name, _, meaning) in llm::metrics::TABLE {
        if name == llm::metrics::COST_USD {
            metrics::describe_gauge!(name, meaning);
        } else {
            metrics::describe_counter!(name, meaning);
        }
    }
    let others = rerank::metrics::TABLE.into_iter().chain(explain::metrics::TABLE);
    let others = others.chain(retrieve::metrics::TABLE);
    for (name, _, meaning) in others {
        metrics::describe_counter!(name, meaning);
    }
    let meaning = "Age of a collection's newest document by its updated_at";
    metrics::describe_gauge!(COLLECTION_NEWEST_AGE, metrics::Unit::Seconds, meaning);
    metrics::counter!(PROMPT_RELOAD_FAILURES_TOTAL).absolute(0);
    Ok(handle)
}

/// Folds samples into histograms for as long as it is polled.
pub async fn upkeep(handle: PrometheusHandle) {
    let mut tick = tokio::time::interval(UPKEEP);
    loop {
        tick.tick().await;
        handle.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_filter_is_named() {
        let error = init_logging(LogFormat::Human, Some("a=b=c"), "info").unwrap_err().to_string();
        assert!(error.starts_with("RUST_LOG: \"a=b=c\""), "{error}");
    }

    #[test]
    fn metrics_are_recorded_once_and_rendered() {
        let handle = metrics().unwrap();
        metrics::counter!(REQUESTS_TOTAL, "route" => "test").increment(1);
        metrics::histogram!(REQUEST_DURATION, "route" => "test").record(0.2);
        let text = metrics().unwrap().render();
        assert!(text.contains("rankgate_requests_total{route=\"test\"} 1"), "{text}");
        let bucket = "rankgate_request_duration_seconds_bucket{route=\"test\",le=\"0.25\"} 1";
        assert!(text.contains(bucket), "{text}");
        assert!(text.contains("rankgate_prompt_reload_failures_total 0"), "{text}");
        assert_eq!(handle.render().is_empty(), text.is_empty());
    }

    #[test]
    fn every_name_has_its_prefix_and_unit() {
        for (name, _, meaning) in TABLE {
            assert!(name.starts_with("rankgate_") && !meaning.is_empty());
            assert!(name.ends_with("_total") || name.ends_with("_seconds"));
        }
    }
}
