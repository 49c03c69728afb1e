//! Suites: what is compared with what, over which data, and what has to hold.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::judge::JudgeConfig;
use super::metric::Metric;

/// A suite file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// A BEIR folder; relative to the suite's file once it is read.
    pub dataset: PathBuf,
    /// Which judgments of it: `qrels/<split>.tsv`.
    #[serde(default = "test_split")]
    pub split: String,
    /// What is measured; the first is the headline.
    #[serde(default = "usual_metrics")]
    pub metrics: Vec<Metric>,
    /// Lowest grade that counts as relevant where a metric knows only relevant
    /// or not.
    #[serde(default = "one")]
    pub relevance_level: i32,
    /// How many results each request asks for: strategies rank what is asked
    /// for. The order behind them is measured too.
    #[serde(default = "ten")]
    pub top_n: usize,
    /// Name of the variant that the others are compared with; absent: the
    /// first.
    pub baseline: Option<String>,
    /// Largest share of partial and fallback rankings that a variant may have;
    /// absent: any.
    pub max_degraded: Option<f64>,
    /// How often each query is asked; what is measured is the mean of all
    /// answers.
    #[serde(default = "once")]
    pub repeats: u32,
    /// A run file as the first stage; absent: pipelines retrieve. Relative to
    /// the suite's file, as above.
    pub candidates: Option<PathBuf>,
    /// What is compared.
    pub variants: Vec<Variant>,
    /// What has to hold.
    #[serde(default)]
    pub gates: Vec<Gate>,
    /// Who grades documents that nobody judged; absent: nobody.
    pub judge: Option<JudgeConfig>,
}

/// A pipeline with some of its keys changed.
#[derive(Clone, Debug, Deserialize)]
pub struct Variant {
    /// Its name in results.
    pub name: String,
    /// The pipeline of the configuration that it begins with.
    pub pipeline: String,
    /// Hands candidates over in random order, drawn by this seed: shows how
    /// much of the quality comes from the order that is shown. Absent: in
    /// classical order.
    pub shuffle: Option<u64>,
    /// Keys of the pipeline that it changes.
    #[serde(flatten)]
    pub changes: toml::Table,
}

/// One condition on one variant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The variant it is on.
    pub variant: String,
    /// A metric of the suite; or `cost_usd`, `latency_p95_ms` or
    /// `fallback_rate`, with `max`.
    pub metric: String,
    /// What the lower end of the 95 % interval of the difference has to be
    /// above.
    pub min_delta: Option<f64>,
    /// The variant that the difference is to; absent: the suite's baseline.
    pub baseline: Option<String>,
    /// The largest allowed value.
    pub max: Option<f64>,
}

/// A suite that can't be run; names its file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct InvalidSuite {
    /// The suite's file.
    pub file: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// What is measured beside metrics, where a gate may limit it.
pub(super) const COSTS: [&str; 3] = ["cost_usd", "latency_p95_ms", "fallback_rate"];

/// Most times that each query is asked.
const MOST_REPEATS: u32 = 100;

impl Suite {
    /// Reads a suite. Paths in it become relative to the working directory.
    ///
    /// # Errors
    /// With everything that doesn't hold together.
    pub fn parse(text: &str, file: &Path) -> Result<Self, InvalidSuite> {
        let wrong = |problem| InvalidSuite { file: file.display().to_string(), problem };
        let mut suite: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if let Some(folder) = file.parent() {
            suite.dataset = folder.join(&suite.dataset);
            suite.candidates = suite.candidates.map(|run| folder.join(run));
        }
        let problems = suite.problems();
        if problems.is_empty() { Ok(suite) } else { Err(wrong(problems.join("; "))) }
    }

    /// Name of the variant that the others are compared with.
    #[must_use]
    pub fn baseline(&self) -> &str {
        let first = self.variants.first().map(|variant| variant.name.as_str());
        self.baseline.as_deref().or(first).unwrap_or_default()
    }

    /// The metric that decides first; none in a suite that can't be run.
    #[must_use]
    pub fn headline(&self) -> Option<Metric> {
        self.metrics.first().copied()
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.variants.is_empty() {
            problems.push("variants: name at least one".to_owned());
        }
        let mut names = BTreeSet::new();
        for Variant { name, .. } in &self.variants {
            if !is_file_name(name) {
                problems.push(format!(
                    "variants: {name:?} is no name: use letters, digits, dots, hyphens and _"
                ));
            }
            if !names.insert(name.as_str()) {
                problems.push(format!("variants: {name:?} is there twice"));
            }
        }
        let known = names.iter().copied().collect::<Vec<_>>().join(", ");
        let mut check = |key: &str, name: &str| {
            if !names.contains(name) {
                problems.push(format!("{key}: there is no variant {name:?}; there are: {known}"));
            }
        };
        if let Some(baseline) = &self.baseline {
            check("baseline", baseline);
        }
        for gate in &self.gates {
            check("gates.variant", &gate.variant);
            if let Some(baseline) = &gate.baseline {
                check("gates.baseline", baseline);
            }
        }
        if self.metrics.is_empty() {
            problems.push("metrics: name at least one".to_owned());
        }
        if !(1..=MOST_REPEATS).contains(&self.repeats) {
            problems.push(format!("repeats: {} is outside 1 to {MOST_REPEATS}", self.repeats));
        }
        if self.top_n == 0 {
            problems.push("top_n: ask for at least one result".to_owned());
        }
        problems.extend(self.gates.iter().filter_map(|gate| self.gate_problem(gate)));
        problems
    }

