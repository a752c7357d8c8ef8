//! Which admins look at a conversation, told to those who do.

use kefu::id::TenantId;
use kefu::settings::Relay;
use kefu::testing::access::Role;
use serde_json::json;

use crate::support::{Event, Redis, Socket, TestApp, User};

async fn views(socket: &mut Socket, conversation: Option<i64>) {
    socket.send(&json!({"type": "kefu_viewing", "content": {"conversationId": conversation}}).to_string()).await;
}

fn viewers(conversation: i64, users: &[&User]) -> Event {
    let mut ids: Vec<i64> = users.iter().map(|user| user.id()).collect();
    ids.sort_unstable();
    Event { kind: "kefu_viewers".into(), content: json!({"conversationId": conversation, "userIds": ids}) }
}

async fn conversation_of(app: &TestApp, id: i64) -> i64 {
    let member = app.member(id).await;
    member.says("hi").await;
    member.own_conversation().await
}

#[tokio::test]
async fn those_who_look_at_a_conversation_know_of_each_other() {
    let app = TestApp::spawn().await;
    let (owner, agent) = (app.owner().await, app.admin("agent", Role::Agent).await);
    let (one, other) = (conversation_of(&app, 1001).await, conversation_of(&app, 1002).await);
    let (mut at_owner, mut at_agent, mut at_tab) =
        (owner.socket("").await, agent.socket("").await, owner.socket("").await);
    views(&mut at_owner, Some(one)).await;
    assert_eq!(at_owner.events_so_far().await, [viewers(one, &[&owner])]);
    views(&mut at_agent, Some(one)).await;
    assert_eq!(at_agent.events_so_far().await, [viewers(one, &[&owner, &agent])]);
    assert_eq!(at_owner.events_so_far().await, [viewers(one, &[&owner, &agent])]);
    assert_eq!(at_tab.events_so_far().await, [], "who looks at nothing is told nothing");

    // To another one, and away with the socket.
    app.clock.advance(1000);
    views(&mut at_agent, Some(other)).await;
    assert_eq!(at_agent.events_so_far().await, [viewers(other, &[&agent])]);
    assert_eq!(at_owner.events_so_far().await, [viewers(one, &[&owner])]);
    app.clock.advance(1000);
    views(&mut at_agent, Some(one)).await;
    assert_eq!(at_agent.events_so_far().await, [viewers(one, &[&owner, &agent])]);
    assert_eq!(at_owner.events_so_far().await, [viewers(one, &[&owner, &agent])]);
    at_agent.close().await;
    assert_eq!(at_owner.expect("kefu_viewers").await, viewers(one, &[&owner]).content);
    app.stop().await;
}

#[tokio::test]
async fn it_ends_unless_it_is_said_again() {
    let app = TestApp::spawn_with(|settings| settings.push.idle_timeout_s = 600).await;
    let (owner, agent) = (app.owner().await, app.admin("agent", Role::Agent).await);
    let id = conversation_of(&app, 1001).await;
    let (mut at_owner, mut at_agent) = (owner.socket("").await, agent.socket("").await);
    views(&mut at_owner, Some(id)).await;
    at_owner.events_so_far().await;
    views(&mut at_agent, Some(id)).await;
    at_agent.events_so_far().await;
    at_owner.events_so_far().await;
    app.clock.advance(59_000);
    views(&mut at_owner, Some(id)).await;
    assert_eq!(at_owner.events_so_far().await, [], "nothing has changed");
    app.clock.advance(1000);
    assert_eq!(at_owner.expect("kefu_viewers").await, viewers(id, &[&owner]).content);
    assert_eq!(at_agent.events_so_far().await, [], "who has left is not told");
    app.stop().await;
}

#[tokio::test]
async fn one_notice_a_second_counts_and_the_last_one_is_not_lost() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let ids = [conversation_of(&app, 1001).await, conversation_of(&app, 1002).await, conversation_of(&app, 1003).await];
    let mut socket = owner.socket("").await;
    for id in ids {
        views(&mut socket, Some(id)).await;
    }
    assert_eq!(socket.events_so_far().await, [viewers(ids[0], &[&owner])]);
    app.clock.advance(1000);
    assert_eq!(socket.expect("kefu_viewers").await, viewers(ids[2], &[&owner]).content);
    assert_eq!(socket.events_so_far().await, []);
    app.stop().await;
}

#[tokio::test]
async fn only_admins_who_may_query_and_only_conversations_of_the_tenant() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let id = conversation_of(&app, 1001).await;
    let stranger = app.admin_of(TenantId::new(2), "stranger", Role::Owner).await;
    let mut at_owner = owner.socket("").await;
    views(&mut at_owner, Some(id)).await;
    at_owner.events_so_far().await;
    let mut at_member = member.socket("").await;
    views(&mut at_member, Some(id)).await;
    assert_eq!(at_member.expect("error").await["code"], 403);
    let mut at_stranger = stranger.socket("").await;
    views(&mut at_stranger, Some(id)).await;
    assert_eq!(at_stranger.expect("error").await["code"], 1_013_019_000);
    views(&mut at_stranger, None).await;
    assert_eq!(at_stranger.events_so_far().await, []);
    assert_eq!(at_owner.events_so_far().await, [], "none of it is told");
    let single = app.admin_who_may("single", &[kefu::testing::access::Permission::QueryConversations]).await;
    let mut at_single = single.socket("").await;
    views(&mut at_single, Some(id)).await;
    assert_eq!(at_single.expect("error").await, json!({"code": 403, "msg": "没有该操作权限"}));
    app.stop().await;
}

#[tokio::test]
async fn nodes_tell_each_other_who_looks_at_what() {
    let redis = Redis::spawn().await;
    let first = TestApp::spawn_with(|settings| {
        settings.push.relay = Relay::Redis;
        settings.push.redis_url = Some(redis.url());
    })
    .await;
    let second = first.another_node(|_| {}).await;
    let (owner, agent) = (first.owner().await, first.admin("agent", Role::Agent).await);
    let id = conversation_of(&first, 1001).await;
    let (mut here, mut there) = (owner.socket("").await, agent.at_node(&second).socket("").await);
    // Frames of the message may still be on their way.
    let expect = async |socket: &mut Socket, users: &[&User]| {
        let wanted = viewers(id, users);
        while socket.event().await != wanted {}
    };
    views(&mut here, Some(id)).await;
    expect(&mut here, &[&owner]).await;
    views(&mut there, Some(id)).await;
    expect(&mut there, &[&owner, &agent]).await;
    expect(&mut here, &[&owner, &agent]).await;
    there.close().await;
    expect(&mut here, &[&owner]).await;
    second.stop().await;
    first.stop().await;
}
