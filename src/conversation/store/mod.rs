//! SQL of `kefu_conversation`.

mod earlier;
mod sight;
mod statements;

use chrono::NaiveDateTime;
use diesel::connection::DefaultLoadingMode;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use super::{CLOSED, Conversation, ConversationCounts, ConversationView, Cursor, MOST_COUNTED, Target};
use crate::access::{Assignment, Sight};
use crate::clock::to_timestamp;
use crate::db::bulk::execute;
use crate::db::schema::{kefu_conversation as t, kefu_member};
use crate::db::timestamp::Instant;
use crate::db::{AnyConnection, MultiBackend, each_backend};
use crate::error::Result;
use crate::id::{ConversationId, GroupId, TaskId, TenantId, UserId, UserType};
use statements::{LockedRow, Stored};

pub(crate) use earlier::{begun_by, earlier_head, insert_closed, link_to, linked_to, move_to};
pub(crate) use sight::{all_seen, assignments, events, hidden_members, seen, seen_by};
pub(crate) use statements::texts;

/// What the writer does to conversations, the same statements for any number of them.
pub(crate) trait WriteConversations {
    /// Reads and locks the conversations of these members; those without one are left out.
    fn lock_by_members(&mut self, members: &[(TenantId, UserId)]) -> QueryResult<Vec<Conversation>>;
    /// Reads and locks these conversations; unknown ids are left out.
    fn lock_by_ids(&mut self, ids: &[ConversationId]) -> QueryResult<Vec<Conversation>>;
    /// Creates these conversations, which have no message yet, or those that no other node has created meanwhile.
    fn create(&mut self, conversations: &[Conversation]) -> QueryResult<()>;
    /// Stores conversations that took new messages, with the newest one's content.
    fn store_advanced(
        &mut self,
        conversations: &[(&Conversation, LastMessage<'_>)],
        now: NaiveDateTime,
    ) -> QueryResult<()>;
    /// Stores conversations that took toasts and no message.
    fn store_told(&mut self, conversations: &[&Conversation], now: NaiveDateTime) -> QueryResult<()>;
    /// Stores conversations whose marks changed and that took no message.
    fn store_marks(&mut self, conversations: &[&Conversation], now: NaiveDateTime) -> QueryResult<()>;
}

/// The newest message of a batch in one conversation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastMessage<'a> {
    pub content: &'a str,
    pub content_type: i32,
    pub sender: UserId,
}

impl From<LockedRow> for Conversation {
    fn from(row: LockedRow) -> Self {
        Self {
            id: ConversationId::new(row.id),
            tenant: TenantId::new(row.tenant_id),
            member: UserId::new(row.user_id),
            last_seq: row.last_seq,
            last_message_time: row.last_message_time.0,
            admin_pinned: row.admin_pinned,
            admin_deleted: row.admin_deleted,
            admin_unread_count: row.admin_unread_message_count,
            member_unread_count: row.member_unread_message_count,
            admin_read_seq: row.admin_read_seq,
            member_read_seq: row.member_read_seq,
            marked_unread: row.marked_unread,
            round: row.task_id.map(TaskId::new),
        }
    }
}

/// What a list or a single answer shows of a row.
#[derive(Queryable, Selectable)]
#[diesel(table_name = crate::db::schema::kefu_conversation)]
struct ShownRow {
    id: i64,
    user_id: i64,
    last_message_time: Instant,
    last_message_content: String,
    last_message_content_type: i32,
    admin_pinned: bool,
    user_deleted: bool,
    admin_deleted: bool,
    admin_unread_message_count: i32,
    member_unread_message_count: i32,
    last_seq: i64,
    create_time: Instant,
    marked_unread: bool,
    admin_read_seq: i64,
    member_read_seq: i64,
    /// The sender of the newest message: what writes messages sets it, see `statements::LAST_MESSAGE`.
    updater: String,
}

/// A row with the member's nickname, avatar and external id, `None` for a member who is not known.
type Found = (ShownRow, Option<String>, Option<String>, Option<String>);

fn view((row, nickname, avatar, external_id): Found) -> ConversationView {
    let sender: Option<i64> = row.updater.parse().ok();
    let cursor = Cursor { pinned: row.admin_pinned, last_message_time: row.last_message_time.0, id: row.id };
    ConversationView {
        id: ConversationId::new(row.id),
        user_id: UserId::new(row.user_id),
        user_avatar: avatar.filter(|avatar| !avatar.is_empty()),
        user_nickname: nickname.unwrap_or_default(),
        external_id: external_id.filter(|id| *id != row.user_id.to_string()),
        last_message_time: row.last_message_time.0,
        last_message_content: row.last_message_content,
        last_message_content_type: row.last_message_content_type,
        admin_pinned: row.admin_pinned,
        user_deleted: row.user_deleted,
        admin_deleted: row.admin_deleted,
        admin_unread_message_count: row.admin_unread_message_count,
        member_unread_message_count: row.member_unread_message_count,
        last_seq: row.last_seq,
        marked_unread: row.marked_unread.then_some(true),
        create_time: row.create_time.0,
        cursor: cursor.to_string(),
        admin_read_seq: row.admin_read_seq,
        // A closed one has none.
        member_read_seq: row.member_read_seq.max(0),
        earlier: Vec::new(),
        linked_user_id: None,
        last_message_admin_id: sender.filter(|sender| *sender != row.user_id).map(UserId::new),
    }
}

/// Conversations with their members, joined along a unique key.
#[diesel::dsl::auto_type(no_type_alias)]
fn conversations() -> _ {
    t::table.left_join(
        kefu_member::table.on(kefu_member::tenant_id.eq(t::tenant_id).and(kefu_member::user_id.eq(t::user_id))),
    )
}

/// What is selected of [`conversations`].
macro_rules! shown {
    () => {
        (
            ShownRow::as_select(),
            kefu_member::nickname.nullable(),
            kefu_member::avatar.nullable(),
            kefu_member::external_id.nullable(),
        )
    };
}

/// What is selected of [`conversations`] where one is asked for: whose earlier one it is, and whether its member has earlier
/// ones, of which there is then a statement more.
macro_rules! single {
    () => {
        (
            ShownRow::as_select(),
            kefu_member::nickname.nullable(),
            kefu_member::avatar.nullable(),
            kefu_member::external_id.nullable(),
            t::linked_user_id,
            sql::<Bool>(earlier::HAS_EARLIER),
        )
    };
}

/// A row as [`single`] reads it.
type Single = (ShownRow, Option<String>, Option<String>, Option<String>, Option<i64>, bool);

fn single(
    connection: &mut AnyConnection,
    tenant: TenantId,
    (row, nickname, avatar, external_id, linked, has_earlier): Single,
) -> Result<ConversationView> {
    let view = view((row, nickname, avatar, external_id));
    let earlier = if has_earlier { earlier::earlier(connection, tenant, view.user_id)? } else { Vec::new() };
    Ok(ConversationView { earlier, linked_user_id: linked.map(UserId::new), ..view })
}

/// What is unread, as the index of PostgreSQL says it; it has to be the same text. The other databases read the columns in the
/// index of the list.
const UNREAD: &str = "(kefu_conversation.admin_unread_message_count > 0 OR kefu_conversation.marked_unread)";

/// The console's list: pinned first, then the newest message's time, descending; two reads along the index
/// `kefu_conversation_list`, each of at most `limit` rows wherever the cursor stands. Of what is unread alone, PostgreSQL
/// reads `limit` entries of an index and the others as many as lie between: at most one for each conversation of the list. Of what
/// one admin sees alone, all of them read as many rows as lie between.
pub(crate) fn list(
    connection: &mut AnyConnection,
    tenant: TenantId,
    sight: &Sight,
    filter: &ListFilter,
    limit: Option<i64>,
    cursor: Option<Cursor>,
) -> Result<Vec<ConversationView>> {
    let mut views = Vec::new();
    let conditions: Vec<String> = seen_by(sight).into_iter().chain(filter.of_rounds()).collect();
    for pinned in [true, false] {
        if cursor.is_some_and(|cursor| !cursor.pinned && pinned) {
            continue;
        }
        let room = limit.map(|limit| limit - i64::try_from(views.len()).unwrap_or(limit));
        if room == Some(0) {
            break;
        }
        // Each database's own types: the list may be long, and the choice between three is one per value otherwise.
        each_backend!(connection, connection => {
            let mut query = conversations()
                .filter(t::tenant_id.eq(tenant.get()))
                .filter(t::admin_deleted.eq(false))
                .filter(t::admin_pinned.eq(pinned))
                .order((t::last_message_time.desc(), t::id.desc()))
                .select(shown!())
                .into_boxed();
            if filter.unread_only {
                query = query.filter(sql::<Bool>(UNREAD));
            }
            for condition in &conditions {
                query = query.filter(sql::<Bool>(condition));
            }
            if let Some(cursor) = cursor.filter(|cursor| cursor.pinned == pinned) {
                let time = to_timestamp(cursor.last_message_time);
                query = query
                    .filter(t::last_message_time.le(time))
                    .filter(t::last_message_time.lt(time).or(t::id.lt(cursor.id)));
            }
            if let Some(room) = room {
                query = query.limit(room);
            }
            for row in query.load_iter::<Found, DefaultLoadingMode>(connection)? {
                views.push(view(row?));
            }
        });
    }
    Ok(views)
}

/// Which conversations are listed.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListFilter {
    /// Only those with unread messages, and those that were marked as unread.
    pub unread_only: bool,
    /// Only those whose open round of service is in one of these states; all when there are none.
    pub states: Vec<i32>,
    /// Only those that this agent has, or had last.
    pub agent: Option<UserId>,
    /// Only those of this group.
    pub group: Option<GroupId>,
}

