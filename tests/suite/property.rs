//! Random interleavings of everything that members, visitors and admins do, and what must hold afterwards (invariants 3 to 7).
//!
//! Every case has a tenant of its own in one running service. A script is a list of groups; the operations of a group
//! run at once. After each group the open sockets are read; what a member's socket brings must be the next `seq`,
//! whatever was missed and resynced; an admin, who asks by time, drops by id what it has. Each visitor turns out to be one
//! of the members, and sends as that member what is refused afterwards.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::future::join_all;
use kefu::id::TenantId;
use kefu::testing::access::Role;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::support::tables::{Row, StoredConversation, sound_conversations};
use crate::support::{Event, SITE, START, Site, Socket, TestApp, User, path};

const MEMBERS: usize = 3;
const ADMINS: usize = 2;
/// Visitors, who turn out to be the first members.
const VISITORS: usize = 2;

#[derive(Clone, Debug)]
enum Step {
    MemberSends {
        member: usize,
        repeat_key: Option<u8>,
    },
    AdminSends {
        admin: usize,
        member: usize,
        repeat_key: Option<u8>,
    },
    VisitorSends {
        visitor: usize,
    },
    /// The member logs in where the visitor was.
    Links {
        visitor: usize,
    },
    MemberReads {
        member: usize,
    },
    AdminReads {
        admin: usize,
        member: usize,
    },
    /// Marks as read up to this `seq`.
    MemberReadsTo {
        member: usize,
        seq: i64,
    },
    AdminReadsTo {
        admin: usize,
        member: usize,
        seq: i64,
    },
    MarksUnread {
        member: usize,
    },
    Deletes {
        member: usize,
    },
    Pins {
        member: usize,
        pinned: bool,
    },
    /// The client's socket breaks, with whatever was under way.
    Breaks {
        client: usize,
    },
    /// The client connects again and asks for what it missed.
    Returns {
        client: usize,
    },
    /// The clock moves, forwards or back.
    Clock {
        offset_ms: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let (member, admin, client) = (0..MEMBERS, 0..ADMINS, 0..MEMBERS + ADMINS);
    let key = || proptest::option::weighted(0.4, 0..3_u8);
    prop_oneof![
        6 => (member.clone(), key()).prop_map(|(member, repeat_key)| Step::MemberSends { member, repeat_key }),
        4 => (admin.clone(), member.clone(), key())
            .prop_map(|(admin, member, repeat_key)| Step::AdminSends { admin, member, repeat_key }),
        3 => (0..VISITORS).prop_map(|visitor| Step::VisitorSends { visitor }),
        1 => (0..VISITORS).prop_map(|visitor| Step::Links { visitor }),
        2 => member.clone().prop_map(|member| Step::MemberReads { member }),
        2 => (admin.clone(), member.clone()).prop_map(|(admin, member)| Step::AdminReads { admin, member }),
        2 => (member.clone(), 0..12_i64).prop_map(|(member, seq)| Step::MemberReadsTo { member, seq }),
        2 => (admin, member.clone(), 0..12_i64)
            .prop_map(|(admin, member, seq)| Step::AdminReadsTo { admin, member, seq }),
        1 => member.clone().prop_map(|member| Step::MarksUnread { member }),
        2 => member.clone().prop_map(|member| Step::Deletes { member }),
        1 => (member, any::<bool>()).prop_map(|(member, pinned)| Step::Pins { member, pinned }),
        2 => client.clone().prop_map(|client| Step::Breaks { client }),
        2 => client.prop_map(|client| Step::Returns { client }),
        1 => (0..120_000_i64).prop_map(|offset_ms| Step::Clock { offset_ms }),
    ]
}

#[test]
fn whatever_happens_the_tables_are_sound_and_every_client_has_every_message_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let app = runtime.block_on(TestApp::spawn_with(|settings| {
        settings.limits.sends_per_s = 0;
        settings.limits.visitors_per_minute = 0;
        settings.limits.first_messages_per_minute_and_address = 0;
        // The clock's jumps are to make no socket look idle.
        settings.push.idle_timeout_s = 3600;
    }));
    let tenants = AtomicI64::new(2);
    let config = ProptestConfig { cases: 32, max_shrink_iters: 300, ..ProptestConfig::with_source_file(file!()) };
    let scripts = proptest::collection::vec(proptest::collection::vec(step(), 1..6), 1..16);
    let outcome = TestRunner::new(config).run(&scripts, |script| {
        let tenant = TenantId::new(tenants.fetch_add(1, Ordering::Relaxed));
        runtime.block_on(async {
            let mut case = Case::new(&app, tenant).await;
            for group in &script {
                case.run(group).await;
            }
            case.end().await;
        });
        Ok(())
    });
    runtime.block_on(app.stop());
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

struct Case<'a> {
    app: &'a TestApp,
    tenant: TenantId,
    members: Vec<User>,
    admins: Vec<User>,
    visitors: Vec<User>,
    /// Members first.
    clients: Vec<Mutex<Client>>,
    /// What a `clientMessageId` was answered with, by sender and conversation.
    repeats: HashMap<(usize, usize, u8), i64>,
    /// Every stored message by its answer.
    answered: HashSet<i64>,
    conversations: HashMap<usize, i64>,
    /// What must stand in `adminDeleted` and `adminPinned`; absent while operations of one group left it open.
    deleted: HashMap<usize, bool>,
    pinned: HashMap<usize, bool>,
    marked_unread: HashMap<usize, bool>,
}

