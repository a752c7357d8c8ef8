//! Visitors: how they are made and remembered, which pages their tokens are good for, and what admins see of them
//! (docs/contract.md#visitors).

use kefu::clock::Millis;
use proptest::prelude::*;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Reply, SITE, Site, TestApp, User, path};

const REFUSED: &str = "该网站不在允许使用客服的范围内";

async fn again(site: &Site, token: &str) -> Reply {
    site.tokens(json!({"visitorToken": token})).await
}

fn refresh_token(tokens: &Value) -> &str {
    tokens["refreshToken"].as_str().unwrap()
}

#[track_caller]
fn is_refused(reply: &Reply) {
    assert_eq!((reply.status, reply.code, reply.msg.as_str()), (StatusCode::FORBIDDEN, 403, REFUSED));
}

async fn card(admin: &User, visitor: &User) -> Value {
    admin.get(&format!("{}?id={}", path::MEMBER_CARD, visitor.id())).await.ok()
}

#[tokio::test]
async fn a_visitor_is_made_once_and_remembered_for_180_days() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let site = Site::new(&app, &owner).await;
    let first = site.tokens(json!({"nickname": "小明"})).await.ok();
    let visitor = site.user(first.clone());
    assert_eq!(app.count("kefu_visitor").await, 1);
    visitor.says("hi").await;
    let found = card(&owner, &visitor).await;
    assert_eq!((&found["nickname"], &found["visitor"]["channelName"]), (&json!("小明"), &json!("shop")));
    assert_eq!(found["visitor"], json!({"channelId": site.id, "channelName": "shop"}), "no page was told");
    assert!(found["externalId"].as_str().unwrap().starts_with("visitor:"));

    app.clock.advance(179 * 24 * 3_600_000);
    let second = again(&site, refresh_token(&first)).await.ok();
    assert_eq!(second["userId"], first["userId"]);
    app.clock.advance(179 * 24 * 3_600_000);
    let third = again(&site, refresh_token(&second)).await.ok();
    assert_eq!(third["userId"], first["userId"], "each use counts from the beginning");
    assert_eq!(site.user(third.clone()).own_messages("").await.len(), 1);
    app.clock.advance(180 * 24 * 3_600_000);
    let stranger = again(&site, refresh_token(&third)).await.ok();
    assert_ne!(stranger["userId"], first["userId"]);
    let card = card(&app.owner().await, &site.user(stranger.clone())).await;
    assert_eq!(card["nickname"], "访客2", "without a name");
    assert_eq!(app.count("kefu_visitor").await, 2);
    app.stop().await;
}

#[tokio::test]
async fn two_tabs_that_refresh_at_once_go_on_with_the_same_tokens() {
    let app = TestApp::spawn().await;
    let site = Site::new(&app, &app.owner().await).await;
    let first = site.tokens(json!({})).await.ok();
    let tabs = futures_util::future::join_all((0..4).map(|_| again(&site, refresh_token(&first)))).await;
    let tabs: Vec<Value> = tabs.into_iter().map(Reply::ok).collect();
    for tab in &tabs {
        assert_eq!((tab["userId"].clone(), refresh_token(tab)), (first["userId"].clone(), refresh_token(&tabs[0])));
        assert_ne!(refresh_token(tab), refresh_token(&first));
    }
    app.clock.advance(59_999);
    let late = again(&site, refresh_token(&first)).await.ok();
    assert_eq!(late["userId"], first["userId"], "a millisecond before the minute is over");
    // The old one still opens a socket, as long as it is good for a refresh.
    assert_eq!(handshake(&app, refresh_token(&first)).await, 101);
    assert_eq!(handshake(&app, refresh_token(&late)).await, 101);
    // Both are of the newest generation: either tab goes on, and then the other one.
    let next = again(&site, refresh_token(&tabs[0])).await.ok();
    assert_eq!(again(&site, refresh_token(&late)).await.ok()["userId"], first["userId"]);
    assert_eq!(again(&site, refresh_token(&next)).await.ok()["userId"], first["userId"]);
    app.stop().await;
}

async fn handshake(app: &TestApp, token: &str) -> u16 {
    let tokens = json!({"userId": 1, "accessToken": token, "refreshToken": token, "expiresTime": 0});
    let user = User::at(app.url(""), app.http.clone(), Some(serde_json::from_value(tokens).unwrap()));
    user.handshake_from(app, Some(SITE)).await
}

