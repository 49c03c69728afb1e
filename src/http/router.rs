//! All routes.

use axum::Router;
use axum::routing::get;

use super::dialects::{self, CohereV2, RerankV1, Unprefixed, Voyage, rerank};
use super::openapi::{Described, Document, Routes};
use super::state::HttpState;
use super::{docs, layers, playground, routes};

/// The routes whose requests are ranked: counted in metrics, limited in number.
const RANKED: [&str; 5] =
    ["/v1/search", "/v1/rerank", "/v2/rerank", "/rerank", "/voyage/v1/rerank"];

/// Whether requests of a route are ranked.
pub(super) fn is_ranked(route: &str) -> bool {
    RANKED.contains(&route)
}

/// Everything that can be asked of the gateway.
pub fn router(state: HttpState) -> Router {
    let document = Document::of(described());
    let routes = layers::around_ranked(ranked().router(), state.clone())
        .merge(plain().router())
        .route("/openapi.json", get(move || async move { document.respond() }))
        .merge(docs::routes())
        .merge(playground::routes())
        .fallback(routes::not_found)
        .method_not_allowed_fallback(routes::method_not_allowed)
        .with_state(state);
    layers::around_all(routes)
}

/// What is said of the routes.
pub(super) fn described() -> Vec<Described> {
    [ranked().described(), plain().described(), vec![Document::described()]].concat()
}

/// What is ranked or asks an LLM.
fn ranked() -> Routes {
    Routes::default()
        .post("/v1/search", routes::search, routes::describe_search)
        .post("/v1/explain", routes::explain, routes::describe_explain)
        .post("/v1/rerank", rerank::<RerankV1>, dialects::describe::<RerankV1>)
        .post("/v2/rerank", rerank::<CohereV2>, dialects::describe::<CohereV2>)
        .post("/rerank", rerank::<Unprefixed>, dialects::describe::<Unprefixed>)
        .post("/voyage/v1/rerank", rerank::<Voyage>, dialects::describe::<Voyage>)
}

/// Everything else that is an API.
fn plain() -> Routes {
    let documents = "/v1/collections/{name}/documents";
    Routes::default()
        .get("/v1/pipelines", routes::pipelines, routes::describe_pipelines)
        .get("/v1/prompts", routes::prompts, routes::describe_prompts)
        .get("/v1/collections/{name}", routes::collection, routes::describe_collection)
        .post(documents, routes::store_documents, routes::describe_store)
        .get(documents, routes::document_ids, routes::describe_ids)
        .delete(
            "/v1/collections/{name}/documents/{id}",
            routes::delete_document,
            routes::describe_delete,
        )
        .get("/healthz", routes::healthz, routes::describe_healthz)
        .get("/readyz", routes::readyz, routes::describe_readyz)
        .get("/metrics", routes::metrics, routes::describe_metrics)
}
