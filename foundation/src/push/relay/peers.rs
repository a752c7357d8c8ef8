//! What this node knows of the others, and how it learns that it has missed something.
//!
//! Every node numbers its packets of events and repeats the last number in its heartbeats. A number that does not follow says
//! that packets were lost, wherever that was: in the sender's full queue, in a Redis that was away, in a subscription that
//! was down. A node that falls silent without a goodbye may have committed what it never sent.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::packet::{Body, Packet};
use crate::id::{TenantId, UserKey, UserType};

/// How long a node may be silent until its users count as gone. More than a probe of this node's own subscription may
/// take, so that a dead subscription does not look like dead nodes.
const SILENCE: Duration = Duration::from_secs(8);
/// How long a silent node is remembered: when it was cut off from Redis only, it comes back and goes on with its numbers.
const MEMORY: Duration = Duration::from_secs(3600);

/// The other nodes, as far as this one has heard of them.
pub(super) struct Peers {
    /// When this node began to listen.
    began: Instant,
    known: HashMap<u64, Peer>,
}

struct Peer {
    number: u64,
    heard: Instant,
    /// From when on its silence counts.
    waited_for: Instant,
    silent: bool,
    users: Vec<UserKey>,
    /// The tenants that have an admin among the users.
    attended: HashSet<TenantId>,
}

impl Peer {
    fn set_users(&mut self, users: Vec<UserKey>) {
        let admins = users.iter().filter(|user| user.user_type == UserType::Admin);
        self.attended = admins.map(|admin| admin.tenant).collect();
        self.users = users;
    }
}

/// What a packet says about those before it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing was lost.
    Complete,
    /// Something was lost, and nothing before this time.
    Gap(Instant),
    /// Later packets were there first: it belongs to a gap that is known already.
    Stale,
}

impl Peers {
    /// No peer is known yet.
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, known: HashMap::new() }
    }

    /// Takes notice of another node's packet.
    pub(super) fn hear(&mut self, packet: &mut Packet, now: Instant) -> Heard {
        // A node begins with 0. One that is met later may have sent something since both are there.
        let together = || now.checked_sub(packet.age).unwrap_or(self.began).max(self.began);
        let peer = self.known.entry(packet.node).or_insert_with(|| Peer {
            number: 0,
            heard: together(),
            waited_for: now,
            silent: false,
            users: Vec::new(),
            attended: HashSet::new(),
        });
        let before = std::mem::replace(&mut peer.heard, now);
        (peer.waited_for, peer.silent) = (now, false);
        let (new, expected) = match packet.body {
            Body::Events(_) | Body::Missed(_) => (packet.number > peer.number, peer.number + 1),
            _ => (packet.number >= peer.number, peer.number),
        };
        if !new {
            return Heard::Stale;
        }
        peer.number = packet.number;
        match &mut packet.body {
            Body::Presence(users) => peer.set_users(std::mem::take(users)),
            Body::Goodbye => drop(self.known.remove(&packet.node)),
            Body::Events(_) | Body::Missed(_) | Body::Heartbeat | Body::Viewers(_) => {}
        }
        if packet.number == expected { Heard::Complete } else { Heard::Gap(before) }
    }

    /// This node received nothing until now, so no peer's silence counts.
    pub(super) fn listen_anew(&mut self, now: Instant) {
        self.known.values_mut().filter(|peer| !peer.silent).for_each(|peer| peer.waited_for = now);
    }

    /// Gives up the nodes that have newly fallen silent; since when the first of them is.
    pub(super) fn give_up_silent(&mut self, now: Instant) -> Option<Instant> {
        let mut since = None;
        for peer in self.known.values_mut() {
            if !peer.silent && now.saturating_duration_since(peer.waited_for) >= SILENCE {
                peer.silent = true;
                peer.set_users(Vec::new());
                since = Some(since.map_or(peer.heard, |since: Instant| since.min(peer.heard)));
            }
        }
        self.known.retain(|_, peer| now.saturating_duration_since(peer.heard) < MEMORY);
        since
    }

    /// Whether an admin of the tenant is online at another node.
    pub(super) fn attend(&self, tenant: TenantId) -> bool {
        self.known.values().any(|peer| peer.attended.contains(&tenant))
    }

    /// The users online at each other node.
    pub(super) fn users(&self) -> impl Iterator<Item = (u64, &[UserKey])> {
        self.known.iter().map(|(node, peer)| (*node, peer.users.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn packet(node: u64, number: u64, body: Body) -> Packet {
        Packet { node, number, age: Duration::from_secs(60), body }
    }

    fn events(node: u64, number: u64) -> Packet {
        packet(node, number, Body::Events(Vec::new()))
    }

    fn heartbeat(node: u64, number: u64) -> Packet {
        packet(node, number, Body::Heartbeat)
    }

    #[test]
    fn numbers_tell_what_is_missing_and_since_when() {
        let start = Instant::now();
        let mut peers = Peers::new(start);
        let mut hear = |seconds: u32, mut packet: Packet| peers.hear(&mut packet, start + SECOND * seconds);
        let gap = |seconds: u32| Heard::Gap(start + SECOND * seconds);
        assert_eq!(hear(1, heartbeat(1, 0)), Heard::Complete);
        assert_eq!(hear(2, events(1, 1)), Heard::Complete);
        assert_eq!(hear(3, heartbeat(1, 1)), Heard::Complete);
        assert_eq!(hear(8, packet(1, 3, Body::Missed(SECOND))), gap(3), "it counts as events do");
        assert_eq!(hear(9, events(1, 2)), Heard::Stale, "it comes too late to be in order");
        assert_eq!(hear(9, heartbeat(1, 2)), Heard::Stale);
        assert_eq!(hear(9, events(1, 4)), Heard::Complete);
        assert_eq!(hear(10, heartbeat(1, 6)), gap(9), "the newest are missing");
        assert_eq!(hear(11, events(2, 1)), Heard::Complete, "the first of a new node");
        assert_eq!(hear(11, events(3, 2)), gap(0), "a node that was there before this one");
        let young = Packet { age: SECOND * 4, ..heartbeat(4, 9) };
        assert_eq!(hear(11, young), gap(7), "a node that came later, without Redis");
    }

    #[test]
    fn silent_nodes_are_given_up_but_not_those_that_said_goodbye() {
        let start = Instant::now();
        let mut peers = Peers::new(start);
        peers.hear(&mut heartbeat(1, 0), start);
        peers.hear(&mut heartbeat(2, 0), start);
        assert_eq!(peers.hear(&mut packet(1, 0, Body::Goodbye), start), Heard::Complete);
        assert_eq!(peers.give_up_silent(start + SILENCE / 2), None);
        peers.listen_anew(start + SILENCE / 2);
        assert_eq!(peers.give_up_silent(start + SILENCE), None, "this node was deaf itself");
        assert_eq!(peers.give_up_silent(start + SILENCE * 2), Some(start));
        assert_eq!(peers.give_up_silent(start + SILENCE * 3), None, "once is enough");
        assert_eq!(
            peers.hear(&mut events(2, 1), start + SILENCE * 3),
            Heard::Complete,
            "it was cut off, and lost nothing"
        );
        assert_eq!(peers.give_up_silent(start + SILENCE * 4), Some(start + SILENCE * 3));
        assert_eq!(peers.hear(&mut events(2, 3), start + SILENCE * 5), Heard::Gap(start + SILENCE * 3));
    }
}
