//! Unread counts and marking as read (design, invariant 6).

use futures_util::future::join;
use kefu::testing::access::Role;
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

#[tokio::test]
async fn a_mark_up_to_a_seq_leaves_later_messages_unread_and_counted() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("1").await;
    let id = member.own_conversation().await;
    for words in ["2", "3", "4"] {
        member.says(words).await;
        owner.answers(id, words).await;
    }
    // Now 1, 2, 4, 6 are the member's and 3, 5, 7 the admins'.
    assert_unread(&app, &owner, id, (4, 3)).await;
    let (mut at_owner, mut at_member) = (owner.socket("").await, member.socket("").await);
    let admin_read =
        async |seq: i64| owner.put(&format!("{}?conversationId={id}&seq={seq}", path::ADMIN_READ)).await.ok();
    let member_read =
        async |seq: i64| member.put(&format!("{}?conversationId={id}&seq={seq}", path::MEMBER_READ)).await.ok();

    admin_read(4).await;
    assert_unread(&app, &owner, id, (1, 3)).await;
    let told = |kind: &str, reader: i64, seq: i64| {
        let content = json!({"conversationId": id, "readerType": reader, "seq": seq});
        [crate::support::Event { kind: kind.into(), content }]
    };
    let by_admin = told("kefu_message_read_status_change", 2, 4);
    assert_eq!(at_owner.events_so_far().await, by_admin);
    assert_eq!(at_member.events_so_far().await, by_admin);
    assert_eq!(read_of(&member).await, [true, true, false, true, false, false, false]);
    // Nothing of it is new, and nothing is unread again.
    for seq in [5, 4, 3, 0] {
        admin_read(seq).await;
    }
    assert_unread(&app, &owner, id, (1, 3)).await;
    assert_eq!(at_owner.events_so_far().await, []);

    member_read(3).await;
    assert_unread(&app, &owner, id, (1, 2)).await;
    assert_eq!(at_owner.events_so_far().await, told("kefu_message_read_by_member", 1, 3));
    member_read(99).await;
    assert_unread(&app, &owner, id, (1, 0)).await;
    member.says("8").await;
    admin_read(7).await;
    assert_unread(&app, &owner, id, (1, 0)).await;
    admin_read(8).await;
    assert_unread(&app, &owner, id, (0, 0)).await;
    assert!(read_of(&member).await.iter().all(|read| *read));

    owner
        .put(&format!("{}?conversationId={id}&seq=-1", path::ADMIN_READ))
        .await
        .fails(400, "请求参数不正确:消息序号须不小于 0");
    member.put(&format!("{}?conversationId={id}&seq=x", path::MEMBER_READ)).await.fails(400, "请求参数类型错误:seq");
    app.stop().await;
}

#[tokio::test]
async fn marks_up_to_several_seqs_at_once_come_to_the_highest() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    for words in 1..=6 {
        member.says(&words.to_string()).await;
    }
    let id = member.own_conversation().await;
    let lock = app.lock_writes();
    let marks = futures_util::future::join_all([2, 4, 1, 3].map(|seq| {
        let owner = owner.clone();
        async move { owner.put(&format!("{}?conversationId={id}&seq={seq}", path::ADMIN_READ)).await.ok() }
    }));
    let release = async {
        app.readiness().await;
        lock.release();
    };
    let (answers, ()) = join(marks, release).await;
    assert!(answers.into_iter().all(|answer| answer == json!(true)));
    assert_unread(&app, &owner, id, (2, 0)).await;
    assert_eq!(read_of(&member).await, [true, true, true, true, false, false]);
    app.stop().await;
}

/// The read status of the member's messages, oldest first.
async fn read_of(member: &User) -> Vec<bool> {
    let messages = member.own_messages("afterSeq=0").await;
    messages.iter().map(|message| message["readStatus"].as_bool().unwrap()).collect()
}

#[tokio::test]
async fn an_admin_who_may_only_read_marks_nothing_and_is_answered() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("hi").await;
    let viewer = app.admin("viewer", Role::Viewer).await;
    let mut socket = owner.socket("").await;
    admin_reads(&viewer, 1).await;
    assert_unread(&app, &owner, 1, (1, 0)).await;
    assert!(socket.events_so_far().await.is_empty(), "nobody is told of a read that was none");
    let unknown = format!("{}?conversationId=99", path::ADMIN_READ);
    viewer.put(&unknown).await.fails(1_013_019_000, "客服会话不存在");
    app.stop().await;
}
