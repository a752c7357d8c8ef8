//! A group commit runs the same statements however many commands it carries, and a read the same however much there is to
//! read, on every database.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use futures_util::future::join_all;
use kefu::settings::Settings;
use serde_json::json;

use crate::support::database::{Kind, only_on};
use crate::support::{SITE, Site, TestApp, User, eventually, path};

/// The transactions of one service's writer, each a list of its statements' beginnings.
type Transactions = Arc<Mutex<Vec<Vec<String>>>>;

thread_local! {
    /// What watches the connections that this thread opens.
    static WATCHED: RefCell<Option<Transactions>> = const { RefCell::new(None) };
}

/// Notes what the writer's thread runs.
struct Watch(Transactions);

impl Instrumentation for Watch {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        let InstrumentationEvent::StartQuery { query, .. } = event else { return };
        if std::thread::current().name() != Some("writer") {
            return;
        }
        let text = query.to_string();
        let mut transactions = self.0.lock().unwrap();
        if text.starts_with("BEGIN") || text.starts_with("SET autocommit = 0; START TRANSACTION") {
            transactions.push(Vec::new());
        }
        // A connection that was idle is tried before the transaction.
        if let Some(statements) = transactions.last_mut() {
            statements.push(text.split_whitespace().take(6).collect::<Vec<_>>().join(" "));
        }
    }
}

/// What was read of messages and conversations, with the database it was read from.
static READS: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// Notes what every other connection reads of messages and conversations.
#[derive(Default)]
struct WatchReads {
    database: String,
}

impl Instrumentation for WatchReads {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => self.database = url.to_owned(),
            InstrumentationEvent::StartQuery { query, .. } => {
                let text = query.to_string();
                let reads = text.starts_with("SELECT") || text.starts_with("WITH");
                if reads && (text.contains("kefu_message") || text.contains("kefu_conversation")) {
                    READS.lock().unwrap().push((self.database.clone(), text));
                }
            }
            _ => {}
        }
    }
}

fn watch() -> Option<Box<dyn Instrumentation>> {
    Some(match WATCHED.with_borrow(Option::clone) {
        Some(transactions) => Box::new(Watch(transactions)),
        None => Box::new(WatchReads::default()),
    })
}

/// How many statements one call runs.
async fn reads(app: &TestApp, user: &User, call: &str) -> usize {
    let url = app.settings.database_url();
    let database = url.trim_start_matches("sqlite:").split('?').next().unwrap();
    // A file's path, or the name behind the server's address.
    let database = if url.starts_with("sqlite:") { database } else { database.rsplit('/').next().unwrap() };
    READS.lock().unwrap().retain(|(of, _)| !of.contains(database));
    user.get(call).await.ok();
    READS.lock().unwrap().iter().filter(|(of, _)| of.contains(database)).count()
}

#[tokio::test]
async fn a_read_takes_the_same_statements_however_much_there_is() {
    set_default_instrumentation(watch).unwrap();
    let app = TestApp::spawn_with(|settings: &mut Settings| settings.limits.sends_per_s = 0).await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    for (messages, conversations) in [(20, 3), (230, 30)] {
        let sent = member.own_messages("?limit=1").await.first().map_or(0, |newest| newest["seq"].as_i64().unwrap());
        for number in sent..messages {
            member.says(&number.to_string()).await;
            app.clock.advance(1000);
        }
        for other in 1..conversations {
            app.member(2000 + other).await.says("hi").await;
        }
        let conversation = member.own_conversation().await;
        let list = format!("{}?conversationId={conversation}", path::ADMIN_LIST);
        // The conversation's head and its newest page; with a time, also where that is.
        assert_eq!(reads(&app, &owner, &list).await, 2, "of {messages}");
        let cursor = "createTime=2026-11-21%2012:00:15";
        assert_eq!(reads(&app, &owner, &format!("{list}&{cursor}")).await, 3, "of {messages}");
        assert_eq!(reads(&app, &owner, &format!("{list}&beforeSeq=15&limit=5")).await, 2, "of {messages}");
        // The pinned ones and the others.
        assert_eq!(reads(&app, &owner, path::CONVERSATIONS).await, 2, "{conversations} conversations");
        assert_eq!(reads(&app, &owner, &format!("{}?unread=true", path::CONVERSATIONS)).await, 2);
        // The places of those who are found, and the rows that are shown.
        let found = format!("{}?q=%E4%BC%9A%E5%91%98&limit=2", path::CONVERSATIONS);
        assert_eq!(reads(&app, &owner, &found).await, 2, "{conversations} conversations");
        assert_eq!(reads(&app, &owner, path::COUNTS).await, 2);
        assert_eq!(reads(&app, &owner, &format!("{}?id={conversation}", path::CONVERSATION)).await, 1);
    }
    app.stop().await;
}

