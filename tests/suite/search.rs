//! Members found by their names and ids, and the part of the list that is unread.

use kefu::id::{TenantId, UserId};
use kefu::testing::access::Role;
use kefu::testing::account;
use serde_json::{Value, json};

use crate::support::{TENANT, TestApp, User, eventually, path};

/// A member with this nickname who has written.
async fn writes(app: &TestApp, id: i64, nickname: &str) {
    let name = Some(nickname);
    let key = account::ensure_member(&app.db, &app.clock, TENANT, UserId::new(id), name, None).await.unwrap();
    app.clock.advance(1000);
    // As the nickname stands; `TestApp::member` would give another one.
    app.user_of(key).await.says("hi").await;
}

fn users(list: &[Value]) -> Vec<i64> {
    list.iter().map(|row| row["userId"].as_i64().unwrap()).collect()
}

async fn list(user: &User, query: &[(&str, &str)]) -> Vec<Value> {
    let request = user.request(reqwest::Method::GET, path::CONVERSATIONS).query(query);
    User::send(request).await.ok().as_array().unwrap().clone()
}

async fn page(user: &User, query: &[(&str, &str)]) -> Value {
    User::send(user.request(reqwest::Method::GET, path::MEMBER_PAGE).query(query)).await.ok()
}

async fn counts(user: &User) -> Value {
    user.get(path::COUNTS).await.ok()
}

#[tokio::test]
async fn conversations_are_found_by_words_of_the_name_and_by_ids() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    for (id, name) in [(11, "Amy Wang"), (12, "王小明"), (13, "amy li"), (14, "Émile"), (15, "100% _off_")] {
        writes(&app, id, name).await;
    }
    for (q, found) in [
        ("amy", vec![13, 11]),
        ("AMY", vec![13, 11]),
        ("wang", vec![11]),
        ("wang am", vec![11]),
        ("ang", vec![]),
        ("小明", vec![12]),
        ("明", vec![12]),
        ("王明", vec![]),
        ("12", vec![12]),
        ("9", vec![]),
        ("é", vec![14]),
        ("É", vec![14]),
        ("%", vec![]),
        ("100%", vec![15]),
        ("' OR 1=1 --", vec![]),
        ("  ", vec![15, 14, 13, 12, 11]),
    ] {
        assert_eq!(users(&list(&owner, &[("q", q)]).await), found, "{q:?}");
    }
    // Renamed members are found by the new name only, deleted conversations not at all.
    let name = Some("Bob");
    account::ensure_member(&app.db, &app.clock, TENANT, UserId::new(13), name, None).await.unwrap();
    assert_eq!(users(&list(&owner, &[("q", "amy")]).await), [11]);
    assert_eq!(users(&list(&owner, &[("q", "bob")]).await), [13]);
    let id = list(&owner, &[("q", "bob")]).await[0]["id"].as_i64().unwrap();
    owner.deletes(id).await;
    assert_eq!(users(&list(&owner, &[("q", "bob")]).await), [0_i64; 0]);
    // Another tenant's admin finds nothing.
    let stranger = app.admin_of(TenantId::new(2), "stranger", Role::Owner).await;
    assert_eq!(list(&stranger, &[("q", "amy")]).await, Vec::<Value>::new());
    let too_long = "a".repeat(65);
    assert_eq!(
        User::send(owner.request(reqwest::Method::GET, path::CONVERSATIONS).query(&[("q", &too_long)])).await.code,
        400
    );
    app.stop().await;
}

#[tokio::test]
async fn what_is_found_and_what_is_unread_comes_in_parts_in_the_order_of_the_list() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    for id in 1..=9 {
        writes(&app, id, &format!("amy {id}")).await;
    }
    let all = list(&owner, &[]).await;
    let id_of = |user: i64| all.iter().find(|row| row["userId"] == user).unwrap()["id"].as_i64().unwrap();
    owner.pins(id_of(3), true).await;
    for user in [2, 5, 9] {
        owner.reads(id_of(user)).await;
    }
    owner.put_json(path::MARK_UNREAD, json!({"id": id_of(5)})).await.ok();
    let unread = [3, 8, 7, 6, 5, 4, 1];
    for (filter, expected) in [
        (vec![("q", "amy")], vec![3, 9, 8, 7, 6, 5, 4, 2, 1]),
        (vec![("unread", "true")], unread.to_vec()),
        (vec![("q", "amy"), ("unread", "true")], unread.to_vec()),
        (vec![("unread", "false")], vec![3, 9, 8, 7, 6, 5, 4, 2, 1]),
    ] {
        assert_eq!(users(&list(&owner, &filter).await), expected, "{filter:?}");
        let (mut found, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut query = [filter.clone(), vec![("limit", "2")]].concat();
            if let Some(cursor) = &cursor {
                query.push(("cursor", cursor));
            }
            let part = list(&owner, &query).await;
            found.extend(users(&part));
            let Some(last) = part.last().filter(|_| part.len() == 2) else { break };
            cursor = Some(last["cursor"].as_str().unwrap().to_owned());
        }
        assert_eq!(found, expected, "{filter:?} in parts");
    }
    assert_eq!(counts(&owner).await, json!({"all": 9, "unread": 7}));
    owner.deletes(id_of(8)).await;
    owner.reads(id_of(5)).await;
    assert_eq!(counts(&owner).await, json!({"all": 8, "unread": 5}));
    let stranger = app.admin_of(TenantId::new(2), "stranger", Role::Owner).await;
    assert_eq!(counts(&stranger).await, json!({"all": 0, "unread": 0}));
    app.stop().await;
}

