//! Rounds of service as members and agents see them: waiting, taking, refusing, transferring, closing.

use futures_util::future::join_all;
use kefu::settings::Settings;
use kefu::testing::access::{Permission, Role};
use serde_json::{Value, json};

use crate::support::tables::sound_conversations;
use crate::support::{Event, Socket, TENANT, TestApp, User, eventually, path};

const SETTING: &str = "/admin-api/promotion/kefu-setting/update";
const TASK: &str = "/admin-api/promotion/kefu-task";
const DUTY: &str = "/admin-api/promotion/kefu-agent/duty";
const STATUS: &str = "/admin-api/system/user/update-status";
const CURRENT: &str = "/app-api/promotion/kefu-task/current";
const OPEN: &str = "/app-api/promotion/kefu-task/open";
const LEAVE: &str = "/app-api/promotion/kefu-task/leave";

/// The refusals of the contract.
const CHANGED: (i64, &str) = (1_013_021_001, "会话状态已变化，请刷新");
const TAKEN: (i64, &str) = (1_013_021_002, "会话已被接待");
const FULL: (i64, &str) = (1_013_021_003, "座席已满");

/// A service whose tenant has rounds, with these settings beside the mode.
async fn manual(app: &TestApp, more: Value) -> User {
    let owner = app.owner().await;
    let mut routing = json!({"mode": "manual"});
    routing.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    owner.put_json(SETTING, json!({"routing": routing})).await.ok();
    owner
}

fn without_limits(settings: &mut Settings) {
    settings.limits.calls_per_s = Some(0);
    settings.limits.sends_per_s = 0;
}

/// Waits until another node knows that the tenant has rounds.
async fn has_rounds(owner: &User, node: &TestApp) {
    let there = owner.at_node(node);
    let knows = async || there.get("/admin-api/promotion/kefu-setting/get").await.ok()["routing"]["mode"] == "manual";
    eventually("the other node knows", knows).await;
}

/// An agent who is on duty by word.
async fn on_duty(app: &TestApp, name: &str) -> User {
    let agent = app.admin(name, Role::Agent).await;
    agent.put_json(DUTY, json!({"duty": 1})).await.ok();
    agent
}

async fn take(agent: &User, conversation: i64) -> crate::support::Reply {
    agent.post(&format!("{TASK}/take"), json!({"conversationId": conversation})).await
}

async fn act(agent: &User, act: &str, body: Value) -> crate::support::Reply {
    agent.put_json(&format!("{TASK}/{act}"), body).await
}

async fn tasks(admin: &User, query: &str) -> Vec<Value> {
    admin.get(&format!("{TASK}/list?{query}")).await.ok().as_array().unwrap().clone()
}

/// A member who has written, with the conversation.
async fn waiting(app: &TestApp, id: i64) -> (User, i64) {
    let member = app.member(id).await;
    member.says("你好").await;
    let conversation = member.own_conversation().await;
    (member, conversation)
}

fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

#[tokio::test]
async fn a_round_goes_from_the_first_message_to_its_end() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({})).await;
    let ann = on_duty(&app, "ann").await;
    let member = app.member(1001).await;
    let (mut at_member, mut at_ann) = (member.socket("").await, ann.socket("").await);

    member.says("你好").await;
    let conversation = member.own_conversation().await;
    let task = tasks(&owner, "state=3").await.remove(0);
    assert_eq!((&task["state"], &task["place"], &task["agentId"]), (&json!(3), &json!(1), &Value::Null));
    assert_eq!((&task["userId"], &task["firstSeq"]), (&json!(member.id()), &json!(1)));
    let current = member.get(CURRENT).await.ok();
    assert_eq!((&current["place"], &current["waiting"], &current["onDuty"]), (&json!(1), &json!(1), &json!(true)));
    let events = at_ann.events_so_far().await;
    assert_eq!(kinds(&events), ["kefu_conversation_created", "kefu_message_type", "kefu_task"]);
    assert_eq!(events[1].content["taskId"], task["id"]);
    assert_eq!((&events[2].content["id"], &events[2].content["state"]), (&task["id"], &json!(3)));
    let events = at_member.events_so_far().await;
    assert_eq!(kinds(&events)[..2], ["kefu_message_type", "kefu_task"]);
    assert_eq!(events[1].content["state"], 3);
    assert!(events[1].content.get("userNickname").is_none(), "a member sees what concerns the member");

    app.clock.advance(5000);
    let taken = take(&ann, conversation).await.ok();
    assert_eq!((&taken["id"], &taken["state"], &taken["agentId"]), (&task["id"], &json!(1), &json!(ann.id())));
    assert_eq!((&taken["agentNickname"], &taken["acceptedAt"]), (&json!("客服ann"), &json!(app.clock.now())));
    assert_eq!(at_member.next_of("kefu_task").await["agentNickname"], "客服ann");
    assert_eq!(take(&ann, conversation).await.ok(), taken, "once more changes nothing");

    ann.answers(conversation, "您好").await;
    member.says("谢谢").await;
    let messages = owner.messages(conversation, "limit=10").await;
    assert!(messages.iter().all(|message| message["taskId"] == task["id"]), "{messages:?}");
    let got = owner.get(&format!("{TASK}/get?id={}", task["id"])).await.ok();
    assert_eq!(got["firstReplyAt"].as_i64().unwrap(), app.clock.now());

    let closed = act(&ann, "close", json!({"id": task["id"], "reason": "已解决"})).await.ok();
    assert_eq!((&closed["state"], &closed["endReason"], &closed["lastSeq"]), (&json!(-1), &json!("已解决"), &json!(3)));
    act(&ann, "close", json!({"id": task["id"]})).await.fails(CHANGED.0, CHANGED.1);
    assert_eq!(member.get(CURRENT).await.ok()["task"], Value::Null);
    // An answer afterwards opens nothing, the member's next message does.
    ann.answers(conversation, "再见").await;
    assert_eq!(owner.messages(conversation, "limit=1").await[0].get("taskId"), None);
    member.says("还有").await;
    let history = owner.get(&format!("{TASK}/history?conversationId={conversation}")).await.ok();
    let states: Vec<&Value> = history.as_array().unwrap().iter().map(|task| &task["state"]).collect();
    assert_eq!((states, &history[0]["firstSeq"]), (vec![&json!(3), &json!(-1)], &json!(5)));
    app.stop().await;
}

#[tokio::test]
async fn without_rounds_nothing_is_opened_and_nothing_is_written() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let ann = app.admin("ann", Role::Agent).await;
    let (member, conversation) = waiting(&app, 1001).await;
    ann.answers(conversation, "您好").await;
    let none = json!({"task": null, "place": null, "waiting": 0, "onDuty": true});
    assert_eq!(member.get(CURRENT).await.ok(), none);
    take(&ann, conversation).await.fails(CHANGED.0, CHANGED.1);
    member.post(LEAVE, json!({})).await.fails(CHANGED.0, CHANGED.1);
    member.post(OPEN, json!({})).await.fails(CHANGED.0, CHANGED.1);
    assert_eq!(tasks(&owner, "").await, Vec::<Value>::new());
    let contacts = "contact-list?from=2026-11-21 00:00:00&to=2026-11-22 00:00:00";
    assert_eq!(owner.get(&format!("{TASK}/{contacts}")).await.ok()["total"], 1);
    let mut socket = ann.socket("").await;
    member.says("?").await;
    let events = socket.events_so_far().await;
    assert_eq!(kinds(&events), ["kefu_message_type"]);
    assert_eq!(events[0].content.get("taskId"), None);
    for table in ["kefu_task", "kefu_agent", "kefu_node", "kefu_agent_socket"] {
        assert_eq!(app.count(table).await, 0, "{table}");
    }
    app.stop().await;
}

/// Rounds that two agents race for. `bench soak` does a thousand against the built service.
const RACES: i64 = 200;

#[tokio::test]
async fn consoles_are_told_of_rounds_with_the_login_and_only_where_there_are_any() {
    let app = TestApp::spawn().await;
    let (ann, viewer) = (app.admin("ann", Role::Agent).await, app.admin("eve", Role::Viewer).await);
    let info = async |admin: &User| admin.get(path::PERMISSION_INFO).await.ok();
    let agents = async || app.owner().await.get("/admin-api/promotion/kefu-agent/list").await.ok();
    assert_eq!(info(&ann).await.get("routing"), None);
    assert!(agents().await.as_array().unwrap().iter().all(|agent| agent.get("now").is_none()));

    let owner = manual(&app, json!({"autoDuty": false})).await;
    let told = json!({"mode": "manual", "autoDuty": false, "duty": null, "capacity": 5});
    assert_eq!(info(&ann).await["routing"], told);
    assert_eq!(info(&viewer).await["routing"], told, "who only looks sees rounds, too");
    ann.put_json(DUTY, json!({"duty": 2})).await.ok();
    owner.put_json("/admin-api/promotion/kefu-agent/update", json!({"adminId": ann.id(), "capacity": 3})).await.ok();
    let told = json!({"mode": "manual", "autoDuty": false, "duty": 2, "capacity": 3});
    assert_eq!(info(&ann).await["routing"], told);
    let listed = agents().await;
    let now = |admin: &User| {
        let found = listed.as_array().unwrap().iter().find(|agent| agent["adminId"] == json!(admin.id())).unwrap();
        found.get("now").cloned()
    };
    assert_eq!(now(&ann), Some(json!({"duty": 2, "online": false, "onDuty": false, "load": 0, "capacity": 3})));
    assert_eq!(now(&viewer), None, "who may not take gets none");
    app.stop().await;
}

