//! Passwords: argon2id with the crate's default cost (19 MiB, 2 passes, 1 lane), always in a blocking thread.

use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Problem, Result};

/// How many characters a password has.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=128;

/// How long a login waits for its turn to hash.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The hash of no known password at the default cost: what an unknown user's password is compared with, so that the
/// answer takes as long as for a known one.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGxvZ3MgaW4$Kf8zcJ1Zr5qkYVwqF2hE0mJ3b5yS0b8vVtq6l1nUu9o";

/// Compares passwords, as many at a time as there are cores: each takes a core and 19 MiB.
pub(crate) struct Passwords(Arc<Semaphore>);

/// The turn to compare one password.
pub(crate) struct Turn(OwnedSemaphorePermit);

impl Passwords {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new(cores)))
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`Error::Busy`] after five seconds.
    pub(crate) async fn turn(&self) -> Result<Turn> {
        let permit = tokio::time::timeout(TIMEOUT, Arc::clone(&self.0).acquire_owned());
        permit.await.map_err(|_| Error::Busy)?.map(Turn).map_err(Error::internal)
    }
}

impl Turn {
    /// Whether the password is the one that was hashed; `None` is the hash of an unknown user, which no password fits.
    pub(crate) async fn fits(self, password: String, hash: Option<String>) -> Result<bool> {
        let compare = move || {
            let _turn = self.0;
            // A hash that cannot be read, as of an account without a password, is nobody's.
            let known = hash.as_deref().and_then(|hash| PasswordHash::new(hash).ok());
            let is_known = known.is_some();
            known
                .or_else(|| PasswordHash::new(NOBODY).ok())
                .is_some_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
                && is_known
        };
        tokio::task::spawn_blocking(compare).await.map_err(Error::internal)
    }
}

/// Hashes a new password.
///
/// # Errors
/// [`Error::Invalid`] unless it has 8–128 characters.
pub(crate) async fn hash(password: &str) -> Result<String> {
    if !LENGTH.contains(&password.chars().count()) {
        return Err(Error::Invalid(Problem::new("密码的字数须为 8 至 128", "password must have 8-128 characters")));
    }
    let password = password.to_owned();
    let hash = move || Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string());
    tokio::task::spawn_blocking(hash).await.map_err(Error::internal)?.map_err(Error::internal)
}

/// A random password of 120 bits, without letters that look alike.
pub(crate) fn random() -> Result<String> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    Ok(bytes.iter().filter_map(|byte| LETTERS.get(usize::from(byte % 32))).map(|letter| char::from(*letter)).collect())
}

#[cfg(test)]
mod tests {
    use argon2::Params;

    use super::*;

    #[tokio::test]
    async fn only_the_right_password_fits() {
        let passwords = Passwords::new();
        let made = hash("correct horse").await.unwrap();
        assert!(passwords.turn().await.unwrap().fits("correct horse".into(), Some(made.clone())).await.unwrap());
        assert!(!passwords.turn().await.unwrap().fits("wrong horse".into(), Some(made)).await.unwrap());
        assert!(!passwords.turn().await.unwrap().fits("correct horse".into(), None).await.unwrap());
        assert!(!passwords.turn().await.unwrap().fits("x".into(), Some("garbage".into())).await.unwrap());
        assert!(matches!(hash("short").await, Err(Error::Invalid(_))));
        assert!(matches!(hash(&"长".repeat(129)).await, Err(Error::Invalid(_))));
    }

    #[tokio::test]
    async fn an_unknown_user_costs_as_much_as_a_known_one() {
        let known = hash("correct horse").await.unwrap();
        let (known, nobody) = (PasswordHash::new(&known).unwrap(), PasswordHash::new(NOBODY).unwrap());
        assert_eq!(Params::try_from(&nobody).unwrap(), Params::try_from(&known).unwrap());
        assert_eq!((nobody.algorithm, nobody.version), (known.algorithm, known.version));
    }

    #[test]
    fn random_passwords_differ() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_eq!(one.len(), 24);
        assert_ne!(one, other);
    }
}
