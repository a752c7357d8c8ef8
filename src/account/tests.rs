use super::*;
use crate::test_db::temporary;

const NOW: Millis = 1_795_000_000_000;

fn database() -> (tempfile::TempDir, Db, Clock) {
    let (folder, db) = temporary();
    (folder, db, Clock::manual(NOW))
}

fn new_admin(username: &str) -> NewAdmin {
    NewAdmin {
        tenant: DEFAULT_TENANT,
        username: username.into(),
        nickname: "小红".into(),
        role: Role::Agent,
        password: "password-1".into(),
    }
}

#[tokio::test]
async fn the_first_admin_is_made_once() {
    let (_folder, db, clock) = database();
    let (one, other) = tokio::join!(ensure_first_admin(&db, &clock), ensure_first_admin(&db, &clock));
    let made: Vec<_> = [one.unwrap(), other.unwrap()].into_iter().flatten().collect();
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].0, "admin");
    let admins = list_admins(&db, DEFAULT_TENANT).await.unwrap();
    assert_eq!((admins.len(), admins[0].role_codes(), admins[0].nickname.as_str()), (1, vec!["owner"], "客服"));
    assert_eq!(ensure_first_admin(&db, &clock).await, Ok(None));
}

#[tokio::test]
async fn admins_are_added_by_the_rules() {
    let (_folder, db, clock) = database();
    let key = add_admin(&db, &clock, new_admin("red")).await.unwrap();
    let found = find_admin(&db, DEFAULT_TENANT, "red").await.unwrap().unwrap();
    assert_eq!((found.key, found.enabled, found.created_at), (key, true, NOW));
    assert_eq!(find_admin(&db, TenantId::new(2), "red").await, Ok(None));
    for wrong in [
        new_admin("red"),
        new_admin(""),
        new_admin(" red"),
        new_admin(&"r".repeat(65)),
        NewAdmin { nickname: String::new(), ..new_admin("blue") },
        NewAdmin { password: "short".into(), ..new_admin("blue") },
    ] {
        assert!(matches!(add_admin(&db, &clock, wrong).await, Err(Error::Invalid(_))));
    }
    assert!(add_admin(&db, &clock, NewAdmin { tenant: TenantId::new(2), ..new_admin("red") }).await.is_ok());
    assert!(matches!(
        crate::auth::admin::set_enabled(&db, &clock, DEFAULT_TENANT, "nobody", false).await,
        Err(Error::Invalid(_))
    ));
    crate::auth::admin::set_enabled(&db, &clock, DEFAULT_TENANT, "red", false).await.unwrap();
    assert!(!find_admin(&db, DEFAULT_TENANT, "red").await.unwrap().unwrap().enabled);
}

#[tokio::test]
async fn members_are_made_and_renamed() {
    let (_folder, db, clock) = database();
    let user = UserId::new(1001);
    let ensure = |nickname| ensure_member(&db, &clock, DEFAULT_TENANT, user, nickname, None);
    let (one, other) = tokio::join!(ensure(Some("小明")), ensure(Some("小明")));
    assert_eq!(one.unwrap(), other.unwrap());
    let nickname = || async {
        let member = db.run(move |connection| store::member(connection, DEFAULT_TENANT, user)).await.unwrap();
        member.unwrap().nickname
    };
    ensure(None).await.unwrap();
    assert_eq!(nickname().await, "小明");
    ensure(Some(&"长".repeat(100))).await.unwrap();
    assert_eq!(nickname().await, "长".repeat(64));
    let unnamed = ensure_member(&db, &clock, DEFAULT_TENANT, UserId::new(5), None, None).await.unwrap();
    let stored = db.run(move |connection| store::member(connection, DEFAULT_TENANT, unnamed.user)).await.unwrap();
    assert_eq!(stored.unwrap().nickname, "会员5");
    for wrong in [0, -1, 1 << 52] {
        let made = ensure_member(&db, &clock, DEFAULT_TENANT, UserId::new(wrong), None, None).await;
        assert!(matches!(made, Err(Error::Invalid(_))));
    }
}

#[tokio::test]
async fn ids_that_are_no_numbers_get_one() {
    let (_folder, db, clock) = database();
    let claim = |text: &str| MemberClaim {
        tenant: DEFAULT_TENANT,
        id: MemberId::from_text(text).unwrap(),
        nickname: None,
        avatar: None,
        issued_at: None,
    };
    let keep = |text: &'static str| keep_member(&db, &clock, claim(text), None);
    let (one, again) = tokio::join!(keep("u-1"), keep("u-1"));
    let (one, other) = (one.unwrap(), keep("u-2").await.unwrap());
    assert_eq!(one.key, again.unwrap().key);
    assert_eq!(one.key.user.get(), FIRST_OWN_MEMBER);
    assert_eq!(other.key.user.get(), FIRST_OWN_MEMBER + 1);
    assert_eq!(keep("77").await.unwrap().key.user.get(), 77);
}

#[test]
fn digits_stand_for_their_number_only() {
    let text = |text: &str| MemberId::Text(text.into());
    assert_eq!(MemberId::from_text("42"), MemberId::from_number(42));
    assert_eq!(MemberId::from_text("042"), Some(text("042")));
    assert_eq!(MemberId::from_text("+42"), Some(text("+42")));
    assert_eq!(MemberId::from_text("0"), Some(text("0")));
    assert_eq!(MemberId::from_text("4503599627370496"), Some(text("4503599627370496")));
    assert_eq!(MemberId::from_text("visitor:0"), None, "what this service calls its visitors");
    assert_eq!(MemberId::from_text(""), None);
    assert_eq!(MemberId::from_text(&"x".repeat(129)), None);
    assert_eq!(MemberId::from_text("a\0b"), None);
    assert_eq!(MemberId::from_number(1 << 52), None);
}
