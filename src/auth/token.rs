//! This service's own tokens: JWT, HS256, all claims required and strictly typed.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::error::{Error, Result};
use crate::id::{ID_LIMIT, LoginId, TenantId, UserId, UserKey, UserType};

/// The `iss` of our own tokens; the integrator's must have another.
pub(super) const ISSUER: &str = "kefu";

/// Longest token that is looked at, in bytes.
pub(super) const LENGTH_LIMIT: usize = 4096;

/// Shortest secret for HS256, in bytes: the length of the hash (RFC 7518, section 3.2).
pub(super) const SECRET_MIN: usize = 32;

/// What one of our tokens is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// For REST.
    Access,
    /// For refreshes and for the socket's URL.
    Refresh,
}

/// What one of our tokens says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct OwnToken {
    pub kind: Kind,
    pub key: UserKey,
    pub login: LoginId,
    /// How often the refresh token had been rotated when this token was made.
    pub generation: i64,
    /// Whole seconds, in milliseconds.
    pub expires_at: Millis,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    typ: Kind,
    tid: i64,
    uty: i32,
    sub: String,
    sid: i64,
    #[serde(rename = "gen")]
    generation: i64,
    iat: i64,
    exp: i64,
}

/// Signs and checks our own tokens.
pub(super) struct OwnTokens {
    signing: EncodingKey,
    checking: DecodingKey,
    validation: Validation,
}

impl OwnTokens {
    /// By the secret that signs them.
    pub(super) fn new(secret: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // The expiry is checked by whoever asks, against our own clock.
        validation.validate_exp = false;
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["iss", "sub", "exp"]);
        Self { signing: EncodingKey::from_secret(secret), checking: DecodingKey::from_secret(secret), validation }
    }

    /// The text of a token that is made now.
    ///
    /// # Errors
    /// [`Error::Internal`] when it cannot be signed, which no secret brings about.
    pub(super) fn sign(&self, token: &OwnToken, now: Millis) -> Result<String> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            typ: token.kind,
            tid: token.key.tenant.get(),
            uty: token.key.user_type.code(),
            sub: token.key.user.to_string(),
            sid: token.login.get(),
            generation: token.generation,
            iat: now.div_euclid(1000),
            exp: token.expires_at.div_euclid(1000),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing).map_err(Error::internal)
    }

    /// What a token says that we signed, `None` for any other. The caller checks whether it has expired.
    pub(super) fn verify(&self, token: &str) -> Option<OwnToken> {
        let data = jsonwebtoken::decode::<Claims>(token, &self.checking, &self.validation).ok()?;
        if data.header.crit.is_some() {
            return None;
        }
        let claims = data.claims;
        let key = UserKey {
            tenant: TenantId::new(claims.tid),
            user_type: UserType::from_code(claims.uty)?,
            user: UserId::new(claims.sub.parse().ok().filter(|id| (1..ID_LIMIT).contains(id))?),
        };
        Some(OwnToken {
            kind: claims.typ,
            key,
            login: LoginId::new(claims.sid),
            generation: claims.generation,
            expires_at: claims.exp.checked_mul(1000)?,
        })
    }
}

/// Whether a token claims to be one of ours, unverified; `None` when it is no JWT at all.
pub(super) fn claims_to_be_own(token: &str) -> Option<bool> {
    #[derive(Deserialize)]
    struct Peek {
        #[serde(default)]
        iss: serde_json::Value,
    }
    if token.len() > LENGTH_LIMIT {
        return None;
    }
    let peek: Peek = jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
    Some(peek.iss == ISSUER)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn token() -> OwnToken {
        OwnToken {
            kind: Kind::Access,
            key: UserKey { tenant: TenantId::new(1), user_type: UserType::Admin, user: UserId::new(7) },
            login: LoginId::new(3),
            generation: 0,
            expires_at: 2_000_000,
        }
    }

    fn signed(header: &Header, claims: &serde_json::Value, secret: &[u8]) -> String {
        jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(secret)).unwrap()
    }

    fn claims() -> serde_json::Value {
        serde_json::json!({"iss":"kefu","typ":"access","tid":1,"uty":2,"sub":"7","sid":3,"gen":0,"iat":1,"exp":2000})
    }

    #[test]
    fn what_is_signed_verifies() {
        let own = OwnTokens::new(SECRET);
        let text = own.sign(&token(), 1_000_000).unwrap();
        assert_eq!(own.verify(&text), Some(token()));
        assert_eq!(claims_to_be_own(&text), Some(true));
        assert_eq!(OwnTokens::new(b"another secret of thirty-two by!").verify(&text), None);
    }

    #[test]
    fn another_algorithm_or_header_is_refused() {
        let own = OwnTokens::new(SECRET);
        assert!(own.verify(&signed(&Header::new(Algorithm::HS256), &claims(), SECRET)).is_some());
        assert!(own.verify(&signed(&Header::new(Algorithm::HS512), &claims(), SECRET)).is_none());
        let critical = Header { crit: Some(vec!["b64".into()]), ..Header::new(Algorithm::HS256) };
        assert!(own.verify(&signed(&critical, &claims(), SECRET)).is_none());
        let text = signed(&Header::new(Algorithm::HS256), &claims(), SECRET);
        let (_, rest) = text.split_once('.').unwrap();
        let (payload, _) = rest.split_once('.').unwrap();
        // {"alg":"none","typ":"JWT"}
        assert!(own.verify(&format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.")).is_none());
    }

    #[test]
    fn every_claim_is_required_and_typed() {
        let own = OwnTokens::new(SECRET);
        let verify = |claims: &serde_json::Value| own.verify(&signed(&Header::default(), claims, SECRET));
        for name in ["iss", "typ", "tid", "uty", "sub", "sid", "gen", "iat", "exp"] {
            let mut without = claims();
            without.as_object_mut().unwrap().remove(name);
            assert_eq!(verify(&without), None, "without {name}");
        }
        for (name, value) in [
            ("iss", serde_json::json!("other")),
            ("iss", serde_json::json!(["kefu"])),
            ("typ", serde_json::json!("id")),
            ("uty", serde_json::json!(3)),
            ("sub", serde_json::json!(7)),
            ("sub", serde_json::json!("0")),
            ("tid", serde_json::json!("1")),
            ("exp", serde_json::json!("2000")),
            ("exp", serde_json::json!(i64::MAX)),
            ("aud", serde_json::json!("someone")),
        ] {
            let mut wrong = claims();
            wrong[name] = value.clone();
            assert_eq!(verify(&wrong), None, "{name}: {value}");
        }
    }
}