#[tokio::test]
async fn of_two_who_take_at_once_at_two_nodes_one_gets_it() {
    let app = TestApp::spawn_with(without_limits).await;
    let other = app.another_node(without_limits).await;
    let owner = manual(&app, json!({"capacity": 1000})).await;
    let (ann, ben) = (on_duty(&app, "ann").await, on_duty(&app, "ben").await.at_node(&other));
    has_rounds(&owner, &other).await;
    let race = async |id: i64| {
        let (_, conversation) = waiting(&app, id).await;
        let (one, two) = tokio::join!(take(&ann, conversation), take(&ben, conversation));
        let (won, lost, winner) = if one.code == 0 { (one, two, &ann) } else { (two, one, &ben) };
        assert_eq!(won.ok()["agentId"], json!(winner.id()));
        lost.fails(TAKEN.0, TAKEN.1);
    };
    for first in (0..RACES).step_by(10) {
        join_all((first..first + 10).map(|number| race(1001 + number))).await;
    }
    let of = async |agent: &User| app.count(&format!("kefu_task WHERE state = 1 AND agent_id = {}", agent.id())).await;
    assert_eq!(of(&ann).await + of(&ben).await, RACES);
    other.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn agents_read_duty_and_load_without_the_right_to_supervise() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let (ann, ben) = (app.admin("ann", Role::Agent).await, app.admin("ben", Role::Agent).await);
    let row = async |id: i64| {
        let agents = ann.get("/admin-api/promotion/kefu-agent/list").await.ok();
        let row = agents.as_array().unwrap().iter().find(|agent| agent["adminId"] == id).cloned().unwrap();
        json!(["duty", "online", "onDuty", "load"].map(|name| row["now"].get(name).cloned()))
    };
    let rounds_off = ann.get("/admin-api/promotion/kefu-agent/list").await.ok();
    assert!(rounds_off.as_array().unwrap().iter().all(|agent| agent.get("now").is_none()), "{rounds_off}");
    manual(&app, json!({})).await;
    assert_eq!(row(ben.id()).await, json!([null, false, false, 0]));
    let _socket = ben.socket("").await;
    assert_eq!(row(ben.id()).await, json!([null, true, true, 0]));
    ann.put_json(DUTY, json!({"duty": 1})).await.ok();
    let (_, conversation) = waiting(&app, 1001).await;
    take(&ann, conversation).await.ok();
    assert_eq!(row(ann.id()).await, json!([1, false, true, 1]));
    ann.put_json(DUTY, json!({"duty": 2})).await.ok();
    assert_eq!(row(ann.id()).await, json!([2, false, false, 1]));
    assert_eq!(row(owner.id()).await[3], 0);
    app.stop().await;
}

#[tokio::test]
async fn capacity_counts_for_who_takes_and_not_for_who_answers() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({"capacity": 2})).await;
    let ann = on_duty(&app, "ann").await;
    let mut conversations = Vec::new();
    for id in 1001..=1005 {
        conversations.push(waiting(&app, id).await.1);
    }
    take(&ann, conversations[0]).await.ok();
    take(&ann, conversations[1]).await.ok();
    take(&ann, conversations[2]).await.fails(FULL.0, FULL.1);
    assert_eq!(tasks(&owner, "state=3").await.len(), 3, "a refusal changes nothing");
    ann.answers(conversations[2], "您好").await;
    assert_eq!(tasks(&owner, &format!("state=1&agentId={}", ann.id())).await.len(), 3);
    // What is set for the agent counts before what the tenant says; owners may go beyond.
    owner.put_json("/admin-api/promotion/kefu-agent/update", json!({"adminId": ann.id(), "capacity": 4})).await.ok();
    take(&ann, conversations[3]).await.ok();
    take(&ann, conversations[4]).await.fails(FULL.0, FULL.1);
    owner.put_json("/admin-api/promotion/kefu-agent/update", json!({"adminId": owner.id(), "capacity": 0})).await.ok();
    take(&owner, conversations[4]).await.ok();
    // An end makes room.
    let own = tasks(&owner, &format!("state=1&agentId={}", ann.id())).await;
    act(&ann, "close", json!({"id": own[0]["id"]})).await.ok();
    let (_, next) = waiting(&app, 1006).await;
    take(&ann, next).await.ok();
    app.stop().await;
}

#[tokio::test]
async fn a_bound_members_rounds_go_to_the_agent_who_is_on_duty_and_not_full() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({"capacity": 1})).await;
    let (ann, ben) = (on_duty(&app, "ann").await, on_duty(&app, "ben").await);
    let viewer = app.admin("viewer", Role::Viewer).await;
    let gone = app.admin("gone", Role::Agent).await;
    gone.put_json(DUTY, json!({"duty": 1})).await.ok();
    let member = app.member(1001).await;
    let bind = async |agent: Option<i64>| {
        owner.put_json(path::EXCLUSIVE_AGENT, json!({"userId": member.id(), "adminId": agent})).await
    };
    let card = async || owner.get(&format!("{}?id={}", path::MEMBER_CARD, member.id())).await.ok();
    assert_eq!(card().await.get("exclusiveAgentId"), None);
    bind(Some(gone.id())).await.ok();
    owner.put_json("/admin-api/system/user/update-status", json!({"id": gone.id(), "status": 1})).await.ok();
    for nobody in [gone.id() + 100, viewer.id()] {
        bind(Some(nobody)).await.fails(400, "请求参数不正确:客服不存在或已停用");
    }
    let incomplete = owner.put_json(path::EXCLUSIVE_AGENT, json!({"userId": member.id()})).await;
    incomplete.fails(400, "请求参数缺失:adminId");
    let unknown = json!({"userId": 999, "adminId": ann.id()});
    owner.put_json(path::EXCLUSIVE_AGENT, unknown).await.fails(400, "请求参数不正确:会员不存在");
    ann.put_json(path::EXCLUSIVE_AGENT, json!({"userId": member.id(), "adminId": null}))
        .await
        .fails(403, "没有该操作权限");
    assert_eq!(card().await["exclusiveAgentId"], json!(gone.id()));

    // Who was closed meanwhile is not on duty, so that the member waits for anyone.
    member.says("你好").await;
    let waits = tasks(&owner, "state=3").await.remove(0);
    assert_eq!((&waits["kind"], &waits["agentId"]), (&json!(1), &Value::Null));
    bind(Some(ann.id())).await.ok();
    assert_eq!(tasks(&owner, "state=3").await[0]["version"], waits["version"], "what is open stays where it is");
    member.post(LEAVE, json!({})).await.ok();

    let mut at_ann = ann.socket("").await;
    member.says("你好").await;
    let served = at_ann.next_of("kefu_task").await;
    assert_eq!((&served["state"], &served["agentId"], &served["kind"]), (&json!(1), &json!(ann.id()), &json!(1)));
    member.post(LEAVE, json!({})).await.ok();
    // Full: the member waits, and another may take.
    let (_, other) = waiting(&app, 1002).await;
    take(&ann, other).await.ok();
    member.says("在吗").await;
    assert_eq!(tasks(&owner, "state=3").await.len(), 1);
    take(&ben, member.own_conversation().await).await.ok();
    member.post(LEAVE, json!({})).await.ok();

    ann.put_json(DUTY, json!({"duty": 2})).await.ok();
    member.says("?").await;
    assert_eq!(tasks(&owner, "state=3").await.len(), 1, "off duty");
    member.post(LEAVE, json!({})).await.ok();
    bind(None).await.ok();
    assert_eq!(card().await.get("exclusiveAgentId"), None);
    member.says("?").await;
    assert_eq!(tasks(&owner, "state=3").await[0]["kind"], 0);
    app.stop().await;
}

