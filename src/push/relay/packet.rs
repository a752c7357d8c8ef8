//! What nodes say to each other: a fixed header, then the body of its kind; numbers are big-endian.
//!
//! `version u8, kind u8, node u64, age u64, number u64`. The age is how many milliseconds the sender has been running. The
//! number counts its event packets: one of events carries its own, the others that of the last. A packet of another version or kind is passed over, so that nodes of two releases
//! can run side by side.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};

use crate::id::{TenantId, UserId, UserKey, UserType};
use crate::push::{Event, Position};

const VERSION: u8 = 1;
const HEADER: usize = 26;
/// Bytes from which on a packet takes no further event; Redis cuts a subscriber off that has megabytes waiting.
const FULL: usize = 256 * 1024;

const EVENTS: u8 = 1;
const HEARTBEAT: u8 = 2;
const GOODBYE: u8 = 3;
const PRESENCE: u8 = 4;

const TO_MEMBER: u8 = 1;
const TO_ADMINS: u8 = 2;
const HAS_POSITION: u8 = 4;

/// A packet that was received.
#[derive(Debug)]
pub(super) struct Packet {
    /// The node that sent it, by the random number that it took at its start.
    pub(super) node: u64,
    /// How long the node has been running.
    pub(super) age: Duration,
    /// How many event packets the node has sent or lost until now, this one included.
    pub(super) number: u64,
    pub(super) body: Body,
}

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

    /// Its size in bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The packet as it is sent.
    pub(super) fn seal(mut self, node: u64, age: Duration, number: u64) -> Vec<u8> {
        if let Some(mut header) = self.0.get_mut(2..HEADER) {
            header.put_u64(node);
            header.put_u64(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
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
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let Self(bytes) = self;
        bytes.put_i64(event.tenant.get());
        bytes.put_u8(
            flag(event.member.is_some(), TO_MEMBER)
                | flag(event.admins, TO_ADMINS)
                | flag(event.position.is_some(), HAS_POSITION),
        );
        if let Some(member) = event.member {
            bytes.put_i64(member.get());
        }
        if let Some(Position { stream, seq }) = event.position {
            bytes.put_i64(stream);
            bytes.put_i64(seq);
        }
        bytes.put_u64(u64::try_from(event.frame.len()).unwrap_or(u64::MAX));
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
            _ => return None,
        };
        Some(Self { node, age, number, body })
    }
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
    let frame = bytes.split_to(length);
    Some(Event { tenant, member, admins: flags & TO_ADMINS != 0, frame, position })
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
        let frame = Bytes::from(vec![0x81; size]);
        Event { tenant: TenantId::new(7), member: member.map(UserId::new), admins, frame, position }
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
