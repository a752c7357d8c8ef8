//! How long a socket lives and with which code it ends (docs/contract.md#websocket; invariants 8 and 9).

use futures_util::future::join_all;
use kefu::testing::access::{Permission, Role};
use kefu::testing::auth::admin;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{START, Socket, TENANT, TestApp, eventually, path};

const MEMBERS: &str = "kefu_sockets{user_type=\"member\"}";
const ADMINS: &str = "kefu_sockets{user_type=\"admin\"}";

#[tokio::test]
async fn a_silent_socket_is_pinged_at_half_of_the_idle_timeout_and_closed_with_4009_at_the_whole() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    // Read as bytes: the client's library would answer the ping.
    let mut silent = member.socket("").await.stream.into_inner();
    app.clock.advance(30_000);
    let mut ping = [0; 2];
    silent.read_exact(&mut ping).await.unwrap();
    assert_eq!(ping, [0x89, 0]);
    app.clock.advance(30_000);
    let mut close = [0; 4];
    silent.read_exact(&mut close).await.unwrap();
    assert_eq!((close[0], u16::from_be_bytes([close[2], close[3]])), (0x88, 4009));
    app.until_metric(MEMBERS, 0).await;
    app.stop().await;
}

#[tokio::test]
async fn a_socket_that_answers_stays_open() {
    let app = TestApp::spawn().await;
    let mut socket = app.member(1001).await.socket("").await;
    for _ in 0..5 {
        app.clock.advance(30_000);
        assert!(matches!(socket.next_of_any_kind().await, Some(Message::Ping(_))));
        // The client's library sends the pong before this ping, whose answer tells that both have arrived.
        assert_eq!(socket.events_so_far().await, []);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_socket_is_closed_with_4001_when_its_token_expires() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    for user in [&member, &owner] {
        let mut by_access = Socket::open(&app.socket_url(&format!("token={}", user.access_token()))).await.unwrap();
        assert_eq!(by_access.events_so_far().await, []);
        app.clock.set(user.tokens.as_ref().unwrap().expires_time);
        assert_eq!(by_access.close_code().await, Some(4001));
        app.clock.set(START);
    }
    app.until_metric(MEMBERS, 0).await;
    app.until_metric(ADMINS, 0).await;
    app.stop().await;
}

#[tokio::test]
async fn a_logout_closes_the_logins_sockets_with_4002_and_no_others() {
    let app = TestApp::spawn().await;
    for (user, again, path) in [
        (app.member(1001).await, app.member(1001).await, "/app-api/member/auth/logout"),
        (app.owner().await, app.owner().await, "/admin-api/system/auth/logout"),
    ] {
        let mut closed = [
            user.socket("").await,
            Socket::open(&app.socket_url(&format!("token={}", user.access_token()))).await.unwrap(),
        ];
        let mut open = again.socket("").await;
        user.post(path, json!({})).await.ok();
        for socket in &mut closed {
            assert_eq!(socket.close_code().await, Some(4002));
        }
        assert_eq!(open.events_so_far().await, []);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_logout_with_the_integrators_token_closes_its_sockets_with_4002() {
    const SHARED: &str = "the integrator's secret of 32 bytes or more";
    let app = TestApp::spawn_with(|settings| settings.auth.member_token.secret = Some(SHARED.into())).await;
    let token = |session: &str, exp: i64| {
        let key = jsonwebtoken::EncodingKey::from_secret(SHARED.as_bytes());
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), &json!({"sub": "7", "sid": session, "exp": exp}), &key)
            .unwrap()
    };
    let (one, two) = (token("phone", START / 1000 + 600), token("desk", START / 1000 + 601));
    let open = async |token: &str| Socket::open(&app.socket_url(&format!("token={token}"))).await;
    let (mut closed, mut stays) = (open(&one).await.unwrap(), open(&two).await.unwrap());
    let logout = app.http.post(app.url("/app-api/member/auth/logout")).bearer_auth(&one).send().await.unwrap();
    assert_eq!(logout.json::<Value>().await.unwrap()["code"], json!(0));
    assert_eq!(closed.close_code().await, Some(4002));
    assert!(open(&one).await.is_err(), "the token is refused from now on");
    assert_eq!(stays.events_so_far().await, []);
    // And at its end, as any other.
    app.clock.advance(601_000);
    assert_eq!(stays.close_code().await, Some(4001));
    app.stop().await;
}

/// As `kefu admin role` does it, from another process.
#[tokio::test]
async fn an_open_socket_follows_its_admins_role() {
    let app = TestApp::spawn().await;
    let (member, agent) = (app.member(1001).await, app.admin("one", Role::Agent).await);
    member.says("hi").await;
    let id = member.own_conversation().await;
    let typing = json!({"type": "kefu_typing", "content": {"conversationId": id}}).to_string();
    let (mut socket, mut at_member) = (agent.socket("").await, member.socket("").await);
    let refused = json!({"code": 403, "msg": "没有该操作权限"});
    for (only, may) in [(Some(Permission::QueryMessages), false), (None, true)] {
        match only {
            Some(permission) => app.let_only(&agent, &[permission]).await,
            None => admin::set_role(&app.db, &app.clock, TENANT, "one", Role::Agent).await.unwrap(),
        }
        eventually("the socket has the role", async || {
            app.clock.advance(1000);
            socket.send(&typing).await;
            let refusals = socket.events_so_far().await;
            assert!(refusals.iter().all(|event| event.kind == "error" && event.content == refused), "{refusals:?}");
            refusals.is_empty() == may
        })
        .await;
        // So have the same login's requests, and the member hears of the typing that was allowed.
        let answer =
            agent.post(path::ADMIN_SEND, json!({"conversationId": id, "contentType": 1, "content": "hi"})).await;
        assert_eq!(answer.code, if may { 0 } else { 403 });
        let heard = at_member.events_so_far().await;
        assert_eq!(heard.last().is_some_and(|event| event.kind == "kefu_message_type"), may, "{heard:?}");
    }
    assert_eq!(socket.events_so_far().await.len(), 1, "it is the same socket, and hears the echo");

    // What goes to those who may query messages comes as long as the admin may.
    for (only, hears) in [(Some(Permission::SendMessages), false), (None, true)] {
        match only {
            Some(permission) => app.let_only(&agent, &[permission]).await,
            None => admin::set_role(&app.db, &app.clock, TENANT, "one", Role::Viewer).await.unwrap(),
        }
        eventually("the socket has the role", async || {
            app.clock.advance(1000);
            member.says("again").await;
            socket.events_so_far().await.is_empty() != hears
        })
        .await;
        socket.send(&json!({"type": "kefu_resync", "content": {"since": START}}).to_string()).await;
        let answer = socket.event().await;
        assert_eq!((answer.kind == "error", answer.content == refused), (!hears, !hears), "{answer:?}");
        if hears {
            socket.events_until("kefu_resync_done").await;
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn a_disabled_account_and_a_new_password_close_all_sockets_with_4003_also_from_another_process() {
    let app = TestApp::spawn().await;
    let (disabled, changed) = (app.admin("one", Role::Agent).await, app.admin("two", Role::Agent).await);
    let mut closed = [
        disabled.socket("").await,
        Socket::open(&app.socket_url(&format!("token={}", disabled.access_token()))).await.unwrap(),
        changed.socket("").await,
    ];
    let mut owner = app.owner().await.socket("").await;
    // The harness's own pool is what `kefu admin` has: another process on the same tables.
    admin::set_enabled(&app.db, &app.clock, TENANT, "one", false).await.unwrap();
    admin::set_password(&app.db, &app.clock, TENANT, "two", "another password").await.unwrap();
    for socket in &mut closed {
        assert_eq!(socket.close_code().await, Some(4003));
    }
    for user in [&disabled, &changed] {
        assert_eq!(app.handshake(&format!("token={}", user.refresh_token())).await, 401);
    }
    assert_eq!(owner.events_so_far().await, []);
    app.stop().await;
}

#[tokio::test]
async fn one_socket_too_many_closes_the_users_oldest_with_4010() {
    let app = TestApp::spawn_with(|settings| settings.push.sessions_per_user = 2).await;
    let member = app.member(1001).await;
    let mut other = app.member(1002).await.socket("").await;
    let (mut first, mut second) = (member.socket("").await, member.socket("").await);
    let mut third = member.socket("").await;
    assert_eq!(first.close_code().await, Some(4010));
    let id = member.says("在").await;
    for socket in [&mut second, &mut third] {
        assert_eq!(socket.expect("kefu_message_type").await["id"], json!(id));
    }
    assert_eq!(other.events_so_far().await, []);
    app.until_metric(MEMBERS, 3).await;
    app.stop().await;
}

#[tokio::test]
async fn a_socket_counts_until_its_connection_has_ended_which_takes_seconds() {
    let app = TestApp::spawn_with(|settings| {
        settings.push.sessions_per_user = 1;
        settings.push.queue_bytes = 16 * 1024 * 1024;
        settings.limits.content_length = 65_536;
    })
    .await;
    let member = app.member(1001).await;
    // It reads nothing: what the systems do not take waits in its queue.
    let url = app.socket_url(&format!("token={}", member.refresh_token()));
    let deaf = Socket::open_with_buffer(&url, Some(4096)).await.unwrap();
    let body = serde_json::json!({"contentType": 1, "content": "x".repeat(65_000)});
    for _ in 0..100 {
        member.post("/app-api/promotion/kefu-message/send", body.clone()).await.ok();
    }
    let second = member.socket("").await;
    // One is open, one is closing: that is all a user gets.
    let refused = app.http.get(app.url(&format!("/infra/ws?token={}", member.refresh_token())));
    let refused = ["connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13"]
        .into_iter()
        .chain(["sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="])
        .fold(refused, |request, header| {
            let (name, value) = header.split_once(": ").unwrap();
            request.header(name, value)
        });
    let refused = refused.send().await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (429, "1"));
    // Its client never reads, and its connection ends all the same.
    app.until_metric(MEMBERS, 1).await;
    drop((deaf, second));
    app.until_metric(MEMBERS, 0).await;
    app.stop().await;
}

#[tokio::test]
async fn sockets_are_limited_by_address_and_in_all() {
    for (in_all, per_address, status) in [(2, 100, 503), (100, 2, 429)] {
        let app = TestApp::spawn_with(|settings| {
            (settings.push.sockets, settings.push.sockets_per_address) = (in_all, per_address);
        })
        .await;
        let (member, owner) = (app.member(1001).await, app.owner().await);
        let first = member.socket("").await;
        let _second = owner.socket("").await;
        assert_eq!(app.handshake(&format!("token={}", owner.refresh_token())).await, status);
        first.close().await;
        app.until_metric(MEMBERS, 0).await;
        assert_eq!(app.handshake(&format!("token={}", owner.refresh_token())).await, 101);
        app.stop().await;
    }
}

#[tokio::test]
async fn a_graceful_stop_closes_every_socket_with_1001_after_what_is_queued() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let (mut at_member, mut at_owner) = (member.socket("").await, owner.socket("").await);
    let id = member.says("再见").await;
    let see = async {
        assert_eq!(at_member.expect("kefu_message_type").await["id"], json!(id));
        assert_eq!(at_member.close_code().await, Some(1001));
        assert_eq!(at_owner.close_code().await, Some(1001));
    };
    tokio::join!(app.stop(), see);
}

#[tokio::test]
async fn a_thousand_sockets_dropped_abruptly_leave_the_registry_empty() {
    let app = TestApp::spawn_with(|settings| settings.push.sessions_per_user = 2000).await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    for round in 0..10 {
        let user = if round % 2 == 0 { &member } else { &owner };
        let sockets = join_all((0..100).map(|_| user.socket(""))).await;
        assert!(app.metric(MEMBERS).await + app.metric(ADMINS).await >= 100);
        for socket in sockets {
            // No close frame, no goodbye: a reset.
            socket.stream.get_ref().set_zero_linger().unwrap();
        }
    }
    app.until_metric(MEMBERS, 0).await;
    app.until_metric(ADMINS, 0).await;
    let mut socket = member.socket("").await;
    let id = member.says("还在").await;
    assert_eq!(socket.expect("kefu_message_type").await["id"], json!(id));
    app.stop().await;
}
