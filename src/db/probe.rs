//! Whether the service may do on a server what it will have to.

use diesel::QueryResult;
use diesel::connection::SimpleConnection;

use super::AnyConnection;

/// The tables that rows are added to.
const ADDED_TO: [&str; 8] = ["admin", "conversation", "file", "id_block", "login", "member", "message", "revocation"];
/// The tables whose rows change, with one of the columns.
const CHANGED: [(&str, &str); 6] = [
    ("admin", "status"),
    ("conversation", "last_seq"),
    ("id_block", "next_id"),
    ("login", "revoked"),
    ("member", "status"),
    ("message", "read_status"),
];
/// The tables that rows are taken from.
const TAKEN_FROM: [&str; 3] = ["id_block", "login", "revocation"];

/// Fails for a user who may not write all that the service writes, and on a server that can only be read. A server
/// looks at rights before it looks for rows, and no row is asked for.
pub(super) fn write_nothing(connection: &mut AnyConnection) -> QueryResult<()> {
    let mut statements = "BEGIN;".to_owned();
    for table in ADDED_TO {
        statements.push_str(&format!("INSERT INTO kefu_{table} SELECT * FROM kefu_{table} WHERE 1 = 0;"));
    }
    for (table, column) in CHANGED {
        statements.push_str(&format!("UPDATE kefu_{table} SET {column} = {column} WHERE 1 = 0;"));
    }
    for table in TAKEN_FROM {
        statements.push_str(&format!("DELETE FROM kefu_{table} WHERE 1 = 0;"));
    }
    statements.push_str("ROLLBACK");
    connection.batch_execute(&statements)
}
