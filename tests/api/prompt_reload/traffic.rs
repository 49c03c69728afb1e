//! Sets that change while requests run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{Desk, prompt, rank, set_of, write_set};
use crate::app::TestApp;
use crate::fake_llm::{Received, eventually};

/// Requests that run until they are ended, each with a query of its own.
struct Traffic {
    ended: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    workers: Vec<JoinHandle<Vec<(String, String)>>>,
}

impl Traffic {
    fn start(app: &Arc<TestApp>, pipeline: &'static str) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicUsize::new(0));
        let worker = |number: usize| {
            let (app, ended, answered) =
                (Arc::clone(app), Arc::clone(&ended), Arc::clone(&answered));
            tokio::spawn(async move {
                let mut answers = Vec::new();
                while !ended.load(Ordering::SeqCst) {
                    let query = format!("shelter q{number}x{}x", answers.len());
                    let sha256 = rank(&app, pipeline, &query).await;
                    answers.push((query, sha256));
                    answered.fetch_add(1, Ordering::SeqCst);
                }
                answers
            })
        };
        let workers = (0..3).map(worker).collect();
        Self { ended, answered, workers }
    }

    /// Waits until so many more have been answered.
    async fn more(&self, answers: usize) {
        let until = self.answered.load(Ordering::SeqCst) + answers;
        let enough = || self.answered.load(Ordering::SeqCst) >= until;
        eventually("answers", || enough() || self.workers.iter().any(JoinHandle::is_finished))
            .await;
    }

    /// The queries with the hash of the prompt in their answers.
    async fn end(self) -> Vec<(String, String)> {
        self.ended.store(true, Ordering::SeqCst);
        let mut all = Vec::new();
        for worker in self.workers {
            all.extend(worker.await.unwrap());
        }
        all
    }
}

/// How many answers came of each set. Each has the hash of the set that its
/// messages are of.
fn by_set(
    received: &[Received],
    answers: &[(String, String)],
    hashes: &[(&str, String)],
) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (query, sha256) in answers {
        let set = set_of(received, query);
        let (_, expected) = hashes.iter().find(|(name, _)| *name == set).unwrap();
        assert_eq!(sha256, expected, "{query} was asked with set {set}");
        *counts.entry(set).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn a_draft_edited_under_load_is_served_whole_or_not_at_all() {
    let desk = Desk::open().await;
    let (first, before) = (desk.sha256("shop@v1").await, desk.failures().await);
    let traffic = Traffic::start(&desk.app, "default");
    traffic.more(6).await;

    desk.write("shop/v1.md", prompt("broken").replace("{{ query }}", "{{ qery }}"));
    let problem = desk.until_refused("qery").await;
    assert_eq!((&problem["file"], &problem["line"]), (&json!("shop/v1.md"), &json!(6)));
    assert_eq!(problem["reason"], "there is no variable qery");
    assert!(problem["remedy"].as_str().unwrap().contains("query"), "{problem}");
    assert!(desk.failures().await > before);
    assert_eq!(desk.sha256("shop@v1").await, first, "the list shows what is served");
    traffic.more(6).await;

    desk.write("shop/v1.md", prompt("B"));
    desk.until_served("set B").await;
    assert_eq!(desk.prompts().await["refused"], Value::Null);
    traffic.more(6).await;

    let second = desk.sha256("shop@v1").await;
    let answers = traffic.end().await;
    let hashes = [("A", first), ("B", second)];
    let counts = by_set(&desk.upstream.received(), &answers, &hashes);
    assert!(counts["A"] >= 12 && counts["B"] >= 3, "{counts:?}");
}

#[tokio::test]
async fn a_folder_swapped_under_load_gives_each_request_one_set() {
    let desk = Desk::prepared(|dir| {
        write_set(&dir.join("sets/a"), "A");
        write_set(&dir.join("sets/b"), "B");
        std::os::unix::fs::symlink("sets/a", dir.join("prompts")).unwrap();
    })
    .await;
    let first = desk.sha256("pairs@v1").await;
    let traffic = Traffic::start(&desk.app, "pairs");
    traffic.more(6).await;
    let next = desk.app.dir().join("next");
    std::os::unix::fs::symlink("sets/b", &next).unwrap();
    std::fs::rename(&next, desk.app.dir().join("prompts")).unwrap();
    desk.until_served("set B").await;
    traffic.more(6).await;
    let answers = traffic.end().await;
    let received = desk.upstream.received();
    let tasks = |key: &str| received.iter().filter(|it| it.user().contains(key)).count();
    assert!(tasks("\"ranking\"") > 0 && tasks("\"better\"") > 0, "both prompts are used");
    let hashes = [("A", first), ("B", desk.sha256("pairs@v1").await)];
    let counts = by_set(&received, &answers, &hashes);
    assert!(counts["A"] >= 6 && counts["B"] >= 3, "{counts:?}");
}
