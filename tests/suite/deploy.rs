//! deploy/nginx.conf as it is, in front of two nodes; only addresses and paths are others. And `kefu healthcheck`.

use std::path::Path;

use kefu::settings::{Relay, Settings};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::json;

use crate::support::nginx::{CONFIGURATION, Nginx};
use crate::support::process::{Serve, done, failed};
use crate::support::{Redis, Reply, TestApp, User, path};

async fn two_nodes(redis: &Redis) -> (TestApp, TestApp) {
    let a = TestApp::spawn_with(|settings| {
        settings.push.relay = Relay::Redis;
        settings.push.redis_url = Some(redis.url());
        settings.server.trust_forwarded_for = true;
        settings.limits.login_failures_per_address = 2;
    })
    .await;
    let b = a.another_node(|_| {}).await;
    (a, b)
}

/// Uploads so many bytes.
async fn upload(user: &User, bytes: usize) -> Reply {
    let form = Form::new().part("file", Part::bytes(vec![b'a'; bytes]).file_name("a.txt"));
    User::send(user.request(Method::POST, "/app-api/infra/file/upload").multipart(form)).await
}

#[tokio::test]
async fn messages_sockets_and_uploads_go_through_nginx_and_no_token_is_logged() {
    let redis = Redis::spawn().await;
    let (a, b) = two_nodes(&redis).await;
    let nginx = Nginx::start([&a.address.to_string(), &b.address.to_string()]).await;
    let (member, owner) = (nginx.user(&a.member(1001).await), nginx.user(&a.owner().await));

    // Four sockets, two at each node.
    let mut sockets = Vec::new();
    for _ in 0..2 {
        sockets.push(member.socket("").await);
        sockets.push(owner.socket("").await);
    }
    assert!(a.metric("kefu_frames_sent_total").await == 0 && sockets.len() == 4);
    let mut ids = vec![member.says("hi").await];
    let conversation = member.own_conversation().await;
    for number in 0..10 {
        ids.push(owner.answers(conversation, &number.to_string()).await);
    }
    ids.sort_unstable();
    for socket in &mut sockets {
        let mut seen = Vec::new();
        while seen.len() < ids.len() {
            let event = socket.event().await;
            if event.kind == "kefu_message_type" {
                seen.push(event.content["id"].as_i64().unwrap());
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, ids);
    }
    for node in [&a, &b] {
        assert!(node.metric("kefu_frames_sent_total").await > 0, "both nodes have sockets");
    }

    // nginx's own limit would be 1 MiB; what is above kefu's is refused by kefu, in words that clients understand.
    let limit = Settings::default().limits.upload_bytes;
    let url = upload(&member, limit).await.ok().as_str().unwrap().to_owned();
    assert!(url.starts_with(&format!("http://{}/infra/file/", nginx.address)), "{url}");
    assert_eq!(reqwest::get(&url).await.unwrap().bytes().await.unwrap().len(), limit);
    assert_eq!(upload(&member, limit + 1).await.msg, "上传文件过大，请调整后重试");
    assert_eq!(member.request(Method::GET, "/metrics").send().await.unwrap().status(), 404);

    // Who names other addresses is counted by the one that nginx has seen. Each node counts for itself.
    let log_in = async |number: usize| {
        let body = json!({"username": format!("user{number}"), "password": "wrong password"});
        let request = member.request(Method::POST, path::LOGIN).header("X-Forwarded-For", format!("6.6.6.{number}"));
        User::send(request.json(&body)).await.code
    };
    let mut codes = Vec::new();
    for number in 0..5 {
        codes.push(log_in(number).await);
    }
    assert!(codes.contains(&429), "{codes:?}");

    // A node goes: its sockets are told, everything goes to the other.
    b.stop().await;
    let mut closed = 0;
    for socket in sockets {
        let mut socket = socket;
        socket.send("ping").await;
        closed += usize::from(matches!(socket.next().await, Some(tokio_tungstenite::tungstenite::Message::Close(_))));
    }
    assert_eq!(closed, 2);
    for number in 0..4 {
        member.says(&format!("{number} with one node")).await;
        member.socket("lastSeq=0").await.events_until("kefu_resync_done").await;
    }
    a.stop().await;
    // Both are gone: what nginx says of its own must not show tokens either.
    let (access, refresh) = (member.access_token(), member.refresh_token());
    for request in [
        member.request(Method::GET, &format!("/infra/ws?token={refresh}")),
        member.request(Method::POST, &format!("/app-api/member/auth/refresh-token?refreshToken={refresh}")),
        member.request(Method::GET, "/healthz"),
    ] {
        assert_eq!(request.send().await.unwrap().status(), 502);
    }
    let logs = [nginx.log("access.log"), nginx.log("error.log")];
    assert!(logs[0].contains("\"GET /infra/ws\" 101") && logs[1].contains("/healthz"), "{logs:?}");
    for token in [access, refresh] {
        let signature = token.rsplit('.').next().unwrap();
        assert!(logs.iter().all(|log| !log.contains(signature)), "{logs:?}");
    }
}

#[test]
fn the_limits_of_nginx_are_above_those_of_the_service() {
    let value = |name: &str, unit: &str| {
        let found = CONFIGURATION.lines().filter_map(|line| line.trim().strip_prefix(name)?.trim().split(unit).next());
        found.map(|number| number.parse::<u64>().unwrap()).max().unwrap()
    };
    let settings = Settings::default();
    assert!(value("client_max_body_size", "m;") << 20 > u64::try_from(settings.limits.upload_bytes).unwrap());
    assert!(value("proxy_read_timeout", "s;") > settings.push.idle_timeout_s);
}

#[tokio::test]
async fn a_health_check_tells_whether_the_service_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path(), &[]).await;
    let any = serve.address.replace("127.0.0.1", "0.0.0.0");
    for address in [serve.address.clone(), any] {
        let answer = done(Path::new(folder.path()), &["healthcheck", "--listen", &address], "").await;
        assert!(answer.contains(r#""status":"ok""#), "{answer}");
    }
    let address = serve.address.clone();
    assert_eq!(serve.terminate().await.code, Some(0));
    let line = failed(folder.path(), &["healthcheck", "--listen", &address], "").await;
    assert!(line.contains(&address), "{line}");
}
