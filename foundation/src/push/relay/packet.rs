//! What nodes say to each other: a fixed header, then the body of its kind; numbers are big-endian.
//!
//! `version u8, kind u8, node u64, age u64, number u64`. The age is how many milliseconds the sender has been running. The
//! number counts the packets of events and of what was missed: each of them carries its own, the others that of the last.
//!
//! Nodes of two releases run side by side. A packet of another version or kind is passed over; a packet of events from
//! which this happens is missing in the count, so that sockets resync. An event whose audience the first release does not
//! know has no recipients in its flags, for which that release passes it over and keeps the count, and
//! [`HAS_AUDIENCE`]: then the audience stands before the frame, as parts `tag u8, length u32, …` of which a node passes
//! over those that it does not know. A tag from [`LIMITS`] on takes recipients away: a node that does not know it drops the
//! event.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};

use crate::access::{Assignment, Permission};
use crate::id::{GroupId, TenantId, UserId, UserKey, UserType};
use crate::push::audience::Within;
use crate::push::viewing::Viewer;
use crate::push::{Audience, Event, Position, User};

const VERSION: u8 = 1;
const HEADER: usize = 26;
/// Bytes from which on a packet takes no further event; Redis cuts a subscriber off that has megabytes waiting.
const FULL: usize = 256 * 1024;

/// The admins whom the first release means by [`TO_ADMINS`].
const ALL_ADMINS: Permission = Permission::QueryMessages;

const EVENTS: u8 = 1;
const HEARTBEAT: u8 = 2;
const GOODBYE: u8 = 3;
const PRESENCE: u8 = 4;
const VIEWERS: u8 = 5;
const MISSED: u8 = 6;

const TO_MEMBER: u8 = 1;
const TO_ADMINS: u8 = 2;
const HAS_POSITION: u8 = 4;
const HAS_AUDIENCE: u8 = 8;

/// Tags of an audience's parts.
const MEMBER: u8 = 1;
const ADMINS: u8 = 2;
const USERS: u8 = 3;
const POSITION: u8 = 4;
const HIDES: u8 = 5;
const LIMITS: u8 = 128;
const EXCEPT: u8 = 129;
const WITHIN: u8 = 130;

/// A packet that was received.
#[derive(Debug)]
pub(super) struct Packet {
    /// The node that sent it, by the random number that it took at its start.
    pub(super) node: u64,
    /// How long the node has been running.
    pub(super) age: Duration,
    /// How many packets that count the node has sent or lost until now, this one included.
    pub(super) number: u64,
    /// What it says.
    pub(super) body: Body,
}

/// What a packet says.
#[derive(Debug)]
pub(super) enum Body {
    /// Events in their order.
    Events(Vec<Event>),
    /// Nothing new.
    Heartbeat,
    /// The node stops; it has sent everything.
    Goodbye,
    /// The users who have a socket at the node.
    Presence(Vec<UserKey>),
    /// Who shows which stream at the node.
    Viewers(BTreeSet<Viewer>),
    /// The node may have stored what it never publishes, in this time before now. It counts as events do: a node of a
    /// release that does not know it sees a gap.
    Missed(Duration),
}

/// A packet to be sent, complete but for what the publisher knows.
pub(super) struct Draft(Vec<u8>);

impl Draft {
    /// Packs events, in their order, into as few packets as their size allows.
    pub(super) fn events(events: &[Event]) -> Vec<Self> {
        let mut drafts = Vec::with_capacity(1);
        let mut draft = Self::new(EVENTS);
        for event in events {
            if draft.0.len() >= FULL {
                drafts.push(std::mem::replace(&mut draft, Self::new(EVENTS)));
            }
            draft.event(event);
        }
        if draft.0.len() > HEADER {
            drafts.push(draft);
        }
        drafts
    }

    /// A heartbeat.
    pub(super) fn heartbeat() -> Self {
        Self::new(HEARTBEAT)
    }

    /// The last packet of a node.
    pub(super) fn goodbye() -> Self {
        Self::new(GOODBYE)
    }

