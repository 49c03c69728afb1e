//! Killed while writing: what was acknowledged is there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;

/// Folder that a child process writes to until it is killed.
const CHILD_FOLDER: &str = "RANKGATE_TEST_CRASH_FOLDER";
const CRASH_TEST: &str = "retrieve::embedded::tests::kill::what_was_acknowledged_survives_a_kill";

#[test]
fn what_was_acknowledged_survives_a_kill() {
    if let Some(folder) = std::env::var_os(CHILD_FOLDER) {
        write_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    for acknowledged in [7, 40] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", CRASH_TEST, "--nocapture"])
            .env(CHILD_FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let last = lines
            .map(|line| line.unwrap())
            .filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<usize>().ok())
            .nth(acknowledged)
            .unwrap();
        child.kill().unwrap();
        child.wait().unwrap();

        let index = Index::at(folder.path());
        let collection = wait(index.collection());
        let stored = wait(collection.ids(None, 1_000_000, patience())).unwrap().ids;
        for number in 0..=last {
            let id = DocId::new(format!("doc {number}")).unwrap();
            assert!(stored.contains(&point_id(&id)), "document {number} of {last} is lost");
        }
        assert_eq!(collection.manifest().state, State::Indexing);
    }
}

fn write_until_killed(folder: &Path) -> ! {
    let index = Index::at(folder);
    let writer = wait(index.documents.writer_or_new(NAME, 3.0)).unwrap();
    wait(writer.begin()).unwrap();
    let mut out = std::io::stdout();
    for number in 0.. {
        wait(writer.write(vec![plain(&format!("doc {number}"), "some words")])).unwrap();
        writeln!(out, "acknowledged {number}").unwrap();
        out.flush().unwrap();
        if number % 10 == 9 {
            wait(writer.flush()).unwrap();
        }
    }
    unreachable!("numbers don't end")
}
