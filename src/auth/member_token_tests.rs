use std::path::PathBuf;

use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

use super::*;
use crate::account::MemberId;
use crate::id::ID_LIMIT;

const NOW: Millis = 1_795_000_000_000;
const SECRET: &str = "a secret shared with the integrator";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

fn claims() -> Value {
    json!({"sub": "1001", "nickname": "小明", "avatar": "https://shop.example/a.png", "exp": NOW / 1000 + 60})
}

fn sign(header: &Header, claims: &Value) -> String {
    let key = match header.alg {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => EncodingKey::from_secret(SECRET.as_bytes()),
        Algorithm::ES256 => EncodingKey::from_ec_pem(&read("ec.key.pem")).unwrap(),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(&read("ed25519.key.pem")).unwrap(),
        _ => EncodingKey::from_rsa_pem(&read("rsa.key.pem")).unwrap(),
    };
    jsonwebtoken::encode(header, claims, &key).unwrap()
}

fn with_secret() -> settings::MemberToken {
    settings::MemberToken { secret: Some(SECRET.into()), ..settings::MemberToken::default() }
}

fn with_pem(name: &str) -> settings::MemberToken {
    settings::MemberToken { public_key_file: Some(fixture(name)), ..settings::MemberToken::default() }
}

fn with_jwks() -> settings::MemberToken {
    settings::MemberToken { jwks_file: Some(fixture("jwks.json")), ..settings::MemberToken::default() }
}

fn verify(settings: &settings::MemberToken, token: &str) -> Option<MemberToken> {
    MemberTokens::new(settings).unwrap().verify(token, NOW).ok()
}

/// The rule that a token breaks.
fn refusal(settings: &settings::MemberToken, token: &str) -> Refusal {
    MemberTokens::new(settings).unwrap().verify(token, NOW).unwrap_err()
}