/// A client with its own store of messages: by conversation, in the order of arrival.
#[derive(Default)]
struct Client {
    is_admin: bool,
    socket: Option<Socket>,
    replaying: bool,
    seen: HashMap<i64, Vec<i64>>,
    ids: HashSet<i64>,
    newest_time: i64,
    /// Whether a visitor's conversation became the member's: its messages are asked for.
    has_more: bool,
}

impl Client {
    async fn connect(&mut self, user: &User) {
        if self.socket.is_some() {
            return;
        }
        let query = if self.is_admin {
            format!("since={}", self.newest_time)
        } else {
            format!("lastSeq={}", self.seen.values().next().map_or(0, Vec::len))
        };
        self.socket = Some(user.socket(&query).await);
        self.replaying = true;
    }

    /// Takes everything that was published until now.
    async fn read(&mut self) {
        let Some(mut socket) = self.socket.take() else { return };
        let mut events = Vec::new();
        if std::mem::take(&mut self.replaying) {
            events = socket.events_until("kefu_resync_done").await;
        }
        events.extend(socket.events_so_far().await);
        self.take_all(&events);
        if std::mem::take(&mut self.has_more) {
            let position = self.seen.values().next().map_or(0, Vec::len);
            socket.send(&json!({"type": "kefu_resync", "content": {"afterSeq": position}}).to_string()).await;
            let events = socket.events_until("kefu_resync_done").await;
            self.take_all(&events);
        }
        self.socket = Some(socket);
    }

    fn take_all(&mut self, events: &[Event]) {
        for event in events {
            match event.kind.as_str() {
                "kefu_message_type" => self.take(&event.content),
                "kefu_conversation_linked" if !self.is_admin => self.has_more = true,
                _ => {}
            }
        }
    }

    fn take(&mut self, message: &Value) {
        let number = |name: &str| message[name].as_i64().unwrap();
        let have = self.seen.get(&number("conversationId")).map_or(0, Vec::len);
        if self.has_more && number("seq") > i64::try_from(have).unwrap() + 1 {
            return;
        }
        if !self.ids.insert(number("id")) {
            assert!(self.is_admin, "a member gets every message exactly once: {message}");
            return;
        }
        let seen = self.seen.entry(number("conversationId")).or_default();
        seen.push(number("id"));
        assert_eq!(number("seq"), i64::try_from(seen.len()).unwrap(), "messages come in order of seq: {message}");
        self.newest_time = self.newest_time.max(number("createTime"));
    }
}

impl<'a> Case<'a> {
    async fn new(app: &'a TestApp, tenant: TenantId) -> Self {
        app.clock.set(START);
        let mut members = Vec::new();
        for id in 1..=MEMBERS {
            members.push(app.member_of(tenant, i64::try_from(id).unwrap()).await);
        }
        let mut admins = Vec::new();
        for (name, role) in ["owner", "agent"].into_iter().zip([Role::Owner, Role::Agent]) {
            admins.push(app.admin_of(tenant, name, role).await);
        }
        let site = Site::new(app, &admins[0]).await;
        let mut visitors = Vec::new();
        for member in &mut members[..VISITORS] {
            visitors.push(site.visitor().await);
            *member = member.clone().on_page(SITE);
        }
        let client = |index| Mutex::new(Client { is_admin: index >= MEMBERS, ..Client::default() });
        let case = Self {
            app,
            tenant,
            members,
            admins,
            visitors,
            clients: (0..MEMBERS + ADMINS).map(client).collect(),
            repeats: HashMap::new(),
            answered: HashSet::new(),
            conversations: HashMap::new(),
            deleted: HashMap::new(),
            pinned: HashMap::new(),
            marked_unread: HashMap::new(),
        };
        // Some are there from the beginning, the others come with the script or at its end.
        for index in (0..MEMBERS + ADMINS).step_by(2) {
            case.clients[index].lock().await.connect(case.user(index)).await;
        }
        case
    }