#[tokio::test]
async fn a_member_asks_to_be_served_without_a_message() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let member = app.member(1001).await;
    member.post(OPEN, json!({})).await.fails(CHANGED.0, CHANGED.1);
    manual(&app, json!({"capacity": 1})).await;
    let (ann, ben) = (on_duty(&app, "ann").await, on_duty(&app, "ben").await);
    let group = owner.post("/admin-api/promotion/kefu-group/create", json!({"name": "售后"})).await.ok();
    let mut at_ann = ann.socket("").await;
    member.post(OPEN, json!({"groupId": 999})).await.fails(400, "请求参数不正确:分组不存在");
    member.post(OPEN, json!({"groupId": group, "agentId": 999})).await.fails(400, "请求参数不正确:客服不存在或已停用");
    assert_eq!((app.count("kefu_conversation").await, app.count("kefu_task").await), (0, 0));

    let opened = member.post(OPEN, json!({})).await.ok();
    assert_eq!((&opened["state"], &opened["place"], &opened["firstSeq"]), (&json!(3), &json!(1), &json!(1)));
    assert_eq!(member.post(OPEN, json!({"agentId": ben.id()})).await.ok(), opened, "what is open stays as it is");
    assert_eq!(member.get(CURRENT).await.ok()["task"], opened);
    let events = at_ann.events_so_far().await;
    assert_eq!(kinds(&events), ["kefu_conversation_created", "kefu_task"]);
    assert_eq!((&events[1].content["kind"], &events[1].content["userId"]), (&json!(0), &json!(1001)));
    member.says("你好").await;
    assert_eq!(tasks(&owner, "").await.len(), 1, "the first message belongs to it");
    member.post(LEAVE, json!({})).await.ok();

    // For an agent who has room, who has none, and for a group.
    let (one, two, three) = (app.member(1002).await, app.member(1003).await, app.member(1004).await);
    let wish = json!({"agentId": ann.id()});
    let own = one.post(OPEN, wish.clone()).await.ok();
    assert_eq!((&own["state"], &own["agentNickname"]), (&json!(1), &json!("客服ann")));
    assert_eq!(two.post(OPEN, wish).await.ok()["state"], 3);
    assert_eq!(tasks(&owner, "state=3").await[0]["kind"], 1);
    assert_eq!(three.post(OPEN, json!({"groupId": group})).await.ok()["state"], 4, "nobody of the group is on duty");
    assert_eq!(tasks(&owner, &format!("groupId={group}")).await[0]["kind"], 2);

    // What admins have hidden comes back, as with a message.
    let conversation = member.own_conversation().await;
    owner.delete(&format!("/admin-api/promotion/kefu-conversation/delete?id={conversation}")).await.ok();
    at_ann.events_so_far().await;
    member.post(OPEN, json!({})).await.ok();
    assert_eq!(kinds(&at_ann.events_so_far().await), ["kefu_conversation_created", "kefu_task"]);
    app.stop().await;
}

#[tokio::test]
async fn an_answer_in_anothers_round_is_a_helpers() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({})).await;
    let (ann, ben) = (on_duty(&app, "ann").await, on_duty(&app, "ben").await);
    let (_, conversation) = waiting(&app, 1001).await;
    let taken = take(&ann, conversation).await.ok();
    take(&ben, conversation).await.fails(TAKEN.0, TAKEN.1);
    ben.answers(conversation, "我也在").await;
    let after = owner.get(&format!("{TASK}/get?id={}", taken["id"])).await.ok();
    assert_eq!(after, taken);
    assert_eq!(owner.messages(conversation, "limit=1").await[0]["taskId"], taken["id"]);
    // Who may take what another has, does.
    assert_eq!(take(&owner, conversation).await.ok()["agentId"], json!(owner.id()));
    app.stop().await;
}

#[tokio::test]
async fn what_is_offered_is_accepted_by_a_word_or_an_answer_and_can_be_refused() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({"autoAccept": false})).await;
    let (ann, ben) = (on_duty(&app, "ann").await, on_duty(&app, "ben").await);
    let mut at_ben = ben.socket("").await;
    let (_, conversation) = waiting(&app, 1001).await;
    let taken = take(&ann, conversation).await.ok();
    assert_eq!(taken["state"], 1, "who takes has accepted");
    let (id, to_ben) = (taken["id"].clone(), json!({"id": taken["id"], "agentId": ben.id(), "reason": "售后"}));
    at_ben.events_so_far().await;

    let offered = act(&ann, "transfer", to_ben.clone()).await.ok();
    assert_eq!(
        (&offered["state"], &offered["transferReason"], &offered["transfers"]),
        (&json!(0), &json!("售后"), &json!(1))
    );
    let events = at_ben.events_so_far().await;
    assert_eq!(kinds(&events), ["kefu_task_offer", "kefu_task", "kefu_agent"]);
    act(&ann, "accept", json!({"id": id})).await.fails(TAKEN.0, TAKEN.1);
    act(&ann, "refuse", json!({"id": id})).await.fails(TAKEN.0, TAKEN.1);
    let stale = json!({"id": id, "version": taken["version"]});
    act(&ben, "accept", stale).await.fails(CHANGED.0, CHANGED.1);
    let accepted = act(&ben, "accept", json!({"id": id, "version": offered["version"]})).await.ok();
    assert_eq!((&accepted["state"], &accepted["agentId"]), (&json!(1), &json!(ben.id())));
    act(&ben, "refuse", json!({"id": id})).await.fails(CHANGED.0, CHANGED.1);

    act(&ben, "transfer", json!({"id": id, "agentId": ann.id(), "reason": "售后"})).await.ok();
    let refused = act(&ann, "refuse", json!({"id": id})).await.ok();
    assert_eq!((&refused["state"], &refused["agentId"]), (&json!(3), &Value::Null));
    assert_eq!(refused["queuedAt"], taken["queuedAt"], "it keeps its place");

    act(&owner, "assign", json!({"id": id, "agentId": ben.id()})).await.ok();
    ben.answers(conversation, "您好").await;
    assert_eq!(owner.get(&format!("{TASK}/get?id={id}")).await.ok()["state"], 1, "an answer accepts");
    app.stop().await;
}

#[tokio::test]
async fn a_transfer_goes_to_an_agent_with_room_or_to_a_group() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({"capacity": 1})).await;
    let (ann, ben) = (on_duty(&app, "ann").await, on_duty(&app, "ben").await);
    let viewer = app.admin("viewer", Role::Viewer).await;
    let gone = app.admin("gone", Role::Agent).await;
    owner.put_json("/admin-api/system/user/update-status", json!({"id": gone.id(), "status": 1})).await.ok();
    let group = owner.post("/admin-api/promotion/kefu-group/create", json!({"name": "售后"})).await.ok();
    let (_, one) = waiting(&app, 1001).await;
    let (_, two) = waiting(&app, 1002).await;
    let (of_ann, of_ben) = (take(&ann, one).await.ok(), take(&ben, two).await.ok());
    let id = &of_ann["id"];

    act(&ann, "transfer", json!({"id": id, "agentId": ben.id(), "reason": "售后"})).await.fails(FULL.0, FULL.1);
    act(&ben, "transfer", json!({"id": id, "agentId": ben.id(), "reason": "售后"})).await.fails(403, "没有该操作权限");
    let no_agent = "请求参数不正确:客服不存在或已停用";
    for other in [gone.id(), viewer.id(), 999_999] {
        act(&ann, "transfer", json!({"id": id, "agentId": other, "reason": "售后"})).await.fails(400, no_agent);
    }
    act(&ann, "transfer", json!({"id": id, "agentId": ann.id(), "reason": "售后"}))
        .await
        .fails(400, "请求参数不正确:不能转接给当前客服");
    act(&owner, "transfer", json!({"id": id, "agentId": owner.id(), "reason": "售后"}))
        .await
        .fails(400, "请求参数不正确:不能转接给自己");
    act(&ann, "transfer", json!({"id": id, "reason": "售后"})).await.fails(400, "请求参数不正确:须指定客服或分组之一");
    act(&ann, "transfer", json!({"id": id, "groupId": 999_999, "reason": "售后"}))
        .await
        .fails(400, "请求参数不正确:分组不存在");
    act(&ann, "transfer", json!({"id": 999_999, "agentId": ben.id(), "reason": "售后"}))
        .await
        .fails(1_013_021_000, "服务记录不存在");
    let unsaid = act(&ann, "transfer", json!({"id": id, "agentId": ben.id()})).await;
    unsaid.fails(400, "请求参数缺失:reason");
    let blank = act(&ann, "transfer", json!({"id": id, "agentId": ben.id(), "reason": " "})).await;
    blank.fails(400, "请求参数不正确:转接原因不能为空");
    assert_eq!(owner.get(&format!("{TASK}/get?id={id}")).await.ok(), of_ann);

    // Nobody of the group is on duty: the member is told so. As soon as somebody is, the round waits.
    let moved = act(&ann, "transfer", json!({"id": id, "groupId": group, "reason": "x"})).await.ok();
    assert_eq!((&moved["state"], &moved["groupId"], &moved["agentId"]), (&json!(4), &group, &Value::Null));
    let place = json!({"adminId": ben.id(), "groups": [{"id": group}]});
    owner.put_json("/admin-api/promotion/kefu-agent/update", place).await.ok();
    eventually("it waits", async || tasks(&owner, "state=3").await.len() == 1).await;
    act(&ben, "close", json!({"id": of_ben["id"]})).await.ok();
    assert_eq!(take(&ben, one).await.ok()["groupId"], group);
    // Supervisors may give it to someone who is full, others may not.
    let (_, three) = waiting(&app, 1003).await;
    take(&ann, three).await.ok();
    assert_eq!(
        act(&owner, "transfer", json!({"id": id, "agentId": ann.id(), "reason": "售后"})).await.ok()["agentId"],
        json!(ann.id())
    );
    app.stop().await;
}

