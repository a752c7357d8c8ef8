//! How the sessions on a database server are set up.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use kefu::error::Error;
use kefu::testing::db::{AnyConnection, Backend};

use crate::support::database::{Kind, on_server, only_on, only_on_servers};
use crate::support::process::Serve;
use crate::support::{TestApp, TestDatabase};

#[derive(QueryableByName)]
struct Shown {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

/// The value of an expression.
fn value(connection: &mut AnyConnection, expression: &str) -> String {
    let query = format!("SELECT {expression} AS value");
    diesel::sql_query(query).get_result::<Shown>(connection).unwrap().value
}

#[tokio::test]
async fn sessions_have_the_limits_of_the_documents() {
    if only_on_servers("where others wait too") {
        return;
    }
    let app = TestApp::spawn().await;
    let names = match Kind::chosen() {
        Kind::Mysql => ["@@max_statement_time", "@@innodb_lock_wait_timeout", "@@idle_write_transaction_timeout"]
            .map(|name| format!("CAST(CAST({name} AS SIGNED) AS CHAR)")),
        _ => ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]
            .map(|name| format!("rtrim(current_setting('{name}'), 's')")),
    };
    // From the pool, which is not set up by the start's own connection.
    let limits = app.db.run(move |connection| Ok(names.map(|name| value(connection, &name)))).await.unwrap();
    let [statement, lock, idle] = &limits;
    let text = include_str!("../../docs/operation.md").split_whitespace().collect::<Vec<_>>().join(" ");
    for told in [
        format!("{statement} s for a statement, {lock} s for a row's lock"),
        format!("a session that keeps a transaction open and says nothing is ended after {idle} s"),
    ] {
        assert!(text.contains(&told), "not in docs/operation.md: {told}");
    }
    app.stop().await;
}

/// The fault of a statement that takes too long.
fn timeout(connection: &mut AnyConnection) -> Error {
    connection.batch_execute("SET statement_timeout = '10ms'; SELECT pg_sleep(20)").unwrap_err().into()
}

/// Whether Debian's packages brought PostgreSQL's translations.
fn has_german_texts() -> bool {
    let mut files = std::fs::read_dir("/usr/share/locale/de/LC_MESSAGES").into_iter().flatten();
    files.any(|file| file.unwrap().file_name().to_string_lossy().starts_with("postgres-"))
}

#[tokio::test]
async fn a_server_that_speaks_german_is_asked_for_english() {
    if only_on(Kind::Postgres, "which alone gives a session the language of its role") {
        return;
    }
    let database = TestDatabase::create();
    let url = database.url.as_deref().unwrap();
    let (server, name) = url.rsplit_once('/').unwrap();
    let role = format!("role_of_{name}");
    let poor = url.replace("kefu@", &format!("{role}@"));
    let execute = |sql: &str| on_server(Kind::Postgres, server, sql);
    execute(&format!("ALTER DATABASE {name} SET lc_messages = 'de_DE.UTF-8'"));
    execute(&format!("CREATE ROLE {role} LOGIN; ALTER DATABASE {name} OWNER TO {role}"));

    let mut own = database.connect();
    assert_eq!(value(&mut own, "current_setting('lc_messages')"), "C");
    assert_eq!(timeout(&mut own), Error::Busy);
    // Who may not choose still gets in, does not know a timeout when it sees one, and is told so.
    let mut connection = Backend::parse(&poor).unwrap().connect().unwrap();
    match timeout(&mut connection) {
        Error::Internal(cause) => assert!(cause.contains("wegen Zeitüberschreitung"), "{cause}"),
        // Small images leave translations out of Debian's packages.
        Error::Busy if !has_german_texts() => println!("NOT RUN: this PostgreSQL has no German texts"),
        other => panic!("{other:?}"),
    }
    let folder = tempfile::tempdir().unwrap();
    let cure = format!("ALTER ROLE {role} SET lc_messages = 'C'");
    let warnings = async || {
        let node = Serve::start(folder.path(), &["--database-url", &poor]).await;
        let ended = node.terminate().await;
        assert_eq!(ended.code, Some(0));
        ended.errors.lines().filter(|line| line.contains(&cure) && line.contains("de_DE.UTF-8")).count()
    };
    assert_eq!(warnings().await, 1);

    execute(&cure);
    assert_eq!(warnings().await, 0);
    assert_eq!(timeout(&mut Backend::parse(&poor).unwrap().connect().unwrap()), Error::Busy);
    drop((own, connection));
    let server = server.to_owned();
    drop(database);
    on_server(Kind::Postgres, &server, &format!("DROP ROLE {role}"));
}
