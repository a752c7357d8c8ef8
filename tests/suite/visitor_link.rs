//! Linking what a visitor wrote to the member who logs in (docs/contract.md#visitors).

use futures_util::future::{join, join_all};
use kefu::id::TenantId;
use serde_json::{Value, json};

use crate::support::tables::{StoredConversation, sound_conversations};
use crate::support::{Redis, Reply, SITE, Site, TestApp, User, eventually, path, text};

const READ_ONLY: &str = "请求参数不正确:会话已转到会员名下，只能查看";

async fn member(app: &TestApp, id: i64) -> User {
    app.member(id).await.on_page(SITE)
}

async fn sends(user: &User, key: &str) -> Reply {
    let body = json!({"contentType": 1, "content": text(key), "clientMessageId": key});
    user.post(path::MEMBER_SEND, body).await
}

async fn own(user: &User) -> Value {
    user.get(path::MEMBER_CONVERSATION).await.ok()
}

/// The messages without what a link changes.
fn kept(messages: &[Value]) -> Vec<[Value; 5]> {
    let kept = |message: &Value| ["id", "seq", "createTime", "content", "readStatus"].map(|name| message[name].clone());
    messages.iter().map(kept).collect()
}

#[tokio::test]
async fn a_member_without_a_conversation_gets_the_visitors() {
    let app = TestApp::spawn().await;
    let (owner, site) = (app.owner().await, Site::new(&app, &app.owner().await).await);
    let (visitor, member) = (site.visitor().await, member(&app, 1001).await);
    let first = sends(&visitor, "one").await.ok();
    sends(&visitor, "two").await.ok();
    let conversation = visitor.own_conversation().await;
    owner.reads(conversation).await;
    owner.answers(conversation, "您好").await;
    owner.pins(conversation, true).await;
    sends(&visitor, "three").await.ok();
    let (listed, before) = (visitor.own_messages("").await, owner.conversation(conversation).await);
    let mut sockets = [owner.socket("").await, member.socket("").await];
    let mut tab = visitor.socket_from(&app, Some(SITE)).await.unwrap();

    let answer = json!({"conversationId": conversation, "merged": true});
    assert_eq!(member.links(&visitor).await.ok(), answer);
    let linked = json!({"conversationId": conversation, "userId": 1001, "previousUserId": visitor.id()});
    for socket in &mut sockets {
        assert_eq!(socket.expect("kefu_conversation_linked").await, linked);
        assert_eq!(socket.events_so_far().await, []);
    }
    assert_eq!(tab.close_code().await, Some(4002));

    let messages = member.own_messages("").await;
    assert_eq!(kept(&messages), kept(&listed), "ids, seq and times stay");
    for message in &messages {
        let by_member = message["senderType"] == 1;
        assert_eq!(message[if by_member { "senderId" } else { "receiverId" }], 1001);
        assert_eq!(message["senderNickname"], if by_member { "会员1001" } else { "客服" });
    }
    let mut after = owner.conversation(conversation).await;
    assert_eq!((&after["userId"], &after["userNickname"]), (&json!(1001), &json!("会员1001")));
    for name in ["userId", "userNickname"] {
        after[name] = before[name].clone();
    }
    after["externalId"] = before["externalId"].clone();
    assert_eq!(after, before, "the counts and the rest stay");
    assert_eq!(owner.conversations().await.len(), 1);
    let last = owner.get(&format!("{}?id={conversation}&lastAdmin=true", path::CONVERSATION)).await.ok();
    assert_eq!(last.get("lastMessageAdminId"), None, "the member has written last");
    owner.assert_consistent(conversation, 4).await;

    // The visitor is nobody any more, in no way.
    sends(&visitor, "late").await.fails(401, "账号未登录");
    visitor.get(path::MEMBER_LIST).await.fails(401, "账号未登录");
    let anew = site.tokens(json!({"visitorToken": visitor.refresh_token()})).await.ok();
    assert_ne!(anew["userId"], json!(visitor.id()));
    // What was sent before is known under its clientMessageId, and the conversation goes on.
    assert_eq!(sends(&member, "one").await.ok(), first);
    sends(&member, "four").await.ok();
    assert_eq!(member.own_messages("limit=1").await[0]["seq"], 5);

    // Again, and by someone else.
    assert_eq!(member.links(&visitor).await.ok(), answer);
    let other = self::member(&app, 1002).await;
    other.links(&visitor).await.fails(400, "无效的刷新令牌");
    assert_eq!(own(&other).await, Value::Null);
    assert_eq!(app.count(&format!("kefu_message WHERE sender_type = 1 AND sender_id = {}", visitor.id())).await, 0);
    sound_conversations(&app.db, 1).await;
    app.stop().await;
}