#[tokio::test]
async fn an_end_is_the_agents_the_members_or_a_supervisors() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({})).await;
    let (ann, ben) = (on_duty(&app, "ann").await, on_duty(&app, "ben").await);
    let (member, conversation) = waiting(&app, 1001).await;
    let taken = take(&ann, conversation).await.ok();
    act(&ben, "close", json!({"id": taken["id"]})).await.fails(403, "没有该操作权限");
    let ended = act(&owner, "close", json!({"id": taken["id"]})).await.ok();
    assert_eq!((&ended["state"], &ended["agentId"]), (&json!(-4), &json!(ann.id())));

    member.says("还在吗").await;
    let left = member.post(LEAVE, json!({})).await.ok();
    assert_eq!(left["state"], -1);
    member.post(LEAVE, json!({})).await.fails(CHANGED.0, CHANGED.1);
    let history = owner.get(&format!("{TASK}/history?conversationId={conversation}")).await.ok();
    assert_eq!(history[0]["endReason"], "member_left");

    // Who takes where there is no round opens one.
    let opened = take(&ann, conversation).await.ok();
    assert_eq!((&opened["state"], &opened["kind"], &opened["firstSeq"]), (&json!(1), &json!(1), &json!(3)));

    // The right to any is the right to the own ones as well.
    let rights = [Permission::QueryTasks, Permission::TakeTasks, Permission::CloseAnyTasks];
    let closer = app.admin_who_may("closer", &rights).await;
    assert_eq!(act(&closer, "close", json!({"id": opened["id"]})).await.ok()["state"], -4);
    let own = take(&closer, conversation).await.ok();
    let neither = app.admin_who_may("neither", &rights[..2]).await;
    act(&neither, "close", json!({"id": own["id"]})).await.fails(403, "没有该操作权限");
    assert_eq!(act(&closer, "close", json!({"id": own["id"]})).await.ok()["state"], -1);
    app.stop().await;
}

#[tokio::test]
async fn while_nobody_is_on_duty_members_are_told_at_once_and_wait_for_whoever_comes() {
    let app = TestApp::spawn_with(|settings| settings.push.idle_timeout_s = 3600).await;
    let owner = manual(&app, json!({})).await;
    let ann = app.admin("ann", Role::Agent).await;
    let member = app.member(1001).await;
    let mut at_member = member.socket("").await;
    member.says("有人吗").await;
    let events = at_member.events_so_far().await;
    assert_eq!((kinds(&events), &events[1].content["state"]), (vec!["kefu_message_type", "kefu_task"], &json!(4)));
    assert_eq!(member.get(CURRENT).await.ok()["onDuty"], false);
    assert_eq!(tasks(&owner, "state=4").await.len(), 1);

    // With a socket who has never said anything is on duty.
    let at_ann = ann.socket("").await;
    assert_eq!(at_member.next_of("kefu_task").await["state"], 3);
    let other = app.member(1002).await;
    other.says("你好").await;
    assert_eq!(other.get(CURRENT).await.ok()["task"]["state"], 3);
    // For the grace after the last socket, too.
    at_ann.close().await;
    app.pass(59_000).await;
    eventually("she is away", async || {
        let overview = owner.get(&format!("{TASK}/overview")).await.ok();
        let is_ann = |agent: &&Value| agent["adminId"] == json!(ann.id());
        overview["agents"].as_array().unwrap().iter().find(is_ann).unwrap()["online"] == false
    })
    .await;
    app.pass(61_000).await;
    assert_eq!(at_member.next_of("kefu_task").await["state"], 4);
    // By word, without a socket.
    ann.put_json(DUTY, json!({"duty": 1})).await.ok();
    assert_eq!(at_member.next_of("kefu_task").await["state"], 3);
    ann.put_json(DUTY, json!({"duty": 2})).await.ok();
    assert_eq!(at_member.next_of("kefu_task").await["state"], 4);
    // Who is missed can be taken all the same.
    take(&ann, member.own_conversation().await).await.ok();
    app.stop().await;
}

#[tokio::test]
async fn who_is_away_for_too_long_loses_the_rounds_once_and_nobody_else_does() {
    let app = TestApp::spawn_with(|settings| settings.push.idle_timeout_s = 3600).await;
    let owner = manual(&app, json!({})).await;
    let (ann, ben) = (app.admin("ann", Role::Agent).await, on_duty(&app, "ben").await);
    let (at_ann, _at_ben) = (ann.socket("").await, ben.socket("").await);
    let (_, one) = waiting(&app, 1001).await;
    let (_, two) = waiting(&app, 1002).await;
    let (of_ann, of_ben) = (take(&ann, one).await.ok(), take(&ben, two).await.ok());
    at_ann.close().await;
    eventually("she is away", async || app.count("kefu_agent_socket").await == 1).await;
    app.pass(60_000).await;
    eventually("it waits", async || tasks(&owner, "state=3").await.len() == 1).await;
    let after = owner.get(&format!("{TASK}/get?id={}", of_ann["id"])).await.ok();
    assert_eq!((&after["state"], &after["queuedAt"]), (&json!(3), &of_ann["queuedAt"]));
    assert_eq!(after["version"].as_i64(), of_ann["version"].as_i64().map(|version| version + 1), "once");
    assert_eq!(owner.get(&format!("{TASK}/get?id={}", of_ben["id"])).await.ok(), of_ben);
    app.stop().await;
}

#[tokio::test]
async fn a_clock_that_jumps_takes_nobodys_rounds_and_the_grace_begins_anew() {
    let app = TestApp::spawn_with(|settings| settings.push.idle_timeout_s = 3600).await;
    let owner = manual(&app, json!({})).await;
    let (ann, ben) = (on_duty(&app, "ann").await, on_duty(&app, "ben").await);
    let (at_ann, _at_ben) = (ann.socket("").await, ben.socket("").await);
    let (_, one) = waiting(&app, 1001).await;
    let (_, two) = waiting(&app, 1002).await;
    let (of_ann, of_ben) = (take(&ann, one).await.ok(), take(&ben, two).await.ok());
    at_ann.close().await;
    eventually("she is away", async || app.count("kefu_agent_socket").await == 1).await;
    app.clock.advance(600_000);
    app.pass(59_000).await;
    for round in [&of_ann, &of_ben] {
        assert_eq!(owner.get(&format!("{TASK}/get?id={}", round["id"])).await.ok(), *round);
    }
    app.pass(1000).await;
    eventually("hers waits", async || tasks(&owner, "state=3").await.len() == 1).await;
    assert_eq!(owner.get(&format!("{TASK}/get?id={}", of_ben["id"])).await.ok(), of_ben);
    app.stop().await;
}

#[tokio::test]
async fn what_was_offered_comes_back_when_the_agent_goes_off_duty() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({"autoAccept": false, "offerTimeout": 0})).await;
    let (ann, _ben) = (on_duty(&app, "ann").await, on_duty(&app, "ben").await);
    let (_, one) = waiting(&app, 1001).await;
    let (_, two) = waiting(&app, 1002).await;
    let served = take(&ann, two).await.ok();
    let id = tasks(&owner, "state=3").await[0]["id"].clone();
    assert_eq!(act(&owner, "assign", json!({"id": id, "agentId": ann.id()})).await.ok()["state"], 0);
    ann.put_json(DUTY, json!({"duty": 2})).await.ok();
    app.pass(2000).await;
    assert_eq!(tasks(&owner, "state=0").await.len(), 1, "who has paused may still accept");
    ann.put_json(DUTY, json!({"duty": 0})).await.ok();
    eventually("it waits", async || tasks(&owner, "state=3").await.len() == 1).await;
    let history = owner.get(&format!("{TASK}/history?conversationId={one}")).await.ok();
    assert_eq!((&history[0]["id"], &history[0]["agentId"]), (&id, &Value::Null));
    assert_eq!(owner.get(&format!("{TASK}/get?id={}", served["id"])).await.ok(), served, "she serves on");
    app.stop().await;
}

