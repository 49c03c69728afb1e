//! The program in a folder of its own, for tests of the program as a whole.

#![allow(dead_code, reason = "each binary of tests uses its part")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A folder to run in, with a configuration where the program looks for it.
pub fn folder(config: Option<&str>) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    if let Some(config) = config {
        std::fs::create_dir(dir.path().join("config")).unwrap();
        std::fs::write(dir.path().join("config/rankgate.toml"), config).unwrap();
    }
    dir
}

pub fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rankgate"));
    command.current_dir(dir).args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// A server of the program's own, ended with the test.
pub struct Server {
    pub child: Child,
    log: BufReader<std::process::ChildStderr>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub fn start(dir: &Path) -> Self {
        Self::run(command(dir, &["serve", "--listen", "127.0.0.1:0"]))
    }

    /// A server by this command.
    pub fn run(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log }
    }

    /// The next log line with this text; all lines are JSON, since there is no
    /// terminal.
    pub fn line(&mut self, part: &str) -> serde_json::Value {
        let mut line = String::new();
        loop {
            line.clear();
            let read = self.log.read_line(&mut line).unwrap();
            assert!(read > 0, "the log ended without {part:?}");
            let json: serde_json::Value = serde_json::from_str(&line).unwrap();
            if line.contains(part) {
                return json;
            }
        }
    }

    /// Where it listens.
    pub fn url(&mut self) -> String {
        let line = self.line("\"listening\"");
        format!("http://{}", line["address"].as_str().unwrap())
    }

    /// Ends it in order and gives the rest of its log.
    pub fn end(mut self) -> String {
        self.signal("-TERM");
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        log
    }

    /// Ends it without a warning, as a loss of the machine would.
    pub fn kill(mut self) {
        self.signal("-KILL");
        let _ = self.child.wait();
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }
}
