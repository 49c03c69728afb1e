//! Metrics of the first stage: every name, label and meaning in one table.

/// Texts for which an embedding was wanted and had, by how: embedded as a
/// `query` or as (a part of) a `document`, or `cached`.
pub const TEXTS: &str = "rankgate_embedding_texts_total";
/// Documents that were too long for the parts they may have.
pub const CUT_DOCUMENTS: &str = "rankgate_embedding_cut_documents_total";
/// Bytes of them that no embedding holds.
pub const CUT_BYTES: &str = "rankgate_embedding_cut_bytes_total";

/// Name, labels and help of each metric of the first stage; all are counters.
pub const TABLE: [(&str, &[&str], &str); 3] = [
    (
        TEXTS,
        &["kind"],
        "Texts embedded as a query or as (a part of) a document, or cached: taken from another call",
    ),
    (CUT_DOCUMENTS, &[], "Documents embedded with an end that no embedding holds"),
    (CUT_BYTES, &[], "Bytes of documents that no embedding holds"),
];

/// Why a text is embedded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum TextKind {
    /// Someone searches.
    Query,
    /// It is (a part of) a document to be stored.
    Document,
}

/// Counts texts that the model has embedded.
pub(super) fn embedded(kind: TextKind, texts: usize) {
    let kind = match kind {
        TextKind::Query => "query",
        TextKind::Document => "document",
    };
    count_texts(kind, texts);
}

/// Counts texts whose embedding another call had got or was getting.
pub(super) fn cached(texts: usize) {
    count_texts("cached", texts);
}

fn count_texts(kind: &'static str, texts: usize) {
    metrics::counter!(TEXTS, "kind" => kind).increment(texts as u64);
}

/// Counts what the embeddings of a document don't hold.
pub(super) fn cut(bytes: usize) {
    if bytes > 0 {
        metrics::counter!(CUT_DOCUMENTS).increment(1);
        metrics::counter!(CUT_BYTES).increment(bytes as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_named_and_explained_like_the_others() {
        for (name, _, meaning) in TABLE {
            assert!(name.starts_with("rankgate_embedding_") && name.ends_with("_total"), "{name}");
            assert!(!meaning.is_empty());
        }
    }
}
