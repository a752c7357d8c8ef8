//! Which conversations agents see: all, those of their groups, or their own ones.

use diesel::prelude::*;
use kefu::testing::access::{Permission, Role};
use kefu::testing::db::AnyConnection;
use kefu::testing::db::schema::kefu_tenant;
use serde_json::{Value, json};

use crate::support::{Event, Reply, Socket, TestApp, User, eventually, path};

const SETTING: &str = "/admin-api/promotion/kefu-setting/update";
const TASK: &str = "/admin-api/promotion/kefu-task";
const AGENT: &str = "/admin-api/promotion/kefu-agent/update";
const CONTACTS: &str =
    "/admin-api/promotion/kefu-task/contact-list?from=2026-01-01%2000:00:00&to=2037-01-01%2000:00:00";
const CARD: &str = "/admin-api/member/user/get";
const GROUP_CREATE: &str = "/admin-api/promotion/kefu-group/create";

const NO_CONVERSATION: (i64, &str) = (1_013_019_000, "客服会话不存在");
const NO_TASK: (i64, &str) = (1_013_021_000, "服务记录不存在");

/// A service whose tenant has rounds and shows this.
async fn limited_to(visibility: &str) -> (TestApp, User) {
    let app = TestApp::spawn_with(|settings| {
        settings.limits.calls_per_s = Some(0);
        settings.push.queue_frames = 10_000;
    })
    .await;
    let owner = app.owner().await;
    let routing = json!({"mode": "manual", "capacity": 1000, "visibility": visibility});
    owner.put_json(SETTING, json!({"routing": routing})).await.ok();
    (app, owner)
}

async fn show(owner: &User, visibility: &str) {
    owner.put_json(SETTING, json!({"routing": {"visibility": visibility}})).await.ok();
}

/// A member who has written, with the conversation.
async fn waiting(app: &TestApp, id: i64) -> (User, i64) {
    let member = app.member(id).await;
    member.says("你好").await;
    let conversation = member.own_conversation().await;
    (member, conversation)
}

async fn take(agent: &User, conversation: i64) -> Value {
    agent.post(&format!("{TASK}/take"), json!({"conversationId": conversation})).await.ok()
}

async fn group(owner: &User, name: &str) -> i64 {
    owner.post(GROUP_CREATE, json!({"name": name})).await.ok().as_i64().unwrap()
}

async fn join(owner: &User, agent: &User, groups: &[i64]) {
    let groups: Vec<Value> = groups.iter().map(|id| json!({"id": id})).collect();
    owner.put_json(AGENT, json!({"adminId": agent.id(), "groups": groups})).await.ok();
}

/// The conversations of the list.
async fn listed(admin: &User) -> Vec<i64> {
    let mut ids: Vec<i64> = admin.conversations().await.iter().map(|one| one["id"].as_i64().unwrap()).collect();
    ids.sort_unstable();
    ids
}

async fn tasks(admin: &User) -> usize {
    admin.get(&format!("{TASK}/list?limit=200")).await.ok().as_array().unwrap().len()
}

/// The conversations that events are about.
fn named(events: &[Event]) -> Vec<i64> {
    let id = |event: &Event| {
        let content = &event.content;
        content["conversationId"].as_i64().or_else(|| content["id"].as_i64())
    };
    events.iter().filter_map(id).collect()
}

/// What events are of. How many rounds an agent has names no conversation.
fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).filter(|kind| *kind != "kefu_agent").collect()
}

