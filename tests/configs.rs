//! Every configuration that the repository shows can be loaded as it is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};

use rankgate::config::{Config, ConfigSource, Environment};

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut files: Vec<PathBuf> = [root.clone(), root.join("examples")]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort_unstable();
    files
}

fn load(file: &Path) -> Config {
    let source = ConfigSource::new(Some(file.to_owned()), Environment::default());
    match source.load() {
        Ok(loaded) => loaded.config,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn every_file_loads() {
    let files = files();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        assert!(!load(&file).pipelines.is_empty(), "{}", file.display());
    }
}

#[test]
fn what_is_shown_of_a_file_is_the_same_configuration() {
    for file in files() {
        let config = load(&file);
        let shown = config.to_toml().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let copy = dir.path().join("shown.toml");
        std::fs::write(&copy, &shown).unwrap();
        let mut config = config;
        for upstream in config.upstreams.values_mut() {
            // Their values are not shown.
            upstream.headers.values_mut().for_each(|value| *value = "(not shown)".into());
        }
        assert_eq!(load(&copy), config, "{}", file.display());
    }
}

/// The commented file says the default of each key; a reader relies on that.
#[test]
fn the_commented_file_holds_the_defaults() {
    let shown = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("config/rankgate.toml"));
    let default = Config::default();
    assert_eq!(shown.server, default.server);
    assert_eq!(shown.log, default.log);
    assert_eq!(shown.retrieval, default.retrieval);
    assert_eq!(shown.embedding, default.embedding);
    assert_eq!(shown.llm, default.llm);
    assert_eq!(shown.cache, default.cache);
}
