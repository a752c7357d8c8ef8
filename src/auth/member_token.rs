//! Tokens that the integrator's own system signs for members (`[auth.member_token]`).
//!
//! Which algorithms are accepted follows from the key alone, never from the token's header: a public key never becomes
//! an HMAC secret, and `none` is no algorithm.

use std::path::Path;

use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, crypto};
use serde_json::{Map, Value};

use super::member_claims::{self, MemberToken, Refusal};
use super::token::{ISSUER, LENGTH_LIMIT, SECRET_MIN};
use crate::clock::Millis;
use crate::settings;

const RSA: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

/// Checks the integrator's tokens.
pub(super) struct MemberTokens {
    keys: Vec<Key>,
    /// Whether a token must name its key: a JWKS file may hold several.
    by_id: bool,
    settings: settings::MemberToken,
}

struct Key {
    id: Option<String>,
    key: DecodingKey,
    algorithms: Vec<Algorithm>,
}

impl MemberTokens {
    /// Reads the key that the settings name, if any.
    ///
    /// # Errors
    /// One line for the operator.
    pub(super) fn new(settings: &settings::MemberToken) -> Result<Self, String> {
        if settings.issuer.as_deref() == Some(ISSUER) {
            return Err(format!("auth.member_token.issuer: {ISSUER} is this service's own issuer; use another"));
        }
        let (keys, by_id) = match (&settings.secret, &settings.public_key_file, &settings.jwks_file) {
            (None, None, None) => (Vec::new(), false),
            (Some(secret), None, None) => (vec![secret_key(secret)?], false),
            (None, Some(file), None) => (vec![pem_key(file)?], false),
            (None, None, Some(file)) => (jwks_file_keys(file)?, true),
            _ => return Err("auth.member_token: set only one of secret, public_key_file and jwks_file".into()),
        };
        Ok(Self { keys, by_id, settings: settings.clone() })
    }

    /// With the keys of a fetched set (RFC 7517).
    ///
    /// # Errors
    /// What is wrong with the set: no JSON, or no key that is supported.
    pub(super) fn with_jwks(settings: &settings::MemberToken, text: &[u8]) -> Result<Self, String> {
        Ok(Self { keys: jwks_keys(text)?, by_id: true, settings: settings.clone() })
    }

    /// Whether there is a key for what a token's header says; a text that is no token needs none.
    pub(super) fn has_key_of(&self, token: &str) -> bool {
        let header = if token.len() > LENGTH_LIMIT { None } else { jsonwebtoken::decode_header(token).ok() };
        header.is_none_or(|header| {
            let is_named = |key: &Key| header.kid.is_none() || key.id == header.kid;
            self.keys.iter().any(|key| is_named(key) && key.algorithms.contains(&header.alg))
        })
    }

    /// Whether there is a key that may have signed a token.
    pub(super) fn may_have_signed(&self, token: &str) -> bool {
        token.len() <= LENGTH_LIMIT && jsonwebtoken::decode_header(token).is_ok() && self.has_key_of(token)
    }

    /// What a valid token says.
    ///
    /// # Errors
    /// The rule that any other token breaks.
    pub(super) fn verify(&self, token: &str, now: Millis) -> Result<MemberToken, Refusal> {
        let read = self.read(token, now)?;
        if read.expires_at > now { Ok(read) } else { Err("exp has passed") }
    }

    /// What a token says that the integrator has signed and that may have expired: good for a logout and nothing else.
    ///
    /// # Errors
    /// The rule that any other token breaks.
    pub(super) fn read(&self, token: &str, now: Millis) -> Result<MemberToken, Refusal> {
        if token.len() > LENGTH_LIMIT {
            return Err("longer than 4096 bytes");
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| "the header is not that of a signed JWT")?;
        if header.crit.is_some() {
            return Err("crit asks for extensions, of which none is supported");
        }
        let key = self.key(header.kid.as_deref(), header.alg)?;
        // Not `jsonwebtoken::decode`: it reads some claims itself and takes one of another type for text that is no JSON.
        let (message, signature) = token.rsplit_once('.').ok_or("not a JWT")?;
        let signed = crypto::verify(signature, message.as_bytes(), &key.key, header.alg);
        if !signed.unwrap_or(false) {
            return Err("the signature is wrong");
        }
        let claims: Map<String, Value> = insecure_decode_claims(token).map_err(|_| "the claims are no JSON object")?;
        member_claims::read(&claims, &self.settings, now)
    }

