//! deploy/nginx.conf and deploy/Caddyfile in front of two nodes.

use futures_util::future::join_all;
use kefu::settings::{Relay, Settings};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::node::Node;
use crate::support::proxy::{FRONT, NGINX, Proxy};
use crate::support::{Redis, Reply, TIMEOUT, TestApp, User, http_client, path};

const SOCKETS: &str = "kefu_sockets{user_type=\"member\"}";

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
async fn upload(user: &User, bytes: usize, headers: &[(&'static str, &str)]) -> Reply {
    let form = Form::new().part("file", Part::bytes(vec![b'a'; bytes]).file_name("a.txt"));
    let mut request = user.request(Method::POST, "/app-api/infra/file/upload").multipart(form);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    User::send(request).await
}

/// Sends bytes on a connection of their own; what comes back, to the end or until nothing comes for a while.
async fn exchange(address: &str, bytes: &[u8]) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let head =
        async { while !answer.ends_with(b"}") && connection.read_buf(&mut answer).await.is_ok_and(|read| read > 0) {} };
    tokio::time::timeout(TIMEOUT, head)
        .await
        .unwrap_or_else(|_| panic!("no answer: {}", String::from_utf8_lossy(bytes)));
    String::from_utf8_lossy(&answer).into_owned()
}

/// Messages, sockets and uploads through a proxy; one node goes, then the other.
async fn all_goes_through(proxy: Proxy, (a, b): (TestApp, TestApp)) {
    let (member, owner) = (proxy.user(&a.member(1001).await), proxy.user(&a.owner().await));

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

    // The proxy's limit is above kefu's; what is above either is refused in the same words.
    let limit = Settings::default().limits.upload_bytes;
    let url = upload(&member, limit, &[]).await.ok().as_str().unwrap().to_owned();
    assert!(url.starts_with(&format!("http://{}/infra/file/", proxy.address)), "{url}");
    assert_eq!(reqwest::get(&url).await.unwrap().bytes().await.unwrap().len(), limit);
    for bytes in [limit + 1, limit + (2 << 20)] {
        upload(&member, bytes, &[]).await.fails(400, "上传文件过大，请调整后重试");
    }
    let hidden = member.get("/metrics").await;
    assert_eq!((hidden.status, hidden.code, hidden.msg.as_str()), (StatusCode::NOT_FOUND, 404, "请求未找到"));

    // A node goes: its sockets are told, everything goes to the other.
    b.stop().await;
    member.says("to those who are left").await;
    let mut closed = 0;
    for mut socket in sockets {
        closed += usize::from(matches!(socket.next().await, Some(Message::Close(_))));
    }
    assert_eq!(closed, 2);
    for number in 0..4 {
        member.says(&format!("{number} with one node")).await;
        member.socket("lastSeq=0").await.events_until("kefu_resync_done").await;
    }
    a.stop().await;
    // Both are gone: what the proxy answers and logs by itself.
    let (access, refresh) = (member.access_token(), member.refresh_token());
    let requests = [
        member.request(Method::GET, &format!("/infra/ws?token={refresh}")),
        member.request(Method::POST, &format!("/app-api/member/auth/refresh-token?refreshToken={refresh}")),
        member.request(Method::GET, "/healthz"),
    ];
    for answer in join_all(requests.map(RequestBuilder::send)).await {
        let answer = answer.unwrap();
        assert_eq!(answer.headers()["retry-after"], "1");
        let answer = Reply::read(answer).await;
        assert!([502, 503].contains(&answer.status.as_u16()), "{answer:?}");
        assert_eq!((answer.code, answer.msg.as_str()), (503, "服务繁忙，请稍后重试"));
    }
    let log = proxy.log();
    assert!(["/infra/ws", "/auth/refresh-token", "/healthz"].iter().all(|path| log.contains(path)), "{log}");
    for token in [access, refresh] {
        let signature = token.rsplit('.').next().unwrap();
        assert!(!log.contains(signature), "{log}");
    }
}

#[tokio::test]
async fn messages_sockets_and_uploads_go_through_nginx_and_no_token_is_logged() {
    let redis = Redis::spawn().await;
    let nodes = two_nodes(&redis).await;
    let nginx = Proxy::nginx([&nodes.0.address.to_string(), &nodes.1.address.to_string()]).await;
    all_goes_through(nginx, nodes).await;
}

#[tokio::test]
async fn messages_sockets_and_uploads_go_through_caddy_and_no_token_is_logged() {
    let redis = Redis::spawn().await;
    let nodes = two_nodes(&redis).await;
    let caddy = Proxy::caddy([&nodes.0.address.to_string(), &nodes.1.address.to_string()]).await;
    all_goes_through(caddy, nodes).await;
}

/// Four failed logins whose requests name other addresses; the codes.
async fn failed_logins(user: &User) -> Vec<i64> {
    let mut codes = Vec::new();
    for number in 0..5 {
        let body = json!({"username": format!("user{number}"), "password": "wrong password"});
        let request = user.request(Method::POST, path::LOGIN).header("X-Forwarded-For", format!("6.6.6.{number}"));
        codes.push(User::send(request.json(&body)).await.code);
    }
    codes
}

#[tokio::test]
async fn a_client_s_address_and_protocol_are_what_the_proxies_say_and_not_what_it_says_itself() {
    let redis = Redis::spawn().await;
    let (a, b) = two_nodes(&redis).await;
    let addresses = [a.address.to_string(), b.address.to_string()];
    let member = a.member(1001).await;
    let said = [("X-Forwarded-Proto", "https"), ("Forwarded", "proto=https;host=elsewhere")];
    for proxy in
        [Proxy::nginx([&addresses[0], &addresses[1]]).await, Proxy::caddy([&addresses[0], &addresses[1]]).await]
    {
        let client = proxy.user(&member);
        let url = upload(&client, 10, &said).await.ok();
        assert!(url.as_str().unwrap().starts_with(&format!("http://{}/", proxy.address)), "{url}");
        // Each node counts for itself.
        let codes = failed_logins(&client).await;
        assert!(codes.contains(&429), "{codes:?}");
    }
    // Only nginx.conf is made for a further proxy, e.g. for TLS, in front.
    let nginx = Proxy::nginx([&addresses[0], &addresses[1]]).await;
    let through_front = nginx.user_from(FRONT, &member);
    let url = upload(&through_front, 10, &said).await.ok();
    assert!(url.as_str().unwrap().starts_with(&format!("https://{}/", nginx.address)), "{url}");
    let codes = failed_logins(&through_front).await;
    assert!(!codes.contains(&429), "{codes:?}");
    a.stop().await;
    b.stop().await;
}

/// What a client can do that is no fault of a node's: a body that ends too early, one that cannot be read, and requests
/// for upgrades that nobody offers.
const ABUSES: [&str; 5] = [
    "POST /app-api/infra/file/upload HTTP/1.1\r\nhost: kefu\r\ncontent-type: multipart/form-data; boundary=a\r\n\
     content-length: 100000\r\n\r\n--a\r\n",
    "POST /app-api/infra/file/upload HTTP/1.1\r\nhost: kefu\r\ncontent-type: multipart/form-data; boundary=a\r\n\
     transfer-encoding: chunked\r\n\r\n5\r\n--a\r\n\r\nzz\r\n",
    "POST /admin-api/system/auth/login HTTP/1.1\r\nhost: kefu\r\ncontent-type: application/json\r\n\
     transfer-encoding: chunked\r\n\r\n1\r\n{\r\nzz\r\nabc\r\n",
    "POST /admin-api/system/auth/login HTTP/1.1\r\nhost: kefu\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
     content-type: application/json\r\ncontent-length: 35\r\n\r\n{\"username\":\"admin\",\"password\":\"x\"}",
    "GET /healthz HTTP/1.1\r\nhost: kefu\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n\
     http2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n",
];

/// Each abuse a few times, on connections of which the client then closes its half.
async fn abuse(proxy: &Proxy) {
    for request in ABUSES.repeat(3) {
        let mut connection = TcpStream::connect(&proxy.address).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        connection.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let end = tokio::time::timeout(TIMEOUT, connection.read_to_end(&mut answer)).await;
        drop(end.unwrap_or_else(|_| panic!("neither answered nor closed: {request}")));
    }
}

#[tokio::test]
async fn a_client_s_bad_requests_leave_both_nodes_in() {
    let redis = Redis::spawn().await;
    let (a, b) = two_nodes(&redis).await;
    let addresses = [a.address.to_string(), b.address.to_string()];
    let member = a.member(1001).await;
    for proxy in
        [Proxy::nginx([&addresses[0], &addresses[1]]).await, Proxy::caddy([&addresses[0], &addresses[1]]).await]
    {
        let member = proxy.user(&member);
        for _ in 0..3 {
            abuse(&proxy).await;
            // Sockets go where there are fewest: one to each, as long as both are in.
            let sockets = [member.socket("").await, member.socket("").await];
            for node in [&a, &b] {
                assert_eq!(node.metric(SOCKETS).await, 1, "{}", proxy.log());
            }
            for mut socket in sockets {
                socket.stream.close(None).await.unwrap();
                while socket.next().await.is_some() {}
            }
            for node in [&a, &b] {
                node.until_metric(SOCKETS, 0).await;
            }
        }
    }
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn a_node_that_breaks_connections_off_stays_in() {
    let nodes = [Node::start().await, Node::start().await];
    let addresses = [nodes[0].address.as_str(), nodes[1].address.as_str()];
    let anyone = User::at(String::new(), http_client().build().unwrap(), None);
    for proxy in [Proxy::nginx(addresses).await, Proxy::caddy(addresses).await] {
        let anyone = proxy.user(&anyone);
        let break_off = async || {
            let answer = anyone.request(Method::POST, Node::BREAKS_OFF).send().await.unwrap();
            assert_eq!(answer.status(), 502);
        };
        // Without a pause, so that a proxy that leaves a node out for a while would never take it back.
        let abuse = join_all((0..8).map(async |_| {
            loop {
                break_off().await
            }
        }));
        let gets = async {
            for _ in 0..20 {
                assert_eq!(anyone.request(Method::GET, "/").send().await.unwrap().status(), 200);
            }
        };
        tokio::select! { _ = abuse => unreachable!(), () = gets => {} }
        let answered =
            nodes.each_ref().map(|node| node.take_requests().iter().filter(|head| head.starts_with("GET / ")).count());
        assert!(answered.iter().all(|count| *count > 0), "{answered:?}");
    }
}

#[tokio::test]
async fn only_the_socket_s_handshake_is_passed_on_with_an_upgrade() {
    let nodes = [Node::start().await, Node::start().await];
    let addresses = [nodes[0].address.as_str(), nodes[1].address.as_str()];
    for proxy in [Proxy::nginx(addresses).await, Proxy::caddy(addresses).await] {
        for (line, upgrade, passed_on) in [
            ("GET /infra/ws?token=a", "websocket", true),
            ("GET /infra/ws?token=a", "WebSocket", true),
            ("POST /infra/ws", "websocket", false),
            ("GET /infra/ws", "h2c", false),
            ("GET /infra/ws", "websocket, h2c", false),
            ("GET /app-api/promotion/kefu-message/list", "websocket", false),
            ("POST /admin-api/system/auth/login", "websocket", false),
            ("GET /", "h2c", false),
        ] {
            let request = format!(
                "{line} HTTP/1.1\r\nhost: {}\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: {upgrade}\r\n\
                 http2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\ncontent-length: 0\r\n\r\n",
                proxy.address
            );
            let answer = exchange(&proxy.address, request.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{line} {upgrade}: {answer}");
            let heads = nodes.iter().flat_map(Node::take_requests).collect::<Vec<_>>();
            let head = heads.iter().find(|head| head.starts_with(line)).unwrap().to_lowercase();
            assert_eq!(head.contains("upgrade: websocket\r\n"), passed_on, "{head}");
            assert_eq!(head.contains("connection: upgrade"), passed_on, "{head}");
        }
    }
}

#[test]
fn the_limits_of_nginx_are_above_those_of_the_service() {
    let value = |name: &str, unit: &str| {
        let found = NGINX.lines().filter_map(|line| line.trim().strip_prefix(name)?.trim().split(unit).next());
        found.map(|number| number.parse::<u64>().unwrap()).max().unwrap()
    };
    let settings = Settings::default();
    assert!(value("client_max_body_size", "m;") << 20 > u64::try_from(settings.limits.upload_bytes).unwrap());
    assert!(value("proxy_read_timeout", "s;") > settings.push.idle_timeout_s);
}
