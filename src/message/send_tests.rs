use diesel::prelude::*;

use super::*;
use crate::clock::{Clock, Millis};
use crate::conversation::delete::Delete;
use crate::conversation::{self, Target};
use crate::db::schema::kefu_conversation;
use crate::id::{ConversationId, TenantId, UserId};
use crate::message::content::{Content, MAX_BYTES};
use crate::message::read::MarkRead;
use crate::message::store::{Page as MessagePage, page};
use crate::message::{Sender, between, insert_toasts, newest_time};
use crate::push::Hub;
use crate::settings;
use crate::test_db::temporary;
use crate::writer::testing::Commands;
use crate::writer::{Ids, Stream};

const NOW: Millis = 1_795_000_000_000;
const TENANT: TenantId = TenantId::new(1);
const MEMBER: UserId = UserId::new(1001);
const FIRST: Target = Target::Id(ConversationId::new(1));
const DELETE: Delete = Delete { tenant: TENANT, conversation: ConversationId::new(1) };
const READ: MarkRead = MarkRead { tenant: TENANT, reader: UserType::Admin, target: FIRST, up_to: None };

fn message(text: &str) -> NewMessage {
    NewMessage {
        tenant: TENANT,
        sender: Sender { user_type: UserType::Member, id: MEMBER, avatar: "".into(), nickname: "".into() },
        target: Target::OfMember(MEMBER),
        content: Content::parse(1, text.into(), MAX_BYTES).unwrap(),
        client_message_id: None,
        routing: None,
        channel: None,
        by_program: false,
    }
}

/// Commits each batch after the other; then the unread messages' contents, the admins' unread count, and whether the
/// conversation is deleted.
async fn committed(batches: Vec<Commands>) -> (Vec<String>, i32, bool) {
    let (_folder, db) = temporary();
    let mut connection = db.connect().unwrap();
    let mut ids = Ids::default();
    let hub = Hub::new(&settings::Push::default(), Clock::manual(NOW), Metrics::new());
    let stream = Stream { newest_time, between, insert_toasts };
    db.transaction(&mut connection, |connection| {
        for batch in &batches {
            batch.run(connection, &mut ids, NOW, &hub, &stream);
        }
        let conversation = conversation::head(connection, TENANT, FIRST)?.unwrap();
        let messages = page(connection, conversation.id, MessagePage::After(0), 100)?;
        let unread = messages.into_iter().filter(|message| !message.read_status).map(|message| message.content);
        let deleted = kefu_conversation::table.select(kefu_conversation::admin_deleted).first(connection)?;
        Ok((unread.collect(), conversation.admin_unread_count, deleted))
    })
    .unwrap()
}

#[tokio::test]
async fn a_message_of_the_same_batch_stays_unread_whatever_the_order_in_the_queue() {
    let batch = Commands::default;
    for second in [batch().with(message("new")).with(READ), batch().with(READ).with(message("new"))] {
        let (unread, count, _) = committed(vec![batch().with(message("old")), second]).await;
        assert_eq!((unread, count), (vec!["new".to_owned()], 1));
    }
    let both = batch().with(message("old")).with(message("new"));
    let (unread, count, _) = committed(vec![both, batch().with(READ)]).await;
    assert_eq!((unread.len(), count), (0, 0));
}

#[tokio::test]
async fn a_message_of_the_same_batch_brings_a_deleted_conversation_back() {
    let batch = Commands::default;
    for second in [batch().with(message("new")).with(DELETE), batch().with(DELETE).with(message("new"))] {
        let (_, count, deleted) = committed(vec![batch().with(message("old")), second]).await;
        assert_eq!((count, deleted), (2, false));
    }
    let (.., deleted) = committed(vec![batch().with(message("old")), batch().with(DELETE)]).await;
    assert!(deleted);
}
