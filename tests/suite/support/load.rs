//! Clients of several nodes under load: senders that repeat at the next node what was refused or not answered, listeners
//! that go there with their position. Whatever happens to the nodes, in the end everything is everywhere once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use kefu::testing::auth::Tokens;
use kefu::testing::db::Db;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};
use tokio_tungstenite::tungstenite::Message;

use super::tables::sound_conversations;
use super::{Event, Socket, TestApp, User, eventually, http_client, path};

/// Members who have a conversation before the load begins; an admin writes there, too.
const KNOWN: i64 = 3;
/// Members whose first messages arrive under load, at two nodes at once.
const NEWCOMERS: i64 = 3;
/// Between two sends of a lane: enough load to be disturbed, not enough to be a benchmark.
const PACE: Duration = Duration::from_millis(20);
/// How long a send may be repeated until it is stored, on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What clients saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Answers 503.
    pub refused: usize,
    /// Connections that were refused: nobody got the request.
    pub not_connected: usize,
    /// Connections that ended without an answer.
    pub cut: usize,
    /// Sockets that were opened anew.
    pub reconnects: usize,
}

/// Running senders and listeners.
pub(crate) struct Load {
    shared: Arc<Shared>,
    lanes: JoinSet<Vec<(String, i64)>>,
    listeners: Vec<Listener>,
    first: Vec<i64>,
}

struct Shared {
    /// As in `http://127.0.0.1:48080`.
    nodes: Vec<String>,
    stopping: AtomicBool,
    stored: AtomicUsize,
    refused: AtomicUsize,
    not_connected: AtomicUsize,
    cut: AtomicUsize,
    reconnects: AtomicUsize,
}

/// Who sends what from where.
struct Lane {
    name: String,
    /// A client of its own keeps a connection to each node.
    http: reqwest::Client,
    tokens: Tokens,
    /// An admin's.
    conversation: Option<i64>,
    node: usize,
}

impl Load {
    /// Makes the users with `app` and lets them begin at these nodes, `app` being one of them or not.
    pub(crate) async fn begin(app: &TestApp, nodes: &[String]) -> Self {
        let shared = Arc::new(Shared {
            nodes: nodes.to_vec(),
            stopping: AtomicBool::new(false),
            stored: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            not_connected: AtomicUsize::new(0),
            cut: AtomicUsize::new(0),
            reconnects: AtomicUsize::new(0),
        });
        // Above the service's own patience: it answers whatever its database does.
        let http = || http_client().timeout(Duration::from_secs(40)).build().unwrap();
        let owner = app.owner().await.tokens.unwrap();
        let begun = app.clock.now();
        let (mut lanes, mut listeners, mut first) = (Vec::new(), Vec::new(), Vec::new());
        for node in 0..nodes.len() {
            listeners.push(Listener::start(&shared, None, owner.clone(), node, begun));
        }
        for id in 1..=KNOWN + NEWCOMERS {
            let member = app.member(id).await;
            let tokens = member.tokens.clone().unwrap();
            let node = usize::try_from(id).unwrap();
            for lane in 0..2 {
                let name = format!("member {id} lane {lane}");
                lanes.push(Lane { name, http: http(), tokens: tokens.clone(), conversation: None, node: node + lane });
            }
            listeners.push(Listener::start(&shared, Some(id), tokens, node, begun));
            if id <= KNOWN {
                first.push(member.says("first").await);
                let conversation = Some(member.own_conversation().await);
                let name = format!("owner to {id}");
                lanes.push(Lane { name, http: http(), tokens: owner.clone(), conversation, node });
            }
        }
        let lanes = lanes.into_iter().map(|lane| shared.clone().send(lane)).collect();
        Self { shared, lanes, listeners, first }
    }

    /// Waits until this many more messages are stored.
    pub(crate) async fn go_on(&self, messages: usize) {
        let goal = self.shared.stored.load(Ordering::Relaxed) + messages;
        eventually("the load goes on", async || {
            assert!(!self.listeners.iter().any(|listener| listener.task.is_finished()), "a listener has failed");
            self.shared.stored.load(Ordering::Relaxed) >= goal
        })
        .await;
    }

