//! Builds everything from the settings, in order, and takes it down in the reverse order.
//!
//! Shutdown: `/readyz` says no and sockets are closed with 1001; the server stops accepting and finishes open requests
//! ([`crate::http::server`]), whose sends the writer still takes; the writer finishes its queue; the relay sends the last
//! frames to the other nodes; the checkpointer ends. Jobs that run are given back before the writer ends.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{RequestHead, Server, ServerHandle};
use actix_web::guard::GuardContext;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType};
use actix_web::middleware::from_fn;
use actix_web::web::Redirect;
use actix_web::{App as ActixApp, HttpResponse, Resource, guard, web};
use futures_util::future::ready;
use socket2::{Domain, Socket, Type};
use tokio::task::JoinHandle;
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;
use utoipa_swagger_ui::{Config as SwaggerConfig, SwaggerUi};

use crate::account;
use crate::agent::duty::{LONGEST_LEASE, Lease};
use crate::agent::presence::Presence;
use crate::agent::roster;
use crate::agent::sights::Sights;
use crate::api_key::ApiKeys;
use crate::auth::{self, Auth, RevokeReason, Revoked, has_admin_logins};
use crate::channel::Channels;
use crate::clock::{Clock, ClockWatch};
use crate::credential::Ended;
use crate::db::instant::StoredInstant;
use crate::db::sqlite::checkpoint::Checkpointer;
use crate::db::sqlite::place;
use crate::db::watch::watch;
use crate::db::{self, Backend, Db};
use crate::error::{self, Error};
use crate::file::{self, Files};
use crate::http;
use crate::http::address::ClientAddress;
use crate::http::cors::cors;
use crate::http::middleware::{RequestIds, observe};
use crate::job::{self, Jobs, Kinds, Runner};
use crate::limit::RateLimits;
use crate::message;
use crate::push::relay::RelayTasks;
use crate::push::{self, Hub};
use crate::routes::{self, Documents};
use crate::settings::{self, Settings};
use crate::socket;
use crate::task::clerk::Clerk;
use crate::telemetry::metrics::Metrics;
use crate::tenant::rounds_off::{End, EndRounds};
use crate::tenant::{self, Tenants};
use crate::visitor::Visitors;
use crate::web::api::{self as pages, CONSOLE_PATH};
use crate::web::{Web, widget};
use crate::writer::{self, Stream, WriterThread};
use crate::ws::CloseReason;

/// How often sockets are looked at and revocations of other processes are read.
const SWEEP: Duration = Duration::from_secs(1);
/// Where the documentation is, with a form for every call.
const SWAGGER: &str = "/swagger-ui/";
/// Where the OpenAPI document is.
const OPENAPI: &str = "/v3/api-docs";
/// Where the AsyncAPI document is.
const ASYNCAPI: &str = "/v3/async-api-docs";
/// Sweeps between clean-ups of what only grows.
const TIDY_EVERY: u32 = 5;

/// A running service.
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    /// Name and password of the first admin, when this start made it.
    pub first_admin: Option<(String, String)>,
    /// Whether no admin has a login: perhaps none has ever seen the first password.
    pub has_no_admin_login: bool,
    /// Whether the agents' console is served.
    pub has_console: bool,
    /// Whether the demo page of the visitors' widget is served.
    pub has_demo: bool,
    handle: ServerHandle,
    server: JoinHandle<std::io::Result<()>>,
    sweeper: JoinHandle<()>,
    clerk: JoinHandle<()>,
    presence: Presence,
    auth: Auth,
    key_reader: JoinHandle<()>,
    runner: Runner,
    watcher: JoinHandle<()>,
    hub: Hub,
    writer_thread: WriterThread,
    relay: RelayTasks,
    checkpointer: Checkpointer,
}

