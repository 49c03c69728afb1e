//! Indexing into a gateway that runs.

use std::collections::HashSet;

use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Deserialize;
use uuid::Uuid;

use crate::cli::remote::{Remote, RemoteError};
use crate::domain::DocId;
use crate::retrieve::{
    BadLine, BatchSize, CorpusLine, IndexError, Lexical, LineProblem, LineSplitter, Progress,
    RawLine, Taken, Target, TargetCollection, TargetResult, Totals, point_id,
};

/// What is sent at a time: a few seconds' work for the built-in embedding.
const REQUEST: BatchSize = BatchSize { documents: 512, bytes: 8 << 20 };
/// Documents that are removed at a time.
const DELETIONS: usize = 8;

/// A gateway that documents are sent to.
pub(super) struct Gateway(pub Remote);

/// One of its collections.
struct Collection {
    remote: Remote,
    name: String,
    average_length: f64,
}

/// What is read of the answer to a request for a collection.
#[derive(Deserialize)]
struct Info {
    documents: u64,
    #[serde(flatten)]
    lexical: Lexical,
    average_length: f64,
}

/// What is read of the answer to documents.
#[derive(Deserialize)]
struct Receipt {
    stored: u64,
    unchanged: u64,
    #[serde(default)]
    cut: u64,
    bad_lines: u64,
    errors: Vec<LineError>,
}

#[derive(Deserialize)]
struct LineError {
    line: usize,
    error: String,
}

/// A line of the list of ids.
#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "_id")]
    id: DocId,
}

impl From<RemoteError> for IndexError {
    fn from(error: RemoteError) -> Self {
        Self::Gateway(error.to_string())
    }
}

impl Target for Gateway {
    fn check<'a>(&'a self, collection: &'a str) -> TargetResult<'a, Lexical> {
        Box::pin(async move {
            match info(&self.0, collection).await {
                Ok(info) => Ok(info.lexical),
                // Where it isn't there, the gateway says how it would be made.
                Err(RemoteError::Refused { problem, .. }) if problem.lexical.is_some() => {
                    Ok(problem.lexical.unwrap_or_default())
                }
                Err(error) => Err(error.into()),
            }
        })
    }

    fn open<'a>(
        &'a self,
        collection: &'a str,
        average_length: f64,
    ) -> TargetResult<'a, Box<dyn TargetCollection>> {
        let (remote, name) = (self.0.clone(), collection.to_owned());
        let collection = Collection { remote, name, average_length };
        Box::pin(async move { Ok(Box::new(collection) as Box<dyn TargetCollection>) })
    }
}

async fn info(remote: &Remote, collection: &str) -> Result<Info, RemoteError> {
    remote.ask(remote.http().get(remote.at(&["v1", "collections", collection]))).await
}

impl TargetCollection for Collection {
    fn batch_size(&self) -> BatchSize {
        REQUEST
    }

    fn write(&self, lines: Vec<CorpusLine>) -> TargetResult<'_, Taken> {
        Box::pin(async move {
            let mut url = self.remote.at(&["v1", "collections", &self.name, "documents"]);
            let average_length = self.average_length.to_string();
            url.query_pairs_mut().append_pair("average_length", &average_length);
            let body: Vec<&[u8]> = lines.iter().map(|line| &*line.text).collect();
            let request = self.remote.http().post(url).body(body.join(&b'\n'));
            let request = request.header("content-type", "application/x-ndjson");
            let receipt: Receipt = self.remote.ask(request).await?;
            Ok(taken(receipt, &lines))
        })
    }

    fn remove_others<'a>(&'a self, kept: &'a HashSet<Uuid>) -> TargetResult<'a, u64> {
        Box::pin(async move {
            let mut others = self.ids().await?;
            others.retain(|id| !kept.contains(&point_id(id)));
            // As the name of a folder, such an id leads somewhere else.
            if let Some(odd) = others.iter().find(|id| matches!(id.as_str(), "." | "..")) {
                return Err(IndexError::Gateway(format!(
                    "document \"{odd}\" can't be named in a URL: stop the gateway and prune \
                     without --url"
                )));
            }
            let deleted = stream::iter(others)
                .map(|id| self.delete(id))
                .buffer_unordered(DELETIONS)
                .try_fold(0, |sum, deleted| async move { Ok(sum + u64::from(deleted)) });
            deleted.await
        })
    }

    fn flush(&self) -> TargetResult<'_, ()> {
        // The gateway does it.
        Box::pin(std::future::ready(Ok(())))
    }

    fn finish<'a>(&'a self, _progress: &'a dyn Progress) -> TargetResult<'a, Totals> {
        Box::pin(async move {
            match info(&self.remote, &self.name).await {
                Ok(Info { documents, average_length, .. }) => {
                    Ok(Totals { documents, average_length: Some(average_length) })
                }
                // Nothing was sent, and nothing was there.
                Err(RemoteError::Refused { problem, .. })
                    if problem.code == "unknown_collection" =>
                {
                    Ok(Totals::default())
                }
                Err(error) => Err(error.into()),
            }
        })
    }
}

