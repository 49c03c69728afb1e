//! Labelled sets: folders with `corpus.jsonl`, `queries.jsonl` and
//! `qrels/test.tsv`, as BEIR lays them out.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use rankgate::domain::{DocId, Document};
use serde::Deserialize;

/// A document by its place among the documents of its set.
pub type DocIndex = u32;

/// A corpus with queries that have judgments.
pub struct Set {
    /// Name of the folder.
    pub name: String,
    /// In the order of their ids, so that the order of places is that of ids.
    pub documents: Vec<Document>,
    /// Those with a relevant document, in the order of their ids.
    pub queries: Vec<Judged>,
}

/// A query and what is known of its answers.
pub struct Judged {
    /// What is asked.
    pub text: String,
    /// Grades of the judged documents that are in the corpus.
    pub grades: HashMap<DocIndex, f64>,
    /// Grades above 0, best first, of all judged documents.
    pub ideal: Vec<f64>,
}

/// A line of either file; other fields are let through.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    title: String,
    text: String,
}

impl Set {
    /// Reads a folder.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let name = folder.file_name().map_or_else(|| "set".into(), |it| it.to_string_lossy());
        let mut documents = lines(&folder.join("corpus.jsonl"))?
            .into_iter()
            .map(|line| {
                let id = DocId::new(line.id).map_err(|error| error.to_string())?;
                let metadata = serde_json::Map::new();
                Ok(Document { id, title: line.title, text: line.text, metadata })
            })
            .collect::<Result<Vec<_>, String>>()?;
        documents.sort_by(|a, b| a.id.cmp(&b.id));
        let places: HashMap<&str, DocIndex> =
            (0..).zip(&documents).map(|(place, document)| (document.id.as_str(), place)).collect();
        let mut judgments = judgments(&folder.join("qrels/test.tsv"))?;
        let mut asked = lines(&folder.join("queries.jsonl"))?;
        asked.sort_by(|a, b| a.id.cmp(&b.id));
        let queries = asked
            .into_iter()
            .filter_map(|line| {
                let judged = judgments.remove(&line.id)?;
                Judged::new(line.text, &judged, &places)
            })
            .collect();
        Ok(Self { name: name.into_owned(), documents, queries })
    }
}

impl Judged {
    /// `None` where no document is relevant.
    pub fn new(
        text: String,
        judged: &[(String, f64)],
        places: &HashMap<&str, DocIndex>,
    ) -> Option<Self> {
        let mut ideal: Vec<f64> =
            judged.iter().map(|(_, grade)| *grade).filter(|grade| *grade > 0.0).collect();
        ideal.sort_by(|a, b| b.total_cmp(a));
        let grades = judged
            .iter()
            .filter_map(|(id, grade)| Some((*places.get(id.as_str())?, *grade)))
            .collect();
        (!ideal.is_empty()).then_some(Self { text, grades, ideal })
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn lines(path: &Path) -> Result<Vec<Line>, String> {
    let text = text_of(path)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            serde_json::from_str(line)
                .map_err(|error| format!("{}:{}: {error}", path.display(), index + 1))
        })
        .collect()
}

/// Judged documents by query. The first line is a heading.
fn judgments(path: &Path) -> Result<HashMap<String, Vec<(String, f64)>>, String> {
    let mut judgments: HashMap<String, Vec<(String, f64)>> = HashMap::new();
    for (index, line) in text_of(path)?.lines().enumerate().skip(1) {
        let mut fields = line.split('\t');
        let (Some(query), Some(document), Some(Ok(grade))) =
            (fields.next(), fields.next(), fields.next().map(str::parse))
        else {
            let place = format!("{}:{}", path.display(), index + 1);
            return Err(format!("{place}: not a query, a document and a grade between tabs"));
        };
        judgments.entry(query.to_owned()).or_default().push((document.to_owned(), grade));
    }
    Ok(judgments)
}
