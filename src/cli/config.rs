//! `rankgate config check | schema | show`

use super::output::{print, print_json, tell};
use super::{Outcome, Verdict, load};
use crate::app::{self, AppError};
use crate::config::{ConfigSource, reference};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Read the configuration as the server does, and say what is wrong
    Check,
    /// Print what can be written, as JSON Schema
    Schema {
        /// As a page for people instead
        #[arg(long)]
        markdown: bool,
    },
    /// Print the configuration with every default written out
    Show,
}

pub(super) fn run(source: &ConfigSource, args: &Args) -> Outcome {
    match args.command {
        Command::Check => check(source),
        Command::Schema { markdown: true } => print(&reference::page()).map(|()| Verdict::Good),
        Command::Schema { markdown: false } => {
            print_json(&reference::schema()).map(|()| Verdict::Good)
        }
        Command::Show => {
            let loaded = load(source, "warn")?;
            print(&loaded.config.to_toml()?)?;
            Ok(Verdict::Good)
        }
    }
}

fn check(source: &ConfigSource) -> Outcome {
    let loaded = load(source, "warn")?;
    match app::check(&loaded) {
        Ok(()) => {}
        // The configuration is fine, and what it names is not.
        Err(AppError::Prompts(invalid)) => {
            tell(&invalid.to_string());
            return Ok(Verdict::Bad);
        }
        Err(error) => return Err(error.into()),
    }
    for missing in app::missing_secrets(&loaded)? {
        tell(&format!("warning: {missing}"));
    }
    let config = &loaded.config;
    print(&format!(
        "{}: fine ({} pipelines, {} models, {} upstreams)",
        source.file().display(),
        config.pipelines.len(),
        config.models.len(),
        config.upstreams.len(),
    ))?;
    Ok(Verdict::Good)
}
