//! A running service for one test, its users and their sockets.

pub(crate) mod database;
pub(crate) mod load;
pub(crate) mod node;
pub(crate) mod path;
pub(crate) mod process;
pub(crate) mod proxy;
mod redis;
mod rows;
pub(crate) mod s3;
pub(crate) mod shop;
mod socket;
pub(crate) mod tables;
pub(crate) mod tls;
mod user;
mod visitor;

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use diesel::{BoolExpressionMethods, ExpressionMethods, QueryDsl, RunQueryDsl};
use kefu::clock::{Clock, Millis, to_timestamp};
use kefu::id::{TenantId, UserId, UserKey};
use kefu::settings::{Relay, Settings, signing_secret};
use kefu::testing::App;
use kefu::testing::access::{Permission, Role};
use kefu::testing::account::{self, NewAdmin};
use kefu::testing::auth::{Auth, Tokens};
use kefu::testing::db::schema::kefu_job;
use kefu::testing::db::{Backend, Db};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::OnceCell;

pub(crate) use database::TestDatabase;
pub(crate) use redis::{Forwarder, Redis};
pub(crate) use socket::{Event, Socket, TEXT, TIMEOUT, client_frame};
pub(crate) use user::{Reply, User, text};
pub(crate) use visitor::{SITE, Site};

/// When every test begins: 2026-11-21 12:00:00 in Shanghai.
pub(crate) const START: Millis = 1_795_233_600_000;

/// The first tenant, as on a fresh installation.
pub(crate) const TENANT: TenantId = TenantId::new(1);

/// Waits until a condition holds: soon, even where a server has to recover on a busy machine.
pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let holds = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), holds).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// The OpenAPI document of the service's own routes, without the shop's placeholders.
pub(crate) fn document() -> serde_json::Value {
    kefu::testing::routes::document(false).unwrap()
}

/// A client of services that speak plain HTTP: to read the machine's certificates would be a good part of a short test.
pub(crate) fn http_client() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy().tls_certs_only([])
}

/// The embedded database as a first start leaves it at [`START`]. It is made once and copied for each test. A test of the first
/// start itself runs the program.
static INSTALLED: OnceCell<Vec<u8>> = OnceCell::const_new();

async fn install() -> Vec<u8> {
    let (settings, _folder, _database) = TestApp::settings(|settings| settings.database.url = None);
    let file = settings.data_dir.join("kefu.db");
    App::start(settings, Clock::manual(START)).await.unwrap().stop().await;
    // The last connection takes what is in the log into the file.
    let log = file.with_extension("db-wal");
    eventually("the database is closed", async || !log.exists()).await;
    fs::read(file).unwrap()
}

/// A service on a free port with a fresh database; with `TEST_RELAY=redis` in the environment, as a node with a
/// private Redis, unless the test asks for another relay. Must be stopped by [`TestApp::stop`].
pub(crate) struct TestApp {
    pub address: SocketAddr,
    pub clock: Clock,
    pub settings: Settings,
    pub http: reqwest::Client,
    /// A second way into the same database, as the command line has.
    pub db: Db,
    auth: Auth,
    app: Option<App>,
    redis: Option<Redis>,
    folder: TempDir,
    pub database: TestDatabase,
}

impl TestApp {
    /// With the default settings.
    pub(crate) async fn spawn() -> Self {
        Self::spawn_with(|_| {}).await
    }

