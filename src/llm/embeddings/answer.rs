//! Reads the vectors of an answer and checks every one of them.

use serde::Deserialize;
use serde_json::Value;

use super::numbers::Numbers;
use crate::llm::attempt::Answered;
use crate::llm::lenient::{lenient, token_count};
use crate::llm::transport::Unusable;

/// Most bytes that a number takes as JSON, whoever writes it.
const NUMBER_BYTES: usize = 32;
/// Bytes around each vector, with much room.
const VECTOR_BYTES: usize = 256;
/// Bytes around all vectors, with much room.
const FRAME_BYTES: usize = 64 * 1024;
/// An answer is read as if its vectors had at least so many numbers: that they
/// have too many is something to say, not something to stumble over.
const LEAST_NUMBERS: usize = 4096;
/// Largest answer that is read at all.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// Most texts of a request whose answer is read in any case.
pub(super) const fn most_texts(dimensions: usize) -> usize {
    (MOST_BYTES - FRAME_BYTES) / (dimensions * NUMBER_BYTES + VECTOR_BYTES)
}

/// What an answer has to hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    /// Texts that were sent.
    pub texts: usize,
    /// Length of their vectors.
    pub dimensions: usize,
    /// Whether that length was asked for.
    pub asked: bool,
}

/// The vectors of the texts of one request, in their order.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub vectors: Vec<Vec<f32>>,
    /// Tokens read, where the upstream says so.
    pub input_tokens: Option<u64>,
}

impl Answered for Answer {}