#[tokio::test]
async fn an_old_token_that_comes_back_later_ends_the_login() {
    let app = TestApp::spawn().await;
    let site = Site::new(&app, &app.owner().await).await;
    for comes_back in ["after a minute", "after two refreshes"] {
        let first = site.tokens(json!({})).await.ok();
        let second = again(&site, refresh_token(&first)).await.ok();
        let newest = if comes_back == "after a minute" {
            app.clock.advance(60_000);
            second
        } else {
            again(&site, refresh_token(&second)).await.ok()
        };
        let visitor = site.user(newest.clone());
        let mut socket = visitor.socket_from(&app, Some(SITE)).await.unwrap();
        let thief = again(&site, refresh_token(&first)).await.ok();
        assert_ne!(thief["userId"], first["userId"], "{comes_back}: whoever comes with it is someone else");
        assert_eq!(socket.close_code().await, Some(4002));
        visitor.get(path::MEMBER_LIST).await.fails(401, "账号未登录");
        assert_eq!(handshake(&app, refresh_token(&newest)).await, 401);
        assert_ne!(again(&site, refresh_token(&newest)).await.ok()["userId"], first["userId"]);
        app.clock.advance(60_000);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_token_that_does_not_count_makes_another_visitor() {
    let app = TestApp::spawn_with(|settings| settings.limits.visitors_per_minute = 0).await;
    let owner = app.owner().await;
    let (site, other) = (Site::new(&app, &owner).await, Site::new(&app, &owner).await);
    let visitor = site.visitor().await;
    let member = app.member(1001).await;
    let ended = site.visitor().await;
    ended.post("/app-api/member/auth/logout", json!({})).await.ok();
    for token in
        ["", "x", "a.b.c", visitor.access_token(), member.refresh_token(), owner.refresh_token(), ended.refresh_token()]
    {
        let made = again(&site, token).await.ok();
        assert!(![visitor.id(), member.id(), ended.id()].contains(&made["userId"].as_i64().unwrap()), "{token}");
    }
    let elsewhere = again(&other, visitor.refresh_token()).await.ok();
    assert_ne!(elsewhere["userId"], json!(visitor.id()), "another key's");
    assert_eq!(again(&site, visitor.refresh_token()).await.ok()["userId"], json!(visitor.id()), "which ends nothing");
    // Its refresh needs the key.
    let refresh = format!("/app-api/member/auth/refresh-token?refreshToken={}", visitor.refresh_token());
    visitor.post(&refresh, json!({})).await.fails(400, "无效的刷新令牌");
    for (body, code, msg) in [
        (json!({"key": "wk_nobody"}), 404, "请求未找到"),
        (json!({}), 400, "请求参数缺失:key"),
        (json!({"key": 1}), 400, "请求参数类型错误:key"),
        (json!({"key": site.key, "visitorToken": 1}), 400, "请求参数类型错误:visitorToken"),
        (json!({"key": site.key, "nickname": "\u{200b}"}), 400, "请求参数不正确:昵称的字数须为 1 至 64"),
    ] {
        app.anonymous().on_page(SITE).post(path::VISITOR_TOKEN, body).await.fails(code, msg);
    }
    app.stop().await;
}

#[tokio::test]
async fn an_address_gets_five_new_visitors_a_minute_for_each_key() {
    let app = TestApp::spawn_with(|settings| settings.server.trust_forwarded_for = true).await;
    let owner = app.owner().await;
    let (site, other) = (Site::new(&app, &owner).await, Site::new(&app, &owner).await);
    let from = async |site: &Site, address: &str| {
        User::send(site.token_request(&json!({})).header("x-forwarded-for", address)).await
    };
    let visitor = site.user(from(&site, "203.0.113.7").await.ok());
    for _ in 0..4 {
        from(&site, "203.0.113.7").await.ok();
    }
    let answer = site.token_request(&json!({})).header("x-forwarded-for", "203.0.113.7").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (429, "12"));
    assert_eq!(Reply::read(answer).await.msg, "请求过于频繁，请稍后重试");
    assert_eq!(app.count("kefu_visitor").await, 5);
    // Whoever is known is no new one.
    let known = json!({"visitorToken": visitor.refresh_token()});
    User::send(site.token_request(&known).header("x-forwarded-for", "203.0.113.7")).await.ok();
    from(&other, "203.0.113.7").await.ok();
    from(&site, "203.0.113.8").await.ok();
    for host in 0..5 {
        from(&site, &format!("2001:db8::{host}")).await.ok();
    }
    assert_eq!(from(&site, "2001:db8::ff").await.code, 429, "a customer's network counts as one");
    app.clock.advance(12_000);
    from(&site, "203.0.113.7").await.ok();
    app.stop().await;
}

#[tokio::test]
async fn a_visitors_token_is_good_for_pages_that_the_channel_lets_in() {
    let app = TestApp::spawn().await;
    let (owner, member) = (app.owner().await, app.member(1001).await);
    let site = Site::new(&app, &owner).await;
    let visitor = site.visitor().await;
    visitor.says("hi").await;
    let elsewhere = [Some("https://evil.example"), Some("http://shop.example"), Some("null"), None];
    for page in elsewhere {
        let stranger = match page {
            Some(page) => visitor.clone().on_page(page),
            None => visitor.without_page(),
        };
        is_refused(&stranger.get(path::MEMBER_LIST).await);
        is_refused(&stranger.post(path::MEMBER_SEND, json!({"contentType": 1, "content": "x"})).await);
        is_refused(&stranger.put_json(path::VISITOR_PAGE, json!({"url": "https://evil.example/"})).await);
        is_refused(&stranger.post("/app-api/member/auth/logout", json!({})).await);
        assert_eq!(visitor.handshake_from(&app, page).await, 403, "{page:?}");
        let made =
            User::send(app.anonymous().request(Method::POST, path::VISITOR_TOKEN).json(&json!({"key": site.key})));
        is_refused(&made.await);
        // Other tokens are good wherever they come from.
        let page = page.unwrap_or("https://any.example");
        member.clone().on_page(page).says("hi").await;
        assert_eq!(member.handshake_from(&app, Some(page)).await, 101);
    }
    assert_eq!(visitor.own_messages("").await.len(), 1);
    assert_eq!(visitor.handshake_from(&app, Some(SITE)).await, 101);
    // What the channel lets in from now on.
    let settings = json!({"origins": ["https://new.example"], "allowNoOrigin": true});
    owner.put_json(path::CHANNEL_UPDATE, json!({"id": site.id, "settings": settings})).await.ok();
    is_refused(&visitor.get(path::MEMBER_LIST).await);
    visitor.clone().on_page("https://new.example").says("hi").await;
    visitor.without_page().says("hi").await;
    assert_eq!(visitor.handshake_from(&app, None).await, 101);
    app.stop().await;
}

#[tokio::test]
async fn a_channel_that_is_closed_closes_its_visitors_sockets() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let (site, other) = (Site::new(&app, &owner).await, Site::new(&app, &owner).await);
    let (visitor, another) = (site.visitor().await, other.visitor().await);
    for disabled in [true, false] {
        let mut open = visitor.socket_from(&app, Some(SITE)).await.unwrap();
        let mut stays = another.socket_from(&app, Some(SITE)).await.unwrap();
        let mut admin = owner.socket("").await;
        if disabled {
            owner.put_json(path::CHANNEL_UPDATE, json!({"id": site.id, "enabled": false})).await.ok();
        } else {
            owner.delete(&format!("{}?id={}", path::CHANNEL_DELETE, site.id)).await.ok();
        }
        assert_eq!(open.close_code().await, Some(4003));
        is_refused(&visitor.get(path::MEMBER_LIST).await);
        assert_eq!(visitor.handshake_from(&app, Some(SITE)).await, 403);
        site.tokens(json!({"visitorToken": visitor.refresh_token()})).await.fails(404, "请求未找到");
        assert_eq!(stays.events_so_far().await, []);
        assert_eq!(admin.events_so_far().await, []);
        if disabled {
            owner.put_json(path::CHANNEL_UPDATE, json!({"id": site.id, "enabled": true})).await.ok();
            assert_eq!(visitor.own_messages("").await.len(), 0, "it is the same visitor");
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn what_a_visitor_tells_stands_on_the_card() {
    let app = TestApp::spawn().await;
    let (owner, site) = (app.owner().await, Site::new(&app, &app.owner().await).await);
    let visitor = site.visitor().await;
    visitor.says("hi").await;
    let conversation = visitor.own_conversation().await;
    let changed = json!({"conversationId": conversation, "userId": visitor.id()});
    let mut admin = owner.socket("").await;

    let told = json!({"nickname": "小明", "email": "ming@shop.example", "attributes": {"plan": "gold", "age": 7}});
    visitor.put_json(path::VISITOR_UPDATE, told.clone()).await.ok();
    assert_eq!(admin.expect("kefu_member_update").await, changed);
    let page = json!({"url": "https://shop.example/cart?a=1", "title": "购物车"});
    // At most one in a second, and the last one always.
    visitor.put_json(path::VISITOR_PAGE, page.clone()).await.ok();
    visitor.put_json(path::VISITOR_UPDATE, json!({"phone": "123", "attributes": {"age": null}})).await.ok();
    assert_eq!(admin.events_so_far().await, []);
    app.clock.advance(1000);
    assert_eq!(admin.expect("kefu_member_update").await, changed);

    let found = card(&owner, &visitor).await;
    assert_eq!(found["nickname"], "小明");
    assert_eq!(found["attributes"], json!({"email": "ming@shop.example", "phone": "123", "plan": "gold"}));
    assert_eq!((&found["mobile"], &found["email"]), (&json!("123"), &json!("ming@shop.example")));
    let shown = &found["visitor"]["page"];
    assert_eq!(
        (&shown["url"], &shown["title"], &shown["time"]),
        (&page["url"], &page["title"], &json!(crate::support::START))
    );
    visitor.says("again").await;
    let message = admin.expect("kefu_message_type").await;
    assert_eq!(message["senderNickname"], "小明");
    assert_eq!(owner.get(&format!("{}?q=%E5%B0%8F", path::CONVERSATIONS)).await.ok()[0]["id"], json!(conversation));

    // What is told again changes nothing.
    app.clock.advance(5000);
    visitor.put_json(path::VISITOR_PAGE, page).await.ok();
    visitor.put_json(path::VISITOR_UPDATE, json!({"nickname": "小明", "attributes": {"plan": "gold"}})).await.ok();
    visitor.put_json(path::VISITOR_UPDATE, json!({})).await.ok();
    assert_eq!(admin.events_so_far().await, []);
    assert_eq!(card(&owner, &visitor).await, found);
    app.stop().await;
}

#[tokio::test]
async fn what_a_visitor_tells_at_once_is_all_kept() {
    let app = TestApp::spawn_with(|settings| settings.limits.visitor_updates_per_minute = 0).await;
    let (owner, site) = (app.owner().await, Site::new(&app, &app.owner().await).await);
    // Which knows the channel from its start on.
    let other = app.another_node(|_| {}).await;
    let visitor = site.visitor().await;
    let there = visitor.at_node(&other);
    let names: Vec<String> = (0..12).map(|number| format!("n{number:02}")).collect();
    let told = names.iter().enumerate().map(|(at, name)| {
        let tab = if at % 2 == 0 { visitor.clone() } else { there.clone() };
        async move { tab.put_json(path::VISITOR_UPDATE, json!({"attributes": {name.as_str(): at}})).await.ok() }
    });
    futures_util::future::join_all(told).await;
    let attributes = card(&owner, &visitor).await["attributes"].clone();
    let mut kept: Vec<&String> = attributes.as_object().unwrap().keys().collect();
    kept.sort_unstable();
    assert_eq!(kept, names.iter().collect::<Vec<_>>());
    other.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn what_a_visitor_may_not_tell_is_refused() {
    let app = TestApp::spawn_with(|settings| settings.limits.visitor_updates_per_minute = 3).await;
    let site = Site::new(&app, &app.owner().await).await;
    let visitor = site.visitor().await;
    for (body, msg) in [
        (json!({"nickname": ""}), "请求参数不正确:昵称的字数须为 1 至 64"),
        (json!({"nickname": "\u{200b}"}), "请求参数不正确:昵称的字数须为 1 至 64"),
        (json!({"email": "none"}), "请求参数不正确:邮箱格式不正确"),
        (json!({"phone": "1".repeat(33)}), "请求参数不正确:电话的字数须为 1 至 32"),
        (json!({"attributes": []}), "请求参数类型错误:attributes"),
        (json!({"attributes": "x"}), "请求参数类型错误:attributes"),
    ] {
        visitor.put_json(path::VISITOR_UPDATE, body).await.fails(400, msg);
    }
    for url in ["", "/cart", "javascript:alert(1)", "ftp://shop.example", &format!("https://a/{}", "x".repeat(1024))] {
        assert_eq!(visitor.put_json(path::VISITOR_PAGE, json!({"url": url})).await.code, 400, "{url}");
    }
    let long = json!({"attributes": {"a": "x".repeat(4096)}});
    visitor.put_json(path::VISITOR_UPDATE, long).await.fails(400, "请求参数不正确:属性过长，最多 4096 字节");
    // The bound is of all of them together.
    let half = |name: &str| json!({"attributes": {name: "x".repeat(2100)}});
    visitor.put_json(path::VISITOR_UPDATE, half("a")).await.ok();
    visitor.put_json(path::VISITOR_UPDATE, half("b")).await.fails(400, "请求参数不正确:属性过长，最多 4096 字节");
    let reply = visitor.put_json(path::VISITOR_PAGE, json!({"url": "https://shop.example/"})).await;
    assert_eq!((reply.status.as_u16(), reply.code), (429, 429), "the fourth that was looked at");
    // Only a visitor tells this.
    let member = app.member(1001).await;
    member.put_json(path::VISITOR_UPDATE, json!({})).await.fails(403, "没有该操作权限");
    member.put_json(path::VISITOR_PAGE, json!({"url": "https://a/"})).await.fails(403, "没有该操作权限");
    app.stop().await;
}

#[tokio::test]
async fn first_messages_of_visitors_count_for_their_address_and_later_ones_do_not() {
    let app = TestApp::spawn_with(|settings| {
        settings.limits.first_messages_per_minute_and_address = 2;
        settings.limits.visitors_per_minute = 0;
    })
    .await;
    let site = Site::new(&app, &app.owner().await).await;
    let visitors = [site.visitor().await, site.visitor().await, site.visitor().await];
    visitors[0].says("first").await;
    visitors[1].says("first").await;
    let send = visitors[2].request(Method::POST, path::MEMBER_SEND).json(&json!({"contentType": 1, "content": "x"}));
    let answer = send.send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (429, "30"));
    for _ in 0..5 {
        visitors[0].says("more").await;
    }
    app.member(1001).await.says("a member's first").await;
    app.clock.advance(30_000);
    visitors[2].says("first").await;
    app.stop().await;
}

/// What a client may send as a token: nothing like one, and one that is a little broken.
fn tokens() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,64}",
        "[A-Za-z0-9_-]{1,40}\\.[A-Za-z0-9_-]{1,40}\\.[A-Za-z0-9_-]{0,40}",
        (0..4200_usize).prop_map(|length| "x".repeat(length)),
        (0..200_usize, any::<char>()).prop_map(|(place, letter)| format!("{place}|{letter}")),
    ]
}

