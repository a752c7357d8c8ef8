//! The table of transitions of docs/desk.md, and what holds after any sequence of them.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const ANN: UserId = UserId::new(11);
const BEN: UserId = UserId::new(12);
const GROUP: GroupId = GroupId::new(7);
const NOW: Millis = 1_795_000_000_000;
const TIMES: Times = Times { max_wait: 600_000, missed_ttl: 3_600_000, offer_timeout: 30_000 };

const fn room(agent: UserId) -> Candidate {
    Candidate { agent, has_room: true, is_here: true }
}

const fn full(agent: UserId) -> Candidate {
    Candidate { agent, has_room: false, is_here: true }
}

fn opened(on_duty: bool) -> Task {
    Task::open(opening(NOW), on_duty)
}

/// A round of Ann's where it has an agent.
fn task(state: State) -> Task {
    let mut task = opened(true);
    match state {
        State::Waiting => {}
        State::Missed => assert!(task.note_duty(false, NOW)),
        State::Offered => task.assign(room(ANN), Acceptance::Asked, NOW).unwrap(),
        State::Serving => assert!(task.take(room(ANN), false, NOW).unwrap()),
        State::Closed => {
            task.take(room(ANN), false, NOW).unwrap();
            task.close(ANN, false, None, 3, NOW).unwrap();
        }
        State::ClosedBySupervisor => task.close(BEN, true, None, 3, NOW).unwrap(),
        State::Unserved => assert!(task.come_due(TIMES, true, 3, NOW + TIMES.max_wait)),
        State::Silent => task.end(State::Silent, Ender::Service, Some(reason::TIMEOUT), 3, NOW),
    }
    assert_eq!(task.state, state);
    task
}

/// What each act does in each state: to which state it leads, `same` where nothing changes, or why it is refused.
type Act = fn(&mut Task) -> Result<()>;

const ACTS: [(&str, Act); 22] = [
    ("Ann takes", |task| task.take(room(ANN), false, NOW).map(drop)),
    ("Ben takes", |task| task.take(room(BEN), false, NOW).map(drop)),
    ("Ben, who is full, takes", |task| task.take(full(BEN), false, NOW).map(drop)),
    ("Ben takes over", |task| task.take(room(BEN), true, NOW).map(drop)),
    ("Ann accepts", |task| task.accept(ANN, NOW).map(drop)),
    ("Ben accepts", |task| task.accept(BEN, NOW).map(drop)),
    ("Ann refuses", |task| task.refuse(ANN, true, NOW)),
    ("Ann refuses, the last on duty", |task| task.refuse(ANN, false, NOW)),
    ("Ben refuses", |task| task.refuse(BEN, true, NOW)),
    ("Ann answers", |task| {
        task.answer(ANN, NOW);
        Ok(())
    }),
    ("Ben answers", |task| {
        task.answer(BEN, NOW);
        Ok(())
    }),
    ("Ann transfers to Ben", |task| {
        task.transfer(ANN, false, Recipient::Agent(room(BEN)), "r", Acceptance::Automatic, NOW)
    }),
    ("Ann transfers to Ben, who is asked", |task| {
        task.transfer(ANN, false, Recipient::Agent(room(BEN)), "r", Acceptance::Asked, NOW)
    }),
    ("Ann transfers to Ben, who is full", |task| {
        task.transfer(ANN, false, Recipient::Agent(full(BEN)), "r", Acceptance::Automatic, NOW)
    }),
    ("Ann transfers to the group", |task| {
        task.transfer(ANN, false, Recipient::Group(GROUP, true), "r", Acceptance::Automatic, NOW)
    }),
    ("Ben transfers to the group", |task| {
        task.transfer(BEN, false, Recipient::Group(GROUP, true), "r", Acceptance::Automatic, NOW)
    }),
    ("a supervisor assigns Ben", |task| task.assign(room(BEN), Acceptance::Automatic, NOW)),
    ("Ann closes", |task| task.close(ANN, false, Some("done"), 9, NOW)),
    ("Ben closes", |task| task.close(BEN, false, None, 9, NOW)),
    ("a supervisor closes", |task| task.close(BEN, true, None, 9, NOW)),
    ("the member leaves", |task| task.leave(9, NOW)),
    ("Ann is gone", |task| {
        task.lose_agent(ANN, true, NOW);
        Ok(())
    }),
];

/// The columns of the table below.
const STATES: [State; 5] = [State::Waiting, State::Missed, State::Offered, State::Serving, State::Closed];