impl App {
    /// Opens the database, starts the threads and listens.
    ///
    /// # Errors
    /// One line for the operator.
    pub async fn start(settings: Settings, clock: Clock) -> Result<Self, String> {
        for key in &settings.trimmed_secrets {
            tracing::warn!("{key} ended with a line break, which was cut off");
        }
        let of_database = |error: String| db::described(&settings, &error);
        let web = Web::new(&settings)?;
        place::may_create(&settings)?;
        settings.create_data_dir().map_err(|error| error.to_string())?;
        let db = Db::open(Backend::parse(&settings.database_url())?, &settings.database).map_err(of_database)?;
        let opened = db.clone();
        let text = |error: Error| of_database(opened.cause_of(&error));
        // After the database: where there is a secret, there has been one.
        let secret = settings::signing_secret(&settings).map_err(|error| error.to_string())?;
        let tenants = Tenants::new(&db, &clock).await.map_err(text)?;
        let channels = Channels::new(&db, &clock, settings.server.public_url.as_deref()).await.map_err(text)?;
        let auth = Auth::new(&settings.auth, &settings.limits, &secret, db.clone(), clock.clone())?;

        let metrics = Metrics::new();
        let checkpointer = Checkpointer::start(&db).map_err(text)?;
        let (hub, relay) = push::relay::start(&settings.push, &clock, &metrics).await?;
        let stream = Stream {
            newest_time: message::newest_time,
            between: message::between,
            insert_toasts: message::insert_toasts,
        };
        let (writer, writer_thread) =
            writer::start(&db, &hub, &clock, &settings.limits, &metrics, stream).map_err(text)?;
        let jobs = Jobs::default();
        let files = Files::new(&settings, db.clone(), clock.clone(), jobs.clone())?;
        let limits = web::Data::new(RateLimits::new(&settings, &clock));

        let listener = listen(settings.server.listen).map_err(|error| not_listening(settings.server.listen, &error))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        // Late, because its password is shown by a start that succeeds and never again.
        let first_admin = account::ensure_first_admin(&db, &clock).await.map_err(text)?;
        if settings.server.demo {
            channels.ensure_demo().await.map_err(text)?;
        }
        let key_reader = tokio::spawn({
            let auth = auth.clone();
            async move {
                tokio::join!(auth.look_after_keys(), auth.look_after_watched());
            }
        });
        let keys = auth.clone();
        let api_keys = ApiKeys::new(&db, &clock);
        message::resync::note_correction(&db, &clock).await.map_err(text)?;
        // What is revoked from here on closes sockets.
        auth.poll_revocations().await.map_err(text)?;
        let visitors = Visitors::new(&db, &hub, &clock);
        let sweeper = tokio::spawn(sweep(
            hub.clone(),
            auth.clone(),
            tenants.clone(),
            channels.clone(),
            visitors.clone(),
            web::Data::clone(&limits).into_inner(),
            clock.clone(),
        ));
        tenants.load_those_with_rounds().await.map_err(text)?;
        let presence = Presence::new(&db, &hub, &tenants, &clock, Lease::from(&settings.push)).map_err(text)?;
        let sights = Sights::new(&db, &hub, &tenants);
        // Nothing is published before it is known who may see it.
        sights.refresh().await.map_err(text)?;
        let clerk = Clerk {
            db: db.clone(),
            writer: writer.clone(),
            tenants: tenants.clone(),
            presence: presence.clone(),
            sights: sights.clone(),
            hub: hub.clone(),
            places: Arc::default(),
            attended: Arc::default(),
            clock: clock.clone(),
        };
        let has_no_admin_login = first_admin.is_none() && !db.run(has_admin_logins).await.map_err(text)?;
        let runner = start_jobs(&db, &clock, &files, &jobs, &metrics, clerk.clone()).await.map_err(text)?;
        let looking = tokio::spawn(look_after_rounds(clerk.clone(), clock.clone()));
        let watcher = tokio::spawn(watch(db.clone(), clock.clone()));
        let restored_at = db.run(|connection| StoredInstant::Restored.get(connection)).await.map_err(text)?;
        let sockets = socket::api::Context {
            hub: hub.clone(),
            db: db.clone(),
            tenants: tenants.clone(),
            presence: presence.clone(),
            sights: sights.clone(),
            clock: clock.clone(),
            client_message_bytes: settings.push.client_message_bytes,
            limits: web::Data::clone(&limits).into_inner(),
            restored_at,
        };
        let client_address = ClientAddress::new(&settings.server);
        let documents = Documents::get(settings.server.shop_placeholders).map_err(text)?;
        let config = settings.server.clone();
        let has_console = web.is_some();
        let has_demo = config.demo && channels.demo().is_some() && has_demo_page(web.as_ref()).await;
        let services = Services::new(web::PayloadConfig::new(settings.limits.body_bytes))
            .with(settings)
            .with(db)
            .with(clock)
            .with(jobs)
            .with(api_keys)
            .with(auth)
            .with(tenants)
            .with(sights)
            .with(clerk.clone())
            .with(channels.clone())
            .with(client_address)
            .with(files)
            .with(visitors)
            .with(writer)
            .with(hub.clone())
            .with_shared(limits)
            .with(metrics)
            .with(sockets)
            .with(RequestIds::new())
            .with(documents)
            .with_optional(web);
        let server = serve(&config, services, documents, has_console, channels, listener)
            .map_err(|error| format!("cannot start the server: {error}"))?;
        let handle = server.handle();
        Ok(Self {
            address,
            first_admin,
            has_no_admin_login,
            has_console,
            has_demo,
            handle,
            server: tokio::spawn(server),
            sweeper,
            clerk: looking,
            presence,
            auth: keys,
            key_reader,
            runner,
            watcher,
            hub,
            writer_thread,
            relay,
            checkpointer,
        })
    }

