use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use runtime::Shutdown;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::routes::{
    campaigns, contacts, contents, enrollments, events, keys, limits, messages, queue, senders, stats, suppressions,
    tenants, workers,
};
use crate::{ApiError, ApiState, docs_page, gates, openapi, unsubscribe_page};

type Routes = OpenApiRouter<ApiState>;

/// Every public route, on three screens. These create, and may be repeated under an Idempotency-Key.
fn creating() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(messages::create::create))
        .routes(routes!(messages::create_batch::create_batch))
        .routes(routes!(contents::create::create))
        .routes(routes!(campaigns::create::create))
        .routes(routes!(enrollments::create::create))
        .routes(routes!(events::create::create))
        .routes(routes!(contacts::put::put))
        .routes(routes!(senders::create::create))
        .routes(routes!(suppressions::add::add))
        .routes(routes!(keys::create::create))
        .routes(routes!(keys::rotate::rotate))
        .routes(routes!(tenants::create::create))
        .routes(routes!(tenants::create_key::create_key))
}

fn answering() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(messages::list::list))
        .routes(routes!(messages::get::get))
        .routes(routes!(messages::cancel::cancel))
        .routes(routes!(messages::cancel_matching::cancel_matching))
        .routes(routes!(messages::resolve::resolve))
        .routes(routes!(contents::get::get))
        .routes(routes!(campaigns::validate::validate))
        .routes(routes!(campaigns::list::list))
        .routes(routes!(campaigns::get::get))
        .routes(routes!(campaigns::start::start))
        .routes(routes!(campaigns::pause::pause))
        .routes(routes!(campaigns::resume::resume))
        .routes(routes!(campaigns::cancel::cancel))
        .routes(routes!(campaigns::complete::complete))
        .routes(routes!(campaigns::list_versions::list_versions, campaigns::add_version::add_version))
        .routes(routes!(campaigns::plan::plan))
        .routes(routes!(campaigns::preview::preview))
        .routes(routes!(campaigns::simulate::simulate))
        .routes(routes!(campaigns::list_enrollments::list_enrollments))
        .routes(routes!(enrollments::get::get))
        .routes(routes!(enrollments::get_bulk::get_bulk))
        .routes(routes!(enrollments::cancel::cancel))
        .routes(routes!(enrollments::timeline::timeline))
        .routes(routes!(contacts::list::list))
        .routes(routes!(contacts::get::get))
        .routes(routes!(contacts::add_address::add_address))
        .routes(routes!(senders::list::list))
        .routes(routes!(senders::get::get, senders::update::update))
        .routes(routes!(senders::archive::archive))
        .routes(routes!(senders::check::check))
        .routes(routes!(senders::pause::pause))
        .routes(routes!(senders::resume::resume))
        .routes(routes!(suppressions::list::list))
        .routes(routes!(suppressions::get::get, suppressions::lift::lift))
        .routes(routes!(queue::get::get))
        .routes(routes!(queue::pause::pause))
        .routes(routes!(queue::resume::resume))
        .routes(routes!(queue::retry_failed::retry_failed))
        .routes(routes!(queue::clear_failed::clear_failed))
        .routes(routes!(queue::list_uncertain::list_uncertain))
        .routes(routes!(stats::get::get))
        .routes(routes!(limits::list::list))
        .routes(routes!(limits::get::get, limits::put::put, limits::remove::remove))
        .routes(routes!(limits::get_keyed::get_keyed, limits::put_keyed::put_keyed, limits::remove_keyed::remove_keyed))
        .routes(routes!(keys::list::list))
        .routes(routes!(keys::revoke::revoke))
        .routes(routes!(tenants::list::list))
        .routes(routes!(tenants::get::get, tenants::update::update))
        .routes(routes!(tenants::pause::pause))
        .routes(routes!(tenants::resume::resume))
        .routes(routes!(workers::list::list))
}

fn streaming() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(suppressions::import::import))
        .routes(routes!(enrollments::bulk::bulk))
        .routes(routes!(suppressions::export::export))
        .routes(routes!(events::stream::stream))
}

/// What all of them look like from outside.
pub fn described() -> OpenApi {
    let all = OpenApiRouter::with_openapi(openapi::head()).merge(creating()).merge(answering()).merge(streaming());
    openapi::with_shared_failures(all.into_openapi())
}

pub fn router(state: ApiState, shutdown: Shutdown) -> Router {
    let routes = creating()
        .route_layer(from_fn_with_state(state.clone(), gates::creating))
        .merge(answering().route_layer(from_fn_with_state(state.clone(), gates::answering)))
        .merge(streaming().route_layer(from_fn_with_state((state.clone(), shutdown), gates::streaming)));
    Router::from(routes)
        .merge(docs_page::routes(&described()))
        .merge(unsubscribe_page::routes())
        .fallback(|| async { ApiError::not_found("there is no such route") })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(from_fn(gates::watch))
        .with_state(state)
}
