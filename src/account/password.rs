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
pub(crate) struct Turn {
    _permit: OwnedSemaphorePermit,
}

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
        let _permit = permit.await.map_err(|_| Error::Busy)?.map_err(Error::internal)?;
        Ok(Turn { _permit })
    }
}

impl Turn {
    /// Whether the password is the one that was hashed; `None` is the hash of an unknown user, which no password fits.
    ///
    /// The turn comes back with the answer: a failure that is noted before it is dropped is seen by the next caller.
    pub(crate) async fn fits(self, password: String, hash: Option<String>) -> Result<(bool, Self)> {
        let compare = move || {
            // A hash that cannot be read, as of an account without a password, is nobody's.
            let known = hash.as_deref().and_then(|hash| PasswordHash::new(hash).ok());
            let is_known = known.is_some();
            let fits = known
                .or_else(|| PasswordHash::new(NOBODY).ok())
                .is_some_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
                && is_known;
            // Also when the caller is gone by now, the turn was taken until here.
            (fits, self)
        };
        tokio::task::spawn_blocking(compare).await.map_err(Error::internal)
    }
}

/// Hashes a new password.
///
/// # Errors
/// [`Error::Invalid`] unless it has 8–128 characters and is none of those that are tried first.
pub(crate) async fn hash(password: &str, username: &str) -> Result<String> {
    if !LENGTH.contains(&password.chars().count()) {
        return Err(Error::Invalid(Problem::new("密码的字数须为 8 至 128", "password must have 8-128 characters")));
    }
    if is_common(password, username) {
        return Err(Error::Invalid(Problem::new(
            "密码过于常见，请换一个",
            "password is one of those that are tried first; choose another",
        )));
    }
    let password = password.to_owned();
    let hash = move || Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string());
    tokio::task::spawn_blocking(hash).await.map_err(Error::internal)?.map_err(Error::internal)
}

/// Passwords of eight and more characters that leaks show most often, in lower case, one a line (NIST SP 800-63B, section
/// 5.1.1.2: a new password is compared with those that are commonly used, expected, or compromised). Source and licence are in
/// `common_passwords.LICENSE`. Read from the program where it lies: looking along all of them costs a fraction of a hash.
const COMMON: &str = include_str!("common_passwords.txt");

/// Whether a password is on the list, is a run (`abcdefgh`, `87654321`), up to four characters over and over or only two
/// different ones, or is the user's name, forwards or backwards, with nothing but digits and signs around it; case and spaces at
/// the ends do not matter.
fn is_common(password: &str, username: &str) -> bool {
    let (password, username) = (password.trim().to_lowercase(), username.to_lowercase());
    let letters: Vec<char> = password.chars().collect();
    let is_run = |step: i32| {
        letters.windows(2).all(|pair| matches!(*pair, [one, next] if i64::from(u32::from(next)) - i64::from(u32::from(one)) == i64::from(step)))
    };
    let backwards: String = username.chars().rev().collect();
    let bare = |text: &str| text.trim_matches(|letter: char| !letter.is_alphabetic()).to_owned();
    let is_name = |name: &str| password == name || (!bare(name).is_empty() && bare(&password) == bare(name));
    let repeats = |length: usize| letters.iter().zip(letters.iter().skip(length)).all(|(one, other)| one == other);
    COMMON.lines().any(|common| common == password)
        || is_run(1)
        || is_run(-1)
        || (1..=4).any(repeats)
        || letters.iter().collect::<std::collections::HashSet<_>>().len() <= 2
        || is_name(&username)
        || is_name(&backwards)
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
        let made = hash("correct horse", "red").await.unwrap();
        assert!(passwords.turn().await.unwrap().fits("correct horse".into(), Some(made.clone())).await.unwrap().0);
        assert!(!passwords.turn().await.unwrap().fits("wrong horse".into(), Some(made)).await.unwrap().0);
        assert!(!passwords.turn().await.unwrap().fits("correct horse".into(), None).await.unwrap().0);
        assert!(!passwords.turn().await.unwrap().fits("x".into(), Some("garbage".into())).await.unwrap().0);
        assert!(matches!(hash("short", "red").await, Err(Error::Invalid(_))));
        assert!(matches!(hash(&"长".repeat(129), "red").await, Err(Error::Invalid(_))));
    }

    #[tokio::test]
    async fn an_unknown_user_costs_as_much_as_a_known_one() {
        let known = hash("correct horse", "red").await.unwrap();
        let (known, nobody) = (PasswordHash::new(&known).unwrap(), PasswordHash::new(NOBODY).unwrap());
        assert_eq!(Params::try_from(&nobody).unwrap(), Params::try_from(&known).unwrap());
        assert_eq!((nobody.algorithm, nobody.version), (known.algorithm, known.version));
    }

    #[test]
    fn what_is_tried_first_is_common() {
        for common in [
            "12345678",
            "87654321",
            "abcdefgh",
            "Password1",
            "P@ssw0rd",
            "admin123",
            "88888888",
            "abababab",
            "12341234",
            "zhangsan",
            "ZhangSan2026",
            "1qaz2wsx",
            " 12345678",
            "zhangsan!",
            "!zhangsan1",
            "66668888",
            "nasgnahz",
            "NaSgnahZ!2026",
            // Of the long list: one of its first, one of its last, one with other letters than digits.
            "iloveyou1",
            "trustno1",
            "football",
        ] {
            assert!(is_common(common, "zhangsan"), "{common}");
        }
        for fine in ["correct horse", "password-of-red", "zhangsan loves tea", "kq7-mm3-xw", "我的密码很长很长"]
        {
            assert!(!is_common(fine, "zhangsan"), "{fine}");
        }
        assert!(!is_common(&random().unwrap(), "admin"));
        assert!(is_common("20261234", "43216202") && is_common("43216202", "43216202"), "names may be of digits alone");
        let listed: std::collections::HashSet<&str> = COMMON.lines().collect();
        assert!(listed.len() > 10_000 && listed.len() == COMMON.lines().count());
        assert!(COMMON.lines().all(|line| line.chars().count() >= *LENGTH.start() && line == line.to_lowercase()));
    }

    #[test]
    fn random_passwords_differ() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_eq!(one.len(), 24);
        assert_ne!(one, other);
    }
}
