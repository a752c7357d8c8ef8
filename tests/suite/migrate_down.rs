//! `kefu migrate down` on a database that has been used.

use crate::support::TestDatabase;
use crate::support::database::Kind;
use crate::support::process::{Serve, command, done, failed};

#[tokio::test]
async fn what_is_newer_is_taken_back_and_messages_stay() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create());
    let url = database.url.clone().unwrap_or_else(|| "sqlite:used.db".into());
    let with = |arguments: &[&'static str]| [arguments, &["--database-url"]].concat();
    let run =
        async |arguments: &[&'static str]| done(folder.path(), &[&with(arguments)[..], &[&url]].concat(), "").await;
    let fail =
        async |arguments: &[&'static str]| failed(folder.path(), &[&with(arguments)[..], &[&url]].concat(), "").await;
    let tokens = run(&["token", "member", "--user-id", "1", "--nickname=m"]).await;

    let serve = Serve::start(folder.path(), &["--database-url", &url]).await;
    serve.user(&tokens).says("before").await;
    if Kind::chosen() == Kind::Sqlite {
        let line = fail(&["migrate", "down", "--to", "00000000000001", "--yes"]).await;
        assert!(line.contains("another kefu process is running"), "{line}");
    }
    serve.terminate().await;

    let before = run(&["migrate", "status"]).await;
    let newer: Vec<&str> = before.lines().skip(1).map(|line| line.strip_prefix("applied ").unwrap()).collect();
    let line = fail(&["migrate", "down", "--to", "00000000000009_none", "--yes"]).await;
    assert!(
        line.contains("--to 00000000000009_none: must be one of") && line.contains("00000000000001_initial"),
        "{line}"
    );
    if !newer.is_empty() {
        // Without --yes and without somebody to ask nothing happens.
        let mut asked = command(folder.path(), &["migrate", "down", "--to", "00000000000001", "--database-url", &url]);
        let ended = asked.output().await.unwrap();
        assert!(String::from_utf8(ended.stderr).unwrap().contains("--yes"));
        assert_eq!(run(&["migrate", "status"]).await, before);
    }

    let down = run(&["migrate", "down", "--to", "00000000000001_initial", "--yes"]).await;
    let taken: Vec<&str> = down.lines().filter_map(|line| line.strip_prefix("took back ")).collect();
    assert_eq!(taken, newer.iter().rev().copied().collect::<Vec<_>>(), "{down}");
    assert!(newer.is_empty() || down.contains("  lost: "), "{down}");
    let status = run(&["migrate", "status"]).await;
    assert_eq!(status.matches("applied ").count(), 1, "{status}");
    assert_eq!(status.matches("pending ").count(), newer.len(), "{status}");
    assert_eq!(run(&["migrate", "down", "--to", "00000000000001", "--yes"]).await, "nothing to do\n");

    run(&["migrate", "up"]).await;
    assert_eq!(run(&["migrate", "status"]).await, before);
    let serve = Serve::start(folder.path(), &["--database-url", &url]).await;
    let member = serve.user(&tokens);
    member.says("after").await;
    let messages = member.own_messages("limit=10").await;
    let contents: Vec<&str> = messages.iter().map(|message| message["content"].as_str().unwrap()).collect();
    assert!(contents[0].contains("after") && contents[1].contains("before"), "{contents:?}");
    serve.terminate().await;
}

/// What the version before migration 8 has written is a role's name in a column; it becomes a held role, and the other way round.
#[tokio::test]
async fn accounts_keep_their_roles_through_the_migration_of_roles_and_back() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create());
    let url = database.url.clone().unwrap_or_else(|| "sqlite:used.db".into());
    let run = async |arguments: &[&str], input: &str| {
        done(folder.path(), &[arguments, &["--database-url", &url]].concat(), input).await
    };
    let roles = async || {
        let listed = run(&["admin", "list"], "").await;
        let role_of = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            ["amy", "ben", "cat", "dan"].iter().find(|name| words.contains(name)).map(|name| {
                let role = ["owner", "agent", "viewer"].iter().find(|role| words.contains(role));
                (name.to_string(), role.map(|role| (*role).to_owned()))
            })
        };
        listed.lines().filter_map(role_of).collect::<Vec<_>>()
    };
    for (name, role) in [("amy", "owner"), ("ben", "agent"), ("cat", "viewer"), ("dan", "agent")] {
        let add = ["admin", "add", "--username", name, "--nickname", name, "--role", role];
        run(&add, "correct horse battery\n").await;
    }
    run(&["admin", "disable", "--username", "dan"], "").await;
    let before = roles().await;
    assert_eq!(before.len(), 4, "{before:?}");
    assert!(before.iter().all(|(_, role)| role.is_some()), "{before:?}");
    let serve = Serve::start(folder.path(), &["--database-url", &url]).await;
    let tokens = run(&["token", "member", "--user-id", "1", "--nickname=m"], "").await;
    serve.user(&tokens).says("before").await;
    serve.terminate().await;

    for _ in 0..2 {
        let down = run(&["migrate", "down", "--to", "00000000000007", "--yes"], "").await;
        assert!(down.contains("took back 00000000000008"), "{down}");
        run(&["migrate", "up"], "").await;
        assert_eq!(roles().await, before);
    }
    let serve = Serve::start(folder.path(), &["--database-url", &url]).await;
    let amy = serve.user(&run(&["token", "admin", "--username", "amy"], "").await);
    assert_eq!(amy.conversations().await.len(), 1);
    let held = amy.get("/admin-api/system/user/page?pageNo=1&pageSize=10").await.ok();
    let held = held["list"].as_array().unwrap();
    let ben = held.iter().find(|user| user["username"] == "ben").unwrap();
    assert_eq!((&ben["roles"][0]["code"], &ben["status"]), (&serde_json::json!("agent"), &serde_json::json!(0)));
    serve.terminate().await;
}