#[tokio::test]
async fn what_was_given_to_who_never_comes_waits_again_after_the_grace() {
    let app = TestApp::spawn_with(|settings| settings.push.idle_timeout_s = 3600).await;
    let owner = manual(&app, json!({"autoAccept": true, "offerTimeout": 0, "capacity": 9})).await;
    let (ann, ben) = (on_duty(&app, "ann").await, on_duty(&app, "ben").await);
    let cara = app.admin("cara", Role::Agent).await;
    let _at_ben = ben.socket("").await;
    let mut rounds = Vec::new();
    for member in 1001..1007 {
        let (_, conversation) = waiting(&app, member).await;
        rounds.push((conversation, take(&ben, conversation).await.ok()["id"].clone()));
    }
    let [left, answered, accepted, offered, taken, seen] = <[(i64, Value); 6]>::try_from(rounds).unwrap();
    let give =
        async |id: &Value| act(&ben, "transfer", json!({"id": id, "agentId": ann.id(), "reason": "售后"})).await.ok();
    let state = async |id: &Value| owner.get(&format!("{TASK}/get?id={id}")).await.ok()["state"].clone();
    for (_, id) in [&left, &answered, &accepted] {
        let given = give(id).await;
        assert_eq!((&given["state"], &given["agentId"]), (&json!(1), &json!(ann.id())), "whoever is given one has it");
    }
    // By hand and by an answer she says that she is there, without a socket.
    take(&ann, taken.0).await.fails(TAKEN.0, TAKEN.1);
    act(&owner, "transfer", json!({"id": taken.1, "agentId": ann.id(), "reason": "售后"})).await.ok();
    take(&ann, taken.0).await.ok();
    act(&ben, "transfer", json!({"id": seen.1, "agentId": cara.id(), "reason": "售后"})).await.ok();
    ann.answers(answered.0, "您好").await;
    act(&ann, "accept", json!({"id": accepted.1})).await.ok();
    owner.put_json(SETTING, json!({"routing": {"autoAccept": false}})).await.ok();
    assert_eq!(give(&offered.1).await["state"], 0);

    app.pass(59_000).await;
    assert_eq!(state(&left.1).await, 1, "she has the whole grace to come");
    let _at_cara = cara.socket("").await;
    app.pass(2000).await;
    eventually("those wait of which she knows nothing", async || tasks(&owner, "state=3").await.len() == 2).await;
    for (id, after) in [(&left.1, 3), (&offered.1, 3), (&answered.1, 1), (&accepted.1, 1), (&taken.1, 1), (&seen.1, 1)]
    {
        assert_eq!(state(id).await, after);
    }
    app.pass(600_000).await;
    assert_eq!(tasks(&owner, "state=1").await.len(), 4, "what she has accepted, or sees, she keeps");
    app.stop().await;
}

#[tokio::test]
async fn a_group_is_deleted_when_all_its_agents_are_disabled() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({})).await;
    let ann = app.admin("ann", Role::Agent).await;
    let group = owner.post("/admin-api/promotion/kefu-group/create", json!({"name": "售后"})).await.ok();
    let place = json!({"adminId": ann.id(), "groups": [{"id": group}]});
    owner.put_json("/admin-api/promotion/kefu-agent/update", place).await.ok();
    let delete = format!("/admin-api/promotion/kefu-group/delete?id={group}");
    owner.delete(&delete).await.fails(400, "请求参数不正确:该分组仍有 1 名客服");
    owner.put_json(STATUS, json!({"id": ann.id(), "status": 1})).await.ok();
    assert_eq!(owner.get("/admin-api/promotion/kefu-group/list").await.ok()[0]["members"], 0);
    owner.delete(&delete).await.ok();
    owner.put_json(STATUS, json!({"id": ann.id(), "status": 0})).await.ok();
    let agents = owner.get("/admin-api/promotion/kefu-agent/list").await.ok();
    let back = agents.as_array().unwrap().iter().find(|agent| agent["adminId"] == json!(ann.id())).unwrap();
    assert_eq!(back["groups"], json!([]));
    app.stop().await;
}

#[tokio::test]
async fn what_admins_have_hidden_is_shown_again_to_who_takes_it() {
    let app = TestApp::spawn().await;
    manual(&app, json!({})).await;
    let ann = on_duty(&app, "ann").await;
    let (member, conversation) = waiting(&app, 1001).await;
    member.post(LEAVE, json!({})).await.ok();
    app.owner().await.delete(&format!("/admin-api/promotion/kefu-conversation/delete?id={conversation}")).await.ok();
    let mine = format!("/admin-api/promotion/kefu-conversation/list?agentId={}&state=1", ann.id());
    assert_eq!(ann.get(&mine).await.ok(), json!([]));
    take(&ann, conversation).await.ok();
    assert_eq!(ann.get(&mine).await.ok()[0]["id"], json!(conversation));
    app.stop().await;
}

#[tokio::test]
async fn only_who_is_let_in_and_may_take_is_on_duty() {
    let app = TestApp::spawn_with(|settings| settings.push.idle_timeout_s = 3600).await;
    let owner = manual(&app, json!({})).await;
    let viewer = app.admin("viewer", Role::Viewer).await;
    let duty = |of: &User, duty: i64| json!({"duty": duty, "adminId": of.id()});
    owner.put_json(DUTY, duty(&viewer, 1)).await.fails(400, "请求参数不正确:客服不存在或已停用");
    owner.put_json(DUTY, duty(&viewer, 0)).await.ok();

    let member = app.member(1001).await;
    let is_served = async || member.get(CURRENT).await.ok()["onDuty"].clone();
    // There without a word, and disabled.
    let ann = app.admin("ann", Role::Agent).await;
    let _at_ann = ann.socket("").await;
    assert_eq!(is_served().await, true);
    owner.put_json(STATUS, json!({"id": ann.id(), "status": 1})).await.ok();
    assert_eq!(is_served().await, false);
    member.says("有人吗").await;
    assert_eq!(tasks(&owner, "state=4").await.len(), 1);
    // By word, and a viewer from now on.
    let ben = on_duty(&app, "ben").await;
    assert_eq!(is_served().await, true);
    let roles = owner.get("/admin-api/system/role/simple-list").await.ok();
    let viewers = roles.as_array().unwrap().iter().find(|role| role["code"] == "viewer").unwrap();
    let assigned = json!({"userId": ben.id(), "roleIds": [viewers["id"]]});
    owner.post("/admin-api/system/permission/assign-user-role", assigned).await.ok();
    assert_eq!(is_served().await, false);
    app.stop().await;
}

#[tokio::test]
async fn whom_a_closed_account_served_waits_again_at_once() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({"offlineGrace": 0})).await;
    let ben = on_duty(&app, "ben").await;
    // Who has never had a socket, nor said anything about duty: an answer takes the round.
    let (ann, eve) = (app.admin("ann", Role::Agent).await, app.admin("eve", Role::Agent).await);
    let (_, one) = waiting(&app, 1001).await;
    let (_, two) = waiting(&app, 1002).await;
    ann.answers(one, "您好").await;
    eve.answers(two, "您好").await;
    owner.put_json(STATUS, json!({"id": ann.id(), "status": 1})).await.ok();
    owner.delete(&format!("/admin-api/system/user/delete?id={}", eve.id())).await.ok();
    eventually("they wait", async || app.count("kefu_task WHERE state = 3").await == 2).await;
    assert!(tasks(&owner, "state=3").await.iter().all(|task| task["version"] == 2), "once");
    take(&ben, one).await.ok();
    app.stop().await;
}

#[tokio::test]
async fn a_round_that_is_opened_as_another_nodes_ends_is_the_one_that_its_conversation_repeats() {
    let app = TestApp::spawn_with(without_limits).await;
    let owner = manual(&app, json!({"capacity": 1000})).await;
    let ann = on_duty(&app, "ann").await;
    // This node has its numbers of rounds before the other takes higher ones.
    waiting(&app, 1000).await;
    let other = app.another_node(without_limits).await;
    has_rounds(&owner, &other).await;
    let mut rounds = Vec::new();
    for id in 1001..=1040 {
        let member = app.member(id).await;
        member.at_node(&other).says("你好").await;
        let taken = take(&ann.at_node(&other), member.own_conversation().await).await.ok();
        rounds.push((member, taken["id"].clone()));
    }
    // In batches: many end while their members write on.
    let both = async |(member, id): &(User, Value)| {
        let (closed, _) = tokio::join!(act(&ann, "close", json!({"id": id})), member.says("还有"));
        closed.ok();
    };
    join_all(rounds.iter().map(both)).await;
    crate::desk_property::assert_sound(&app.db).await;
    other.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn conversations_are_listed_by_their_rounds() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({})).await;
    let ann = on_duty(&app, "ann").await;
    let (_, one) = waiting(&app, 1001).await;
    app.clock.advance(1000);
    let (_, two) = waiting(&app, 1002).await;
    let taken = take(&ann, one).await.ok();
    let listed = async |query: &str| -> Vec<i64> {
        let found = owner.get(&format!("{}?{query}", path::CONVERSATIONS)).await.ok();
        found.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(listed("state=0,1,3,4").await, [two, one]);
    assert_eq!(listed("state=3").await, [two]);
    assert_eq!(listed(&format!("agentId={}", ann.id())).await, [one]);
    assert_eq!(listed(&format!("agentId={}&state=3", ann.id())).await, Vec::<i64>::new());
    assert_eq!(listed("q=1001&state=1").await, [one]);
    assert_eq!(listed("q=1002&state=1").await, Vec::<i64>::new());
    assert_eq!(listed("groupId=1").await, Vec::<i64>::new());
    act(&ann, "close", json!({"id": taken["id"]})).await.ok();
    assert_eq!(listed("state=1").await, Vec::<i64>::new());
    assert_eq!(listed(&format!("agentId={}", ann.id())).await, [one], "who had it last");
    let refused = owner.get(&format!("{}?state=7", path::CONVERSATIONS)).await;
    refused.fails(400, "请求参数不正确:状态不合法");
    app.stop().await;
}

