//! What a tenant can set: one struct per group of keys, with defaults and rules as the service's own settings have them.
//!
//! The table holds what was set and nothing else, so that a default that changes reaches whoever has not set the key. A
//! newer version's keys are kept by an older one.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::access::Visibility;
use crate::error::{Error, Problem, Result};
use crate::settings::rules::{Rule, either, number, one_of, switch};

/// What a tenant has set for itself, and the defaults for the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TenantSettings {
    // Described by its type: the description of an inlined field would become a second schema beside it.
    #[schema(inline)]
    pub message: Message,
    #[schema(inline)]
    pub login: Login,
    #[schema(inline)]
    pub audit: Audit,
    #[schema(inline)]
    pub routing: Routing,
}

/// How members and admins write to each other.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    /// Whether a member sees that an admin is typing. Default true.
    #[schema(example = true)]
    pub typing: bool,
}

/// Logins of the tenant's admins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Login {
    /// Seconds after which an admin has to log in again, 300 to 315360000, if that is sooner than by the service's settings;
    /// 0, the default: by those alone. Counts for logins that begin later.
    #[schema(minimum = 0, maximum = 315_360_000, example = 0)]
    pub ttl: u64,
}

/// What is kept of administrative changes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Audit {
    /// Days for which the list of administrative changes is kept; 0: for ever. Default 365.
    #[schema(minimum = 0, maximum = 36_500, example = 365)]
    pub keep_days: u64,
}

/// Who serves whom: rounds of service. Times are in seconds; 0 is never.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Routing {
    /// `off`, the default: there are no rounds; `manual`: agents take whom they serve.
    #[schema(example = "manual")]
    pub mode: String,
    /// Which conversations agents see who may not see all of them: `all`, the default; `group`: those of their groups and those without
    /// one; `own`: their own ones, and those that wait in their groups or without one.
    #[schema(example = "all")]
    pub visibility: String,
    /// Whether an agent who gets a round serves it at once; otherwise it is offered first. Default true.
    #[schema(example = true)]
    pub auto_accept: bool,
    /// Whether an agent who has never said anything about duty is on duty with a socket. Default true.
    #[schema(example = true)]
    pub auto_duty: bool,
    /// Members whom an agent serves at once, where neither the agent nor the group says something else, 0 to 1000. Default 5.
    #[schema(minimum = 0, maximum = 1000, example = 5)]
    pub capacity: u64,
    /// After which a round that nobody takes ends. Default 0.
    #[schema(minimum = 0, maximum = 31_536_000, example = 0)]
    pub max_wait: u64,
    /// After which a round ends that came while nobody was on duty. Default 604800: seven days.
    #[schema(minimum = 0, maximum = 31_536_000, example = 604_800)]
    pub missed_ttl: u64,
    /// After which a round waits again that its agent does not accept. Default 30.
    #[schema(minimum = 0, maximum = 86_400, example = 30)]
    pub offer_timeout: u64,
    /// After which an agent without a socket is off duty, and those whom the agent serves wait again. Default 60.
    #[schema(minimum = 0, maximum = 86_400, example = 60)]
    pub offline_grace: u64,
    /// Whether members are told what becomes of their rounds, as lines between the messages, which stock clients show. Default false.
    #[schema(example = false)]
    pub toasts: bool,
}

impl Routing {
    /// The names of the modes.
    const MODES: [&str; 2] = ["off", "manual"];

    /// Which conversations its agents see.
    pub(crate) fn visibility(&self) -> Visibility {
        if self.is_on() { Visibility::from_name(&self.visibility).unwrap_or_default() } else { Visibility::All }
    }

    /// Whether the tenant has rounds.
    pub(crate) fn is_on(&self) -> bool {
        self.mode == "manual"
    }
}

impl Default for Routing {
    fn default() -> Self {
        Self {
            mode: "off".to_owned(),
            visibility: Visibility::NAMES[0].to_owned(),
            auto_accept: true,
            auto_duty: true,
            capacity: 5,
            max_wait: 0,
            missed_ttl: 604_800,
            offer_timeout: 30,
            offline_grace: 60,
            toasts: false,
        }
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self { keep_days: 365 }
    }
}

impl Default for Message {
    fn default() -> Self {
        Self { typing: true }
    }
}

