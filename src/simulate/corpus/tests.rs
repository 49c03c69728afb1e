//! The sample shop in every prompt that is shipped, and files that are wrong.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tempfile::TempDir;
use test_case::test_case;

use super::*;
use crate::llm::tokens;
use crate::prompt::{Passage, PromptId, PromptInput, Registry, Task};

fn shop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("evals/data/outdoor")
}

fn lines(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(shop().join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn files() -> CorpusFiles {
    CorpusFiles {
        corpus: shop().join("corpus.jsonl"),
        queries: None,
        qrels: shop().join("qrels/test.tsv"),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The grades as the file has them.
fn grades() -> HashMap<(String, String), i32> {
    let text = std::fs::read_to_string(files().qrels).unwrap();
    let line = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        ((columns[0].to_owned(), columns[1].to_owned()), columns[2].parse().unwrap())
    };
    text.lines().skip(1).map(line).collect()
}

/// A prompt about documents that are cut to so many tokens.
fn prompt(id: &PromptId, query: &str, documents: &[&Value], cut: usize) -> Prompt {
    let passages = (1..).zip(documents).map(|(label, document)| {
        let title = tokens::truncate(text(document, "title"), cut);
        let left = cut.saturating_sub(tokens::count(title));
        Passage {
            // Labels say nothing of the place.
            label: documents.len() + 1 - label,
            title: title.to_owned(),
            text: tokens::truncate(text(document, "text"), left).to_owned(),
            score: None,
            metadata: Map::new(),
        }
    });
    let input = PromptInput {
        query: query.to_owned(),
        lang: String::new(),
        passages: passages.collect(),
        top_k: 10,
        context: Map::new(),
        nonce: "n0nce".into(),
    };
    let registry = Registry::builtin().unwrap();
    let reference = id.to_string().parse().unwrap();
    let messages = registry.get(&reference).unwrap().render(&input).unwrap();
    Prompt::new([messages.system.as_str(), messages.user.as_str()])
}

#[test_case(12 ; "the head of a title")]
#[test_case(32 ; "the least that passages are cut to")]
#[test_case(200 ; "whole")]
fn every_shipped_prompt_is_understood(cut: usize) {
    let (corpus, grades) = (files().read().unwrap(), grades());
    let (documents, queries) = (lines("corpus.jsonl"), lines("queries.jsonl"));
    let mut prompts = 0;
    for info in Registry::builtin().unwrap().list() {
        let id: PromptId =
            info.id.parse::<crate::prompt::PromptRef>().map(|_| id(&info.id)).unwrap();
        let one = match info.task {
            Task::Listwise | Task::Graded | Task::Pairwise => false,
            Task::Pointwise => true,
            Task::Explain | Task::Contrast | Task::Judge => continue,
        };
        prompts += 1;
        for (at, query) in queries.iter().enumerate() {
            let start = at * 20 % 240;
            let shown: Vec<&Value> =
                documents[start..start + if one { 1 } else { 20 }].iter().collect();
            let prompt = prompt(&id, text(query, "text"), &shown, cut);
            let reading =
                if one { corpus.read_one(&prompt) } else { corpus.read_labelled(&prompt) };
            assert_eq!(reading.query.as_deref(), Some(text(query, "text")), "{id}");
            assert_eq!(reading.shown.len(), shown.len(), "{id}");
            for (read, document) in reading.shown.iter().zip(&shown) {
                assert_eq!((read.known, read.id.as_str()), (true, text(document, "_id")), "{id}");
                let pair = (text(query, "_id").to_owned(), read.id.clone());
                assert_eq!(read.grade, grades.get(&pair).copied().unwrap_or(0), "{id}");
            }
        }
    }
    assert!(prompts >= 5, "{prompts}");
}

#[test]
fn a_few_tokens_are_enough_where_passages_have_labels() {
    let (corpus, documents) = (files().read().unwrap(), lines("corpus.jsonl"));
    let words = |title: &str| -> Vec<String> {
        let cut = tokens::truncate(title, 6).to_lowercase();
        cut.split(|c: char| !c.is_alphanumeric())
            .filter(|it| !it.is_empty())
            .map(Into::into)
            .collect()
    };
    let title = |id: &str| {
        words(text(documents.iter().find(|document| text(document, "_id") == id).unwrap(), "title"))
    };
    for shown in documents.chunks(20) {
        let shown: Vec<&Value> = shown.iter().collect();
        let prompt = prompt(&id("rerank-listwise@v1"), "tent footprint", &shown, 6);
        for (read, document) in corpus.read_labelled(&prompt).shown.iter().zip(shown) {
            // What the cut left of the last word may be that of another.
            let whole = words(text(document, "title"));
            assert!(read.known, "{whole:?}");
            assert!(title(&read.id).starts_with(&whole[..whole.len() - 1]), "{whole:?}");
        }
    }
}

fn id(text: &str) -> PromptId {
    let (name, version) = text.split_once("@v").unwrap();
    PromptId { name: name.into(), version: version.parse().unwrap() }
}

#[test]
fn what_is_unknown_has_no_grade_and_an_id_of_its_text() {
    let corpus = files().read().unwrap();
    let read = |text: &str| corpus.read_labelled(&Prompt::new([text]));
    let reading =
        read("Query: something else\n[1] A text that no shop has ever had\n[2] Another such\n");
    assert_eq!(reading.query, None);
    assert!(reading.shown.iter().all(|shown| !shown.known && shown.grade == 0));
    assert_ne!(reading.shown[0].id, reading.shown[1].id);
    let again =
        read("Query: tent footprint\n[7] Another such\n[3] A text that no shop has ever had\n");
    assert_eq!(again.shown[1].id, reading.shown[0].id);
    assert_eq!(again.query.as_deref(), Some("tent footprint"));
}

const DOCUMENTS: &str =
    "{\"_id\": \"a\", \"title\": \"Tent\", \"text\": \"Shared words of two documents.\"}
{\"_id\": \"b\", \"title\": \"Tent\", \"text\": \"Shared words of two documents.\"}
{\"_id\": 7, \"text\": \"Mug\"}
";
const QUERIES: &str =
    "{\"_id\": \"q\", \"text\": \"a tent\"}\n{\"_id\": \"r\", \"text\": \"A tent?\"}\n";

/// A folder of these files, and what is read of it.
fn read(corpus: &str, queries: &str, qrels: &str) -> (TempDir, Result<Corpus, String>) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("c.jsonl", corpus), ("queries.jsonl", queries), ("qrels", qrels)] {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let path = |name| dir.path().join(name);
    let files = CorpusFiles { corpus: path("c.jsonl"), queries: None, qrels: path("qrels") };
    let corpus = files.read().map_err(|error| error.to_string());
    (dir, corpus)
}

#[test_case("query-id\tcorpus-id\tscore\nq\tb\t2\nr\ta\t1\nq\tx\t3\nq\t7\t0\n" ; "beir")]
#[test_case("q 0 b 2\n\nr Q0 a 1\r\nq 0 x 3\nq 0 7 -1" ; "trec")]
fn reads_grades_in_either_form(qrels: &str) {
    let (_dir, corpus) = read(DOCUMENTS, QUERIES, qrels);
    let corpus = corpus.unwrap();
    assert_eq!((corpus.documents(), corpus.queries(), corpus.judgments()), (3, 1, 2));
    assert_eq!(corpus.highest_grade(), 2);
    let prompt = Prompt::new(["Query: a tent\n[1] Tent\nShared words of two documents.\n[2] Mug"]);
    let reading = corpus.read_labelled(&prompt);
    let found: Vec<_> = reading.shown.iter().map(|it| (it.id.as_str(), it.grade)).collect();
    assert_eq!(found, [("b", 2), ("7", 0)], "of two that look alike the better one");
}

const GOOD: &str = "q 0 a 1";

#[test_case("{\"_id\": \"a\"", QUERIES, GOOD, "c.jsonl:1: not a document")]
#[test_case(
    "{\"_id\": \"a\", \"text\": \"x\"}\n{\"_id\": \"a\", \"text\": \"y\"}",
    QUERIES,
    GOOD,
    "c.jsonl:2: the id is that of an earlier line"
)]
#[test_case("\n", QUERIES, GOOD, "c.jsonl: there are no documents")]
#[test_case(
    DOCUMENTS,
    "{\"_id\": \"q\", \"text\": \"private",
    GOOD,
    "queries.jsonl:1: not a query"
)]
#[test_case(
    DOCUMENTS,
    "{\"_id\": \"q\", \"text\": \"?\"}",
    GOOD,
    "queries.jsonl:1: the text has no words"
)]
#[test_case(DOCUMENTS, "", GOOD, "queries.jsonl: there are no queries")]
#[test_case(DOCUMENTS, QUERIES, "q 0 a 1\nq 0 b", "qrels:2: not a line like")]
#[test_case(DOCUMENTS, QUERIES, "q 0 a 1\nq 0 b many", "qrels:2: the grade is no whole number")]
#[test_case(DOCUMENTS, QUERIES, "q 0 a 1\nq\tb\t1", "qrels:2: it has another number of columns")]
#[test_case(DOCUMENTS, QUERIES, "q 0 a 1\nq 0 a 2", "qrels:2: the pair has a grade already")]
#[test_case(DOCUMENTS, QUERIES, "x 0 a 1\nq 0 x 1\nq 0 a 0", "qrels: no line grades a document of")]
fn says_which_line_is_wrong(corpus: &str, queries: &str, qrels: &str, problem: &str) {
    let (dir, read) = read(corpus, queries, qrels);
    let error = read.unwrap_err();
    assert!(error.starts_with(dir.path().to_str().unwrap()), "{error}");
    assert!(error.contains(problem) && !error.contains("private"), "{error}");
}

#[test]
fn says_which_file_is_missing() {
    for (name, wrong) in [("corpus.jsonl", 0), ("queries.jsonl", 1), ("test.tsv", 2)] {
        let mut files = CorpusFiles { queries: Some(shop().join("queries.jsonl")), ..files() };
        let nowhere = Path::new("nowhere").join(name);
        match wrong {
            0 => files.corpus = nowhere,
            1 => files.queries = Some(nowhere),
            _ => files.qrels = nowhere,
        }
        let error = files.read().unwrap_err().to_string();
        assert!(error.contains(&format!("nowhere/{name}: there is no such file")), "{error}");
    }
}
