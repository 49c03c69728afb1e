//! `rankgate eval estimate`: what a suite would cost, before it does.

use std::time::Duration;

use serde::Serialize;

use super::plan::{Plan, Selection};
use super::stages::Stages;
use crate::app::{Secrets, Workbench};
use crate::cli::output::{print, print_json, table};
use crate::cli::{Outcome, Verdict, runtime};
use crate::config::ConfigSource;
use crate::domain::Usage;
use crate::eval::{Pace, Round, Row, SIDE_BY_SIDE, ask_all};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Milliseconds that a call takes at least
    #[arg(long, value_name = "MS", default_value_t = 350)]
    call_ms: u32,
    /// Microseconds more for each token of the prompt
    #[arg(long, value_name = "US", default_value_t = 50)]
    input_us_per_token: u32,
    /// Microseconds more for each token of the reply
    #[arg(long, value_name = "US", default_value_t = 8000)]
    output_us_per_token: u32,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What a variant would take.
#[derive(Serialize)]
struct Estimate {
    variant: String,
    /// Answers: queries times repeats.
    answers: usize,
    /// Those without any call, with the reason; none where all are ranked.
    #[serde(skip_serializing_if = "Option::is_none")]
    unasked: Option<String>,
    calls: u64,
    usage: Usage,
    seconds: f64,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    variants: Vec<Estimate>,
    usage: Usage,
    seconds: f64,
}

pub(super) fn run(source: &ConfigSource, args: &Args) -> Outcome {
    let plan = Plan::read(source, &args.selection)?;
    if plan.suite.candidates.is_none() {
        plan.index()?;
    }
    let workbench = Workbench::new(plan.loaded.clone(), Secrets::NotNeeded)?;
    let stages = Stages::unasked(&plan, &workbench)?;
    let pace = Pace {
        base: Duration::from_millis(args.call_ms.into()),
        per_input_token: Duration::from_micros(args.input_us_per_token.into()),
        per_output_token: Duration::from_micros(args.output_us_per_token.into()),
    };
    let runtime = runtime()?;
    let mut report = Report { variants: Vec::new(), usage: Usage::default(), seconds: 0.0 };
    for variant in &plan.variants {
        let gateway = stages.gateway(variant, 1)?;
        let (name, top_n) = (variant.name.as_str(), plan.suite.top_n);
        let round = Round {
            gateway: &gateway,
            variant: name,
            repeat: 1,
            top_n,
            side_by_side: SIDE_BY_SIDE,
            recording: None,
        };
        let rows = runtime.block_on(ask_all(round, &plan.topics, &|_| ()))?;
        let once = pace.run(&rows, workbench.parallel()).as_secs_f64();
        let estimate = estimate(name, &rows, plan.suite.repeats, once);
        report.usage += estimate.usage;
        report.seconds += estimate.seconds;
        report.variants.push(estimate);
    }
    if args.json {
        print_json(&report)?;
    } else {
        print(&shown(&report))?;
    }
    Ok(Verdict::Good)
}

/// What all rounds of a variant take; `once` is the time of one in seconds.
fn estimate(variant: &str, rows: &[Row], repeats: u32, once: f64) -> Estimate {
    let unasked = rows.iter().find(|row| row.calls == 0).and_then(|row| row.reason);
    let mut estimate = Estimate {
        variant: variant.to_owned(),
        answers: rows.len() * repeats as usize,
        unasked: unasked.map(str::to_owned),
        calls: 0,
        usage: Usage::default(),
        seconds: once * f64::from(repeats),
    };
    for row in rows.iter().cycle().take(estimate.answers) {
        let explaining = row.explain.as_ref().map_or(0, |it| it.calls);
        estimate.calls += u64::from(row.calls + explaining);
        estimate.usage += row.usage;
    }
    estimate
}

fn shown(report: &Report) -> String {
    let mut table =
        table(&["variant", "answers", "calls", "tokens in", "tokens out", "cost", "time"]);
    let mut add = |name: &str, answers: String, calls: String, usage: &Usage, seconds: f64| {
        let (input, output) = (usage.input_tokens.to_string(), usage.output_tokens.to_string());
        let cost = format!("${:.4}", usage.cost_usd);
        let time = format!("{:.1} min", seconds / 60.0);
        table.add_row([name.to_owned(), answers, calls, input, output, cost, time]);
    };
    for it in &report.variants {
        let (answers, calls) = (it.answers.to_string(), it.calls.to_string());
        add(&it.variant, answers, calls, &it.usage, it.seconds);
    }
    add("all", String::new(), String::new(), &report.usage, report.seconds);
    format!(
        "{table}\nAbout: replies are taken to be half as long as they may be, and no two to agree, \
         so that no strategy stops early. Calls that fail and an LLM judge come on top. The time is that \
         of a model as fast as --call-ms, --input-us-per-token and --output-us-per-token say."
    )
}
