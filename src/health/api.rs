//! HTTP of operation.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::db::{Db, watch};
use crate::http::routes;
use crate::push::Hub;
use crate::telemetry::metrics::{Format, Metrics};
use crate::writer::Writer;

/// Registers the routes.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    routes!(config => healthz, readyz, metrics_text);
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
    /// `ok`, `unreachable`, `unwritable` while nothing can be stored (its disk is full or fails, or others keep it locked),
    /// or `full` when the disk of the embedded database has less than 1 MiB left
    #[schema(example = "ok")]
    database: &'static str,
    /// `ok`, `full`, `stuck` while the database does not answer the writer, or `ended` when only a restart helps
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
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operation",
    responses((status = 200, description = "It is alive", body = Health))
)]
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "ok" })
}

/// Whether the service can take requests
///
/// The database answers and can be written, the write queue has room and is worked off, and no shutdown has begun. Without its relay a node
/// still takes requests.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operation",
    responses(
        (status = 200, description = "Ready", body = Readiness),
        (status = 503, description = "Not ready", body = Readiness, example = json!({
            "status": "unavailable", "database": "ok", "write_queue": "full", "process": "ok", "relay": "ok"
        }))
    )
)]
async fn readyz(db: web::Data<Db>, writer: web::Data<Writer>, hub: web::Data<Hub>) -> HttpResponse {
    let word = |fine: bool, otherwise: &'static str| if fine { "ok" } else { otherwise };
    let database = if db.ping().await.is_err() {
        "unreachable"
    } else if db.is_unwritable() {
        "unwritable"
    } else {
        word(!watch::is_full(&db), "full")
    };
    let write_queue = if !writer.is_running() {
        "ended"
    } else if writer.is_stuck() {
        "stuck"
    } else {
        word(!writer.is_full(), "full")
    };
    let process = word(!hub.is_draining(), "stopping");
    let ready = [database, write_queue, process].iter().all(|state| *state == "ok");
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let relay = word(hub.relay().is_up(), "degraded");
    let state = Readiness { status: word(ready, "unavailable"), database, write_queue, process, relay };
    HttpResponse::build(status).json(state)
}

/// Metrics for Prometheus
///
/// In the older text format when `Accept` names `text/plain` and not OpenMetrics.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    responses((status = 200, description = "OpenMetrics", content_type = "application/openmetrics-text", body = String))
)]
async fn metrics_text(request: HttpRequest, metrics: web::Data<Metrics>) -> HttpResponse {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = Format::accepted(accept);
    HttpResponse::Ok().content_type(format.content_type()).body(metrics.encode_as(format))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use actix_web::{App, test};
    use serde_json::{Value, json};

    use super::*;
    use crate::clock::Clock;
    use crate::message;
    use crate::settings::Settings;
    use crate::test_db::temporary_with;
    use crate::writer::{self, Stream};

    /// Asks `/readyz` of a service with one database connection, after `before` has happened to it.
    async fn readiness(before: impl AsyncFnOnce(&Db, &Hub)) -> (StatusCode, Value) {
        let mut settings = Settings::default();
        (settings.database.pool_size, settings.database.acquire_timeout_ms) = (1, 20);
        let (_folder, db) = temporary_with(&settings.database);
        let (clock, metrics) = (Clock::manual(0), Metrics::new());
        let hub = Hub::new(&settings.push, clock.clone(), metrics.clone());
        let (writer, thread) = {
            let stream = Stream {
                newest_time: message::newest_time,
                between: message::between,
                insert_toasts: message::insert_toasts,
            };
            writer::start(&db, &hub, &clock, &settings.limits, &metrics, stream).unwrap()
        };
        before(&db, &hub).await;
        let data = (web::Data::new(db), web::Data::new(writer), web::Data::new(hub));
        let app = test::init_service(
            App::new().app_data(data.0).app_data(data.1).app_data(data.2).route("/readyz", web::get().to(readyz)),
        );
        let app = app.await;
        let response = test::call_service(&app, test::TestRequest::get().uri("/readyz").to_request()).await;
        let answer = (response.status(), test::read_body_json(response).await);
        drop(app);
        thread.join();
        answer
    }

    #[actix_web::test]
    async fn a_shutdown_makes_it_unready() {
        let state = json!({"status": "unavailable", "database": "ok", "write_queue": "ok", "process": "stopping",
            "relay": "ok"});
        assert_eq!(readiness(async |_, hub| hub.drain()).await, (StatusCode::SERVICE_UNAVAILABLE, state));
    }

    #[actix_web::test]
    async fn a_database_without_a_free_connection_is_unreachable() {
        let (release, released) = mpsc::channel::<()>();
        let taken = async |db: &Db, _: &Hub| {
            let (take, taken) = tokio::sync::oneshot::channel();
            let db = db.clone();
            tokio::spawn(async move {
                db.run(move |_| {
                    take.send(()).unwrap();
                    released.recv().unwrap_err();
                    Ok(())
                })
                .await
            });
            taken.await.unwrap();
        };
        let (status, state) = readiness(taken).await;
        drop(release);
        assert_eq!((status, &state["database"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unreachable")));
        assert_eq!((&state["write_queue"], &state["process"]), (&json!("ok"), &json!("ok")));
    }
}
