//! What differs between the databases: texts and times they must keep, batches of all kinds, writers that meet.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};

use diesel::prelude::*;
use kefu::error::Error;
use kefu::testing::db::AnyConnection;
use kefu::testing::db::schema::kefu_id_block;
use serde_json::json;

use crate::support::database::only_on_servers;
use crate::support::{START, TestApp, path};

#[tokio::test]
async fn every_character_and_every_millisecond_is_kept() {
    let app = TestApp::spawn_with(|settings| settings.limits.content_length = 65_536).await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let longest = "🀄".repeat(65_536 / 4);
    let texts =
        ["👨‍👩‍👧‍👦🇨🇳𠮷﷽", "trailing spaces  ", "\u{1}\u{7f}\u{85}\u{2028}\u{feff}\u{ffff}\u{10ffff}", "'\"\\%_?$1", &longest];
    for (place, text) in texts.iter().enumerate() {
        app.clock.set(START + 123 + i64::try_from(place).unwrap() * 1001);
        let id = member.post(path::MEMBER_SEND, json!({"contentType": 2, "content": text})).await.ok();
        let listed = member.own_messages("limit=1").await;
        assert_eq!((&listed[0]["id"], &listed[0]["content"]), (&id, &json!(text)));
        assert_eq!(listed[0]["createTime"], json!(app.clock.now()));
        let conversation = owner.conversation(member.own_conversation().await).await;
        assert_eq!(
            (&conversation["lastMessageContent"], &conversation["lastMessageTime"]),
            (&json!(text), &json!(app.clock.now()))
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn client_message_ids_are_compared_byte_for_byte() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let mut ids = Vec::new();
    for client_message_id in ["a", "A", "a ", "á", "ａ", "a\u{301}"] {
        let body = json!({"contentType": 1, "content": "hi", "clientMessageId": client_message_id});
        let id = member.post(path::MEMBER_SEND, body.clone()).await.ok();
        assert!(!ids.contains(&id), "{client_message_id:?}");
        assert_eq!(member.post(path::MEMBER_SEND, body).await.ok(), id, "{client_message_id:?}");
        ids.push(id);
    }
    assert_eq!(member.own_messages("limit=100").await.len(), ids.len());
    app.stop().await;
}

#[tokio::test]
async fn commands_of_all_kinds_share_a_batch() {
    let app = TestApp::spawn_with(|settings| settings.limits.sends_per_s = 0).await;
    let owner = app.owner().await;
    let mut members = Vec::new();
    for id in 1..=9 {
        let member = app.member(id).await;
        member.says("first").await;
        members.push((member.own_conversation().await, member));
    }
    let newcomers = [app.member(51).await, app.member(52).await, app.member(53).await];
    let mut tasks = tokio::task::JoinSet::new();
    for round in 0..6 {
        for (conversation, member) in &members {
            let (conversation, member, owner) = (*conversation, member.clone(), owner.clone());
            tasks.spawn(async move {
                member.says(&format!("question {round}")).await;
                owner.answers(conversation, &format!("answer {round}")).await;
                owner.reads(conversation).await;
                owner.pins(conversation, round % 2 == 0).await;
            });
        }
        for newcomer in newcomers.clone() {
            tasks.spawn(async move {
                newcomer.says("hello").await;
            });
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    for (conversation, _) in &members {
        owner.assert_consistent(*conversation, 13).await;
    }
    for newcomer in &newcomers {
        owner.assert_consistent(newcomer.own_conversation().await, 6).await;
    }
    assert_eq!(owner.conversations().await.len(), members.len() + newcomers.len());
    app.stop().await;
}

#[tokio::test]
async fn two_nodes_write_to_the_same_conversations() {
    if only_on_servers("SQLite belongs to one process") {
        return;
    }
    let first = TestApp::spawn_with(|settings| settings.limits.sends_per_s = 0).await;
    let second = first.another_node(|_| {}).await;
    let owner = first.owner().await;
    let mut members = Vec::new();
    for id in 1..=5 {
        members.push(first.member(id).await);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for round in 0..20 {
        for member in &members {
            for (node, member) in [(1, member.clone()), (2, member.at_node(&second))] {
                tasks.spawn(async move { member.says(&format!("{round} at {node}")).await });
            }
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    for member in &members {
        owner.assert_consistent(member.own_conversation().await, 40).await;
    }
    second.stop().await;
    first.stop().await;
}

#[tokio::test]
async fn whoever_loses_a_deadlock_tries_again() {
    if only_on_servers("where writers take turns") {
        return;
    }
    let app = TestApp::spawn().await;
    let both_hold_one = Arc::new(Barrier::new(2));
    let crosswise = |first: &'static str, second: &'static str| {
        let (db, both_hold_one, mut tries) = (app.db.clone(), Arc::clone(&both_hold_one), 0);
        tokio::spawn(async move {
            let take = |name: &str| {
                diesel::sql_query(format!("UPDATE kefu_id_block SET next_id = next_id + 1 WHERE name = '{name}'"))
            };
            db.write(move |connection| {
                tries += 1;
                lock(connection, first)?;
                if tries == 1 {
                    both_hold_one.wait();
                }
                lock(connection, second)?;
                take(first).execute(connection)?;
                take(second).execute(connection)?;
                Ok(tries)
            })
            .await
        })
    };
    let (one, other) = (crosswise("file", "revocation"), crosswise("revocation", "file"));
    let tries = (one.await.unwrap().unwrap(), other.await.unwrap().unwrap());
    assert!(tries.0 + tries.1 >= 3, "nobody lost: {tries:?}");
    #[derive(QueryableByName)]
    struct Next {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        next_id: i64,
    }
    let taken = "SELECT next_id FROM kefu_id_block WHERE name IN ('file', 'revocation')";
    for Next { next_id } in diesel::sql_query(taken).load(&mut app.database.connect()).unwrap() {
        assert_eq!(next_id, 3);
    }
    app.stop().await;
}

#[tokio::test]
async fn whoever_always_loses_is_told_to_come_back() {
    let app = TestApp::spawn().await;
    let tries = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&tries);
    let lost = app.db.write::<(), _>(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Err(Error::Conflict)
    });
    assert_eq!(lost.await, Err(Error::Busy));
    // docs/operation.md, "Faults".
    assert_eq!(tries.load(Ordering::Relaxed), 6);
    app.stop().await;
}

/// Locks a row by a statement that stays prepared and whose result begins before it waits for the lock.
fn lock(connection: &mut AnyConnection, name: &str) -> kefu::error::Result<()> {
    let query = kefu_id_block::table
        .filter(kefu_id_block::name.between(name, format!("{name}~")))
        .select(kefu_id_block::next_id)
        .for_update();
    let rows: QueryResult<Vec<i64>> = match connection {
        AnyConnection::Sqlite(_) => {
            drop(query);
            Err(diesel::NotFound)
        }
        #[cfg(feature = "mysql")]
        AnyConnection::Mysql(connection) => query.load(connection),
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(connection) => query.load(connection),
    };
    assert_eq!(rows?.len(), 1);
    Ok(())
}
