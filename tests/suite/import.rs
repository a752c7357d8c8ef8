//! `kefu import yudao`: from a database of `tests/fixtures/yudao.sql` on the private MySQL server, into the database that
//! the suite runs on and into the embedded one.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use kefu::clock::{Clock, to_timestamp};
use kefu::testing::account;
use serde_json::{Value, json};

use crate::support::database::{Kind, only_on_servers, variable};
use crate::support::process::{Ended, Serve, command, kefu};
use crate::support::tables::{StoredConversation, sound_conversations};
use crate::support::{TENANT, TestApp, TestDatabase, eventually, text};

/// 2024-07-15 10:00:00 in Shanghai.
const TEN: i64 = 1_721_008_800_000;

/// A shop's database. `None` where there is no server to have one on.
struct Yudao(TestDatabase);

impl Yudao {
    fn create() -> Option<Self> {
        if variable("TEST_MYSQL").is_none() && only_on_servers("from which an import reads") {
            return None;
        }
        let yudao = Self(TestDatabase::create_on(Kind::Mysql));
        yudao.execute(include_str!("../fixtures/yudao.sql"));
        Some(yudao)
    }

    fn url(&self) -> &str {
        self.0.url.as_deref().unwrap()
    }

    fn execute(&self, sql: &str) {
        self.0.connect().batch_execute(sql).unwrap();
    }
}

/// The service on the suite's database, or on the embedded one.
async fn target(embedded: bool) -> TestApp {
    TestApp::spawn_with(|settings| {
        settings.limits.sends_per_s = 0;
        if embedded {
            settings.database.url = None;
        }
    })
    .await
}

/// The arguments of an import into the service's database.
fn arguments<'a>(from: &'a str, into: &'a str) -> [&'a str; 6] {
    ["import", "yudao", "--from", from, "--database-url", into]
}

/// Imports while the service runs; the report.
async fn import(yudao: &Yudao, app: &TestApp) -> String {
    let folder = tempfile::tempdir().unwrap();
    let Ended { code, output, errors } =
        kefu(folder.path(), &arguments(yudao.url(), &app.settings.database_url()), "").await;
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{output}");
    output
}

/// One number of a report.
#[track_caller]
fn number(report: &str, what: &str) -> i64 {
    let line = report.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {what} in {report}")).parse().unwrap()
}

fn of_member(conversations: &[StoredConversation], member: i64) -> &StoredConversation {
    conversations.iter().find(|conversation| conversation.row.user_id == member).unwrap()
}

/// The ids in yudao of a conversation's messages, `None` for one of kefu's own.
fn ids(conversation: &StoredConversation) -> Vec<Option<i64>> {
    let id = |id: &Option<String>| id.as_ref()?.strip_prefix("yudao-")?.parse().ok();
    conversation.messages.iter().map(|message| id(&message.client_message_id)).collect()
}

