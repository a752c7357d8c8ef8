use super::*;
use crate::clock::Clock;
use crate::conversation::store::head;
use crate::db::{Backend, Db};
use crate::message::Sender;
use crate::message::store::{Page, page};
use crate::settings;
use crate::telemetry::metrics::Metrics;

const NOW: Millis = 1_795_000_000_000;
const TENANT: TenantId = TenantId::new(1);
const MEMBER: UserId = UserId::new(1001);
const FIRST: ConversationId = ConversationId::new(1);
const READ: Command = Command::MarkRead { tenant: TENANT, reader: UserType::Admin, conversation: FIRST };
const DELETE: Command = Command::Delete { tenant: TENANT, conversation: FIRST };

fn send(text: &str) -> Command {
    Command::Send(NewMessage {
        tenant: TENANT,
        sender: Sender { user_type: UserType::Member, id: MEMBER, avatar: "".into() },
        target: Target::OfMember(MEMBER),
        content_type: 1,
        content: text.into(),
        client_message_id: None,
    })
}

/// Commits each batch after the other; then the unread messages' contents, the admins' unread count, and whether the
/// conversation is deleted.
async fn committed(batches: Vec<Vec<Command>>) -> (Vec<String>, i32, bool) {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::parse(&format!("sqlite:{}", folder.path().join("kefu.db").display())).unwrap();
    let db = Db::open(backend, &settings::Database::default()).unwrap();
    let mut ids = Ids::new();
    let hub = Hub::new(&settings::Push::default(), Clock::manual(NOW), Metrics::new());
    let work = move |connection: &mut AnyConnection| {
        for batch in &batches {
            let (outcomes, _) = run(connection, &mut ids, &batch.iter().collect::<Vec<_>>(), NOW, &hub)?;
            assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        }
        let conversation = head(connection, TENANT, FIRST)?.unwrap();
        let messages = page(connection, TENANT, FIRST, Page::After(0), 100)?;
        let unread = messages.into_iter().filter(|message| !message.read_status).map(|message| message.content);
        let deleted = crate::conversation::store::get(connection, TENANT, FIRST)?.unwrap().admin_deleted;
        Ok((unread.collect(), conversation.unread_count(UserType::Admin), deleted))
    };
    db.write(work).await.unwrap()
}

#[tokio::test]
async fn a_message_of_the_same_batch_stays_unread_whatever_the_order_in_the_queue() {
    for second in [vec![send("new"), READ], vec![READ, send("new")]] {
        let (unread, count, _) = committed(vec![vec![send("old")], second]).await;
        assert_eq!((unread, count), (vec!["new".to_owned()], 1));
    }
    let (unread, count, _) = committed(vec![vec![send("old"), send("new")], vec![READ]]).await;
    assert_eq!((unread.len(), count), (0, 0));
}

#[tokio::test]
async fn a_message_of_the_same_batch_brings_a_deleted_conversation_back() {
    for second in [vec![send("new"), DELETE], vec![DELETE, send("new")]] {
        let (_, count, deleted) = committed(vec![vec![send("old")], second]).await;
        assert_eq!((count, deleted), (2, false));
    }
    let (.., deleted) = committed(vec![vec![send("old")], vec![DELETE]]).await;
    assert!(deleted);
}