    /// Who is online here.
    pub(super) fn presence(users: &[UserKey]) -> Self {
        let mut draft = Self::new(PRESENCE);
        for user in users {
            draft.0.put_i64(user.tenant.get());
            draft.0.put_i64(user.user.get());
            draft.0.put_i32(user.user_type.code());
        }
        draft
    }

    /// Who shows what here.
    pub(super) fn viewers(viewers: &BTreeSet<Viewer>) -> Self {
        let mut draft = Self::new(VIEWERS);
        for (tenant, stream, user) in viewers {
            draft.0.put_i64(tenant.get());
            draft.0.put_i64(*stream);
            draft.0.put_i64(user.get());
        }
        draft
    }

    /// What may be missing of the last `period`.
    pub(super) fn missed(period: Duration) -> Self {
        let mut draft = Self::new(MISSED);
        draft.0.put_u64(milliseconds(period));
        draft
    }

    /// Its size in bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The packet as it is sent.
    pub(super) fn seal(mut self, node: u64, age: Duration, number: u64) -> Vec<u8> {
        if let Some(mut header) = self.0.get_mut(2..HEADER) {
            header.put_u64(node);
            header.put_u64(milliseconds(age));
            header.put_u64(number);
        }
        self.0
    }

    fn new(kind: u8) -> Self {
        let mut bytes = vec![0; HEADER];
        if let Some(mut start) = bytes.get_mut(..2) {
            start.put_slice(&[VERSION, kind]);
        }
        Self(bytes)
    }

    fn event(&mut self, event: &Event) {
        let Audience { member, admins, users, except, within, hides } = &event.audience;
        let is_plain = users.is_empty()
            && except.is_none()
            && within.is_none()
            && hides.is_none()
            && admins.is_none_or(|all| all == ALL_ADMINS);
        if is_plain {
            return self.plain(event, *member, admins.is_some());
        }
        // An event with a position is delivered once, so that it cannot be split.
        match (*member, event.position) {
            (Some(member), None)
                if !users.contains(&(UserType::Member, member)) && *except != Some((UserType::Member, member)) =>
            {
                self.plain(event, Some(member), false);
                self.with_audience(event, &Audience { member: None, ..event.audience.clone() });
            }
            _ => self.with_audience(event, &event.audience),
        }
    }

    /// As every release knows it.
    fn plain(&mut self, event: &Event, member: Option<UserId>, admins: bool) {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let Self(bytes) = self;
        bytes.put_i64(event.tenant.get());
        bytes.put_u8(
            flag(member.is_some(), TO_MEMBER) | flag(admins, TO_ADMINS) | flag(event.position.is_some(), HAS_POSITION),
        );
        if let Some(member) = member {
            bytes.put_i64(member.get());
        }
        if let Some(Position { stream, seq }) = event.position {
            bytes.put_i64(stream);
            bytes.put_i64(seq);
        }
        bytes.put_u64(u64::try_from(event.frame.len()).unwrap_or(u64::MAX));
        bytes.put_slice(&event.frame);
    }

    fn with_audience(&mut self, event: &Event, audience: &Audience) {
        let mut parts = Vec::new();
        let mut count: u8 = 0;
        let mut part = |tag: u8, value: &[u8]| {
            count += 1;
            parts.put_u8(tag);
            parts.put_u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
            parts.put_slice(value);
        };
        let Audience { member, admins, users, except, within, hides } = audience;
        if let Some(member) = member {
            part(MEMBER, &member.get().to_be_bytes());
        }
        if let Some(permission) = admins {
            part(ADMINS, permission.as_str().as_bytes());
        }
        if !users.is_empty() {
            part(USERS, &users.iter().flat_map(|user| user_bytes(*user)).collect::<Vec<u8>>());
        }
        if let Some(Position { stream, seq }) = event.position {
            part(POSITION, &[stream.to_be_bytes(), seq.to_be_bytes()].concat());
        }
        if let Some(stream) = hides {
            part(HIDES, &stream.to_be_bytes());
        }
        if let Some(user) = except {
            part(EXCEPT, &user_bytes(*user));
        }
        if let Some(Within { seen, unseen }) = within {
            part(WITHIN, &[Some(*seen), *unseen].into_iter().flatten().flat_map(assignment_bytes).collect::<Vec<u8>>());
        }
        let Self(bytes) = self;
        bytes.put_i64(event.tenant.get());
        bytes.put_u8(HAS_AUDIENCE);
        bytes.put_u64(u64::try_from(1 + parts.len() + event.frame.len()).unwrap_or(u64::MAX));
        bytes.put_u8(count);
        bytes.put_slice(&parts);
        bytes.put_slice(&event.frame);
    }
}