    fn user(&self, client: usize) -> &User {
        if client < MEMBERS { &self.members[client] } else { &self.admins[client - MEMBERS] }
    }

    /// Runs the operations of a group at once, then compares what they said with the tables.
    async fn run(&mut self, group: &[Step]) {
        let answers = join_all(group.iter().map(|step| self.act(step))).await;

        let mut stored = HashSet::new();
        for (step, answer) in group.iter().zip(answers) {
            let (Some(id), Some((sender, member, repeat_key))) = (answer, sent(step)) else { continue };
            let first = repeat_key.and_then(|key| self.repeats.insert((sender, member, key), id));
            match first {
                Some(first) => assert_eq!(first, id, "a repeated send returns the first id"),
                None => {
                    assert!(self.answered.insert(id), "an id is given once");
                    stored.insert(member);
                }
            }
        }
        for client in &self.clients {
            client.lock().await.read().await;
        }
        let conversations = sound_conversations(&self.app.db, self.tenant.get()).await;
        let messages = conversations.iter().map(|conversation| conversation.messages.len());
        assert_eq!(messages.sum::<usize>(), self.answered.len(), "every answer has its row");
        for StoredConversation { row, .. } in &conversations {
            // Those of visitors have no members of this list.
            let Some(member) = usize::try_from(row.user_id - 1).ok().filter(|member| *member < MEMBERS) else {
                continue;
            };
            let known = self.conversations.insert(member, row.id).is_some();
            self.check_marks(member, row, group, known, stored.contains(&member));
        }
    }

    async fn act(&self, step: &Step) -> Option<i64> {
        let conversation = |member: &usize| self.conversations.get(member).copied();
        match step {
            Step::MemberSends { member, repeat_key } => {
                let mut body = json!({"contentType": 1, "content": format!("会员{member}")});
                body["clientMessageId"] = json!(repeat_key.map(|key| format!("k{key}")));
                self.members[*member].post("/app-api/promotion/kefu-message/send", body).await.ok().as_i64()
            }
            Step::AdminSends { admin, member, repeat_key } => {
                let id = conversation(member)?;
                let mut body = json!({"conversationId": id, "contentType": 5, "content": format!("客服{admin}")});
                body["clientMessageId"] = json!(repeat_key.map(|key| format!("k{key}")));
                self.admins[*admin].post("/admin-api/promotion/kefu-message/send", body).await.ok().as_i64()
            }
            Step::VisitorSends { visitor } => {
                let body = json!({"contentType": 1, "content": format!("访客{visitor}")});
                let sent = self.visitors[*visitor].post(path::MEMBER_SEND, body.clone()).await;
                match sent.code {
                    401 => self.members[*visitor].post(path::MEMBER_SEND, body).await.ok().as_i64(),
                    _ => sent.ok().as_i64(),
                }
            }
            Step::Links { visitor } => {
                self.members[*visitor].links(&self.visitors[*visitor]).await.ok();
                None
            }
            Step::MemberReads { member } => {
                self.members[*member].reads_own(conversation(member)?).await;
                None
            }
            Step::AdminReads { admin, member } => {
                self.admins[*admin].reads(conversation(member)?).await;
                None
            }
            Step::MemberReadsTo { member, seq } => {
                let path = format!("{}?conversationId={}&seq={seq}", path::MEMBER_READ, conversation(member)?);
                self.members[*member].put(&path).await.ok();
                None
            }
            Step::AdminReadsTo { admin, member, seq } => {
                let path = format!("{}?conversationId={}&seq={seq}", path::ADMIN_READ, conversation(member)?);
                self.admins[*admin].put(&path).await.ok();
                None
            }
            Step::MarksUnread { member } => {
                self.admins[1].put_json(path::MARK_UNREAD, json!({"id": conversation(member)?})).await.ok();
                None
            }
            Step::Deletes { member } => {
                self.admins[0].deletes(conversation(member)?).await;
                None
            }
            Step::Pins { member, pinned } => {
                self.admins[1].pins(conversation(member)?, *pinned).await;
                None
            }
            Step::Breaks { client } => {
                self.clients[*client].lock().await.socket = None;
                None
            }
            Step::Returns { client } => {
                self.clients[*client].lock().await.connect(self.user(*client)).await;
                None
            }
            Step::Clock { offset_ms } => {
                self.app.clock.set(START + offset_ms);
                None
            }
        }
    }

