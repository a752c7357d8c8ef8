//! `kill -9` under load, again and again on the same data: every answered send is on disk, nothing is there twice
//! (invariants 1, 3, 5 and 6). The service is the built program in a process of its own.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use kefu::settings::Settings;
use kefu::testing::auth::Tokens;
use kefu::testing::db::{Backend, Db};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Notify;

use crate::support::tables::{StoredConversation, sound_conversations};
use crate::support::{TIMEOUT, User, http_client};

const ROUNDS: usize = 20;
const MEMBERS: i64 = 4;
/// Sends under way at once of each user.
const LANES: usize = 3;

#[tokio::test]
async fn every_answered_send_survives_kill_9_and_nothing_is_stored_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut seed = getrandom::u64().unwrap();
    println!("seed {seed}");
    let (mut server, base) = start(folder.path()).await;
    let mut users = Vec::new();
    for id in 1..=MEMBERS {
        let id = id.to_string();
        users.push(token(folder.path(), &["member", "--user-id", &id, "--nickname", &id]).await);
    }
    users.push(token(folder.path(), &["admin", "--username", "admin"]).await);
    let load = Load::new(users, &base).await;
    let mut book = Book::default();

    let mut base = base;
    for round in 0..ROUNDS {
        let kill_after = 1 + usize::try_from(random(&mut seed) % 150).unwrap();
        book.add(load.run(&base, round, kill_after, &mut server).await);
        (server, base) = start(folder.path()).await;
        book.check(&stored(folder.path()).await);
        for sent in book.unanswered.drain(..) {
            if sent.key.is_none() {
                continue;
            }
            let id = load.send_again(&base, &sent).await.expect("the repeat is answered");
            book.answered.insert(sent.content, id);
        }
        book.check(&stored(folder.path()).await);
    }
    assert!(book.answered.len() > ROUNDS);
    server.kill().await.unwrap();
}

/// SplitMix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 31
}

fn kefu(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kefu"));
    command
        .env_clear()
        .current_dir(data)
        .env("KEFU_DATA_DIR", data.join("data"))
        .env("KEFU_SERVER__LISTEN", "127.0.0.1:0")
        .env("KEFU_SERVER__WORKERS", "2")
        .env("KEFU_LIMITS__SENDS_PER_S", "0")
        .env("KEFU_LOG__FILTER", "error")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A running service and its address, which it prints when it listens.
async fn start(data: &Path) -> (Child, String) {
    let mut server = kefu(data).arg("serve").spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let listening = async {
        loop {
            let line = lines.next_line().await.unwrap().expect("the service has ended at its start");
            if let Some((_, address)) = line.split_once("API") {
                return address.trim().trim_end_matches('/').to_owned();
            }
        }
    };
    let base = tokio::time::timeout(TIMEOUT, listening).await.expect("the service does not start");
    (server, base)
}

async fn token(data: &Path, who: &[&str]) -> Tokens {
    let output = kefu(data).arg("token").args(who).output().await.unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What is in the database, after the invariants were checked. Nobody else has it open when the service is killed.
async fn stored(data: &Path) -> Vec<StoredConversation> {
    let settings = Settings { data_dir: data.join("data"), ..Settings::default() };
    let db = Db::open(Backend::parse(&settings.database_url()).unwrap(), &settings.database).unwrap();
    sound_conversations(&db, 1).await
}

/// One send as its client remembers it.
#[derive(Clone, Debug)]
struct Sent {
    user: usize,
    conversation: Option<i64>,
    content: String,
    key: Option<String>,
}

/// What clients know.
#[derive(Default)]
struct Book {
    /// Content (unique) to id.
    answered: HashMap<String, i64>,
    unanswered: Vec<Sent>,
}

impl Book {
    fn add(&mut self, outcomes: Vec<(Sent, Option<i64>)>) {
        for (sent, id) in outcomes {
            match id {
                Some(id) => drop(self.answered.insert(sent.content, id)),
                None => self.unanswered.push(sent),
            }
        }
    }

    fn check(&self, conversations: &[StoredConversation]) {
        let mut found: HashMap<&str, i64> = HashMap::new();
        for message in conversations.iter().flat_map(|conversation| &conversation.messages) {
            assert_eq!(found.insert(&message.content, message.id), None, "stored twice: {message:?}");
        }
        for (content, id) in &self.answered {
            assert_eq!(found.get(content.as_str()), Some(id), "answered and lost: {content}");
        }
    }
}

/// The users and their conversations.
struct Load {
    users: Vec<Tokens>,
    conversations: Vec<i64>,
}

impl Load {
    async fn new(users: Vec<Tokens>, base: &str) -> Self {
        let mut load = Self { users, conversations: Vec::new() };
        for index in 0..load.users.len() - 1 {
            let member = load.user(base, index);
            member.says(&format!("first of {index}")).await;
            load.conversations.push(member.own_conversation().await);
        }
        load
    }

    /// With connections of its own: those to a killed service are of no use.
    fn user(&self, base: &str, index: usize) -> User {
        let http = http_client().build().unwrap();
        User::at(base.to_owned(), http, Some(self.users[index].clone()))
    }

    /// Sends until the service is killed, after a number of answers; returns each send with its answer.
    async fn run(&self, base: &str, round: usize, kill_after: usize, server: &mut Child) -> Vec<(Sent, Option<i64>)> {
        let outcomes = Mutex::new(Vec::new());
        let (answers, enough) = (AtomicUsize::new(0), Notify::new());
        let lane = async |lane: usize| {
            let index = lane % self.users.len();
            let user = self.user(base, index);
            for number in 0.. {
                let content = format!("round {round} lane {lane} number {number}");
                let key = (number % 3 > 0).then(|| content.clone());
                let conversation =
                    (index == self.conversations.len()).then(|| self.conversations[number % self.conversations.len()]);
                let sent = Sent { user: index, conversation, content, key };
                let id = post(&user, &sent).await;
                outcomes.lock().unwrap().push((sent, id));
                if id.is_none() {
                    return;
                }
                if let Some(conversation) = conversation.filter(|_| number % 4 == 0) {
                    let path =
                        format!("/admin-api/promotion/kefu-message/update-read-status?conversationId={conversation}");
                    drop(user.request(Method::PUT, &path).send().await);
                }
                if answers.fetch_add(1, Ordering::Relaxed) + 1 == kill_after {
                    enough.notify_one();
                }
            }
        };
        let lanes = (0..self.users.len() * LANES).map(&lane);
        let kill = async {
            tokio::time::timeout(TIMEOUT, enough.notified()).await.expect("too few sends are answered");
            server.kill().await.unwrap();
        };
        tokio::join!(join_all(lanes), kill);
        outcomes.into_inner().unwrap()
    }

    async fn send_again(&self, base: &str, sent: &Sent) -> Option<i64> {
        post(&self.user(base, sent.user), sent).await
    }
}

/// The id, `None` when no answer came.
async fn post(user: &User, sent: &Sent) -> Option<i64> {
    let mut body = json!({"contentType": 1, "content": sent.content, "clientMessageId": sent.key});
    let path = match sent.conversation {
        None => "/app-api/promotion/kefu-message/send",
        Some(id) => {
            body["conversationId"] = json!(id);
            "/admin-api/promotion/kefu-message/send"
        }
    };
    let response = user.request(Method::POST, path).json(&body).send().await.ok()?;
    let envelope: Value = response.json().await.ok()?;
    assert_eq!(envelope["code"], json!(0), "{envelope}");
    envelope["data"].as_i64()
}