/// For every call the conversation does not exist.
async fn assert_unseen(admin: &User, conversation: i64, member: &User, task: &Value) {
    let said = json!({"conversationId": conversation, "contentType": 1, "content": "x"});
    let unread = format!("{}?conversationId={conversation}", path::ADMIN_READ);
    let refused: Vec<Reply> = vec![
        admin.get(&format!("{}?conversationId={conversation}", path::ADMIN_LIST)).await,
        admin.post(path::ADMIN_SEND, said).await,
        admin.put(&unread).await,
        admin.put_json(path::PIN, json!({"id": conversation, "adminPinned": true})).await,
        admin.put_json(path::MARK_UNREAD, json!({"id": conversation})).await,
        admin.delete(&format!("{}?id={conversation}", path::DELETE)).await,
        admin.post(path::OPEN, json!({"userId": member.id()})).await,
        admin.post(&format!("{TASK}/take"), json!({"conversationId": conversation})).await,
    ];
    refused.into_iter().for_each(|reply| reply.fails(NO_CONVERSATION.0, NO_CONVERSATION.1));
    assert_eq!(admin.conversation(conversation).await, Value::Null);
    let history = admin.get(&format!("{TASK}/history?conversationId={conversation}")).await.ok();
    assert_eq!(history, json!([]));
    let of_member = admin.get(&format!("{}?q={}", path::CONVERSATIONS, member.id())).await.ok();
    assert_eq!(of_member, json!([]));
    let card = async |id: i64| {
        let mut card = admin.get(&format!("{CARD}?id={id}")).await.ok();
        card["id"].take();
        card
    };
    assert_eq!(card(member.id()).await, card(999_999).await, "as that of an unknown member");
    let page = admin.get(&format!("/admin-api/member/user/page?nickname={}", member.id())).await.ok();
    assert_eq!(page["list"], json!([]));
    let at_member = member.socket("").await;
    let online = admin.get("/admin-api/promotion/kefu-presence/list?userType=1").await.ok();
    assert!(online.as_array().unwrap().iter().all(|user| user["userId"] != json!(member.id())), "{online}");
    at_member.close().await;
    let manage = "/admin-api/promotion/kefu-member";
    for reply in [
        admin.put_json(&format!("{manage}/block"), json!({"userId": member.id(), "blocked": true})).await,
        admin.put_json(&format!("{manage}/exclusive-agent"), json!({"userId": member.id(), "adminId": null})).await,
        admin.delete(&format!("{manage}/sessions?userId={}", member.id())).await,
    ] {
        reply.fails(400, "请求参数不正确:会员不存在");
    }
    let id = &task["id"];
    let mut refused = vec![admin.get(&format!("{TASK}/get?id={id}")).await];
    for act in ["accept", "refuse", "close"] {
        refused.push(admin.put_json(&format!("{TASK}/{act}"), json!({"id": id})).await);
    }
    let given = json!({"id": id, "agentId": admin.id(), "reason": "x"});
    for act in ["transfer", "assign"] {
        refused.push(admin.put_json(&format!("{TASK}/{act}"), given.clone()).await);
    }
    refused.into_iter().for_each(|reply| reply.fails(NO_TASK.0, NO_TASK.1));
}

/// An agent with every right but that of seeing everything.
async fn agent(app: &TestApp, name: &str) -> User {
    let all = Permission::ALL.into_iter().filter(|one| *one != Permission::QueryAllConversations);
    app.admin_who_may(name, &all.collect::<Vec<_>>()).await
}

#[tokio::test]
async fn of_a_hundred_conversations_of_another_agent_nothing_is_seen() {
    let (app, owner) = limited_to("own").await;
    let (ann, ben) = (agent(&app, "ann").await, agent(&app, "ben").await);
    let viewer = app.admin("viewer", Role::Viewer).await;
    let mut at_ben = ben.socket("").await;
    let mut members = Vec::new();
    for id in 1..=100 {
        let (member, conversation) = waiting(&app, 1000 + id).await;
        let task = take(&ann, conversation).await;
        members.push((member, conversation, task));
    }
    let all: Vec<i64> = members.iter().map(|(_, conversation, _)| *conversation).collect();
    // While they waited Ben saw them; each was hidden when it was taken.
    let events = at_ben.events_so_far().await;
    let hidden: Vec<&Event> = events.iter().filter(|event| event.kind == "kefu_conversation_hidden").collect();
    assert_eq!(hidden.iter().map(|event| event.content["conversationId"].as_i64().unwrap()).collect::<Vec<_>>(), all);
    assert_eq!(events.iter().filter(|event| event.kind == "kefu_task").count(), 100, "of the waiting rounds alone");

    for (number, (member, conversation, _)) in members.iter().enumerate() {
        member.says("在吗").await;
        if number % 10 == 0 {
            ann.answers(*conversation, "在").await;
            ann.reads(*conversation).await;
            member.reads_own(*conversation).await;
            ann.pins(*conversation, true).await;
            ann.put_json(path::MARK_UNREAD, json!({"id": conversation})).await.ok();
            owner.deletes(*conversation).await;
            ann.answers(*conversation, "还在").await;
        }
    }
    assert_eq!(kinds(&at_ben.events_so_far().await), Vec::<&str>::new());
    let counts = json!({"all": 0, "unread": 0});
    assert_eq!(ben.get(path::COUNTS).await.ok(), counts);
    assert_eq!(listed(&ben).await, Vec::<i64>::new());
    assert_eq!(tasks(&ben).await, 0);
    let served = |admin: User| async move { admin.get(CONTACTS).await.ok()["total"].clone() };
    assert_eq!((served(ben.clone()).await, served(ann.clone()).await), (json!(0), json!(100)));
    for (member, conversation, task) in members.iter().step_by(33) {
        assert_unseen(&ben, *conversation, member, task).await;
    }
    // Nor does a replay show anything, nor what a socket asks for.
    let mut replayed = ben.socket("since=0").await;
    assert_eq!(kinds(&replayed.events_until("kefu_resync_done").await), Vec::<&str>::new());
    for kind in ["kefu_typing", "kefu_viewing", "kefu_resync"] {
        let content = match kind {
            "kefu_resync" => json!({"conversationId": all[0], "afterSeq": 0}),
            _ => json!({"conversationId": all[0]}),
        };
        replayed.send(&json!({"type": kind, "content": content}).to_string()).await;
        assert_eq!(replayed.expect("error").await["code"], NO_CONVERSATION.0, "{kind}");
    }
    for sees in [&ann, &owner, &viewer] {
        assert_eq!(listed(sees).await, all);
        assert_eq!(sees.get(path::COUNTS).await.ok()["all"], 100);
        let mut replayed = sees.socket("since=0").await;
        let events = replayed.events_until("kefu_resync_done").await;
        assert!(events.len() > 200, "{}", events.len());
    }
    assert_eq!(tasks(&ann).await, 100);
    app.stop().await;
}

