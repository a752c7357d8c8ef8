//! Limits: how often and how much. Every limit by time is counted here.
//!
//! | what | per | counted by |
//! |---|---|---|
//! | sends | user | `message`'s handlers |
//! | other calls: lists, single reads, marks | user | the extractors of `auth`, for every method but POST |
//! | replays, as calls | user | `socket`: by a handshake and by a frame |
//! | uploads, and their bytes in a day | user | `file` |
//! | new visitors | address and channel | `visitor` |
//! | first messages of visitors | address | `visitor`, for `message`'s handler |
//! | what visitors tell of themselves | user | `visitor` |
//! | calls of a program, all of them | API key | the extractor of `api_key` |
//! | typing notices | user | `socket`; what is over the limit is dropped without a word |
//! | handshakes | user, address | `socket` |
//! | readings of a widget's configuration | address | `channel` |
//! | failed logins ([`logins`]) | account and address, address, account | `auth` |
//! | refreshes | login | `auth` |
//!
//! Invariants:
//! - Counts live in one process and run on the monotonic time: a corrected clock refuses nobody.
//! - Their memory is bounded by who was active lately: [`RateLimits::forget_idle`] is called every few seconds.
//! - What is refused is not counted, apart from the KiB with which an upload asks how much is left. A caller that waits as
//!   long as `Retry-After` says is let through.
//!
//! What one connection may hold or send (sizes, queues, sockets) is limited where it is held: [`crate::push`], [`crate::ws`],
//! [`crate::http::server`].

mod lockout;
pub mod logins;
mod rate;
mod volume;

use std::net::IpAddr;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::id::{ApiKeyId, ChannelId, LoginId, UserKey};
use crate::settings::{Limits, Settings};

pub(crate) use rate::Rate;
pub(crate) use volume::Volume;

/// The rates of users and addresses; lives in the application's data.
pub struct RateLimits {
    /// Sent messages.
    pub sends: Rate<UserKey>,
    /// Every other call with a token, POST aside, and every replay.
    pub calls: Rate<UserKey>,
    /// Typing notices.
    pub typing: Rate<UserKey>,
    /// Uploads.
    pub uploads: Rate<UserKey>,
    /// The uploads' bytes.
    pub upload_bytes: Volume<UserKey>,
    /// Names, attributes and pages that visitors tell.
    pub visitor_updates: Rate<UserKey>,
    /// Calls below `/open-api`.
    pub api_key_calls: Rate<ApiKeyId>,
    visitors: Rate<(IpAddr, ChannelId)>,
    first_messages: Rate<IpAddr>,
    handshakes: Rate<UserKey>,
    handshakes_from: Rate<IpAddr>,
    widget_configs_from: Rate<IpAddr>,
}

impl RateLimits {
    /// The limits of the settings.
    pub fn new(settings: &Settings, clock: &Clock) -> Self {
        let limits = &settings.limits;
        let calls_per_s = limits.calls_per_s.unwrap_or(limits.sends_per_s.saturating_mul(2));
        let sockets = u32::try_from(settings.push.sessions_per_user).unwrap_or(u32::MAX);
        let handshakes = limits.handshakes_per_minute.unwrap_or(sockets.saturating_mul(6));
        Self {
            sends: Rate::per_second(limits.sends_per_s, limits.send_burst, clock),
            calls: Rate::per_second(calls_per_s, limits.call_burst, clock),
            typing: Rate::per_second(limits.typing_per_s, 1, clock),
            uploads: Rate::per_minute(limits.uploads_per_minute, clock),
            upload_bytes: Volume::per_day(limits.upload_bytes_per_day, clock),
            visitor_updates: Rate::per_minute(limits.visitor_updates_per_minute, clock),
            api_key_calls: Rate::per_minute(limits.api_key_calls_per_minute, clock),
            visitors: Rate::per_minute(limits.visitors_per_minute, clock),
            first_messages: Rate::per_minute(limits.first_messages_per_minute_and_address, clock),
            handshakes: Rate::per_minute(handshakes, clock),
            handshakes_from: Rate::per_minute(limits.handshakes_per_minute_and_address, clock),
            widget_configs_from: Rate::per_minute(limits.widget_configs_per_minute_and_address, clock),
        }
    }

    /// Counts a handshake from an address, before its token is looked at.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`].
    pub fn handshake_from(&self, address: IpAddr) -> Result<()> {
        self.handshakes_from.check(&network(address))
    }

