//! What the shop answers: RFC 7662, or the envelope of yudao's `/rpc-api/system/oauth2/token/check`.
//!
//! Both are read by one list of names, as systems of either kind add fields of the other.

use serde_json::{Map, Value};

use crate::access::{Permission, Role};
use crate::account::MemberClaim;
use crate::auth::member_claims::{self, Refusal};
use crate::clock::Millis;
use crate::id::{TenantId, UserType};
use crate::settings::{self, IntrospectionKind};

/// For how long a token counts whose end the shop does not say, from each question on.
const UNSTATED_LIFE_MS: Millis = 24 * 3600 * 1000;
/// The year 5138 in seconds: what is larger counts milliseconds.
const LATEST_S: f64 = 1e11;

/// Why there is no user.
pub(super) enum Unusable {
    /// The token is not valid.
    Refused(Refusal),
    /// The shop does not say whose the token is; the text is for the log.
    Unreadable(String),
    /// The shop does not answer as it should; the text is for the log.
    Fault(String),
}

/// Whose a valid token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::auth) struct Introspected {
    pub user: User,
    /// In milliseconds.
    pub expires_at: Millis,
}

/// A user of the shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::auth) enum User {
    Member(MemberClaim),
    Admin(AdminClaim),
}

/// What the shop says of an admin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::auth) struct AdminClaim {
    pub tenant: TenantId,
    /// The id in the shop's system.
    pub id: String,
    pub nickname: Option<String>,
    /// The picture's URL, empty for none.
    pub avatar: Option<String>,
    /// What the shop's permissions come to; `None` for none that is ours.
    pub role: Option<Role>,
    /// Whether these are what the token may do, and say nothing of the user's other tokens.
    pub of_token: bool,
}

/// An answer that was read.
pub(super) enum Answer {
    Read(Introspected),
    /// Of an admin, and it does not say what the admin may do.
    PermissionsUnknown(Introspected),
}

impl Introspected {
    /// The user's tenant.
    pub(super) fn tenant(&self) -> TenantId {
        match &self.user {
            User::Member(member) => member.tenant,
            User::Admin(admin) => admin.tenant,
        }
    }

    /// The same admin, who may do this.
    pub(super) fn with_permissions(self, said: &Map<String, Value>) -> Self {
        let Self { user, expires_at } = self;
        let user = match user {
            User::Admin(admin) => User::Admin(AdminClaim { role: role(said), ..admin }),
            member @ User::Member(_) => member,
        };
        Self { user, expires_at }
    }
}

/// The object in a body that says something of a valid token.
pub(super) fn object(body: &[u8], kind: IntrospectionKind) -> Result<Map<String, Value>, Unusable> {
    let fault = |text: &str| Unusable::Fault(text.to_owned());
    let Ok(Value::Object(mut answer)) = serde_json::from_slice(body) else {
        return Err(fault("answered no JSON object"));
    };
    match kind {
        IntrospectionKind::Rfc7662 => match answer.get("active") {
            Some(Value::Bool(true)) => Ok(answer),
            Some(Value::Bool(false)) => Err(Unusable::Refused("the shop says that it is not active")),
            _ => Err(fault("answered without the member \"active\"")),
        },
        IntrospectionKind::Yudao => match answer.get("code").and_then(Value::as_i64) {
            Some(0) => match answer.remove("data") {
                Some(Value::Object(data)) => Ok(data),
                _ => Err(Unusable::Unreadable("answered code 0 without an object as data".into())),
            },
            Some(401) => Err(Unusable::Refused("the shop says that it is not valid")),
            Some(code) if (500..600).contains(&code) => Err(Unusable::Fault(format!("answered code {code}"))),
            Some(code) => Err(Unusable::Unreadable(format!("answered code {code}"))),
            None => Err(fault("answered no envelope")),
        },
    }
}