#[tokio::test]
async fn a_transfer_takes_the_sight_and_gives_it() {
    let (app, owner) = limited_to("own").await;
    let (ann, ben) = (agent(&app, "ann").await, agent(&app, "ben").await);
    let mut at_owner = owner.socket("").await;
    let (mut at_ann, mut at_ben) = (ann.socket("").await, ben.socket("").await);
    let (member, conversation) = waiting(&app, 1001).await;
    let task = take(&ann, conversation).await;
    ann.answers(conversation, "您好").await;
    at_ann.events_so_far().await;
    at_ben.events_so_far().await;
    let to_ben = json!({"id": task["id"], "agentId": ben.id(), "reason": "售后"});
    ann.put_json(&format!("{TASK}/transfer"), to_ben).await.ok();
    assert_eq!(kinds(&at_ann.events_so_far().await), ["kefu_conversation_hidden"]);
    assert_eq!(kinds(&at_ben.events_so_far().await), ["kefu_task"]);
    assert_unseen(&ann, conversation, &member, &task).await;
    assert_eq!(ben.get(&format!("{CARD}?id={}", member.id())).await.ok()["nickname"], "会员1001");
    app.member(1002).await;
    assert_eq!(ann.get(&format!("{CARD}?id=1002")).await.ok()["nickname"], "会员1002", "who has no conversation yet");
    assert_eq!(listed(&ben).await, [conversation]);
    member.says("谢谢").await;
    assert_eq!(kinds(&at_ben.events_so_far().await), ["kefu_message_type"]);
    // After the end it stays Ben's, until the member writes again: then whoever takes it next has it.
    ben.put_json(&format!("{TASK}/close"), json!({"id": task["id"]})).await.ok();
    assert_eq!(kinds(&at_ben.events_so_far().await), ["kefu_task"]);
    ben.answers(conversation, "再见").await;
    assert_eq!(listed(&ben).await, [conversation]);
    assert_eq!(kinds(&at_ann.events_so_far().await), Vec::<&str>::new());
    member.says("还有一件事").await;
    assert_eq!(kinds(&at_ann.events_so_far().await), ["kefu_message_type", "kefu_task"]);
    assert_eq!(listed(&ann).await, [conversation]);
    at_ben.events_so_far().await;
    take(&ann, conversation).await;
    assert_eq!(kinds(&at_ben.events_so_far().await), ["kefu_conversation_hidden"]);
    // Who sees everything is never told that something is hidden.
    assert!(at_owner.events_so_far().await.iter().all(|event| event.kind != "kefu_conversation_hidden"));
    app.stop().await;
}