#[tokio::test]
async fn two_nodes_know_of_each_others_agents_without_a_relay_and_one_that_dies_is_missed() {
    let app = TestApp::spawn().await;
    if crate::support::database::Kind::chosen() == crate::support::database::Kind::Sqlite {
        app.stop().await;
        return;
    }
    let other = app.another_node(|_| ()).await;
    let owner = manual(&app, json!({})).await;
    let ann = app.admin("ann", Role::Agent).await;
    has_rounds(&owner, &other).await;
    let _at_ann = ann.at_node(&other).socket("").await;
    let (member, _) = waiting(&app, 1001).await;
    assert_eq!(member.get(CURRENT).await.ok()["task"]["state"], 3);
    other.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn times_end_what_waits_for_too_long() {
    let app = TestApp::spawn_with(|settings| settings.push.idle_timeout_s = 3600).await;
    let owner = manual(&app, json!({"maxWait": 600, "missedTtl": 3600, "autoAccept": false})).await;
    let (ann, ben) = (on_duty(&app, "ann").await, on_duty(&app, "ben").await);
    let (_sockets, _more) = (ann.socket("").await, ben.socket("").await);
    let (_, one) = waiting(&app, 1001).await;
    let (_, two) = waiting(&app, 1002).await;
    let taken = take(&ann, two).await.ok();
    act(&ann, "transfer", json!({"id": taken["id"], "agentId": ben.id(), "reason": "售后"})).await.ok();
    app.clock.advance(30_000);
    eventually("it is taken back", async || tasks(&owner, "state=3").await.len() == 2).await;
    take(&ben, two).await.ok();
    app.clock.advance(570_000);
    eventually("it has ended", async || tasks(&owner, "state=-3").await.len() == 1).await;
    let ended = tasks(&owner, "state=-3").await.remove(0);
    assert_eq!((&ended["conversationId"], &ended["endReason"]), (&json!(one), &json!("timeout")));
    app.stop().await;
}

#[tokio::test]
async fn turning_rounds_off_ends_the_open_ones() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({})).await;
    let ann = on_duty(&app, "ann").await;
    let (member, one) = waiting(&app, 1001).await;
    let _other = waiting(&app, 1002).await;
    take(&ann, one).await.ok();
    owner.put_json(SETTING, json!({"routing": {"mode": "off"}})).await.ok();
    eventually("they have ended", async || tasks(&owner, "state=-4").await.len() == 2).await;
    assert!(tasks(&owner, "").await.iter().all(|task| task["endReason"] == "routing_off"));
    member.says("?").await;
    assert_eq!(tasks(&owner, "state=0,1,3,4").await, Vec::<Value>::new());
    app.stop().await;
}

#[tokio::test]
async fn lists_go_page_by_page_and_the_overview_counts() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({})).await;
    let ann = on_duty(&app, "ann").await;
    for id in 1001..=1005 {
        waiting(&app, id).await;
        app.clock.advance(1000);
    }
    take(&ann, app.member(1001).await.own_conversation().await).await.ok();
    let first = tasks(&owner, "state=3&limit=3").await;
    let cursor = first[2]["cursor"].as_str().unwrap();
    assert_eq!(tasks(&owner, "state=3&state=1").await.len(), tasks(&owner, "state=1,3").await.len(), "repeated");
    let rest = tasks(&owner, &format!("state=3&limit=3&cursor={cursor}")).await;
    let members: Vec<i64> = first.iter().chain(&rest).map(|task| task["userId"].as_i64().unwrap()).collect();
    assert_eq!(members, [1002, 1003, 1004, 1005]);
    let places: Vec<&Value> = first.iter().chain(&rest).map(|task| &task["place"]).collect();
    assert_eq!(places, [&json!(1), &json!(2), &json!(3), &json!(4)]);
    let overview = owner.get(&format!("{TASK}/overview")).await.ok();
    let numbers = ["waiting", "missed", "open", "oldestWaitMs"].map(|name| overview[name].as_i64().unwrap());
    assert_eq!(numbers, [4, 0, 1, 4000]);
    let agent =
        overview["agents"].as_array().unwrap().iter().find(|agent| agent["adminId"] == json!(ann.id())).unwrap();
    assert_eq!((&agent["load"], &agent["duty"], &agent["onDuty"]), (&json!(1), &json!(1), &json!(true)));
    ann.get(&format!("{TASK}/overview")).await.fails(403, "没有该操作权限");

    // The rounds of one conversation, too.
    let (regular, conversation) = waiting(&app, 1006).await;
    for _ in 0..4 {
        regular.post(LEAVE, json!({})).await.ok();
        app.clock.advance(1000);
        regular.says("又来了").await;
    }
    let history = async |query: &str| {
        let path = format!("{TASK}/history?conversationId={conversation}{query}");
        owner.get(&path).await.ok().as_array().unwrap().clone()
    };
    let all = history("").await;
    let first = history("&limit=3").await;
    let rest = history(&format!("&limit=3&cursor={}", first[2]["cursor"].as_str().unwrap())).await;
    assert_eq!((all.len(), [first, rest].concat()), (5, all));
    owner.get(&format!("{TASK}/list?state=5")).await.fails(400, "请求参数不正确:状态不合法");
    app.stop().await;
}

#[tokio::test]
async fn duty_is_ones_own_word_or_a_supervisors() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({})).await;
    let ann = app.admin("ann", Role::Agent).await;
    let viewer = app.admin("viewer", Role::Viewer).await;
    let mut at_ann = ann.socket("").await;
    viewer.put_json(DUTY, json!({"duty": 1})).await.fails(403, "没有该操作权限");
    ann.put_json(DUTY, json!({"duty": 1, "adminId": owner.id()})).await.fails(403, "没有该操作权限");
    ann.put_json(DUTY, json!({"duty": 3})).await.fails(400, "请求参数不正确:值班状态须为 0 至 2");
    owner.put_json(DUTY, json!({"duty": 0, "adminId": ann.id()})).await.ok();
    assert_eq!(at_ann.expect("kefu_agent").await, json!({"adminId": ann.id(), "duty": 0, "load": 0}));
    let supervisor = app.admin_who_may("chief", &[Permission::SuperviseTasks]).await;
    let agents = supervisor.get(&format!("{TASK}/overview")).await.ok()["agents"].clone();
    assert!(agents.as_array().unwrap().iter().any(|agent| agent["adminId"] == json!(ann.id()) && agent["duty"] == 0));
    app.stop().await;
}

#[tokio::test]
async fn an_agent_and_supervisors_are_told_how_many_rounds_the_agent_has() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({})).await;
    let (ann, ben) = (on_duty(&app, "ann").await, app.admin("ben", Role::Agent).await);
    let (_, one) = waiting(&app, 1001).await;
    let (member, two) = waiting(&app, 1002).await;
    let mut sockets = [owner.socket("").await, ann.socket("").await, ben.socket("").await];
    let told = async |sockets: &mut [Socket; 3]| -> Vec<Vec<Value>> {
        let mut told = Vec::new();
        for socket in sockets {
            let events = socket.events_so_far().await.into_iter();
            told.push(events.filter(|event| event.kind == "kefu_agent").map(|event| event.content).collect());
        }
        told
    };
    let of_ann = |load: i64| json!({"adminId": ann.id(), "duty": 1, "load": load});
    let of_ben = |load: i64| json!({"adminId": ben.id(), "duty": null, "load": load});

    take(&ann, one).await.ok();
    let second = take(&ann, two).await.ok();
    let both = vec![of_ann(1), of_ann(2)];
    assert_eq!(told(&mut sockets).await, [both.clone(), both, vec![]]);
    // What does not change the number is no news of the agent.
    ann.answers(two, "您好").await;
    member.says("发货了吗").await;
    assert_eq!(told(&mut sockets).await, vec![Vec::<Value>::new(); 3]);

    act(&ann, "transfer", json!({"id": second["id"], "agentId": ben.id(), "reason": "售后"})).await.ok();
    let after = told(&mut sockets).await;
    assert_eq!(after, [vec![of_ann(1), of_ben(1)], vec![of_ann(1)], vec![of_ben(1)]]);
    let owners = act(&owner, "close", json!({"id": second["id"]})).await.ok();
    assert_eq!(owners["state"], -4);
    assert_eq!(told(&mut sockets).await, [vec![of_ben(0)], vec![], vec![of_ben(0)]]);
    // As the list of agents and the overview say.
    let overview = owner.get(&format!("{TASK}/overview")).await.ok();
    let loads: Vec<(&Value, &Value)> =
        overview["agents"].as_array().unwrap().iter().map(|agent| (&agent["adminId"], &agent["load"])).collect();
    assert!([(&json!(ann.id()), &json!(1)), (&json!(ben.id()), &json!(0))].iter().all(|one| loads.contains(one)));
    app.stop().await;
}

