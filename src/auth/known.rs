//! What the tables know of a token of the integrator, asked before it is believed and before it is logged out.

use super::member_claims::{MemberToken, Refusal};
use super::{session_hash, store};
use crate::account::{self, Member};
use crate::clock::Millis;
use crate::credential::{Hash, Issued, TokenIdentity};
use crate::db::AnyConnection;
use crate::error::Result;

/// A token that has not ended.
pub(super) struct Known {
    /// One that does not say when it was issued counts from when it was first seen, by default now.
    pub identity: TokenIdentity,
    /// Whether that instant is not kept yet.
    pub is_unseen: bool,
    /// `None` before the member's first call.
    pub member: Option<Member>,
}

/// Looks a token up by its text's hash and by what it says; the error is why it has ended.
pub(super) fn known(
    connection: &mut AnyConnection,
    hash: Hash,
    token: &MemberToken,
    now: Millis,
) -> Result<std::result::Result<Known, Refusal>> {
    let claim = &token.member;
    let session = token.session.as_ref().map(|name| session_hash(claim, name));
    if store::is_token_ended(connection, hash, session, claim.issued_at)? {
        return Ok(Err("the token, or its session, was logged out"));
    }
    let seen_at = if claim.issued_at.is_none() { store::seen::first_seen(connection, hash)? } else { None };
    let issued = claim.issued_at.map_or_else(|| Issued::FirstSeen(seen_at.unwrap_or(now)), Issued::Claimed);
    let member = account::member_by_id(connection, claim.tenant, &claim.id)?;
    if member.as_ref().and_then(|member| member.logged_out_at).is_some_and(|logout| issued.is_until(logout)) {
        return Ok(Err("the member logged out after the token was issued"));
    }
    let is_unseen = claim.issued_at.is_none() && seen_at.is_none();
    Ok(Ok(Known { identity: TokenIdentity { hash, session, issued }, is_unseen, member }))
}
