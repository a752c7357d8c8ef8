//! Failed logins: a guesser is stopped, the owner of the account is not.
//!
//! Three counts of failures, each per minute: of an account from one network, of a network whatever the accounts, and of
//! an account in all. The first refuses its own network only, so that a stranger elsewhere does not lock the owner out.
//! The last stops a guesser with many networks: it refuses only networks from which that account has failed lately. A
//! network from which the account has logged in lately is held by the first count alone: it is the owner's.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use quick_cache::sync::Cache;

use super::lockout::{KEYS, Lockout};
use crate::clock::Clock;
use crate::error::Result;
use crate::id::TenantId;
use crate::settings::Limits;

/// How long a failure marks a network.
const FAILED: Duration = Duration::from_secs(3600);
/// How long a success does.
const SUCCEEDED: Duration = Duration::from_secs(30 * 24 * 3600);

/// The account that a login names, whether it exists or not.
type Account = (TenantId, String);

/// The counts of failed logins of this process.
pub struct LoginFailures {
    clock: Clock,
    by_account_and_network: Lockout<(Account, IpAddr)>,
    by_network: Lockout<IpAddr>,
    by_account: Lockout<Account>,
    /// When an account failed last from an area, by the monotonic time.
    failed: Cache<(Account, IpAddr), Duration>,
    /// When an account logged in last from a network. A stranger adds nothing here, and so pushes nothing out.
    succeeded: Cache<(Account, IpAddr), Duration>,
}

/// One try to log in.
#[derive(Clone)]
pub struct Attempt {
    key: (Account, IpAddr),
    area: IpAddr,
}

impl Attempt {
    /// A login as an account from an address.
    pub fn new(tenant: TenantId, username: &str, address: IpAddr) -> Self {
        Self { key: ((tenant, username.to_owned()), network(address, 64)), area: network(address, 48) }
    }
}

impl LoginFailures {
    /// The limits of the settings.
    pub(crate) fn new(limits: &Limits, clock: &Clock) -> Self {
        Self {
            clock: clock.clone(),
            by_account_and_network: Lockout::new(limits.login_failures_per_account, clock),
            by_network: Lockout::new(limits.login_failures_per_address, clock),
            by_account: Lockout::new(limits.login_failures_per_account_in_all, clock),
            failed: Cache::new(KEYS),
            succeeded: Cache::new(KEYS),
        }
    }

    /// Refuses a try when too many have failed.
    ///
    /// # Errors
    /// [`crate::error::Error::TooManyLogins`].
    pub fn check(&self, attempt: &Attempt) -> Result<()> {
        self.by_account_and_network.check(&attempt.key)?;
        if self.was_within(&self.succeeded, &attempt.key, SUCCEEDED) {
            return Ok(());
        }
        let (account, network) = &attempt.key;
        self.by_network.check(network)?;
        if self.was_within(&self.failed, &(account.clone(), attempt.area), FAILED) {
            self.by_account.check(account)?;
        }
        Ok(())
    }

    /// Counts a failure.
    pub fn failed(&self, attempt: Attempt) {
        let (account, network) = &attempt.key;
        self.by_network.failed(network);
        self.by_account.failed(account);
        self.by_account_and_network.failed(&attempt.key);
        self.failed.insert((attempt.key.0, attempt.area), self.clock.monotonic());
    }

    /// Notes a success.
    pub fn succeeded(&self, attempt: Attempt) {
        self.succeeded.insert(attempt.key, self.clock.monotonic());
    }

    fn was_within(&self, marks: &Cache<(Account, IpAddr), Duration>, key: &(Account, IpAddr), time: Duration) -> bool {
        marks.get(key).is_some_and(|at| self.clock.monotonic().saturating_sub(at) < time)
    }
}

/// One address, or for IPv6 the network of so many bits around it. A customer's network (64 bits) has more addresses
/// than could be counted; one who rents an area (48 bits) has more networks.
pub(super) fn network(address: IpAddr, bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(bits).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & !host).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(clock: &Clock) -> LoginFailures {
        let limits = Limits {
            login_failures_per_account: 3,
            login_failures_per_address: 5,
            login_failures_per_account_in_all: 6,
            ..Limits::default()
        };
        LoginFailures::new(&limits, clock)
    }

    fn attempt(username: &str, address: &str) -> Attempt {
        Attempt::new(TenantId::new(1), username, address.parse().unwrap())
    }

    fn may(failures: &LoginFailures, username: &str, address: &str) -> bool {
        failures.check(&attempt(username, address)).is_ok()
    }

    #[test]
    fn a_stranger_locks_only_the_strangers_network() {
        let clock = Clock::manual(0);
        let failures = failures(&clock);
        (0..3).for_each(|_| failures.failed(attempt("a", "192.0.2.1")));
        assert!(!may(&failures, "a", "192.0.2.1"));
        assert!(may(&failures, "b", "192.0.2.1") && may(&failures, "a", "192.0.2.2"));
    }

    #[test]
    fn many_networks_are_stopped_and_one_that_has_not_failed_is_not() {
        let clock = Clock::manual(0);
        let failures = failures(&clock);
        failures.succeeded(attempt("a", "198.51.100.1"));
        failures.failed(attempt("a", "198.51.100.1"));
        for host in 1..=6 {
            let address = format!("192.0.2.{host}");
            assert!(may(&failures, "a", &address), "its first try");
            failures.failed(attempt("a", &address));
        }
        assert!((1..=6).all(|host| !may(&failures, "a", &format!("192.0.2.{host}"))));
        assert!(may(&failures, "a", "203.0.113.1"), "it has not failed");
        assert!(may(&failures, "a", "198.51.100.1"), "it has failed, and logged in before");
        assert!(may(&failures, "b", "192.0.2.1"));
        clock.advance(60_000);
        assert!(may(&failures, "a", "192.0.2.1"));
    }

    #[test]
    fn an_area_of_ipv6_has_one_first_try() {
        let clock = Clock::manual(0);
        let failures = failures(&clock);
        for net in 1..=6 {
            failures.failed(attempt("a", &format!("2001:db8:1:{net}::1")));
        }
        assert!(!may(&failures, "a", "2001:db8:1:ff::1"), "another network of the same area");
        assert!(may(&failures, "a", "2001:db8:2::1"));
    }

    #[test]
    fn a_networks_guesses_at_many_accounts_do_not_stop_who_logs_in_from_there() {
        let clock = Clock::manual(0);
        let failures = failures(&clock);
        failures.succeeded(attempt("a", "192.0.2.1"));
        (0..5).for_each(|name| failures.failed(attempt(&name.to_string(), "192.0.2.1")));
        assert!(!may(&failures, "b", "192.0.2.1"));
        assert!(may(&failures, "a", "192.0.2.1"));
        (0..3).for_each(|_| failures.failed(attempt("a", "192.0.2.1")));
        assert!(!may(&failures, "a", "192.0.2.1"));
    }

    #[test]
    fn ipv6_counts_by_network() {
        let network = |text: &str| network(text.parse().unwrap(), 64);
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
