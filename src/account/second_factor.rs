//! Second factors: time-based codes (TOTP, RFC 6238: SHA-1, six digits, steps of 30 seconds), and recovery codes for those who
//! have lost their device. Pure: the clock is the caller's, and what has been used is in the account's row.

use aws_lc_rs::digest;
use totp_rs::{Builder, Secret, Totp};

use crate::clock::Millis;
use crate::error::{Error, Result};

/// What apps show the account under.
const ISSUER: &str = "kefu";
/// How long a step lasts, in seconds.
const STEP_S: u64 = 30;
/// Steps before and after the current one whose codes are taken: clocks of phones differ, and people are slow (RFC 6238, section
/// 5.2).
const SKEW: u16 = 1;
/// Bytes of a secret, as many as the hash has (RFC 4226, section 4).
const SECRET_BYTES: usize = 20;
/// Longest code that is looked at, in characters.
pub(crate) const CODE_LIMIT: u64 = 32;
/// How many recovery codes an account gets.
const RECOVERY_CODES: usize = 10;
/// Characters of a recovery code, of 5 bits each: so many that a hash without salt and cost gives none of them away.
const RECOVERY_LENGTH: usize = 16;
/// The characters of recovery codes, 32 of them; none looks like another.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// What an account's row says of its second factor.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct SecondFactor {
    /// The secret in base32, `None` when there is no second factor.
    pub secret: Option<String>,
    /// One that is not confirmed yet.
    pub pending: Option<String>,
    /// The newest step whose code was used.
    pub step: i64,
    /// The hashes of the recovery codes that were not used yet.
    pub recovery: Vec<String>,
}

/// What a code was, and so cannot be again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Used {
    /// The code of this step.
    Step(i64),
    /// The recovery code with this hash.
    Recovery(String),
}

impl SecondFactor {
    /// What a code is good for at `now`.
    ///
    /// # Errors
    /// [`Error::SecondFactorMissing`] without a code; [`Error::SecondFactorWrong`] for one that is wrong or was used.
    pub(crate) fn check(&self, code: Option<&str>, now: Millis) -> Result<Used> {
        let code = bare(code.unwrap_or_default());
        if code.is_empty() {
            return Err(Error::SecondFactorMissing);
        }
        let step = self.secret.as_deref().and_then(|secret| step_of(secret, &code, self.step, now));
        let used = step.map(Used::Step).or_else(|| {
            let hash = hash(&code);
            self.recovery.contains(&hash).then_some(Used::Recovery(hash))
        });
        used.ok_or(Error::SecondFactorWrong)
    }

    /// The step of a code of the secret that is not confirmed yet.
    ///
    /// # Errors
    /// As [`SecondFactor::check`].
    pub(crate) fn confirm(&self, code: &str, now: Millis) -> Result<i64> {
        let code = bare(code);
        if code.is_empty() {
            return Err(Error::SecondFactorMissing);
        }
        // Nothing was used of a new secret.
        let step = self.pending.as_deref().and_then(|secret| step_of(secret, &code, 0, now));
        step.ok_or(Error::SecondFactorWrong)
    }
}

/// A code without what people and pages write into it for the eye.
fn bare(code: &str) -> String {
    code.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').flat_map(char::to_lowercase).collect()
}

/// The step whose code this is, when it is near enough and later than the one that was `used` last (RFC 6238, section 5.2: a code
/// is taken once). One that lies ahead of what can be taken now was used while the clock was ahead, and counts for nothing.
fn step_of(secret: &str, code: &str, used: i64, now: Millis) -> Option<i64> {
    let seconds = u64::try_from(now.div_euclid(1000)).ok()?;
    let newest = i64::try_from(seconds / STEP_S).ok()? + i64::from(SKEW);
    let used = if used > newest { 0 } else { used };
    let step = i64::try_from(totp(secret, "").ok()?.check(code, seconds)?).ok()?;
    (step > used).then_some(step)
}

/// Makes codes; `account` is for their address only.
fn totp(secret: &str, account: &str) -> Result<Totp> {
    let secret =
        Secret::try_from_base32(secret).map_err(|_| Error::internal("a second factor's secret is no base32"))?;
    let builder = Builder::new().with_secret(secret).with_skew(SKEW).with_step_duration(STEP_S);
    // A colon would part the name of the service from that of the account.
    let named = builder.with_issuer(Some(ISSUER)).with_account_name(account.replace(':', " "));
    named.build().map_err(Error::internal)
}

