//! Two nodes on one database, connected by Redis.

use std::collections::BTreeSet;

use kefu::clock::Clock;
use kefu::id::TenantId;
use kefu::settings::{Relay, Settings};
use kefu::testing::access::Role;
use serde_json::{Value, json};

use crate::support::process::Serve;
use crate::support::{Forwarder, Redis, START, Socket, TestApp, User, eventually};

/// Kinds of packets between nodes, as `push::relay` numbers them.
const HEARTBEAT: u8 = 2;
const MISSED: u8 = 6;

pub(crate) fn by(url: String) -> impl Fn(&mut Settings) {
    move |settings| {
        settings.push.relay = Relay::Redis;
        settings.push.redis_url = Some(url.clone());
    }
}

async fn two_nodes(redis: &Redis) -> (TestApp, TestApp) {
    let a = TestApp::spawn_with(by(redis.url())).await;
    let b = a.another_node(|_| {}).await;
    for node in [&a, &b] {
        assert_eq!(node.readiness().await.1["relay"], "ok");
    }
    (a, b)
}

/// The same user, calling another node.
pub(crate) fn at(node: &TestApp, user: &User) -> User {
    node.user_with(user.tokens.clone().unwrap())
}

pub(crate) fn seq(message: &Value) -> i64 {
    message["seq"].as_i64().unwrap()
}

async fn relay_is(node: &TestApp, state: &str) {
    eventually(&format!("the relay is {state}"), async || {
        let (status, readiness) = node.readiness().await;
        assert_eq!((status, &readiness["status"]), (200, &json!("ok")), "a node takes requests without its relay");
        readiness["relay"] == state
    })
    .await;
}