#[tokio::test]
async fn beside_a_members_conversation_the_visitors_is_an_earlier_one_that_can_only_be_read() {
    let app = TestApp::spawn().await;
    let (owner, site) = (app.owner().await, Site::new(&app, &app.owner().await).await);
    let (visitor, member) = (site.visitor().await, member(&app, 1001).await);
    sends(&member, "mine").await.ok();
    let mine = member.own_conversation().await;
    owner.reads(mine).await;
    owner.deletes(mine).await;
    sends(&visitor, "one").await.ok();
    app.clock.advance(1000);
    sends(&visitor, "two").await.ok();
    let earlier = visitor.own_conversation().await;
    owner.pins(earlier, true).await;
    let before = owner.messages(earlier, "").await;
    let mut sockets = [owner.socket("").await, member.socket("").await];

    let answer = json!({"conversationId": mine, "merged": false});
    assert_eq!(member.links(&visitor).await.ok(), answer);
    for socket in &mut sockets {
        let linked = json!({"conversationId": earlier, "userId": 1001, "previousUserId": visitor.id()});
        assert_eq!(socket.expect("kefu_conversation_linked").await, linked);
    }
    // What no admin has read is not forgotten: the member's own comes back with a mark.
    sockets[0].expect("kefu_conversation_created").await;
    assert_eq!(
        sockets[0].expect("kefu_conversation_marked").await,
        json!({"conversationId": mine, "markedUnread": true})
    );
    let listed = owner.conversations().await;
    assert_eq!(
        listed.iter().map(|one| (&one["id"], &one["markedUnread"])).collect::<Vec<_>>(),
        [(&json!(mine), &json!(true))]
    );
    assert_eq!(owner.get(path::COUNTS).await.ok(), json!({"all": 1, "unread": 1}));
    let of_visitor = owner.get(&format!("{}?q={}", path::CONVERSATIONS, visitor.id())).await.ok();
    assert_eq!(of_visitor, json!([]));

    let named = json!([{"id": earlier, "lastMessageTime": before[0]["createTime"]}]);
    assert_eq!((&own(&member).await["earlier"], &owner.conversation(mine).await["earlier"]), (&named, &named));
    assert_eq!(own(&member).await["id"], json!(mine));
    let shown = owner.conversation(earlier).await;
    assert_eq!((&shown["linkedUserId"], &shown["adminDeleted"]), (&json!(1001), &json!(true)));
    assert_eq!((shown.get("earlier"), shown.get("memberReadSeq")), (None, None));
    assert_eq!(shown["adminUnreadMessageCount"], 2, "as many as its rows");
    assert_eq!(owner.messages(earlier, "").await, before);
    assert_eq!(member.own_messages(&format!("conversationId={earlier}")).await, before);
    // Stock clients send anything there, and other members learn nothing.
    for named in [&mine.to_string(), "", "undefined", "null", "0", "4711"] {
        assert_eq!(member.own_messages(&format!("conversationId={named}")).await.len(), 1, "{named}");
    }
    let other = self::member(&app, 1002).await;
    assert_eq!(other.own_messages(&format!("conversationId={earlier}")).await.len(), 0);

    let send = json!({"conversationId": earlier, "contentType": 1, "content": "x"});
    owner.post(path::ADMIN_SEND, send).await.fails(400, READ_ONLY);
    owner.put_json(path::PIN, json!({"id": earlier, "adminPinned": true})).await.fails(400, READ_ONLY);
    owner.put_json(path::MARK_UNREAD, json!({"id": earlier})).await.fails(400, READ_ONLY);
    owner.delete(&format!("{}?id={earlier}", path::DELETE)).await.fails(400, READ_ONLY);
    owner.post(path::OPEN, json!({"userId": visitor.id()})).await.fails(400, READ_ONLY);
    owner.reads(earlier).await;
    assert_eq!(owner.conversation(earlier).await, shown, "it was read and nothing has changed");
    sends(&visitor, "late").await.fails(401, "账号未登录");
    assert_eq!(member.links(&visitor).await.ok(), answer);
    self::member(&app, 1003).await.links(&visitor).await.fails(400, "无效的刷新令牌");

    // A second visit before another login, newest first.
    app.clock.advance(60_000);
    let again = site.visitor().await;
    sends(&again, "three").await.ok();
    owner.reads(again.own_conversation().await).await;
    owner.reads(mine).await;
    assert_eq!(member.links(&again).await.ok(), answer);
    let earlier_ones = own(&member).await["earlier"].clone();
    assert_eq!(
        earlier_ones.as_array().unwrap().iter().map(|one| one["id"].as_i64().unwrap()).max(),
        earlier_ones[0]["id"].as_i64()
    );
    assert_eq!((earlier_ones.as_array().unwrap().len(), &earlier_ones[1]["id"]), (2, &json!(earlier)));
    assert_eq!(owner.conversations().await[0].get("markedUnread"), None, "it was read, so nothing is left");
    sends(&member, "more").await.ok();
    sound_conversations(&app.db, 1).await;
    app.stop().await;
}