#[tokio::test]
async fn who_waits_is_told_the_place_and_each_step_of_it() {
    let app = TestApp::spawn_with(|settings| settings.push.idle_timeout_s = 3600).await;
    let owner = manual(&app, json!({"capacity": 100})).await;
    let ann = on_duty(&app, "ann").await;
    let (mut first, mut last) = (app.member(1001).await.socket("").await, app.member(1013).await.socket("").await);
    let mut conversations = Vec::new();
    for id in 1001..=1013 {
        conversations.push(waiting(&app, id).await.1);
        app.clock.advance(10);
    }
    app.clock.advance(2000);
    let told = first.next_of("kefu_queue_position").await;
    assert_eq!((&told["place"], &told["conversationId"]), (&json!(1), &json!(conversations[0])));
    assert_eq!(told["text"], "当前正在等待人数为1人");
    let told = last.next_of("kefu_queue_position").await;
    assert_eq!((&told["place"], &told["waiting"]), (&json!(13), &json!(13)));
    let current = app.member(1013).await.get(CURRENT).await.ok();
    assert_eq!((&current["task"]["place"], &current["task"]["waiting"]), (&told["place"], &told["waiting"]));

    // 12 and 11 are on the way to 10.
    for (served, place) in [(0..3, 10), (3..5, 8)] {
        for conversation in &conversations[served] {
            take(&ann, *conversation).await.ok();
        }
        app.clock.advance(2000);
        let told = last.expect("kefu_queue_position").await;
        let text = format!("当前正在等待人数为{place}人");
        assert_eq!((&told["place"], &told["waiting"], &told["text"]), (&json!(place), &json!(place), &json!(text)));
    }
    assert_eq!(kinds(&first.events_so_far().await), ["kefu_task"], "who is served is told nothing any more");
    // Who waits again is told so.
    let task = tasks(&owner, &format!("state=1&agentId={}", ann.id())).await.remove(0);
    assert_eq!(task["conversationId"], json!(conversations[0]));
    let group = owner.post("/admin-api/promotion/kefu-group/create", json!({"name": "售后", "offDuty": "queue"})).await;
    act(&ann, "transfer", json!({"id": task["id"], "groupId": group.ok(), "reason": "售后"})).await.ok();
    app.clock.advance(2000);
    assert_eq!(first.expect("kefu_task").await["state"], 3);
    assert_eq!(first.expect("kefu_queue_position").await["place"], 1);
    app.stop().await;
}

#[tokio::test]
async fn the_contact_list_names_each_member_whom_agents_have_served_in_the_period() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let ann = app.admin("ann", Role::Agent).await;
    let viewer = app.admin("viewer", Role::Viewer).await;
    let list = async |query: &str| owner.get(&format!("{TASK}/contact-list?{query}")).await.ok();
    let members = |list: &Value| -> Vec<i64> {
        list["list"].as_array().unwrap().iter().map(|one| one["userId"].as_i64().unwrap()).collect()
    };
    // The clock of tests starts at 2026-11-21 12:00:00.
    let (day, earlier) =
        ("from=2026-11-21 00:00:00&to=2026-11-22 00:00:00", "from=2026-11-20 00:00:00&to=2026-11-21 12:00:00");

    // Without rounds: who got an answer.
    let (_, one) = waiting(&app, 1001).await;
    let (_, two) = waiting(&app, 1002).await;
    let _unanswered = waiting(&app, 1003).await;
    app.clock.advance(1000);
    ann.answers(one, "您好").await;
    owner.answers(two, "您好").await;
    app.clock.advance(1000);
    ann.answers(one, "在").await;
    let answered = list(day).await;
    assert_eq!(
        (members(&answered), &answered["total"], &answered["truncated"]),
        (vec![1001, 1002], &json!(2), &json!(false))
    );
    let first = json!({
        "userId": 1001, "userNickname": "会员1001", "conversationId": one, "lastTaskId": null,
        "lastAcceptedAt": app.clock.now()
    });
    assert_eq!(answered["list"][0], first);
    assert_eq!(members(&list(&format!("{day}&agentId={}", owner.id())).await), [1002]);
    assert_eq!(list(earlier).await, json!({"list": [], "total": 0, "truncated": false}));

    // With rounds: who was served in one.
    manual(&app, json!({})).await;
    assert_eq!(members(&list(day).await), Vec::<i64>::new());
    let (member, again) = waiting(&app, 1001).await;
    let (_, other) = waiting(&app, 1004).await;
    let _waits = waiting(&app, 1005).await;
    take(&ann, again).await.ok();
    app.clock.advance(1000);
    take(&owner, other).await.ok();
    member.post(LEAVE, json!({})).await.ok();
    member.says("还有").await;
    app.clock.advance(1000);
    let last = take(&ann, again).await.ok();
    let served = list(day).await;
    assert_eq!(members(&served), [1001, 1004], "each member once");
    assert_eq!(
        (&served["list"][0]["lastTaskId"], &served["list"][0]["lastAcceptedAt"]),
        (&last["id"], &last["acceptedAt"])
    );
    assert_eq!(members(&list(&format!("{day}&agentId={}", ann.id())).await), [1001]);
    assert_eq!(members(&list(earlier).await), Vec::<i64>::new());
    assert_eq!(members(&viewer.get(&format!("{TASK}/contact-list?{day}")).await.ok()), [1001, 1004]);

    let refused = async |query: &str| owner.get(&format!("{TASK}/contact-list?{query}")).await;
    refused("from=2026-11-21 00:00:00").await.fails(400, "请求参数缺失:to");
    refused("from=x&to=2026-11-21 00:00:00").await.fails(400, "请求参数类型错误:from");
    refused("from=2026-11-21 00:00:00&to=2026-11-21 00:00:00")
        .await
        .fails(400, "请求参数不正确:开始时间须早于截止时间");
    app.stop().await;
}

#[tokio::test]
async fn the_contact_list_names_who_was_served_and_given_on_before_the_end() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({})).await;
    let ann = on_duty(&app, "ann").await;
    let group = owner.post("/admin-api/promotion/kefu-group/create", json!({"name": "售后"})).await.ok();
    let (member, conversation) = waiting(&app, 1001).await;
    let taken = take(&ann, conversation).await.ok();
    ann.answers(conversation, "您好").await;
    app.clock.advance(30_000);
    act(&ann, "transfer", json!({"id": taken["id"], "groupId": group, "reason": "售后"})).await.ok();
    member.post(LEAVE, json!({})).await.ok();
    let contacts = "contact-list?from=2026-11-21 00:00:00&to=2026-11-22 00:00:00";
    let listed = owner.get(&format!("{TASK}/{contacts}")).await.ok();
    let row = &listed["list"][0];
    assert_eq!((&row["userId"], &row["lastAcceptedAt"]), (&json!(1001), &taken["acceptedAt"]), "{listed}");
    // In the overview those of a group who wait are not those whom nobody is there for.
    waiting(&app, 1002).await;
    let id = tasks(&owner, "state=3").await[0]["id"].clone();
    take(&ann, app.member(1002).await.own_conversation().await).await.ok();
    act(&ann, "transfer", json!({"id": id, "groupId": group, "reason": "售后"})).await.ok();
    let overview = owner.get(&format!("{TASK}/overview")).await.ok();
    assert_eq!(overview["groups"], json!([{"id": group, "name": "售后", "waiting": 0, "missed": 1}]));
    app.stop().await;
}

#[tokio::test]
async fn the_contact_list_says_when_it_does_not_name_all() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({})).await;
    let time = "'2026-11-21 05:00:00'";
    let rounds = (1..=5001).map(|id| format!("({id}, {id}, {id}, -1, 7, 1, {time}, {time}, {time}, {time}, 1)"));
    app.execute(&format!(
        "INSERT INTO kefu_task (id, conversation_id, user_id, state, agent_id, first_seq, queued_at, accepted_at, create_time, \
         update_time, tenant_id) VALUES {}",
        rounds.collect::<Vec<_>>().join(", ")
    ));
    let list = owner.get(&format!("{TASK}/contact-list?from=2026-11-21 00:00:00&to=2026-11-22 00:00:00")).await.ok();
    assert_eq!((&list["total"], &list["truncated"]), (&json!(5000), &json!(true)));
    assert_eq!(list["list"].as_array().unwrap().len(), 5000);
    app.stop().await;
}

/// The toasts of a conversation, the oldest first.
async fn toasts(admin: &User, conversation: i64) -> Vec<Value> {
    let messages = admin.messages(conversation, "afterSeq=0&limit=200").await;
    messages.into_iter().filter(|message| message.get("style").is_some()).collect()
}

