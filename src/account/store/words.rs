//! SQL of `kefu_member_word`: members found by the words of their nicknames and by their ids.

use std::sync::LazyLock;

use diesel::prelude::*;

use crate::account::words;
use crate::clock::{Millis, to_timestamp};
use crate::db::AnyConnection;
use crate::db::bulk::{Existing, Insert, Source, Statement, Texts, columns, execute, name};
use crate::db::progress::TableProgress;
use crate::db::schema::{kefu_member, kefu_member_word};
use crate::error::Result;
use crate::id::{TenantId, UserId};

/// Members that one search looks at. Whoever stands behind them is found by a longer text.
pub(crate) const MOST_FOUND: i64 = 1000;

/// Members whose words one run of the job writes.
const AT_ONCE: i64 = 500;

/// A word of a member's nickname.
struct Word {
    tenant: TenantId,
    user: i64,
    word: String,
    now: Millis,
}

impl Source for Word {
    type Of<'a> = &'a Self;
}

columns! {
    const WORD: kefu_member_word, row in Word {
        tenant_id = row.tenant.get(),
        user_id = row.user,
        word = row.word.as_str(),
        create_time = to_timestamp(row.now),
    }
}

static INSERT: LazyLock<Statement<Word>> = LazyLock::new(|| {
    let insert = Insert {
        columns: &[WORD],
        copies: &[(name(kefu_member_word::update_time), name(kefu_member_word::create_time))],
        constants: &[],
        existing: Some(Existing { conflict: "", unchanged: name(kefu_member_word::user_id) }),
    };
    insert.statement()
});

/// Every statement over a list of rows by its name, for tests.
pub(crate) fn texts() -> Vec<(&'static str, &'static Texts)> {
    vec![("account.insert_words", INSERT.texts())]
}

/// Adds the words of these members' nicknames: one statement, however many members.
pub(super) fn insert(connection: &mut AnyConnection, members: &[(TenantId, i64, &str)], now: Millis) -> Result<()> {
    let words: Vec<Word> = members
        .iter()
        .flat_map(|&(tenant, user, nickname)| {
            words::of_name(nickname).into_iter().map(move |word| Word { tenant, user, word, now })
        })
        .collect();
    if words.is_empty() {
        return Ok(());
    }
    Ok(execute(connection, INSERT.with_rows(&words))?)
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