impl Packet {
    /// Reads a packet, without copying its frames; `None` when it is none of ours.
    pub(super) fn read(mut bytes: Bytes) -> Option<Self> {
        if bytes.try_get_u8().ok()? != VERSION {
            return None;
        }
        let kind = bytes.try_get_u8().ok()?;
        let node = bytes.try_get_u64().ok()?;
        let age = Duration::from_millis(bytes.try_get_u64().ok()?);
        let number = bytes.try_get_u64().ok()?;
        let body = match kind {
            EVENTS => Body::Events(read_all(bytes, read_event)?),
            HEARTBEAT => Body::Heartbeat,
            GOODBYE => Body::Goodbye,
            PRESENCE => Body::Presence(read_all(bytes, read_user)?),
            VIEWERS => Body::Viewers(read_all(bytes, read_viewer)?.into_iter().collect()),
            MISSED => Body::Missed(Duration::from_millis(bytes.try_get_u64().ok()?)),
            _ => return None,
        };
        Some(Self { node, age, number, body })
    }
}

fn milliseconds(period: Duration) -> u64 {
    u64::try_from(period.as_millis()).unwrap_or(u64::MAX)
}

fn read_all<T>(mut bytes: Bytes, read: impl Fn(&mut Bytes) -> Option<T>) -> Option<Vec<T>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        all.push(read(&mut bytes)?);
    }
    Some(all)
}

fn read_event(bytes: &mut Bytes) -> Option<Event> {
    let tenant = TenantId::new(bytes.try_get_i64().ok()?);
    let flags = bytes.try_get_u8().ok()?;
    let member = match flags & TO_MEMBER {
        0 => None,
        _ => Some(UserId::new(bytes.try_get_i64().ok()?)),
    };
    let position = match flags & HAS_POSITION {
        0 => None,
        _ => Some(Position { stream: bytes.try_get_i64().ok()?, seq: bytes.try_get_i64().ok()? }),
    };
    let length = usize::try_from(bytes.try_get_u64().ok()?).ok()?;
    if length > bytes.len() {
        return None;
    }
    let mut frame = bytes.split_to(length);
    let plain = Audience { member, admins: (flags & TO_ADMINS != 0).then_some(ALL_ADMINS), ..Audience::default() };
    let (audience, position) = if flags & HAS_AUDIENCE == 0 { (plain, position) } else { read_audience(&mut frame)? };
    Some(Event { tenant, audience, frame, position })
}

/// Reads what stands before the frame.
fn read_audience(bytes: &mut Bytes) -> Option<(Audience, Option<Position>)> {
    let (mut audience, mut position) = (Audience::default(), None);
    let mut is_limited = false;
    for _ in 0..bytes.try_get_u8().ok()? {
        let tag = bytes.try_get_u8().ok()?;
        let length = usize::try_from(bytes.try_get_u32().ok()?).ok()?;
        if length > bytes.len() {
            return None;
        }
        let mut part = bytes.split_to(length);
        match tag {
            MEMBER => audience.member = Some(UserId::new(part.try_get_i64().ok()?)),
            ADMINS => audience.admins = std::str::from_utf8(&part).ok().and_then(Permission::from_name),
            USERS => audience = audience.and_users(read_all(part, read_named)?),
            POSITION => {
                position = Some(Position { stream: part.try_get_i64().ok()?, seq: part.try_get_i64().ok()? });
            }
            HIDES => audience.hides = Some(part.try_get_i64().ok()?),
            EXCEPT => audience.except = Some(read_named(&mut part)?),
            WITHIN => {
                let mut assignments = read_all(part, read_assignment)?.into_iter();
                audience = audience.within(assignments.next()?, assignments.next());
            }
            _ => is_limited |= tag >= LIMITS,
        }
    }
    // An event that is not delivered is not noted, either.
    Some(if is_limited { (Audience::default(), None) } else { (audience, position) })
}

