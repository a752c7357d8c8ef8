//! The HTTP server: actix-web's own, except that it hands WebSocket connections over to [`super::upgrade`].
//!
//! [`actix_web::HttpServer`] has no setting for that, so its parts are put together here.

use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;

use actix_http::{HttpService, Request};
use actix_service::{IntoServiceFactory, ServiceFactory};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Server, ServiceResponse, fn_factory, fn_service};
use actix_web::rt::net::TcpStream;
use futures_util::future::{FutureExt, TryFutureExt};
use socket2::SockRef;

use super::upgrade;
use crate::settings;

/// A peer that acknowledges nothing for this long is gone, or has stopped reading: the kernel then ends the
/// connection. A socket that was closed as too slow would otherwise hold its last chunk for ever.
const SILENT_PEER: Duration = Duration::from_secs(60);
/// How long the rest of a request is read when it was answered before its end, as in [`actix_web::HttpServer`].
const DISCONNECT: Duration = Duration::from_secs(1);
/// How long a connection may wait for its next request: longer than proxies keep theirs (nginx 60 s), as one that is
/// closed while a proxy writes a request into it costs that request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Starts worker threads that accept from `listener`, each with what `app` makes.
///
/// # Errors
/// When the listener or the threads cannot be set up.
pub fn run<F, A, S, B>(settings: &settings::Server, listener: TcpListener, app: F) -> io::Result<Server>
where
    F: Fn() -> A + Clone + Send + 'static,
    A: IntoServiceFactory<S, Request>,
    S: ServiceFactory<
            Request,
            Config = AppConfig,
            Response = ServiceResponse<B>,
            Error = actix_web::Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    let mut server = Server::build().disable_signals().shutdown_timeout(settings.shutdown_timeout_s);
    if settings.workers > 0 {
        server = server.workers(settings.workers);
    }
    let stopping = server.graceful_shutdown_signal();
    let server = server.listen("kefu", listener, move || {
        let stopping = stopping.clone();
        // One service for plain requests and for those that ask for an upgrade.
        let app = app().into_factory().new_service(AppConfig::default()).map_ok(Rc::new).shared();
        let upgrades = app.clone();
        HttpService::build()
            .keep_alive(KEEP_ALIVE)
            .client_disconnect_timeout(DISCONNECT)
            .tcp_nodelay(true)
            .on_connect_ext(|connection: &TcpStream, _| give_up_on_silent_peers(connection))
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .upgrade(fn_factory(move || {
                let app = upgrades.clone();
                async move {
                    let app = app.await?;
                    Ok::<_, ()>(fn_service::<_, _, _, _, _, ()>(move |connection| {
                        upgrade::serve(Rc::clone(&app), connection)
                    }))
                }
            }))
            .finish(fn_factory(move || app.clone()))
            .tcp()
    })?;
    Ok(server.run())
}

fn give_up_on_silent_peers(connection: &TcpStream) {
    #[cfg(target_os = "linux")]
    if let Err(error) = SockRef::from(connection).set_tcp_user_timeout(Some(SILENT_PEER)) {
        tracing::debug!(%error, "a connection has no timeout");
    }
}