/// The gateway numbers the lines of a request; the file has other numbers.
fn taken(receipt: Receipt, lines: &[CorpusLine]) -> Taken {
    let refused = receipt.errors.into_iter().filter_map(|LineError { line, error }| {
        let line = lines.get(line.checked_sub(1)?)?;
        Some(BadLine { number: line.number, problem: LineProblem::Refused(error) })
    });
    Taken {
        stored: receipt.stored,
        unchanged: receipt.unchanged,
        cut: receipt.cut,
        refused: receipt.bad_lines,
        first_refused: refused.collect(),
    }
}

impl Collection {
    /// The ids of all its documents. A list that breaks off is an error.
    async fn ids(&self) -> Result<Vec<DocId>, IndexError> {
        let mut url = self.remote.at(&["v1", "collections", &self.name, "documents"]);
        url.set_query(Some("fields=id"));
        let mut response = self.remote.send(self.remote.http().get(url)).await?;
        let (mut splitter, mut ids) = (LineSplitter::default(), Vec::new());
        loop {
            let chunk = response.chunk().await.map_err(|error| self.remote.no_answer(&error))?;
            let ended = chunk.is_none();
            let chunk = chunk.unwrap_or_default();
            let mut rest = &chunk[..];
            while splitter.advance(&mut rest) || (ended && splitter.finish()) {
                ids.push(listed(splitter.line().1)?);
            }
            if ended {
                return Ok(ids);
            }
        }
    }

    /// Whether the document was there.
    async fn delete(&self, id: DocId) -> Result<bool, IndexError> {
        #[derive(Deserialize)]
        struct Answer {
            deleted: bool,
        }
        let path = ["v1", "collections", &self.name, "documents", id.as_str()];
        let request = self.remote.http().delete(self.remote.at(&path));
        let Answer { deleted } = self.remote.ask(request).await?;
        Ok(deleted)
    }
}

fn listed(line: RawLine<'_>) -> Result<DocId, IndexError> {
    let RawLine::Text(text) = line else { return Err(not_a_list()) };
    serde_json::from_slice::<Listed>(text).map(|listed| listed.id).map_err(|_| not_a_list())
}

fn not_a_list() -> IndexError {
    IndexError::Gateway("the gateway's list of documents can't be read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Document;

    fn line(number: u64) -> CorpusLine {
        let (id, text) = (DocId::new(number.to_string()).unwrap(), "tent".to_owned());
        let metadata = serde_json::Map::new();
        let document = Document { id, title: String::new(), text, metadata };
        CorpusLine { number, text: [].into(), document }
    }

    #[test]
    fn refused_lines_have_the_numbers_of_the_file() {
        let lines = [line(7), line(9), line(30)];
        let error = |line| LineError { line, error: "no".into() };
        let errors = vec![error(1), error(3), error(0), error(4)];
        let receipt = Receipt { stored: 1, unchanged: 0, cut: 0, bad_lines: 2, errors };
        let taken = taken(receipt, &lines);
        let numbers: Vec<u64> = taken.first_refused.iter().map(|line| line.number).collect();
        assert_eq!((numbers, taken.refused), (vec![7, 30], 2));
        assert!(taken.first_refused[0].to_string().starts_with("line 7: the gateway refuses it"));
    }
}
