//! Case 12: rounds of service at two nodes on one PostgreSQL, without a relay. Of two agents who take at once one gets the round, and
//! whatever members and agents do at once the tables stay sound (T1, T2 and T5 of docs/desk.md).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::Context;
use crate::load::http::{self, Connection};
use crate::peer::database::{Kind, Server};
use crate::peer::kefu::Kefu;
use crate::report::{Report, Samples, Unit, float, progress};
use crate::{Result, token};

/// Rounds that two agents race for.
const RACES: u64 = 1000;
/// Commands of the members and agents.
const COMMANDS: usize = 10_000;
/// Commands between two looks at the tables, a multiple of [`LANES`].
const BETWEEN_LOOKS: usize = 48;
/// Commands at once.
const LANES: usize = 8;
const MEMBERS: usize = 20;
const AGENTS: usize = 5;
/// What both nodes sign their tokens with.
const SECRET: (&str, &str) = ("KEFU_AUTH__SECRET", "another secret of the bench, for its nodes");
const PASSWORD: &str = "a password of the bench";
const TASK: &str = "/admin-api/promotion/kefu-task";
const SETTING: &str = "/admin-api/promotion/kefu-setting";
const SEND: &str = "/app-api/promotion/kefu-message/send";
/// Another agent has it.
const TAKEN: i64 = 1_013_021_002;
/// What the calls of the game may be answered.
const CODES: [i64; 8] = [0, 400, 403, 1_013_019_000, 1_013_021_000, 1_013_021_001, TAKEN, 1_013_021_003];
/// What no row may be.
const UNSOUND: [(&str, &str); 6] = [
    (
        "conversations that do not repeat their open round",
        "kefu_conversation AS c LEFT JOIN kefu_task AS t ON t.open_conversation_id = c.id \
         WHERE c.task_id IS DISTINCT FROM t.id OR c.task_state <> COALESCE(t.state, 0) \
         OR t.id IS NOT NULL AND c.agent_id IS DISTINCT FROM t.agent_id",
    ),
    ("rounds that are open and have ended", "kefu_task WHERE (open_conversation_id IS NULL) <> (state < 0)"),
    ("rounds whose agent does not fit", "kefu_task WHERE state >= 0 AND (agent_id IS NULL) <> (state IN (3, 4))"),
    ("open rounds that nobody looks at", "kefu_task WHERE (due_at IS NULL) <> (state < 0)"),
    (
        "messages outside of their round",
        "kefu_message AS m JOIN kefu_task AS t ON t.id = m.task_id \
         WHERE m.conversation_id <> t.conversation_id OR m.seq < t.first_seq OR m.seq > t.last_seq",
    ),
    (
        "conversations whose counts have drifted",
        "kefu_conversation AS c WHERE c.member_unread_message_count <> (SELECT COUNT(*) FROM kefu_message AS m \
         WHERE m.conversation_id = c.id AND m.sender_type = 2 AND NOT m.read_status) \
         OR c.last_seq <> (SELECT COUNT(*) FROM kefu_message AS m WHERE m.conversation_id = c.id)",
    ),
];

pub(super) async fn run(context: &Context, report: &mut Report) -> Result {
    let server = Server::start(Kind::PostgreSql).await?;
    let [mut races, mut commands] = std::array::from_fn(|_| Samples::default());
    for round in 1..=context.rounds {
        let url = server.empty().await?;
        let settings = [("KEFU_DATABASE__URL", url.as_str()), SECRET];
        let (here, there) = (Kefu::start(&context.kefu, &settings)?, Kefu::start(&context.kefu, &settings)?);
        let agents = prepare(&here, &there).await?;
        races.push(race(&here, &there, &agents).await?);
        commands.push(play(&server, [here.address, there.address], &agents).await?);
        progress(&format!(
            "soak, round {round}: {RACES} races, one winner each; {COMMANDS} commands, the tables are sound"
        ));
    }
    let case = "rounds of service";
    report.figure(
        case,
        "rounds that two agents take at once at two nodes, one after the other",
        Unit::PerSecond,
        &races,
    );
    report.figure(case, "commands of 20 members and 5 agents at two nodes, 8 at once", Unit::PerSecond, &commands);
    Ok(())
}

/// Somebody at a node.
struct Client {
    connection: Connection,
    token: String,
}