async fn what_yudao_shows_is_there(embedded: bool) {
    let Some(yudao) = Yudao::create() else { return };
    let app = target(embedded).await;
    let owner = app.owner().await;
    let report = import(&yudao, &app).await;
    assert_eq!(
        report,
        "conversations created: 4
conversations already there: 0
duplicate conversations merged: 1
messages copied: 11
messages already there: 0
messages read since: 0
members added: 4
admins added: 4
skipped, conversations deleted in yudao: 1
skipped, conversations of no member: 1
skipped, conversations without a message: 1
skipped, messages deleted in yudao: 1
skipped, messages of a skipped conversation: 2
skipped, messages of an unknown sender type: 2
skipped, messages of the unknown content type 99: 1
skipped, messages that kefu refuses (content does not fit its type): 1
skipped, messages that kefu refuses (content must not be empty): 2
skipped, messages without a conversation: 1
skipped, messages without a sender: 1
skipped, messages without a time: 1
"
    );

    // As the console sees it: the pinned one first, one conversation of the two, none of what is deleted.
    let listed = owner.conversations().await;
    let shown = |one: &Value| {
        json!([
            one["userId"],
            one["userNickname"],
            one["userAvatar"],
            one["adminPinned"],
            one["lastSeq"],
            one["adminUnreadMessageCount"],
            one["memberUnreadMessageCount"],
            one["lastMessageTime"],
            one["createTime"]
        ])
    };
    assert_eq!(
        json!(listed.iter().map(shown).collect::<Vec<_>>()),
        json!([
            [1001, "小明😀", "https://shop.example/1001.png", true, 3, 1, 1, TEN + 2, TEN],
            [1002, "会员1002", null, false, 4, 2, 1, TEN + 2000, TEN - 1000],
        ])
    );

    // Messages of one second keep their order by the id and get times of their own.
    let first = owner.messages(listed[0]["id"].as_i64().unwrap(), "afterSeq=0").await;
    let shown = |one: &Value| {
        json!([
            one["clientMessageId"],
            one["seq"],
            one["senderType"],
            one["senderAvatar"],
            one["content"],
            one["readStatus"],
            one["createTime"]
        ])
    };
    let (avatar, admin) = ("https://shop.example/1001.png", "https://shop.example/admin.png");
    assert_eq!(
        json!(first.iter().map(shown).collect::<Vec<_>>()),
        json!([
            ["yudao-1", 1, 1, avatar, text("你好，什么时候发货？😀"), true, TEN],
            ["yudao-2", 2, 2, admin, text("今天下午发货"), false, TEN + 1],
            ["yudao-3", 3, 1, avatar, text("👨‍👩‍👧‍👦🇨🇳𠮷  "), false, TEN + 2],
        ])
    );
    assert_eq!((&first[0]["senderId"], &first[1]["receiverId"]), (&json!(1001), &json!(1001)));
    // An admin there is another one than the admin with that id here.
    assert_ne!(first[1]["senderId"], json!(owner.id()));

    let stored = sound_conversations(&app.db, 1).await;
    assert_eq!(ids(of_member(&stored, 1002)), [Some(4), Some(7), Some(5), Some(6)]);
    let done = of_member(&stored, 1005);
    assert!(done.row.admin_deleted && done.messages.iter().all(|message| message.read_status));
    assert_eq!(app.count("kefu_conversation WHERE user_deleted").await, 1);
    assert_eq!(ids(of_member(&sound_conversations(&app.db, 2).await, 2001)), [Some(16), Some(17)]);

    let admins = account::list_admins(&app.db, TENANT).await.unwrap();
    let admins: Vec<(&str, &str, bool)> =
        admins.iter().map(|one| (one.username.as_str(), one.nickname.as_str(), one.enabled)).collect();
    assert_eq!(
        admins,
        [
            ("admin", "客服", true),
            ("yuanma", "小红", false),
            ("yudao-1", "芋道源码", false),
            ("yudao-104", "客服104", false)
        ]
    );

    // The members go on where they were, and what was unread can be read.
    let member = app.member(1001).await;
    let conversation = member.own_conversation().await;
    member.says("and now?").await;
    owner.reads(conversation).await;
    member.reads_own(conversation).await;
    assert_eq!(app.unread_rows(conversation).await, (0, 0));
    let stored = sound_conversations(&app.db, 1).await;
    assert_eq!(of_member(&stored, 1001).row.last_seq, 4);
    app.stop().await;
}

#[tokio::test]
async fn what_yudao_shows_is_taken_over() {
    what_yudao_shows_is_there(false).await;
}

#[tokio::test]
async fn what_yudao_shows_is_taken_over_into_the_embedded_database() {
    what_yudao_shows_is_there(true).await;
}

