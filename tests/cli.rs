//! The program as a user runs it: output, exit status and signals.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod program;
#[path = "cli/prompts.rs"]
mod prompts;

use std::path::Path;
use std::process::Output;

use program::{Server, command, folder};

const CLASSICAL: &str = "[pipelines.default]\nstrategy = \"none\"\n";

fn run(dir: &Path, arguments: &[&str]) -> Output {
    command(dir, arguments).output().unwrap()
}

fn texts(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn bad_usage_ends_with_2_and_says_why_on_stderr() {
    let dir = folder(Some(CLASSICAL));
    for arguments in [
        &["nonsense"][..],
        &[],
        &["search"],
        &["search", "tent", "--top-n", "0"],
        &["serve", "--listen", "8080"],
        &["index", "--collection", "c"],
        &["simulate", "--corpus", "c.jsonl"],
        &["simulate", "--corpus", "c", "--qrels", "q", "--fail-rate", "2"],
    ] {
        let (status, out, err) = texts(&run(dir.path(), arguments));
        assert_eq!((status, out.as_str()), (2, ""), "{arguments:?}: {err}");
        assert!(!err.is_empty());
    }
    let (status, out, _) = texts(&run(dir.path(), &["--help"]));
    assert!(status == 0 && out.contains("serve"), "{out}");
}

#[test]
fn a_configuration_is_checked_and_shown() {
    let dir = folder(Some(CLASSICAL));
    let (status, out, err) = texts(&run(dir.path(), &["config", "check"]));
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("config/rankgate.toml: fine"), "{out}");
    let (status, out, _) = texts(&run(dir.path(), &["config", "show"]));
    assert_eq!(status, 0);
    let shown: toml::Table = toml::from_str(&out).unwrap();
    assert_eq!(shown["server"]["listen"].as_str(), Some("127.0.0.1:8080"));
    assert_eq!(shown["pipelines"]["default"]["strategy"].as_str(), Some("none"));
}

#[test]
fn a_wrong_configuration_ends_every_command_with_2() {
    let dir = folder(Some("[pipelines.default]\nstrategy = \"none\"\nwindow = \"many\"\n"));
    for arguments in [
        &["config", "check"][..],
        &["config", "show"],
        &["serve"],
        &["search", "tent"],
        &["search", "tent", "--json"],
        &["index", "--collection", "c", "--data", "d"],
    ] {
        let (status, out, err) = texts(&run(dir.path(), arguments));
        assert_eq!((status, out.as_str()), (2, ""), "{arguments:?}");
        let place = "config/rankgate.toml:3:10: pipelines.default.window: ";
        assert!(err.contains(place), "{arguments:?}: {err}");
    }
}