    /// Reads again, in the background, what has been read from files and addresses and may change: keys of members' tokens.
    pub fn reload(&self) {
        let auth = self.auth.clone();
        tokio::spawn(async move { auth.reload_keys().await });
    }

    /// Stops in the order that the module describes.
    pub async fn stop(self) {
        self.hub.drain();
        self.handle.stop(true).await;
        drop(self.server.await);
        for task in [self.sweeper, self.clerk, self.key_reader, self.watcher] {
            task.abort();
            drop(task.await);
        }
        // Without it the lease ends by itself.
        drop(self.presence.leave().await);
        self.runner.stop().await;
        let writer_thread = self.writer_thread;
        drop(tokio::task::spawn_blocking(move || writer_thread.join()).await);
        self.relay.stop().await;
        drop(self.checkpointer);
    }
}

/// What handlers reach, shared by all worker threads.
#[derive(Clone)]
struct Services(Vec<Arc<Provide>>);

/// Adds one service to the application's data.
type Provide = dyn Fn(&mut web::ServiceConfig) + Send + Sync;

impl Services {
    fn new(body: web::PayloadConfig) -> Self {
        Self(vec![Arc::new(move |config| {
            config.app_data(body.clone());
        })])
    }

    fn with<T: Send + Sync + 'static>(self, service: T) -> Self {
        self.with_shared(web::Data::new(service))
    }

    fn with_optional<T: Send + Sync + 'static>(self, service: Option<T>) -> Self {
        match service {
            Some(service) => self.with(service),
            None => self,
        }
    }

    fn with_shared<T: Send + Sync + 'static>(mut self, service: web::Data<T>) -> Self {
        self.0.push(Arc::new(move |config| {
            config.app_data(service.clone());
        }));
        self
    }

    fn provide(&self, config: &mut web::ServiceConfig) {
        self.0.iter().for_each(|service| service(config));
    }
}

/// Answers one of the documents.
fn document(path: &str, text: web::Bytes) -> Resource {
    web::resource(path).guard(guard::Get()).to(move || {
        let text = text.clone();
        async { HttpResponse::Ok().content_type(ContentType::json()).body(text) }
    })
}

