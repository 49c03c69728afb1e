//! Names that stand for collections.

use qdrant_client::qdrant::alias_operations::Action;
use qdrant_client::qdrant::collections_client::CollectionsClient;
use qdrant_client::qdrant::{
    AliasDescription, AliasOperations, ChangeAliases, CountPoints, CreateAlias, CreateCollection,
    DeleteAlias, RenameAlias, UpdateCollection, UpsertPoints,
};
use test_case::test_case;
use tonic::Code;

use super::{GOODS, Shop, goods, lamp, map, refusal, upsert};

const LIVE: &str = "live";

fn to_goods(alias: &str) -> CreateAlias {
    CreateAlias { collection_name: GOODS.to_owned(), alias_name: alias.to_owned() }
}

impl Shop {
    async fn count(&self, name: &str) -> u64 {
        let count = CountPoints { collection_name: name.to_owned(), ..CountPoints::default() };
        self.client.count(count).await.unwrap().result.unwrap().count
    }

    async fn aliases(&self) -> Vec<(String, String)> {
        let pair = |alias: AliasDescription| (alias.alias_name, alias.collection_name);
        self.client.list_aliases().await.unwrap().aliases.into_iter().map(pair).collect()
    }

    async fn make(&self, name: &str) {
        let other = CreateCollection { collection_name: name.to_owned(), ..goods() };
        self.client.create_collection(other).await.unwrap();
    }
}

fn pair(alias: &str, collection: &str) -> (String, String) {
    (alias.to_owned(), collection.to_owned())
}

#[tokio::test]
async fn an_alias_stands_for_its_collection_everywhere() {
    let shop = Shop::open().await;
    shop.client.create_alias(to_goods(LIVE)).await.unwrap();
    assert!(shop.client.collection_exists(LIVE).await.unwrap());
    assert_eq!(shop.count(LIVE).await, 4);
    let metadata = map([("state", "whole".into())]);
    let collection_name = LIVE.to_owned();
    let update = UpdateCollection { collection_name, metadata, ..UpdateCollection::default() };
    shop.client.update_collection(update).await.unwrap();
    let info = shop.client.collection_info(LIVE).await.unwrap().result.unwrap();
    assert_eq!(info.config.unwrap().metadata["state"], "whole".into());
    let mut another = lamp();
    another.id = Some(super::id(5));
    let upsert = UpsertPoints { collection_name: LIVE.to_owned(), ..upsert(vec![another]) };
    shop.client.upsert_points(upsert).await.unwrap();
    assert_eq!(shop.count(GOODS).await, 5);
    // But it is no collection itself.
    assert_eq!(shop.client.list_collections().await.unwrap().collections.len(), 1);
    assert!(!shop.client.delete_collection(LIVE).await.unwrap().result);
}

#[tokio::test]
async fn aliases_are_listed_renamed_and_deleted() {
    let shop = Shop::open().await;
    shop.make("other").await;
    shop.client.create_alias(to_goods(LIVE)).await.unwrap();
    let to_other = CreateAlias { collection_name: "other".to_owned(), ..to_goods("next") };
    shop.client.create_alias(to_other).await.unwrap();
    assert_eq!(shop.aliases().await, [pair(LIVE, GOODS), pair("next", "other")]);
    let of_goods = shop.client.list_collection_aliases(GOODS).await.unwrap().aliases;
    assert_eq!(of_goods.len(), 1);
    assert_eq!(of_goods[0].alias_name, LIVE);
    assert!(shop.client.list_collection_aliases("none").await.unwrap().aliases.is_empty());
    let rename = RenameAlias { old_alias_name: LIVE.to_owned(), new_alias_name: "old".to_owned() };
    shop.client.rename_alias(rename).await.unwrap();
    assert_eq!(shop.aliases().await, [pair("next", "other"), pair("old", GOODS)]);
    shop.client.delete_alias("old").await.unwrap();
    assert_eq!(shop.aliases().await, [pair("next", "other")]);
    assert!(!shop.client.collection_exists("old").await.unwrap());
    // One that isn't there is no error, and neither is a second time.
    shop.client.delete_alias("old").await.unwrap();
}

#[tokio::test]
async fn an_alias_moves_to_another_collection() {
    let shop = Shop::open().await;
    shop.make("other").await;
    shop.client.create_alias(to_goods(LIVE)).await.unwrap();
    let moved = CreateAlias { collection_name: "other".to_owned(), ..to_goods(LIVE) };
    shop.client.create_alias(moved).await.unwrap();
    assert_eq!(shop.count(LIVE).await, 0);
}

#[tokio::test]
async fn aliases_go_with_their_collection() {
    let shop = Shop::open().await;
    shop.client.create_alias(to_goods(LIVE)).await.unwrap();
    shop.client.delete_collection(GOODS).await.unwrap();
    assert!(shop.aliases().await.is_empty());
}

#[tokio::test]
async fn several_changes_are_made_at_once() {
    let shop = Shop::open().await;
    shop.make("other").await;
    shop.client.create_alias(to_goods(LIVE)).await.unwrap();
    let delete = Action::DeleteAlias(DeleteAlias { alias_name: LIVE.to_owned() });
    let create = CreateAlias { collection_name: "other".to_owned(), ..to_goods(LIVE) };
    let actions = [delete, Action::CreateAlias(create)];
    let actions = actions.map(|action| AliasOperations { action: Some(action) }).to_vec();
    let mut collections = CollectionsClient::connect(shop.server.url()).await.unwrap();
    collections.update_aliases(ChangeAliases { actions, timeout: None }).await.unwrap();
    assert_eq!(shop.aliases().await, [pair(LIVE, "other")]);
}

#[tokio::test]
async fn names_don_t_collide() {
    let shop = Shop::open().await;
    let (code, message) = refusal(shop.client.create_alias(to_goods(GOODS)).await);
    assert_eq!(code, Code::AlreadyExists);
    assert_eq!(message, "Wrong input: Collection `goods` already exists!");
    shop.client.create_alias(to_goods(LIVE)).await.unwrap();
    let named_like_it = CreateCollection { collection_name: LIVE.to_owned(), ..goods() };
    let (code, message) = refusal(shop.client.create_collection(named_like_it).await);
    assert_eq!(code, Code::InvalidArgument);
    assert!(message.contains("Alias with the same name already exists"), "{message}");
}

#[test_case(
    Action::CreateAlias(CreateAlias { collection_name: "none".into(), alias_name: LIVE.into() }),
    "Not found: Collection `none` doesn't exist!" ;
    "for no collection"
)]
#[test_case(
    Action::RenameAlias(RenameAlias { old_alias_name: "none".into(), new_alias_name: LIVE.into() }),
    "Not found: Alias none does not exists!" ;
    "renaming none"
)]
#[tokio::test]
async fn an_alias_of_nothing_is_refused(action: Action, expected: &str) {
    let shop = Shop::open().await;
    let actions = vec![AliasOperations { action: Some(action) }];
    let mut collections = CollectionsClient::connect(shop.server.url()).await.unwrap();
    let changes = ChangeAliases { actions, timeout: None };
    let status = collections.update_aliases(changes).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, expected));
}
