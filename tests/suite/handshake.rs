//! The handshake of `/infra/ws`: which tokens open a socket (docs/contract.md#websocket).

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kefu::testing::access::Role;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::{START, Socket, TestApp};

const SHARED: &str = "the integrator's secret of 32 bytes or more";

fn signed(claims: &Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

#[tokio::test]
async fn access_and_refresh_tokens_of_members_and_admins_open_a_socket() {
    let app = TestApp::spawn().await;
    for user in [app.member(1001).await, app.owner().await, app.admin("viewer", Role::Viewer).await] {
        for token in [user.access_token(), user.refresh_token()] {
            let mut socket = Socket::open(&app.socket_url(&format!("token={token}"))).await.unwrap();
            assert_eq!(socket.events_so_far().await, []);
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn a_token_in_the_query_is_taken_on_the_socket_only() {
    let app = TestApp::spawn().await;
    let (member, nobody) = (app.member(1001).await, app.anonymous());
    let path = format!("/app-api/promotion/kefu-message/list?token={}", member.access_token());
    nobody.get(&path).await.fails(401, "账号未登录");
    assert_eq!(app.handshake(&format!("token={}", member.access_token())).await, 101);
    app.stop().await;
}

#[tokio::test]
async fn rest_refuses_the_refresh_token_that_the_socket_takes() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let mut tokens = member.tokens.clone().unwrap();
    assert_eq!(app.handshake(&format!("token={}", tokens.refresh_token)).await, 101);
    tokens.access_token = tokens.refresh_token.clone();
    app.user_with(tokens).get("/app-api/promotion/kefu-message/list").await.fails(401, "账号未登录");
    app.stop().await;
}

#[tokio::test]
async fn a_bad_token_gets_http_401_and_no_upgrade() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let token = member.access_token();
    let (signed_part, _) = token.rsplit_once('.').unwrap();
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", token.split('.').nth(1).unwrap());
    for query in [
        String::new(),
        "lastSeq=0".into(),
        "token=".into(),
        "token=nonsense".into(),
        "token=%FF%FE".into(),
        format!("token={signed_part}."),
        format!("token={none}"),
        format!("token={token}x"),
        format!("token={}", "a".repeat(8000)),
    ] {
        assert_eq!(app.handshake(&query).await, 401, "{query}");
    }
    let refused = app.http.get(app.url("/infra/ws")).send().await.unwrap();
    assert_eq!(refused.status().as_u16(), 401);
    assert_eq!(refused.json::<Value>().await.unwrap(), json!({"code": 401, "msg": "账号未登录", "data": null}));
    assert_eq!(app.metric("kefu_sockets{user_type=\"member\"}").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn an_expired_or_revoked_token_opens_no_socket() {
    let app = TestApp::spawn().await;
    let (member, other) = (app.member(1001).await, app.member(1002).await);
    other.post("/app-api/member/auth/logout", json!({})).await.ok();
    for token in [other.access_token(), other.refresh_token()] {
        assert_eq!(app.handshake(&format!("token={token}")).await, 401);
    }
    app.clock.advance(1_800_000);
    assert_eq!(app.handshake(&format!("token={}", member.access_token())).await, 401);
    assert_eq!(app.handshake(&format!("token={}", member.refresh_token())).await, 101);
    app.clock.advance(31 * 24 * 3_600_000);
    assert_eq!(app.handshake(&format!("token={}", member.refresh_token())).await, 401);
    app.stop().await;
}

#[tokio::test]
async fn the_integrators_token_opens_a_members_socket() {
    let app = TestApp::spawn_with(|settings| settings.auth.member_token.secret = Some(SHARED.into())).await;
    let exp = START / 1000 + 600;
    let token = signed(&json!({"sub": "2001", "nickname": "小明", "exp": exp}), SHARED);
    let mut socket = Socket::open(&app.socket_url(&format!("token={token}"))).await.unwrap();
    assert_eq!(socket.events_so_far().await, []);

    // The member is known from then on: a message that an own token sends reaches the integrator's socket.
    let member = app.member(2001).await;
    let id = member.says("你好").await;
    assert_eq!(socket.expect("kefu_message_type").await["id"], json!(id));

    for (claims, secret) in [
        (json!({"sub": "2001", "exp": exp}), "another secret of at least 32 bytes, too"),
        (json!({"sub": "2001", "exp": START / 1000}), SHARED),
        (json!({"sub": "2001"}), SHARED),
        (json!({"exp": exp}), SHARED),
        (json!({"sub": "2001", "exp": exp, "aud": "another service"}), SHARED),
        (json!({"sub": "2001", "exp": exp, "nbf": exp}), SHARED),
    ] {
        assert_eq!(app.handshake(&format!("token={}", signed(&claims, secret))).await, 401, "{claims}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_request_that_is_no_handshake_gets_400() {
    let app = TestApp::spawn().await;
    let path = format!("/infra/ws?token={}", app.member(1001).await.refresh_token());
    assert_eq!(app.http.get(app.url(&path)).send().await.unwrap().status().as_u16(), 400);
    assert_eq!(app.metric("kefu_sockets{user_type=\"member\"}").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_token_among_the_subprotocols_opens_a_socket() {
    let app = TestApp::spawn().await;
    let token = app.member(1001).await.refresh_token().to_owned();
    let open = async |protocols: &str| {
        let mut request = app.socket_url("").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
        let stream = TcpStream::connect(app.address).await.unwrap();
        match client_async(request, stream).await {
            Ok((stream, answer)) => {
                let mut socket = Socket { stream };
                assert_eq!(socket.events_so_far().await, []);
                Ok(answer.headers()["sec-websocket-protocol"].to_str().unwrap().to_owned())
            }
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    };
    for protocols in [format!("kefu.v1, kefu.token.{token}"), format!("kefu.token.{token},other,kefu.v1")] {
        assert_eq!(open(&protocols).await, Ok("kefu.v1".into()));
    }
    for protocols in ["kefu.v1".to_owned(), "kefu.v1, kefu.token.nonsense".into(), format!("kefu.v1, {token}")] {
        assert_eq!(open(&protocols).await, Err(401), "{protocols}");
    }
    app.stop().await;
}
