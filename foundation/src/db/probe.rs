//! Whether the service may do on a server what it will have to.

use diesel::QueryResult;
use diesel::connection::SimpleConnection;

use super::AnyConnection;

/// What the service does with the rows of a table beside reading and adding them.
struct Use {
    table: &'static str,
    /// One of the columns that change, `None` when none does.
    changed: Option<&'static str>,
    /// Whether rows are deleted.
    deleted: bool,
}

const fn uses(table: &'static str, changed: Option<&'static str>, deleted: bool) -> Use {
    Use { table, changed, deleted }
}

/// Every table of the schema; a test compares both.
const USES: [Use; 24] = [
    uses("kefu_admin", Some("status"), false),
    uses("kefu_admin_role", None, true),
    uses("kefu_agent", Some("capacity"), false),
    uses("kefu_agent_socket", None, true),
    uses("kefu_api_key", Some("last_used_time"), true),
    uses("kefu_audit", None, true),
    uses("kefu_channel", Some("settings"), true),
    uses("kefu_conversation", Some("last_seq"), false),
    uses("kefu_file", None, false),
    uses("kefu_group", Some("capacity"), true),
    uses("kefu_group_member", None, true),
    uses("kefu_id_block", Some("next_id"), true),
    uses("kefu_job", Some("state"), true),
    uses("kefu_login", Some("revoked"), true),
    uses("kefu_member", Some("status"), false),
    uses("kefu_member_token", None, true),
    uses("kefu_member_word", None, true),
    uses("kefu_message", Some("read_status"), false),
    uses("kefu_node", Some("lease_until"), true),
    uses("kefu_revocation", None, true),
    uses("kefu_role", Some("permissions"), true),
    uses("kefu_task", Some("state"), false),
    uses("kefu_tenant", Some("settings"), false),
    uses("kefu_visitor", Some("page_url"), false),
];

/// Fails for a user who may not write all that the service writes, and on a server that can only be read. A server
/// looks at rights before it looks for rows, and no row is asked for.
pub(super) fn write_nothing(connection: &mut AnyConnection) -> QueryResult<()> {
    let mut statements = "BEGIN;".to_owned();
    for Use { table, .. } in USES {
        statements.push_str(&format!("INSERT INTO {table} SELECT * FROM {table} WHERE 1 = 0;"));
    }
    for (table, column) in USES.iter().filter_map(|used| Some((used.table, used.changed?))) {
        statements.push_str(&format!("UPDATE {table} SET {column} = {column} WHERE 1 = 0;"));
    }
    for Use { table, .. } in USES.iter().filter(|used| used.deleted) {
        statements.push_str(&format!("DELETE FROM {table} WHERE 1 = 0;"));
    }
    statements.push_str("ROLLBACK");
    connection.batch_execute(&statements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_the_schema_is_tried() {
        let schema = include_str!("../../../schema/src/tables.rs");
        let names = schema.lines().filter_map(|line| line.trim().strip_suffix(") {")?.split_once(" ("));
        let mut tables: Vec<&str> = names.map(|(table, _)| table).collect();
        tables.sort_unstable();
        assert_eq!(USES.map(|used| used.table).to_vec(), tables);
        for Use { table, changed, .. } in USES {
            let columns = schema.split_once(&format!("    {table} (")).unwrap().1.split_once("    }").unwrap().0;
            assert!(changed.is_none_or(|column| columns.contains(&format!(" {column} -> "))), "{table}.{changed:?}");
        }
    }
}