fn member(claims: &Value) -> Option<MemberToken> {
    verify(&with_secret(), &sign(&Header::new(Algorithm::HS256), claims))
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

#[test]
fn a_signed_token_says_who_comes() {
    let token = member(&claims()).unwrap();
    assert_eq!(token.expires_at, NOW + 60_000);
    assert_eq!(token.member.tenant.get(), 1);
    assert_eq!(Some(token.member.id), MemberId::from_number(1001));
    assert_eq!(token.member.nickname.as_deref(), Some("小明"));
    assert_eq!(token.member.avatar.as_deref(), Some("https://shop.example/a.png"));
}

#[test]
fn the_key_decides_the_algorithm() {
    use Algorithm::{ES256, EdDSA, HS256, HS384, PS256, RS256, RS512};
    let keys = [
        (with_secret(), vec![HS256]),
        (with_pem("rsa.pub.pem"), vec![RS256, RS512, PS256]),
        (with_pem("ec.pub.pem"), vec![ES256]),
        (with_pem("ed25519.pub.pem"), vec![EdDSA]),
    ];
    for (settings, accepted) in keys {
        for algorithm in [HS256, HS384, RS256, RS512, PS256, ES256, EdDSA] {
            let token = sign(&Header::new(algorithm), &claims());
            assert_eq!(verify(&settings, &token).is_some(), accepted.contains(&algorithm), "{algorithm:?}");
        }
    }
    let none = MemberTokens::new(&settings::MemberToken::default()).unwrap();
    assert!(none.verify(&sign(&Header::new(HS256), &claims()), NOW).unwrap_err().contains("no key is set"));
}

#[test]
fn a_long_secret_takes_the_longer_hashes_too() {
    use Algorithm::{HS256, HS384, HS512};
    for (bytes, accepted) in
        [(47, &[HS256][..]), (48, &[HS256, HS384]), (63, &[HS256, HS384]), (64, &[HS256, HS384, HS512])]
    {
        let secret = "s".repeat(bytes);
        let settings = settings::MemberToken { secret: Some(secret.as_str().into()), ..Default::default() };
        for algorithm in [HS256, HS384, HS512] {
            let key = EncodingKey::from_secret(secret.as_bytes());
            let token = jsonwebtoken::encode(&Header::new(algorithm), &claims(), &key).unwrap();
            assert_eq!(verify(&settings, &token).is_some(), accepted.contains(&algorithm), "{bytes} {algorithm:?}");
        }
    }
}

#[test]
fn a_refusal_names_the_rule() {
    let rule = |claims: &Value| refusal(&with_secret(), &sign(&Header::new(Algorithm::HS256), claims));
    let seconds = NOW / 1000;
    for (claim, value, named) in [
        ("exp", json!(null), "exp is missing"),
        ("exp", json!([seconds + 60]), "exp is no number"),
        ("sub", json!(["1001"]), "user_id_claim is neither"),
        ("sub", json!({"id": 1001}), "user_id_claim is neither"),
        ("iat", json!([seconds]), "iat is no number"),
        ("nbf", json!({"at": seconds}), "nbf is no number"),
        ("exp", json!("9999999999"), "exp is no number"),
        ("exp", json!(seconds - 1), "exp has passed"),
        ("exp", json!(NOW + 60_000), "exp counts seconds"),
        ("iat", json!(seconds + 300), "iat lies in the future"),
        ("nbf", json!(seconds + 300), "nbf lies in the future"),
        ("iss", json!("kefu"), "iss is this service's own"),
        ("aud", json!("anyone"), "aud is there"),
        ("tenant_id", json!("x"), "tenant_claim"),
        ("sub", json!(null), "user_id_claim is missing"),
        ("sub", json!(-1), "user_id_claim is neither"),
        ("sub", json!("a\0b"), "user_id_claim is neither"),
    ] {
        let refused = rule(&with(claim, value.clone()));
        assert!(refused.contains(named), "{claim} {value}: {refused}");
    }
    let strict = settings::MemberToken { issuer: Some("shop".into()), audience: Some("chat".into()), ..with_secret() };
    let signed = |claims: &Value| sign(&Header::new(Algorithm::HS256), claims);
    assert!(refusal(&strict, &signed(&claims())).starts_with("iss"));
    assert!(refusal(&strict, &signed(&with("iss", json!("shop")))).starts_with("aud"));
    let other = settings::MemberToken { secret: Some("s".repeat(32).as_str().into()), ..Default::default() };
    assert!(refusal(&other, &signed(&claims())).contains("signature"));
    assert!(refusal(&with_secret(), &sign(&Header::new(Algorithm::HS512), &claims())).starts_with("alg"));
    let named = Header { kid: Some("unknown".into()), ..Header::new(Algorithm::RS256) };
    assert!(refusal(&with_jwks(), &sign(&named, &claims())).starts_with("kid"));
}

#[test]
fn a_public_key_is_no_secret() {
    for name in ["rsa.pub.pem", "ec.pub.pem", "ed25519.pub.pem"] {
        let forged =
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims(), &EncodingKey::from_secret(&read(name)));
        assert_eq!(verify(&with_pem(name), &forged.unwrap()), None);
    }
}

#[test]
fn a_key_set_is_asked_by_id() {
    let signed = |algorithm, id: Option<&str>| {
        let header = Header { kid: id.map(str::to_owned), ..Header::new(algorithm) };
        verify(&with_jwks(), &sign(&header, &claims())).is_some()
    };
    assert!(signed(Algorithm::RS256, Some("rsa-1")));
    assert!(signed(Algorithm::ES256, Some("ec-1")));
    assert!(signed(Algorithm::EdDSA, Some("ed-1")));
    assert!(signed(Algorithm::ES256, None), "the only key that fits");
    assert!(!signed(Algorithm::ES256, Some("rsa-1")), "another key's id");
    assert!(!signed(Algorithm::RS512, Some("rsa-1")), "the set says RS256");
    assert!(!signed(Algorithm::RS256, Some("enc-1")), "not for signatures");
    assert!(!signed(Algorithm::RS256, Some("unknown")));
    assert!(!signed(Algorithm::HS256, Some("oct-1")), "symmetric keys are ignored");
}