fn user_bytes((user_type, user): User) -> [u8; 12] {
    let mut bytes = [0; 12];
    let mut all = bytes.as_mut_slice();
    all.put_i32(user_type.code());
    all.put_i64(user.get());
    bytes
}

/// The agent's id and the group's, 0 for none: ids are never 0.
fn assignment_bytes(Assignment { agent, group }: Assignment) -> [u8; 16] {
    let mut bytes = [0; 16];
    let mut all = bytes.as_mut_slice();
    all.put_i64(agent.map_or(0, UserId::get));
    all.put_i64(group.map_or(0, GroupId::get));
    bytes
}

fn read_assignment(bytes: &mut Bytes) -> Option<Assignment> {
    let (agent, group) = (bytes.try_get_i64().ok()?, bytes.try_get_i64().ok()?);
    let id = |id: i64| (id != 0).then_some(id);
    Some(Assignment { agent: id(agent).map(UserId::new), group: id(group).map(GroupId::new) })
}

fn read_named(bytes: &mut Bytes) -> Option<User> {
    let user_type = UserType::from_code(bytes.try_get_i32().ok()?)?;
    Some((user_type, UserId::new(bytes.try_get_i64().ok()?)))
}

fn read_viewer(bytes: &mut Bytes) -> Option<Viewer> {
    let (tenant, stream) = (bytes.try_get_i64().ok()?, bytes.try_get_i64().ok()?);
    Some((TenantId::new(tenant), stream, UserId::new(bytes.try_get_i64().ok()?)))
}

