//! `rankgate eval`: rankings against labelled sets. One file for each command.

mod asked;
mod compare;
mod estimate;
mod journal;
mod judge;
mod out;
mod plan;
mod run;
mod score;
mod stages;

use super::Outcome;
use crate::config::ConfigSource;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run a suite: variants of pipelines over a labelled set, compared
    Run(run::Args),
    /// Price a suite without asking any LLM
    Estimate(estimate::Args),
    /// Compare two variants of one run or of two
    Compare(compare::Args),
    /// Measure a run file against judgments
    Score(score::Args),
}

pub(super) fn run(source: &ConfigSource, args: &Args) -> Outcome {
    match &args.command {
        Command::Run(args) => run::run(source, args),
        Command::Estimate(args) => estimate::run(source, args),
        Command::Compare(args) => compare::run(args),
        Command::Score(args) => score::run(args),
    }
}