/// The rules of all keys, by key, applied to `settings`.
fn rules(settings: &TenantSettings) -> Vec<Rule> {
    let TenantSettings { message: Message { typing: _ }, login: Login { ttl }, audit: Audit { keep_days }, routing } =
        settings;
    let Routing {
        mode,
        visibility,
        auto_accept: _,
        auto_duty: _,
        capacity,
        max_wait,
        missed_ttl,
        offer_timeout,
        offline_grace,
        toasts: _,
    } = routing;
    vec![
        number("audit.keepDays", *keep_days, 0..=36_500),
        either(0, number("login.ttl", *ttl, 300..=315_360_000), *ttl == 0),
        switch("message.typing"),
        switch("routing.autoAccept"),
        switch("routing.autoDuty"),
        number("routing.capacity", *capacity, 0..=1000),
        number("routing.maxWait", *max_wait, 0..=31_536_000),
        number("routing.missedTtl", *missed_ttl, 0..=31_536_000),
        one_of("routing.mode", &Routing::MODES, mode),
        number("routing.offerTimeout", *offer_timeout, 0..=86_400),
        number("routing.offlineGrace", *offline_grace, 0..=86_400),
        switch("routing.toasts"),
        one_of("routing.visibility", &Visibility::NAMES, visibility),
    ]
}

/// Reads what is stored; what this version does not understand has the default.
pub(super) fn read(text: &str) -> TenantSettings {
    let set = serde_json::from_str(text).map_err(Error::internal);
    set.and_then(|set| with_defaults(&set)).unwrap_or_else(|error| {
        tracing::warn!(%error, "a tenant's settings are not understood: its defaults count");
        TenantSettings::default()
    })
}

/// What is set, and the defaults for the rest.
fn with_defaults(set: &Value) -> Result<TenantSettings> {
    let mut all = tree(&TenantSettings::default())?;
    fill(&mut all, set);
    serde_json::from_value(all).map_err(Error::internal)
}

/// Overwrites the values in `all` by those of the same keys in `set`.
fn fill(all: &mut Value, set: &Value) {
    match all {
        Value::Object(group) => group.iter_mut().for_each(|(name, value)| {
            if let Some(set) = set.get(name) {
                fill(value, set);
            }
        }),
        value => *value = set.clone(),
    }
}

/// Applies a nested object of changes to what is stored; returns the text to store and the settings.
pub(super) fn apply(stored: &str, changes: &Value) -> Result<(String, TenantSettings)> {
    let mut set: Value = serde_json::from_str(stored).unwrap_or_default();
    merge(&mut set, changes, &tree(&TenantSettings::default())?, "")?;
    let settings = with_defaults(&set)?;
    match rules(&settings).into_iter().find(|rule| !rule.holds) {
        None => Ok((set.to_string(), settings)),
        Some(Rule { key, allowed, allowed_zh, .. }) => Err(Error::Invalid(Problem {
            zh: format!("{key} 须为{}", allowed_zh.as_deref().unwrap_or(&allowed)).into(),
            en: format!("{key} must be {allowed}").into(),
        })),
    }
}

/// All settings as a nested object.
pub(super) fn tree(settings: &TenantSettings) -> Result<Value> {
    serde_json::to_value(settings).map_err(Error::internal)
}

/// Sets `changes` in `set` as far as `known` has such keys with values of that type.
fn merge(set: &mut Value, changes: &Value, known: &Value, path: &str) -> Result<()> {
    let Value::Object(changes) = changes else { return Err(wrong_type(path)) };
    if !set.is_object() {
        *set = Value::Object(Map::new());
    }
    for (name, value) in changes {
        let key = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let known = known.get(name).ok_or_else(|| unknown(&key))?;
        let Value::Object(set) = &mut *set else { return Err(wrong_type(path)) };
        let place = set.entry(name).or_insert(Value::Null);
        let fits = match known {
            Value::Object(_) => {
                merge(place, value, known, &key)?;
                continue;
            }
            Value::Number(_) => value.is_u64(),
            Value::Bool(_) => value.is_boolean(),
            _ => value.is_string(),
        };
        if !fits {
            return Err(wrong_type(&key));
        }
        *place = value.clone();
    }
    Ok(())
}

fn wrong_type(key: &str) -> Error {
    Error::WrongType(if key.is_empty() { "request body".into() } else { key.to_owned().into() })
}

fn unknown(key: &str) -> Error {
    let key: String = key.chars().take(100).collect();
    Error::Invalid(Problem {
        zh: format!("没有设置项 {key}").into(), en: format!("there is no setting {key}").into()
    })
}

