//! How texts are spread over requests, and requests over places.

use test_case::test_case;
use tokio::sync::Barrier;

use super::*;
use crate::llm::LlmError;

#[tokio::test]
async fn texts_are_sent_by_number_and_by_tokens() {
    let server = Server::always(Reply::Vectors).await;
    let one_by_one = |config: &mut EmbeddingsConfig| config.max_in_flight = 1;
    let by_number = model_with(&server, "", |config| {
        one_by_one(config);
        config.max_batch = 2;
    });
    assert_eq!(by_number.embed(texts(5), None).await.unwrap(), vectors(&texts(5)));
    assert_eq!(server.sizes(), [2, 2, 1]);

    let by_tokens = model_with(&server, "", |config| {
        one_by_one(config);
        (config.max_tokens, config.max_batch_tokens) = (4, 5);
    });
    let words = ["hello world", "hello", "two words", "hello world hello world"].map(str::to_owned);
    assert_eq!(by_tokens.embed(words.to_vec(), None).await.unwrap(), vectors(&words));
    assert_eq!(server.sizes()[3..], [3, 1]);
}

/// Refuses requests of more than two texts, each in its own way.
fn at_most_two(status: u16, body: serde_json::Value) -> impl Fn(usize, &server::Seen) -> Reply {
    move |_, seen| {
        if seen.texts().len() > 2 {
            Reply::Status(status, None, body.clone())
        } else {
            Reply::Vectors
        }
    }
}

#[test_case(413, json!(null) ; "by status")]
#[test_case(400, json!({ "error": { "code": "max_tokens_per_request" } }) ; "by code")]
#[test_case(422, json!({ "message": "batch size 7 > maximum allowed batch size 2" }) ; "by message")]
#[test_case(500, json!({ "error": { "message": "input is too large to process" } }) ; "as a failure")]
#[tokio::test]
async fn a_request_that_is_too_large_is_halved(status: u16, body: serde_json::Value) {
    let server = Server::start(at_most_two(status, body)).await;
    let vectors_of_seven = model(&server).embed(texts(7), Some(soon())).await.unwrap();
    assert_eq!(vectors_of_seven, vectors(&texts(7)));
    assert_eq!(server.sizes(), [7, 4, 2, 2, 3, 2, 1]);
}

#[tokio::test]
async fn a_text_that_is_too_large_by_itself_is_named_by_its_position() {
    let long = |seen: &server::Seen| seen.texts().iter().any(|text| text == "secret xxxxx");
    let server =
        Server::start(move |_, seen| if long(seen) { Reply::status(413) } else { Reply::Vectors })
            .await;
    let model = model_with(&server, "", |config| config.max_batch = 4);
    let error = model.embed(texts(8), None).await.unwrap_err();
    assert!(matches!(error, EmbedError::TooLarge { position: 5 }), "{error:?}");
    let message = error.to_string();
    assert!(message.starts_with("text 5 is too large"), "{message}");
    assert!(message.contains("embedding.max_tokens") && !message.contains("secret"), "{message}");
}

#[tokio::test]
async fn all_callers_share_the_places_of_indexing() {
    let server = Server::always(Reply::Together(Arc::new(Barrier::new(2)))).await;
    let model = model_with(&server, "", |config| {
        (config.max_batch, config.max_in_flight) = (1, 2);
    });
    let (first, second) = tokio::join!(model.embed(texts(20), None), model.embed(texts(20), None));
    assert_eq!((first.unwrap().len(), second.unwrap().len()), (20, 20));
    assert_eq!((server.hits(), server.most_in_flight()), (40, 2));
}

#[tokio::test]
async fn the_batches_of_one_call_run_side_by_side() {
    let server = Server::always(Reply::Hang).await;
    let model = model_with(&server, "", |config| {
        (config.max_batch, config.max_in_flight) = (1, 3);
    });
    let call = tokio::spawn(async move { model.embed(texts(9), None).await });
    server.wait_for_hits(3).await;
    call.abort();
    server.wait_until_idle().await;
    assert_eq!((server.hits(), server.most_in_flight()), (3, 3));
}

/// Bulk work hangs; what has one text is answered.
async fn busy() -> (Server, Arc<Embeddings>) {
    let server =
        Server::start(|_, seen| if seen.texts().len() == 1 { Reply::Vectors } else { Reply::Hang })
            .await;
    let model = model_with(&server, "", |config| {
        (config.max_batch, config.max_in_flight) = (2, 1);
    });
    (server, model)
}

#[tokio::test]
async fn a_query_does_not_wait_for_bulk_work() {
    let (server, model) = busy().await;
    let bulk = tokio::spawn({
        let model = Arc::clone(&model);
        async move { model.embed(texts(4), None).await }
    });
    server.wait_for_hits(1).await;
    let query = model.embed(texts(1), Some(soon())).await.unwrap();
    assert_eq!(query, vectors(&texts(1)));
    bulk.abort();
}

#[tokio::test]
async fn bulk_work_with_a_deadline_takes_no_place_of_a_query() {
    let (server, model) = busy().await;
    let bulk = tokio::spawn({
        let model = Arc::clone(&model);
        async move { model.embed(texts(4), None).await }
    });
    server.wait_for_hits(1).await;
    let error = model.embed(texts(3), Some(within(50))).await.unwrap_err();
    assert!(matches!(error, EmbedError::Llm(LlmError::Overloaded)), "{error:?}");
    assert_eq!(server.hits(), 1);
    bulk.abort();
}