/// A new secret, in base32.
///
/// # Errors
/// [`Error::Internal`] without random bytes.
pub(crate) fn new_secret() -> Result<String> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    Ok(Secret::from(bytes).to_base32())
}

/// The address that apps read from a picture (`otpauth://totp/…`).
///
/// # Errors
/// [`Error::Internal`] for a secret that is none.
pub(crate) fn uri(secret: &str, username: &str) -> Result<String> {
    totp(secret, username)?.to_url().map_err(Error::internal)
}

/// New recovery codes, each with its hash.
///
/// # Errors
/// [`Error::Internal`] without random bytes.
pub(crate) fn new_recovery_codes() -> Result<Vec<(String, String)>> {
    let code = |_| {
        let mut bytes = [0; RECOVERY_LENGTH];
        getrandom::fill(&mut bytes).map_err(Error::internal)?;
        let letters: Vec<char> = bytes
            .iter()
            .filter_map(|byte| ALPHABET.get(usize::from(byte % 32)))
            .map(|byte| char::from(*byte))
            .collect();
        let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
        Ok((groups.join("-"), hash(&letters.iter().collect::<String>())))
    };
    (0..RECOVERY_CODES).map(code).collect()
}

/// What is kept of a recovery code: its SHA-256.
fn hash(bare: &str) -> String {
    const_hex::encode(digest::digest(&digest::SHA256, bare.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `12345678901234567890`, the secret of RFC 6238, appendix B.
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn factor(step: i64) -> SecondFactor {
        SecondFactor { secret: Some(SECRET.into()), step, ..SecondFactor::default() }
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        // Of eight digits there, of which six are the last.
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            let step = Ok(Used::Step(seconds / 30));
            assert_eq!(factor(0).check(Some(code), seconds * 1000), step);
            assert_eq!(factor(0).check(Some(&format!(" {} {} ", &code[..3], &code[3..])), seconds * 1000), step);
        }
    }

    #[test]
    fn a_code_is_good_for_its_step_and_one_before_and_after_and_once() {
        let (code, step) = (Some("287082"), 1);
        for (second, good) in [(0, true), (29, true), (30, true), (60, true), (89, true), (90, false)] {
            assert_eq!(factor(0).check(code, second * 1000).is_ok(), good, "{second}");
        }
        let later = Some("081804");
        let step_of_later = 1_111_111_109 / 30;
        for (used, good) in [(step_of_later - 1, true), (step_of_later, false), (step_of_later + 1, false)] {
            assert_eq!(factor(used).check(later, 1_111_111_109_000).is_ok(), good, "{used}");
        }
        assert!(factor(step).check(code, 59_000).is_err());
        // A clock that was ahead by a day, and is corrected.
        assert_eq!(factor(step_of_later + 2880).check(later, 1_111_111_109_000), Ok(Used::Step(step_of_later)));
    }

    #[test]
    fn no_code_and_wrong_codes_are_told_apart() {
        for none in [None, Some(""), Some(" - ")] {
            assert_eq!(factor(0).check(none, 59_000), Err(Error::SecondFactorMissing));
        }
        for wrong in ["287083", "28708", "2870820", "x", "２８７０８２", "94287082"] {
            assert_eq!(factor(0).check(Some(wrong), 59_000), Err(Error::SecondFactorWrong), "{wrong}");
        }
    }

    #[test]
    fn recovery_codes_are_read_as_people_write_them() {
        let codes = new_recovery_codes().unwrap();
        let hashes: Vec<String> = codes.iter().map(|(_, hash)| hash.clone()).collect();
        assert_eq!(hashes.iter().collect::<std::collections::HashSet<_>>().len(), 10);
        let factor = SecondFactor { recovery: hashes, ..factor(0) };
        for (code, hash) in &codes {
            assert_eq!(code.len(), 19);
            for written in
                [code.clone(), code.to_uppercase(), code.replace('-', ""), format!(" {} ", code.replace('-', " "))]
            {
                assert_eq!(factor.check(Some(&written), 0), Ok(Used::Recovery(hash.clone())), "{written}");
            }
        }
    }

    #[test]
    fn a_secret_has_an_address_for_apps() {
        let secret = new_secret().unwrap();
        assert_eq!(secret.len(), 32);
        let address = uri(&secret, "小红:a&b").unwrap();
        let name = "%E5%B0%8F%E7%BA%A2%20a%26b";
        assert_eq!(address, format!("otpauth://totp/kefu:{name}?secret={secret}&issuer=kefu"));
        assert_ne!(secret, new_secret().unwrap());
    }
}