    /// Compares the marks of a conversation with what the group asked for, where that is determined.
    fn check_marks(&mut self, member: usize, row: &Row, group: &[Step], known: bool, new_mail: bool) {
        let concerns = |step: &Step| match step {
            Step::VisitorSends { visitor } | Step::Links { visitor } => *visitor == member,
            _ => false,
        };
        if group.iter().any(concerns) {
            self.deleted.insert(member, row.admin_deleted);
            self.pinned.insert(member, row.admin_pinned);
            self.marked_unread.insert(member, row.marked_unread);
            return;
        }
        let deletes = known && group.iter().any(|step| matches!(step, Step::Deletes { member: m } if *m == member));
        let deleted = match (deletes, new_mail) {
            (true, true) => None,
            (true, false) => Some(true),
            (false, true) => Some(false),
            (false, false) => self.deleted.get(&member).copied(),
        };
        assert_eq!(row.admin_deleted, deleted.unwrap_or(row.admin_deleted), "adminDeleted: {row:?}");
        self.deleted.insert(member, row.admin_deleted);

        let pins: HashSet<bool> = group
            .iter()
            .filter_map(|step| match step {
                Step::Pins { member: m, pinned } if known && *m == member => Some(*pinned),
                _ => None,
            })
            .collect();
        let before = self.pinned.get(&member).copied().unwrap_or(false);
        let possible = if pins.is_empty() { HashSet::from([before]) } else { pins };
        assert!(possible.contains(&row.admin_pinned), "adminPinned: {row:?}");
        self.pinned.insert(member, row.admin_pinned);

        let here = |step: &&Step| match **step {
            Step::MarksUnread { member: m }
            | Step::AdminReads { member: m, .. }
            | Step::AdminReadsTo { member: m, .. } => known && m == member,
            _ => false,
        };
        let marks: HashSet<bool> =
            group.iter().filter(here).map(|step| matches!(step, Step::MarksUnread { .. })).collect();
        let before = self.marked_unread.get(&member).copied().unwrap_or(false);
        let possible = if marks.is_empty() { HashSet::from([before]) } else { marks };
        assert!(possible.contains(&row.marked_unread), "markedUnread: {row:?}");
        self.marked_unread.insert(member, row.marked_unread);

        for step in group.iter().filter(|_| known && !new_mail) {
            match step {
                Step::AdminReads { member: m, .. } if *m == member => {
                    assert_eq!(row.admin_unread_message_count, 0, "{row:?}")
                }
                Step::MemberReads { member: m } if *m == member => {
                    assert_eq!(row.member_unread_message_count, 0, "{row:?}")
                }
                Step::AdminReadsTo { member: m, seq, .. } if *m == member => {
                    let above = (row.last_seq - seq).max(0);
                    assert!(i64::from(row.admin_unread_message_count) <= above, "up to {seq}: {row:?}")
                }
                Step::MemberReadsTo { member: m, seq } if *m == member => {
                    let above = (row.last_seq - seq).max(0);
                    assert!(i64::from(row.member_unread_message_count) <= above, "up to {seq}: {row:?}")
                }
                _ => {}
            }
        }
    }

    /// Every client comes back: each has exactly the stored messages of each conversation, in order.
    async fn end(self) {
        let rows = sound_conversations(&self.app.db, self.tenant.get()).await;
        let stored: HashMap<i64, Vec<i64>> =
            rows.iter().map(|one| (one.row.id, one.messages.iter().map(|message| message.id).collect())).collect();
        for (index, client) in self.clients.iter().enumerate() {
            let mut client = client.lock().await;
            client.connect(self.user(index)).await;
            client.read().await;
            let mut expected = stored.clone();
            // What keeps a visitor's place has none.
            expected.retain(|_, messages| !messages.is_empty());
            if let Some(member) = self.members.get(index) {
                expected.retain(|id, _| rows.iter().any(|one| one.row.id == *id && one.row.user_id == member.id()));
            }
            assert_eq!(client.seen, expected, "client {index} has every message once");
        }
    }
}

/// Who sends into whose conversation under which key.
fn sent(step: &Step) -> Option<(usize, usize, Option<u8>)> {
    match *step {
        Step::MemberSends { member, repeat_key } => Some((member, member, repeat_key)),
        Step::AdminSends { admin, member, repeat_key } => Some((MEMBERS + admin, member, repeat_key)),
        Step::VisitorSends { visitor } => Some((MEMBERS + ADMINS + visitor, visitor, None)),
        _ => None,
    }
}