impl ListFilter {
    /// What it says of rounds of service, as a condition on `kefu_conversation`. No index has these columns: the list is read along its
    /// own one, past what is left out.
    fn of_rounds(&self) -> Option<String> {
        let mut conditions = Vec::new();
        // Numbers alone.
        if !self.states.is_empty() {
            let states: Vec<String> = self.states.iter().map(ToString::to_string).collect();
            conditions.push(format!(
                "kefu_conversation.task_id IS NOT NULL AND kefu_conversation.task_state IN ({})",
                states.join(", ")
            ));
        }
        conditions.extend(self.agent.map(|agent| format!("kefu_conversation.agent_id = {agent}")));
        conditions.extend(self.group.map(|group| format!("kefu_conversation.group_id = {group}")));
        (!conditions.is_empty()).then(|| format!("({})", conditions.join(" AND ")))
    }
}

/// What tells whether and where a conversation stands in the list.
#[derive(Queryable, Selectable)]
#[diesel(table_name = crate::db::schema::kefu_conversation)]
struct PlaceRow {
    id: i64,
    last_message_time: Instant,
    admin_pinned: bool,
    admin_deleted: bool,
    admin_unread_message_count: i32,
    marked_unread: bool,
    agent_id: Option<i64>,
    group_id: Option<i64>,
}