/// What a visitor wrote becomes a member's with one statement for all messages.
#[tokio::test]
async fn a_link_takes_the_same_statements_however_long_the_conversation_is() {
    set_default_instrumentation(watch).unwrap();
    let transactions = Transactions::default();
    WATCHED.set(Some(Arc::clone(&transactions)));
    let app = TestApp::spawn_with(|settings: &mut Settings| settings.limits.sends_per_s = 0).await;
    WATCHED.set(None);
    let site = Site::new(&app, &app.owner().await).await;
    let mut links = Vec::new();
    for (id, messages) in [(1001, 2), (1002, 60)] {
        let (visitor, member) = (site.visitor().await, app.member(id).await.on_page(SITE));
        for number in 0..messages {
            visitor.says(&number.to_string()).await;
        }
        let before = transactions.lock().unwrap().len();
        member.links(&visitor).await.ok();
        links.push(transactions.lock().unwrap()[before..].concat());
    }
    assert_eq!(links[0], links[1]);
    let of_messages = |text: &&String| text.starts_with("UPDATE") && text.contains("kefu_message");
    assert_eq!(links[0].iter().filter(of_messages).count(), 1, "{:#?}", links[0]);
    assert!(links[0].iter().all(|text| !text.contains("kefu_task")), "without rounds: {:#?}", links[0]);
    app.stop().await;
}

/// What happens in one conversation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    /// An admin sends.
    Send,
    Pin,
    Read,
    ReadUpTo,
    MarkUnread,
    /// Its member sends.
    Member,
    /// A member sends who has no conversation yet.
    NewMember,
}

impl Act {
    /// Who does it, known to the service.
    async fn user(self, app: &TestApp, owner: &User, conversation: i64) -> User {
        let user = match self {
            Self::Send | Self::Pin | Self::Read | Self::ReadUpTo | Self::MarkUnread => return owner.clone(),
            Self::Member => app.member(conversation + 4000).await,
            Self::NewMember => app.member(conversation + 8000).await,
        };
        user.get("/app-api/member/user/get").await.ok();
        user
    }

    async fn run(self, user: &User, conversation: i64) {
        let body = json!({"conversationId": conversation, "contentType": 1, "content": "hi", "clientMessageId": "1"});
        match self {
            Self::Send => drop(user.post(path::ADMIN_SEND, body).await.ok()),
            Self::Pin => user.pins(conversation, true).await,
            Self::Read => user.reads(conversation).await,
            Self::ReadUpTo => {
                user.put(&format!("{}?conversationId={conversation}&seq=0", path::ADMIN_READ)).await.ok();
            }
            Self::MarkUnread => drop(user.put_json(path::MARK_UNREAD, json!({"id": conversation})).await.ok()),
            Self::Member | Self::NewMember => {
                user.post(path::MEMBER_SEND, json!({"contentType": 1, "content": "hi", "clientMessageId": "1"}))
                    .await
                    .ok();
            }
        }
    }
}

/// The statements of one batch with a command for each of `count` conversations.
async fn statements(count: usize, acts: &[Act]) -> Vec<String> {
    statements_of(count, acts, Rounds::None).await
}

/// What a tenant has of rounds of service.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rounds {
    None,
    /// One that an agent serves in each conversation.
    Served,
    /// One that waits in each conversation.
    Waiting,
    /// The same, and members are told what becomes of them.
    WaitingWithToasts,
}

