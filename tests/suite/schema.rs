//! `src/db/schema.rs` is what the migrations of each database make.

use diesel::sql_types::{Bool, Text};
use diesel::{QueryableByName, RunQueryDsl};
use kefu::db::Backend;

use crate::support::TestApp;
use crate::support::database::Kind;

const SCHEMA: &str = include_str!("../../src/db/schema.rs");

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