fn read_user(bytes: &mut Bytes) -> Option<UserKey> {
    let (tenant, user) = (bytes.try_get_i64().ok()?, bytes.try_get_i64().ok()?);
    let user_type = UserType::from_code(bytes.try_get_i32().ok()?)?;
    Some(UserKey { tenant: TenantId::new(tenant), user_type, user: UserId::new(user) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(member: Option<i64>, admins: bool, position: Option<Position>, size: usize) -> Event {
        let audience =
            Audience { member: member.map(UserId::new), admins: admins.then_some(ALL_ADMINS), ..Audience::default() };
        event_to(audience, position, size)
    }

    fn event_to(audience: Audience, position: Option<Position>, size: usize) -> Event {
        Event { tenant: TenantId::new(7), audience, frame: Bytes::from(vec![0x81; size]), position }
    }

    /// Events whose audiences the first release does not know.
    fn new_events() -> [Event; 6] {
        let (member, agent) = ((UserType::Member, UserId::new(1001)), (UserType::Admin, UserId::new(3)));
        let position = Some(Position { stream: 5, seq: 6 });
        let of_agent = Assignment { agent: Some(agent.1), group: Some(GroupId::new(9)) };
        [
            event_to(Audience::admins(Permission::QueryConversations), None, 20),
            event_to(Audience::admins(ALL_ADMINS).except(agent), position, 20),
            event_to(Audience::default().and_users([member, agent]), None, 0),
            event_to(Audience::admins(Permission::SendMessages).and_member(member.1), position, 20),
            event_to(Audience::admins(ALL_ADMINS).and_member(member.1).within(of_agent, None), position, 20),
            event_to(Audience::admins(ALL_ADMINS).within(Assignment::default(), Some(of_agent)).hiding(5), None, 20),
        ]
    }

    fn read(events: &[Event]) -> Vec<Event> {
        let mut drafts = Draft::events(events);
        assert_eq!(drafts.len(), 1);
        let Body::Events(read) = sent(drafts.remove(0)).body else { panic!() };
        read
    }

    fn sent(draft: Draft) -> Packet {
        Packet::read(draft.seal(u64::MAX, Duration::from_millis(1500), 3).into()).unwrap()
    }

    #[test]
    fn events_come_back_as_they_were() {
        let position = Position { stream: 1 << 52, seq: 9 };
        let events =
            [event(Some(1001), true, Some(position), 300), event(None, true, None, 1), event(Some(5), false, None, 0)];
        let mut drafts = Draft::events(&events);
        assert_eq!(drafts.len(), 1);
        let packet = sent(drafts.remove(0));
        assert_eq!((packet.node, packet.age, packet.number), (u64::MAX, Duration::from_millis(1500), 3));
        let Body::Events(read) = packet.body else { panic!("{packet:?}") };
        assert_eq!(format!("{read:?}"), format!("{events:?}"));
    }

    #[test]
    fn every_audience_comes_back_as_it_was() {
        assert_eq!(format!("{:?}", read(&new_events())), format!("{:?}", new_events()));
        // A member hears of it at the first release, too.
        let (member, agent) = (UserId::new(1001), (UserType::Admin, UserId::new(3)));
        let typing = event_to(Audience::admins(ALL_ADMINS).and_member(member).except(agent), None, 9);
        let expected =
            [event(Some(1001), false, None, 9), event_to(Audience::admins(ALL_ADMINS).except(agent), None, 9)];
        assert_eq!(format!("{:?}", read(&[typing])), format!("{expected:?}"));
        // One that is named twice is not split from the event that names it again.
        let named = Audience::admins(ALL_ADMINS).and_member(member).and_users([(UserType::Member, member), agent]);
        let twice = [event_to(named, None, 9)];
        assert_eq!(format!("{:?}", read(&twice)), format!("{twice:?}"));
    }

    /// The bytes of an event of the first release: to member 1001 and all admins, at 5 of stream 2.
    const FIRST_RELEASE: [u8; 26 + 8 + 1 + 8 + 16 + 8 + 3] =
        *b"\x01\x01\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\x05\xdc\0\0\0\0\0\0\0\x03\
        \0\0\0\0\0\0\0\x07\x07\0\0\0\0\0\0\x03\xe9\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x03\x81\x81\x81";

    #[test]
    fn the_first_release_is_understood_and_understands() {
        let event = event(Some(1001), true, Some(Position { stream: 2, seq: 5 }), 3);
        let packet = Packet::read(Bytes::from_static(&FIRST_RELEASE)).unwrap();
        assert_eq!((packet.node, packet.age, packet.number), (9, Duration::from_millis(1500), 3));
        let Body::Events(read) = packet.body else { panic!("{packet:?}") };
        assert_eq!(format!("{read:?}"), format!("{:?}", [&event]));
        let written = Draft::events(&[event]).remove(0).seal(9, Duration::from_millis(1500), 3);
        assert_eq!(written, FIRST_RELEASE);
    }

    /// Reads an event as the first release does: its recipients, its position, its frame.
    fn read_as_first_release(bytes: &mut Bytes) -> (Option<i64>, bool, Option<(i64, i64)>, Bytes) {
        bytes.get_i64();
        let flags = bytes.get_u8();
        let member = (flags & TO_MEMBER != 0).then(|| bytes.get_i64());
        let position = (flags & HAS_POSITION != 0).then(|| (bytes.get_i64(), bytes.get_i64()));
        let length = usize::try_from(bytes.get_u64()).unwrap();
        (member, flags & TO_ADMINS != 0, position, bytes.split_to(length))
    }

    #[test]
    fn the_first_release_passes_over_what_it_does_not_know_and_reads_on() {
        let new = new_events();
        let count = new.len();
        let known = event(Some(1), true, Some(Position { stream: 1, seq: 1 }), 4);
        let all: Vec<Event> = new.into_iter().chain([known]).collect();
        let mut bytes = Bytes::from(Draft::events(&all).remove(0).seal(1, Duration::ZERO, 1)).split_off(HEADER);
        for _ in 0..count {
            let (member, admins, position, _) = read_as_first_release(&mut bytes);
            assert_eq!((member, admins, position), (None, false, None), "delivered to nobody and not noted");
        }
        let expected = (Some(1), true, Some((1, 1)), Bytes::from_static(&[0x81; 4]));
        assert_eq!(read_as_first_release(&mut bytes), expected);
        assert!(bytes.is_empty());
    }

    #[test]
    fn parts_of_a_later_release_are_passed_over_and_its_limits_deliver_to_nobody() {
        let read = |parts: &[u8]| {
            let mut packet = Draft::new(EVENTS).seal(1, Duration::ZERO, 1);
            packet.put_i64(7);
            packet.put_u8(HAS_AUDIENCE);
            packet.put_u64(u64::try_from(parts.len() + 2).unwrap());
            packet.put_slice(parts);
            packet.put_slice(b"hi");
            match Packet::read(packet.into())?.body {
                Body::Events(mut events) => events.pop(),
                other => panic!("{other:?}"),
            }
        };
        let member = [MEMBER, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 4];
        let with = |tag: u8| [&[2], member.as_slice(), &[tag, 0, 0, 0, 1, 9]].concat();
        let event = read(&with(77)).unwrap();
        assert_eq!(
            (event.audience, &event.frame[..]),
            (Audience::default().and_member(UserId::new(4)), b"hi".as_slice())
        );
        assert_eq!(read(&with(LIMITS)).unwrap().audience, Audience::default());
        let unknown_permission = [&[1, ADMINS, 0, 0, 0, 2], b"xx".as_slice()].concat();
        assert_eq!(read(&unknown_permission).unwrap().audience, Audience::default());
        for end in 1..with(77).len() - 1 {
            // A length that reaches into the frame or beyond is none of ours.
            let mut cut = with(77);
            cut[5] = u8::try_from(end + 40).unwrap();
            assert!(read(&cut).is_none(), "{end}");
        }
    }

    #[test]
    fn large_batches_become_several_packets_in_order() {
        let events: Vec<_> =
            (1..=10).map(|seq| event(None, true, Some(Position { stream: 1, seq }), 100_000)).collect();
        let drafts = Draft::events(&events);
        assert_eq!(drafts.len(), 4);
        let seqs = drafts.into_iter().flat_map(|draft| match sent(draft).body {
            Body::Events(events) => events.into_iter().filter_map(|event| event.position),
            other => panic!("{other:?}"),
        });
        assert!(seqs.map(|position| position.seq).eq(1..=10));
        assert!(Draft::events(&[]).is_empty());
    }

    #[test]
    fn the_others_come_back_too() {
        assert!(matches!(sent(Draft::heartbeat()).body, Body::Heartbeat));
        assert!(matches!(sent(Draft::goodbye()).body, Body::Goodbye));
        let period = Duration::from_millis(12_345);
        assert!(matches!(sent(Draft::missed(period)).body, Body::Missed(read) if read == period));
        let user = UserKey { tenant: TenantId::new(2), user_type: UserType::Admin, user: UserId::new(3) };
        assert!(matches!(sent(Draft::presence(&[user])).body, Body::Presence(users) if users == [user]));
    }

    #[test]
    fn what_is_cut_or_foreign_is_passed_over() {
        let whole = Draft::events(&[event(Some(1), true, Some(Position { stream: 1, seq: 1 }), 20)]).remove(0).seal(
            1,
            Duration::ZERO,
            1,
        );
        for end in 0..whole.len() {
            // Cut after the header, it is a packet without events.
            assert_eq!(Packet::read(Bytes::copy_from_slice(&whole[..end])).is_some(), end == HEADER, "{end}");
        }
        for (place, value) in [(0, 2), (1, 9), (HEADER + 8 + 1 + 8 + 16, 0xFF)] {
            let mut other = whole.clone();
            other[place] = value;
            assert!(Packet::read(other.into()).is_none(), "{place}");
        }
    }
}
