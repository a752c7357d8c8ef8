//! The statements over lists of rows as each database gets them. Their texts are made from lists of columns; what comes out is
//! written down in `statements.sql`, so that a change of a list shows to whoever reviews it.

use std::collections::BTreeMap;

use diesel::RunQueryDsl;
use kefu::testing::db::{Backend, migrate};
use kefu::testing::statements::{Texts, texts};

const WRITTEN: &str = include_str!("statements.sql");

/// Each database of this build with a statement's text for two rows.
fn by_database(texts: &'static Texts) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        #[cfg(feature = "mysql")]
        ("mysql", texts.mysql(2).unwrap()),
        #[cfg(feature = "postgres")]
        ("postgres", texts.postgres(2).unwrap()),
        ("sqlite", texts.sqlite(2).unwrap()),
    ])
}

#[test]
fn each_database_gets_the_texts_that_are_written_down() {
    let mut made = Vec::new();
    for (name, texts) in texts() {
        made.push(format!("-- {name}: {}", texts.columns().join(", ")));
        made.extend(by_database(texts).iter().map(|(database, text)| format!("{database}: {}", text.trim_end())));
    }
    let built = |line: &&str| {
        (cfg!(feature = "mysql") || !line.starts_with("mysql:"))
            && (cfg!(feature = "postgres") || !line.starts_with("postgres:"))
            && !line.is_empty()
    };
    let written: Vec<&str> = WRITTEN.lines().filter(built).collect();
    assert_eq!(written, made, "statements.sql should be:\n{}\n", made.join("\n"));
}

#[derive(diesel::QueryableByName)]
struct Required {
    #[diesel(sql_type = diesel::sql_types::Text)]
    of_table: String,
    #[diesel(sql_type = diesel::sql_types::Text)]
    named: String,
}

#[test]
fn an_insert_names_every_column_that_must_have_a_value() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("kefu.db").display());
    let mut connection = Backend::parse(&url).unwrap().open().unwrap();
    migrate(&mut connection).unwrap();
    let query = "SELECT t.name AS of_table, c.name AS named FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c \
         WHERE t.type = 'table' AND c.\"notnull\" AND c.dflt_value IS NULL";
    let required: Vec<Required> = diesel::sql_query(query).load(&mut connection).unwrap();
    let mut inserts = 0;
    for (name, texts) in texts() {
        for (database, text) in by_database(texts) {
            let Some((_, rest)) = text.split_once("INTO ") else { continue };
            let (table, rest) = rest.split_once(" (").unwrap();
            let named: Vec<&str> = rest.split_once(')').unwrap().0.split(", ").collect();
            let of_table = required.iter().filter(|column| column.of_table == table);
            let missing: Vec<&str> =
                of_table.map(|column| column.named.as_str()).filter(|column| !named.contains(column)).collect();
            assert!(missing.is_empty(), "{name} on {database} lacks {missing:?}");
            inserts += 1;
        }
    }
    assert!(inserts >= 3 && !required.is_empty());
}
