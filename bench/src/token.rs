//! Members' tokens, signed as the integrator's own system would.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::Result;

/// The shared secret of everything that the bench starts.
pub(crate) const SECRET: &str = "a secret of the bench, nowhere else in use";

/// Seconds that a token lives: longer than any bench.
const LIFETIME: i64 = 24 * 3600;

#[derive(Deserialize, Serialize)]
struct Claims {
    sub: u64,
    nickname: String,
    exp: i64,
}

/// Signs a token for each of the members `1..=count`.
pub(crate) fn members(count: u64) -> Result<Vec<String>> {
    members_apart(count, 1)
}

/// Signs tokens for `count` members whose ids are `step` apart.
pub(crate) fn members_apart(count: u64, step: u64) -> Result<Vec<String>> {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let exp = now_s() + LIFETIME;
    let token = |sub| {
        let claims = Claims { sub, nickname: format!("会员{sub}"), exp };
        Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)?)
    };
    (0..count).map(|index| token(index * step + 1)).collect()
}

/// Checks members' tokens, for the competitors.
pub(crate) struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

impl Verifier {
    pub(crate) fn new() -> Self {
        Self { key: DecodingKey::from_secret(SECRET.as_bytes()), validation: Validation::new(Algorithm::HS256) }
    }

    /// The member of a valid token.
    pub(crate) fn member(&self, token: &str) -> Option<u64> {
        jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation).ok().map(|token| token.claims.sub)
    }
}

#[expect(clippy::disallowed_methods, reason = "the bench has no clock that tests could set")]
fn now_s() -> i64 {
    chrono::Utc::now().timestamp()
}
