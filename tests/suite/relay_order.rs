//! Nodes that write to one conversation at once: every socket hears `seq` as it counts, at whichever node it is.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::relay::{at, by, seq};
use crate::support::{Forwarder, Redis, Socket, TestApp, User, path, text};

/// The member's and the owner's sockets at each of these nodes.
async fn sockets(nodes: [&TestApp; 3], member: &User, owner: &User) -> Vec<Socket> {
    let mut sockets = Vec::new();
    for node in nodes {
        sockets.extend([at(node, member).socket("").await, at(node, owner).socket("").await]);
    }
    sockets
}

/// The messages that come, up to this `seq`: each once, and in order.
async fn messages_up_to(socket: &mut Socket, last: i64) -> Vec<Value> {
    let mut messages = Vec::new();
    while messages.last().is_none_or(|message| seq(message) < last) {
        messages.extend(
            Some(socket.event().await).filter(|event| event.kind == "kefu_message_type").map(|event| event.content),
        );
    }
    assert!(messages.iter().map(seq).eq(1..=last), "{:?}", messages.iter().map(seq).collect::<Vec<_>>());
    messages
}

#[tokio::test]
async fn both_nodes_write_to_one_conversation_at_once() {
    let redis = Redis::spawn().await;
    let a = TestApp::spawn_with(by(redis.url())).await;
    let (b, c) = (a.another_node(|_| {}).await, a.another_node(|_| {}).await);
    let (member, owner) = (a.member(1001).await, b.owner().await);
    let mut sockets = sockets([&a, &b, &c], &member, &owner).await;
    member.says("first").await;
    let conversation = member.own_conversation().await;

    let sends = (0..30).map(|_| async {
        let (question, answer) = tokio::join!(member.says("?"), owner.answers(conversation, "!"));
        [question, answer]
    });
    let sent: BTreeSet<i64> = join_all(sends).await.into_iter().flatten().collect();
    assert_eq!(sent.len(), 60);
    let stored = member.own_messages("limit=200").await;
    assert!(stored.iter().rev().map(seq).eq(1..=61), "no gap, nothing twice");
    for socket in &mut sockets {
        assert!(messages_up_to(socket, 61).await.iter().eq(stored.iter().rev()), "as they are listed");
    }
    join_all([a, b, c].map(TestApp::stop)).await;
}

#[tokio::test]
async fn a_node_that_writes_later_tells_first_what_it_has_not_heard() {
    let redis = Redis::spawn().await;
    let forwarder = Forwarder::to(&redis).await;
    let a = TestApp::spawn_with(by(redis.url())).await;
    let b = a.another_node(by(forwarder.url())).await;
    let c = a.another_node(|_| {}).await;
    let (member, owner) = (a.member(1001).await, b.owner().await);
    let mut sockets = sockets([&a, &b, &c], &member, &owner).await;
    let repeated = json!({"contentType": 1, "content": text("5"), "clientMessageId": "five"});

    forwarder.hold_subscriptions();
    // B does not know the conversation yet, …
    member.says("1").await;
    member.says("2").await;
    let conversation = member.own_conversation().await;
    owner.answers(conversation, "3").await;
    // … and now it does. A mark comes after what it marks, and an answer after the frame of what it answers.
    member.says("4").await;
    owner.reads(conversation).await;
    let five = member.post(path::MEMBER_SEND, repeated.clone()).await.ok();
    assert_eq!(at(&b, &member).post(path::MEMBER_SEND, repeated).await.ok(), five);
    let told: Vec<(String, Value)> =
        sockets[2].events_so_far().await.into_iter().map(|event| (event.kind, event.content["seq"].clone())).collect();
    let expected = [("", 1), ("", 2), ("", 3), ("", 4), ("kefu_message_read_status_change", 4), ("", 5)]
        .map(|(kind, seq)| (if kind.is_empty() { "kefu_message_type" } else { kind }.to_owned(), json!(seq)));
    assert_eq!(told, expected, "before its own");

    forwarder.release_subscriptions();
    member.says("6").await;
    let mut heard = Vec::new();
    for (place, socket) in sockets.iter_mut().enumerate() {
        if place == 2 {
            assert_eq!(seq(&socket.expect("kefu_message_type").await), 6, "what came late is passed over");
        } else {
            heard.push(messages_up_to(socket, 6).await);
        }
    }
    assert!(heard.iter().all(|messages| *messages == heard[0]), "whoever tells it: {heard:#?}");
    join_all([a, b, c].map(TestApp::stop)).await;
}

#[tokio::test]
async fn what_a_later_writer_leaves_out_comes_late_and_is_not_lost() {
    let redis = Redis::spawn().await;
    let forwarder = Forwarder::to(&redis).await;
    let a = TestApp::spawn_with(|settings| {
        by(redis.url())(settings);
        settings.limits.sends_per_s = 0;
    })
    .await;
    let b = a.another_node(by(forwarder.url())).await;
    let (member, owner) = (a.member(1001).await, b.owner().await);
    let mut socket = at(&b, &member).socket("").await;
    let heard = async |socket: &mut Socket, count: usize| {
        let mut seqs = Vec::new();
        while seqs.len() < count {
            seqs.push(seq(&socket.expect("kefu_message_type").await));
        }
        seqs
    };

    forwarder.hold_subscriptions();
    join_all((0..70).map(|_| member.says("?"))).await;
    let conversation = member.own_conversation().await;
    owner.answers(conversation, "!").await;
    assert!(heard(&mut socket, 65).await.into_iter().eq(7..=71), "the newest 64 and its own");
    forwarder.release_subscriptions();
    assert!(heard(&mut socket, 6).await.into_iter().eq(1..=6));

    forwarder.hold_subscriptions();
    member.says("?").await;
    a.clock.advance(20_000);
    owner.answers(conversation, "!").await;
    assert_eq!(heard(&mut socket, 1).await, [73], "what is old was imported, or is lost");
    forwarder.release_subscriptions();
    member.says("?").await;
    assert_eq!(heard(&mut socket, 2).await, [72, 74]);
    join_all([a, b].map(TestApp::stop)).await;
}