impl PlaceRow {
    fn is_listed(&self, unread_only: bool, sight: &Sight) -> bool {
        let is_unread = self.admin_unread_message_count > 0 || self.marked_unread;
        let assignment = Assignment { agent: self.agent_id.map(UserId::new), group: self.group_id.map(GroupId::new) };
        !self.admin_deleted && (is_unread || !unread_only) && sight.includes(assignment)
    }

    const fn place(&self) -> Cursor {
        Cursor { pinned: self.admin_pinned, last_message_time: self.last_message_time.0, id: self.id }
    }
}

/// The part of the list that belongs to these members: one read of a row for each of them, then one of the rows that are shown.
pub(crate) fn list_of_members(
    connection: &mut AnyConnection,
    tenant: TenantId,
    sight: &Sight,
    members: &[UserId],
    filter: &ListFilter,
    limit: Option<i64>,
    cursor: Option<Cursor>,
) -> Result<Vec<ConversationView>> {
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let members: Vec<i64> = members.iter().map(|member| member.get()).collect();
    // What the list shows is chosen here and not in the statement: it would have SQLite read the index of the whole list
    // instead of each member's entry in `kefu_conversation_member`. What is said of rounds is in no index and may stand there.
    let of_rounds = filter.of_rounds();
    let mut rows = t::table
        .filter(t::tenant_id.eq(tenant.get()))
        .filter(t::user_id.eq_any(&members))
        .select(PlaceRow::as_select())
        .into_boxed();
    if let Some(condition) = &of_rounds {
        rows = rows.filter(sql::<Bool>(condition));
    }
    let rows: Vec<PlaceRow> = rows.load(connection)?;
    let mut places: Vec<Cursor> =
        rows.into_iter().filter(|row| row.is_listed(filter.unread_only, sight)).map(|row| row.place()).collect();
    places.sort_unstable_by_key(|place| std::cmp::Reverse(*place));
    if let Some(cursor) = cursor {
        places.retain(|place| *place < cursor);
    }
    if let Some(limit) = limit {
        places.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    let ids: Vec<i64> = places.into_iter().map(|place| place.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Found> = conversations().filter(t::id.eq_any(&ids)).select(shown!()).load(connection)?;
    let mut views: Vec<ConversationView> = rows.into_iter().map(view).collect();
    views.sort_unstable_by_key(|view| std::cmp::Reverse((view.admin_pinned, view.last_message_time, view.id)));
    Ok(views)
}

/// A number that a statement counts.
#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    counted: i64,
}

/// How many conversations the list has and how many of them are unread, each up to [`MOST_COUNTED`]: two reads of an index,
/// as [`list`] reads it.
pub(crate) fn counts(connection: &mut AnyConnection, tenant: TenantId, sight: &Sight) -> Result<ConversationCounts> {
    let seen = seen_by(sight).map(|seen| format!(" AND {seen}")).unwrap_or_default();
    let mut count = |condition: &str| -> Result<i64> {
        let text = format!(
            "SELECT COUNT(*) AS counted FROM (SELECT 1 AS one FROM kefu_conversation WHERE tenant_id = {tenant} \
             AND admin_deleted = FALSE{condition}{seen} LIMIT {MOST_COUNTED}) AS bounded"
        );
        Ok(diesel::sql_query(text).get_result::<Counted>(connection)?.counted)
    };
    Ok(ConversationCounts { all: count("")?, unread: count(&format!(" AND {UNREAD}"))? })
}

/// Hides conversations from their members, until new mail brings them back.
pub(crate) fn set_user_deleted(connection: &mut AnyConnection, ids: &[ConversationId]) -> Result<()> {
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    diesel::update(t::table.filter(t::id.eq_any(&ids))).set(t::user_deleted.eq(true)).execute(connection)?;
    Ok(())
}

/// One conversation of the tenant, by its id.
fn by_id(tenant: TenantId, id: ConversationId) -> t::BoxedQuery<'static, MultiBackend> {
    t::table.filter(t::id.eq(id.get())).filter(t::tenant_id.eq(tenant.get())).into_boxed()
}

