//! What a channel can set, with defaults and rules.
//!
//! The table holds what was set and nothing else, so that a default that changes reaches whoever has not set the key. A
//! newer version's keys are kept by an older one.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use url::Url;
use utoipa::ToSchema;

use crate::error::{Error, Problem, Result};
use crate::origin;
use crate::text::PictureUrl;

/// Stands among a channel's origins for the address under which the service itself is called.
pub(crate) const OWN_ORIGIN: &str = "self";

/// Most that a channel's settings take, as JSON, in bytes.
const LARGEST: usize = 16 * 1024;
/// Longest text of the widget, in characters.
const TEXT_LIMIT: usize = 500;
/// Longest label of a field, in characters.
const LABEL_LIMIT: usize = 64;
/// The largest `z-index` that browsers take.
const HIGHEST: i64 = 2_147_483_647;

/// What a channel has set, and the defaults for the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChannelSettings {
    /// The sites whose pages may use the channel: `https://shop.example`, `https://*.shop.example` for every subdomain, or
    /// `self` for the address of the service itself. Default: none.
    #[schema(example = json!(["https://shop.example", "https://*.shop.example"]))]
    pub origins: Vec<String>,
    /// Whether callers that name no origin, as apps and servers do, may use the channel. Default false.
    #[schema(example = false)]
    pub allow_no_origin: bool,
    // Described by their types: the description of an inlined field would become a second schema beside it.
    #[schema(inline)]
    pub locale: Locale,
    #[schema(inline)]
    pub look: Look,
    #[schema(inline)]
    pub texts: Texts,
    #[schema(inline)]
    pub pre_chat: PreChat,
}

/// The widget's language; `auto`, the default: that of the page or the browser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Locale {
    #[default]
    Auto,
    Zh,
    En,
}

/// How the widget looks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Look {
    /// The brand's colour, `#RRGGBB`. Default `#4F5BD5`.
    #[schema(example = "#4F5BD5", pattern = "^#[0-9A-Fa-f]{6}$")]
    pub color: String,
    #[schema(inline)]
    pub position: Position,
    /// The launcher's distance from that side, in CSS pixels. Default 20.
    #[schema(minimum = 0, maximum = 1000, example = 20)]
    pub side: i64,
    /// The launcher's distance from the bottom, in CSS pixels. Default 20.
    #[schema(minimum = 0, maximum = 1000, example = 20)]
    pub bottom: i64,
    /// The widget's `z-index`. Default 1000.
    #[schema(minimum = 0, maximum = 2_147_483_647, example = 1000)]
    pub z_index: i64,
    #[schema(inline)]
    pub theme: Theme,
    /// The address of the picture beside answers, http or https; `null`, the default: the agent's own.
    #[schema(example = "https://shop.example/logo.png", max_length = 2048)]
    pub avatar: Option<String>,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            color: "#4F5BD5".to_owned(),
            position: Position::default(),
            side: 20,
            bottom: 20,
            z_index: 1000,
            theme: Theme::default(),
            avatar: None,
        }
    }
}

/// The side of the page that the launcher is at. Default `right`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Position {
    #[default]
    Right,
    Left,
}

/// Light or dark; `auto`, the default: as the visitor's system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Theme {
    #[default]
    Auto,
    Light,
    Dark,
}

/// What the widget says. For each that is `null`, the default, it has a text of its own in its language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Texts {
    /// The panel's heading.
    #[serde(deserialize_with = "unless_blank")]
    #[schema(example = "Shop", max_length = 500)]
    pub title: Option<String>,
    /// What stands above an empty conversation.
    #[serde(deserialize_with = "unless_blank")]
    #[schema(max_length = 500)]
    pub greeting: Option<String>,
    /// When to expect an answer.
    #[serde(deserialize_with = "unless_blank")]
    #[schema(max_length = 500)]
    pub reply: Option<String>,
    /// What stands there while no admin is online.
    #[serde(deserialize_with = "unless_blank")]
    #[schema(max_length = 500)]
    pub away: Option<String>,
    /// What stands in the empty field for a message.
    #[serde(deserialize_with = "unless_blank")]
    #[schema(max_length = 500)]
    pub placeholder: Option<String>,
}

/// What a visitor is asked for before the first message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreChat {
    /// Whether the form is shown. Default false.
    #[schema(example = false)]
    pub enabled: bool,
    /// The fields, each name at most once.
    #[schema(inline, max_items = 4)]
    pub fields: Vec<Field>,
}

/// A field of the form.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Field {
    #[schema(inline)]
    pub name: FieldName,
    /// What stands before the field; `null`, the default: the widget's own text.
    #[serde(default, deserialize_with = "unless_blank")]
    #[schema(max_length = 64)]
    pub label: Option<String>,
    /// Whether the visitor has to fill it in. Default false.
    #[serde(default)]
    #[schema(example = true)]
    pub required: bool,
}