    /// With changed settings.
    pub(crate) async fn spawn_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::spawn_on(Clock::manual(START), change).await
    }

    /// On a clock of its own.
    pub(crate) async fn spawn_on(clock: Clock, change: impl FnOnce(&mut Settings)) -> Self {
        let redis = match std::env::var_os("TEST_RELAY") {
            None => None,
            Some(relay) if relay == "redis" => Some(Redis::spawn().await),
            Some(other) => panic!("TEST_RELAY must be redis, not {other:?}"),
        };
        let (settings, folder, database) = Self::settings(|settings| {
            if let Some(redis) = &redis {
                settings.push.relay = Relay::Redis;
                settings.push.redis_url = Some(redis.url());
            }
            change(settings);
        });
        // The clock and `server.demo` change what a first start stores; a test that changes one of them gets an empty database.
        let as_installed = clock.now() == START && settings.server.demo;
        if as_installed && settings.database.url.is_none() {
            fs::create_dir(&settings.data_dir).unwrap();
            fs::write(settings.data_dir.join("kefu.db"), INSTALLED.get_or_init(install).await).unwrap();
        }
        let mut app = Self::start(settings, clock, folder, database).await;
        app.redis = redis;
        app
    }

    /// The line with which a service refuses to start.
    pub(crate) async fn refusal(change: impl FnOnce(&mut Settings)) -> String {
        let (settings, _folder, _database) = Self::settings(change);
        let started = App::start(settings, Clock::manual(START)).await;
        started.err().expect("it has started")
    }

    fn settings(change: impl FnOnce(&mut Settings)) -> (Settings, TempDir, TestDatabase) {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings { data_dir: folder.path().join("data"), ..Settings::default() };
        let database = TestDatabase::create();
        settings.database.url = database.url.clone();
        settings.server.listen = "127.0.0.1:0".parse().unwrap();
        settings.server.workers = 2;
        settings.server.shutdown_timeout_s = 2;
        change(&mut settings);
        (settings, folder, database)
    }

    async fn start(settings: Settings, clock: Clock, folder: TempDir, database: TestDatabase) -> Self {
        let app = App::start(settings.clone(), clock.clone()).await.unwrap();
        let db = Db::open(Backend::parse(&settings.database_url()).unwrap(), &settings.database).unwrap();
        let secret = signing_secret(&settings).unwrap();
        let auth = Auth::new(&settings.auth, &settings.limits, &secret, db.clone(), clock.clone()).unwrap();
        Self {
            address: app.address,
            clock,
            settings,
            http: http_client().build().unwrap(),
            db,
            auth,
            app: Some(app),
            redis: None,
            folder,
            database,
        }
    }

    /// Stops the service and starts it again on the same data, on another port.
    pub(crate) async fn restart(self) -> Self {
        self.restart_with(async || {}).await
    }

    /// [`TestApp::restart`], and what happens in between.
    pub(crate) async fn restart_with(mut self, meanwhile: impl AsyncFnOnce()) -> Self {
        self.app.take().unwrap().stop().await;
        meanwhile().await;
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        let database = std::mem::take(&mut self.database);
        let mut app = Self::start(self.settings.clone(), self.clock.clone(), folder, database).await;
        app.redis = self.redis.take();
        app
    }

    /// Starts another node on the same data, with changed settings.
    pub(crate) async fn another_node(&self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.settings.clone();
        change(&mut settings);
        Self::start(settings, self.clock.clone(), tempfile::tempdir().unwrap(), self.database.shared()).await
    }

    /// What `/readyz` says, with its HTTP status.
    pub(crate) async fn readiness(&self) -> (u16, serde_json::Value) {
        let response = self.http.get(self.url("/readyz")).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// Takes the service down in order, once its due jobs have run. A dead job fails the test. The database of a further node
    /// goes with the first one, which is the one to look.
    pub(crate) async fn stop(mut self) {
        if !self.database.is_shared() {
            eventually("no due job is left", async || self.jobs_left().await == Ok(0)).await;
        }
        self.app.take().unwrap().stop().await;
    }

    /// How many jobs are due, run or are dead.
    async fn jobs_left(&self) -> kefu::error::Result<i64> {
        let now = to_timestamp(self.clock.now());
        let left = kefu_job::table.filter(kefu_job::state.ne(0).or(kefu_job::run_at.le(now))).count();
        self.db.run(move |connection| Ok(left.get_result(connection)?)).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The address of a socket, `query` as in `token=…&lastSeq=3`.
    pub(crate) fn socket_url(&self, query: &str) -> String {
        format!("ws://{}/infra/ws?{query}", self.address)
    }

    /// The HTTP status of a handshake: 101 for a socket.
    pub(crate) async fn handshake(&self, query: &str) -> u16 {
        match Socket::open(&self.socket_url(query)).await {
            Ok(_) => 101,
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => response.status().as_u16(),
            Err(error) => panic!("no answer: {error}"),
        }
    }

    /// One number of `/metrics`, by its name and labels.
    pub(crate) async fn metric(&self, name: &str) -> i64 {
        let text = self.http.get(self.url("/metrics")).send().await.unwrap().text().await.unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("{name} is not in\n{text}")).parse().unwrap()
    }

    /// Asks for a number again and again until it is this; whoever waits for a socket to be forgotten has nothing else
    /// to wait for.
    pub(crate) async fn until_metric(&self, name: &str, value: i64) {
        let reached = async { while self.metric(name).await != value {} };
        tokio::time::timeout(TIMEOUT, reached).await.unwrap_or_else(|_| panic!("{name} has not become {value}"));
    }

    /// Someone without a token.
    pub(crate) fn anonymous(&self) -> User {
        User::new(self, None)
    }

    /// A member of the first tenant, made when new.
    pub(crate) async fn member(&self, id: i64) -> User {
        self.member_of(TENANT, id).await
    }

    pub(crate) async fn member_of(&self, tenant: TenantId, id: i64) -> User {
        let nickname = format!("会员{id}");
        let key = account::ensure_member(&self.db, &self.clock, tenant, UserId::new(id), Some(&nickname), None)
            .await
            .unwrap();
        User::new(self, Some(self.auth.issue(key).await.unwrap()))
    }

    /// A user who is known already.
    pub(crate) async fn user_of(&self, key: UserKey) -> User {
        User::new(self, Some(self.auth.issue(key).await.unwrap()))
    }

    /// The owner of the first tenant whom the first start has made.
    pub(crate) async fn owner(&self) -> User {
        let admin = account::find_admin(&self.db, TENANT, "admin").await.unwrap().unwrap();
        User::new(self, Some(self.auth.issue(admin.key).await.unwrap()))
    }

    /// A new admin with the password `password-of-<username>`.
    pub(crate) async fn admin(&self, username: &str, role: Role) -> User {
        self.admin_of(TENANT, username, role).await
    }

    pub(crate) async fn admin_of(&self, tenant: TenantId, username: &str, role: Role) -> User {
        let new = NewAdmin {
            tenant,
            username: username.to_owned(),
            nickname: format!("客服{username}"),
            role,
            password: format!("password-of-{username}"),
        };
        let key = account::add_admin(&self.db, &self.clock, new).await.unwrap();
        User::new(self, Some(self.auth.issue(key).await.unwrap()))
    }

    /// A new admin with a role of the tenant's own that holds exactly these permissions.
    pub(crate) async fn admin_who_may(&self, username: &str, permissions: &[Permission]) -> User {
        let admin = self.admin(username, Role::Viewer).await;
        self.let_only(&admin, permissions).await;
        admin
    }

    /// Gives an admin a new role with exactly these permissions, and takes all others.
    pub(crate) async fn let_only(&self, admin: &User, permissions: &[Permission]) {
        let owner = self.owner().await;
        let names: Vec<&str> = permissions.iter().map(|permission| permission.as_str()).collect();
        let name = format!("{} of {}", names.join(" "), admin.id());
        let role = json!({"name": name.chars().rev().take(64).collect::<String>(), "permissions": names});
        let role = owner.post("/admin-api/system/role/create", role).await.ok();
        let roles = json!({"userId": admin.id(), "roleIds": [role]});
        owner.post("/admin-api/system/permission/assign-user-role", roles).await.ok();
    }

    /// A user with given tokens, e.g. from a login.
    pub(crate) fn user_with(&self, tokens: Tokens) -> User {
        User::new(self, Some(tokens))
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        assert!(self.app.is_none() || std::thread::panicking(), "a test ends with app.stop().await");
    }
}
