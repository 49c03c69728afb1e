//! `rankgate prompts check`

use std::path::Path;

use serde::Serialize;

use super::budget::{self, Shortage};
use super::{Failure, Outcome, Place, Verdict, print, print_json, tell};
use crate::prompt::{FolderCheck, Registry};

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    found: FolderCheck,
    /// Pipelines whose windows don't fit their models.
    shortages: Vec<Shortage>,
}

pub(super) fn run(place: &Place, json: bool) -> Outcome {
    let dir = place.folder()?;
    let found = Registry::check(dir);
    let shortages = match &place.config {
        Some(config) => budget::shortages(config, &Registry::survey(dir).0)?,
        None => Vec::new(),
    };
    let report = Report { found, shortages };
    if json {
        print_json(&report)?;
    } else {
        say(dir, &report)?;
    }
    Ok(if report.found.problems.is_empty() { Verdict::Good } else { Verdict::Bad })
}

fn say(dir: &Path, report: &Report) -> Result<(), Failure> {
    let Report { found, shortages } = report;
    for problem in &found.problems {
        tell(&format!("{}/{problem}", dir.display()));
    }
    for warning in &found.warnings {
        tell(&format!("warning: {}/{warning}", dir.display()));
    }
    for shortage in shortages {
        tell(&format!("warning: {shortage}"));
    }
    print(&format!(
        "{}: {} prompts can be read; problems: {}, warnings: {}",
        dir.display(),
        found.prompts.len(),
        found.problems.len(),
        found.warnings.len() + shortages.len(),
    ))?;
    if !found.lines_to_release.is_empty() {
        print(
            "\nTo release the drafts: rankgate prompts release NAME@vN, or append to prompts.lock:",
        )?;
        print(&found.lines_to_release.join("\n"))?;
    }
    Ok(())
}
