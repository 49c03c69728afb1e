//! Checks that need more than one key.

use std::collections::{BTreeMap, BTreeSet};

use super::{Config, KeyPath};

/// Longest deadline in milliseconds, for pipelines and requests.
const MAX_DEADLINE_MS: u64 = 600_000;

/// Everything about a configuration that its types can't say.
pub(super) fn check(config: &Config) -> Vec<(KeyPath, String)> {
    let mut problems = Vec::new();
    server(config, &mut problems);
    names(config, &mut problems);
    for name in config.pipelines.keys() {
        pipeline(config, name, &mut problems);
    }
    for (name, model) in &config.models {
        for (index, upstream) in model.upstreams.iter().enumerate() {
            if !config.upstreams.contains_key(upstream.name()) {
                let message = unknown("upstream", upstream.name(), config.upstreams.keys());
                let path = KeyPath::of(["models", name, "upstreams"]).item(index);
                problems.push((path, message));
            }
        }
    }
    problems
}

fn server(config: &Config, problems: &mut Vec<(KeyPath, String)>) {
    if !config.server.listen.is_loopback() {
        let message = format!(
            "{} can be reached from other machines, and this release has no client keys: listen \
             on 127.0.0.1 or [::1] and put a reverse proxy in front",
            config.server.listen
        );
        problems.push((KeyPath::of(["server", "listen"]), message));
    }
}

/// Pipelines and aliases share one space of names, and the default is in it.
fn names(config: &Config, problems: &mut Vec<(KeyPath, String)>) {
    let mut taken: BTreeMap<&str, &str> =
        config.pipelines.keys().map(|name| (name.as_str(), name.as_str())).collect();
    for (name, pipeline) in &config.pipelines {
        for (index, alias) in pipeline.aliases.iter().enumerate() {
            if let Some(owner) = taken.insert(alias, name) {
                let message = format!("\"{alias}\" already names pipeline \"{owner}\"");
                let path = KeyPath::of(["pipelines", name, "aliases"]).item(index);
                problems.push((path, message));
            }
        }
    }
    let default = config.server.default_pipeline.as_str();
    if config.pipelines.is_empty() {
        let message = format!("there is no pipeline: add a table [pipelines.{default}]");
        problems.push((KeyPath::of(["pipelines"]), message));
    } else if !taken.contains_key(default) {
        let message = unknown("pipeline", default, config.pipelines.keys());
        problems.push((KeyPath::of(["server", "default_pipeline"]), message));
    }
}

fn pipeline(config: &Config, name: &str, problems: &mut Vec<(KeyPath, String)>) {
    let Some(pipeline) = config.pipelines.get(name) else { return };
    let mut wrong = |key: &str, message: String| {
        problems.push((KeyPath::of(["pipelines", name, key]), message));
    };
    // Names go into headers and metric labels.
    let plain = |c: char| c.is_ascii_graphic();
    if let Some(odd) = std::iter::once(name)
        .chain(pipeline.aliases.iter().map(String::as_str))
        .find(|name| name.is_empty() || !name.chars().all(plain))
    {
        wrong("aliases", format!("\"{odd}\" is no name: use visible ASCII characters, no spaces"));
    }
    if let Some(model) = pipeline.model.as_ref().filter(|m| !config.models.contains_key(*m)) {
        wrong("model", unknown("model", model, config.models.keys()));
    }
    if !(1..=MAX_DEADLINE_MS).contains(&pipeline.deadline_ms) {
        let message = format!("{} is outside 1 to {MAX_DEADLINE_MS}", pipeline.deadline_ms);
        wrong("deadline_ms", message);
    }
    if pipeline.late_ms > MAX_DEADLINE_MS {
        wrong("late_ms", format!("{} is outside 0 to {MAX_DEADLINE_MS}", pipeline.late_ms));
    }
    if pipeline.window == 0 {
        wrong("window", "a call needs at least one document: write 1 or more".into());
    }
    if pipeline.retrieve.rrf_k_is_stray() {
        let message = "it belongs to fusion = \"rrf\", and the fusion is \"relative\": write \
                       fusion = \"rrf\" beside it, or remove it";
        let path = KeyPath::of(["pipelines", name, "retrieve", "rrf_k"]);
        problems.push((path, message.into()));
    }
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a String>) -> String {
    let known: BTreeSet<&str> = known.map(String::as_str).collect();
    if known.is_empty() {
        return format!("there is no {what} \"{name}\": add a table [{what}s.{name}]");
    }
    let known = known.into_iter().collect::<Vec<_>>().join(", ");
    format!("there is no {what} \"{name}\"; there are: {known}")
}
