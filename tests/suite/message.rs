//! Sending, listing, marking as read.

use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn a_members_message_reaches_every_admin_and_the_answer_reaches_the_member() {
    let app = TestApp::spawn().await;
    let (member, owner, agent) =
        (app.member(1001).await, app.owner().await, app.admin("agent", kefu::auth::Role::Agent).await);
    let (mut at_member, mut at_owner, mut at_agent) =
        (member.socket("").await, owner.socket("").await, agent.socket("").await);

    let id = member.says("你好").await;
    let listed = member.own_messages("").await;
    for socket in [&mut at_owner, &mut at_agent] {
        socket.expect("kefu_conversation_created").await;
        assert_eq!(socket.expect("kefu_message_type").await, listed[0]);
    }
    assert_eq!(at_member.expect("kefu_message_type").await["id"], json!(id));

    let conversation = member.own_conversation().await;
    let answer = owner.answers(conversation, "您好").await;
    for socket in [&mut at_member, &mut at_owner, &mut at_agent] {
        assert_eq!(socket.expect("kefu_message_type").await["id"], json!(answer));
    }
    assert_eq!(owner.messages(conversation, "").await[0], member.own_messages("").await[0]);
    app.stop().await;
}
