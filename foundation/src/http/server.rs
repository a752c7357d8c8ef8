//! The HTTP server: actix-web's own, except that it hands WebSocket connections over to [`crate::ws::upgrade`].
//!
//! [`actix_web::HttpServer`] has no setting for that, so its parts are put together here.
//!
//! A stop accepts no connection and answers requests on open ones with `Connection: close`. A connection without a request
//! for [`IDLE_GRACE`] is closed. A client that writes in that very moment gets no answer, which HTTP/1.1 cannot avoid.
//!
//! An answer to a request with `Connection: upgrade` that upgrades nothing (`Upgrade: h2c`, which Java's client sends)
//! closes the connection and says so: actix-http closes it in any case, and would answer `Connection: upgrade`.

use std::io;
use std::net::TcpListener;
use std::num::NonZero;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{ConnectionType, HttpService, Protocol, Request};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Server, ServiceResponse, fn_factory, fn_service};
use actix_web::rt::net::TcpStream;
use futures_util::future::{FutureExt, TryFutureExt};
use socket2::SockRef;

use super::exchange::Exchange;
use super::stream::TimedStream;
use crate::settings;
use crate::ws::upgrade;

/// A peer that acknowledges nothing for this long is gone, or has stopped reading: the kernel then ends the
/// connection. A socket that was closed as too slow would otherwise hold its last chunk for ever.
const SILENT_PEER: Duration = Duration::from_secs(60);
/// How long the rest of a request is read when it was answered before its end, as in [`actix_web::HttpServer`].
const DISCONNECT: Duration = Duration::from_secs(1);
/// How long a connection may wait for its next request: longer than proxies keep theirs (nginx 60 s), as one that is
/// closed while a proxy writes a request into it costs that request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a stop leaves idle connections open: those in use are then closed by an answer, and not under a request that is
/// on its way. Below the second after which actix looks first whether all connections have ended.
const IDLE_GRACE: Duration = Duration::from_millis(750);

/// Threads that wait for the database or for files, over all workers.
const BLOCKING_THREADS: usize = 512;

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
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let workers = if settings.workers > 0 { settings.workers } else { default_workers(cores) };
    let server = Server::build()
        .disable_signals()
        .shutdown_timeout(settings.shutdown_timeout_s)
        .workers(workers)
        .worker_max_blocking_threads((BLOCKING_THREADS / workers).max(1))
        // Operators tune the open-file limit; actix's own limit would refuse connections without a log line.
        .max_concurrent_connections(usize::MAX);
    let signal = server.graceful_shutdown_signal();
    let stopping = Arc::new(AtomicBool::new(false));
    let allowed = Duration::from_secs(settings.request_timeout_s);
    let server = server.listen("kefu", listener, move || {
        let (signal, stopping) = (signal.clone(), Arc::clone(&stopping));
        let is_stopping = Arc::clone(&stopping);
        let app = app().into_factory().map(move |mut response: ServiceResponse<B>| {
            if !response.response().upgrade() {
                say_close(&mut response, is_stopping.load(Ordering::Relaxed));
            }
            response
        });
        // One service for plain requests and for those that ask for an upgrade.
        let app = app.new_service(AppConfig::default()).map_ok(Rc::new).shared();
        let upgrades = app.clone();
        let http = HttpService::build()
            .keep_alive(KEEP_ALIVE)
            .client_disconnect_timeout(DISCONNECT)
            .on_connect_ext(|connection: &TimedStream, data| {
                give_up_on_silent_peers(connection.get_ref());
                data.insert(connection.exchange());
            })
            .graceful_shutdown_signal(move || {
                let (signal, stopping) = (signal.clone(), Arc::clone(&stopping));
                async move {
                    signal.notified().await;
                    stopping.store(true, Ordering::Relaxed);
                    tokio::time::sleep(IDLE_GRACE).await;
                }
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
            .finish(fn_factory(move || app.clone()));
        fn_service(move |connection: TcpStream| async move {
            let peer = connection.peer_addr().ok();
            drop(connection.set_nodelay(true));
            Ok::<_, DispatchError>((TimedStream::new(connection, allowed), Protocol::Http1, peer))
        })
        .and_then(http)
    })?;
    Ok(server.run())
}

/// Has the answer say that the connection will be closed, if it will be, and nothing be carried out on it any more.
fn say_close<B>(response: &mut ServiceResponse<B>, is_stopping: bool) {
    let exchange = response.request().conn_data::<Exchange>().cloned();
    let keeps = response.request().head().connection_type() == ConnectionType::KeepAlive
        && response.response().head().connection_type() != ConnectionType::Close
        && !exchange.as_ref().is_some_and(Exchange::is_closing);
    if is_stopping || !keeps {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        if let Some(exchange) = exchange {
            exchange.close();
        }
    }
}

/// A core is left to the message writer, for whom all senders wait: on two cores, a second thread of frames beside it halved
/// what one sender got through to a thousand sockets.
fn default_workers(cores: usize) -> usize {
    cores.saturating_sub(1).max(1)
}

fn give_up_on_silent_peers(connection: &TcpStream) {
    #[cfg(target_os = "linux")]
    if let Err(error) = SockRef::from(connection).set_tcp_user_timeout(Some(SILENT_PEER)) {
        tracing::debug!(%error, "a connection has no timeout");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_core_is_left_to_the_writer() {
        assert_eq!([1, 2, 8].map(super::default_workers), [1, 1, 7]);
    }
}