    fn key(&self, id: Option<&str>, algorithm: Algorithm) -> Result<&Key, Refusal> {
        if self.keys.is_empty() {
            return Err("no key is set in auth.member_token");
        }
        if let Some(id) = id.filter(|_| self.by_id) {
            let mut named = self.keys.iter().filter(|key| key.id.as_deref() == Some(id)).peekable();
            named.peek().ok_or("kid is not in the JWKS file")?;
            return named
                .find(|key| key.algorithms.contains(&algorithm))
                .ok_or("alg is not one of the key that kid names");
        }
        let mut fitting = self.keys.iter().filter(|key| key.algorithms.contains(&algorithm));
        let only = fitting.next().ok_or("alg is not one of the key (HS384 takes a secret of 48 bytes, HS512 of 64)")?;
        if fitting.next().is_none() { Ok(only) } else { Err("kid is missing, and several keys fit") }
    }
}

fn secret_key(secret: &str) -> Result<Key, String> {
    if secret.len() < SECRET_MIN {
        return Err(format!("auth.member_token.secret: at least {SECRET_MIN} bytes are needed"));
    }
    // As long as the hash at least (RFC 7518, section 3.2). Libraries choose the longest that fits by themselves.
    let fitting = [(Algorithm::HS256, SECRET_MIN), (Algorithm::HS384, 48), (Algorithm::HS512, 64)];
    let algorithms = fitting.into_iter().filter(|(_, bytes)| secret.len() >= *bytes).map(|(algorithm, _)| algorithm);
    Ok(Key { id: None, key: DecodingKey::from_secret(secret.as_bytes()), algorithms: algorithms.collect() })
}

fn pem_key(file: &Path) -> Result<Key, String> {
    let wrong = |what: &str| format!("auth.member_token.public_key_file: {}: {what}", file.display());
    let pem = std::fs::read_to_string(file).map_err(|error| wrong(&error.to_string()))?;
    if !pem.contains("PUBLIC KEY-----") {
        return Err(wrong("not a public key in PEM (BEGIN PUBLIC KEY)"));
    }
    let pem = pem.as_bytes();
    let (key, algorithms) = if let Ok(key) = DecodingKey::from_rsa_pem(pem) {
        if !is_long_enough(&key) {
            return Err(wrong("RSA keys need at least 2048 bits"));
        }
        (key, RSA.to_vec())
    } else if let Ok(key) = DecodingKey::from_ec_pem(pem) {
        // The uncompressed point: one byte, then both coordinates.
        let algorithm = match key.try_get_as_bytes().map_or(0, <[u8]>::len) {
            65 => Algorithm::ES256,
            97 => Algorithm::ES384,
            _ => return Err(wrong("the curve is not supported; use P-256 or P-384")),
        };
        (key, vec![algorithm])
    } else if let Ok(key) = DecodingKey::from_ed_pem(pem) {
        (key, vec![Algorithm::EdDSA])
    } else {
        return Err(wrong("not an RSA, EC or Ed25519 public key"));
    };
    Ok(Key { id: None, key, algorithms })
}

/// Whether an RSA key has 2048 bits or more; the library refuses every signature of shorter ones.
fn is_long_enough(key: &DecodingKey) -> bool {
    let modulus = match key.kind() {
        DecodingKeyKind::SecretOrDer(der) => der.len(),
        DecodingKeyKind::RsaModulusExponent { n, .. } => n.len(),
    };
    modulus >= 256
}

fn jwks_file_keys(file: &Path) -> Result<Vec<Key>, String> {
    let text = std::fs::read(file).map_err(|error| error.to_string());
    text.and_then(|text| jwks_keys(&text))
        .map_err(|error| format!("auth.member_token.jwks_file: {}: {error}", file.display()))
}

fn jwks_keys(text: &[u8]) -> Result<Vec<Key>, String> {
    let set: JwkSet = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let keys: Vec<Key> = set.keys.iter().filter_map(jwk).collect();
    if keys.is_empty() {
        return Err("no RSA (2048 bits or more), EC (P-256, P-384) or Ed25519 key for signatures".into());
    }
    Ok(keys)
}

/// A key of a set, `None` when it is not for signatures or of a kind that is not supported. Symmetric keys are none of
/// the set's business.
fn jwk(jwk: &Jwk) -> Option<Key> {
    let fitting: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &RSA,
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => &[Algorithm::ES256],
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P384 => &[Algorithm::ES384],
        AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
        _ => return None,
    };
    if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
        return None;
    }
    let algorithms = match jwk.common.key_algorithm {
        None => fitting.to_vec(),
        Some(named) => vec![Algorithm::try_from(named).ok().filter(|algorithm| fitting.contains(algorithm))?],
    };
    let key = DecodingKey::from_jwk(jwk).ok()?;
    (key.family() != AlgorithmFamily::Rsa || is_long_enough(&key)).then_some(())?;
    Some(Key { id: jwk.common.key_id.clone(), key, algorithms })
}

#[cfg(test)]
#[path = "member_token_tests.rs"]
mod tests;