#[tokio::test]
async fn a_group_sees_what_is_its_own_and_what_is_nobodys() {
    let (app, owner) = limited_to("group").await;
    let (ann, ben) = (agent(&app, "ann").await, agent(&app, "ben").await);
    let (sales, repairs) = (group(&owner, "售前").await, group(&owner, "售后").await);
    join(&owner, &ann, &[sales]).await;
    join(&owner, &ben, &[repairs]).await;
    let (mut at_ann, mut at_ben) = (ann.socket("").await, ben.socket("").await);
    let (member, conversation) = waiting(&app, 1001).await;
    let (_, other) = waiting(&app, 1002).await;
    let task = take(&ann, conversation).await;
    assert_eq!(listed(&ben).await, [conversation, other], "it is in no group");
    at_ann.events_so_far().await;
    at_ben.events_so_far().await;

    // Its agent keeps the sight of what is served in another group; that it waits there is that group's.
    let to_group = |id: i64| json!({"id": task["id"], "groupId": id, "reason": "x"});
    ann.put_json(&format!("{TASK}/transfer"), to_group(sales)).await.ok();
    assert_eq!(kinds(&at_ben.events_so_far().await), ["kefu_conversation_hidden"]);
    assert_unseen(&ben, conversation, &member, &task).await;
    assert_eq!(tasks(&ben).await, 1);
    at_ann.events_so_far().await;
    owner.put_json(&format!("{TASK}/assign"), json!({"id": task["id"], "agentId": ben.id()})).await.ok();
    assert_eq!(listed(&ben).await, [conversation, other]);
    assert_eq!(listed(&ann).await, [conversation, other]);

    // Who leaves a group sees its conversations no longer, at once; who joins does.
    at_ann.events_so_far().await;
    join(&owner, &ann, &[]).await;
    let events = at_ann.events_so_far().await;
    assert_eq!((kinds(&events), named(&events)), (vec!["kefu_conversation_hidden"], vec![conversation]));
    member.says("?").await;
    assert_eq!(kinds(&at_ann.events_so_far().await), Vec::<&str>::new());
    assert_unseen(&ann, conversation, &member, &task).await;
    join(&owner, &ann, &[repairs, sales]).await;
    member.says("??").await;
    assert_eq!(kinds(&at_ann.events_so_far().await), ["kefu_message_type"]);
    app.stop().await;
}

/// Says that a conversation is looked at.
async fn views(socket: &mut Socket, conversation: i64) {
    let content = json!({"conversationId": conversation});
    socket.send(&json!({"type": "kefu_viewing", "content": content}).to_string()).await;
}

/// The viewers as they were told last.
fn viewers(events: &[Event]) -> Option<Value> {
    let told = events.iter().rfind(|event| event.kind == "kefu_viewers");
    told.map(|event| event.content["userIds"].clone())
}

#[tokio::test]
async fn who_loses_sight_of_a_conversation_looks_at_it_no_longer() {
    let (app, owner) = limited_to("own").await;
    let (ann, ben) = (agent(&app, "ann").await, agent(&app, "ben").await);
    let (mut at_ann, mut at_ben, mut at_owner) = (ann.socket("").await, ben.socket("").await, owner.socket("").await);
    let (_, conversation) = waiting(&app, 1001).await;
    views(&mut at_ann, conversation).await;
    at_ann.events_so_far().await;
    views(&mut at_ben, conversation).await;
    assert_eq!(viewers(&at_ben.events_so_far().await), Some(json!([ann.id(), ben.id()])));
    take(&ann, conversation).await;
    assert_eq!(viewers(&at_ann.events_so_far().await), Some(json!([ann.id()])));
    assert_eq!(kinds(&at_ben.events_so_far().await), ["kefu_conversation_hidden"]);
    views(&mut at_owner, conversation).await;
    assert_eq!(viewers(&at_owner.events_so_far().await), Some(json!([owner.id(), ann.id()])));
    assert_eq!(kinds(&at_ben.events_so_far().await), Vec::<&str>::new());

    // The same when it is the setting that takes the sight.
    show(&owner, "all").await;
    app.clock.advance(1000);
    views(&mut at_ben, conversation).await;
    assert_eq!(viewers(&at_ben.events_so_far().await), Some(json!([owner.id(), ann.id(), ben.id()])));
    show(&owner, "own").await;
    assert_eq!(kinds(&at_ben.events_so_far().await), ["kefu_conversation_hidden"]);
    assert_eq!(viewers(&at_ann.events_so_far().await), Some(json!([owner.id(), ann.id()])));
    app.stop().await;
}

