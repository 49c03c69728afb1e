//! Settings of BM25 and of the fusion, as far as the engine and what it stores
//! have to do with them.

use test_case::test_case;

use super::*;
use crate::retrieve::{Bm25Shape, ComponentWeights, FieldWeights, FusionKind, RrfK};

fn titled(id: &str, title: &str, text: &str) -> Document {
    Document { title: title.into(), ..plain(id, text) }
}

fn weighing(title: f64, text: f64) -> CollectionConfig {
    let fields = FieldWeights::new(title, text).unwrap();
    CollectionConfig { fields, ..CollectionConfig::default() }
}

#[test_case(&weighing(2.0, 1.0), "title = 2" ; "fields")]
#[test_case(
    &CollectionConfig { bm25: Bm25Shape::new(0.9, 0.4).unwrap(), ..CollectionConfig::default() },
    "k1 = 0.9, b = 0.4" ;
    "shape"
)]
#[tokio::test]
async fn other_settings_than_the_stored_ones_are_refused(config: &CollectionConfig, part: &str) {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::at(folder.path());
    index.fill(shop()).await;
    drop(index);
    let encoder = Arc::new(StubEncoder::new("1"));
    let index = Index::with(folder.path(), config.clone(), &encoder).unwrap();
    for error in [
        index.stage.check(NAME).await.unwrap_err().to_string(),
        index.documents.writer(NAME).await.err().unwrap().to_string(),
    ] {
        assert!(error.contains(part) && error.contains("title = 1, text = 1"), "{error}");
        assert!(error.contains("[collections.docs]"), "{error}");
    }
}

#[test_case(3.0, 1.0, ["in-title", "in-text"] ; "the title weighs more")]
#[test_case(1.0, 3.0, ["in-text", "in-title"] ; "the text weighs more")]
#[tokio::test]
async fn fields_count_by_their_weights(title: f64, text: f64, expected: [&str; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let encoder = Arc::new(StubEncoder::new("1"));
    let index = Index::with(folder.path(), weighing(title, text), &encoder).unwrap();
    let in_title = titled("in-title", "dome", "steel stove");
    let in_text = titled("in-text", "stove", "dome steel");
    index.fill(vec![in_title, in_text, plain("neither", "red pan")]).await;
    let found = index.retrieve(request("dome", RetrievalMode::Bm25, 10)).await.unwrap();
    assert_eq!(ids(&found), expected);
}

#[tokio::test]
async fn components_are_fused_as_the_request_says() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::at(folder.path());
    index.fill(shop()).await;
    let kind = FusionKind::ReciprocalRanks(RrfK::new(9).unwrap());
    let fusion = Fusion::new(kind, ComponentWeights::new(3.0, 1.0).unwrap());
    let asked = Retrieve { fusion, ..request("a gas stove", RetrievalMode::Hybrid, 10) };
    let found = index.retrieve(asked).await.unwrap();
    let best = found.candidates[0].scores;
    assert_eq!(ids(&found)[0], "stove");
    // It is the first of both.
    assert!((best.fusion.unwrap() - 0.4).abs() < 1e-6, "{best:?}");
}

#[tokio::test]
async fn freshness_takes_its_share_of_any_fusion() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::at(folder.path());
    let old = json!({ "updated_at": "2001-01-01T00:00:00Z" });
    let new = json!({ "updated_at": "2999-01-01T00:00:00Z" });
    let documents = vec![
        document("old", "gas stove stove", &old),
        document("new", "a red pan, no stove", &new),
    ];
    index.fill(documents).await;
    let freshness = |weight: &str| {
        serde_json::from_value(
            json!({ "half_life": "7d", "weight": weight.parse::<f32>().unwrap() }),
        )
        .unwrap()
    };
    for kind in [FusionKind::Relative, FusionKind::ReciprocalRanks(RrfK::default())] {
        let fusion = Fusion::new(kind, kind.usual_weights());
        let asked = |weight| Retrieve {
            fusion,
            freshness: Some(freshness(weight)),
            ..request("gas stove", RetrievalMode::Hybrid, 10)
        };
        // A small share leaves relevance its say, whatever the scale of its scores.
        let found = index.retrieve(asked("0.2")).await.unwrap();
        assert_eq!(ids(&found), ["old", "new"], "{kind:?}");
        let found = index.retrieve(asked("0.9")).await.unwrap();
        assert_eq!(ids(&found), ["new", "old"], "{kind:?}");
    }
}