/// A member's own conversation.
fn by_member(tenant: TenantId, member: UserId) -> t::BoxedQuery<'static, MultiBackend> {
    t::table.filter(t::tenant_id.eq(tenant.get())).filter(t::user_id.eq(member.get())).into_boxed()
}

/// One conversation as the wire shows it, deleted by admins or not.
pub(crate) fn get(
    connection: &mut AnyConnection,
    tenant: TenantId,
    id: ConversationId,
    sight: &Sight,
) -> Result<Option<ConversationView>> {
    if *sight != Sight::All && seen(connection, tenant, Target::Id(id), sight)?.is_none() {
        return Ok(None);
    }
    let query = conversations().filter(t::id.eq(id.get())).filter(t::tenant_id.eq(tenant.get())).select(single!());
    let mut found = query.first(connection).optional()?.map(|found| single(connection, tenant, found)).transpose()?;
    if let Some(view) = found.as_mut().filter(|view| *sight != Sight::All && !view.earlier.is_empty()) {
        let earlier: Vec<ConversationId> = view.earlier.iter().map(|earlier| earlier.id).collect();
        let seen = all_seen(connection, tenant, &earlier, sight)?;
        view.earlier.retain(|earlier| seen.contains(&earlier.id));
    }
    Ok(found)
}

/// The member's own conversation as the wire shows it.
pub(crate) fn get_by_member(
    connection: &mut AnyConnection,
    tenant: TenantId,
    member: UserId,
) -> Result<Option<ConversationView>> {
    let query =
        conversations().filter(t::tenant_id.eq(tenant.get())).filter(t::user_id.eq(member.get())).select(single!());
    let found = query.first(connection).optional()?.map(|found| single(connection, tenant, found)).transpose()?;
    // The admins' reminder, and which of them has written, are none of the member's business.
    Ok(found.map(|view| ConversationView { marked_unread: None, last_message_admin_id: None, ..view }))
}