/// What the field asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum FieldName {
    Name,
    Email,
    Phone,
    Topic,
}

/// A text; a blank one is as good as none.
fn unless_blank<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<String>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.trim().is_empty()))
}

/// Reads what is stored. Where this version does not understand it, the defaults count, which let no page in.
pub(super) fn read(text: &str) -> ChannelSettings {
    let set = serde_json::from_str(text).map_err(Error::internal);
    set.and_then(|set| with_defaults(&set)).unwrap_or_else(|error| {
        tracing::warn!(%error, "a channel's settings are not understood: the defaults count");
        ChannelSettings::default()
    })
}

/// What is set, and the defaults for the rest.
fn with_defaults(set: &Value) -> Result<ChannelSettings> {
    let mut all = serde_json::to_value(ChannelSettings::default()).map_err(Error::internal)?;
    merge(&mut all, set);
    serde_path_to_error::deserialize(&all).map_err(|error| refused(&error))
}

/// Applies a nested object of changes to what is stored; returns the text to store. What is not named stays as it is, `null`
/// brings back the default, a list is replaced.
///
/// # Errors
/// [`Error::Invalid`], [`Error::WrongType`] and [`Error::Missing`] with the key.
pub(super) fn apply(stored: &str, changes: &Value) -> Result<String> {
    if !changes.is_object() {
        return Err(Error::WrongType("settings".into()));
    }
    known_only(changes, &known()?, "settings")?;
    let mut set: Value = serde_json::from_str(stored).unwrap_or_default();
    merge(&mut set, changes);
    let mut settings = with_defaults(&set)?;
    check(&settings)?;
    for (at, origin) in settings.origins.iter_mut().enumerate() {
        *origin = written(origin).ok_or_else(|| not_an_origin(at))?;
    }
    if let Some(origins) = set.get_mut("origins") {
        *origins = Value::from(settings.origins);
    }
    let text = set.to_string();
    if text.len() > LARGEST {
        return Err(must("settings", &format!("不超过 {LARGEST} 字节"), &format!("at most {LARGEST} bytes as JSON")));
    }
    Ok(text)
}

/// An origin as it is stored. Those of apps have schemes of their own; of the web's schemes only these two have pages.
fn written(text: &str) -> Option<String> {
    if text == OWN_ORIGIN {
        return Some(text.to_owned());
    }
    let has_no_pages =
        |origin: &String| ["ftp:", "ws:", "wss:", "file:"].iter().any(|scheme| origin.starts_with(scheme));
    origin::normalized(text).filter(|origin| !has_no_pages(origin))
}

fn not_an_origin(at: usize) -> Error {
    must(
        &format!("settings.origins[{at}]"),
        &format!("形如 https://shop.example 或 https://*.shop.example 的来源（不含路径），或 {OWN_ORIGIN}"),
        &format!("an origin like https://shop.example or https://*.shop.example without a path, or {OWN_ORIGIN}"),
    )
}

/// Every key that there is: a list stands for its elements.
fn known() -> Result<Value> {
    let field = Field { name: FieldName::Name, label: None, required: false };
    let all = ChannelSettings {
        origins: vec![String::new()],
        pre_chat: PreChat { enabled: false, fields: vec![field] },
        ..ChannelSettings::default()
    };
    serde_json::to_value(all).map_err(Error::internal)
}

/// Refuses keys that are not there.
fn known_only(changes: &Value, known: &Value, path: &str) -> Result<()> {
    match (changes, known) {
        (Value::Object(changes), Value::Object(known)) => changes.iter().try_for_each(|(name, value)| {
            let key: String = format!("{path}.{name}").chars().take(100).collect();
            match known.get(name) {
                Some(known) => known_only(value, known, &key),
                None => Err(Error::Invalid(Problem {
                    zh: format!("没有设置项 {key}").into(),
                    en: format!("there is no setting {key}").into(),
                })),
            }
        }),
        (Value::Array(items), Value::Array(known)) => items.iter().enumerate().try_for_each(|(at, item)| {
            known.first().map_or(Ok(()), |known| known_only(item, known, &format!("{path}[{at}]")))
        }),
        _ => Ok(()),
    }
}

/// Sets `changes` in `set`.
fn merge(set: &mut Value, changes: &Value) {
    let Value::Object(changes) = changes else {
        *set = changes.clone();
        return;
    };
    if !set.is_object() {
        *set = Value::Object(Map::new());
    }
    let Value::Object(set) = set else { return };
    for (name, value) in changes {
        if value.is_null() {
            set.remove(name);
        } else {
            merge(set.entry(name).or_insert(Value::Null), value);
        }
    }
}

