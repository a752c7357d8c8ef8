//! `schema/src/tables.rs` is what the migrations of each database make, and every migration has its way back.

use diesel::sql_types::{Bool, Text};
use diesel::{QueryableByName, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use kefu::testing::db::{AnyConnection, Backend};

use crate::support::database::Kind;
use crate::support::{TestApp, TestDatabase};

const SCHEMA: &str = include_str!("../../schema/src/tables.rs");

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    of_table: String,
    #[diesel(sql_type = Text)]
    named: String,
    #[diesel(sql_type = Text)]
    typed: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
}

#[tokio::test]
async fn the_schema_file_is_what_the_migrations_make() {
    let app = TestApp::spawn().await;
    let mut connection = Backend::parse(&app.settings.database_url()).unwrap().connect().unwrap();
    let columns: Vec<Column> = diesel::sql_query(introspection()).load(&mut connection).unwrap();
    let mut made: Vec<String> = columns.iter().map(line).collect();
    let mut written = declared(SCHEMA);
    made.sort();
    written.sort();
    assert!(written.len() > 50, "the schema file was not understood");
    assert_eq!(made, written);
    app.stop().await;
}

/// `table.column -> Type` of every column in the schema file.
fn declared(schema: &str) -> Vec<String> {
    let mut table = "";
    let mut lines = Vec::new();
    for line in schema.lines().map(str::trim) {
        if let Some((name, _)) = line.split_once(" (").filter(|(_, rest)| rest.ends_with(") {")) {
            table = name;
        } else if line.contains(" -> ") {
            lines.push(format!("{table}.{}", line.trim_end_matches(',')));
        }
    }
    lines
}

fn line(column: &Column) -> String {
    let sql_type = match column.typed.to_lowercase().as_str() {
        // SQLite's row id, an i64 whatever its name.
        "integer" if column.named == "id" => "BigInt",
        "bigint" | "int8" => "BigInt",
        "integer" | "int" | "int4" => "Integer",
        "boolean" | "bool" | "tinyint" => "Bool",
        "text" | "varchar" | "mediumtext" | "varbinary" => "Text",
        "timestamp" | "datetime" => "Timestamp",
        other => panic!("{}.{}: unexpected type {other}", column.of_table, column.named),
    };
    let Column { of_table, named, nullable, .. } = column;
    if *nullable {
        format!("{of_table}.{named} -> Nullable<{sql_type}>")
    } else {
        format!("{of_table}.{named} -> {sql_type}")
    }
}

fn introspection() -> &'static str {
    match Kind::chosen() {
        Kind::Sqlite => {
            "SELECT m.name AS of_table, c.name AS named, c.type AS typed, c.\"notnull\" = 0 AS nullable
             FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
             WHERE m.type = 'table' AND m.name LIKE 'kefu%'"
        }
        Kind::Mysql => {
            "SELECT table_name AS of_table, column_name AS named, data_type AS typed, is_nullable = 'YES' AS nullable
             FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name LIKE 'kefu%'"
        }
        Kind::Postgres => {
            "SELECT table_name::text AS of_table, column_name::text AS named, udt_name::text AS typed,
                    is_nullable = 'YES' AS nullable
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name LIKE 'kefu%'"
        }
    }
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Everything that the migrations make: columns, indexes, rows.
fn made(connection: &mut AnyConnection) -> Vec<String> {
    let mut lines = Vec::new();
    for query in everything() {
        let found: Vec<Line> = diesel::sql_query(*query).load(connection).unwrap();
        lines.extend(found.into_iter().map(|found| found.line));
    }
    // The rows of a table that may not be there.
    if lines.iter().any(|line| line.contains("kefu_id_block")) {
        let rows = "SELECT CONCAT(name, ' ', next_id) AS line FROM kefu_id_block";
        let found: Vec<Line> = diesel::sql_query(rows).load(connection).unwrap();
        lines.extend(found.into_iter().map(|found| found.line));
    }
    lines.sort();
    lines
}

fn everything() -> &'static [&'static str] {
    match Kind::chosen() {
        Kind::Sqlite => {
            &["SELECT name || ' ' || COALESCE(sql, '') AS line FROM sqlite_master WHERE tbl_name LIKE 'kefu%'"]
        }
        Kind::Mysql => &[
            "SELECT CONCAT_WS(' ', table_name, column_name, column_type, is_nullable, COALESCE(column_default, 'NULL'),
                    COALESCE(collation_name, 'NULL')) AS line
             FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name LIKE 'kefu%'",
            "SELECT CONCAT_WS(' ', table_name, index_name, seq_in_index, column_name, non_unique) AS line
             FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name LIKE 'kefu%'",
        ],
        Kind::Postgres => &[
            "SELECT CONCAT_WS(' ', table_name, column_name, data_type, character_maximum_length, is_nullable,
                    column_default) AS line
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name LIKE 'kefu%'",
            "SELECT indexdef AS line FROM pg_indexes WHERE schemaname = 'public' AND tablename LIKE 'kefu%'",
        ],
    }
}

/// Runs the same on the concrete connection, with its database's migrations.
macro_rules! each {
    ($connection:expr, $inner:ident, $migrations:ident => $body:expr) => {
        match $connection {
            AnyConnection::Sqlite($inner) => {
                const $migrations: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
                $body
            }
            #[cfg(feature = "mysql")]
            AnyConnection::Mysql($inner) => {
                const $migrations: EmbeddedMigrations = embed_migrations!("migrations/mysql");
                $body
            }
            #[cfg(feature = "postgres")]
            AnyConnection::Postgres($inner) => {
                const $migrations: EmbeddedMigrations = embed_migrations!("migrations/postgres");
                $body
            }
        }
    };
}

#[test]
fn every_migration_can_be_taken_back_and_run_again() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create());
    let url = database.url.clone().unwrap_or_else(|| format!("sqlite:{}", folder.path().join("kefu.db").display()));
    let mut connection = Backend::parse(&url).unwrap().open().unwrap();
    let mut states = vec![made(&mut connection)];
    assert_eq!(states[0], Vec::<String>::new());
    while each!(&mut connection, inner, ALL => inner.has_pending_migration(ALL)).unwrap() {
        each!(&mut connection, inner, ALL => inner.run_next_migration(ALL).map(drop)).unwrap();
        states.push(made(&mut connection));
    }
    let last = states.pop().unwrap();
    assert!(last.len() > 20, "what is there was not found: {last:?}");
    for before in states.iter().rev() {
        each!(&mut connection, inner, ALL => inner.revert_last_migration(ALL).map(drop)).unwrap();
        assert_eq!(&made(&mut connection), before);
    }
    kefu::testing::db::migrate(&mut connection).unwrap();
    assert_eq!(made(&mut connection), last);
}
