//! Nodes that die or are restarted under load: their clients go to another one and have everything once.

use diesel::{QueryableByName, RunQueryDsl};
use kefu::clock::Clock;
use kefu::settings::Relay;

use crate::support::database::only_on_servers;
use crate::support::load::Load;
use crate::support::process::{Serve, lasting_address};
use crate::support::proxy::Proxy;
use crate::support::{Redis, TestApp, TestDatabase, eventually};

/// A node in this process, and what a node in another one is started with.
async fn first_node(redis: &Redis) -> (TestApp, Vec<String>) {
    // Other processes read the system's clock, and so must this one.
    let app = TestApp::spawn_on(Clock::system(), |settings| {
        settings.push.relay = Relay::Redis;
        settings.push.redis_url = Some(redis.url());
        settings.limits.sends_per_s = 0;
    })
    .await;
    let mut arguments = vec!["--database-url".to_owned(), app.settings.database_url()];
    let set = [
        "push.relay=redis",
        &format!("push.redis_url={}", redis.url()),
        "limits.sends_per_s=0",
        "server.workers=2",
        "log.filter=off",
    ];
    arguments.extend(set.iter().flat_map(|setting| ["--set".to_owned(), (*setting).to_owned()]));
    (app, arguments)
}

async fn start(app: &TestApp, address: &str, arguments: &[String]) -> Serve {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Serve::start_at(address, app.settings.data_dir.parent().unwrap(), &arguments).await
}

#[tokio::test]
async fn nodes_that_start_at_once_make_one_database() {
    if only_on_servers("SQLite belongs to one process") {
        return;
    }
    #[derive(QueryableByName)]
    struct Counts {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        migrations: i64,
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        admins: i64,
    }
    let known = std::fs::read_dir("migrations/postgres").unwrap().count();
    for _ in 0..3 {
        let database = TestDatabase::create();
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let start = |node: usize| {
            let arguments = ["--database-url", database.url.as_deref().unwrap()];
            let folder = folders[node].path();
            async move { Serve::start(folder, &arguments).await }
        };
        let (one, other) = tokio::join!(start(0), start(1));
        assert_eq!([&one, &other].iter().filter(|node| node.first_password().is_some()).count(), 1);
        for node in [one, other] {
            assert_eq!(reqwest::get(format!("http://{}/readyz", node.address)).await.unwrap().status(), 200);
            assert_eq!(node.terminate().await.code, Some(0));
        }
        let counts = "SELECT (SELECT COUNT(*) FROM __diesel_schema_migrations) AS migrations,
             (SELECT COUNT(*) FROM kefu_admin) AS admins";
        let Counts { migrations, admins } = diesel::sql_query(counts).get_result(&mut database.connect()).unwrap();
        assert_eq!((usize::try_from(migrations).unwrap(), admins), (known, 1));
    }
}

#[tokio::test]
async fn clients_of_a_killed_node_go_to_another_and_have_everything_once() {
    if only_on_servers("SQLite belongs to one process") {
        return;
    }
    let redis = Redis::spawn().await;
    let (app, arguments) = first_node(&redis).await;
    let address = lasting_address().await;
    let mut other = start(&app, &address, &arguments).await;
    let load = Load::begin(&app, &[app.url(""), format!("http://{address}")]).await;
    for _ in 0..2 {
        load.go_on(150).await;
        other.kill().await;
        load.go_on(150).await;
        other = start(&app, &address, &arguments).await;
    }
    load.go_on(100).await;
    let seen = load.end(&app.db).await;
    assert!(seen.not_connected + seen.cut > 0 && seen.reconnects > 0, "nobody was disturbed: {seen:?}");
    assert_eq!(other.terminate().await.code, Some(0));
    app.stop().await;
}

/// Under load, ends the node that has run longest and starts it again.
async fn restart_first(nodes: &mut Vec<Serve>, load: &Load, start: impl AsyncFn() -> Serve) {
    load.go_on(100).await;
    assert_eq!(nodes.remove(0).terminate().await.code, Some(0));
    load.go_on(50).await;
    nodes.push(start().await);
}

#[tokio::test]
async fn a_rolling_restart_under_load_loses_nothing() {
    if only_on_servers("SQLite belongs to one process") {
        return;
    }
    let redis = Redis::spawn().await;
    // Its own node takes no part.
    let (app, arguments) = first_node(&redis).await;
    let (mut addresses, mut nodes) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let address = lasting_address().await;
        nodes.push(start(&app, &address, &arguments).await);
        addresses.push(address);
    }
    let urls: Vec<String> = addresses.iter().map(|address| format!("http://{address}")).collect();
    let load = Load::begin(&app, &urls).await;
    for address in &addresses {
        restart_first(&mut nodes, &load, async || start(&app, address, &arguments).await).await;
    }
    load.go_on(100).await;
    let seen = load.end(&app.db).await;
    assert!(seen.not_connected > 0 && seen.reconnects > 0, "nobody was disturbed: {seen:?}");
    // But one that connects in the very moment of the stop.
    assert!(seen.cut <= 1, "what reaches a node is answered: {seen:?}");
    for node in nodes {
        assert_eq!(node.terminate().await.code, Some(0));
    }
    app.stop().await;
}

#[tokio::test]
async fn a_rolling_restart_behind_nginx_is_not_seen_by_senders() {
    if only_on_servers("SQLite belongs to one process") {
        return;
    }
    let redis = Redis::spawn().await;
    let (app, arguments) = first_node(&redis).await;
    let addresses = [lasting_address().await, lasting_address().await];
    let mut nodes = vec![start(&app, &addresses[0], &arguments).await, start(&app, &addresses[1], &arguments).await];
    let nginx = Proxy::nginx([&addresses[0], &addresses[1]]).await;
    let load = Load::begin(&app, &[format!("http://{}", nginx.address)]).await;
    for address in &addresses {
        restart_first(&mut nodes, &load, async || start(&app, address, &arguments).await).await;
        eventually("nginx sends to it again", async || {
            let metrics = reqwest::get(format!("http://{address}/metrics")).await.unwrap().text().await.unwrap();
            let sent =
                |line: &str| line.starts_with("kefu_sends_total") && line.contains("stored") && !line.ends_with(" 0");
            metrics.lines().any(sent)
        })
        .await;
    }
    load.go_on(100).await;
    let seen = load.end(&app.db).await;
    assert!(seen.reconnects > 0, "nobody was disturbed: {seen:?}");
    assert_eq!((seen.refused, seen.not_connected), (0, 0));
    assert!(seen.cut <= 1, "what reaches a node is answered: {seen:?}");
    for node in nodes {
        assert_eq!(node.terminate().await.code, Some(0));
    }
    app.stop().await;
}
