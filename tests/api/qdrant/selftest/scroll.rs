//! Points page by page, by id or by a field.

use qdrant_client::qdrant::order_value::Variant;
use qdrant_client::qdrant::{
    CreateFieldIndexCollection, Direction, FieldType, OrderBy, ScrollPoints, ScrollResponse,
};
use serde_json::json;
use tonic::Code;

use super::{GOODS, Shop, id, names, payload, refusal};

fn page() -> ScrollPoints {
    ScrollPoints { collection_name: GOODS.to_owned(), ..ScrollPoints::default() }
}

fn by_price(direction: Option<Direction>) -> ScrollPoints {
    let order = OrderBy {
        key: "metadata.price".to_owned(),
        direction: direction.map(Into::into),
        start_from: None,
    };
    ScrollPoints { order_by: Some(order), ..page() }
}

impl Shop {
    async fn scroll(&self, scroll: ScrollPoints) -> ScrollResponse {
        self.client.scroll(scroll).await.unwrap()
    }

    async fn index_prices(&self) {
        let index = CreateFieldIndexCollection {
            collection_name: GOODS.to_owned(),
            field_name: "metadata.price".to_owned(),
            field_type: Some(FieldType::Float.into()),
            wait: Some(true),
            ..CreateFieldIndexCollection::default()
        };
        self.client.create_field_index(index).await.unwrap();
    }
}

fn listed(page: &ScrollResponse) -> Vec<&'static str> {
    names(page.result.iter().map(|point| &point.id))
}

#[tokio::test]
async fn pages_follow_one_another() {
    let shop = Shop::open().await;
    let first = shop.scroll(ScrollPoints { limit: Some(3), ..page() }).await;
    assert_eq!(listed(&first), ["tent", "stove", "lamp"]);
    assert_eq!(first.next_page_offset, Some(id(4)));
    let next = ScrollPoints { offset: first.next_page_offset, limit: Some(3), ..page() };
    let last = shop.scroll(next).await;
    assert_eq!(listed(&last), ["rope"]);
    assert_eq!(last.next_page_offset, None);
}

#[tokio::test]
async fn a_page_has_payloads_unless_it_is_asked_for_none() {
    let shop = Shop::open().await;
    let whole = shop.scroll(page()).await;
    let rope = json!({ "id": "rope", "title": "Rope", "metadata": {} });
    assert_eq!(payload(whole.result[3].payload.clone()), rope);
    assert!(whole.result.iter().all(|point| point.vectors.is_none()));
    let with_vectors = Some(vec!["dense"].into());
    let bare = ScrollPoints { with_payload: Some(false.into()), with_vectors, ..page() };
    let bare = shop.scroll(bare).await;
    assert!(bare.result.iter().all(|point| point.payload.is_empty()));
    assert!(bare.result[0].vectors.as_ref().unwrap().get_vector_by_name("dense").is_some());
}

#[tokio::test]
async fn points_are_ordered_by_an_indexed_field() {
    let shop = Shop::open().await;
    shop.index_prices().await;
    // A point without the field is in no such order.
    let rising = shop.scroll(by_price(None)).await;
    assert_eq!(listed(&rising), ["lamp", "stove", "tent"]);
    assert_eq!(rising.next_page_offset, None);
    let prices = rising.result.iter().map(|point| point.order_value.unwrap().variant.unwrap());
    let expected = [20.0, 35.5, 120.0].map(Variant::Float);
    assert_eq!(prices.collect::<Vec<_>>(), expected);
    let falling = ScrollPoints { limit: Some(2), ..by_price(Some(Direction::Desc)) };
    assert_eq!(listed(&shop.scroll(falling).await), ["tent", "stove"]);
    assert_eq!(listed(&shop.scroll(by_price(Some(Direction::Asc))).await), listed(&rising));
}

#[tokio::test]
async fn an_order_needs_an_index_and_no_offset() {
    let shop = Shop::open().await;
    let (code, message) = refusal(shop.client.scroll(by_price(None)).await);
    assert_eq!(code, Code::InvalidArgument);
    let problem = "Wrong input: No range index for `order_by` key: `metadata.price`.";
    assert!(message.starts_with(problem), "{message}");
    shop.index_prices().await;
    let offset = ScrollPoints { offset: Some(id(2)), ..by_price(None) };
    assert_eq!(refusal(shop.client.scroll(offset).await).0, Code::InvalidArgument);
}

#[tokio::test]
async fn a_page_of_nothing_is_refused() {
    let shop = Shop::open().await;
    let nothing = ScrollPoints { limit: Some(0), ..page() };
    let (code, message) = refusal(shop.client.scroll(nothing).await);
    assert_eq!(code, Code::InvalidArgument);
    assert_eq!(message, "Validation error in body: [limit: value 0 invalid, must be 1 or larger]");
}
