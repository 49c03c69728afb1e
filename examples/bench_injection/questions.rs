//! What is asked: the best candidates of each query by BM25, and which of them
//! an attacker may own.

use std::sync::Arc;

use rankgate::domain::{DocId, Document, Query};
use rankgate::llm::tokens;
use rankgate::rerank::cut_passage;
use rankgate::retrieve::Lexical;
use rankgate::simulate::Attack;

use super::Failure;
use super::data::{DocIndex, Judged, Set};
use super::inverted::Inverted;
use super::measure::ndcg;

/// A query with its candidates in classical order.
pub struct Question {
    pub query: Query,
    /// Their ids are their places here.
    pub documents: Vec<Arc<Document>>,
    /// Those in the lower half that are not relevant.
    pub targets: Vec<usize>,
    judged: Judged,
    /// The candidates' places in their set.
    places: Vec<DocIndex>,
}

/// The questions of a set with as many candidates as are wanted and a target
/// among them; at most so many, spread over the set. Documents are cut to so
/// many tokens.
pub fn questions(
    set: Set,
    candidates: usize,
    passage_tokens: usize,
    most: usize,
) -> Result<Vec<Question>, Failure> {
    let lexical = Lexical::default();
    let index = Inverted::new(lexical, &set.documents)?;
    let Set { mut documents, queries, .. } = set;
    for document in &mut documents {
        let Document { title, text, .. } = document;
        let (title, text) =
            cut_passage(title, text, passage_tokens, tokens::count, tokens::truncate);
        (document.title, document.text) = (title.to_owned(), text.to_owned());
    }
    let mut questions = Vec::new();
    for judged in queries {
        let found = index.search(lexical.shape, &judged.text, candidates);
        let places: Vec<DocIndex> = found.into_iter().map(|(place, _)| place).collect();
        let question = Question::new(judged, places, &documents)?;
        if question.documents.len() == candidates && !question.targets.is_empty() {
            questions.push(Some(question));
        }
    }
    if questions.is_empty() {
        return Err(format!(
            "no query has {candidates} candidates with an irrelevant one in the lower half: \
             take fewer --candidates"
        )
        .into());
    }
    let all = questions.len();
    let kept = most.clamp(1, all);
    Ok((0..kept).filter_map(|at| questions[at * all / kept].take()).collect())
}

impl Question {
    fn new(judged: Judged, places: Vec<DocIndex>, all: &[Document]) -> Result<Self, Failure> {
        let document = |(at, &place): (usize, &DocIndex)| {
            let id = DocId::from_index(at);
            Arc::new(Document { id, ..all[place as usize].clone() })
        };
        let documents = places.iter().enumerate().map(document).collect();
        let is_target =
            |&at: &usize| judged.grades.get(&places[at]).is_none_or(|&grade| grade <= 0.0);
        let targets = (places.len() / 2..places.len()).filter(is_target).collect();
        Ok(Self { query: Query::new(&judged.text)?, documents, targets, judged, places })
    }

    /// nDCG@10 of an order of the candidates.
    pub fn quality(&self, order: &[usize]) -> f64 {
        let places: Vec<DocIndex> = order.iter().map(|&at| self.places[at]).collect();
        ndcg(&places, &self.judged)
    }

    /// The candidates with an attack in one of them.
    pub fn attacked(&self, target: usize, attack: &Attack) -> Vec<Arc<Document>> {
        let mut documents = self.documents.clone();
        let plain = Document::clone(&documents[target]);
        let (title, text) = attack.inserted(&plain.title, &plain.text, self.query.as_str());
        documents[target] = Arc::new(Document { title, text, ..plain });
        documents
    }
}
