use std::net::IpAddr;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use super::member_token::MemberTokens;
use super::*;
use crate::access::{Permissions, Role};
use crate::account::NewAdmin;
use crate::credential::Ended;
use crate::id::LoginId;
use crate::tenant::DEFAULT_TENANT;
use crate::test_db::temporary;

const NOW: Millis = 1_795_000_000_000;
const SECRET: &str = "a secret of this service for tests";
const SHARED: &str = "a secret shared with the integrator";
const PASSWORD: &str = "correct horse";
const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn origin() -> origin::Origin {
    origin::Origin::new(ADDRESS, "test")
}

struct World {
    _folder: tempfile::TempDir,
    db: Db,
    clock: Clock,
    auth: Auth,
    admin: UserKey,
}

/// A fresh database with the agent `red`.
async fn world(change: impl FnOnce(&mut settings::Auth)) -> World {
    let (folder, db) = temporary();
    let clock = Clock::manual(NOW);
    let mut settings = settings::Auth::default();
    settings.member_token.secret = Some(SHARED.into());
    change(&mut settings);
    let limits = settings::Limits { login_failures_per_account: 3, ..settings::Limits::default() };
    let auth = Auth::new(&settings, &limits, SECRET, db.clone(), clock.clone()).unwrap();
    let red = NewAdmin {
        tenant: DEFAULT_TENANT,
        username: "red".into(),
        nickname: "小红".into(),
        role: Role::Agent,
        password: PASSWORD.into(),
    };
    let admin = account::add_admin(&db, &clock, red).await.unwrap();
    assert_eq!(auth.poll_revocations().await, Ok(vec![]));
    World { _folder: folder, db, clock, auth, admin }
}

impl World {
    async fn login(&self, password: &str) -> Result<Tokens> {
        self.auth.login(DEFAULT_TENANT, "red", password, None, origin()).await
    }

    async fn rest(&self, token: &str) -> Result<Arc<Principal>> {
        self.auth.authenticate(token, TokenUse::Rest).await
    }

    async fn socket(&self, token: &str) -> Result<Arc<Principal>> {
        self.auth.authenticate(token, TokenUse::Socket).await
    }
}

fn member_token(subject: &str) -> String {
    let claims = json!({"sub": subject, "nickname": "小明", "exp": NOW / 1000 + 3600});
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SHARED.as_bytes())).unwrap()
}

#[tokio::test]
async fn each_token_is_good_for_its_use_until_it_ends() {
    let world = world(|_| ()).await;
    let tokens = world.login(PASSWORD).await.unwrap();
    assert_eq!((tokens.user_id, tokens.expires_time), (world.admin.user, NOW + 1_800_000));
    let principal = world.rest(&tokens.access_token).await.unwrap();
    assert_eq!(
        (principal.key, principal.permissions, &*principal.nickname),
        (world.admin, Permissions::of(Role::Agent), "小红")
    );
    assert!(principal.may(Permission::SendMessages) && !principal.may(Permission::DeleteConversations));
    assert_eq!(principal.expires_at, tokens.expires_time);
    assert!(world.socket(&tokens.access_token).await.is_ok());
    assert!(world.socket(&tokens.refresh_token).await.is_ok());
    // Also when the socket's handshake has put it into the cache.
    assert_eq!(world.rest(&tokens.refresh_token).await, Err(Error::Unauthenticated));
    assert_eq!(
        world.auth.refresh(&tokens.access_token, UserType::Admin, origin()).await,
        Err(Error::RefreshTokenInvalid)
    );
    world.clock.advance(1_800_000);
    assert_eq!(world.rest(&tokens.access_token).await, Err(Error::Unauthenticated));
    assert!(world.socket(&tokens.refresh_token).await.is_ok());
}

#[tokio::test]
async fn a_refresh_keeps_the_refresh_token() {
    let world = world(|_| ()).await;
    let tokens = world.login(PASSWORD).await.unwrap();
    world.clock.advance(10_000);
    let refreshed = world.auth.refresh(&tokens.refresh_token, UserType::Admin, origin()).await.unwrap();
    assert_eq!(refreshed.refresh_token, tokens.refresh_token);
    assert_eq!(refreshed.expires_time, tokens.expires_time + 10_000);
    assert!(world.rest(&refreshed.access_token).await.is_ok());
    let other_side = world.auth.refresh(&tokens.refresh_token, UserType::Member, origin()).await;
    assert_eq!(other_side, Err(Error::RefreshTokenInvalid));
    assert_eq!(world.auth.refresh("garbage", UserType::Admin, origin()).await, Err(Error::RefreshTokenInvalid));
    world.clock.advance(30 * 24 * 3_600_000);
    let late = world.auth.refresh(&tokens.refresh_token, UserType::Admin, origin()).await;
    assert_eq!(late, Err(Error::RefreshTokenExpired));
}