/// The table of docs/desk.md: a number is the next state, `-` says that nothing changes, letters why it is refused: `T`aken,
/// `F`ull, `C`hanged, forbidden for `O`thers, `I`nvalid.
const TABLE: &str = "
| act                                  | waiting | missed | offered to Ann | Ann serves | closed |
|--------------------------------------|---------|--------|----------------|------------|--------|
| Ann takes                            | 1       | 1      | 1              | -          | C      |
| Ben takes                            | 1       | 1      | T              | T          | C      |
| Ben, who is full, takes              | F       | F      | T              | T          | C      |
| Ben takes over                       | 1       | 1      | 1              | 1          | C      |
| Ann accepts                          | C       | C      | 1              | -          | C      |
| Ben accepts                          | C       | C      | T              | T          | C      |
| Ann refuses                          | C       | C      | 3              | C          | C      |
| Ann refuses, the last on duty        | C       | C      | 4              | C          | C      |
| Ben refuses                          | C       | C      | T              | T          | C      |
| Ann answers                          | 1       | 1      | 1              | 1          | -      |
| Ben answers                          | 1       | 1      | -              | -          | -      |
| Ann transfers to Ben                 | C       | C      | 1              | 1          | C      |
| Ann transfers to Ben, who is asked   | C       | C      | 0              | 0          | C      |
| Ann transfers to Ben, who is full    | C       | C      | F              | F          | C      |
| Ann transfers to the group           | C       | C      | 3              | 3          | C      |
| Ben transfers to the group           | C       | C      | O              | O          | C      |
| a supervisor assigns Ben             | 1       | 1      | 1              | 1          | C      |
| Ann closes                           | O       | O      | -1             | -1         | C      |
| Ben closes                           | O       | O      | O              | O          | C      |
| a supervisor closes                  | -4      | -4     | -4             | -4         | C      |
| the member leaves                    | -1      | -1     | -1             | -1         | C      |
| Ann is gone                          | -       | -      | 3              | 3          | -      |
";

fn outcome(act: Act, state: State) -> String {
    let before = task(state);
    let mut after = before.clone();
    match act(&mut after) {
        Ok(()) if after == before => "-".to_owned(),
        Ok(()) => {
            assert_eq!(after.version, before.version + 1);
            after.state.code().to_string()
        }
        Err(error) => {
            assert_eq!(after, before, "a refusal changes nothing");
            let letter = match error {
                Error::TaskTaken => "T",
                Error::AgentFull => "F",
                Error::TaskChanged => "C",
                Error::Forbidden => "O",
                Error::Invalid(_) => "I",
                other => panic!("{other:?}"),
            };
            letter.to_owned()
        }
    }
}

#[test]
fn every_act_does_in_every_state_what_the_table_says() {
    let rows: Vec<&str> = TABLE.lines().skip(3).collect();
    assert_eq!(rows.len(), ACTS.len());
    for (row, (name, act)) in rows.into_iter().zip(ACTS) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let expected: Vec<&str> = cells[1..].to_vec();
        let found: Vec<String> = STATES.into_iter().map(|state| outcome(act, state)).collect();
        assert_eq!((cells[0], found), (name, expected.into_iter().map(str::to_owned).collect()));
    }
}

#[test]
fn the_documents_table_is_this_one() {
    assert!(include_str!("../../docs/desk.md").contains(TABLE), "docs/desk.md should have:{TABLE}");
}

#[test]
fn nothing_is_done_after_any_end() {
    for end in [State::ClosedBySupervisor, State::Unserved, State::Silent, State::Closed] {
        for (name, act) in ACTS {
            let found = outcome(act, end);
            assert!(["C", "-"].contains(&found.as_str()), "{name} after {end:?}: {found}");
        }
    }
}

#[test]
fn a_round_that_waits_again_keeps_its_place_and_one_that_is_transferred_its_reason() {
    let mut task = task(State::Offered);
    task.refuse(ANN, true, NOW).unwrap();
    assert_eq!((task.queued_at, task.agent, task.reassigns, task.assigned_at), (NOW, None, 1, None));
    task.take(room(ANN), false, NOW + 5).unwrap();
    task.transfer(ANN, false, Recipient::Group(GROUP, true), "sales", Acceptance::Automatic, NOW + 6).unwrap();
    assert_eq!((task.queued_at, task.group, task.transfers), (NOW, Some(GROUP), 1));
    assert_eq!(task.transfer_reason.as_deref(), Some("sales"));
    task.take(room(BEN), false, NOW + 7).unwrap();
    let to_self = task.transfer(BEN, false, Recipient::Agent(room(BEN)), "", Acceptance::Automatic, NOW);
    assert!(matches!(to_self, Err(Error::Invalid(_))));
    assert!(matches!(task.assign(room(BEN), Acceptance::Automatic, NOW), Err(Error::Invalid(_))));
    assert_eq!(task.check_version(Some(task.version)), Ok(()));
    assert_eq!(task.check_version(Some(task.version - 1)), Err(Error::TaskChanged));
    assert_eq!(task.check_version(None), Ok(()));
}

