//! Reading back a conversation (docs/contract.md#the-history-cursor).

use chrono::DateTime;
use chrono_tz::Tz;
use serde_json::Value;

use crate::support::{START, TestApp, User, path};

/// What the stock clients do: ask for the first page, then again and again for what is before the oldest message's
/// time, cut to the second and written in their own time zone, until a page is empty. Returns the `seq`s in the order
/// in which they came.
async fn scroll_to_the_end(user: &User, list: &str, space: &str) -> Vec<i64> {
    let (mut shown, mut cursor) = (Vec::new(), String::new());
    for _ in 0..50 {
        let page = user.get(&format!("{list}{cursor}")).await.ok();
        let Some(oldest) = page.as_array().unwrap().last().cloned() else { return shown };
        shown.extend(seqs(page.as_array().unwrap()));
        cursor = format!("&createTime={}", in_zone(&oldest["createTime"], Tz::Asia__Shanghai).replace(' ', space));
    }
    panic!("the history does not end: {shown:?}");
}

fn in_zone(time: &Value, zone: Tz) -> String {
    let time = DateTime::from_timestamp_millis(time.as_i64().unwrap()).unwrap();
    time.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string()
}

fn seqs(messages: &[Value]) -> Vec<i64> {
    messages.iter().map(|message| message["seq"].as_i64().unwrap()).collect()
}

/// A member with `count` messages, `step_ms` apart.
async fn member_with_history(app: &TestApp, count: usize, step_ms: i64) -> User {
    let member = app.member(1001).await;
    for number in 0..count {
        member.says(&number.to_string()).await;
        app.clock.advance(step_ms);
    }
    member
}

#[tokio::test]
async fn the_stock_console_shows_36_messages_of_4_per_second_by_pages_of_10() {
    let app = TestApp::spawn().await;
    let member = member_with_history(&app, 36, 250).await;
    let list = format!("{}?conversationId={}&limit=10", path::ADMIN_LIST, member.own_conversation().await);
    assert!(scroll_to_the_end(&app.owner().await, &list, "%20").await.into_iter().eq((1..=36).rev()));
    app.stop().await;
}

#[tokio::test]
async fn the_stock_member_client_shows_54_messages_of_6_per_second_by_pages_of_20() {
    let app = TestApp::spawn().await;
    let member = member_with_history(&app, 54, 167).await;
    let list = format!("{}?no=1&limit=20", path::MEMBER_LIST);
    assert!(scroll_to_the_end(&member, &list, "+").await.into_iter().eq((1..=54).rev()));
    app.stop().await;
}

#[tokio::test]
async fn both_stock_clients_show_45_messages_of_one_second() {
    let app = TestApp::spawn().await;
    let member = member_with_history(&app, 45, 20).await;
    let list = format!("{}?conversationId={}&limit=10", path::ADMIN_LIST, member.own_conversation().await);
    let shown = scroll_to_the_end(&app.owner().await, &list, "%20").await;
    assert!(shown.iter().copied().eq((1..=45).rev()), "{shown:?}");
    let shown = scroll_to_the_end(&member, &format!("{}?no=1&limit=20", path::MEMBER_LIST), "+").await;
    assert!(shown.iter().copied().eq((1..=45).rev()), "{shown:?}");
    app.stop().await;
}

#[tokio::test]
async fn cursors_are_read_in_the_time_zone_of_the_settings() {
    let app = TestApp::spawn_with(|settings| settings.server.time_zone = Tz::America__New_York).await;
    let member = member_with_history(&app, 3, 1000).await;
    let newest = member.own_messages("").await[0]["createTime"].clone();
    let cursor = in_zone(&newest, Tz::America__New_York).replace(' ', "+");
    assert_eq!(seqs(&member.own_messages(&format!("createTime={cursor}")).await), [2, 1]);
    app.stop().await;
}

#[tokio::test]
async fn seqs_page_exactly_in_both_directions() {
    let app = TestApp::spawn().await;
    let member = member_with_history(&app, 7, 0).await;
    let owner = app.owner().await;
    let conversation = member.own_conversation().await;
    for (query, expected) in [
        ("beforeSeq=5&limit=3", vec![4, 3, 2]),
        ("beforeSeq=1", vec![]),
        ("beforeSeq=99&limit=2", vec![7, 6]),
        ("afterSeq=0&limit=3", vec![1, 2, 3]),
        ("afterSeq=5", vec![6, 7]),
        ("afterSeq=7", vec![]),
    ] {
        assert_eq!(seqs(&member.own_messages(query).await), expected, "{query}");
        assert_eq!(seqs(&owner.messages(conversation, query).await), expected, "{query}");
    }
    for query in ["beforeSeq=0", "afterSeq=-1"] {
        assert_eq!(member.get(&format!("{}?{query}", path::MEMBER_LIST)).await.code, 400, "{query}");
    }
    app.stop().await;
}

#[tokio::test]
async fn create_time_strictly_increases_with_a_clock_that_stands_or_goes_back() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("1").await;
    let conversation = member.own_conversation().await;
    owner.answers(conversation, "2").await;
    member.says("3").await;
    app.clock.set(START - 60_000);
    member.says("4").await;
    owner.answers(conversation, "5").await;
    app.clock.set(START + 60_000);
    member.says("6").await;

    let messages = member.own_messages("afterSeq=0").await;
    let times: Vec<i64> = messages.iter().map(|message| message["createTime"].as_i64().unwrap()).collect();
    assert_eq!(times, [START, START + 1, START + 2, START + 3, START + 4, START + 60_000]);
    assert_eq!(owner.conversation(conversation).await["lastMessageTime"], times[5]);
    app.stop().await;
}