#[tokio::test]
async fn a_rotated_refresh_token_that_comes_back_ends_the_login() {
    let world = world(|settings| settings.rotate_refresh_tokens = true).await;
    let mut revoked = world.auth.revocations();
    let first = world.login(PASSWORD).await.unwrap();
    let second = world.auth.refresh(&first.refresh_token, UserType::Admin, origin()).await.unwrap();
    assert_ne!(first.refresh_token, second.refresh_token);
    assert!(world.rest(&second.access_token).await.is_ok());
    assert_eq!(world.socket(&first.refresh_token).await, Err(Error::Unauthenticated));
    let again = world.auth.refresh(&first.refresh_token, UserType::Admin, origin()).await;
    assert_eq!(again, Err(Error::RefreshTokenInvalid));
    assert_eq!(world.rest(&second.access_token).await, Err(Error::Unauthenticated));
    let newest = world.auth.refresh(&second.refresh_token, UserType::Admin, origin()).await;
    assert_eq!(newest, Err(Error::RefreshTokenInvalid));
    assert_eq!(revoked.try_recv().unwrap().reason, RevokeReason::LoggedOut);
}

#[tokio::test]
async fn a_logout_ends_one_login_at_once() {
    let world = world(|_| ()).await;
    let mut revoked = world.auth.revocations();
    let (one, other) = (world.login(PASSWORD).await.unwrap(), world.login(PASSWORD).await.unwrap());
    let principal = world.rest(&one.access_token).await.unwrap();
    world.rest(&other.access_token).await.unwrap();
    world.auth.logout(&principal).await.unwrap();
    assert_eq!(world.rest(&one.access_token).await, Err(Error::Unauthenticated));
    assert_eq!(world.socket(&one.refresh_token).await, Err(Error::Unauthenticated));
    let refreshed = world.auth.refresh(&one.refresh_token, UserType::Admin, origin()).await;
    assert_eq!(refreshed, Err(Error::RefreshTokenInvalid));
    assert!(world.rest(&other.access_token).await.is_ok());
    let Credential::Login(login) = principal.credential else { panic!("a login") };
    let notice = Revoked { key: world.admin, ended: Ended::Login(login), reason: RevokeReason::LoggedOut };
    assert_eq!(revoked.try_recv(), Ok(notice.clone()));
    assert_eq!(world.auth.poll_revocations().await.unwrap(), [notice]);
    assert_eq!(world.auth.poll_revocations().await.unwrap(), []);
}

#[tokio::test]
async fn an_expired_access_token_still_logs_out() {
    let world = world(|_| ()).await;
    let tokens = world.login(PASSWORD).await.unwrap();
    world.clock.advance(3_600_000);
    world.auth.logout_expired("garbage", UserType::Admin).await.unwrap();
    world.auth.logout_expired(&tokens.access_token, UserType::Member).await.unwrap();
    assert!(world.auth.refresh(&tokens.refresh_token, UserType::Admin, origin()).await.is_ok());
    world.auth.logout_expired(&tokens.access_token, UserType::Admin).await.unwrap();
    let refreshed = world.auth.refresh(&tokens.refresh_token, UserType::Admin, origin()).await;
    assert_eq!(refreshed, Err(Error::RefreshTokenInvalid));
}

#[tokio::test]
async fn members_come_with_the_integrators_token() {
    let world = world(|_| ()).await;
    let token = member_token("1001");
    let (one, same) = tokio::join!(world.rest(&token), world.rest(&token));
    let principal = one.unwrap();
    assert_eq!(principal, same.unwrap());
    assert_eq!(
        (principal.key.user.get(), principal.permissions, &*principal.nickname),
        (1001, Permissions::default(), "小明")
    );
    assert!(world.socket(&token).await.is_ok());
    world.auth.logout(&principal).await.unwrap();
    assert_eq!(world.rest(&token).await, Err(Error::Unauthenticated));
    world.clock.advance(3_599_000);
    assert_eq!(world.rest(&token).await, Err(Error::Unauthenticated));
    let issued = world.auth.issue(principal.key).await.unwrap();
    assert_eq!(world.rest(&issued.access_token).await.unwrap().key, principal.key);
    assert!(world.auth.refresh(&issued.refresh_token, UserType::Member, origin()).await.is_ok());
}

