//! All routes.

use axum::Router;
use axum::routing::{delete, get, post};

use super::dialects::{CohereV2, RerankV1, Unprefixed, Voyage, rerank};
use super::state::HttpState;
use super::{layers, playground, routes};

/// The routes whose requests are ranked: counted in metrics, limited in number.
const RANKED: [&str; 5] =
    ["/v1/search", "/v1/rerank", "/v2/rerank", "/rerank", "/voyage/v1/rerank"];

/// Whether requests of a route are ranked.
pub(super) fn is_ranked(route: &str) -> bool {
    RANKED.contains(&route)
}

/// Everything that can be asked of the gateway.
pub fn router(state: HttpState) -> Router {
    let ranked = Router::new()
        .route("/v1/search", post(routes::search))
        .route("/v1/explain", post(routes::explain))
        .route("/v1/rerank", post(rerank::<RerankV1>))
        .route("/v2/rerank", post(rerank::<CohereV2>))
        .route("/rerank", post(rerank::<Unprefixed>))
        .route("/voyage/v1/rerank", post(rerank::<Voyage>));
    let plain = Router::new()
        .route("/v1/pipelines", get(routes::pipelines))
        .route("/v1/prompts", get(routes::prompts))
        .route("/v1/collections/{name}", get(routes::collection))
        .route(
            "/v1/collections/{name}/documents",
            post(routes::store_documents).get(routes::document_ids),
        )
        .route("/v1/collections/{name}/documents/{id}", delete(routes::delete_document))
        .route("/", get(playground::page))
        .route("/playground.css", get(playground::style))
        .route("/playground.js", get(playground::script))
        .route("/healthz", get(routes::healthz))
        .route("/readyz", get(routes::readyz))
        .route("/metrics", get(routes::metrics));
    let routes = layers::around_ranked(ranked, state.clone())
        .merge(plain)
        .fallback(routes::not_found)
        .method_not_allowed_fallback(routes::method_not_allowed)
        .with_state(state);
    layers::around_all(routes)
}