#[test]
fn only_the_first_answer_counts_and_a_helpers_does_not() {
    let mut task = task(State::Serving);
    assert!(!task.answer(BEN, NOW + 1));
    assert!(task.answer(ANN, NOW + 2));
    assert!(!task.answer(ANN, NOW + 3));
    assert_eq!((task.first_reply_at, task.agent), (Some(NOW + 2), Some(ANN)));
}

#[test]
fn what_is_given_to_who_is_not_there_is_not_accepted_before_a_sign() {
    let away = Candidate { is_here: false, ..room(BEN) };
    let mut given = task(State::Serving);
    given.transfer(ANN, false, Recipient::Agent(away), "r", Acceptance::Automatic, NOW).unwrap();
    assert_eq!((given.state, given.served_by(), given.is_accepted()), (State::Serving, Some(BEN), false));
    assert_eq!(given.accepted_at, Some(NOW), "since when it was served, by another");
    let signs: [Act; 3] = [
        |task| task.accept(BEN, NOW).map(drop),
        |task| task.take(Candidate { is_here: false, ..room(BEN) }, false, NOW).map(drop),
        |task| {
            assert!(task.answer(BEN, NOW));
            Ok(())
        },
    ];
    for sign in signs {
        let mut task = given.clone();
        sign(&mut task).unwrap();
        assert!(task.is_accepted() && task.version == given.version + 1);
        assert!(!task.accept(BEN, NOW).unwrap(), "once");
    }
    let mut helped = given.clone();
    assert!(!helped.answer(ANN, NOW) && !helped.is_accepted());
    let mut closed = given.clone();
    closed.close(BEN, false, None, 9, NOW + 5).unwrap();
    assert_eq!((closed.state, closed.accepted_at), (State::Closed, Some(NOW + 5)), "who ends it has served it");
    let mut closed = given;
    closed.close(ANN, true, None, 9, NOW + 5).unwrap();
    assert_eq!((closed.state, closed.accepted_at), (State::ClosedBySupervisor, Some(NOW)));
    let mut taken = task(State::Waiting);
    taken.take(away, false, NOW).unwrap();
    assert!(taken.is_accepted(), "who takes is there");
}

#[test]
fn times_end_what_waits_and_take_back_what_was_offered_and_not_before() {
    for (state, time, end) in [
        (State::Waiting, TIMES.max_wait, State::Unserved),
        (State::Missed, TIMES.missed_ttl, State::Unserved),
        (State::Offered, TIMES.offer_timeout, State::Waiting),
    ] {
        let mut task = task(state);
        task.plan(TIMES, NOW);
        assert_eq!(task.due_at, Some(NOW + time));
        assert!(!task.come_due(TIMES, true, 9, NOW + time - 1));
        assert!(!task.clone().come_due(Times::default(), true, 9, NOW + 100 * time), "0 is never");
        assert!(task.come_due(TIMES, true, 9, NOW + time));
        assert_eq!(task.state, end);
    }
    // Who waits again, or is no missed one any more, waits from then on.
    let later = NOW + 100 * TIMES.max_wait;
    let mut missed = task(State::Missed);
    assert!(missed.note_duty(true, later));
    let mut returned = task(State::Serving);
    assert!(returned.lose_agent(ANN, true, later));
    for mut waiting in [missed, returned] {
        waiting.plan(TIMES, later);
        assert_eq!((waiting.due_at, waiting.queued_at), (Some(later + TIMES.max_wait), NOW));
        assert!(!waiting.come_due(TIMES, true, 9, later + TIMES.max_wait - 1));
        assert!(waiting.come_due(TIMES, true, 9, later + TIMES.max_wait));
    }
    let mut serving = task(State::Serving);
    assert!(!serving.come_due(TIMES, true, 9, NOW + LONGEST));
    serving.plan(TIMES, NOW);
    assert_eq!(serving.due_at, Some(NOW + LONGEST));
}

/// A tenant with some conversations and agents, whose rounds are the model's.
#[derive(Debug, Default)]
struct Tenant {
    rounds: Vec<Task>,
    now: Millis,
    on_duty: bool,
}

const CONVERSATIONS: i64 = 3;
const AGENTS: i64 = 3;
const CAPACITY: usize = 2;
/// The agent who has no socket.
const AWAY: UserId = UserId::new(AGENTS);

impl Tenant {
    fn load(&self, agent: UserId) -> usize {
        self.rounds.iter().filter(|task| task.served_by() == Some(agent)).count()
    }

