//! SQL of `kefu_member_word`: members found by the words of their nicknames and by their ids.

use diesel::prelude::*;

use crate::account::words;
use crate::clock::{Millis, to_timestamp};
use crate::db::AnyConnection;
use crate::db::bulk::{BulkStatement, MysqlText, Statement, Value, execute};
use crate::db::progress::TableProgress;
use crate::db::schema::{kefu_member, kefu_member_word};
use crate::error::Result;
use crate::id::{TenantId, UserId};

/// Members that one search looks at. Whoever stands behind them is found by a longer text.
pub(crate) const MOST_FOUND: i64 = 1000;

/// Members whose words one run of the job writes.
const AT_ONCE: i64 = 500;

const INSERT: Statement = Statement {
    head: "INSERT INTO kefu_member_word (tenant_id, user_id, word, create_time, update_time) SELECT v.*, column4 FROM",
    tail: "WHERE column1 IS NOT NULL ON CONFLICT DO NOTHING",
    postgres_tail: "",
    mysql: MysqlText {
        head: "INSERT INTO kefu_member_word (tenant_id, user_id, word, create_time, update_time) VALUES",
        row: "(?, ?, ?, ?, create_time)",
        between: ", ",
        tail: "ON DUPLICATE KEY UPDATE kefu_member_word.user_id = kefu_member_word.user_id",
        may_repeat: true,
    },
};

/// Adds the words of these members' nicknames: one statement, however many members.
pub(super) fn insert(connection: &mut AnyConnection, members: &[(TenantId, i64, &str)], now: Millis) -> Result<()> {
    let words: Vec<(i64, i64, String)> = members
        .iter()
        .flat_map(|(tenant, user, name)| words::of_name(name).into_iter().map(|word| (tenant.get(), *user, word)))
        .collect();
    if words.is_empty() {
        return Ok(());
    }
    let now = to_timestamp(now);
    let rows = words.iter().map(|(tenant, user, word)| -> [Value<'_>; 4] {
        [(*tenant).into(), (*user).into(), word.as_str().into(), now.into()]
    });
    Ok(execute(connection, BulkStatement::new(&INSERT, rows))?)
}

/// Gives a member who was renamed the words of the new nickname.
pub(super) fn replace(
    connection: &mut AnyConnection,
    tenant: TenantId,
    user: UserId,
    name: &str,
    now: Millis,
) -> Result<()> {
    let of_member = kefu_member_word::table
        .filter(kefu_member_word::tenant_id.eq(tenant.get()))
        .filter(kefu_member_word::user_id.eq(user.get()));
    diesel::delete(of_member).execute(connection)?;
    insert(connection, &[(tenant, user.get(), name)], now)
}

/// The members whose id here or in the integrator's system is this text, and those whose nickname has it as the beginning
/// of a word. Three reads along indexes; the last one reads a row for each word that begins so, at most [`MOST_FOUND`].
pub(crate) fn find(connection: &mut AnyConnection, tenant: TenantId, text: &str) -> Result<Vec<UserId>> {
    let text = text.trim();
    let of_tenant = || kefu_member::table.filter(kefu_member::tenant_id.eq(tenant.get())).select(kefu_member::user_id);
    let mut found: Vec<i64> = of_tenant().filter(kefu_member::external_id.eq(text)).load(connection)?;
    if let Ok(number) = text.parse::<i64>() {
        found.extend(of_tenant().filter(kefu_member::user_id.eq(number)).load::<i64>(connection)?);
    }
    let asked = words::of_search(text);
    if let Some(longest) = asked.iter().max_by_key(|beginning| beginning.len()) {
        let rows: Vec<(i64, String)> = kefu_member_word::table
            .inner_join(
                kefu_member::table.on(kefu_member::tenant_id
                    .eq(kefu_member_word::tenant_id)
                    .and(kefu_member::user_id.eq(kefu_member_word::user_id))),
            )
            .filter(kefu_member_word::tenant_id.eq(tenant.get()))
            .filter(kefu_member_word::word.ge(longest))
            // Above all that begin so.
            .filter(kefu_member_word::word.lt(format!("{longest}\u{10ffff}")))
            .order((kefu_member_word::word, kefu_member_word::user_id))
            .limit(MOST_FOUND)
            .select((kefu_member::user_id, kefu_member::nickname))
            .load(connection)?;
        found.extend(rows.into_iter().filter(|(_, name)| words::fits(name, &asked)).map(|(user, _)| user));
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|user| seen.insert(*user));
    Ok(found.into_iter().map(UserId::new).collect())
}

/// Writes the words of the next members who may have none: those whom a version without words has made. Returns whether
/// there may be more.
pub(in crate::account) fn index_next(connection: &mut AnyConnection, now: Millis) -> Result<bool> {
    let done = TableProgress::MemberWords.get(connection)?;
    let rows: Vec<(i64, i64, i64, String)> = kefu_member::table
        .filter(kefu_member::id.gt(done))
        .order(kefu_member::id)
        .limit(AT_ONCE)
        .select((kefu_member::id, kefu_member::tenant_id, kefu_member::user_id, kefu_member::nickname))
        .load(connection)?;
    let members: Vec<(TenantId, i64, &str)> =
        rows.iter().map(|(_, tenant, user, name)| (TenantId::new(*tenant), *user, name.as_str())).collect();
    insert(connection, &members, now)?;
    if let Some((last, ..)) = rows.last() {
        TableProgress::MemberWords.set(connection, *last)?;
    }
    Ok(i64::try_from(rows.len()).is_ok_and(|count| count >= AT_ONCE))
}

/// Whether [`index_next`] has nothing to do.
pub(in crate::account) fn is_complete(connection: &mut AnyConnection) -> Result<bool> {
    let done = TableProgress::MemberWords.get(connection)?;
    let newest: Option<i64> = kefu_member::table.select(diesel::dsl::max(kefu_member::id)).first(connection)?;
    Ok(newest.is_none_or(|newest| newest <= done))
}
