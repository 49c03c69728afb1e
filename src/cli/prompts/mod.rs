//! `rankgate prompts`: tools for those who write prompts, one file for each
//! command.

mod budget;
mod change;
mod check;
mod diff;
mod list;
mod preview;
mod release;
mod render;
mod retire;
mod show;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::output::{print, print_json, table, tell};
use super::{Failure, Outcome, Verdict};
use crate::app::prompts_dir;
use crate::config::{Config, ConfigSource, DEFAULT_FILE};
use crate::llm::tokens;
use crate::prompt::{Messages, Prompt, PromptId, PromptRef, Registry, VersionRef};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
    /// Folder of prompts [default: the configured one]
    #[arg(long, global = true, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Say what is wrong with the prompt files, what could be better, and how
    /// drafts are released
    Check,
    /// List the prompts
    List,
    /// Print a prompt's file and where it stands in its life
    Show(show::Args),
    /// Compare two prompts: their files, what they come out as, and their
    /// tokens
    Diff(diff::Args),
    /// Print the messages that would be sent, and their tokens by part
    Render(render::Args),
    /// Release a version: from then on it never changes, and @latest may mean
    /// it
    Release(release::Args),
    /// Take a released version out of @latest; who pins it still gets it
    Retire(retire::Args),
}

pub(super) fn run(source: &ConfigSource, args: &Args) -> Outcome {
    let place = Place::find(source, args)?;
    let json = args.json;
    match &args.command {
        Command::Check => check::run(&place, json),
        Command::List => list::run(&place, json),
        Command::Show(args) => show::run(&place, args, json),
        Command::Diff(args) => diff::run(&place, args, json),
        Command::Render(args) => render::run(&place, args, json),
        Command::Release(args) => release::run(&place, args, json),
        Command::Retire(args) => retire::run(&place, args, json),
    }
}

/// Where the prompts are, and who uses them.
struct Place {
    /// None where the prompts of the program are used.
    dir: Option<PathBuf>,
    /// None where there is no configuration, or the folder was named instead.
    config: Option<Config>,
}

impl Place {
    fn find(source: &ConfigSource, args: &Args) -> Result<Self, Failure> {
        if args.dir.is_some() {
            return Ok(Self { dir: args.dir.clone(), config: None });
        }
        // Prompts can be worked on before there is a configuration.
        let file = source.file();
        if file == Path::new(DEFAULT_FILE) && !file.exists() {
            return Ok(Self { dir: prompts_dir(&Config::default()), config: None });
        }
        let config = source.load()?.config;
        Ok(Self { dir: prompts_dir(&config), config: Some(config) })
    }

    /// The folder, for what can't be done with the prompts of the program.
    fn folder(&self) -> Result<&Path, Failure> {
        self.dir.as_deref().ok_or_else(|| {
            Failure("there is no folder of prompts here: make one, or name it with --dir".into())
        })
    }

    /// One prompt. Faults of others don't matter.
    fn prompt(&self, wanted: &PromptRef) -> Result<Arc<Prompt>, Failure> {
        let (registry, problems) = match &self.dir {
            Some(dir) => Registry::survey(dir),
            None => (Registry::builtin()?, Vec::new()),
        };
        registry.get(wanted).map_err(|unknown| {
            let pinned = pinned(wanted).ok();
            let concerns = |file: &str| match &pinned {
                Some(id) => file == id.file(),
                None => file.split('/').next() == Some(wanted.name.as_str()),
            };
            let faults: Vec<String> = problems
                .iter()
                .filter(|problem| concerns(&problem.file) || problem.file == ".")
                .map(|problem| format!("\n  {problem}"))
                .collect();
            match faults.as_slice() {
                [] => unknown.into(),
                faults => Failure(format!("{wanted} can't be used:{}", faults.concat())),
            }
        })
    }
}

/// The version that is to be released or retired.
fn pinned(wanted: &PromptRef) -> Result<PromptId, Failure> {
    match wanted.version {
        VersionRef::Pinned(version) => Ok(PromptId { name: wanted.name.clone(), version }),
        VersionRef::Latest => {
            Err(Failure(format!("{wanted}: name the version, as in {}@v1", wanted.name)))
        }
    }
}

/// Tokens of both messages.
fn count(messages: &Messages) -> usize {
    tokens::count(&messages.system) + tokens::count(&messages.user)
}

/// Tokens that every call of a prompt reads: its own words.
fn fixed_tokens(prompt: &Prompt) -> Result<usize, Failure> {
    Ok(count(&prompt.fixed_part()?))
}

/// A word of a closed set as it is written everywhere.
fn word(value: &impl serde::Serialize) -> String {
    let word = serde_json::to_value(value).ok();
    word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}