    /// Counts a handshake of a user, once its token is known to be good.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`].
    pub fn handshake(&self, user: UserKey) -> Result<()> {
        self.handshakes.check(&user)
    }

    /// Counts a reading of a widget's configuration from an address.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`].
    pub fn widget_config_from(&self, address: IpAddr) -> Result<()> {
        self.widget_configs_from.check(&network(address))
    }

    /// Counts a visitor who is to be made for a page of a channel.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`].
    pub fn new_visitor(&self, address: IpAddr, channel: ChannelId) -> Result<()> {
        self.visitors.check(&(network(address), channel))
    }

    /// Counts the first message of a visitor.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`].
    pub fn first_message(&self, address: IpAddr) -> Result<()> {
        self.first_messages.check(&network(address))
    }

    /// Forgets who has done nothing for a while, so that memory does not grow with everyone who ever did.
    pub fn forget_idle(&self) {
        self.sends.forget_idle();
        self.calls.forget_idle();
        self.typing.forget_idle();
        self.uploads.forget_idle();
        self.upload_bytes.forget_idle();
        self.visitor_updates.forget_idle();
        self.api_key_calls.forget_idle();
        self.visitors.forget_idle();
        self.first_messages.forget_idle();
        self.handshakes.forget_idle();
        self.handshakes_from.forget_idle();
        self.widget_configs_from.forget_idle();
    }
}

/// One address, or for IPv6 one customer's network: a /64 has more addresses than could be counted.
pub fn network(address: IpAddr) -> IpAddr {
    logins::network(address, 64)
}

/// The limits of logins and their refreshes. Refusals have the code 429 with HTTP 200, as the stock clients' forms need it.
pub struct LoginLimits {
    /// Failed logins.
    pub failures: logins::LoginFailures,
    refreshes: Rate<LoginId>,
}

impl LoginLimits {
    /// The limits of the settings.
    pub fn new(limits: &Limits, clock: &Clock) -> Self {
        Self {
            failures: logins::LoginFailures::new(limits, clock),
            refreshes: Rate::per_minute(limits.refreshes_per_minute, clock),
        }
    }

    /// Counts a refresh of a login: a client whose new tokens are refused elsewhere would ask for others without end.
    ///
    /// # Errors
    /// [`Error::TooManyLogins`].
    pub fn refresh(&self, login: LoginId) -> Result<()> {
        self.refreshes.check(&login).map_err(|error| match error {
            Error::TooManyRequests { retry_after_s } => Error::TooManyLogins { retry_after_s },
            other => other,
        })
    }

    /// Forgets logins that were not refreshed for a while.
    pub fn forget_idle(&self) {
        self.refreshes.forget_idle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{TenantId, UserId, UserType};

    fn user(id: i64) -> UserKey {
        UserKey { tenant: TenantId::new(1), user_type: UserType::Member, user: UserId::new(id) }
    }

    #[test]
    fn a_corrected_clock_refuses_nobody_and_lets_nobody_through() {
        let clock = Clock::manual(1_795_000_000_000);
        let mut settings = Settings::default();
        (settings.limits.sends_per_s, settings.limits.send_burst) = (1, 2);
        let limits = RateLimits::new(&settings, &clock);
        let sends = |at| -> Vec<bool> {
            clock.correct(at);
            (0..3).map(|_| limits.sends.check(&user(at)).is_ok()).collect()
        };
        assert_eq!(sends(1_795_028_800_000), [true, true, false]);
        assert_eq!(sends(1_795_000_000_000), [true, true, false], "8 hours back");
        assert_eq!(sends(0), [true, true, false]);
        clock.correct(i64::MAX / 2);
        assert_eq!(limits.sends.check(&user(0)), Err(Error::TooManyRequests { retry_after_s: 1 }));
        clock.advance(1000);
        assert_eq!(limits.sends.check(&user(0)), Ok(()));
    }

    #[test]
    fn who_was_active_long_ago_takes_no_memory() {
        let clock = Clock::manual(0);
        let limits = RateLimits::new(&Settings::default(), &clock);
        for id in 0..1000 {
            limits.calls.check(&user(id)).unwrap();
            limits.typing.check(&user(id)).unwrap();
            limits.handshake(user(id)).unwrap();
        }
        clock.advance(3_600_000);
        limits.forget_idle();
        assert_eq!((limits.calls.len(), limits.typing.len(), limits.handshakes.len()), (0, 0, 0));
    }
}