#[test]
fn time_is_checked_strictly() {
    let seconds = NOW / 1000;
    assert!(member(&with("exp", json!(seconds + 1))).is_some());
    assert!(member(&with("exp", json!(9e20))).is_none(), "no instant");
    assert!(member(&with("exp", json!(9e14))).is_none(), "milliseconds");
    assert_eq!(member(&with("exp", json!(1e11))).unwrap().expires_at, 100_000_000_000_000);
    assert_eq!(member(&with("exp", json!(1_795_000_000.5))).unwrap().expires_at, NOW + 500);
    for exp in [json!(seconds), json!(seconds - 1), json!(null), json!("9999999999"), json!(-1), json!([])] {
        assert_eq!(member(&with("exp", exp.clone())), None, "exp {exp}");
    }
    let mut endless = claims();
    endless.as_object_mut().unwrap().remove("exp");
    assert_eq!(member(&endless), None);
    for name in ["nbf", "iat"] {
        assert!(member(&with(name, json!(seconds + 60))).is_some());
        assert!(member(&with(name, json!(seconds + 61))).is_none());
        assert!(member(&with(name, json!("now"))).is_none());
    }
}

#[test]
fn issuer_and_audience_are_those_of_the_settings() {
    let settings =
        settings::MemberToken { issuer: Some("shop".into()), audience: Some("kefu".into()), ..with_secret() };
    let both = |issuer: Value, audience: Value| {
        let mut claims = with("iss", issuer);
        claims["aud"] = audience;
        verify(&settings, &sign(&Header::new(Algorithm::HS256), &claims)).is_some()
    };
    assert!(both(json!("shop"), json!("kefu")));
    assert!(both(json!("shop"), json!(["other", "kefu"])));
    for (issuer, audience) in [
        (json!("other"), json!("kefu")),
        (json!(null), json!("kefu")),
        (json!(["shop"]), json!("kefu")),
        (json!("shop"), json!("other")),
        (json!("shop"), json!(null)),
        (json!("shop"), json!([])),
        (json!("shop"), json!(5)),
    ] {
        assert!(!both(issuer.clone(), audience.clone()), "{issuer} {audience}");
    }
    assert!(member(&with("iss", json!("anyone"))).is_some(), "not checked unless set");
    assert!(member(&with("iss", json!("kefu"))).is_none(), "our own");
    assert!(member(&with("aud", json!("anyone"))).is_none(), "for someone else");
    assert!(member(&with("aud", json!(5))).is_none());
}

#[test]
fn claims_are_mapped_and_cut() {
    let settings = settings::MemberToken {
        user_id_claim: "uid".into(),
        nickname_claim: "name".into(),
        tenant_claim: "shop".into(),
        ..with_secret()
    };
    let claims = json!({"uid": 7, "name": "长".repeat(100), "shop": "3", "exp": NOW / 1000 + 60});
    let token = verify(&settings, &sign(&Header::new(Algorithm::HS256), &claims)).unwrap();
    assert_eq!(token.member.tenant.get(), 3);
    assert_eq!(token.member.nickname, Some("长".repeat(64)));
    assert_eq!(token.member.avatar, None);
    assert_eq!(member(&with("nickname", json!(5))).unwrap().member.nickname, None);
    assert_eq!(member(&with("nickname", json!("  "))).unwrap().member.nickname, None);
    assert_eq!(member(&with("sub", json!("u-1"))).unwrap().member.id, MemberId::Text("u-1".into()));
    for snowflake in [1_i64 << 52, 1_790_000_000_000_000_001, i64::MAX] {
        let text = Some(MemberId::Text(snowflake.to_string()));
        assert_eq!(member(&with("sub", json!(snowflake))).map(|token| token.member.id), text);
        assert_eq!(member(&with("sub", json!(snowflake.to_string()))).map(|token| token.member.id), text);
    }
    for sub in [json!(0), json!(-1), json!(1.5), json!(1_u64 << 63), json!(""), json!(null), json!({})] {
        assert_eq!(member(&with("sub", sub.clone())), None, "sub {sub}");
    }
    for tenant in [json!(0), json!("x"), json!(1.5), json!(true), json!(ID_LIMIT)] {
        assert_eq!(member(&with("tenant_id", tenant.clone())), None, "tenant {tenant}");
    }
    assert_eq!(member(&with("nickname", json!("x".repeat(LENGTH_LIMIT)))), None, "too long a token");
}

