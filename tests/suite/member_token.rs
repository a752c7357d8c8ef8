//! Tokens that the integrator's own system signs for its members.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::support::{START, TestApp, User, path};

const SHARED: &str = "a secret shared with the integrator";

async fn app() -> TestApp {
    TestApp::spawn_with(|settings| {
        settings.auth.member_token.secret = Some(SHARED.into());
        settings.auth.member_token.issuer = Some("shop".into());
        settings.auth.member_token.user_id_claim = "uid".into();
    })
    .await
}

fn claims() -> Value {
    json!({"iss": "shop", "uid": 247, "nickname": "小明", "avatar": "http://x/1.png", "exp": START / 1000 + 3600})
}

/// The claims with some of them changed.
fn claims_with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn signed(claims: &Value, algorithm: Algorithm, secret: &str) -> String {
    encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

fn member(app: &TestApp, claims: &Value) -> User {
    bearer(app, &signed(claims, Algorithm::HS256, SHARED))
}

fn bearer(app: &TestApp, token: &str) -> User {
    let tokens = json!({"userId": 1, "accessToken": token, "refreshToken": token, "expiresTime": 0});
    app.user_with(serde_json::from_value(tokens).unwrap())
}

#[tokio::test]
async fn a_member_is_made_at_the_first_call_and_renamed_by_a_later_token() {
    let app = app().await;
    let own = member(&app, &claims()).get(path::MEMBER_PROFILE).await.ok();
    assert_eq!(own, json!({"id": 247, "nickname": "小明", "avatar": "http://x/1.png"}));
    member(&app, &claims()).says("hi").await;
    let owner = app.owner().await;
    assert_eq!(owner.conversations().await[0]["userNickname"], "小明");

    let renamed = member(&app, &claims_with(json!({"nickname": "大明"})));
    assert_eq!(renamed.get(path::MEMBER_PROFILE).await.ok()["nickname"], "大明");
    assert_eq!(owner.conversations().await[0]["userNickname"], "大明");
    assert_eq!(app.count("kefu_member").await, 1);
    app.stop().await;
}

#[tokio::test]
async fn an_id_that_is_no_number_gets_a_number_of_its_own() {
    let app = app().await;
    let own = member(&app, &claims_with(json!({"uid": "u-abc"}))).get(path::MEMBER_PROFILE).await.ok();
    assert!(own["id"].as_i64().is_some_and(|id| (1 << 52..1 << 53).contains(&id)), "{own}");
    let again = member(&app, &claims_with(json!({"uid": "u-abc"}))).get(path::MEMBER_PROFILE).await.ok();
    assert_eq!(again, own);
    app.stop().await;
}

#[tokio::test]
async fn the_tokens_tenant_decides() {
    let app = app().await;
    let member = member(&app, &claims_with(json!({"tenant_id": 2})));
    member.says("hi").await;
    assert_eq!(app.owner().await.conversations().await.len(), 0);
    assert_eq!(app.count("kefu_conversation WHERE tenant_id = 2").await, 1);
    app.stop().await;
}

#[tokio::test]
async fn a_token_opens_rest_and_socket_until_it_expires() {
    let app = app().await;
    let member = member(&app, &claims());
    let mut socket = member.socket("").await;
    member.says("hi").await;
    socket.expect("kefu_message_type").await;
    app.clock.advance(3_600_000);
    member.get(path::MEMBER_PROFILE).await.fails(401, "账号未登录");
    assert!(socket.close_code().await.is_some());
    app.stop().await;
}

#[tokio::test]
async fn a_token_that_is_not_the_integrators_is_refused_and_makes_no_member() {
    let app = app().await;
    let none =
        format!("eyJhbGciOiJub25lIn0.{}.", signed(&claims(), Algorithm::HS256, SHARED).split('.').nth(1).unwrap());
    for (what, token) in [
        ("another key", signed(&claims(), Algorithm::HS256, "another secret of sufficient length!")),
        ("another algorithm", signed(&claims(), Algorithm::HS512, SHARED)),
        ("no signature", none),
        ("another issuer", signed(&claims_with(json!({"iss": "x"})), Algorithm::HS256, SHARED)),
        ("an audience", signed(&claims_with(json!({"aud": "x"})), Algorithm::HS256, SHARED)),
        ("no expiry", signed(&claims_with(json!({"exp": null})), Algorithm::HS256, SHARED)),
        ("milliseconds", signed(&claims_with(json!({"exp": START + 3_600_000})), Algorithm::HS256, SHARED)),
        ("expired", signed(&claims_with(json!({"exp": START / 1000})), Algorithm::HS256, SHARED)),
        ("not yet valid", signed(&claims_with(json!({"nbf": START / 1000 + 3600})), Algorithm::HS256, SHARED)),
        ("no user", signed(&claims_with(json!({"uid": null})), Algorithm::HS256, SHARED)),
        ("user 0", signed(&claims_with(json!({"uid": 0})), Algorithm::HS256, SHARED)),
    ] {
        let reply = bearer(&app, &token).get(path::MEMBER_PROFILE).await;
        assert_eq!((reply.code, reply.msg.as_str()), (401, "账号未登录"), "{what}");
    }
    assert_eq!(app.count("kefu_member").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn the_newest_token_names_the_member() {
    let app = app().await;
    let owner = app.owner().await;
    let issued = |seconds: i64, nickname: &str, avatar: &str| {
        member(&app, &claims_with(json!({"iat": START / 1000 + seconds, "nickname": nickname, "avatar": avatar})))
    };
    let old = issued(-1000, "Old", "http://x/old.png");
    let new = issued(-10, "New", "");
    for user in [&old, &new, &old, &new, &old] {
        user.says(".").await;
        // What is believed of a token ends.
        app.clock.advance(5_000);
    }
    let shown = &owner.conversations().await[0];
    assert_eq!((&shown["userNickname"], &shown["userAvatar"]), (&json!("New"), &Value::Null), "an empty claim clears");
    // A newer token that says the same counts as the newest, too.
    let again = issued(-5, "New", "");
    again.says(".").await;
    issued(-7, "Between", "").says(".").await;
    assert_eq!(owner.conversations().await[0]["userNickname"], "New");
    app.stop().await;
}

#[tokio::test]
async fn names_and_pictures_are_shown_as_they_look() {
    let app = app().await;
    let owner = app.owner().await;
    let names = ["\u{202e}gnp.exe", "\u{200b}\u{200b}", "a\nb", "a\0b"];
    for (uid, nickname) in (1..).zip(names) {
        member(&app, &claims_with(json!({"uid": uid, "nickname": nickname, "avatar": "javascript:alert(1)"})))
            .says(".")
            .await;
    }
    let mut shown = owner.conversations().await;
    shown.sort_by_key(|conversation| conversation["userId"].as_i64());
    let shown: Vec<_> = shown.iter().map(|one| (one["userNickname"].as_str().unwrap(), &one["userAvatar"])).collect();
    let none = &Value::Null;
    assert_eq!(shown, [("gnp.exe", none), ("会员2", none), ("a b", none), ("ab", none)]);
    let long = format!("https://x/{}", "a".repeat(2000));
    let own = member(&app, &claims_with(json!({"avatar": long}))).get(path::MEMBER_PROFILE).await.ok();
    assert_eq!(own["avatar"], json!(long));
    app.stop().await;
}

#[tokio::test]
async fn the_integrators_id_is_shown_where_it_differs() {
    let app = app().await;
    let owner = app.owner().await;
    for id in [json!("550e8400-e29b-41d4-a716-446655440000"), json!(1_790_000_000_000_000_001_i64), json!(77)] {
        let own = member(&app, &claims_with(json!({"uid": id})));
        own.says("hi").await;
        let shown = &owner.conversations().await[0];
        let card = owner.get(&format!("/admin-api/member/user/get?id={}", shown["userId"])).await.ok();
        let expected = match &id {
            Value::String(text) => json!(text),
            number if *number == json!(77) => Value::Null,
            number => json!(number.to_string()),
        };
        assert_eq!((&shown["externalId"], &card["externalId"]), (&expected, &expected), "{id}");
        assert_eq!(
            shown.as_object().unwrap().contains_key("externalId"),
            id != json!(77),
            "left out when it says nothing"
        );
        app.clock.advance(1_000);
    }
    app.stop().await;
}