#[test]
fn a_secret_that_is_missing_is_a_warning_and_one_in_the_file_an_error() {
    let upstream = "[upstreams.u]\nbase_url = \"http://127.0.0.1:1/v1\"\n";
    let named = format!("{CLASSICAL}{upstream}api_key = {{ env = \"NOT_SET\" }}\n");
    let dir = folder(Some(&named));
    let (status, _, err) = texts(&run(dir.path(), &["config", "check"]));
    assert_eq!(status, 0, "{err}");
    assert!(err.contains("upstreams.u.api_key") && err.contains("NOT_SET"), "{err}");
    let literal = format!("{CLASSICAL}{upstream}api_key = \"sk-secret\"\n");
    let dir = folder(Some(&literal));
    for arguments in [&["config", "check"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let (status, out, err) = texts(&run(dir.path(), arguments));
        assert_eq!(status, 2, "{err}");
        assert!(err.contains("upstreams.u.api_key"), "{err}");
        assert!(!format!("{out}{err}").contains("sk-secret"), "{err}");
    }
}

#[test]
fn without_a_file_the_key_of_an_api_is_enough() {
    let dir = folder(None);
    let (status, _, err) = texts(&run(dir.path(), &["config", "show"]));
    assert_eq!(status, 2);
    assert!(err.contains("config/rankgate.toml") && err.contains("OPENAI_API_KEY"), "{err}");
    let mut command = command(dir.path(), &["config", "show"]);
    command.env("OPENAI_API_KEY", "sk-secret").env("RANKGATE_MODEL", "qwen");
    command.env("OPENAI_BASE_URL", "http://127.0.0.1:9/v1");
    let (status, out, err) = texts(&command.output().unwrap());
    assert_eq!(status, 0, "{err}");
    assert!(!out.contains("sk-secret"), "{out}");
    let shown: toml::Table = toml::from_str(&out).unwrap();
    assert_eq!(shown["models"]["default"]["model"].as_str(), Some("qwen"));
    let base_url = shown["upstreams"]["openai"]["base_url"].as_str();
    assert_eq!(base_url, Some("http://127.0.0.1:9/v1"));
    assert!(shown["pipelines"]["default"].get("collection").is_none());
}

#[test]
fn prompts_are_checked_by_their_folder() {
    let dir = folder(None);
    let (status, _, err) = texts(&run(dir.path(), &["prompts", "check"]));
    assert_eq!(status, 2, "there is no folder: {err}");
    std::fs::create_dir_all(dir.path().join("prompts/broken")).unwrap();
    std::fs::write(dir.path().join("prompts/broken/v1.md"), "no front matter").unwrap();
    let (status, _, err) = texts(&run(dir.path(), &["prompts", "check"]));
    assert_eq!(status, 1, "{err}");
    assert!(err.contains("broken"), "{err}");
    let (status, out, _) = texts(&run(dir.path(), &["prompts", "check", "--json"]));
    assert_eq!(status, 1);
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(found["problems"].as_array().unwrap().len(), 1);
}

#[test]
fn a_server_says_where_it_listens_reloads_and_ends_in_order() {
    let dir = folder(Some(CLASSICAL));
    let mut server = Server::start(dir.path());
    let line = server.line("\"listening\"");
    let address = line["address"].as_str().unwrap();
    assert!(address.starts_with("127.0.0.1:") && !address.ends_with(":0"), "{line}");
    std::net::TcpStream::connect(address).unwrap();

    server.signal("-HUP");
    server.line("\"reloaded\"");
    std::fs::write(dir.path().join("config/rankgate.toml"), "[keys.a]\n").unwrap();
    let line = server.line("not taken over");
    assert!(line["error"].as_str().unwrap().contains("not built yet"), "{line}");
    std::net::TcpStream::connect(address).unwrap();
    let moved = format!("{CLASSICAL}[server]\nlisten = \"127.0.0.1:1\"\n[cache]\nttl = \"5m\"\n");
    std::fs::write(dir.path().join("config/rankgate.toml"), moved).unwrap();
    let line = server.line("need a restart");
    assert_eq!(line["keys"], "[cache]", "the command line says where to listen");

    server.signal("-TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = folder(Some(CLASSICAL));
    let (status, _, err) = texts(&run(dir.path(), &["serve", "--listen", &address]));
    assert_eq!(status, 2, "{err}");
    assert!(err.contains("server.listen") && err.contains(&address), "{err}");
}

#[test]
fn a_simulated_model_says_what_is_wrong_with_its_files() {
    let dir = folder(None);
    let shop = concat!(env!("CARGO_MANIFEST_DIR"), "/evals/data/outdoor");
    let corpus = format!("{shop}/corpus.jsonl");
    let simulate = |corpus: &str, qrels: &str, last: [&str; 2]| {
        let files = ["simulate", "--corpus", corpus, "--qrels", qrels];
        let arguments = [&files[..], &last[..]].concat();
        let (status, out, err) = texts(&run(dir.path(), &arguments));
        assert_eq!((status, out.as_str()), (2, ""), "{err}");
        err
    };
    let err = simulate("nothing.jsonl", "qrels.tsv", ["--seed", "1"]);
    assert!(err.contains("nothing.jsonl: there is no such file"), "{err}");
    let qrels = dir.path().join("qrels.tsv");
    std::fs::write(&qrels, "query-id\tcorpus-id\tscore\nq01\thaverbeck-meadow-2\tgood\n").unwrap();
    let err = simulate(&corpus, "qrels.tsv", ["--seed", "1"]);
    assert!(err.contains("qrels.tsv:2: the grade is no whole number"), "{err}");
    let qrels = format!("{shop}/qrels/test.tsv");
    std::fs::write(dir.path().join("a.jsonl"), "{\"id\": \"a\"}\n").unwrap();
    let err = simulate(&corpus, &qrels, ["--obey", "a.jsonl"]);
    assert!(err.contains("a.jsonl:1: not an attack with id"), "{err}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let err = simulate(&corpus, &qrels, ["--listen", &address]);
    assert!(err.contains("--listen") && err.contains(&address), "{err}");
}