#[tokio::test]
async fn a_visitor_who_never_wrote_leaves_nothing_and_is_ended_too() {
    let app = TestApp::spawn().await;
    let (owner, site) = (app.owner().await, Site::new(&app, &app.owner().await).await);
    let (visitor, member) = (site.visitor().await, member(&app, 1001).await);
    let mut admin = owner.socket("").await;
    for _ in 0..2 {
        assert_eq!(member.links(&visitor).await.ok(), json!({"conversationId": null, "merged": false}));
    }
    sends(&visitor, "late").await.fails(401, "账号未登录");
    assert_eq!(admin.events_so_far().await, []);
    assert_eq!((own(&member).await, owner.conversations().await.len()), (Value::Null, 0));
    self::member(&app, 1002).await.links(&visitor).await.fails(400, "无效的刷新令牌");
    sends(&member, "mine").await.ok();
    assert_eq!(own(&member).await.get("earlier"), None);
    let mine = member.own_conversation().await;
    assert_eq!(member.links(&visitor).await.ok(), json!({"conversationId": mine, "merged": false}));
    app.stop().await;
}

#[tokio::test]
async fn only_a_visitors_token_of_this_tenant_and_page_is_linked_to_a_member() {
    let app = TestApp::spawn().await;
    let (owner, site) = (app.owner().await, Site::new(&app, &app.owner().await).await);
    let (visitor, one) = (site.visitor().await, member(&app, 1001).await);
    sends(&visitor, "hi").await.ok();
    let invalid = "无效的刷新令牌";
    let stranger = app.member_of(TenantId::new(2), 1001).await.on_page(SITE);
    stranger.links(&visitor).await.fails(400, invalid);
    one.links(&app.member(1002).await).await.fails(400, invalid);
    one.links(&owner).await.fails(400, invalid);
    one.post(path::VISITOR_LINK, json!({"visitorToken": visitor.access_token()})).await.fails(400, invalid);
    one.post(path::VISITOR_LINK, json!({})).await.fails(400, "请求参数缺失:visitorToken");
    site.visitor().await.links(&visitor).await.fails(403, "没有该操作权限");
    let elsewhere = one.clone().on_page("https://evil.example").links(&visitor).await;
    assert_eq!((elsewhere.status.as_u16(), elsewhere.code), (403, 403));
    // A block is not lost by logging in, nor handed on.
    owner.put_json(path::MEMBER_BLOCK, json!({"userId": visitor.id(), "blocked": true})).await.ok();
    one.links(&visitor).await.fails(1_013_022_000, "您已被限制使用客服");
    owner.put_json(path::MEMBER_BLOCK, json!({"userId": visitor.id(), "blocked": false})).await.ok();
    owner.put_json(path::MEMBER_BLOCK, json!({"userId": 1001, "blocked": true})).await.ok();
    one.links(&visitor).await.fails(1_013_022_000, "您已被限制使用客服");
    owner.put_json(path::MEMBER_BLOCK, json!({"userId": 1001, "blocked": false})).await.ok();
    assert_eq!((own(&one).await, visitor.own_messages("").await.len()), (Value::Null, 1));
    // A copied token ends the login here, too.
    let newer = site.user(site.tokens(json!({"visitorToken": visitor.refresh_token()})).await.ok());
    app.clock.advance(60_000);
    one.links(&visitor).await.fails(400, invalid);
    newer.get(path::MEMBER_LIST).await.fails(401, "账号未登录");
    one.links(&newer).await.fails(400, invalid);
    assert_eq!(own(&one).await, Value::Null);
    app.stop().await;
}