    /// Lets the senders finish, and asserts that every answered send is stored once under the id that was answered, that
    /// nothing else is, that the tables are sound, and that every listener has heard all that concerns it.
    pub(crate) async fn end(mut self, db: &Db) -> Seen {
        self.shared.stopping.store(true, Ordering::Relaxed);
        let mut answered: BTreeMap<String, i64> = BTreeMap::new();
        while let Some(lane) = self.lanes.join_next().await {
            answered.extend(lane.unwrap());
        }
        let conversations = sound_conversations(db, 1).await;
        let messages = || conversations.iter().flat_map(|conversation| &conversation.messages);
        let stored: BTreeMap<String, i64> = messages()
            .filter(|message| !self.first.contains(&message.id))
            .map(|message| (message.content.clone(), message.id))
            .collect();
        assert_eq!(stored, answered);
        assert_eq!(messages().count(), answered.len() + self.first.len(), "nothing is there twice");

        for listener in self.listeners {
            let expected: BTreeSet<i64> = conversations
                .iter()
                .filter(|conversation| listener.member.is_none_or(|member| member == conversation.row.user_id))
                .flat_map(|conversation| conversation.messages.iter().map(|message| message.id))
                .collect();
            eventually("a listener has heard everything", async || {
                !listener.task.is_finished() && listener.heard.lock().unwrap().ids == expected
            })
            .await;
            listener.task.abort();
        }
        let number = |of: &AtomicUsize| of.load(Ordering::Relaxed);
        Seen {
            refused: number(&self.shared.refused),
            not_connected: number(&self.shared.not_connected),
            cut: number(&self.shared.cut),
            reconnects: number(&self.shared.reconnects),
        }
    }
}

impl Shared {
    fn user(&self, node: usize, lane: &Lane) -> User {
        let base = self.nodes[node % self.nodes.len()].clone();
        User::at(base, lane.http.clone(), Some(lane.tokens.clone()))
    }

    /// Sends one message after the other until the end; each content is its own `clientMessageId`. Returns the contents
    /// with the ids that were answered.
    async fn send(self: Arc<Self>, lane: Lane) -> Vec<(String, i64)> {
        let mut answered = Vec::new();
        let mut node = lane.node;
        let mut pace = tokio::time::interval(PACE);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for number in 0.. {
            if self.stopping.load(Ordering::Relaxed) {
                break;
            }
            pace.tick().await;
            let content = format!("{} number {number}", lane.name);
            let (path, mut body) =
                (path::MEMBER_SEND, json!({"contentType": 1, "content": content, "clientMessageId": content}));
            let path = lane.conversation.map_or(path, |id| {
                body["conversationId"] = json!(id);
                path::ADMIN_SEND
            });
            let post = async |node| self.answer(self.user(node, &lane).request(Method::POST, path).json(&body)).await;
            // Now and then one who does not wait for the answer before trying elsewhere.
            let mut ids = BTreeSet::new();
            if number % 5 == 0 {
                let (one, other) = tokio::join!(post(node), post(node + 1));
                ids.extend(one.into_iter().chain(other).map(|id| id.as_i64().unwrap()));
            }
            let begun = Instant::now();
            while ids.is_empty() {
                match post(node).await {
                    Some(id) => drop(ids.insert(id.as_i64().unwrap())),
                    None => {
                        assert!(begun.elapsed() < TIMEOUT, "never stored: {content}");
                        node += 1;
                        tokio::time::sleep(PACE).await;
                    }
                }
            }
            assert_eq!(ids.len(), 1, "a repeat is answered by the first id: {content}");
            answered.extend(ids.into_iter().map(|id| (content.clone(), id)));
            self.stored.fetch_add(1, Ordering::Relaxed);
            // The count must be right whether or not this is answered.
            if let Some(id) = lane.conversation.filter(|_| number % 7 == 0) {
                let read = format!("{}?conversationId={id}", path::ADMIN_READ);
                drop(self.answer(self.user(node + 1, &lane).request(Method::PUT, &read)).await);
            }
        }
        answered
    }

