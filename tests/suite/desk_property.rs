//! Whatever members and agents do at once, T1, T2 and T5 of docs/desk.md hold in the tables.

use std::collections::HashMap;

use diesel::prelude::*;
use futures_util::future::join_all;
use kefu::testing::access::Role;
use kefu::testing::db::Db;
use kefu::testing::db::schema::{kefu_conversation, kefu_message, kefu_task};
use serde_json::json;

use crate::support::tables::sound_conversations;
use crate::support::{TENANT, TestApp, User};

const SETTING: &str = "/admin-api/promotion/kefu-setting/update";
const TASK: &str = "/admin-api/promotion/kefu-task";
const CAPACITY: i64 = 3;

/// A linear congruential generator: the same commands in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

type Round = (i64, i64, Option<i64>, i32, Option<i64>, i64, Option<i64>, Option<chrono::NaiveDateTime>);

/// Asserts what holds in the tables whatever happened; returns how many rounds there are.
pub(crate) async fn assert_sound(db: &Db) -> usize {
    let read = db.run(|connection| {
        let rounds: Vec<Round> = kefu_task::table
            .order(kefu_task::id)
            .select((
                kefu_task::id,
                kefu_task::conversation_id,
                kefu_task::open_conversation_id,
                kefu_task::state,
                kefu_task::agent_id,
                kefu_task::first_seq,
                kefu_task::last_seq,
                kefu_task::due_at,
            ))
            .load(connection)?;
        let conversations: Vec<(i64, Option<i64>, i32, Option<i64>)> = kefu_conversation::table
            .select((
                kefu_conversation::id,
                kefu_conversation::task_id,
                kefu_conversation::task_state,
                kefu_conversation::agent_id,
            ))
            .load(connection)?;
        let messages: Vec<(i64, i64, Option<i64>)> = kefu_message::table
            .select((kefu_message::conversation_id, kefu_message::seq, kefu_message::task_id))
            .load(connection)?;
        Ok((rounds, conversations, messages))
    });
    let (rounds, conversations, messages) = read.await.unwrap();
    let mut open: HashMap<i64, &Round> = HashMap::new();
    for round in &rounds {
        let (_, conversation, repeated, state, agent, _, last_seq, due) = round;
        let is_open = *state >= 0;
        assert_eq!(repeated.is_some(), is_open, "{round:?}");
        assert_eq!(last_seq.is_none(), is_open, "{round:?}");
        assert_eq!(due.is_some(), is_open, "T5: {round:?}");
        assert_eq!(agent.is_some(), [0, 1].contains(state) || !is_open && agent.is_some(), "T2: {round:?}");
        if is_open {
            assert!(open.insert(*conversation, round).is_none(), "T1: {round:?}");
        }
    }
    for (id, task, state, agent) in conversations {
        match open.get(&id) {
            Some((open, _, _, open_state, open_agent, ..)) => {
                assert_eq!((task, state, agent), (Some(*open), *open_state, *open_agent), "T1: conversation {id}");
            }
            None => assert_eq!((task, state), (None, 0), "T1: conversation {id}"),
        }
    }
    for (conversation, seq, task) in messages {
        let Some(task) = task else { continue };
        let (_, of, _, _, _, first, last, _) = rounds.iter().find(|round| round.0 == task).unwrap();
        assert!(*of == conversation && *first <= seq && last.is_none_or(|last| seq <= last), "message {seq} of {task}");
    }
    for conversation in sound_conversations(db, TENANT.get()).await {
        let toasts = conversation.messages.iter().filter(|message| message.sender_id == 0);
        let told: Vec<&str> = toasts.map(|toast| toast.content.as_str()).collect();
        assert!(told.windows(2).all(|pair| pair[0] != pair[1]), "nothing is told twice: {told:?}");
    }
    rounds.len()
}

/// One command; its refusals are part of the game.
fn command(numbers: &mut Numbers, members: &[User], agents: &[User], known: usize) -> impl Future<Output = ()> + use<> {
    let member = members[numbers.below(members.len())].clone();
    let agent = agents[numbers.below(agents.len())].clone();
    let other = agents[numbers.below(agents.len())].id();
    let conversation = i64::try_from(numbers.below(members.len())).unwrap() + 1;
    let id = i64::try_from(numbers.below(known.max(1))).unwrap() + 1;
    let what = numbers.below(10);
    async move {
        let act = |act: &str, body: serde_json::Value| {
            let (agent, path) = (agent.clone(), format!("{TASK}/{act}"));
            async move { agent.put_json(&path, body).await }
        };
        let reply = match what {
            0..=2 => {
                let body = json!({"contentType": 1, "content": "hi"});
                member.post("/app-api/promotion/kefu-message/send", body).await
            }
            3 => agent.post(&format!("{TASK}/take"), json!({"conversationId": conversation})).await,
            4 => act("accept", json!({"id": id})).await,
            5 => act("refuse", json!({"id": id})).await,
            6 => act("transfer", json!({"id": id, "agentId": other, "reason": "r"})).await,
            7 => act("close", json!({"id": id})).await,
            8 => member.post("/app-api/promotion/kefu-task/leave", json!({})).await,
            _ => {
                let body = json!({"conversationId": conversation, "contentType": 1, "content": "hello"});
                agent.post("/admin-api/promotion/kefu-message/send", body).await
            }
        };
        let refusals = [0, 400, 403, 1_013_019_000, 1_013_021_000, 1_013_021_001, 1_013_021_002, 1_013_021_003];
        assert!(refusals.contains(&reply.code), "{what}: {reply:?}");
    }
}

#[tokio::test]
async fn whatever_is_done_at_once_the_tables_stay_sound() {
    let lift = |settings: &mut kefu::settings::Settings| {
        settings.limits.sends_per_s = 0;
        settings.limits.calls_per_s = Some(0);
    };
    let app = TestApp::spawn_with(lift).await;
    let owner = app.owner().await;
    let routing =
        json!({"mode": "manual", "capacity": CAPACITY, "autoAccept": false, "offerTimeout": 0, "toasts": true});
    owner.put_json(SETTING, json!({"routing": routing})).await.ok();
    let (mut members, mut agents) = (Vec::new(), vec![owner]);
    for number in 0..8 {
        members.push(app.member(1001 + number).await);
    }
    for number in 0..3 {
        agents.push(app.admin(&format!("agent{number}"), Role::Agent).await);
    }
    let mut numbers = Numbers(16);
    let mut known = 0;
    // 2,000 commands, eight at once.
    for step in 0..250 {
        let mut at_once = Vec::new();
        for _ in 0..8 {
            at_once.push(command(&mut numbers, &members, &agents, known));
        }
        join_all(at_once).await;
        if step % 7 == 0 {
            known = assert_sound(&app.db).await;
        }
    }
    assert!(assert_sound(&app.db).await > 50);
    app.stop().await;
}
