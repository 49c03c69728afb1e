//! `rankgate prompts check | list`

use std::path::{Path, PathBuf};

use super::output::{print, print_json, table, tell};
use super::{Failure, Outcome, Verdict};
use crate::app::prompts_dir;
use crate::config::{ConfigSource, DEFAULT_FILE};
use crate::prompt::{FolderCheck, PromptInfo, Registry};

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
    /// Say what is wrong with the prompt files, and how drafts are released
    Check,
    /// List the prompts
    List,
}

pub(super) fn run(source: &ConfigSource, args: &Args) -> Outcome {
    let dir = folder(source, args)?;
    match args.command {
        Command::Check => check(dir.as_deref(), args.json),
        Command::List => list(dir.as_deref(), args.json),
    }
}

/// The folder of prompts; none where those of the program are used.
fn folder(source: &ConfigSource, args: &Args) -> Result<Option<PathBuf>, Failure> {
    if args.dir.is_some() {
        return Ok(args.dir.clone());
    }
    // Prompts can be worked on before there is a configuration.
    let file = source.file();
    if file == Path::new(DEFAULT_FILE) && !file.exists() {
        return Ok(prompts_dir(&crate::config::Config::default()));
    }
    Ok(prompts_dir(&source.load()?.config))
}

fn check(dir: Option<&Path>, json: bool) -> Outcome {
    let Some(dir) = dir else {
        return Err(Failure(
            "there is no folder of prompts here: make one, or name it with --dir".into(),
        ));
    };
    let found = Registry::check(dir);
    if json {
        print_json(&found)?;
    } else {
        report(dir, &found)?;
    }
    Ok(if found.problems.is_empty() { Verdict::Good } else { Verdict::Bad })
}

fn report(dir: &Path, found: &FolderCheck) -> Result<(), Failure> {
    for problem in &found.problems {
        tell(&format!("{}/{problem}", dir.display()));
    }
    let (prompts, problems) = (found.prompts.len(), found.problems.len());
    print(&format!("{}: {prompts} prompts are fine, {problems} problems", dir.display()))?;
    if !found.lines_to_release.is_empty() {
        print("\nTo release the drafts, append to prompts.lock:")?;
        print(&found.lines_to_release.join("\n"))?;
    }
    Ok(())
}

fn list(dir: Option<&Path>, json: bool) -> Outcome {
    let registry = match dir {
        Some(dir) => Registry::load(dir)?,
        None => Registry::builtin()?,
    };
    let prompts = registry.list();
    if json {
        print_json(&serde_json::json!({ "prompts": prompts }))?;
    } else {
        print(&as_table(&prompts))?;
    }
    Ok(Verdict::Good)
}

fn as_table(prompts: &[PromptInfo]) -> String {
    let mut table = table(&["prompt", "status", "task", "summary"]);
    for prompt in prompts {
        table.add_row([
            prompt.id.clone(),
            word(&prompt.status),
            word(&prompt.task),
            prompt.summary.clone(),
        ]);
    }
    table.to_string()
}

/// A word of a closed set as it is written everywhere.
fn word(value: &impl serde::Serialize) -> String {
    let word = serde_json::to_value(value).ok();
    word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}