#[test]
fn names_and_pictures_are_what_can_be_shown() {
    let claimed = |name: &str, value: Value| member(&with(name, value)).unwrap().member;
    assert_eq!(claimed("nickname", json!("\u{202e}gnp.exe")).nickname.as_deref(), Some("gnp.exe"));
    assert_eq!(claimed("nickname", json!("\u{200b}\u{200b}")).nickname, None);
    let long = format!("https://shop.example/{}", "a".repeat(1000));
    assert_eq!(claimed("avatar", json!(long)).avatar, Some(long));
    for cleared in [json!(""), json!(" "), json!(null), json!("javascript:alert(1)"), json!("data:image/png;base64,")] {
        assert_eq!(claimed("avatar", cleared.clone()).avatar.as_deref(), Some(""), "{cleared}");
    }
    let mut without = claims();
    without.as_object_mut().unwrap().remove("avatar");
    assert_eq!(member(&without).unwrap().member.avatar, None);
}

#[test]
fn a_session_is_a_text_or_a_number() {
    let session = |value: Value| member(&with("sid", value)).unwrap().session;
    assert_eq!(session(json!("s-1")).as_deref(), Some("s-1"));
    assert_eq!(session(json!(7)).as_deref(), Some("7"));
    for none in [json!(null), json!(""), json!([]), json!("s".repeat(257))] {
        assert_eq!(session(none.clone()), None, "{none}");
    }
    let settings = settings::MemberToken { session_claim: "jti".into(), ..with_secret() };
    let token = sign(&Header::new(Algorithm::HS256), &with("jti", json!("s-2")));
    assert_eq!(verify(&settings, &token).unwrap().session.as_deref(), Some("s-2"));
}

#[test]
fn faulty_keys_name_their_setting() {
    let error = |settings: &settings::MemberToken| MemberTokens::new(settings).map(drop).unwrap_err();
    let secret = |text: &str| settings::MemberToken { secret: Some(text.into()), ..settings::MemberToken::default() };
    assert!(error(&secret("short")).starts_with("auth.member_token.secret: "));
    assert!(error(&with_pem("missing.pem")).starts_with("auth.member_token.public_key_file: "));
    assert!(error(&with_pem("rsa.key.pem")).contains("not a public key"), "a private key has no place here");
    assert!(error(&with_pem("jwks.json")).contains("not a public key"));
    let jwks = settings::MemberToken { jwks_file: Some(fixture("ec.pub.pem")), ..settings::MemberToken::default() };
    assert!(error(&jwks).starts_with("auth.member_token.jwks_file: "));
    assert!(error(&settings::MemberToken { secret: Some(SECRET.into()), ..with_jwks() }).contains("only one of"));
    assert!(error(&settings::MemberToken { issuer: Some("kefu".into()), ..with_secret() }).contains("issuer"));
}

#[test]
fn a_short_rsa_key_is_refused_at_the_start() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, SHORT_RSA).unwrap();
    let settings =
        settings::MemberToken { public_key_file: Some(file.path().to_owned()), ..settings::MemberToken::default() };
    assert!(MemberTokens::new(&settings).map(drop).unwrap_err().contains("2048 bits"));
}

/// 1024 bits.
const SHORT_RSA: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDA92sybml5auCb4ExsUpbfEDpF\n\
bQrd4UZvFUkJW1O/jO6CCb5Vx/3gF9jeV88Rp8uWTFdzbrS49g7IquDbNPfrwBby\n\
9ML/aDlw+TDiIFRjVVWhrBHJR/9bv5yreaDox9DHi4lI6SB8VDRTutXrqeOexV9Y\n\
84os/JNF62hagFamxwIDAQAB\n\
-----END PUBLIC KEY-----\n";