#[tokio::test]
async fn where_each_side_has_read_to_stands_in_the_list() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    for text in ["1", "2", "3"] {
        member.says(text).await;
    }
    let id = member.own_conversation().await;
    let read =
        |conversation: Value| (conversation.get("adminReadSeq").cloned(), conversation.get("memberReadSeq").cloned());
    assert_eq!(read(owner.conversation(id).await), (None, None), "a stock client gets the fields that it knows");
    owner.put(&format!("{}?conversationId={id}&seq=2", path::ADMIN_READ)).await.ok();
    owner.answers(id, "4").await;
    member.reads_own(id).await;
    assert_eq!(read(owner.conversation(id).await), (Some(json!(2)), Some(json!(4))));
    assert_eq!(read(list(&owner, &[("unread", "true")]).await.remove(0)), (Some(json!(2)), Some(json!(4))));
    app.stop().await;
}

#[tokio::test]
async fn who_asks_is_told_which_admin_wrote_last() {
    let app = TestApp::spawn().await;
    let (member, owner, agent) = (app.member(1001).await, app.owner().await, app.admin("agent", Role::Agent).await);
    member.says("hi").await;
    let id = member.own_conversation().await;
    let written_by = async || {
        let one = owner.get(&format!("{}?id={id}&lastAdmin=true", path::CONVERSATION)).await.ok();
        let rows = [list(&owner, &[("lastAdmin", "true")]).await.remove(0), one];
        rows.map(|row| row.get("lastMessageAdminId").cloned())
    };
    assert_eq!(written_by().await, [None, None], "the member");
    agent.answers(id, "hello").await;
    owner.put(&format!("{}?conversationId={id}", path::ADMIN_READ)).await.ok();
    assert_eq!(written_by().await, [Some(json!(agent.id())), Some(json!(agent.id()))]);
    let stock = [
        list(&owner, &[]).await.remove(0),
        owner.conversation(id).await,
        member.get(path::MEMBER_CONVERSATION).await.ok(),
    ];
    assert!(stock.iter().all(|row| row.get("lastMessageAdminId").is_none()), "{stock:?}");
    app.stop().await;
}

#[tokio::test]
async fn members_are_listed_in_pages() {
    let app = TestApp::spawn().await;
    let viewer = app.admin("viewer", Role::Viewer).await;
    for id in 1..=5 {
        let name = format!("amy {id}");
        account::ensure_member(&app.db, &app.clock, TENANT, UserId::new(id), Some(&name), None).await.unwrap();
    }
    let ids = |page: &Value| -> Vec<i64> {
        page["list"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
    };
    let first = page(&viewer, &[("nickname", "AMY"), ("pageNo", "1"), ("pageSize", "2")]).await;
    assert_eq!((ids(&first), &first["total"]), (vec![1, 2], &json!(5)));
    assert_eq!(first["list"][0], json!({"id": 1, "nickname": "amy 1", "avatar": "", "createTime": app.clock.now()}));
    let third = page(&viewer, &[("nickname", "amy"), ("pageNo", "3"), ("pageSize", "2")]).await;
    assert_eq!((ids(&third), &third["total"]), (vec![5], &json!(5)));
    assert_eq!(ids(&page(&viewer, &[]).await), [5, 4, 3, 2, 1], "the newest without a name");
    assert_eq!(ids(&page(&viewer, &[("nickname", "3")]).await), [3]);
    assert_eq!(page(&viewer, &[("nickname", "bob")]).await, json!({"list": [], "total": 0}));
    app.stop().await;
}

#[tokio::test]
async fn members_whom_an_older_version_has_made_are_found_after_a_start() {
    let app = TestApp::spawn().await;
    writes(&app, 7, "Amy").await;
    app.execute("DELETE FROM kefu_member_word");
    assert_eq!(list(&app.owner().await, &[("q", "amy")]).await, Vec::<Value>::new());
    let app = app.restart().await;
    let owner = app.owner().await;
    eventually("the words are written", async || !list(&owner, &[("q", "amy")]).await.is_empty()).await;
    app.stop().await;
}
