//! What visitors tell of themselves: who they are, and where they are.

use serde_json::{Map, Value};

use super::{Page, store};
use crate::account::{self, ATTRIBUTES_LIMIT, NICKNAME_LIMIT};
use crate::clock::Millis;
use crate::db::AnyConnection;
use crate::error::{Error, Problem, Result};
use crate::id::{ChannelId, TenantId, UserKey};
use crate::text::{Name, visible};

/// Longest address of a page, in characters.
pub(super) const URL_LIMIT: usize = 1024;
/// Longest title of a page that is kept, in characters.
const TITLE_LIMIT: usize = 255;

/// What a visitor changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ProfileUpdate {
    /// The name; `None` keeps it.
    nickname: Option<String>,
    /// Attributes by name; `null` takes one away.
    attributes: Map<String, Value>,
}

impl ProfileUpdate {
    /// What a visitor asks for, checked. An address and a number are attributes with these names.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what is wrong.
    pub(super) fn new(
        nickname: Option<&str>,
        email: Option<String>,
        phone: Option<String>,
        attributes: Option<Map<String, Value>>,
    ) -> Result<Self> {
        let nickname = nickname.map(self::nickname).transpose()?;
        if email.as_deref().is_some_and(|email| !is_email(email)) {
            return Err(Error::Invalid(Problem::new("邮箱格式不正确", "email is not valid")));
        }
        let mut attributes = attributes.unwrap_or_default();
        for (name, value) in [("email", email), ("phone", phone)] {
            attributes.extend(value.map(|value| (name.to_owned(), Value::String(value))));
        }
        Ok(Self { nickname, attributes })
    }
}

/// The name of a visitor.
///
/// # Errors
/// [`Error::Invalid`] when nothing of it can be seen.
pub(super) fn nickname(text: &str) -> Result<String> {
    let problem = Problem::new("昵称的字数须为 1 至 64", "nickname must have 1-64 characters");
    Name::cut(text, NICKNAME_LIMIT).map(String::from).ok_or(Error::Invalid(problem))
}

fn is_email(text: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && !part.contains(|letter: char| letter.is_whitespace() || letter == '@');
    visible(text) == text && text.rsplit_once('@').is_some_and(|(user, host)| is_part(user) && is_part(host))
}

/// A member's attributes as a JSON object, `None` when there are none.
pub(crate) fn attributes(stored: Option<&str>) -> Option<Map<String, Value>> {
    let attributes: Map<String, Value> = serde_json::from_str(stored?).ok()?;
    (!attributes.is_empty()).then_some(attributes)
}

/// The page that a visitor names.
///
/// # Errors
/// [`Error::Invalid`] for an address that is none of a page.
pub(super) fn page(url: &str, title: &str, now: Millis) -> Result<Page> {
    let problem = Problem::new(
        "页面地址须为 http 或 https 地址，最多 1024 个字符",
        "url must be an http or https address of at most 1024 characters",
    );
    let is_page = url.chars().count() <= URL_LIMIT
        && visible(url) == url
        && url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if !is_page {
        return Err(Error::Invalid(problem));
    }
    let title = Name::cut(title, TITLE_LIMIT).map(String::from).unwrap_or_default();
    Ok(Page { url: url.to_owned(), title, time: now })
}

/// Makes a visitor who came in by a channel, inside a write transaction.
pub(super) fn make(
    connection: &mut AnyConnection,
    tenant: TenantId,
    channel: ChannelId,
    nickname: Option<String>,
    now: Millis,
) -> Result<UserKey> {
    let member = account::make_visitor(connection, tenant, nickname, now)?;
    store::insert(connection, member.row, tenant, channel, now)?;
    Ok(member.key)
}

/// Changes what is known of a visitor, inside a write transaction; returns whether anything has changed.
///
/// # Errors
/// [`Error::Invalid`] when the attributes become too long.
pub(super) fn update(
    connection: &mut AnyConnection,
    key: UserKey,
    update: &ProfileUpdate,
    now: Millis,
) -> Result<bool> {
    let member = account::locked_member(connection, key)?.ok_or(Error::Unauthenticated)?;
    let before = attributes(member.attributes.as_deref()).unwrap_or_default();
    let mut after = before.clone();
    for (name, value) in &update.attributes {
        match value {
            Value::Null => drop(after.remove(name)),
            value => drop(after.insert(name.clone(), value.clone())),
        }
    }
    let told = before != after;
    if told {
        let text = serde_json::to_string(&after).map_err(Error::internal)?;
        if text.len() > ATTRIBUTES_LIMIT {
            return Err(Error::Invalid(Problem::new(
                "属性过长，最多 4096 字节",
                "attributes are too long, at most 4096 bytes",
            )));
        }
        account::set_attributes(connection, key, &text, now)?;
    }
    let nickname = update.nickname.as_ref().filter(|nickname| **nickname != member.nickname);
    let renamed = nickname.is_some();
    if let Some(nickname) = nickname {
        account::rename(connection, member, nickname.clone(), now)?;
    }
    Ok(told || renamed)
}

/// Notes where a visitor is, inside a write transaction; returns whether that is another page than before.
pub(super) fn set_page(connection: &mut AnyConnection, key: UserKey, page: &Page) -> Result<bool> {
    let member = account::member(connection, key.tenant, key.user)?.ok_or(Error::Unauthenticated)?;
    let before = store::find(connection, member.row)?.ok_or(Error::Forbidden)?.page;
    if before.is_some_and(|before| before.url == page.url && before.title == page.title) {
        return Ok(false);
    }
    store::set_page(connection, member.row, page)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_an_address_that_leads_to_one() {
        let long = format!("https://shop.example/{}", "x".repeat(URL_LIMIT));
        for url in [
            "",
            "shop.example",
            "/cart",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "https://",
            "https://a/\u{202e}b",
            &long,
        ] {
            assert!(page(url, "", 0).is_err(), "{url}");
        }
        let found = page("https://shop.example/购物车?a=1#b", " 购物\n车 ", 5).unwrap();
        assert_eq!(
            (found.url.as_str(), found.title.as_str(), found.time),
            ("https://shop.example/购物车?a=1#b", "购物 车", 5)
        );
    }

    #[test]
    fn an_email_has_two_parts() {
        for good in ["a@b.c", "a+b@c", "\"a\"@b"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["a", "@b", "a@", "a@b@c", "a b@c", "a@b\u{200b}", "a@b c"] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