#[tokio::test]
async fn a_group_with_open_rounds_stays_and_the_end_of_one_hides_nothing() {
    let (app, owner) = limited_to("group").await;
    let ann = agent(&app, "ann").await;
    let sales = group(&owner, "售前").await;
    let (_, conversation) = waiting(&app, 1001).await;
    let task = take(&owner, conversation).await;
    let moved = json!({"id": task["id"], "groupId": sales, "reason": "x"});
    owner.put_json(&format!("{TASK}/transfer"), moved).await.ok();
    assert_eq!(listed(&ann).await, Vec::<i64>::new());
    let delete = format!("/admin-api/promotion/kefu-group/delete?id={sales}");
    let open = "请求参数不正确:该分组仍有 1 个未结束的会话";
    owner.delete(&delete).await.fails(400, open);
    take(&owner, conversation).await;
    owner.delete(&delete).await.fails(400, open);
    owner.put_json(&format!("{TASK}/close"), json!({"id": task["id"]})).await.ok();
    assert_eq!(listed(&ann).await, Vec::<i64>::new());
    owner.delete(&delete).await.ok();
    assert_eq!(listed(&ann).await, [conversation]);
    let history = ann.get(&format!("{TASK}/history?conversationId={conversation}")).await.ok();
    assert_eq!(history[0]["groupId"], sales, "the round says where it was");
    app.stop().await;
}

#[tokio::test]
async fn a_change_of_the_setting_or_of_the_role_counts_at_once() {
    let (app, owner) = limited_to("all").await;
    let (ann, ben) = (agent(&app, "ann").await, agent(&app, "ben").await);
    let (member, conversation) = waiting(&app, 1001).await;
    let task = take(&ann, conversation).await;
    let mut at_ben = ben.socket("").await;
    member.says("1").await;
    assert_eq!(kinds(&at_ben.events_so_far().await), ["kefu_message_type"]);
    show(&owner, "own").await;
    assert_eq!(kinds(&at_ben.events_so_far().await), ["kefu_conversation_hidden"]);
    member.says("2").await;
    assert_eq!(kinds(&at_ben.events_so_far().await), Vec::<&str>::new());
    assert_unseen(&ben, conversation, &member, &task).await;
    let all = [Permission::QueryMessages, Permission::QueryConversations, Permission::QueryAllConversations];
    app.let_only(&ben, &all).await;
    member.says("3").await;
    assert_eq!(kinds(&at_ben.events_so_far().await), ["kefu_message_type"]);
    assert_eq!(listed(&ben).await, [conversation]);
    app.let_only(&ben, &all[..2]).await;
    member.says("4").await;
    assert_eq!(kinds(&at_ben.events_so_far().await), Vec::<&str>::new());
    show(&owner, "all").await;
    member.says("5").await;
    assert_eq!(kinds(&at_ben.events_so_far().await), ["kefu_message_type"]);
    let unknown = owner.put_json(SETTING, json!({"routing": {"visibility": "some"}})).await;
    assert_eq!(unknown.code, 400, "{unknown:?}");
    app.stop().await;
}

#[tokio::test]
async fn another_node_sees_the_same_from_the_database_alone() {
    let (app, owner) = limited_to("own").await;
    let other = app.another_node(|settings| settings.limits.calls_per_s = Some(0)).await;
    let (ann, ben) = (agent(&app, "ann").await, agent(&app, "ben").await.at_node(&other));
    let (member, conversation) = waiting(&app, 1001).await;
    let task = take(&ann, conversation).await;
    eventually("the other node knows", async || listed(&ben).await.is_empty()).await;
    assert_unseen(&ben, conversation, &member, &task).await;
    let mut at_ben = ben.socket("since=0").await;
    assert_eq!(kinds(&at_ben.events_until("kefu_resync_done").await), Vec::<&str>::new());
    // A message that is written at Ben's node by another is Ann's as well.
    let there = owner.at_node(&other);
    there.answers(conversation, "我来看看").await;
    assert_eq!(kinds(&at_ben.events_so_far().await), Vec::<&str>::new());
    other.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn a_database_that_has_gone_back_shows_nothing_more() {
    let (app, owner) = limited_to("own").await;
    let (ann, ben) = (agent(&app, "ann").await, agent(&app, "ben").await);
    let (member, conversation) = waiting(&app, 1001).await;
    take(&ann, conversation).await;
    let mut at_ben = ben.socket("").await;
    let back = |connection: &mut AnyConnection| {
        let settings = r#"{"routing":{"mode":"manual","visibility":"own","capacity":7}}"#;
        let before = (kefu_tenant::change_no.eq(kefu_tenant::change_no - 1), kefu_tenant::settings.eq(settings));
        diesel::update(kefu_tenant::table).set(before).execute(connection)?;
        Ok(())
    };
    app.db.write(back).await.unwrap();
    eventually("the service knows", async || {
        owner.get("/admin-api/promotion/kefu-setting/get").await.ok()["routing"]["capacity"] == 7
    })
    .await;
    member.says("?").await;
    assert_eq!(kinds(&at_ben.events_so_far().await), Vec::<&str>::new());
    app.stop().await;
}