/// What a reader of messages needs to know of their conversation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    /// The id.
    pub id: ConversationId,
    /// The member whose conversation it is.
    pub member: UserId,
    /// The newest message's `seq`.
    pub last_seq: i64,
    /// What the admins have not read.
    pub admin_unread_count: i32,
    /// What the member has not read.
    pub member_unread_count: i32,
    /// Whether admins have marked it as unread.
    pub marked_unread: bool,
    /// Whether it can only be read any more.
    pub is_closed: bool,
}

impl Head {
    /// Whether marking as read changes something for one side.
    pub(crate) const fn is_unread(&self, reader: UserType) -> bool {
        match reader {
            UserType::Admin => self.admin_unread_count > 0 || self.marked_unread,
            UserType::Member => self.member_unread_count > 0,
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = crate::db::schema::kefu_conversation)]
struct HeadRow {
    id: i64,
    user_id: i64,
    last_seq: i64,
    admin_unread_message_count: i32,
    member_unread_message_count: i32,
    member_read_seq: i64,
    marked_unread: bool,
}

impl From<HeadRow> for Head {
    fn from(row: HeadRow) -> Self {
        Self {
            id: ConversationId::new(row.id),
            member: UserId::new(row.user_id),
            last_seq: row.last_seq,
            admin_unread_count: row.admin_unread_message_count,
            member_unread_count: row.member_unread_message_count,
            marked_unread: row.marked_unread,
            is_closed: row.member_read_seq == CLOSED,
        }
    }
}

/// The head of the conversation that a target means, if it is the tenant's.
pub(crate) fn head(connection: &mut AnyConnection, tenant: TenantId, target: Target) -> Result<Option<Head>> {
    let row = match target {
        Target::OfMember(member) => by_member(tenant, member),
        Target::Id(id) => by_id(tenant, id),
    };
    Ok(row.select(HeadRow::as_select()).first(connection).optional()?.map(Head::from))
}

impl WriteConversations for AnyConnection {
    fn lock_by_members(&mut self, members: &[(TenantId, UserId)]) -> QueryResult<Vec<Conversation>> {
        let query = statements::LOCK_BY_MEMBERS.with_rows(members.iter().copied());
        let locked: Vec<LockedRow> = each_backend!(self, connection => query.load(connection))?;
        Ok(locked.into_iter().map(Conversation::from).collect())
    }

    fn lock_by_ids(&mut self, ids: &[ConversationId]) -> QueryResult<Vec<Conversation>> {
        let query = statements::LOCK_BY_IDS.with_rows(ids.iter().copied());
        let locked: Vec<LockedRow> = each_backend!(self, connection => query.load(connection))?;
        Ok(locked.into_iter().map(Conversation::from).collect())
    }

    fn create(&mut self, conversations: &[Conversation]) -> QueryResult<()> {
        let rows = conversations.iter().map(|conversation| {
            let now = to_timestamp(conversation.last_message_time);
            Stored { conversation, last: None, now }
        });
        execute(self, statements::CREATE.with_rows(rows))
    }

    fn store_advanced(
        &mut self,
        conversations: &[(&Conversation, LastMessage<'_>)],
        now: NaiveDateTime,
    ) -> QueryResult<()> {
        let rows = conversations.iter().map(|(conversation, last)| Stored { conversation, last: Some(*last), now });
        execute(self, statements::STORE_ADVANCED.with_rows(rows))
    }

    fn store_told(&mut self, conversations: &[&Conversation], now: NaiveDateTime) -> QueryResult<()> {
        let rows = conversations.iter().map(|conversation| Stored { conversation, last: None, now });
        execute(self, statements::STORE_TOLD.with_rows(rows))
    }

    fn store_marks(&mut self, conversations: &[&Conversation], now: NaiveDateTime) -> QueryResult<()> {
        let rows = conversations.iter().map(|conversation| Stored { conversation, last: None, now });
        execute(self, statements::STORE_MARKS.with_rows(rows))
    }
}
