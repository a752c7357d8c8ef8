//! Rounds of service as the wire shows them.

use std::collections::HashMap;

use super::{Place, State, Task, store};
use crate::account::{self, users};
use crate::db::AnyConnection;
use crate::error::Result;
use crate::fact::{OwnTaskView, TaskView};
use crate::id::{TenantId, UserId};

/// What a list's rows need beside the rounds: at most three statements for any number of them.
#[derive(Default)]
struct Names {
    members: HashMap<UserId, String>,
    /// Nickname and avatar.
    agents: HashMap<i64, (String, String)>,
}

impl Names {
    fn read(connection: &mut AnyConnection, tenant: TenantId, tasks: &[Task]) -> Result<Self> {
        let mut members: Vec<UserId> = tasks.iter().map(|task| task.member).collect();
        members.sort_unstable();
        members.dedup();
        let mut agents: Vec<i64> = tasks.iter().filter_map(|task| task.agent).map(UserId::get).collect();
        agents.sort_unstable();
        agents.dedup();
        let members = if members.is_empty() { Vec::new() } else { account::members(connection, tenant, &members)? };
        let agents = if agents.is_empty() { HashMap::new() } else { users::faces(connection, tenant, &agents)? };
        Ok(Self { members: members.into_iter().map(|member| (member.key.user, member.nickname)).collect(), agents })
    }

    fn agent(&self, task: &Task) -> Option<&(String, String)> {
        self.agents.get(&task.agent?.get())
    }
}

fn view(task: &Task, names: &Names, place: Option<i64>) -> TaskView {
    TaskView {
        id: task.id,
        conversation_id: task.conversation,
        user_id: task.member,
        user_nickname: names.members.get(&task.member).cloned().unwrap_or_default(),
        state: task.state.code(),
        kind: task.kind.code(),
        channel: task.channel,
        group_id: task.group,
        agent_id: task.agent,
        agent_nickname: names.agent(task).map(|(nickname, _)| nickname.clone()),
        first_seq: task.first_seq,
        last_seq: task.last_seq,
        queued_at: task.queued_at,
        assigned_at: task.assigned_at,
        accepted_at: task.accepted_at,
        first_reply_at: task.first_reply_at,
        ended_at: task.ended_at,
        end_reason: task.end_reason.clone(),
        transfer_reason: task.transfer_reason.clone(),
        transfers: task.transfers,
        version: task.version,
        place,
        cursor: Place { queued_at: task.queued_at, id: task.id.get() }.to_string(),
    }
}

fn own_view(task: &Task, names: &Names, place: Option<i64>, waiting: Option<i64>) -> OwnTaskView {
    let face = names.agent(task);
    OwnTaskView {
        id: task.id,
        conversation_id: task.conversation,
        state: task.state.code(),
        agent_nickname: face.map(|(nickname, _)| nickname.clone()),
        agent_avatar: face.map(|(_, avatar)| avatar.clone()).filter(|avatar| !avatar.is_empty()),
        place,
        waiting,
        first_seq: task.first_seq,
        last_seq: task.last_seq,
        version: task.version,
    }
}

/// These rounds of a tenant as both sides see them, for frames: without places.
///
/// # Errors
/// As the connection's.
pub(super) fn both(
    connection: &mut AnyConnection,
    tenant: TenantId,
    tasks: &[Task],
) -> Result<Vec<(TaskView, OwnTaskView)>> {
    let names = Names::read(connection, tenant, tasks)?;
    Ok(tasks.iter().map(|task| (view(task, &names, None), own_view(task, &names, None, None))).collect())
}

/// These rounds of a tenant as admins see them.
///
/// # Errors
/// As the connection's.
pub(crate) fn views(connection: &mut AnyConnection, tenant: TenantId, tasks: &[Task]) -> Result<Vec<TaskView>> {
    let names = Names::read(connection, tenant, tasks)?;
    let places = store::places(connection, tenant, tasks)?;
    Ok(tasks.iter().map(|task| view(task, &names, places.get(&task.id).copied())).collect())
}

/// A round as its member sees it.
///
/// # Errors
/// As the connection's.
pub(crate) fn own(connection: &mut AnyConnection, task: &Task) -> Result<OwnTaskView> {
    let tasks = std::slice::from_ref(task);
    let names = Names::read(connection, task.tenant, tasks)?;
    let places = store::places(connection, task.tenant, tasks)?;
    let waiting = match task.state {
        State::Waiting => Some(store::count(connection, task.tenant, State::Waiting)?),
        _ => None,
    };
    Ok(own_view(task, &names, places.get(&task.id).copied(), waiting))
}