/// The same where the tenant has rounds of service.
async fn statements_of(count: usize, acts: &[Act], rounds: Rounds) -> Vec<String> {
    let transactions = Transactions::default();
    WATCHED.set(Some(Arc::clone(&transactions)));
    let app = TestApp::spawn_with(|settings: &mut Settings| {
        settings.limits.sends_per_s = 0;
        settings.limits.write_queue = count;
        settings.limits.write_batch = count;
    })
    .await;
    WATCHED.set(None);
    // The first one's message comes before the batch, too: it takes the ids. A count that has drifted is read.
    let conversations = (0..=count).map(|id| {
        let time = "'2026-11-21 00:00:00'";
        format!("({}, {}, 1, 1, 2, {time}, {time}, {time}, '', 1)", id + 1000, id + 5000)
    });
    app.execute(&format!(
        "INSERT INTO kefu_conversation (id, user_id, tenant_id, admin_unread_message_count, last_seq, create_time, update_time, \
         last_message_time, last_message_content, last_message_content_type) VALUES {}",
        conversations.collect::<Vec<_>>().join(", ")
    ));
    let owner = app.owner().await;
    if rounds != Rounds::None {
        let routing = json!({"mode": "manual", "toasts": rounds == Rounds::WaitingWithToasts});
        owner.put_json("/admin-api/promotion/kefu-setting/update", json!({"routing": routing})).await.ok();
        // Where nobody is on duty, those who wait are told so, by a batch more.
        owner.put_json("/admin-api/promotion/kefu-agent/duty", json!({"duty": 1})).await.ok();
        let (state, agent) = if rounds == Rounds::Served { (1, "999") } else { (3, "NULL") };
        let rounds = (0..=count).map(|id| {
            let (id, time) = (id + 1000, "'2026-11-21 00:00:00'");
            format!("({id}, {id}, {id}, {}, {state}, {agent}, 1, {time}, {time}, {time}, {time}, 1)", id + 4000)
        });
        app.execute(&format!(
            "INSERT INTO kefu_task (id, conversation_id, open_conversation_id, user_id, state, agent_id, first_seq, queued_at, \
             first_reply_at, create_time, update_time, tenant_id) VALUES {}",
            rounds.collect::<Vec<_>>().join(", ")
        ));
        app.execute(&format!("UPDATE kefu_conversation SET task_id = id, task_state = {state}, agent_id = {agent}"));
    }
    owner.answers(1000, "first").await;
    let committed = transactions.lock().unwrap().len();

    let mut commands = Vec::new();
    for (place, conversation) in (1001..).take(count).enumerate() {
        let act = acts[place % acts.len()];
        commands.push((act, act.user(&app, &owner, conversation).await, conversation));
    }
    let lock = app.lock_writes();
    // The writer takes this one and waits; then the rest gathers.
    let first = Act::Send.run(&owner, 1000);
    let rest = async {
        eventually("the writer has begun", async || transactions.lock().unwrap().len() > committed).await;
        let all = join_all(commands.iter().map(|(act, user, conversation)| act.run(user, *conversation)));
        let release = async {
            eventually("the queue is full", async || app.readiness().await.1["write_queue"] == "full").await;
            lock.release();
        };
        tokio::join!(all, release)
    };
    tokio::join!(first, rest);
    let mut transactions = std::mem::take(&mut *transactions.lock().unwrap());
    // One before the lock, the one that waited for it, perhaps more than once, and what had gathered.
    assert_eq!(app.metric("kefu_write_batch_size_count").await, 3, "one batch: {transactions:?}");
    app.stop().await;
    transactions.pop().unwrap()
}

#[tokio::test]
async fn within_a_round_a_members_message_takes_no_statement_more_and_an_answer_one() {
    set_default_instrumentation(watch).unwrap();
    for (act, more) in [(Act::Member, 0), (Act::Send, 1)] {
        let without = statements(8, &[act]).await;
        let within = statements_of(8, &[act], Rounds::Served).await;
        let asks = |text: &&String| text.starts_with("SELECT t.id, t.tenant_id");
        assert_eq!(without.iter().filter(asks).count(), 0, "{without:#?}");
        assert_eq!(within.iter().filter(asks).count(), more, "{within:#?}");
        assert!(within.iter().filter(|text| !asks(text)).eq(&without), "{within:#?}\n{without:#?}");
        assert_eq!(statements_of(3, &[act], Rounds::Served).await.len(), within.len(), "however large it is");
    }
}

#[tokio::test]
async fn toasts_take_one_statement_more_however_many_rounds_begin() {
    set_default_instrumentation(watch).unwrap();
    let without = statements_of(8, &[Act::Send], Rounds::Waiting).await;
    let mut with = statements_of(8, &[Act::Send], Rounds::WaitingWithToasts).await;
    assert_eq!(statements_of(3, &[Act::Send], Rounds::WaitingWithToasts).await, with);
    let inserts = |text: &String| text.contains("INTO kefu_message");
    assert_eq!(with.iter().filter(|text| inserts(text)).count(), 2, "{with:#?}");
    let place = with.iter().position(inserts).unwrap();
    with.remove(place);
    assert_eq!(with, without);
}