/// Each key with its value, dotted, by key.
pub(crate) fn lines(settings: &TenantSettings) -> Result<Vec<(String, Value)>> {
    let mut lines = Vec::new();
    let mut open = vec![(String::new(), tree(settings)?)];
    while let Some((path, value)) = open.pop() {
        match value {
            Value::Object(group) => open.extend(
                group
                    .into_iter()
                    .map(|(name, value)| (if path.is_empty() { name } else { format!("{path}.{name}") }, value)),
            ),
            value => lines.push((path, value)),
        }
    }
    lines.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(lines)
}

/// The change that a dotted key and a text ask for, as the command line gives them.
///
/// # Errors
/// [`Error::Invalid`] for a key that is not there, [`Error::WrongType`] for a text that is no value of it.
pub(crate) fn change_of(key: &str, text: &str) -> Result<Value> {
    let known = lines(&TenantSettings::default())?;
    let (_, default) = known.iter().find(|(known, _)| known == key).ok_or_else(|| unknown(key))?;
    let value = match default {
        Value::String(_) => Some(Value::String(text.to_owned())),
        _ => serde_json::from_str(text).ok(),
    };
    let value = value.ok_or_else(|| wrong_type(key))?;
    Ok(key.rsplit('.').fold(value, |inner, name| Value::Object(Map::from_iter([(name.to_owned(), inner)]))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_defaults_keep_every_rule_and_every_key_has_one() {
        let settings = TenantSettings::default();
        let rules = rules(&settings);
        assert!(rules.iter().all(|rule| rule.holds));
        let ruled: Vec<&str> = rules.iter().map(|rule| rule.key).collect();
        let keys: Vec<String> = lines(&settings).unwrap().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ruled);
    }

    #[test]
    fn only_what_is_named_changes_and_a_newer_versions_keys_stay() {
        let stored = r#"{"login":{"ttl":900},"later":{"key":[1]}}"#;
        let (text, settings) = apply(stored, &json!({"message": {"typing": false}})).unwrap();
        let stored: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(stored, json!({"login": {"ttl": 900}, "later": {"key": [1]}, "message": {"typing": false}}));
        assert_eq!((settings.login.ttl, settings.message.typing), (900, false));
        assert_eq!(apply("{}", &json!({})).unwrap(), ("{}".to_owned(), TenantSettings::default()));
        assert_eq!(read("{"), TenantSettings::default());
        assert_eq!(read(r#"{"login":{"ttl":900},"later":1}"#).login.ttl, 900);
    }

    #[test]
    fn what_is_refused_says_which_key_and_why() {
        for (changes, error) in [
            (json!([]), Error::WrongType("request body".into())),
            (json!({"login": 1}), Error::WrongType("login".into())),
            (json!({"login": {"ttl": "900"}}), Error::WrongType("login.ttl".into())),
            (json!({"login": {"ttl": 900.5}}), Error::WrongType("login.ttl".into())),
            (json!({"login": {"ttl": -1}}), Error::WrongType("login.ttl".into())),
            (json!({"message": {"typing": null}}), Error::WrongType("message.typing".into())),
            (json!({"message": {"typing": false}, "nothing": 1}), unknown("nothing")),
            (json!({"login": {"tll": 900}}), unknown("login.tll")),
        ] {
            assert_eq!(apply("{}", &changes), Err(error), "{changes}");
        }
        for (ttl, fits) in [(0, true), (1, false), (299, false), (300, true), (315_360_000, true), (315_360_001, false)]
        {
            match apply("{}", &json!({"login": {"ttl": ttl}})) {
                Ok(_) => assert!(fits, "{ttl}"),
                Err(Error::Invalid(problem)) => {
                    assert!(!fits, "{ttl}");
                    assert_eq!(problem.zh, "login.ttl 须为 0 或 300 至 315360000 的整数");
                    assert_eq!(problem.en, "login.ttl must be 0 or a whole number from 300 to 315360000");
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn the_command_lines_texts_become_values() {
        assert_eq!(change_of("login.ttl", "900"), Ok(json!({"login": {"ttl": 900}})));
        assert_eq!(change_of("message.typing", "false"), Ok(json!({"message": {"typing": false}})));
        assert_eq!(change_of("message.typing", "no"), Err(wrong_type("message.typing")));
        assert_eq!(change_of("message", "{}"), Err(unknown("message")));
    }
}