async fn another_run_copies_what_is_new(embedded: bool) {
    let Some(yudao) = Yudao::create() else { return };
    let app = target(embedded).await;
    let (owner, member) = (app.owner().await, app.member(1002).await);
    import(&yudao, &app).await;
    let before = (sound_conversations(&app.db, 1).await, sound_conversations(&app.db, 2).await);
    let again = import(&yudao, &app).await;
    for (what, count) in [
        ("conversations created", 0),
        ("conversations already there", 4),
        ("messages copied", 0),
        ("messages already there", 11),
        ("messages read since", 0),
        ("members added", 0),
        ("admins added", 0),
    ] {
        assert_eq!(number(&again, what), count, "{again}");
    }
    let after = (sound_conversations(&app.db, 1).await, sound_conversations(&app.db, 2).await);
    assert_eq!(format!("{before:?}"), format!("{after:?}"));

    // Meanwhile both sides go on: the owner unpins here, a member writes here already, and in yudao messages come, one
    // is read, one was committed late, an admin is renamed.
    let pinned = of_member(&after.0, 1001).row.id;
    owner.pins(pinned, false).await;
    member.says("here already").await;
    let now = app.clock.now();
    yudao.execute(
        r#"UPDATE promotion_kefu_message SET read_status = 1 WHERE id = 4;
           UPDATE system_users SET username = 'xiaohong' WHERE id = 7;
           UPDATE promotion_kefu_conversation SET admin_deleted = 1 WHERE user_id = 1002;
           INSERT INTO promotion_kefu_message
             (id, conversation_id, sender_id, sender_type, content_type, content, read_status, create_time, tenant_id)
           VALUES (24, 1, 1001, 1, 1, 'late', 0, '2024-07-15 09:00:00', 1),
                  (30, 3, 1002, 1, 1, 'still there', 0, '2024-07-15 10:05:00', 1),
                  (31, 2, 7, 2, 1, 'renamed', 1, '2024-07-15 10:05:00', 1),
                  (32, 6, 2001, 1, 1, 'ahead', 1, '2099-01-01 00:00:00', 2)"#,
    );
    let mut socket = owner.socket("").await;
    let third = import(&yudao, &app).await;
    assert!(socket.events_so_far().await.is_empty(), "an import tells nobody");
    for (what, count) in [
        ("conversations created", 0),
        ("messages copied", 4),
        ("messages already there", 11),
        ("messages read since", 1),
        ("admins added", 0),
    ] {
        assert_eq!(number(&third, what), count, "{third}");
    }
    let stored = sound_conversations(&app.db, 1).await;
    let appended = of_member(&stored, 1001);
    assert_eq!(ids(appended), [Some(1), Some(2), Some(3), Some(24)]);
    assert_eq!(appended.messages[3].create_time, appended.messages[2].create_time + Duration::from_millis(1));
    assert!(!appended.row.admin_pinned, "what is marked there is out of date behind newer messages");
    let appended = of_member(&stored, 1002);
    assert_eq!(ids(appended), [Some(4), Some(7), Some(5), Some(6), None, Some(30), Some(31)]);
    assert!(appended.messages[0].read_status && !appended.row.admin_deleted);
    assert_eq!(appended.messages[4].create_time.and_utc().timestamp_millis(), now);
    assert_eq!(appended.messages[6].create_time.and_utc().timestamp_millis(), now + 2);
    assert_eq!(appended.messages[6].sender_id, appended.messages[3].sender_id);
    let ahead = of_member(&sound_conversations(&app.db, 2).await, 2001).messages[2].create_time;
    assert!(ahead < to_timestamp(Clock::system().now()), "a time ahead of the clock would push all later ones ahead");
    // What is changed there after it was copied stays here as it is, and the report says so.
    yudao.execute("UPDATE promotion_kefu_message SET content = 'changed' WHERE id = 24");
    let fourth = import(&yudao, &app).await;
    assert_eq!(number(&fourth, "messages copied"), 0);
    assert_eq!(number(&fourth, "messages already there"), 14);
    assert_eq!(number(&fourth, "skipped, messages already there with another content"), 1);
    socket.close().await;
    app.stop().await;
}

#[tokio::test]
async fn another_run_copies_only_what_is_new() {
    another_run_copies_what_is_new(false).await;
}

#[tokio::test]
async fn another_run_into_the_embedded_database_copies_only_what_is_new() {
    another_run_copies_what_is_new(true).await;
}

async fn a_killed_run_goes_on(embedded: bool) {
    let Some(yudao) = Yudao::create() else { return };
    let app = target(embedded).await;
    yudao.execute(
        "INSERT INTO promotion_kefu_message
           (conversation_id, sender_id, sender_type, content_type, content, read_status, create_time, tenant_id)
         SELECT 1 + seq % 3, IF(seq % 5 = 0, 7, 1001 + (seq % 3 > 0)), IF(seq % 5 = 0, 2, 1), 1, CONCAT('m', seq),
                seq % 7 = 0, '2024-08-01' + INTERVAL seq DIV 3 SECOND, 1
         FROM seq_1_to_2000",
    );
    let folder = tempfile::tempdir().unwrap();
    let url = app.settings.database_url();
    let mut one_by_one = arguments(yudao.url(), &url).to_vec();
    one_by_one.extend(["--set", "limits.write_batch=1"]);
    let mut child = command(folder.path(), &one_by_one).spawn().unwrap();
    eventually("something is copied", async || app.count("kefu_message").await >= 20).await;
    child.kill().await.unwrap();
    let copied = app.count("kefu_message").await;
    assert!(copied < 2011, "it was killed half way");
    sound_conversations(&app.db, 1).await;

    // The service goes on meanwhile, in the same conversations too.
    let members = [app.member(1001).await, app.member(1002).await, app.member(5001).await];
    let sends = async {
        for round in 0..20 {
            for member in &members {
                member.says(&format!("live {round}")).await;
            }
        }
    };
    let (report, ()) = tokio::join!(import(&yudao, &app), sends);
    let there = number(&report, "messages already there");
    // A server may end after the count the commit that the killed run was waiting for.
    assert!((copied..=copied + 1).contains(&there), "{there} of {copied}");
    assert_eq!(number(&report, "messages copied"), 2011 - there);
    let stored = sound_conversations(&app.db, 1).await;
    let own = stored.iter().flat_map(ids).filter(Option::is_none).count();
    assert_eq!((own, app.count("kefu_message").await), (60, 2011 + 60));
    app.stop().await;
}