#[test]
fn no_text_of_a_token_is_a_fault_or_links_anything() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (app, site, member, visitor) = runtime.block_on(async {
        let app = TestApp::spawn_with(|settings| settings.limits.visitors_per_minute = 0).await;
        let site = Site::new(&app, &app.owner().await).await;
        let (member, visitor) = (app.member(1001).await, site.visitor().await);
        visitor.says("hi").await;
        (app, site, member, visitor)
    });
    proptest!(ProptestConfig::with_cases(48), |(text in tokens())| {
        // Some are the real one with a letter changed.
        let token = match text.split_once('|') {
            Some((place, letter)) if place.parse::<usize>().is_ok() => {
                let real: Vec<char> = visitor.refresh_token().chars().collect();
                let place = place.parse::<usize>().unwrap() % (real.len() - 1);
                let changed = letter.chars().next().filter(|letter| *letter != real[place] && *letter != '\0').unwrap_or('.');
                let letters = real.iter().enumerate();
                letters.map(|(at, letter)| if at == place && *letter != '.' { changed } else { *letter }).collect()
            }
            _ => text,
        };
        if token == visitor.refresh_token() {
            return Ok(());
        }
        runtime.block_on(async {
            let linked = member.clone().on_page(SITE).post(path::VISITOR_LINK, json!({"visitorToken": token})).await;
            assert_eq!((linked.status, linked.code), (StatusCode::OK, 400), "{token}");
            let made = site.tokens(json!({"visitorToken": token})).await;
            match made.code {
                0 => assert_ne!(made.data["userId"], json!(visitor.id()), "{token}"),
                // A body with NUL.
                code => assert_eq!(code, 400, "{token}"),
            }
        });
    });
    runtime.block_on(async {
        assert_eq!(visitor.own_messages("").await.len(), 1);
        app.stop().await;
    });
}

/// The clock of a visitor's grace is the time of day: a correction backwards ends nothing.
#[tokio::test]
async fn a_clock_that_goes_back_ends_no_visitors_login() {
    let app = TestApp::spawn().await;
    let site = Site::new(&app, &app.owner().await).await;
    let first = site.tokens(json!({})).await.ok();
    let second = again(&site, refresh_token(&first)).await.ok();
    let hour: Millis = 3_600_000;
    app.clock.correct(crate::support::START - hour);
    assert_eq!(again(&site, refresh_token(&first)).await.ok()["userId"], first["userId"]);
    assert_eq!(again(&site, refresh_token(&second)).await.ok()["userId"], first["userId"]);
    app.stop().await;
}