fn serve(
    settings: &settings::Server,
    services: Services,
    documents: &'static Documents,
    has_console: bool,
    channels: Channels,
    listener: TcpListener,
) -> std::io::Result<Server> {
    let config = settings.clone();
    http::server::run(settings, listener, move || {
        let channels = channels.clone();
        let app = ActixApp::new()
            .into_utoipa_app()
            .configure(|config: &mut ServiceConfig<'_>| {
                config.map(|config| {
                    services.provide(config);
                    config
                });
            })
            .configure(|routes: &mut ServiceConfig<'_>| routes::register(routes, config.shop_placeholders))
            .into_app();
        // Without a validator: the page would show the document to a server of swagger.io.
        let swagger = SwaggerUi::new("/swagger-ui/{_:.*}").config(SwaggerConfig::new([OPENAPI]).validator_url("none"));
        let home = web::resource("/").guard(guard::Get()).guard(guard::fn_guard(accepts_pages));
        let home_page = if has_console { CONSOLE_PATH } else { SWAGGER };
        app.service(home.to(move || ready(Redirect::to(home_page).using_status_code(StatusCode::FOUND))))
            .configure(|config| {
                if has_console {
                    pages::routes(config);
                    widget::routes(config);
                }
            })
            .service(web::redirect("/swagger-ui", SWAGGER))
            .service(document(OPENAPI, documents.openapi.clone()))
            .service(document(ASYNCAPI, documents.asyncapi.clone()))
            .service(swagger)
            .default_service(web::to(routes::not_found))
            .wrap(cors(&config.cors_origins, move |origin, request| is_visitors_page(&channels, origin, request)))
            .wrap(from_fn(observe))
    })
}

/// Whether a browser asks for a page: other clients get the envelope that the path is unknown.
fn accepts_pages(request: &GuardContext<'_>) -> bool {
    let accepted = request.head().headers().get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

/// The default of the server whose clients this service takes, and so of this one.
const YUDAO_PORT: u16 = 48080;

/// After an outage every client comes back at once: as many as this may wait to be accepted.
const BACKLOG: i32 = 4096;

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Why the service cannot listen, for the operator.
fn not_listening(address: SocketAddr, error: &std::io::Error) -> String {
    let way_out = match error.kind() {
        ErrorKind::AddrInUse if address.port() == YUDAO_PORT => {
            "; 48080 is also the port of a yudao server: take another one, e.g. --listen 127.0.0.1:48090"
        }
        ErrorKind::AddrInUse => "; take another one, e.g. --listen 127.0.0.1:48090",
        _ => "; --listen ADDRESS:PORT names another one",
    };
    format!("server.listen: cannot listen on {address}: {error}{way_out}")
}

async fn has_demo_page(web: Option<&Web>) -> bool {
    match web {
        Some(web) => web.demo_page().await.is_some(),
        None => false,
    }
}

/// Whether a page calls what visitors call, from an origin that a channel lets in.
fn is_visitors_page(channels: &Channels, origin: &str, request: &RequestHead) -> bool {
    let path = request.uri.path();
    (path.starts_with("/app-api/") || path.starts_with("/widget/")) && channels.let_in(origin)
}

/// Registers every kind of job, asks for those of a start, and runs what is due.
async fn start_jobs(
    db: &Db,
    clock: &Clock,
    files: &Files,
    jobs: &Jobs,
    metrics: &Metrics,
    clerk: Clerk,
) -> Result<Runner, Error> {
    let end: End = Arc::new(move |tenant| {
        let clerk = clerk.clone();
        Box::pin(async move { clerk.end_all(tenant).await })
    });
    let kinds = Kinds::default()
        .with::<account::indexing::IndexWords>(())
        .with::<auth::cleanup::DeleteExpiredLogins>(clock.clone())
        .with::<tenant::audit_age::DeleteOldAudit>((db.clone(), clock.clone()))
        .with::<EndRounds>(end)
        .with::<file::unfinished::RemoveUnfinished>(files.clone())
        .with::<file::unfinished::RemoveStaged>(files.clone());
    let (now, alone) = (clock.now(), !db.backend().is_server());
    db.write(move |connection| {
        if alone {
            // What the process before this one has shown.
            roster::remove_dead_nodes(connection, now.saturating_add(2 * LONGEST_LEASE))?;
            job::recover(connection, now)?;
        }
        account::indexing::at_start(connection, now)?;
        auth::cleanup::at_start(connection, now)?;
        tenant::audit_age::at_start(connection, now)?;
        file::unfinished::at_start(connection, alone, now)
    })
    .await?;
    Runner::start(db, clock, kinds, jobs, &metrics.jobs)
}

/// Does each second what has to be done to rounds of service.
async fn look_after_rounds(clerk: Clerk, clock: Clock) {
    let looking = clerk.clone();
    let look = each_second(clock.clone(), "rounds of service could not be looked after", move || {
        let clerk = looking.clone();
        async move { clerk.look().await }
    });
    let show = each_second(clock, "who is here could not be shown", move || {
        let clerk = clerk.clone();
        async move { clerk.show().await }
    });
    tokio::join!(look, show);
}

/// Does something every second, and when the clock was moved.
async fn each_second<F: Future<Output = error::Result<()>>>(clock: Clock, failed: &'static str, act: impl Fn() -> F) {
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = clock.moved() => {}
            _ = ticks.tick() => {}
        }
        match act().await {
            Ok(()) | Err(Error::Busy) => {}
            Err(error) => tracing::warn!(%error, "{failed}"),
        }
    }
}