#[tokio::test]
async fn what_another_process_does_is_noticed() {
    let world = world(|_| ()).await;
    let tokens = world.login(PASSWORD).await.unwrap();
    assert!(world.rest(&tokens.access_token).await.is_ok());
    admin::set_enabled(&world.db, &world.clock, DEFAULT_TENANT, "red", false).await.unwrap();
    assert!(world.rest(&tokens.access_token).await.is_ok(), "still trusted");
    let disabled = Revoked { key: world.admin, ended: Ended::All, reason: RevokeReason::Disabled };
    assert_eq!(world.auth.poll_revocations().await.unwrap(), [disabled]);
    assert_eq!(world.rest(&tokens.access_token).await, Err(Error::Unauthenticated));
    assert_eq!(world.login(PASSWORD).await, Err(Error::AccountDisabled));
    assert_eq!(world.login("wrong").await, Err(Error::LoginFailed));
    assert_eq!(world.auth.issue(world.admin).await, Err(Error::AccountDisabled));

    admin::set_enabled(&world.db, &world.clock, DEFAULT_TENANT, "red", true).await.unwrap();
    let tokens = world.login(PASSWORD).await.unwrap();
    assert!(world.rest(&tokens.access_token).await.is_ok());
    admin::set_password(&world.db, &world.clock, DEFAULT_TENANT, "red", "another horse").await.unwrap();
    world.clock.advance(cache::TRUST.as_millis().try_into().unwrap());
    assert_eq!(world.rest(&tokens.access_token).await, Err(Error::Unauthenticated), "without a poll too");
    assert_eq!(world.login(PASSWORD).await, Err(Error::LoginFailed));
    // Both logins from before have ended, and the one that came before the poll has not.
    assert!(world.login("another horse").await.is_ok());
    let ended = |login| Revoked {
        key: world.admin,
        ended: Ended::Login(LoginId::new(login)),
        reason: RevokeReason::PasswordChanged,
    };
    assert_eq!(world.auth.poll_revocations().await.unwrap(), [ended(1), ended(2)]);
}

#[tokio::test]
async fn failures_lock_the_account_for_the_right_password_too() {
    let world = world(|_| ()).await;
    for _ in 0..5 {
        assert!(world.login(PASSWORD).await.is_ok(), "only failures count");
    }
    for _ in 0..3 {
        assert_eq!(world.login("wrong").await, Err(Error::LoginFailed));
    }
    assert!(matches!(world.login(PASSWORD).await, Err(Error::TooManyLogins { retry_after_s: 1..=60 })));
    let unknown = world.auth.login(DEFAULT_TENANT, "nobody", PASSWORD, None, origin()).await;
    assert_eq!(unknown, Err(Error::LoginFailed), "other accounts are not locked");
    world.clock.advance(60_000);
    assert!(world.login(PASSWORD).await.is_ok());
}

#[tokio::test]
async fn expired_rows_are_deleted() {
    let world = world(|_| ()).await;
    let tokens = world.login(PASSWORD).await.unwrap();
    let principal = world.rest(&tokens.access_token).await.unwrap();
    world.auth.logout(&principal).await.unwrap();
    world.clock.advance(60 * 24 * 3_600_000);
    let now = world.clock.now();
    let more = world.db.write(move |connection| store::delete_expired(connection, 1, now)).await;
    assert_eq!(more, Ok(true), "as many as one transaction may delete");
    let Credential::Login(login) = principal.credential else { panic!("a login") };
    let left = world.db.run(move |connection| {
        Ok((store::login(connection, login)?.is_some(), store::revocations_after(connection, 0, 10)?.len()))
    });
    assert_eq!(left.await, Ok((false, 0)));
}

#[tokio::test]
async fn faulty_settings_name_themselves() {
    let world = world(|_| ()).await;
    let build = |secret: &str, settings: &settings::Auth| {
        let limits = settings::Limits::default();
        Auth::new(settings, &limits, secret, world.db.clone(), world.clock.clone()).map(drop).unwrap_err()
    };
    let default = settings::Auth::default();
    assert!(build("short", &default).starts_with("auth.secret: "));
    let endless = settings::Auth { access_ttl_s: u64::MAX, ..default.clone() };
    assert!(build(SECRET, &endless).starts_with("auth.access_ttl_s: "));
    let mut same = default;
    same.member_token.secret = Some(SECRET.into());
    assert!(build(SECRET, &same).starts_with("auth.member_token.secret: "));
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(512))]

    /// No text is a token unless it was signed, and none makes the parser panic.
    #[test]
    fn no_text_is_a_token(
        text in ".*",
        parts in proptest::collection::vec("[A-Za-z0-9_-]{0,40}", 0..5),
        header in "\\{\"alg\":\"(none|HS256|RS256|nOnE)\"[^.]{0,20}\\}?",
    ) {
        use base64ish::encode;
        let own = OwnTokens::new(SECRET.as_bytes());
        let settings = settings::MemberToken { secret: Some(SHARED.into()), ..settings::MemberToken::default() };
        let members = MemberTokens::new(&settings).unwrap();
        let forged = format!("{}.{}.", encode(&header), encode(r#"{"iss":"kefu","sub":"1","exp":9999999999}"#));
        for token in [text, parts.join("."), forged] {
            token::claims_to_be_own(&token);
            assert_eq!(own.verify(&token), None);
            assert_eq!(members.verify(&token, NOW).ok(), None);
        }
    }
}

/// Base64 for URLs, without padding.
mod base64ish {
    pub(super) fn encode(text: &str) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let digit = |group: u32, at: usize| char::from(DIGITS[usize::try_from(group >> (18 - 6 * at)).unwrap() % 64]);
        let encode = |bytes: &[u8]| {
            let group = (0..3).fold(0, |group, at| group << 8 | u32::from(bytes.get(at).copied().unwrap_or(0)));
            (0..=bytes.len()).map(|at| digit(group, at)).collect::<String>()
        };
        text.as_bytes().chunks(3).map(encode).collect()
    }
}