#[tokio::test]
async fn a_run_that_was_killed_goes_on() {
    a_killed_run_goes_on(false).await;
}

#[tokio::test]
async fn a_run_into_the_embedded_database_that_was_killed_goes_on() {
    a_killed_run_goes_on(true).await;
}

#[tokio::test]
async fn an_import_before_the_first_start_leaves_the_first_admin_to_it() {
    let Some(yudao) = Yudao::create() else { return };
    yudao
        .execute("ALTER TABLE promotion_kefu_conversation DROP COLUMN tenant_id; DROP TABLE member_user, system_users");
    let folder = tempfile::tempdir().unwrap();
    // Without tenants everything belongs to the first one. The URL may come from standard input.
    let ended = kefu(folder.path(), &["import", "yudao", "--from", "-"], &format!("{}\n", yudao.url())).await;
    assert_eq!((ended.code, number(&ended.output, "messages copied")), (Some(0), 11), "{}", ended.errors);
    let serve = Serve::start(folder.path(), &[]).await;
    assert!(serve.first_password().is_some());
    serve.terminate().await;
    let listed = kefu(folder.path(), &["admin", "list"], "").await;
    assert!(listed.output.contains("\tadmin\t客服\towner\tenabled\n"), "{}", listed.output);
    assert!(listed.output.contains("\tyudao-1\t客服1\tagent\tdisabled\n"), "{}", listed.output);
}

/// An import that must fail with one line.
async fn refused(from: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let ended = kefu(folder.path(), &["import", "yudao", "--from", from], "").await;
    assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{}", ended.errors);
    assert_eq!(ended.errors.lines().count(), 1, "{}", ended.errors);
    assert!(!ended.errors.contains("not-this-one"), "{}", ended.errors);
    ended.errors
}

#[tokio::test]
async fn what_cannot_be_read_is_one_line() {
    for bad in ["", "mysql", "postgres://u:not-this-one@h/d", "sqlite:kefu.db", "jdbc:mysql://h/d"] {
        assert!(refused(bad).await.contains("--from"), "{bad}");
    }
    for reserved in ["/", "#", "?", "@", "%"] {
        let line = refused(&format!("mysql://u:not-this-one{reserved}not-this-one@h/d")).await;
        assert!(line.contains("--from") && line.contains("percent-encoded"), "{reserved}: {line}");
    }
    let Some(yudao) = Yudao::create() else { return };
    let (server, name) = yudao.url().rsplit_once('/').unwrap();
    let says = async |from: &str, texts: &[&str]| {
        let line = refused(from).await;
        assert!(texts.iter().all(|text| line.contains(text)), "{line}");
    };
    let user = format!("reader_{name}");
    let reader = format!("{}/{name}", server.replace("kefu:kefu", &format!("{user}:not-this-one")));
    let port = server.rsplit(':').next().unwrap();
    says(&reader, &["--from", "Access denied"]).await;
    says(&yudao.url().replace(port, "1"), &["--from", "connect"]).await;
    says(&format!("{server}/no_such_database"), &["--from", "no_such_database"]).await;
    says(&format!("{server}/mysql"), &["--from", "promotion_kefu_conversation"]).await;
    says(server, &["--from", "names no database"]).await;

    yudao.execute(&format!(
        "CREATE USER {user} IDENTIFIED BY 'not-this-one'; GRANT SELECT ON promotion_kefu_conversation TO {user}"
    ));
    says(&reader, &["--from", "promotion_kefu_message", "may not read"]).await;
    yudao.execute(&format!("GRANT INSERT ON promotion_kefu_message TO {user}"));
    says(&reader, &["--from", "denied", "promotion_kefu_message"]).await;
    yudao.execute(&format!("DROP USER {user}; ALTER TABLE promotion_kefu_message DROP COLUMN read_status"));
    says(yudao.url(), &["--from", "promotion_kefu_message", "read_status"]).await;
}

#[cfg(not(feature = "mysql"))]
#[tokio::test]
async fn a_missing_feature_is_named() {
    let line = refused("mysql://kefu:not-this-one@127.0.0.1/ruoyi-vue-pro").await;
    assert!(line.contains("--from") && line.contains("--features mysql"), "{line}");
}
