//! The command line: one file for each command.
//!
//! Exit status: 0 done; 1 the work ran and its verdict is bad; 2 bad usage,
//! configuration or input. Errors and logs go to stderr, results to stdout.

mod config;
mod ending;
mod eval;
mod index;
mod output;
mod prompts;
mod remote;
mod search;
mod serve;
mod simulate;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{ConfigSource, Environment, Loaded};
use crate::telemetry;

/// Puts an LLM into search ranking, and always answers by the deadline.
#[derive(Debug, Parser)]
#[command(name = "rankgate", version, propagate_version = true)]
struct Cli {
    /// Configuration file [default: config/rankgate.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the HTTP gateway
    Serve(serve::Args),
    /// Index a BEIR folder or a corpus file into a collection
    Index(index::Args),
    /// Ask one query, with or without a server
    Search(search::Args),
    /// Work with prompt files
    Prompts(prompts::Args),
    /// Measure rankings against labelled sets
    Eval(eval::Args),
    /// Run an OpenAI-compatible upstream that ranks by known relevance with
    /// known noise
    Simulate(simulate::Args),
    /// Work with the configuration
    Config(config::Args),
}

/// How work that ran came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    Bad,
}

/// Bad usage, configuration or input.
#[derive(Debug)]
struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

type Outcome = Result<Verdict, Failure>;

/// Runs the command of the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let Cli { config, command } = Cli::parse();
    let source = ConfigSource::new(config, Environment::of_process());
    let outcome = match command {
        Command::Serve(args) => serve::run(source, &args),
        Command::Index(args) => index::run(&source, &args),
        Command::Search(args) => search::run(&source, args),
        Command::Prompts(args) => prompts::run(&source, &args),
        Command::Eval(args) => eval::run(&source, &args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Config(args) => config::run(&source, &args),
    };
    match outcome {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::from(1),
        Err(Failure(text)) => {
            output::tell(&format!("error: {text}"));
            ExitCode::from(2)
        }
    }
}

/// The configuration, with logging as it says.
fn load(source: &ConfigSource, default_filter: &str) -> Result<Loaded, Failure> {
    let loaded = source.load()?;
    let filter = loaded.env.get("RUST_LOG");
    telemetry::init_logging(loaded.config.log.format, filter, default_filter)?;
    Ok(loaded)
}

/// A runtime for commands that need one.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_configuration_can_be_named_anywhere() {
        for line in [
            &["rankgate", "--config", "a.toml", "serve", "--listen", "127.0.0.1:0"][..],
            &["rankgate", "serve", "--config", "a.toml"],
            &["rankgate", "index", "--collection", "c", "--data", "d", "--config", "a.toml"],
            &["rankgate", "search", "two words", "--top-n", "3", "--json", "--config", "a.toml"],
            &["rankgate", "prompts", "check", "--config", "a.toml"],
            &["rankgate", "config", "show", "--config", "a.toml"],
        ] {
            let cli = Cli::try_parse_from(line).unwrap();
            assert_eq!(cli.config, Some(PathBuf::from("a.toml")), "{line:?}");
        }
    }
}
