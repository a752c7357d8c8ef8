//! MariaDB Galera, three members that all take writes, and a node at each.

use diesel::connection::SimpleConnection;
use kefu::clock::Clock;
use kefu::settings::Relay;
use kefu::testing::db::Backend;
use serde_json::json;

use crate::support::database::variable;
use crate::support::load::Load;
use crate::support::process;
use crate::support::tables::sound_conversations;
use crate::support::{Redis, TestApp, eventually};

fn list(name: &str) -> Vec<String> {
    let list =
        variable(name).unwrap_or_else(|| panic!("{name} is not set; run: scripts/servers galera -- cargo test …"));
    list.split_whitespace().map(str::to_owned).collect()
}

/// A node at each member.
async fn nodes(redis: &Redis) -> Vec<TestApp> {
    let first = TestApp::spawn_on(Clock::system(), |settings| {
        settings.push.relay = Relay::Redis;
        settings.push.redis_url = Some(redis.url());
        settings.limits.sends_per_s = 0;
    })
    .await;
    let url = first.settings.database_url();
    let (_, database) = url.rsplit_once('/').unwrap();
    let mut nodes = Vec::new();
    for member in &list("TEST_GALERA")[1..] {
        nodes.push(first.another_node(|settings| settings.database.url = Some(format!("{member}/{database}"))).await);
    }
    nodes.insert(0, first);
    for node in &nodes {
        database_is(node, "ok").await;
    }
    nodes
}

async fn database_is(node: &TestApp, state: &str) {
    eventually(&format!("the database is {state}"), async || node.readiness().await.1["database"] == json!(state))
        .await;
}

/// Signals the server of a member.
fn signal(member: usize, name: &str) {
    let pid = std::fs::read_to_string(&list("TEST_GALERA_PIDS")[member]).unwrap();
    process::signal(name, &[pid.trim().parse().unwrap()]);
}

async fn stop(nodes: Vec<TestApp>) {
    // The first one drops the database.
    for node in nodes.into_iter().rev() {
        node.stop().await;
    }
}

async fn begin(nodes: &[TestApp]) -> Load {
    let urls: Vec<String> = nodes.iter().map(|node| node.url("")).collect();
    Load::begin(&nodes[0], &urls).await
}

#[tokio::test]
#[ignore = "needs a cluster and kills its members: scripts/test runs it alone"]
async fn what_was_answered_at_one_node_is_there_at_the_others() {
    let redis = Redis::spawn().await;
    let nodes = nodes(&redis).await;
    let member = nodes[0].member(1).await;
    let elsewhere = member.at_node(&nodes[1]);
    elsewhere.says("first").await;
    let mut other_member = Backend::parse(&nodes[1].settings.database_url()).unwrap().connect().unwrap();
    // It applies nothing until it is unlocked, and who reads there has to wait.
    other_member.batch_execute("FLUSH TABLES WITH READ LOCK").unwrap();
    let said = member.says("second").await;
    let read = tokio::spawn(async move { elsewhere.own_messages("limit=1").await });
    for _ in 0..30 {
        nodes[0].readiness().await;
    }
    other_member.batch_execute("UNLOCK TABLES").unwrap();
    assert_eq!(read.await.unwrap()[0]["id"], json!(said));
    stop(nodes).await;
}

#[tokio::test]
#[ignore = "needs a cluster and kills its members: scripts/test runs it alone"]
async fn a_killed_member_of_a_cluster_costs_only_honest_refusals() {
    let redis = Redis::spawn().await;
    let nodes = nodes(&redis).await;
    let load = begin(&nodes).await;
    load.go_on(200).await;
    signal(1, "KILL");
    database_is(&nodes[1], "unreachable").await;
    load.go_on(200).await;
    database_is(&nodes[1], "ok").await;
    load.go_on(200).await;
    let seen = load.end(&nodes[0].db).await;
    assert!(seen.refused > 0, "nobody was disturbed: {seen:?}");
    let messages = async |node: &TestApp| {
        let conversations = sound_conversations(&node.db, 1).await;
        conversations.into_iter().map(|conversation| (conversation.row.id, conversation.messages)).collect::<Vec<_>>()
    };
    let first = messages(&nodes[0]).await;
    for node in &nodes[1..] {
        assert_eq!(messages(node).await, first, "all members have the same");
    }
    stop(nodes).await;
}

#[tokio::test]
#[ignore = "needs a cluster and kills its members: scripts/test runs it alone"]
async fn a_member_without_a_majority_takes_nothing() {
    let redis = Redis::spawn().await;
    let nodes = nodes(&redis).await;
    let load = begin(&nodes).await;
    load.go_on(100).await;
    for member in [1, 2] {
        signal(member, "STOP");
    }
    database_is(&nodes[0], "unreachable").await;
    for member in [1, 2] {
        signal(member, "CONT");
    }
    for node in &nodes {
        database_is(node, "ok").await;
    }
    load.go_on(100).await;
    let seen = load.end(&nodes[0].db).await;
    assert!(seen.refused > 0, "nobody was disturbed: {seen:?}");
    stop(nodes).await;
}
