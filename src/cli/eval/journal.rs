//! Where a run's candidates and replies are kept or come from.

use std::fs;
use std::path::{Path, PathBuf};

use super::plan::{Selection, UNFINISHED};
use super::stages::Stages;
use crate::cli::Failure;
use crate::cli::output::tell;
use crate::eval::{Manifest, Mode, Recording, Unused};

/// A run's recording.
pub(super) struct Journal<'a> {
    kind: Kind,
    folder: PathBuf,
    selection: &'a Selection,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// To stay.
    Made,
    /// To be taken.
    Played,
    /// Until the run is finished: one that is interrupted goes on from it.
    Unfinished,
}

impl<'a> Journal<'a> {
    /// The folder that was named, or one of the suite's own.
    pub fn of(record: Option<&Path>, replay: Option<&Path>, selection: &'a Selection) -> Self {
        let (kind, folder) = match (record, replay) {
            (Some(folder), _) => (Kind::Made, folder.to_owned()),
            (None, Some(folder)) => (Kind::Played, folder.to_owned()),
            (None, None) => (Kind::Unfinished, unfinished(&selection.suite)),
        };
        Self { kind, folder, selection }
    }

    /// Opens it.
    pub fn open(&self) -> Result<Recording, Failure> {
        let mode = match self.kind {
            Kind::Made | Kind::Unfinished => Mode::Record,
            Kind::Played => {
                Manifest::read(&self.folder)?;
                Mode::Replay
            }
        };
        let recording = Recording::open(&self.folder, mode)?;
        if self.kind == Kind::Unfinished && recording.calls() > 0 {
            tell(&format!(
                "going on where an interrupted run stopped: {} replies are there (remove {} to \
                 begin anew)",
                recording.calls(),
                self.folder.display()
            ));
        }
        Ok(recording)
    }

    /// Whether the recording could be written and had everything that a variant
    /// asked for, or the judge where none is named.
    pub fn check(
        &self,
        recording: &Recording,
        stages: &Stages<'_>,
        variant: Option<&str>,
    ) -> Result<(), Failure> {
        recording.written()?;
        if recording.missing() == 0 {
            return Ok(());
        }
        let (suite, folder) = (self.selection.suite.display(), self.folder.display());
        let changes = Manifest::read(&self.folder)?.changes(&stages.manifest()?, variant);
        let changes = match changes.as_slice() {
            [] => "it is not of these queries or these keys".to_owned(),
            changes => changes.join("; "),
        };
        let who = variant.map_or("judge".to_owned(), |name| format!("variant {name}"));
        Err(Failure(format!(
            "{who}: the recording in {folder} doesn't have all that is asked for ({} of it is \
             missing): {changes}. Record again where the model can be reached: rankgate eval run \
             {suite} --record {folder}",
            recording.missing()
        )))
    }

    /// After the last answer.
    pub fn finish(&self, recording: &Recording, stages: &Stages<'_>) -> Result<(), Failure> {
        match self.kind {
            Kind::Played => Ok(()),
            Kind::Unfinished => {
                recording.written()?;
                // The run has what it wanted: a report is worth more than order.
                if let Err(error) = fs::remove_dir_all(&self.folder) {
                    tell(&format!("warning: {}: {error}; remove it", self.folder.display()));
                }
                Ok(())
            }
            Kind::Made => {
                let all = self.selection.is_all();
                recording.settle(if all { Unused::Dropped } else { Unused::Kept })?;
                let mut manifest = stages.manifest()?;
                if let (false, Ok(before)) = (all, Manifest::read(&self.folder)) {
                    for (name, recorded) in before.variants {
                        manifest.variants.entry(name).or_insert(recorded);
                    }
                }
                Ok(manifest.write(&self.folder)?)
            }
        }
    }
}

/// The folder of a suite that isn't finished, by its path.
fn unfinished(suite: &Path) -> PathBuf {
    let path = fs::canonicalize(suite).unwrap_or_else(|_| suite.to_owned());
    let hash = blake3::hash(path.as_os_str().as_encoded_bytes());
    Path::new(UNFINISHED).join(&hash.to_hex()[..16])
}
