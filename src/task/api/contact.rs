//! Whom agents have served in a period.

use std::collections::HashSet;

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use crate::access::{QueryTasks, Sight};
use crate::account;
use crate::agent::sights::Sights;
use crate::auth::extract::Admin;
use crate::clock::Millis;
use crate::conversation;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Problem, Result};
use crate::http::{Answer, Data, Query, Then, parse_time, routes};
use crate::id::{ConversationId, TaskId, TenantId, UserId};
use crate::message::{self, Exchange};
use crate::settings::Settings;
use crate::task::Routing;
use crate::task::store::{self, ServedRound};
use crate::tenant::Tenants;

/// Members that are listed at most.
const MOST_MEMBERS: usize = 5_000;
/// Rounds or messages of the period that are read at most.
const MOST_READ: i64 = 50_000;
/// Conversations that are looked up at once.
const AT_ONCE: usize = 1_000;

/// Registers the routes.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    routes!(config => list);
}

impl Data for ContactList {}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ContactQuery {
    /// From this time on, `yyyy-MM-dd HH:mm:ss` in the server's time zone.
    #[param(pattern = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$", example = "2026-11-01 00:00:00")]
    from: String,
    /// Before this time.
    #[param(pattern = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$", example = "2036-12-01 00:00:00")]
    to: String,
    /// Only whom this agent has served.
    agent_id: Option<UserId>,
}

/// Whom agents have served.
#[derive(Serialize, ToSchema)]
struct ContactList {
    /// Who was served last comes first.
    list: Vec<Contact>,
    /// How many are listed.
    #[schema(minimum = 0, maximum = 5000)]
    total: usize,
    /// Whether there may be more.
    #[schema(example = false)]
    truncated: bool,
}

/// A member who was served.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Contact {
    user_id: UserId,
    #[schema(example = "小明")]
    user_nickname: String,
    conversation_id: ConversationId,
    /// The last round of the period; `null` where the tenant has none.
    last_task_id: Option<TaskId>,
    /// When an agent began to serve in it; without rounds when the last answer came. Epoch milliseconds.
    #[schema(value_type = i64, example = 1_795_235_421_115_i64)]
    last_accepted_at: Millis,
}

impl Contact {
    fn new(user_id: UserId, conversation_id: ConversationId, last_task_id: Option<TaskId>, at: Millis) -> Self {
        Self { user_id, user_nickname: String::new(), conversation_id, last_task_id, last_accepted_at: at }
    }
}

/// List whom agents have served in a period
///
/// Each member once, at most 5,000, not paged. Where the tenant has no rounds of service, those who got an answer.
#[utoipa::path(get, path = "/admin-api/promotion/kefu-task/contact-list", operation_id = "list_contacts", tag = "task")]
async fn list(
    Then(admin, Query(ContactQuery { from, to, agent_id: agent })): Then<Admin<QueryTasks>, Query<ContactQuery>>,
    db: web::Data<Db>,
    settings: web::Data<Settings>,
    tenants: web::Data<Tenants>,
    sights: web::Data<Sights>,
) -> Result<Answer<ContactList>> {
    let (tenant, zone) = (admin.0.key.tenant, settings.server.time_zone);
    let period = (parse_time("from", &from, zone)?, parse_time("to", &to, zone)?);
    if period.0 >= period.1 {
        return Err(Error::Invalid(Problem::new("开始时间须早于截止时间", "from must be before to")));
    }
    let sight = sights.of(admin.0.key, admin.0.permissions).await?;
    let has_rounds = Routing::of(&*tenants.settings(tenant).await?).is_some();
    let read = move |connection: &mut AnyConnection| {
        let (contacts, is_all) = match has_rounds {
            true => of_rounds(connection, tenant, agent, period)?,
            false => of_messages(connection, tenant, agent, period)?,
        };
        let contacts = seen(connection, tenant, contacts, &sight)?;
        listed(connection, tenant, contacts, is_all)
    };
    Ok(Answer(db.run(read).await?))
}

/// Who was served in rounds, the newest first, and whether that is all of the period.
fn of_rounds(
    connection: &mut AnyConnection,
    tenant: TenantId,
    agent: Option<UserId>,
    period: (Millis, Millis),
) -> Result<(Vec<Contact>, bool)> {
    let served = store::served(connection, tenant, agent, period, MOST_READ)?;
    let is_all = is_below(served.len());
    let contact = |one: ServedRound| Contact::new(one.member, one.conversation, Some(one.task), one.accepted_at);
    Ok((served.into_iter().map(contact).collect(), is_all))
}

/// Who got answers, the newest first, and whether that is all of the period.
fn of_messages(
    connection: &mut AnyConnection,
    tenant: TenantId,
    agent: Option<UserId>,
    period: (Millis, Millis),
) -> Result<(Vec<Contact>, bool)> {
    let messages = message::exchanges(connection, tenant, period, MOST_READ)?;
    let is_all = is_below(messages.len());
    let contact = |Exchange { conversation, answer, time }: Exchange| {
        let (_, member) = answer.filter(|(by, _)| agent.is_none_or(|agent| agent == *by))?;
        Some(Contact::new(member, conversation, None, time))
    };
    Ok((messages.into_iter().filter_map(contact).collect(), is_all))
}

fn is_below(read: usize) -> bool {
    i64::try_from(read).is_ok_and(|read| read < MOST_READ)
}

/// Those whose conversations a sight includes, each member once: a statement for each [`AT_ONCE`] of them, and none for the sight of
/// everything.
fn seen(
    connection: &mut AnyConnection,
    tenant: TenantId,
    mut contacts: Vec<Contact>,
    sight: &Sight,
) -> Result<Vec<Contact>> {
    let mut known = HashSet::new();
    contacts.retain(|contact| known.insert(contact.user_id));
    if *sight != Sight::All {
        let ids: Vec<ConversationId> = contacts.iter().map(|contact| contact.conversation_id).collect();
        let mut seen = HashSet::new();
        for some in ids.chunks(AT_ONCE) {
            seen.extend(conversation::all_seen(connection, tenant, some, sight)?);
        }
        contacts.retain(|contact| seen.contains(&contact.conversation_id));
    }
    Ok(contacts)
}

/// The list with the nicknames.
fn listed(
    connection: &mut AnyConnection,
    tenant: TenantId,
    mut list: Vec<Contact>,
    is_all: bool,
) -> Result<ContactList> {
    let truncated = !is_all || list.len() > MOST_MEMBERS;
    list.truncate(MOST_MEMBERS);
    let members: Vec<UserId> = list.iter().map(|contact| contact.user_id).collect();
    let mut nicknames = account::nicknames(connection, tenant, &members)?;
    for contact in &mut list {
        contact.user_nickname = nicknames.remove(&contact.user_id).unwrap_or_default();
    }
    Ok(ContactList { total: list.len(), list, truncated })
}
