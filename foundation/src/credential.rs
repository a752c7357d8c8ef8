//! What a caller came with, and what a logout ends of it.

use crate::clock::Millis;
use crate::id::LoginId;

/// What the secrets of API keys begin with.
pub const API_KEY_BEGIN: &str = "kk_";

/// What a token's bearer came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// One of the service's own tokens: its login.
    Login(LoginId),
    /// A token that the integrator signed.
    Token(TokenIdentity),
}

/// What is kept of a token that the integrator signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenIdentity {
    /// The token's SHA-256.
    pub hash: Hash,
    /// Names the login that it belongs to, when the token says so: a hash of tenant, user and session claim.
    pub session: Option<Hash>,
    /// When it was issued.
    pub issued: Issued,
}

/// A SHA-256.
pub type Hash = [u8; 32];

/// When a token was issued, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issued {
    /// As the token says (`iat`), which counts in seconds.
    Claimed(Millis),
    /// The token does not say it: when the service first saw it.
    FirstSeen(Millis),
}

impl Issued {
    /// The instant, in milliseconds.
    pub const fn at(self) -> Millis {
        match self {
            Self::Claimed(at) | Self::FirstSeen(at) => at,
        }
    }

    /// Whether that was before a logout or, where tokens count in seconds, in the second of it.
    pub const fn is_until(self, logout: Millis) -> bool {
        match self {
            Self::Claimed(at) => at.div_euclid(1000) <= logout.div_euclid(1000),
            Self::FirstSeen(at) => at <= logout,
        }
    }
}

/// What has ended of one user's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every credential.
    All,
    /// None: only what the user may do has changed.
    Nothing,
    /// Every login but this one.
    AllBut(LoginId),
    /// One login.
    Login(LoginId),
    /// The token with this hash, or at a logout the tokens of the session with this hash: those of them that do not say
    /// that they were issued later.
    Tokens(Hash, Millis),
    /// Every token that was issued until the logout.
    TokensUntil(Millis),
}

impl Ended {
    /// Whether a credential has ended.
    pub fn includes(&self, credential: &Credential) -> bool {
        match (self, credential) {
            (Self::All, _) => true,
            (Self::Nothing, _) => false,
            (Self::AllBut(kept), Credential::Login(login)) => kept != login,
            (Self::Login(ended), Credential::Login(login)) => ended == login,
            (Self::Tokens(hash, logout), Credential::Token(token)) => {
                let is_later = matches!(token.issued, Issued::Claimed(_)) && !token.issued.is_until(*logout);
                token.hash == *hash || (token.session == Some(*hash) && !is_later)
            }
            (Self::TokensUntil(logout), Credential::Token(token)) => token.issued.is_until(*logout),
            (Self::AllBut(_) | Self::Login(_), Credential::Token(_))
            | (Self::Tokens(..) | Self::TokensUntil(_), Credential::Login(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGOUT: Millis = 10_500;

    fn token(hash: u8, session: Option<u8>, issued: Issued) -> Credential {
        Credential::Token(TokenIdentity { hash: [hash; 32], session: session.map(|session| [session; 32]), issued })
    }

    #[test]
    fn a_logout_ends_what_was_issued_until_its_second() {
        use Issued::{Claimed, FirstSeen};
        let until = Ended::TokensUntil(LOGOUT);
        let session = Ended::Tokens([7; 32], LOGOUT);
        for (issued, by_time, by_session) in [
            (Claimed(9_000), true, true),
            (Claimed(10_999), true, true),
            (Claimed(11_000), false, false),
            (FirstSeen(10_500), true, true),
            (FirstSeen(10_501), false, true),
        ] {
            assert_eq!(until.includes(&token(1, None, issued)), by_time, "{issued:?}");
            assert_eq!(session.includes(&token(1, Some(7), issued)), by_session, "{issued:?}");
            assert!(!session.includes(&token(1, Some(8), issued)) && !session.includes(&token(1, None, issued)));
        }
    }

    #[test]
    fn logins_and_tokens_end_apart() {
        let login = Credential::Login(LoginId::new(3));
        let one = token(1, None, Issued::Claimed(0));
        assert!(Ended::All.includes(&login) && Ended::All.includes(&one));
        assert!(Ended::Login(LoginId::new(3)).includes(&login) && !Ended::Login(LoginId::new(4)).includes(&login));
        assert!(Ended::AllBut(LoginId::new(4)).includes(&login) && !Ended::AllBut(LoginId::new(3)).includes(&login));
        assert!(Ended::Tokens([1; 32], LOGOUT).includes(&one) && !Ended::Tokens([2; 32], LOGOUT).includes(&one));
        assert!(!Ended::TokensUntil(LOGOUT).includes(&login) && !Ended::Login(LoginId::new(3)).includes(&one));
    }
}