#[tokio::test]
async fn a_batch_runs_the_same_statements_however_large_it_is() {
    set_default_instrumentation(watch).unwrap();
    let one = statements(1, &[Act::Send]).await;
    for count in [8, 32] {
        assert_eq!(statements(count, &[Act::Send]).await, one, "{count} commands");
    }
    let kinds = [
        vec![Act::Member],
        vec![Act::NewMember],
        vec![Act::Send, Act::Pin, Act::Read, Act::Member],
        vec![Act::NewMember, Act::Member, Act::Pin, Act::Read],
        vec![Act::ReadUpTo, Act::MarkUnread],
        vec![Act::ReadUpTo, Act::Read, Act::MarkUnread, Act::Send],
    ];
    for acts in kinds {
        let few = statements(acts.len(), &acts).await;
        let stores = acts.iter().any(|act| matches!(act, Act::Send | Act::Member | Act::NewMember));
        assert!(few.len() >= if stores { one.len() } else { 5 }, "{few:?}");
        assert_eq!(statements(32, &acts).await, few, "32 commands");
    }
}

/// A figure that PostgreSQL keeps of its tables or indexes. It comes with a delay of a second.
async fn statistic(app: &TestApp, figure: &str) -> i64 {
    // As many rows as the figure says, for what counts rows.
    app.count(&format!("generate_series(1, (SELECT {figure}))")).await
}

/// By how much `figure` grows while messages are sent, some fifty in a second.
async fn growth_by_sends(app: &TestApp, member: &User, figure: &str) -> i64 {
    // What was done before has been counted when the first of these have.
    sends_until_counted(app, member).await;
    let before = statistic(app, figure).await;
    sends_until_counted(app, member).await;
    statistic(app, figure).await - before
}

/// Sends until looking for the conversation has been counted, and with it all that was done before.
async fn sends_until_counted(app: &TestApp, member: &User) {
    const LOOKUPS: &str = "idx_scan FROM pg_stat_user_tables WHERE relname = 'kefu_conversation'";
    let before = statistic(app, LOOKUPS).await;
    eventually("the statistics have come", async || {
        sends_with_id(member).await;
        statistic(app, LOOKUPS).await > before
    })
    .await;
}

/// Sends with a `clientMessageId` that is looked up.
async fn sends_with_id(member: &User) {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let id = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
    let body = json!({"contentType": 1, "content": "hi", "clientMessageId": id});
    member.post(path::MEMBER_SEND, body).await.ok();
}

#[tokio::test]
async fn postgresql_finds_rows_by_their_index_in_small_tables_and_in_such_that_have_grown() {
    if only_on(Kind::Postgres, "the others are told in each statement") {
        return;
    }
    const WHOLE_TABLES: &str = "seq_scan FROM pg_stat_user_tables WHERE relname = 'kefu_conversation'";
    const READ: &str = "idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'kefu_message_client'";
    let app = TestApp::spawn_with(|settings: &mut Settings| settings.limits.sends_per_s = 0).await;
    let member = app.member(1).await;
    let scans = growth_by_sends(&app, &member, WHOLE_TABLES).await;
    // Another session may have looked once.
    assert!(scans < 5, "the table was read {scans} times");
    app.stop().await;

    let app = TestApp::spawn_with(|settings: &mut Settings| settings.limits.sends_per_s = 0).await;
    // Known to be empty: reading all of it is the shortest way.
    app.execute("ANALYZE");
    let member = app.member(1).await;
    for _ in 0..3 {
        sends_with_id(&member).await;
    }
    app.execute(
        "INSERT INTO kefu_message (id, conversation_id, seq, sender_id, sender_type, content_type, content, \
         client_message_id, create_time, update_time, tenant_id) \
         SELECT 1000000 + n, 1000000, n, 1, 1, 1, 'hi', n::text, LOCALTIMESTAMP, LOCALTIMESTAMP, 1 \
         FROM generate_series(1, 5000) AS n",
    );
    for _ in 0..6 {
        sends_with_id(&member).await;
    }
    let read = growth_by_sends(&app, &member, READ).await;
    assert!(read < 5000, "{read} entries of the index were read");
    app.stop().await;
}