/// A visitor whose client goes on as the member with what is refused.
async fn sends_through(visitor: &User, member: &User, key: &str) -> i64 {
    let sent = sends(visitor, key).await;
    match sent.code {
        0 => sent.data.as_i64().unwrap(),
        401 => sends(member, key).await.ok().as_i64().unwrap(),
        code => panic!("{code}: {}", sent.msg),
    }
}

/// The one conversation with messages of a member, and the others.
fn of_member(conversations: &[StoredConversation], member: i64) -> (&StoredConversation, Vec<&StoredConversation>) {
    let (own, others): (Vec<_>, Vec<_>) = conversations.iter().partition(|one| one.row.user_id == member);
    assert_eq!(own.len(), 1);
    (own[0], others)
}

/// Each text was stored once, under the answered id.
fn assert_all_once(conversations: &[&StoredConversation], answered: &[(String, i64)]) {
    let mut stored: Vec<(String, i64)> = conversations
        .iter()
        .flat_map(|one| &one.messages)
        .map(|message| (message.client_message_id.clone().unwrap(), message.id))
        .collect();
    let mut answered = answered.to_vec();
    stored.sort_unstable();
    answered.sort_unstable();
    assert_eq!(stored, answered);
}

#[tokio::test]
async fn what_a_visitor_sends_during_the_link_is_moved_or_sent_by_the_member() {
    let app = TestApp::spawn_with(|settings| {
        settings.limits.sends_per_s = 0;
        settings.limits.visitors_per_minute = 0;
        settings.limits.first_messages_per_minute_and_address = 0;
        // Small batches, so that the link comes between them.
        settings.limits.write_batch = 4;
    })
    .await;
    let site = Site::new(&app, &app.owner().await).await;
    for round in 0..6_i64 {
        let (visitor, member) = (site.visitor().await, member(&app, 2000 + round).await);
        // Every second visitor has a conversation already; the others are about to send their first message.
        let mut answered = Vec::new();
        if round % 2 == 0 {
            answered.push(("first".to_owned(), sends(&visitor, "first").await.ok().as_i64().unwrap()));
        }
        let all = (0..60).map(|number| {
            let key = format!("k{number}");
            let (visitor, member) = (visitor.clone(), member.clone());
            async move { (key.clone(), sends_through(&visitor, &member, &key).await) }
        });
        let linking = async {
            // In the midst of the sends.
            if round % 3 != 0 {
                sends(&visitor, "k0").await;
            }
            member.links(&visitor).await.ok()
        };
        let (sent, linked) = join(join_all(all), linking).await;
        answered.extend(sent);
        assert_eq!(member.links(&visitor).await.ok()["merged"], linked["merged"]);
        let mut conversations = sound_conversations(&app.db, 1).await;
        conversations.retain(|one| [visitor.id(), member.id()].contains(&one.row.user_id));
        let (own, others) = of_member(&conversations, member.id());
        if linked["merged"] == true {
            assert_all_once(&[own], &answered);
            assert!(own.messages.iter().all(|message| message.sender_id == member.id()));
            assert!(others.iter().all(|one| one.messages.is_empty()));
        } else {
            // The member had sent something already, or the visitor nothing.
            assert_all_once(&[&[own][..], &others].concat(), &answered);
            assert!(own.messages.iter().all(|message| message.sender_id == member.id()));
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn nothing_is_lost_when_the_visitor_writes_at_another_node() {
    let redis = Redis::spawn().await;
    let a = TestApp::spawn_with(|settings| {
        crate::relay::by(redis.url())(settings);
        settings.limits.sends_per_s = 0;
        settings.limits.visitors_per_minute = 0;
        settings.limits.first_messages_per_minute_and_address = 0;
        settings.limits.write_batch = 4;
    })
    .await;
    let b = a.another_node(|_| {}).await;
    let site = Site::new(&a, &a.owner().await).await;
    let known = async || b.http.get(b.url(&format!("/app-api/promotion/kefu-widget/config?key={}", site.key)));
    eventually("the other node knows the channel", async || {
        let reply = known().await.header("origin", SITE).send().await.unwrap();
        Reply::read(reply).await.code == 0
    })
    .await;
    for round in 0..4_i64 {
        let (visitor, member) = (site.visitor().await, member(&a, 3000 + round).await);
        let there = visitor.at_node(&b);
        // The other node believes the token for the rest of the test: its clock stands still.
        there.get(path::MEMBER_LIST).await.ok();
        let mut answered = Vec::new();
        if round % 2 == 0 {
            answered.push(("first".to_owned(), sends(&there, "first").await.ok().as_i64().unwrap()));
        }
        let all = (0..40).map(|number| {
            let key = format!("k{number}");
            let (there, member) = (there.clone(), member.clone());
            async move { (key.clone(), sends_through(&there, &member, &key).await) }
        });
        let (sent, linked) = join(join_all(all), member.links(&visitor)).await;
        answered.extend(sent);
        let linked = linked.ok();
        // Also what comes after it, believed or not.
        answered.push(("last".to_owned(), sends_through(&there, &member, "last").await));
        let mut conversations = sound_conversations(&a.db, 1).await;
        conversations.retain(|one| [visitor.id(), member.id()].contains(&one.row.user_id));
        let (own, others) = of_member(&conversations, member.id());
        assert_all_once(&[&[own][..], &others].concat(), &answered);
        assert!(own.messages.iter().all(|message| message.sender_id == member.id()));
        if linked["merged"] == true {
            assert!(others.iter().all(|one| one.messages.is_empty()));
        }
    }
    b.stop().await;
    a.stop().await;
}

#[tokio::test]
async fn of_two_members_who_link_one_visitor_at_once_one_gets_what_was_written() {
    let app = TestApp::spawn_with(|settings| settings.limits.visitors_per_minute = 0).await;
    let site = Site::new(&app, &app.owner().await).await;
    for round in 0..5_i64 {
        let visitor = site.visitor().await;
        if round % 2 == 0 {
            sends(&visitor, "hi").await.ok();
        }
        let members = [member(&app, 4000 + 2 * round).await, member(&app, 4001 + 2 * round).await];
        let answers = join_all(members.iter().map(|member| member.links(&visitor))).await;
        let codes: Vec<i64> = answers.iter().map(|answer| answer.code).collect();
        assert!(codes == [0, 400] || codes == [400, 0], "{codes:?}");
        let winner = usize::from(codes[1] == 0);
        assert_eq!(own(&members[1 - winner]).await, Value::Null);
        assert_eq!(members[winner].own_messages("").await.len(), usize::from(round % 2 == 0));
    }
    sound_conversations(&app.db, 1).await;
    app.stop().await;
}

/// Two tabs with the tokens before and after a refresh, whose links may come into one batch of the writer.
#[tokio::test]
async fn two_tabs_that_link_at_once_have_the_same_answer() {
    let app = TestApp::spawn_with(|settings| {
        settings.limits.sends_per_s = 0;
        settings.limits.visitors_per_minute = 0;
    })
    .await;
    let site = Site::new(&app, &app.owner().await).await;
    let busy = app.member(4999).await;
    for round in 0..5_i64 {
        let older = site.visitor().await;
        sends(&older, "hi").await.ok();
        let newer = site.user(site.tokens(json!({"visitorToken": older.refresh_token()})).await.ok());
        let member = member(&app, 5000 + round).await;
        // What the writer is busy with while the links come.
        let others = (0..20).map(|number| {
            let (busy, key) = (busy.clone(), format!("{round}-{number}"));
            async move { sends(&busy, &key).await.ok() }
        });
        let linking = join(member.links(&older), member.links(&newer));
        let (_, (one, two)) = join(join_all(others), linking).await;
        let answer = json!({"conversationId": member.own_conversation().await, "merged": true});
        assert_eq!((one.ok(), two.ok()), (answer.clone(), answer));
    }
    app.stop().await;
}

#[tokio::test]
async fn the_open_round_follows_to_the_member_or_ends_and_is_told() {
    let app = TestApp::spawn().await;
    let (owner, site) = (app.owner().await, Site::new(&app, &app.owner().await).await);
    let routing = json!({"routing": {"mode": "manual", "toasts": true}});
    owner.put_json("/admin-api/promotion/kefu-setting/update", routing).await.ok();
    let history = async |conversation: i64| {
        owner.get(&format!("/admin-api/promotion/kefu-task/history?conversationId={conversation}")).await.ok()
    };
    let (visitor, member) = (site.visitor().await, member(&app, 1001).await);
    // There before the round is, which the agent's coming would change.
    let mut sockets = [owner.socket("").await, member.socket("").await];
    sends(&visitor, "one").await.ok();
    sockets[0].events_so_far().await;
    let conversation = visitor.own_conversation().await;
    let before = history(conversation).await[0].clone();
    assert_eq!(before["userId"], json!(visitor.id()));
    member.links(&visitor).await.ok();
    for socket in &mut sockets {
        socket.expect("kefu_conversation_linked").await;
        let told = socket.next_of("kefu_task").await;
        assert_eq!((&told["id"], &told["state"]), (&before["id"], &before["state"]));
    }
    let after = history(conversation).await[0].clone();
    assert_eq!((&after["userId"], &after["userNickname"]), (&json!(1001), &json!("会员1001")));
    assert_eq!(after["version"], before["version"].as_i64().unwrap() + 1, "it is newer than what is known");

    // Beside the member's own conversation the visitor's round ends, as any other.
    let second = site.visitor().await;
    sends(&second, "two").await.ok();
    let earlier = second.own_conversation().await;
    member.links(&second).await.ok();
    let ended = history(earlier).await[0].clone();
    assert_eq!((&ended["state"], &ended["endReason"]), (&json!(-1), &json!("linked")));
    let last = owner.messages(earlier, "limit=1").await.remove(0);
    assert_eq!((&last["content"], &last["seq"]), (&json!("本次服务已结束"), &ended["lastSeq"]));
    assert_eq!(owner.conversation(earlier).await["linkedUserId"], json!(1001), "and it is closed all the same");
    let task = "/admin-api/promotion/kefu-task";
    let close = owner.put_json(&format!("{task}/close"), json!({"id": ended["id"]})).await;
    close.fails(1_013_021_001, "会话状态已变化，请刷新");
    let take = owner.post(&format!("{task}/take"), json!({"conversationId": earlier})).await;
    take.fails(400, "请求参数不正确:会话已转到会员名下，只能查看");
    sound_conversations(&app.db, 1).await;
    app.stop().await;
}