fn texts(toasts: &[Value]) -> Vec<&str> {
    toasts.iter().map(|toast| toast["content"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn toasts_tell_the_member_between_the_messages_and_count_for_nobody() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({"toasts": true})).await;
    let ann = on_duty(&app, "ann").await;
    let member = app.member(1001).await;
    let (mut at_member, mut at_ann) = (member.socket("").await, ann.socket("").await);

    member.says("你好").await;
    let conversation = member.own_conversation().await;
    let events = at_member.events_so_far().await;
    assert_eq!(kinds(&events)[..3], ["kefu_message_type", "kefu_message_type", "kefu_task"]);
    let (message, toast) = (&events[0].content, &events[1].content);
    assert_eq!(message.get("style"), None);
    let of_toast = ["contentType", "senderType", "senderId", "receiverType", "receiverId", "readStatus", "seq"];
    let values = of_toast.map(|name| toast[name].clone());
    assert_eq!(json!(values), json!([5, 2, 0, 1, member.id(), true, 2]));
    assert_eq!((&toast["style"], &toast["content"]), (&json!("toast"), &json!("正在为您转接")));
    assert_eq!(toast["taskId"], message["taskId"]);
    assert_eq!(kinds(&at_ann.events_so_far().await)[1..], ["kefu_message_type", "kefu_message_type", "kefu_task"]);
    assert_eq!(toasts(&owner, conversation).await[0], *toast, "listed as pushed");
    assert_eq!(member.own_messages("?limit=1").await[0], *toast);

    // What admins see of the conversation is the member's message; order and time include the toast.
    let head = owner.conversation(conversation).await;
    assert_eq!((&head["lastMessageContent"], &head["lastMessageContentType"]), (&message["content"], &json!(1)));
    assert_eq!((&head["lastSeq"], &head["lastMessageTime"]), (&json!(2), &toast["createTime"]));
    assert_eq!((&head["adminUnreadMessageCount"], &head["memberUnreadMessageCount"]), (&json!(1), &json!(0)));

    // The answer that takes the round comes after the line that says whose it is.
    ann.answers(conversation, "您好").await;
    let contents: Vec<Value> =
        owner.messages(conversation, "afterSeq=2").await.iter().map(|message| message["content"].clone()).collect();
    assert_eq!(contents[0], "客服 客服ann 为您服务");
    assert_eq!(contents.len(), 2);
    assert_eq!(owner.conversation(conversation).await["memberUnreadMessageCount"], 1);
    member.says("谢谢").await;
    let task = tasks(&owner, "state=1").await.remove(0);
    let closed = act(&ann, "close", json!({"id": task["id"]})).await.ok();
    assert_eq!(closed["lastSeq"], 6, "the line of the end belongs to the round");
    let told = toasts(&owner, conversation).await;
    assert_eq!(texts(&told), ["正在为您转接", "客服 客服ann 为您服务", "本次服务已结束"]);
    assert!(told.iter().all(|toast| toast["taskId"] == task["id"]));
    member.says("还有").await;
    assert_eq!(tasks(&owner, "state=3").await[0]["firstSeq"], 7);

    // A hidden conversation stays so.
    ann.answers(conversation, "在").await;
    owner.deletes(conversation).await;
    let task = tasks(&owner, "state=1").await.remove(0);
    act(&ann, "close", json!({"id": task["id"]})).await.ok();
    assert_eq!(owner.get(path::CONVERSATIONS).await.ok(), json!([]));
    sound_conversations(&app.db, TENANT.get()).await;
    app.stop().await;
}

#[tokio::test]
async fn toasts_tell_each_change_that_the_member_does_not_know() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({"toasts": true, "autoAccept": false})).await;
    let (ann, ben) = (app.admin("ann", Role::Agent).await, app.admin("ben", Role::Agent).await);
    let member = app.member(1001).await;
    member.says("有人吗").await;
    let conversation = member.own_conversation().await;
    let mut told = vec!["当前没有客服当值"];
    let expect = async |told: &[&str]| {
        eventually("it is told", async || toasts(&owner, conversation).await.len() >= told.len()).await;
        assert_eq!(texts(&toasts(&owner, conversation).await), told);
    };
    expect(&told).await;
    ann.put_json(DUTY, json!({"duty": 1})).await.ok();
    ben.put_json(DUTY, json!({"duty": 1})).await.ok();
    told.push("正在为您转接");
    expect(&told).await;
    let id = take(&ann, conversation).await.ok()["id"].clone();
    told.push("客服 客服ann 为您服务");
    act(&ann, "transfer", json!({"id": id, "agentId": ben.id(), "reason": "售后"})).await.ok();
    told.push("正在为您转接");
    // Whether it was offered or waits is one to the member.
    act(&ben, "refuse", json!({"id": id})).await.ok();
    act(&owner, "assign", json!({"id": id, "agentId": ben.id()})).await.ok();
    expect(&told).await;
    act(&ben, "accept", json!({"id": id})).await.ok();
    told.push("客服 客服ben 为您服务");
    ann.answers(conversation, "我也在").await;
    ben.answers(conversation, "您好").await;
    member.post(LEAVE, json!({})).await.ok();
    told.push("本次服务已结束");
    expect(&told).await;
    // Who takes where nothing is open begins at once.
    take(&ann, conversation).await.ok();
    told.push("客服 客服ann 为您服务");
    owner.put_json(SETTING, json!({"routing": {"mode": "off"}})).await.ok();
    told.push("本次服务已结束");
    expect(&told).await;
    sound_conversations(&app.db, TENANT.get()).await;
    app.stop().await;
}

#[tokio::test]
async fn toasts_of_many_members_at_once_are_each_members_own() {
    let app = TestApp::spawn_with(|settings| settings.limits.sends_per_s = 0).await;
    let owner = manual(&app, json!({"toasts": true, "capacity": 1000})).await;
    let ann = on_duty(&app, "ann").await;
    let members = join_all((1001..1061).map(|id| app.member(id))).await;
    join_all(members.iter().map(|member| member.says("你好"))).await;
    join_all(members.iter().map(|member| member.says("在吗"))).await;
    let conversations: Vec<i64> = join_all(members.iter().map(User::own_conversation)).await;
    join_all(conversations.iter().map(|conversation| ann.answers(*conversation, "您好"))).await;
    join_all(members.iter().map(|member| member.post(LEAVE, json!({})))).await;
    for conversation in conversations {
        let told = toasts(&owner, conversation).await;
        assert_eq!(texts(&told), ["正在为您转接", "客服 客服ann 为您服务", "本次服务已结束"]);
    }
    assert_eq!(sound_conversations(&app.db, TENANT.get()).await.len(), 60);
    app.stop().await;
}

#[tokio::test]
async fn a_programs_message_serves_nobody() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({})).await;
    let _ann = on_duty(&app, "ann").await;
    let (member, conversation) = waiting(&app, 1001).await;
    let key = owner.post(path::API_KEY_CREATE, json!({"name": "shop", "scopes": ["message"]})).await.ok();
    let url = app.url(&format!("/open-api/members/{}/messages", member.id()));
    let body = json!({"contentType": 1, "content": "发货", "clientMessageId": "1"});
    let secret = key["secret"].as_str().unwrap();
    assert!(app.http.post(url).bearer_auth(secret).json(&body).send().await.unwrap().status().is_success());
    assert_eq!(tasks(&owner, "state=3").await.len(), 1);
    assert!(owner.messages(conversation, "limit=1").await[0]["taskId"].is_number());
    app.stop().await;
}

#[tokio::test]
async fn who_was_missed_for_longer_than_anyone_may_wait_is_served_all_the_same() {
    let app = TestApp::spawn_with(|settings| settings.push.idle_timeout_s = 3600).await;
    let owner = manual(&app, json!({"maxWait": 60})).await;
    let ann = app.admin("ann", Role::Agent).await;
    let (_, conversation) = waiting(&app, 1001).await;
    app.clock.advance(600_000);
    let _at_ann = ann.socket("").await;
    eventually("it waits", async || tasks(&owner, "state=3").await.len() == 1).await;
    app.pass(59_000).await;
    assert_eq!(take(&ann, conversation).await.ok()["state"], 1);
    app.stop().await;
}

#[tokio::test]
async fn many_who_were_missed_wait_as_soon_as_somebody_comes() {
    let app = TestApp::spawn().await;
    let owner = manual(&app, json!({})).await;
    for id in 0..300 {
        app.member(1001 + id).await.says("你好").await;
    }
    let (ann, before) = (app.admin("ann", Role::Agent).await, app.metric("kefu_commit_seconds_count").await);
    let _at_ann = ann.socket("").await;
    eventually("they wait", async || tasks(&owner, "state=4&limit=1").await.is_empty()).await;
    let batches = app.metric("kefu_commit_seconds_count").await - before;
    assert!(batches < 150, "{batches} transactions");
    app.stop().await;
}

#[tokio::test]
async fn a_service_that_was_down_for_long_takes_nobodys_rounds() {
    let app = TestApp::spawn_with(|settings| settings.push.idle_timeout_s = 3600).await;
    manual(&app, json!({})).await;
    let ann = app.admin("ann", Role::Agent).await;
    let at_ann = ann.socket("").await;
    let (_, conversation) = waiting(&app, 1001).await;
    let taken = take(&ann, conversation).await.ok();
    drop(at_ann);
    let clock = app.clock.clone();
    let app = app.restart_with(async || clock.advance(3_600_000)).await;
    let owner = app.owner().await;
    let ann = ann.at_node(&app);
    // A look of the new service, which would have taken it.
    app.clock.advance(1000);
    let other = app.member(1002).await;
    other.says("你好").await;
    let _at_ann = ann.socket("").await;
    eventually("the other waits", async || tasks(&owner, "state=3").await.len() == 1).await;
    assert_eq!(owner.get(&format!("{TASK}/get?id={}", taken["id"])).await.ok(), taken);
    app.pass(60_000).await;
    assert_eq!(owner.get(&format!("{TASK}/get?id={}", taken["id"])).await.ok(), taken, "she is there");
    app.stop().await;
}