    fn candidate(&self, agent: UserId) -> Candidate {
        Candidate { agent, has_room: self.load(agent) < CAPACITY, is_here: agent != AWAY }
    }

    fn open(&self, conversation: i64) -> Option<usize> {
        self.rounds.iter().position(|task| task.conversation.get() == conversation && task.state.is_open())
    }

    /// Runs one act, by the numbers that are drawn for it.
    fn act(&mut self, what: u8, conversation: i64, agent: i64, other: i64) {
        self.now += 20_000;
        let (now, on_duty) = (self.now, self.on_duty);
        let (agent, other) = (UserId::new(agent), UserId::new(other));
        let Some(place) = self.open(conversation) else {
            let id = TaskId::new(i64::try_from(self.rounds.len()).unwrap() + 1);
            let opening = Opening { id, conversation: ConversationId::new(conversation), now, ..opening(now) };
            let mut task = Task::open(opening, on_duty);
            task.plan(TIMES, now);
            self.rounds.push(task);
            return;
        };
        let (candidate, to) = (self.candidate(agent), self.candidate(other));
        let before = self.rounds[place].clone();
        let task = &mut self.rounds[place];
        let refused = match what {
            0 | 1 => task.take(candidate, what == 1, now).is_err(),
            2 => task.accept(agent, now).is_err(),
            3 => task.refuse(agent, on_duty, now).is_err(),
            4 => task.transfer(agent, false, Recipient::Agent(to), "r", Acceptance::Asked, now).is_err(),
            5 => task.transfer(agent, false, Recipient::Group(GROUP, on_duty), "r", Acceptance::Asked, now).is_err(),
            6 => task.assign(to, Acceptance::Automatic, now).is_err(),
            7 => task.close(agent, false, None, 9, now).is_err(),
            8 => task.close(agent, true, None, 9, now).is_err(),
            9 => task.leave(9, now).is_err(),
            10 => !task.lose_agent(agent, on_duty, now),
            11 => !task.come_due(TIMES, on_duty, 9, now),
            12 => {
                self.on_duty = !on_duty;
                !task.note_duty(!on_duty, now)
            }
            _ => !task.answer(agent, now),
        };
        let task = &mut self.rounds[place];
        if refused {
            assert_eq!(*task, before, "a refusal changes nothing");
        } else {
            assert!(task.version >= before.version);
        }
        task.plan(TIMES, now);
    }

    fn assert_sound(&self, answers: bool) {
        let mut open: HashMap<ConversationId, usize> = HashMap::new();
        for task in &self.rounds {
            *open.entry(task.conversation).or_default() += usize::from(task.state.is_open());
            assert_eq!(task.served_by().is_some(), task.state.is_assigned(), "T2: {task:?}");
            assert_eq!(task.due_at.is_some(), task.state.is_open(), "T5: {task:?}");
            assert_eq!(task.ended_at.is_some(), !task.state.is_open(), "{task:?}");
            assert_eq!(task.last_seq.is_some(), !task.state.is_open(), "{task:?}");
            assert!(!task.state.is_waiting() || task.agent.is_none(), "{task:?}");
            assert!(task.state != State::Serving || task.is_accepted() || task.agent == Some(AWAY), "{task:?}");
        }
        assert!(open.values().all(|count| *count <= 1), "T1: {open:?}");
        let loads: Vec<usize> = (1..=AGENTS).map(|agent| self.load(UserId::new(agent))).collect();
        let assigned = self.rounds.iter().filter(|task| task.state.is_assigned()).count();
        assert_eq!(loads.iter().sum::<usize>(), assigned, "T2: each counts once");
        // An answer is never refused, so it may go beyond.
        assert!(answers || loads.iter().all(|load| *load <= CAPACITY), "T3: {loads:?}");
    }
}

fn opening(now: Millis) -> Opening {
    Opening {
        id: TaskId::new(1),
        tenant: TenantId::new(1),
        conversation: ConversationId::new(1),
        member: UserId::new(1001),
        channel: None,
        wanted: None,
        group: None,
        first_seq: 1,
        now,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_done_the_invariants_hold(
        acts in prop::collection::vec((0_u8..14, 1..=CONVERSATIONS, 1..=AGENTS, 1..=AGENTS), 1..300),
        with_answers in any::<bool>(),
    ) {
        let mut tenant = Tenant { now: NOW, on_duty: true, ..Tenant::default() };
        for (what, conversation, agent, other) in acts {
            let what = if with_answers { what } else { what % 13 };
            tenant.act(what, conversation, agent, other);
            tenant.assert_sound(with_answers);
        }
    }
}