/// Reads what the shop says of a valid token.
///
/// # Errors
/// [`Unusable::Unreadable`] when that does not say whose it is; of RFC 7662 a token without a user is [`Unusable::Refused`], as
/// programs have such tokens.
pub(super) fn read(
    said: &Map<String, Value>,
    settings: &settings::Introspection,
    now: Millis,
) -> Result<Answer, Unusable> {
    let unreadable = |text: &str| Unusable::Unreadable(text.to_owned());
    let is_yudao = settings.kind == IntrospectionKind::Yudao;
    let tenant = match first(said, &["tenantId", "tenant_id"]) {
        None => TenantId::new(settings.tenant),
        Some(value) => {
            member_claims::tenant_number(value).ok_or_else(|| unreadable("answered a tenant that is no number"))?
        }
    };
    let id = member_claims::user_id(first(said, &["userId", "user_id", "sub"])).map_err(|_| match is_yudao {
        true => unreadable("answered no userId"),
        false => Unusable::Refused("the shop says that it is no user's"),
    })?;
    let profile = said.get("userInfo").and_then(Value::as_object).unwrap_or(said);
    let names = ["nickname", "name", "preferred_username", "username"];
    let nickname = member_claims::nickname(first(profile, &names));
    let avatar = first(profile, &["avatar", "picture"]).map(member_claims::avatar);
    let expires_at = instant(first(said, &["expiresTime", "exp"])).unwrap_or(now + UNSTATED_LIFE_MS);
    let user_type = first(said, &["userType", "user_type"]).map_or(Some(UserType::Member), user_type);
    match user_type.ok_or(Unusable::Refused("the shop says that it is neither a member's nor an admin's"))? {
        UserType::Member => {
            let issued_at = instant(first(said, &["iat"]));
            let user = User::Member(MemberClaim { tenant, id, nickname, avatar, issued_at });
            Ok(Answer::Read(Introspected { user, expires_at }))
        }
        UserType::Admin => {
            let (id, role) = (id.external(), role(said));
            let user = User::Admin(AdminClaim { tenant, id, nickname, avatar, role, of_token: !is_yudao });
            let read = Introspected { user, expires_at };
            let unknown = is_yudao && !says_permissions(said);
            Ok(if unknown { Answer::PermissionsUnknown(read) } else { Answer::Read(read) })
        }
    }
}

fn first<'a>(said: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| said.get(*name).filter(|value| !value.is_null()))
}

/// Milliseconds, or the seconds of a NumericDate.
fn instant(value: Option<&Value>) -> Option<Millis> {
    let number = value?.as_f64().filter(|number| *number >= 0.0)?;
    let seconds = if number > LATEST_S { number / 1000.0 } else { number };
    let since_epoch = std::time::Duration::try_from_secs_f64(seconds).ok()?;
    Millis::try_from(since_epoch.as_millis()).ok()
}

fn user_type(value: &Value) -> Option<UserType> {
    match value {
        Value::String(text) => match text.as_str() {
            "1" | "member" => Some(UserType::Member),
            "2" | "admin" => Some(UserType::Admin),
            _ => None,
        },
        value => UserType::from_code(i32::try_from(value.as_i64()?).ok()?),
    }
}

const PERMISSIONS: [&str; 3] = ["permissions", "scopes", "scope"];

/// Whether there is a list that names permissions: tokens of yudao that are made by a login have empty scopes.
fn says_permissions(said: &Map<String, Value>) -> bool {
    said.contains_key("permissions") || PERMISSIONS.iter().any(|name| texts(said, name).any(|text| text.contains(':')))
}

/// The texts of a list, or of one text with blanks between them.
fn texts<'a>(said: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a str> {
    let (list, text) = match said.get(name) {
        Some(Value::Array(list)) => (list.as_slice(), ""),
        Some(Value::String(text)) => (&[][..], text.as_str()),
        _ => (&[][..], ""),
    };
    list.iter().filter_map(Value::as_str).chain(text.split_whitespace())
}

/// The role that these permissions come to: all of them (`*`, `*:*:*`, or yudao's role `super_admin`) to an owner, writing to
/// members to an agent, reading what was written to a viewer.
fn role(said: &Map<String, Value>) -> Option<Role> {
    let holds = |wanted: &[&str]| PERMISSIONS.iter().any(|name| texts(said, name).any(|held| wanted.contains(&held)));
    if holds(&["*", "*:*:*"]) || texts(said, "roles").any(|role| role == "super_admin") {
        Some(Role::Owner)
    } else if holds(&[Permission::SendMessages.as_str()]) {
        Some(Role::Agent)
    } else if holds(&[Permission::QueryConversations.as_str(), Permission::QueryMessages.as_str()]) {
        Some(Role::Viewer)
    } else {
        None
    }
}