impl Client {
    async fn new(node: SocketAddr, token: &str) -> Result<Self> {
        Ok(Self { connection: Connection::open(node).await?, token: token.to_owned() })
    }

    /// The envelope of a call.
    async fn call(&mut self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = http::request(method, path, Some(&self.token), &body);
        let (_, answer) = self.connection.call(&request).await?;
        Ok(serde_json::from_slice(answer)?)
    }

    /// The data of a call that must succeed.
    async fn ok(&mut self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let mut answer = self.call(method, path, body).await?;
        match code(&answer) {
            Some(0) => Ok(answer.get_mut("data").map(Value::take).unwrap_or_default()),
            _ => Err(format!("{method} {path}: {answer}").into()),
        }
    }

    async fn take(&mut self, conversation: &Value) -> Result<Value> {
        self.call("POST", &format!("{TASK}/take"), &json!({"conversationId": conversation})).await
    }
}

fn code(answer: &Value) -> Option<i64> {
    answer.get("code")?.as_i64()
}

/// An agent's number and access token.
#[derive(Clone)]
struct Agent {
    id: i64,
    token: String,
}

/// Turns rounds on and makes agents, who are on duty by their word.
async fn prepare(here: &Kefu, there: &Kefu) -> Result<Vec<Agent>> {
    let mut owner = Client::new(here.address, &here.admin).await?;
    let routing = json!({"mode": "manual", "capacity": 1000, "autoAccept": false, "offerTimeout": 0, "toasts": true});
    owner.ok("PUT", &format!("{SETTING}/update"), &json!({"routing": routing})).await?;
    let roles = owner.ok("GET", "/admin-api/system/role/simple-list", &Value::Null).await?;
    let is_agent = |role: &&Value| role.get("code").is_some_and(|code| code == "agent");
    let role = roles.as_array().and_then(|roles| roles.iter().find(is_agent)).and_then(|role| role.get("id"));
    let role = role.ok_or("there is no role of agents")?;
    let mut agents = Vec::with_capacity(AGENTS);
    for number in 0..AGENTS {
        let name = format!("agent{number}");
        let user = json!({"username": name, "nickname": name, "password": PASSWORD, "roleIds": [role]});
        owner.ok("POST", "/admin-api/system/user/create", &user).await?;
        let login = json!({"username": name, "password": PASSWORD});
        let login = owner.ok("POST", "/admin-api/system/auth/login", &login).await?;
        let id = login.get("userId").and_then(Value::as_i64).ok_or("a login without a number")?;
        let token = login.get("accessToken").and_then(Value::as_str).ok_or("a login without a token")?.to_owned();
        let mut agent = Client::new(here.address, &token).await?;
        agent.ok("PUT", "/admin-api/promotion/kefu-agent/duty", &json!({"duty": 1})).await?;
        agents.push(Agent { id, token });
    }
    let mut elsewhere = Client::new(there.address, &here.admin).await?;
    let begun = Instant::now();
    loop {
        let settings = elsewhere.ok("GET", &format!("{SETTING}/get"), &Value::Null).await?;
        if settings.pointer("/routing/mode").is_some_and(|mode| mode == "manual") {
            return Ok(agents);
        }
        if begun.elapsed() > Duration::from_secs(10) {
            return Err("the other node does not learn of the settings".into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Rounds per second that two agents have raced for.
async fn race(here: &Kefu, there: &Kefu, agents: &[Agent]) -> Result<f64> {
    let [ann, ben, ..] = agents else { return Err("there are no two agents".into()) };
    let mut ann = Client::new(here.address, &ann.token).await?;
    let mut ben = Client::new(there.address, &ben.token).await?;
    let began = Instant::now();
    for token in token::members(RACES)? {
        let mut member = Client::new(here.address, &token).await?;
        let conversation = opened(&mut member).await?;
        let (one, two) = tokio::join!(ann.take(&conversation), ben.take(&conversation));
        let mut codes = [code(&one?), code(&two?)];
        codes.sort_unstable();
        if codes != [Some(0), Some(TAKEN)] {
            return Err(format!("of two who took at once: {codes:?}").into());
        }
    }
    Ok(f64::from(u32::try_from(RACES)?) / began.elapsed().as_secs_f64())
}

/// The conversation of a member who has just written.
async fn opened(member: &mut Client) -> Result<Value> {
    member.ok("POST", SEND, &json!({"contentType": 1, "content": "hi"})).await?;
    let current = member.ok("GET", "/app-api/promotion/kefu-task/current", &Value::Null).await?;
    Ok(current.pointer("/task/conversationId").cloned().ok_or("a message has opened no round")?)
}

/// Commands per second; the tables are looked at in between.
async fn play(server: &Server, nodes: [SocketAddr; 2], agents: &[Agent]) -> Result<f64> {
    let members: Vec<String> = token::members(RACES)?.into_iter().take(MEMBERS).collect();
    let mut conversations = Vec::with_capacity(MEMBERS);
    for token in &members {
        conversations.push(opened(&mut Client::new(nodes[0], token).await?).await?);
    }
    let mut lanes = Vec::with_capacity(LANES);
    for seed in 0..LANES {
        let mut at_nodes = Vec::with_capacity(nodes.len());
        for node in nodes {
            at_nodes.push(Client::new(node, "").await?);
        }
        lanes.push(Lane { at_nodes, numbers: Numbers(u64::try_from(seed)?) });
    }
    let (mut played, mut took) = (0, Duration::ZERO);
    while played < COMMANDS {
        let known = server.number("SELECT COALESCE(MAX(id), 0) FROM kefu_task").await?;
        let began = Instant::now();
        let game = Game { members: &members, agents, conversations: &conversations, known };
        try_join_all(lanes.iter_mut().map(|lane| lane.play(&game, BETWEEN_LOOKS / LANES))).await?;
        took += began.elapsed();
        played += BETWEEN_LOOKS;
        for (what, rows) in UNSOUND {
            let found = server.number(&format!("SELECT COUNT(*) FROM {rows}")).await?;
            if found > 0 {
                return Err(format!("{found} {what}, after {played} commands").into());
            }
        }
    }
    Ok(float(played) / took.as_secs_f64())
}

/// Who plays, and about what.
struct Game<'a> {
    members: &'a [String],
    agents: &'a [Agent],
    conversations: &'a [Value],
    /// The highest number of a round.
    known: u64,
}

/// One command after the other.
struct Lane {
    at_nodes: Vec<Client>,
    numbers: Numbers,
}

impl Lane {
    async fn play(&mut self, game: &Game<'_>, commands: usize) -> Result {
        for _ in 0..commands {
            let numbers = &mut self.numbers;
            let member = numbers.of(game.members)?;
            let (agent, other) = (numbers.of(game.agents)?, numbers.of(game.agents)?);
            let conversation = numbers.of(game.conversations)?;
            // Rounds of the game are the newest.
            let id = game.known.saturating_sub(u64::try_from(numbers.below(4 * MEMBERS))?);
            let what = numbers.below(10);
            let client = numbers.below(self.at_nodes.len());
            let client = self.at_nodes.get_mut(client).ok_or("no such node")?;
            let by_member = matches!(what, 0..=2 | 8);
            client.token.clone_from(if by_member { member } else { &agent.token });
            let act = |act: &str| format!("{TASK}/{act}");
            let message = json!({"contentType": 1, "content": "hi"});
            let (method, path, body) = match what {
                0..=2 => ("POST", SEND.to_owned(), message),
                3 => ("POST", act("take"), json!({"conversationId": conversation})),
                4 => ("PUT", act("accept"), json!({"id": id})),
                5 => ("PUT", act("refuse"), json!({"id": id})),
                6 => ("PUT", act("transfer"), json!({"id": id, "agentId": other.id, "reason": "r"})),
                7 => ("PUT", act("close"), json!({"id": id})),
                8 => ("POST", "/app-api/promotion/kefu-task/leave".to_owned(), json!({})),
                _ => {
                    let answer = json!({"conversationId": conversation, "contentType": 1, "content": "hello"});
                    ("POST", "/admin-api/promotion/kefu-message/send".to_owned(), answer)
                }
            };
            let answer = client.call(method, &path, &body).await?;
            if !code(&answer).is_some_and(|code| CODES.contains(&code)) {
                return Err(format!("{method} {path}: {answer}").into());
            }
        }
        Ok(())
    }
}

/// A linear congruential generator: the same commands in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % limit.max(1)
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> Result<&'a T> {
        Ok(all.get(self.below(all.len())).ok_or("nothing to choose from")?)
    }
}