    /// The data of a success, `None` for an honest 503 and for no answer; any other answer is a fault.
    async fn answer(&self, request: reqwest::RequestBuilder) -> Option<Value> {
        let answer = async { request.send().await?.error_for_status()?.json::<Value>().await };
        match answer.await {
            Ok(envelope) => {
                assert_eq!(envelope["code"], json!(0), "{envelope}");
                Some(envelope["data"].clone())
            }
            // What a proxy says when the node behind it did not answer.
            Err(error) if error.status() == Some(StatusCode::BAD_GATEWAY) => {
                self.cut.fetch_add(1, Ordering::Relaxed);
                None
            }
            Err(error) if error.is_status() => {
                assert_eq!(error.status(), Some(StatusCode::SERVICE_UNAVAILABLE));
                self.refused.fetch_add(1, Ordering::Relaxed);
                None
            }
            Err(error) => {
                assert!(!error.is_timeout(), "the service keeps silent: {error}");
                let count = if error.is_connect() { &self.not_connected } else { &self.cut };
                count.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }
}

/// A client with a socket, which does what docs/websocket.md asks of it.
struct Listener {
    /// `None`: an admin.
    member: Option<i64>,
    heard: Arc<Mutex<Heard>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Heard {
    ids: BTreeSet<i64>,
    /// A member's messages have no gap up to here.
    complete_to: i64,
    /// A member's later ones.
    beyond: BTreeSet<i64>,
    /// The newest `createTime`.
    newest: i64,
}

impl Heard {
    fn take(&mut self, message: &Value) {
        let number = |name: &str| message[name].as_i64().unwrap();
        self.ids.insert(number("id"));
        self.newest = self.newest.max(number("createTime"));
        self.beyond.insert(number("seq"));
        while self.beyond.remove(&(self.complete_to + 1)) {
            self.complete_to += 1;
        }
    }
}

impl Listener {
    fn start(shared: &Arc<Shared>, member: Option<i64>, tokens: Tokens, node: usize, begun: i64) -> Self {
        let heard = Arc::new(Mutex::new(Heard { newest: begun, ..Heard::default() }));
        let task = tokio::spawn(listen(shared.clone(), member.is_some(), tokens, node, heard.clone()));
        Self { member, heard, task }
    }
}

async fn listen(shared: Arc<Shared>, is_member: bool, tokens: Tokens, mut node: usize, heard: Arc<Mutex<Heard>>) {
    loop {
        let position = {
            let heard = heard.lock().unwrap();
            if is_member { format!("lastSeq={}", heard.complete_to) } else { format!("since={}", heard.newest) }
        };
        let base = shared.nodes[node % shared.nodes.len()].replace("http://", "ws://");
        match Socket::open(&format!("{base}/infra/ws?token={}&{position}", tokens.refresh_token)).await {
            Ok(socket) => hear(socket, is_member, &heard).await,
            Err(_) => tokio::time::sleep(PACE).await,
        }
        shared.reconnects.fetch_add(1, Ordering::Relaxed);
        node += 1;
    }
}

/// Listens to one socket until it ends.
async fn hear(mut socket: Socket, is_member: bool, heard: &Mutex<Heard>) {
    // Nothing comes twice, unless a replay is asked for and covers what is on its way.
    let mut brought = BTreeSet::new();
    let mut asked = Value::Null;
    while let Some(Ok(frame)) = socket.stream.next().await {
        let Message::Text(text) = frame else { continue };
        let event = Event::parse(&text);
        match event.kind.as_str() {
            "kefu_message_type" => {
                let new = brought.insert(event.content["id"].as_i64().unwrap());
                assert!(new || !asked.is_null(), "twice: {:?}", event.content);
                heard.lock().unwrap().take(&event.content);
                continue;
            }
            "kefu_resync_required" => {
                let after_seq = heard.lock().unwrap().complete_to;
                asked =
                    if is_member { json!({"afterSeq": after_seq}) } else { json!({"since": event.content["since"]}) };
            }
            // Another replay runs: ask again.
            "error" => assert_eq!(event.content["code"], json!(429)),
            _ => continue,
        }
        let ask = json!({"type": "kefu_resync", "content": asked}).to_string();
        if socket.stream.send(Message::text(ask)).await.is_err() {
            return;
        }
    }
}
