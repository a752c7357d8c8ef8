//! Unread counts and marking as read (design, invariant 6).

use futures_util::future::join;
use serde_json::json;

use crate::support::{TestApp, User, path};

/// Asserts that the counts of both sides are what is expected and what the rows say.
async fn assert_unread(app: &TestApp, admin: &User, conversation: i64, expected: (i64, i64)) {
    let shown = admin.conversation(conversation).await;
    let counts = (&shown["adminUnreadMessageCount"], &shown["memberUnreadMessageCount"]);
    assert_eq!(counts, (&json!(expected.0), &json!(expected.1)));
    assert_eq!(app.unread_rows(conversation).await, expected);
}

async fn admin_reads(admin: &User, conversation: i64) {
    let done = admin.put(&format!("{}?conversationId={conversation}", path::ADMIN_READ)).await;
    assert_eq!(done.ok(), json!(true));
}

async fn member_reads(member: &User, conversation: i64) {
    let done = member.put(&format!("{}?conversationId={conversation}", path::MEMBER_READ)).await;
    assert_eq!(done.ok(), json!(true));
}

#[tokio::test]
async fn each_side_counts_what_the_other_side_sent() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("1").await;
    member.says("2").await;
    let id = member.own_conversation().await;
    assert_unread(&app, &owner, id, (2, 0)).await;
    // An answer alone reads nothing.
    owner.answers(id, "3").await;
    assert_unread(&app, &owner, id, (2, 1)).await;
    assert_eq!(member.get(path::MEMBER_CONVERSATION).await.ok()["memberUnreadMessageCount"], 1);
    app.stop().await;
}

#[tokio::test]
async fn marking_reads_the_other_sides_messages_and_no_others() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("1").await;
    let id = member.own_conversation().await;
    owner.answers(id, "2").await;
    member.says("3").await;

    admin_reads(&owner, id).await;
    assert_unread(&app, &owner, id, (0, 1)).await;
    assert_eq!(read_of(&member).await, [true, false, true]);
    member_reads(&member, id).await;
    assert_unread(&app, &owner, id, (0, 0)).await;
    assert_eq!(read_of(&member).await, [true, true, true]);
    // Once more: nothing is left, which is fine.
    admin_reads(&owner, id).await;
    member_reads(&member, id).await;
    member.says("4").await;
    assert_unread(&app, &owner, id, (1, 0)).await;
    assert_eq!(read_of(&member).await, [true, true, true, false]);
    app.stop().await;
}

#[tokio::test]
async fn marking_leaves_other_conversations_alone() {
    let app = TestApp::spawn().await;
    let (one, two, owner) = (app.member(1001).await, app.member(1002).await, app.owner().await);
    one.says("hi").await;
    two.says("hi").await;
    let (first, second) = (one.own_conversation().await, two.own_conversation().await);
    admin_reads(&owner, first).await;
    assert_unread(&app, &owner, first, (0, 0)).await;
    assert_unread(&app, &owner, second, (1, 0)).await;
    app.stop().await;
}

#[tokio::test]
async fn counts_equal_the_rows_whatever_arrives_while_marking() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("first").await;
    let id = member.own_conversation().await;
    for round in 0..20 {
        let (latest, ()) = if round % 2 == 0 {
            join(member.says("hi"), admin_reads(&owner, id)).await
        } else {
            let (answer, ()) = join(owner.answers(id, "hi"), member_reads(&member, id)).await;
            (answer, ())
        };
        let shown = owner.conversation(id).await;
        let counts = ["adminUnreadMessageCount", "memberUnreadMessageCount"].map(|name| shown[name].as_i64().unwrap());
        assert_eq!((counts[0], counts[1]), app.unread_rows(id).await, "round {round}");
        assert_eq!(member.own_messages("").await[0]["id"], json!(latest));
    }
    admin_reads(&owner, id).await;
    member_reads(&member, id).await;
    assert_unread(&app, &owner, id, (0, 0)).await;
    app.stop().await;
}

/// The read status of the member's messages, oldest first.
async fn read_of(member: &User) -> Vec<bool> {
    let messages = member.own_messages("afterSeq=0").await;
    messages.iter().map(|message| message["readStatus"].as_bool().unwrap()).collect()
}
