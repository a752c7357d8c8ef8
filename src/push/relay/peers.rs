//! What this node knows of the others, and how it learns that it has missed something.
//!
//! Every node numbers its event packets and repeats the last number in its heartbeats. A number that does not follow says
//! that packets were lost, wherever that was: in the sender's full queue, in a Redis that was away, in a subscription that
//! was down. A node that falls silent without a goodbye may have committed what it never sent.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::packet::{Body, Packet};
use crate::id::UserKey;

/// How long a node may be silent until it is given up. More than a probe of this node's own subscription may take, so
/// that a dead subscription does not look like dead nodes.
const SILENCE: Duration = Duration::from_secs(8);

#[derive(Default)]
pub(super) struct Peers(HashMap<u64, Peer>);

struct Peer {
    number: u64,
    heard: Instant,
    users: Vec<UserKey>,
}

/// What a packet says about those before it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing was lost.
    Complete,
    /// Something was lost.
    Gap,
    /// Later packets were there first: it belongs to a gap that is known already.
    Stale,
}

impl Peers {
    /// Takes notice of another node's packet.
    pub(super) fn hear(&mut self, packet: &mut Packet, now: Instant) -> Heard {
        // A node begins with 0. One that is met later may have sent something that nobody here has seen.
        let peer = self.0.entry(packet.node).or_insert(Peer { number: 0, heard: now, users: Vec::new() });
        peer.heard = now;
        let (new, expected) = match packet.body {
            Body::Events(_) => (packet.number > peer.number, peer.number + 1),
            _ => (packet.number >= peer.number, peer.number),
        };
        if !new {
            return Heard::Stale;
        }
        peer.number = packet.number;
        match &mut packet.body {
            Body::Presence(users) => peer.users = std::mem::take(users),
            Body::Goodbye => drop(self.0.remove(&packet.node)),
            Body::Events(_) | Body::Heartbeat => {}
        }
        if packet.number == expected { Heard::Complete } else { Heard::Gap }
    }

    /// This node could hear nothing until now: nobody's silence counts.
    pub(super) fn listen_anew(&mut self, now: Instant) {
        self.0.values_mut().for_each(|peer| peer.heard = now);
    }

    /// Gives up the nodes that have fallen silent; whether there were any.
    pub(super) fn forget_silent(&mut self, now: Instant) -> bool {
        let before = self.0.len();
        self.0.retain(|_, peer| now.saturating_duration_since(peer.heard) < SILENCE);
        self.0.len() < before
    }

    /// The users online at each other node.
    pub(super) fn users(&self) -> impl Iterator<Item = (u64, &[UserKey])> {
        self.0.iter().map(|(node, peer)| (*node, peer.users.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(node: u64, number: u64) -> Packet {
        Packet { node, number, body: Body::Events(Vec::new()) }
    }

    fn heartbeat(node: u64, number: u64) -> Packet {
        Packet { node, number, body: Body::Heartbeat }
    }

    #[test]
    fn numbers_tell_what_is_missing() {
        let (mut peers, now) = (Peers::default(), Instant::now());
        let mut hear = |mut packet| peers.hear(&mut packet, now);
        assert_eq!(hear(heartbeat(1, 0)), Heard::Complete);
        assert_eq!(hear(events(1, 1)), Heard::Complete);
        assert_eq!(hear(heartbeat(1, 1)), Heard::Complete);
        assert_eq!(hear(events(1, 3)), Heard::Gap);
        assert_eq!(hear(events(1, 2)), Heard::Stale, "it comes too late to be in order");
        assert_eq!(hear(heartbeat(1, 2)), Heard::Stale);
        assert_eq!(hear(events(1, 4)), Heard::Complete);
        assert_eq!(hear(heartbeat(1, 6)), Heard::Gap, "the newest are missing");
        assert_eq!(hear(events(2, 1)), Heard::Complete, "the first of a new node");
        assert_eq!(hear(events(3, 2)), Heard::Gap, "a node that is met late");
        assert_eq!(hear(heartbeat(4, 9)), Heard::Gap, "a node that is met late");
    }

    #[test]
    fn silent_nodes_are_given_up_but_not_those_that_said_goodbye() {
        let (mut peers, start) = (Peers::default(), Instant::now());
        peers.hear(&mut heartbeat(1, 0), start);
        peers.hear(&mut heartbeat(2, 0), start);
        assert_eq!(peers.hear(&mut Packet { body: Body::Goodbye, ..heartbeat(1, 0) }, start), Heard::Complete);
        assert!(!peers.forget_silent(start + SILENCE / 2));
        peers.listen_anew(start + SILENCE / 2);
        assert!(!peers.forget_silent(start + SILENCE), "this node was deaf itself");
        assert!(peers.forget_silent(start + SILENCE * 2));
        assert!(!peers.forget_silent(start + SILENCE * 2), "once is enough");
    }
}
