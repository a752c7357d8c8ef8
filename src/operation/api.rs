//! HTTP of operation.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::db::Db;
use crate::message::Writer;
use crate::push::Hub;
use crate::telemetry::metrics::{self, Metrics};

/// Registers the routes.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(healthz).service(readyz).service(metrics_text);
}

#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok`
    #[schema(example = "ok")]
    status: &'static str,
}

#[derive(Serialize, ToSchema)]
struct Readiness {
    /// `ok` when the service can take requests.
    #[schema(example = "ok")]
    status: &'static str,
    /// `ok` or `unreachable`
    #[schema(example = "ok")]
    database: &'static str,
    /// `ok`, or `full` when a send would be refused
    #[schema(example = "ok")]
    write_queue: &'static str,
    /// `ok` or `stopping`
    #[schema(example = "ok")]
    process: &'static str,
    /// `ok`, or `degraded` when frames reach this node's own sockets only; the service is ready all the same.
    #[schema(example = "ok")]
    relay: &'static str,
}

/// Whether the process is alive
#[utoipa::path(tag = "operation", responses((status = 200, description = "It is alive", body = Health)), security(()))]
#[get("/healthz")]
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "ok" })
}

/// Whether the service can take requests
///
/// The database answers, the write queue has room, and no shutdown has begun. Without its relay a node still takes
/// requests.
#[utoipa::path(
    tag = "operation",
    responses(
        (status = 200, description = "Ready", body = Readiness),
        (status = 503, description = "Not ready", body = Readiness, example = json!({
            "status": "unavailable", "database": "ok", "write_queue": "full", "process": "ok", "relay": "ok"
        }))
    ),
    security(())
)]
#[get("/readyz")]
async fn readyz(db: web::Data<Db>, writer: web::Data<Writer>, hub: web::Data<Hub>) -> HttpResponse {
    let word = |fine: bool, otherwise: &'static str| if fine { "ok" } else { otherwise };
    let database = word(db.ping().await.is_ok(), "unreachable");
    let write_queue = word(writer.is_ready(), "full");
    let process = word(!hub.is_draining(), "stopping");
    let ready = [database, write_queue, process].iter().all(|state| *state == "ok");
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let relay = word(hub.relay().is_up(), "degraded");
    let state = Readiness { status: word(ready, "unavailable"), database, write_queue, process, relay };
    HttpResponse::build(status).json(state)
}

/// Metrics for Prometheus
#[utoipa::path(
    tag = "operation",
    responses((status = 200, description = "OpenMetrics", content_type = "application/openmetrics-text", body = String)),
    security(())
)]
#[get("/metrics")]
async fn metrics_text(metrics: web::Data<Metrics>) -> HttpResponse {
    HttpResponse::Ok().content_type(metrics::CONTENT_TYPE).body(metrics.encode())
}