/// The body of an answer. The rest of it isn't needed and may be missing.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    data: Option<Vec<Entry>>,
    #[serde(deserialize_with = "lenient")]
    usage: TokenCounts,
    /// Set where an error is sent with 200.
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Entry {
    /// Some servers leave out a zero.
    #[serde(default)]
    index: Option<Value>,
    embedding: Numbers,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenCounts {
    prompt_tokens: Value,
    total_tokens: Value,
}

fn broken<T>(detail: impl Into<std::borrow::Cow<'static, str>>) -> Result<T, Unusable> {
    Err(Unusable::Broken(detail.into()))
}

impl Expected {
    /// Largest answer that is read, unpacked, in bytes.
    pub fn max_bytes(&self) -> usize {
        let vector = self.dimensions.max(LEAST_NUMBERS) * NUMBER_BYTES + VECTOR_BYTES;
        self.texts.saturating_mul(vector).saturating_add(FRAME_BYTES).min(MOST_BYTES)
    }

    /// Reads and checks an answer. Its errors hold nothing of it but counts.
    pub fn read(&self, body: &[u8]) -> Result<Answer, Unusable> {
        let Ok(body) = serde_json::from_slice::<Body>(body) else {
            return broken("the answer is no list of embeddings");
        };
        let Some(data) = body.data else {
            return match body.error.filter(|error| !error.is_null()) {
                Some(error) => Err(Unusable::Error(error)),
                None => broken("the answer is no list of embeddings"),
            };
        };
        let vectors = self.in_order(data)?;
        self.check_length(&vectors)?;
        check_numbers(&vectors)?;
        let TokenCounts { prompt_tokens, total_tokens } = body.usage;
        let input_tokens = token_count(&prompt_tokens).or_else(|| token_count(&total_tokens));
        Ok(Answer { vectors, input_tokens })
    }

    /// One vector for each text. Without any index they stand in order.
    fn in_order(&self, data: Vec<Entry>) -> Result<Vec<Vec<f32>>, Unusable> {
        let (found, sent) = (data.len(), self.texts);
        if found != sent {
            return broken(format!("the answer holds {found} vectors for {sent} texts"));
        }
        let by_place = data.iter().all(|entry| entry.index.is_none());
        let mut vectors = vec![None; sent];
        for (place, entry) in data.into_iter().enumerate() {
            let index = match entry.index {
                None if by_place => Some(place),
                None => Some(0),
                Some(index) => index.as_u64().and_then(|index| usize::try_from(index).ok()),
            };
            let Some(vector) = index.and_then(|index| vectors.get_mut(index)) else {
                return broken("the answer has a vector for a text that was not sent");
            };
            if vector.is_some() {
                return broken("the answer has two vectors for one text");
            }
            let Numbers(Some(numbers)) = entry.embedding else {
                return broken("a vector is no base64 of 32-bit floats");
            };
            *vector = Some(numbers);
        }
        // As many vectors as texts, and none has two.
        Ok(vectors.into_iter().flatten().collect())
    }

    fn check_length(&self, vectors: &[Vec<f32>]) -> Result<(), Unusable> {
        let wanted = self.dimensions;
        let Some(found) = vectors.iter().map(Vec::len).find(|length| *length != wanted) else {
            return Ok(());
        };
        if found == 0 || vectors.iter().any(|vector| vector.len() != found) {
            return broken("the vectors of one answer differ in length");
        }
        let shorten = if found > wanted && !self.asked {
            ", or embedding.send_dimensions = true if the model can shorten its vectors"
        } else {
            ""
        };
        let detail = format!(
            "the model gives vectors of {found} numbers and embedding.dimensions says {wanted}: \
             set embedding.dimensions = {found}{shorten}"
        );
        Err(Unusable::Misconfigured(detail.into()))
    }
}

/// No vector may be one that has no direction.
fn check_numbers(vectors: &[Vec<f32>]) -> Result<(), Unusable> {
    for vector in vectors {
        if !vector.iter().all(|number| number.is_finite()) {
            return broken("a vector holds something that is no finite number");
        }
        if vector.iter().all(|number| *number == 0.0) {
            return broken("a vector is all zeros");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use test_case::test_case;

    use super::*;

    const TWO: Expected = Expected { texts: 2, dimensions: 3, asked: false };

    fn read(body: &Value) -> Result<Answer, Unusable> {
        TWO.read(body.to_string().as_bytes())
    }

    fn detail(body: &[u8]) -> String {
        match TWO.read(body).unwrap_err() {
            Unusable::Broken(detail) => detail.into_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads_what_upstreams_document() {
        let answer = read(&json!({
            "object": "list",
            "model": "text-embedding-3-small",
            "data": [
                { "object": "embedding", "index": 0, "embedding": [1, -0.5, 2e-3] },
                { "object": "embedding", "index": 1, "embedding": [0, 0, 1.0] }
            ],
            "usage": { "prompt_tokens": 8, "total_tokens": 8 }
        }));
        let vectors = vec![vec![1.0, -0.5, 0.002], vec![0.0, 0.0, 1.0]];
        assert_eq!(answer, Ok(Answer { vectors, input_tokens: Some(8) }));
    }

    #[test_case(&json!([{ "index": 1, "embedding": [2, 2, 2] }, { "index": 0, "embedding": [1, 1, 1] }]) ; "the other way round")]
    #[test_case(&json!([{ "embedding": [1, 1, 1] }, { "embedding": [2, 2, 2] }]) ; "without an index")]
    #[test_case(&json!([{ "index": 1, "embedding": [2, 2, 2] }, { "embedding": [1, 1, 1] }]) ; "without the zero")]
    #[test_case(&json!([{ "index": null, "embedding": [1, 1, 1] }, { "index": 1, "embedding": "AAAAQAAAAEAAAABA" }]) ; "in base64")]
    fn each_text_gets_its_vector(data: &Value) {
        let answer = read(&json!({ "data": data })).unwrap();
        assert_eq!(answer.vectors, [[1.0; 3], [2.0; 3]]);
        assert_eq!(answer.input_tokens, None);
    }

    #[test_case(&json!({ "total_tokens": 7 }), Some(7) ; "of all")]
    #[test_case(&json!({ "prompt_tokens": 5, "total_tokens": 7 }), Some(5) ; "of the prompt")]
    #[test_case(&json!({ "prompt_tokens": -1 }), None ; "negative")]
    #[test_case(&json!("many"), None ; "of another shape")]
    #[test_case(&json!(null), None ; "null")]
    fn tokens_count_where_they_can_be_true(usage: &Value, expected: Option<u64>) {
        let entry = |index| json!({ "index": index, "embedding": [1, 1, 1] });
        let answer = read(&json!({ "data": [entry(0), entry(1)], "usage": usage })).unwrap();
        assert_eq!(answer.input_tokens, expected);
    }

    #[test_case(&json!([[1, 1, 1]]), "the answer holds 1 vectors for 2 texts" ; "too few")]
    #[test_case(&json!([[1, 1, 1], [1, 1, 1], [1, 1, 1]]), "the answer holds 3 vectors for 2 texts" ; "too many")]
    #[test_case(&json!([[1, 1, 1], [1, null, 1]]), "a vector holds something that is no finite number" ; "null")]
    #[test_case(&json!([[1, 1, 1], [1, 1e39, 1]]), "a vector holds something that is no finite number" ; "beyond 32 bits")]
    #[test_case(&json!([[1, 1, 1], [0, -0.0, 1e-60]]), "a vector is all zeros" ; "zeros")]
    #[test_case(&json!([[1, 1, 1], []]), "the vectors of one answer differ in length" ; "nothing in one")]
    #[test_case(&json!([[], []]), "the vectors of one answer differ in length" ; "nothing")]
    #[test_case(&json!([[1, 1, 1, 1], [1, 1, 1]]), "the vectors of one answer differ in length" ; "unlike lengths")]
    #[test_case(&json!([[1, 1, 1], "AAAAQAAAAEAAAAB"]), "a vector is no base64 of 32-bit floats" ; "torn base64")]
    #[test_case(&json!([[1, 1, 1], "AAAAQAA="]), "a vector is no base64 of 32-bit floats" ; "part of a float")]
    #[test_case(&json!([[1, 1, 1], "AAAAQAAAAEAAAMB/"]), "a vector holds something that is no finite number" ; "NaN in base64")]
    #[test_case(&json!([[1, 1, 1], null]), "the answer is no list of embeddings" ; "no vector")]
    #[test_case(&json!([[1, 1, 1], [[1], 1, 1]]), "the answer is no list of embeddings" ; "a matrix")]
    fn a_vector_that_cannot_be_is_refused(vectors: &Value, expected: &str) {
        let entry = |(index, embedding)| json!({ "index": index, "embedding": embedding });
        let data: Vec<_> = vectors.as_array().unwrap().iter().enumerate().map(entry).collect();
        assert_eq!(detail(json!({ "data": data }).to_string().as_bytes()), expected);
    }

    #[test_case(&json!([0, 0]), "the answer has two vectors for one text" ; "twice")]
    #[test_case(&json!([0, null]), "the answer has two vectors for one text" ; "twice by default")]
    #[test_case(&json!([0, 2]), "the answer has a vector for a text that was not sent" ; "beyond")]
    #[test_case(&json!([0, -1]), "the answer has a vector for a text that was not sent" ; "negative")]
    #[test_case(&json!([0, "1"]), "the answer has a vector for a text that was not sent" ; "a string")]
    fn an_index_that_cannot_be_is_refused(indices: &Value, expected: &str) {
        let entry = |index| json!({ "index": index, "embedding": [1, 1, 1] });
        let data: Vec<_> = indices.as_array().unwrap().iter().map(entry).collect();
        assert_eq!(detail(json!({ "data": data }).to_string().as_bytes()), expected);
    }

    #[test_case(b"" ; "nothing")]
    #[test_case(b"<html>welcome</html>" ; "a page")]
    #[test_case(b"{\"data\": [{\"embedding\": [NaN, 1, 1]}]}" ; "a bare NaN")]
    #[test_case(b"{\"data\": [{\"embedding\": [1e999, 1, 1]}]}" ; "beyond 64 bits")]
    #[test_case(b"{}" ; "no data")]
    #[test_case(b"{\"error\": null}" ; "no error either")]
    #[test_case(b"{\"data\": {}}" ; "no list")]
    fn what_is_no_list_is_refused(body: &[u8]) {
        assert_eq!(detail(body), "the answer is no list of embeddings");
    }

    #[test]
    fn an_error_sent_as_a_success_is_seen() {
        let error = json!({ "message": "overloaded" });
        assert_eq!(read(&json!({ "error": error })), Err(Unusable::Error(error)));
    }

    #[test_case(768, 1536, false, "768 numbers and embedding.dimensions says 1536: set embedding.dimensions = 768" ; "too short")]
    #[test_case(1536, 768, false, "set embedding.dimensions = 1536, or embedding.send_dimensions = true if the model can" ; "too long")]
    #[test_case(1536, 768, true, "set embedding.dimensions = 1536" ; "not shortened")]
    fn another_length_names_the_key_and_the_remedy(
        found: usize,
        dimensions: usize,
        asked: bool,
        expected: &str,
    ) {
        let body = json!({ "data": [{ "index": 0, "embedding": vec![1; found] }] }).to_string();
        let error = Expected { texts: 1, dimensions, asked }.read(body.as_bytes()).unwrap_err();
        let Unusable::Misconfigured(detail) = error else { panic!("{error:?}") };
        assert!(detail.starts_with("the model gives vectors of "), "{detail}");
        assert!(detail.contains(expected), "{detail}");
        assert_eq!(detail.contains("send_dimensions"), found > dimensions && !asked);
    }

    #[test]
    fn the_limit_has_room_for_the_longest_numbers() {
        let number = "-0.012345678901234567890123e-12";
        let vector = format!("{{\"index\":2047,\"embedding\":[{}]}}", vec![number; 3072].join(","));
        let expected = Expected { texts: 2048, dimensions: 3072, asked: false };
        assert!(2048 * vector.len() < expected.max_bytes());
        assert!(most_texts(3072) >= 2048);
        let query = Expected { texts: 1, ..expected };
        assert!(query.max_bytes() < 256 * 1024, "{}", query.max_bytes());
        let most = Expected { texts: 2048, dimensions: 65_536, asked: false };
        assert_eq!(most.max_bytes(), MOST_BYTES);
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(TWO.read(&body).is_err());
        }

        #[test]
        fn numbers_come_back_as_they_were(
            first in prop::array::uniform3(-1e3f32..1e3),
            second in prop::array::uniform3(0.5f32..1e3),
        ) {
            prop_assume!(first.iter().any(|number| *number != 0.0));
            let entry = |(index, vector)| json!({ "index": index, "embedding": vector });
            let data: Vec<_> = [first, second].into_iter().enumerate().map(entry).collect();
            let answer = read(&json!({ "data": data })).unwrap();
            prop_assert_eq!(answer.vectors, vec![first.to_vec(), second.to_vec()]);
        }
    }
}
