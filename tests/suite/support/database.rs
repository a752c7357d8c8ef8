//! Which database the suite runs on: `TEST_DATABASE` is `sqlite` (the default), `mysql` or `postgres`.
//!
//! `scripts/servers` starts the servers and says where they are. Every test gets a database of its own there.

use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection;
use kefu::db::{AnyConnection, Backend};

/// The kinds of databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Mysql,
    Postgres,
}

impl Kind {
    /// The one that this run is for.
    pub fn chosen() -> Self {
        match std::env::var("TEST_DATABASE").as_deref() {
            Err(_) | Ok("sqlite" | "") => Self::Sqlite,
            Ok("mysql") => Self::Mysql,
            Ok("postgres") => Self::Postgres,
            Ok(other) => panic!("TEST_DATABASE={other}: must be sqlite, mysql or postgres"),
        }
    }

    /// The server's URL, without a database.
    pub fn server(self) -> Option<String> {
        let variable = match self {
            Self::Sqlite => return None,
            Self::Mysql => "TEST_MYSQL",
            Self::Postgres => "TEST_POSTGRES",
        };
        Some(std::env::var(variable).unwrap_or_else(|_| {
            panic!("{variable} does not say where the server is; run: scripts/servers mysql postgres -- cargo test …")
        }))
    }
}

/// For a test that only means something on SQLite: says so and returns true on the others.
pub fn only_on_sqlite(why: &str) -> bool {
    let other = Kind::chosen() != Kind::Sqlite;
    if other {
        println!("NOT RUN on {:?}: only for SQLite, {why}", Kind::chosen());
    }
    other
}

/// For a test that only means something on a server.
pub fn only_on_servers(why: &str) -> bool {
    let other = Kind::chosen() == Kind::Sqlite;
    if other {
        println!("NOT RUN on SQLite: only for servers, {why}");
    }
    other
}

/// One test's own database; on a server it is dropped with this.
#[derive(Default)]
pub struct TestDatabase {
    /// `None`: the service's default, a file in its data folder.
    pub url: Option<String>,
    server: Option<(String, String)>,
}

impl TestDatabase {
    pub fn create() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let kind = Kind::chosen();
        let Some(server) = kind.server() else { return Self::default() };
        let name = format!("kefu_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        on_server(kind, &server, &format!("CREATE DATABASE {name}"));
        Self { url: Some(format!("{server}/{name}")), server: Some((server, name)) }
    }

    /// The same one, not dropped with this.
    pub fn shared(&self) -> Self {
        Self { url: self.url.clone(), server: None }
    }

    /// A connection of the test's own.
    pub fn connect(&self) -> AnyConnection {
        Backend::parse(self.url.as_deref().unwrap()).unwrap().connect().unwrap()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some((server, name)) = self.server.take()
            && !std::thread::panicking()
        {
            let force = if Kind::chosen() == Kind::Postgres { " WITH (FORCE)" } else { "" };
            on_server(Kind::chosen(), &server, &format!("DROP DATABASE {name}{force}"));
        }
    }
}

/// Runs one statement outside any test's database.
pub fn on_server(kind: Kind, server: &str, statement: &str) {
    let database = if kind == Kind::Postgres { "postgres" } else { "mysql" };
    let backend = Backend::parse(&format!("{server}/{database}")).unwrap();
    backend.connect().unwrap().batch_execute(statement).unwrap();
}