/// Closes sockets whose time is over, and forgets what is over.
async fn sweep(
    hub: Hub,
    auth: Auth,
    tenants: Tenants,
    channels: Channels,
    visitors: Visitors,
    limits: Arc<RateLimits>,
    clock: Clock,
) {
    let mut local = auth.revocations();
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut rounds: u32 = 0;
    // A process cannot know of a correction from before its start.
    let (mut watch, mut corrected) = (ClockWatch::new(clock.clone()), true);
    loop {
        tokio::select! {
            revoked = local.recv() => {
                if let Ok(revoked) = revoked {
                    close(&hub, &revoked);
                }
                // Lagging behind loses nothing: the table has it, too.
                continue;
            }
            () = clock.moved() => {}
            _ = ticks.tick() => {}
        }
        hub.sweep();
        corrected |= watch.look().is_some();
        corrected = corrected && !auth.follow_correction().await;
        match auth.poll_revocations().await {
            Ok(revoked) => revoked.iter().for_each(|revoked| close(&hub, revoked)),
            // `db` logs the outage once.
            Err(Error::Busy) => {}
            Err(error) => tracing::warn!(%error, "revocations could not be read"),
        }
        match tenants.poll().await {
            Ok(()) | Err(Error::Busy) => {}
            Err(error) => tracing::warn!(%error, "changes of tenants' settings could not be read"),
        }
        match channels.poll().await {
            Ok(()) | Err(Error::Busy) => {}
            Err(error) => tracing::warn!(%error, "changes of channels could not be read"),
        }
        hub.close_visitors(|channel| !channels.by_id(channel).is_some_and(|channel| channel.enabled));
        visitors.tell_waiting().await;
        rounds = rounds.wrapping_add(1);
        if rounds.is_multiple_of(TIDY_EVERY) {
            limits.forget_idle();
            auth.forget_stale();
        }
    }
}

fn close(hub: &Hub, revoked: &Revoked) {
    let reason = match revoked.reason {
        RevokeReason::LoggedOut => CloseReason::LoggedOut,
        RevokeReason::Disabled | RevokeReason::PasswordChanged => CloseReason::ShutOut,
        RevokeReason::Blocked => return hub.close_user(revoked.key, &Ended::All, CloseReason::ShutOut),
        RevokeReason::RoleChanged(permissions) => return hub.set_permissions(revoked.key, permissions),
    };
    hub.close_user(revoked.key, &revoked.ended, reason);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_start_that_fails_to_listen_leaves_the_first_admin_to_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut settings = Settings { data_dir: folder.path().join("data"), ..Settings::default() };
        settings.server.listen = taken.local_addr().unwrap();
        assert!(App::start(settings.clone(), Clock::system()).await.is_err());

        settings.server.listen = "127.0.0.1:0".parse().unwrap();
        let app = App::start(settings, Clock::system()).await.unwrap();
        assert!(app.first_admin.is_some());
        app.stop().await;
    }
}
