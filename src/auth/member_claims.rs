//! The claims of an integrator's token: what they say, and the rules that they keep.
//!
//! Every rule has a text, which goes into the log when a token breaks it. The texts name claims and settings and never a
//! value, so that no part of a token is logged.

use std::time::Duration;

use serde_json::{Map, Value};

use super::token::ISSUER;
use crate::account::{MemberClaim, MemberId, NICKNAME_LIMIT};
use crate::clock::Millis;
use crate::id::{ID_LIMIT, TenantId};
use crate::settings;
use crate::tenant::DEFAULT_TENANT;
use crate::text::{Name, PictureUrl};

/// How far the integrator's clock may be ahead of ours (`nbf`, `iat`).
const LEEWAY_MS: Millis = 60_000;

/// The year 5138, in seconds. A later `exp` is a count of milliseconds by mistake: as seconds it would never end.
const LATEST_EXPIRY_S: f64 = 1e11;

/// Longest name of a session, in bytes.
const SESSION_BYTES: usize = 256;

/// The rule that a token breaks, for the log.
pub(super) type Refusal = &'static str;

/// What a token of the integrator says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MemberToken {
    pub member: MemberClaim,
    /// The session that the token belongs to, as the integrator names it.
    pub session: Option<String>,
    pub expires_at: Millis,
}

/// Reads claims whose signature is right; whether they have expired is the caller's question.
///
/// # Errors
/// The first rule that they break.
pub(super) fn read(
    claims: &Map<String, Value>,
    settings: &settings::MemberToken,
    now: Millis,
) -> Result<MemberToken, Refusal> {
    let expires_at = expiry(claims)?;
    not_in_future(claims, "nbf", now, "nbf is no number", "nbf lies in the future")?;
    let issued_at = not_in_future(claims, "iat", now, "iat is no number", "iat lies in the future")?;
    check_issuer(claims, settings.issuer.as_deref())?;
    check_audience(claims, settings.audience.as_deref())?;
    let member = MemberClaim {
        tenant: tenant(present(claims, &settings.tenant_claim))?,
        id: user_id(present(claims, &settings.user_id_claim))?,
        nickname: nickname(claims.get(&settings.nickname_claim)),
        avatar: claims.get(&settings.avatar_claim).map(avatar),
        issued_at,
    };
    Ok(MemberToken { member, session: session(present(claims, &settings.session_claim)), expires_at })
}

fn present<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).filter(|value| !value.is_null())
}

/// A NumericDate: seconds since the epoch, fractions allowed (RFC 7519, section 2).
fn millis(value: &Value) -> Option<Millis> {
    let since_epoch = Duration::try_from_secs_f64(value.as_f64()?).ok()?;
    Millis::try_from(since_epoch.as_millis()).ok()
}

fn expiry(claims: &Map<String, Value>) -> Result<Millis, Refusal> {
    let exp = present(claims, "exp").ok_or("exp is missing")?;
    if exp.as_f64().is_some_and(|seconds| seconds > LATEST_EXPIRY_S) {
        return Err("exp counts seconds since 1970; this one looks like milliseconds");
    }
    millis(exp).ok_or("exp is no number of seconds")
}

fn not_in_future(
    claims: &Map<String, Value>,
    name: &str,
    now: Millis,
    no_number: Refusal,
    future: Refusal,
) -> Result<Option<Millis>, Refusal> {
    let Some(value) = present(claims, name) else { return Ok(None) };
    let instant = millis(value).ok_or(no_number)?;
    if instant <= now + LEEWAY_MS { Ok(Some(instant)) } else { Err(future) }
}

fn check_issuer(claims: &Map<String, Value>, wanted: Option<&str>) -> Result<(), Refusal> {
    match (wanted, present(claims, "iss")) {
        (None, Some(issuer)) if issuer == ISSUER => Err("iss is this service's own"),
        (None, _) => Ok(()),
        (Some(wanted), Some(issuer)) if issuer == wanted => Ok(()),
        (Some(_), _) => Err("iss is not the auth.member_token.issuer"),
    }
}

fn check_audience(claims: &Map<String, Value>, wanted: Option<&str>) -> Result<(), Refusal> {
    match (wanted, present(claims, "aud")) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err("aud is there and auth.member_token.audience is not set"),
        (Some(wanted), Some(Value::Array(several))) if several.iter().any(|one| one == wanted) => Ok(()),
        (Some(wanted), Some(one)) if one == wanted => Ok(()),
        (Some(_), _) => Err("aud is not the auth.member_token.audience"),
    }
}

fn tenant(value: Option<&Value>) -> Result<TenantId, Refusal> {
    const WRONG: Refusal = "the claim auth.member_token.tenant_claim is no tenant's number";
    value.map_or(Ok(DEFAULT_TENANT), |value| tenant_number(value).ok_or(WRONG))
}

/// A tenant's number, or its digits.
pub(super) fn tenant_number(value: &Value) -> Option<TenantId> {
    let number = match value {
        Value::String(text) => text.parse().ok()?,
        value => value.as_i64()?,
    };
    (1..ID_LIMIT).contains(&number).then_some(TenantId::new(number))
}

/// A positive number up to 2^63 − 1, or a text. Numbers from 2^52 upwards (snowflakes) are texts here: the wire's ids
/// must stay below 2^53.
pub(super) fn user_id(value: Option<&Value>) -> Result<MemberId, Refusal> {
    let id = match value {
        None => return Err("the claim auth.member_token.user_id_claim is missing"),
        Some(Value::Number(number)) => {
            number.as_i64().filter(|number| *number > 0).and_then(|number| MemberId::from_text(&number.to_string()))
        }
        Some(Value::String(text)) => MemberId::from_text(text),
        Some(_) => None,
    };
    id.ok_or("the claim auth.member_token.user_id_claim is neither a positive integer nor a text of 1-128 characters")
}

/// The name, cut; `None` when there is none to see, so that the stored one stays.
pub(super) fn nickname(value: Option<&Value>) -> Option<String> {
    Name::cut(value?.as_str()?, NICKNAME_LIMIT).map(String::from)
}

/// The picture's address. An empty claim clears the picture, and so does an address that is never shown: the stored
/// picture is no longer the member's either way.
pub(super) fn avatar(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    match PictureUrl::parse(text) {
        Some(url) => url.into(),
        None => {
            if !text.trim().is_empty() {
                tracing::debug!(
                    "a token's avatar is left out: no http, https or relative address of up to 2048 characters"
                );
            }
            String::new()
        }
    }
}

/// A text or an integer; anything else names no session.
fn session(value: Option<&Value>) -> Option<String> {
    let name = match value? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (1..=SESSION_BYTES).contains(&name.len()).then_some(name)
}
