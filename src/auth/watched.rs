//! Tokens of the shop that open sockets were opened with.
//!
//! A socket brings its token once, and may stay open for as long as the shop has said that the token lives. So whoever runs
//! the socket holds a [`Watch`], and [`Auth::look_after_watched`] asks about each watched token once a minute, however many
//! sockets it has. A token that the shop has ended closes them; a shop that does not answer closes nothing, and is asked again
//! soon. What else the shop says is followed as with any other call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;

use super::{Auth, Principal, RevokeReason, Revoked, TokenUse};
use crate::credential::{Credential, Ended, Hash};
use crate::error::Error;
use crate::id::UserKey;

/// How often a token is asked about: when no earlier answer is believed any more.
const EVERY: Duration = Duration::from_secs(60);
/// How long after a question that was not answered.
const RETRY: Duration = Duration::from_secs(5);
/// How often it is looked for tokens that are due, by the process's own time.
const TICK: Duration = Duration::from_secs(1);
/// How many are asked about at once.
const AT_ONCE: usize = 16;

/// The tokens, by their hashes.
#[derive(Clone, Default)]
pub(super) struct Watched(Arc<Mutex<HashMap<Hash, Token>>>);

struct Token {
    text: Arc<str>,
    key: UserKey,
    sockets: usize,
    /// By the monotonic time.
    due: Duration,
}

/// Held for as long as a socket is open.
pub(crate) struct Watch {
    watched: Watched,
    hash: Hash,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut tokens = self.watched.lock();
        if let Some(token) = tokens.get_mut(&self.hash) {
            token.sockets -= 1;
            if token.sockets == 0 {
                tokens.remove(&self.hash);
            }
        }
    }
}

impl Watched {
    fn lock(&self) -> MutexGuard<'_, HashMap<Hash, Token>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn later(&self, hash: Hash, due: Duration) {
        if let Some(token) = self.lock().get_mut(&hash) {
            token.due = due;
        }
    }
}

impl Auth {
    /// Has the shop asked about a token from now on, if it was that said whose it is.
    pub(crate) fn watch(&self, token: &str, principal: &Principal) -> Option<Watch> {
        let Credential::Token(identity) = principal.credential else { return None };
        if !principal.introspected {
            return None;
        }
        let (watched, hash) = (&self.0.watched, identity.hash);
        let due = self.0.clock.monotonic() + EVERY;
        let new = || Token { text: token.into(), key: principal.key, sockets: 0, due };
        watched.lock().entry(hash).or_insert_with(new).sockets += 1;
        Some(Watch { watched: watched.clone(), hash })
    }

    /// Asks about watched tokens for as long as it is polled.
    pub(crate) async fn look_after_watched(&self) {
        if self.0.introspection.is_none() {
            return;
        }
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = self.0.clock.monotonic();
            let due: Vec<(Hash, Arc<str>, UserKey)> = {
                let tokens = self.0.watched.lock();
                let due = tokens.iter().filter(|(_, token)| token.due <= now);
                due.map(|(hash, token)| (*hash, Arc::clone(&token.text), token.key)).collect()
            };
            let asked = due.into_iter().map(|(hash, text, key)| self.ask_again(hash, text, key));
            futures_util::stream::iter(asked).buffer_unordered(AT_ONCE).collect::<()>().await;
        }
    }

    async fn ask_again(&self, hash: Hash, text: Arc<str>, key: UserKey) {
        let found = self.authenticate(&text, TokenUse::Socket).await;
        let wait = if matches!(found, Ok(_) | Err(Error::Unauthenticated | Error::Forbidden)) { EVERY } else { RETRY };
        self.0.watched.later(hash, self.0.clock.monotonic() + wait);
        let reason = match found {
            Err(Error::Unauthenticated) => RevokeReason::LoggedOut,
            Err(Error::Forbidden) => RevokeReason::Disabled,
            Ok(_) | Err(_) => return,
        };
        self.publish(Revoked { key, ended: Ended::Tokens(hash, self.0.clock.now()), reason });
    }
}