/// What serde refused, with the key.
fn refused(error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    let path = error.path().to_string();
    let path = path.trim_end_matches(['?', '.']);
    let key = if path.is_empty() { "settings".to_owned() } else { format!("settings.{path}") };
    let message = error.inner().to_string();
    let between = |before: &str, after: &str| Some(message.strip_prefix(before)?.split_once(after)?.1.to_owned());
    if let Some(allowed) = between("unknown variant", ", expected ") {
        let names: Vec<&str> = allowed.split('`').skip(1).step_by(2).collect();
        return must(&key, &format!(" {}", names.join("、")), &format!("one of {}", names.join(", ")));
    }
    match message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
        Some((name, _)) => Error::Missing(format!("{key}.{name}").into()),
        None => Error::WrongType(key.into()),
    }
}

fn must(key: &str, zh: &str, en: &str) -> Error {
    Error::Invalid(Problem { zh: format!("{key} 须为{zh}").into(), en: format!("{key} must be {en}").into() })
}

/// Checks every rule but that of the origins.
fn check(settings: &ChannelSettings) -> Result<()> {
    let ChannelSettings { origins: _, allow_no_origin: _, locale: _, look, texts, pre_chat } = settings;
    let Look { color, position: _, side, bottom, z_index, theme: _, avatar } = look;
    let Texts { title, greeting, reply, away, placeholder } = texts;
    let PreChat { enabled: _, fields } = pre_chat;
    if !is_color(color) {
        return Err(must("settings.look.color", "形如 #4F5BD5 的颜色", "a colour like #4F5BD5"));
    }
    within("settings.look.side", *side, 1000)?;
    within("settings.look.bottom", *bottom, 1000)?;
    within("settings.look.zIndex", *z_index, HIGHEST)?;
    if avatar.as_deref().is_some_and(|url| !is_picture(url)) {
        return Err(must("settings.look.avatar", " http 或 https 地址", "an http or https address"));
    }
    let named =
        [("title", title), ("greeting", greeting), ("reply", reply), ("away", away), ("placeholder", placeholder)];
    for (name, text) in named {
        shorter(&format!("settings.texts.{name}"), text.as_deref(), TEXT_LIMIT)?;
    }
    for (at, field) in fields.iter().enumerate() {
        shorter(&format!("settings.preChat.fields[{at}].label"), field.label.as_deref(), LABEL_LIMIT)?;
        if fields.iter().take(at).any(|other| other.name == field.name) {
            return Err(must(
                &format!("settings.preChat.fields[{at}].name"),
                "未列出过的名称",
                "a name that was not listed before",
            ));
        }
    }
    Ok(())
}

fn is_color(text: &str) -> bool {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
    digits.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

fn is_picture(url: &str) -> bool {
    // Pages of many sites show it, so that it cannot be relative.
    Url::parse(url).is_ok() && PictureUrl::parse(url).is_some_and(|kept| String::from(kept) == url)
}

fn within(key: &str, value: i64, most: i64) -> Result<()> {
    let range = 0..=most;
    if range.contains(&value) {
        return Ok(());
    }
    Err(must(key, &format!(" 0 至 {most} 的整数"), &format!("a whole number from 0 to {most}")))
}

fn shorter(key: &str, text: Option<&str>, most: usize) -> Result<()> {
    if text.is_none_or(|text| text.chars().count() <= most) {
        return Ok(());
    }
    Err(must(key, &format!("不超过 {most} 字的文本"), &format!("a text of at most {most} characters")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The text is no promise of serde's; when this fails after an update, [`refused`] has to read the new one.
    #[test]
    fn serde_writes_the_text_that_is_read_here() {
        let text = |value| serde_json::from_value::<FieldName>(value).unwrap_err().to_string();
        assert_eq!(text(json!("age")), "unknown variant `age`, expected one of `name`, `email`, `phone`, `topic`");
        let text = serde_json::from_value::<Position>(json!("top")).unwrap_err().to_string();
        assert_eq!(text, "unknown variant `top`, expected `right` or `left`");
    }

    #[test]
    fn what_a_newer_version_has_stored_stays() {
        let stored = r##"{"look":{"color":"#000000","shadow":3},"voice":{"on":true}}"##;
        assert_eq!(read(stored).look.color, "#000000");
        let text = apply(stored, &json!({"look": {"color": null, "side": 4}})).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            json!({"look": {"shadow": 3, "side": 4}, "voice": {"on": true}})
        );
        assert_eq!(read("no JSON"), ChannelSettings::default());
    }
}