    fn gate_problem(&self, gate: &Gate) -> Option<String> {
        let Gate { metric, min_delta, max, .. } = gate;
        if COSTS.contains(&metric.as_str()) {
            let sound = max.is_some() && min_delta.is_none();
            return (!sound).then(|| format!("gates: {metric} takes max and no min_delta"));
        }
        let measured = metric.parse().is_ok_and(|metric: Metric| self.metrics.contains(&metric));
        if !measured {
            return Some(format!(
                "gates: {metric:?} is neither a metric of this suite nor one of {}",
                COSTS.join(", ")
            ));
        }
        let sound = min_delta.is_some() && max.is_none();
        (!sound).then(|| format!("gates: {metric} takes min_delta and no max"))
    }
}

/// Results are files with the variant's name.
fn is_file_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !name.is_empty() && name.len() <= 100 && !name.starts_with('.') && name.chars().all(is_part)
}

fn test_split() -> String {
    "test".into()
}

const fn once() -> u32 {
    1
}

const fn one() -> i32 {
    1
}

const fn ten() -> usize {
    10
}

fn usual_metrics() -> Vec<Metric> {
    ["ndcg@10", "mrr@10", "map@100", "recall@100", "judged@10"]
        .iter()
        .filter_map(|name| name.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    const SMALL: &str = "dataset = \"data/shop\"\n\
        [[variants]]\nname = \"classical\"\npipeline = \"default\"\nstrategy = \"none\"\n";

    fn parse(more: &str) -> Result<Suite, InvalidSuite> {
        // Keys of the suite stand before its tables.
        let text = if more.starts_with('[') {
            format!("{SMALL}{more}")
        } else {
            format!("{more}\n{SMALL}")
        };
        Suite::parse(&text, Path::new("evals/shop.toml"))
    }

    #[test]
    fn a_small_suite_has_the_documented_defaults() {
        let suite = parse("repeats = 3\ncandidates = \"bm25.trec\"").unwrap();
        assert_eq!(suite.candidates.as_deref(), Some(Path::new("evals/bm25.trec")));
        assert_eq!(suite.repeats, 3);
        let suite = parse("").unwrap();
        assert_eq!(suite.dataset, Path::new("evals/data/shop"));
        assert_eq!((suite.split.as_str(), suite.relevance_level, suite.top_n), ("test", 1, 10));
        assert_eq!((suite.baseline(), suite.max_degraded), ("classical", None));
        let names: Vec<_> = suite.metrics.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["ndcg@10", "mrr@10", "map@100", "recall@100", "judged@10"]);
        assert_eq!(suite.variants[0].changes["strategy"].as_str(), Some("none"));
        assert_eq!((suite.repeats, suite.candidates, suite.variants[0].shuffle), (1, None, None));
    }

    #[test_case("metrics = [\"best\"]", "no metric \"best\"" ; "unknown metric")]
    #[test_case("metrics = []", "metrics: name at least one" ; "no metric")]
    #[test_case("baseline = \"other\"", "no variant \"other\"; there are: classical" ; "unknown baseline")]
    #[test_case("repeat = 2", "unknown field `repeat`" ; "unknown key")]
    #[test_case("repeats = 0", "repeats: 0 is outside 1 to 100" ; "never")]
    #[test_case("top_n = 0", "top_n" ; "no results")]
    #[test_case("[judge]\nmodel = \"m\"\ngrades = 3", "unknown field `grades`" ; "unknown key of the judge")]
    #[test_case("[judge]\nmodel = \"m\"\nper_call = 0", "a nonzero" ; "a judge who sees nothing")]
    #[test_case("[judge]\ndepth = 5", "missing field `model`" ; "a judge without a model")]
    #[test_case(
        "[[gates]]\nvariant = \"x\"\nmetric = \"ndcg@10\"\nmin_delta = 0.0",
        "gates.variant: there is no variant \"x\"" ; "unknown variant")]
    #[test_case(
        "[[gates]]\nvariant = \"classical\"\nmetric = \"p@3\"\nmin_delta = 0.0",
        "\"p@3\" is neither" ; "a metric that isn't measured")]
    #[test_case(
        "[[gates]]\nvariant = \"classical\"\nmetric = \"ndcg@10\"\nmax = 0.1",
        "takes min_delta" ; "a limit on quality")]
    #[test_case(
        "[[gates]]\nvariant = \"classical\"\nmetric = \"cost_usd\"\nmin_delta = 0.1",
        "takes max" ; "a difference of cost")]
    fn what_does_not_hold_together_is_named(more: &str, problem: &str) {
        let error = parse(more).unwrap_err();
        assert!(error.to_string().starts_with("evals/shop.toml: "), "{error}");
        assert!(error.problem.contains(problem), "{error}");
    }

    #[test]
    fn names_of_variants_are_names_of_files_and_there_once() {
        for name in ["", "../x", "a b", ".hidden", "classical"] {
            let more = format!("{SMALL}[[variants]]\nname = {name:?}\npipeline = \"default\"\n");
            assert!(Suite::parse(&more, Path::new("s.toml")).is_err(), "{name}");
        }
    }
}