#[tokio::test]
async fn frames_reach_sockets_of_other_nodes_in_order_and_once() {
    let redis = Redis::spawn().await;
    let a = TestApp::spawn_with(|settings| {
        by(redis.url())(settings);
        settings.limits.content_length = 65536;
    })
    .await;
    let b = a.another_node(|_| {}).await;
    let (member, owner) = (a.member(1001).await, a.owner().await);
    let mut sockets = Vec::new();
    for node in [&a, &b] {
        sockets.push((at(node, &member).socket("").await, at(node, &owner).socket("").await));
    }

    // All at once and large, so that the writer makes batches of them, and the relay several packets of a batch.
    let ids = futures_util::future::join_all((0..50).map(|n| async move { format!("{n:40000}") }).map(|text| {
        let member = member.clone();
        async move { member.says(&text.await).await }
    }))
    .await;
    let ids: BTreeSet<i64> = ids.into_iter().collect();
    let answer = at(&b, &owner).answers(member.own_conversation().await, "您好").await;

    for (node, (at_member, at_owner)) in sockets.iter_mut().enumerate() {
        at_owner.expect("kefu_conversation_created").await;
        for socket in [at_member, at_owner] {
            let mut seen = BTreeSet::new();
            for expected in 1..=50 {
                let message = socket.expect("kefu_message_type").await;
                assert_eq!(seq(&message), expected, "node {node}");
                seen.insert(message["id"].as_i64().unwrap());
            }
            assert_eq!(seen, ids);
            // It has come through Redis to the other node, after everything of that node's own.
            assert_eq!(socket.expect("kefu_message_type").await["id"], json!(answer));
            assert_eq!(socket.events_so_far().await, []);
        }
    }

    let (at_member, _) = &mut sockets[0];
    at_member.send(r#"{"type":"kefu_typing","content":"{}"}"#).await;
    sockets[1].1.expect("kefu_typing").await;
    for (node, other) in [(&a, &b), (&b, &a)] {
        assert!(node.metric("kefu_relay_published_total").await >= 1);
        assert!(other.metric("kefu_relay_received_total").await >= 1);
    }
    a.stop().await;
    b.stop().await;
}

/// Sends during an outage on A, and what B's sockets have afterwards.
struct Outage {
    a: TestApp,
    b: TestApp,
    member: User,
    near: Socket,
    far_member: Socket,
    far_owner: Socket,
}

impl Outage {
    async fn begin(a: TestApp, b: TestApp) -> Self {
        let member = a.member(1001).await;
        let owner = b.owner().await;
        let near = member.socket("").await;
        let (mut far_member, mut far_owner) = (at(&b, &member).socket("").await, owner.socket("").await);
        member.says("before").await;
        far_owner.expect("kefu_conversation_created").await;
        for socket in [&mut far_member, &mut far_owner] {
            assert_eq!(seq(&socket.expect("kefu_message_type").await), 1);
        }
        Self { a, b, member, near, far_member, far_owner }
    }

    /// Sends go on, and this node's own sockets have them. They resync, too, once the node hears the others again.
    async fn send(&mut self, text: &str) {
        let id = self.member.says(text).await;
        loop {
            let event = self.near.event().await;
            match event.kind.as_str() {
                "kefu_message_type" if event.content["id"] == json!(id) => return,
                "kefu_message_type" | "kefu_resync_required" => {}
                other => panic!("{other}"),
            }
        }
    }

    /// B's sockets are told to resync, and have everything after that.
    async fn end(mut self) {
        for node in [&self.a, &self.b] {
            relay_is(node, "ok").await;
        }
        let stored: Vec<i64> = self.member.own_messages("limit=200").await.iter().rev().map(seq).collect();
        let last = stored.len();
        for (is_owner, socket) in [(false, &mut self.far_member), (true, &mut self.far_owner)] {
            let mut seqs = vec![1];
            let since = loop {
                let event = socket.event().await;
                match event.kind.as_str() {
                    "kefu_message_type" => seqs.push(seq(&event.content)),
                    "kefu_resync_required" => break event.content["since"].as_i64().unwrap(),
                    other => panic!("{other}"),
                }
            };
            assert!(since <= START, "{since}");
            assert!(self.b.metric("kefu_relay_resyncs_total").await >= 1);
            assert!(seqs.iter().copied().eq(1..=i64::try_from(seqs.len()).unwrap()), "before the gap: {seqs:?}");
            let resync = if is_owner { json!({"since": since}) } else { json!({"afterSeq": seqs.len()}) };
            socket.send(&json!({"type": "kefu_resync", "content": resync.to_string()}).to_string()).await;
            let mut found: BTreeSet<i64> = seqs.iter().copied().collect();
            loop {
                let event = socket.event().await;
                match event.kind.as_str() {
                    "kefu_message_type" => drop(found.insert(seq(&event.content))),
                    "kefu_resync_required" => {}
                    "kefu_resync_done" => break,
                    other => panic!("{other}"),
                }
            }
            assert!(found.into_iter().eq(stored.iter().copied()));
        }
        // And live frames come again.
        self.send("after").await;
        for socket in [&mut self.far_member, &mut self.far_owner] {
            while socket.event().await.content["seq"] != json!(last + 1) {}
        }
        self.a.stop().await;
        self.b.stop().await;
    }
}

#[tokio::test]
async fn an_admins_typing_reaches_the_member_and_the_other_admins_at_both_nodes_and_not_its_author() {
    let redis = Redis::spawn().await;
    let (a, b) = two_nodes(&redis).await;
    let (member, owner, agent) = (a.member(1001).await, a.owner().await, a.admin("agent", Role::Agent).await);
    let mut author = owner.socket("").await;
    let mut own = [owner.socket("").await, at(&b, &owner).socket("").await];
    let mut others = Vec::new();
    for user in [&member, &agent] {
        for node in [&a, &b] {
            others.push(at(node, user).socket("").await);
        }
    }
    member.says("hi").await;
    let id = member.own_conversation().await;
    for socket in others.iter_mut().chain(&mut own).chain([&mut author]) {
        while socket.event().await.kind != "kefu_message_type" {}
    }
    author.send(&json!({"type": "kefu_typing", "content": {"conversationId": id}}).to_string()).await;
    let content = json!({"conversationId": id, "userId": owner.id(), "userType": 2});
    for socket in &mut others {
        assert_eq!(socket.expect("kefu_typing").await, content);
    }
    // What comes next is no other notice.
    member.says("next").await;
    for socket in others.iter_mut().chain(&mut own).chain([&mut author]) {
        assert_eq!(socket.expect("kefu_message_type").await["seq"], json!(2));
    }
    for node in [a, b] {
        assert_eq!(node.metric("kefu_relay_resyncs_total").await, 0);
        node.stop().await;
    }
}

#[tokio::test]
async fn a_frozen_redis_delays_no_send_and_afterwards_every_socket_resyncs() {
    let redis = Redis::spawn().await;
    let (a, b) = two_nodes(&redis).await;
    let mut outage = Outage::begin(a, b).await;
    redis.freeze();
    outage.send("while nobody knows it yet").await;
    relay_is(&outage.a, "degraded").await;
    relay_is(&outage.b, "degraded").await;
    assert_eq!(outage.a.metric("kefu_relay_up").await, 0);
    for number in 0..20 {
        outage.send(&number.to_string()).await;
    }
    eventually("frames are dropped", async || outage.a.metric("kefu_relay_dropped_total").await >= 20).await;
    redis.thaw();
    outage.end().await;
}

#[tokio::test]
async fn a_killed_redis_delays_no_send_and_afterwards_every_socket_resyncs() {
    let mut redis = Redis::spawn().await;
    let (a, b) = two_nodes(&redis).await;
    let mut outage = Outage::begin(a, b).await;
    redis.kill();
    for number in 0..20 {
        outage.send(&number.to_string()).await;
    }
    relay_is(&outage.a, "degraded").await;
    relay_is(&outage.b, "degraded").await;
    eventually("frames are dropped", async || outage.a.metric("kefu_relay_dropped_total").await >= 1).await;
    redis.restart().await;
    outage.end().await;
}

#[tokio::test]
async fn a_subscription_that_dies_silently_is_noticed() {
    let redis = Redis::spawn().await;
    let forwarder = Forwarder::to(&redis).await;
    let a = TestApp::spawn_with(by(redis.url())).await;
    let b = a.another_node(by(forwarder.url())).await;
    let mut outage = Outage::begin(a, b).await;
    forwarder.make_subscriptions_deaf();
    outage.send("unheard").await;
    eventually("it is opened again", async || outage.b.metric("kefu_relay_reconnects_total").await >= 1).await;
    assert_eq!(outage.a.metric("kefu_relay_dropped_total").await, 0, "only the subscription is broken");
    outage.end().await;
}

#[tokio::test]
async fn a_node_that_could_hear_nothing_resyncs_its_sockets_whoever_was_there_meanwhile() {
    let redis = Redis::spawn().await;
    let forwarder = Forwarder::to(&redis).await;
    // No node is left that could count what another one, which has come and gone, has published.
    let app = TestApp::spawn_with(by(forwarder.url())).await;
    relay_is(&app, "ok").await;
    let mut socket = app.member(1001).await.socket("").await;
    assert_eq!(socket.events_so_far().await, []);
    forwarder.make_subscriptions_deaf();
    assert!(socket.expect("kefu_resync_required").await["since"].as_i64().unwrap() <= START);
    app.stop().await;
}

#[tokio::test]
async fn what_another_node_may_have_stored_is_resynced_from_the_time_that_it_names() {
    let redis = Redis::spawn().await;
    let app = TestApp::spawn_with(by(redis.url())).await;
    let mut socket = app.member(1001).await.socket("").await;
    // The other node's heartbeats went on while its commit had no answer.
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for (kind, number, body) in [(HEARTBEAT, 0_u64, vec![]), (MISSED, 1, 60_000_u64.to_be_bytes().to_vec())] {
        let header = [vec![1, kind], [77_u64, 90_000, number].map(u64::to_be_bytes).concat()].concat();
        let packet = [header, body].concat();
        let heard: i64 = redis::cmd("PUBLISH")
            .arg(&app.settings.push.redis_channel)
            .arg(packet)
            .query_async(&mut connection)
            .await
            .unwrap();
        assert!(heard >= 1);
    }
    let since = socket.expect("kefu_resync_required").await["since"].as_i64().unwrap();
    assert!((START - 61_000..=START - 60_000).contains(&since), "{}", since - START);
    assert_eq!(socket.events_so_far().await, []);
    app.stop().await;
}

#[tokio::test]
async fn sentinels_lead_the_nodes_to_the_new_primary() {
    let mut primary = Redis::spawn().await;
    let replica = Redis::spawn_with(&["--replicaof", "127.0.0.1", &primary.port.to_string()]).await;
    let sentinel = primary.sentinel().await;
    eventually("the sentinel knows the replica", async || {
        sentinel.ask("SENTINEL REPLICAS main").await.contains(&replica.port.to_string())
    })
    .await;
    let a = TestApp::spawn_with(|settings| {
        by("redis://main".to_owned())(settings);
        settings.push.redis_sentinels = vec![sentinel.url()];
    })
    .await;
    let b = a.another_node(|_| {}).await;
    let mut outage = Outage::begin(a, b).await;
    primary.kill();
    relay_is(&outage.a, "degraded").await;
    outage.send("without a primary").await;
    eventually("frames are dropped", async || outage.a.metric("kefu_relay_dropped_total").await >= 1).await;
    outage.end().await;
    assert!(replica.ask("INFO replication").await.contains("role:master"));
}

#[tokio::test]
async fn members_of_a_cluster_carry_frames_between_their_nodes() {
    let mut cluster = Redis::cluster().await;
    let a = TestApp::spawn_with(by(cluster[0].url())).await;
    let b = a.another_node(by(cluster[2].url())).await;
    let (member, owner) = (a.member(1001).await, b.owner().await);
    let (mut near, mut far) = (member.socket("").await, owner.socket("").await);
    let asked = member.says("在吗").await;
    far.expect("kefu_conversation_created").await;
    let answered = owner.answers(member.own_conversation().await, "在").await;
    for socket in [&mut near, &mut far] {
        for id in [asked, answered] {
            assert_eq!(socket.expect("kefu_message_type").await["id"], json!(id));
        }
    }
    cluster[2].kill();
    relay_is(&b, "degraded").await;
    relay_is(&a, "ok").await;
    member.says("还在吗").await;
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn nodes_start_before_their_redis() {
    let mut redis = Redis::spawn().await;
    redis.kill();
    let a = TestApp::spawn_with(by(redis.url())).await;
    let b = a.another_node(|_| {}).await;
    for node in [&a, &b] {
        relay_is(node, "degraded").await;
    }
    let member = a.member(1001).await;
    let mut far = at(&b, &member).socket("").await;
    member.says("你好").await;
    eventually("the frames are dropped", async || a.metric("kefu_relay_dropped_total").await >= 1).await;
    redis.restart().await;
    // They have never met, and still the one learns that the other has lost something.
    assert!(far.expect("kefu_resync_required").await["since"].as_i64().unwrap() <= START);
    for node in [&a, &b] {
        relay_is(node, "ok").await;
    }
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn a_redis_that_refuses_is_one_line_at_start() {
    let redis = Redis::spawn_with(&["--requirepass", "right-password"]).await;
    let at = |credentials: &str, path: &str| format!("redis://{credentials}127.0.0.1:{}{path}", redis.port);
    // Who may do all, but in another channel.
    let narrow = "AUTH right-password\r\nACL SETUSER narrow on >narrow-password ~* +@all resetchannels &other";
    assert_eq!(redis.ask(narrow).await, "+OK\r\n+OK\r\n");
    for (url, expected) in [
        (at("", ""), "NOAUTH"),
        (at(":wrong-password@", ""), "authentication failed"),
        (at(":right-password@", "/99"), "DB"),
        (at("narrow:narrow-password@", ""), "channels"),
    ] {
        let error = TestApp::refusal(by(url)).await;
        assert!(error.starts_with("push.redis_url: ") && error.contains(expected), "{error}");
        assert!(!error.contains('\n') && !error.contains("-password"), "{error}");
    }
    let node = TestApp::spawn_with(by(at(":right-password@", "/3"))).await;
    relay_is(&node, "ok").await;
    node.stop().await;
}

async fn online(owner: &User, query: &str) -> Vec<(i64, i64, usize)> {
    let list = owner.get(&format!("/admin-api/promotion/kefu-presence/list?{query}")).await.ok();
    let number = |value: &Value| value.as_i64().unwrap();
    let user =
        |user: &Value| (number(&user["userType"]), number(&user["userId"]), user["nodes"].as_array().unwrap().len());
    list.as_array().unwrap().iter().map(user).collect()
}

#[tokio::test]
async fn presence_covers_all_nodes_and_heals_when_one_dies() {
    let redis = Redis::spawn().await;
    // The other process reads the system's clock, and so must this one.
    let a = TestApp::spawn_on(Clock::system(), by(redis.url())).await;
    let folder = a.settings.data_dir.parent().unwrap();
    let (url, database) = (format!("push.redis_url={}", redis.url()), a.settings.database_url());
    let node = ["--database-url", &database, "--set", "push.relay=redis", "--set", &url];
    let other = Serve::start(folder, &node).await;
    let (owner, one, two) = (a.owner().await, a.member(1).await, a.member(2).await);
    assert_eq!(online(&owner, "").await, []);

    let mut here = owner.socket("").await;
    let also_here = one.socket("").await;
    let url = |user: &User| format!("ws://{}/infra/ws?token={}", other.address, user.refresh_token());
    let _there = [Socket::open(&url(&one)).await.unwrap(), Socket::open(&url(&two)).await.unwrap()];
    let all = [(1, 1, 2), (1, 2, 1), (2, owner.id(), 1)];
    eventually("all are online", async || online(&owner, "").await == all).await;
    assert_eq!(online(&owner, "userType=1&limit=1").await, [(1, 1, 2)]);
    also_here.close().await;
    eventually("one has left", async || online(&owner, "").await[0] == (1, 1, 1)).await;
    one.get("/admin-api/promotion/kefu-presence/list").await.fails(403, "没有该操作权限");

    // It may have stored what it has not sent.
    drop(other);
    while here.event().await.kind != "kefu_resync_required" {}
    assert_eq!(online(&owner, "").await, [(2, owner.id(), 1)]);
    a.stop().await;
}

#[tokio::test]
async fn presence_without_other_nodes() {
    let app = TestApp::spawn_with(|settings| settings.push.relay = Relay::Local).await;
    let (owner, member) = (app.owner().await, app.member(7).await);
    let _sockets = (owner.socket("").await, member.socket("").await, member.socket("").await);
    assert_eq!(online(&owner, "").await, [(1, 7, 1), (2, owner.id(), 1)]);
    let other = app.admin_of(TenantId::new(2), "other", Role::Owner).await;
    assert_eq!(online(&other, "").await, []);
    app.stop().await;
}

#[tokio::test]
async fn an_agent_at_another_node_hears_only_of_what_the_agent_may_see() {
    const SETTING: &str = "/admin-api/promotion/kefu-setting";
    let redis = Redis::spawn().await;
    let (a, b) = two_nodes(&redis).await;
    let owner = a.owner().await;
    let routing = json!({"routing": {"mode": "manual", "visibility": "own"}});
    owner.put_json(&format!("{SETTING}/update"), routing).await.ok();
    let (ann, ben) = (a.admin("ann", Role::Agent).await, a.admin("ben", Role::Agent).await);
    let there = at(&b, &owner);
    eventually("the other node knows", async || {
        there.get(&format!("{SETTING}/get")).await.ok()["routing"]["visibility"] == "own"
    })
    .await;
    let (mut at_ann, mut at_ben) = (at(&b, &ann).socket("").await, at(&b, &ben).socket("").await);
    let member = a.member(1001).await;
    member.says("你好").await;
    let conversation = member.own_conversation().await;
    for socket in [&mut at_ann, &mut at_ben] {
        socket.expect("kefu_conversation_created").await;
        socket.expect("kefu_message_type").await;
        assert_eq!(socket.expect("kefu_task").await["state"], 3, "what waits is seen by both");
    }
    let take = "/admin-api/promotion/kefu-task/take";
    let task = ann.post(take, json!({"conversationId": conversation})).await.ok();
    assert_eq!(at_ben.expect("kefu_conversation_hidden").await["conversationId"], conversation);
    assert_eq!(at_ann.expect("kefu_task").await["id"], task["id"]);
    assert_eq!(at_ann.expect("kefu_agent").await["load"], 1);
    member.says("在吗").await;
    let transfer = json!({"id": task["id"], "agentId": ben.id(), "reason": "x"});
    assert_eq!(seq(&at_ann.expect("kefu_message_type").await), 2);
    ann.put_json("/admin-api/promotion/kefu-task/transfer", transfer).await.ok();
    // The first that Ben hears since: nothing came of what was said meanwhile.
    assert_eq!(at_ben.event().await.kind, "kefu_task");
    assert_eq!(at_ann.event().await.kind, "kefu_conversation_hidden");
    b.stop().await;
    a.stop().await;
}
