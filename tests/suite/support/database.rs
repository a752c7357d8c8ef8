//! Which database the suite runs on: `TEST_DATABASE` is `sqlite` (the default), `mysql` or `postgres`.
//!
//! `scripts/servers` starts the servers and says where they are. Every test gets a database of its own there.

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection;
use kefu::testing::db::{AnyConnection, Backend};

/// The kinds of databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Mysql,
    Postgres,
}

impl Kind {
    /// The one that this run is for.
    pub(crate) fn chosen() -> Self {
        match variable("TEST_DATABASE").as_deref() {
            None | Some("sqlite") => Self::Sqlite,
            Some("mysql") => Self::Mysql,
            Some("postgres") => Self::Postgres,
            Some(other) => panic!("TEST_DATABASE={other}: must be sqlite, mysql or postgres"),
        }
    }

    /// The server's URL, without a database.
    pub(crate) fn server(self) -> Option<String> {
        let name = match self {
            Self::Sqlite => return None,
            Self::Mysql => "TEST_MYSQL",
            Self::Postgres => "TEST_POSTGRES",
        };
        Some(variable(name).unwrap_or_else(|| {
            panic!("{name} does not say where the server is; run: scripts/servers mysql postgres -- cargo test …")
        }))
    }
}

/// For a test that only means something on a server.
pub(crate) fn only_on_servers(why: &str) -> bool {
    let other = Kind::chosen() == Kind::Sqlite;
    if other {
        say(&format!("NOT RUN on SQLite: only for servers, {why}"));
    }
    other
}

/// For a test of what only one kind of database has.
pub(crate) fn only_on(kind: Kind, why: &str) -> bool {
    let other = Kind::chosen() != kind;
    if other {
        say(&format!("NOT RUN on {:?}: only for {kind:?}, {why}", Kind::chosen()));
    }
    other
}

/// Past the harness, which shows what tests print only when they fail.
pub(crate) fn say(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

/// A variable of `scripts/servers`.
#[expect(clippy::disallowed_methods, reason = "the suite has no settings")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// One test's own database; on a server it is dropped with this.
#[derive(Default)]
pub(crate) struct TestDatabase {
    /// `None`: the service's default, a file in its data folder.
    pub url: Option<String>,
    server: Option<(Kind, String, String)>,
}

impl TestDatabase {
    pub(crate) fn create() -> Self {
        Self::create_on(Kind::chosen())
    }

    /// On another server than the one that this run is for.
    pub(crate) fn create_on(kind: Kind) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let Some(server) = kind.server() else { return Self::default() };
        let name = format!("kefu_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        on_server(kind, &server, &format!("CREATE DATABASE {name}"));
        Self { url: Some(format!("{server}/{name}")), server: Some((kind, server, name)) }
    }

    /// The same one, not dropped with this.
    pub(crate) fn shared(&self) -> Self {
        Self { url: self.url.clone(), server: None }
    }

    /// Whether it goes with another one.
    pub(crate) fn is_shared(&self) -> bool {
        self.url.is_some() && self.server.is_none()
    }

    /// A connection of the test's own.
    pub(crate) fn connect(&self) -> AnyConnection {
        Backend::parse(self.url.as_deref().unwrap()).unwrap().connect().unwrap()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some((kind, server, name)) = self.server.take()
            && !std::thread::panicking()
        {
            let force = if kind == Kind::Postgres { " WITH (FORCE)" } else { "" };
            on_server(kind, &server, &format!("DROP DATABASE {name}{force}"));
        }
    }
}

/// Runs one statement outside any test's database.
pub(crate) fn on_server(kind: Kind, server: &str, statement: &str) {
    let database = if kind == Kind::Postgres { "postgres" } else { "mysql" };
    let backend = Backend::parse(&format!("{server}/{database}")).unwrap();
    backend.connect().unwrap().batch_execute(statement).unwrap();
}
