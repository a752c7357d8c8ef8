//! What a message may contain (docs/contract.md#refused-content).
//!
//! `content` is stored and returned byte for byte; what is refused here is what breaks the stock pages for good.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{Error, Problem, Result};
pub use crate::fact::ContentType;

/// The most bytes that a content may have, whatever the limit in characters.
pub const MAX_BYTES: usize = 64 * 1024;

/// A content that keeps the rules of its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    kind: ContentType,
    text: String,
}

impl Content {
    /// The content of a type's number on the wire and a text, of at most so many characters.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what is wrong.
    pub fn parse(code: i32, text: String, max_characters: usize) -> Result<Self> {
        let kind = ContentType::from_code(code)
            .ok_or(Error::Invalid(Problem::new("不支持的消息类型", "contentType is not valid")))?;
        check(kind, &text, max_characters)?;
        Ok(Self { kind, text })
    }

    /// A content of another system, which was shown there: only what breaks the stock pages is refused. A picture that failed
    /// to upload is kept as the empty picture that it was.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what is wrong.
    pub(crate) fn imported(kind: ContentType, text: String) -> Result<Self> {
        let breaks_pages = matches!(kind, ContentType::Image | ContentType::Product) && text.trim() == "null";
        // What any type must keep is that of one without a form.
        let rules = if kind == ContentType::Text || breaks_pages { kind } else { ContentType::System };
        check(rules, &text, MAX_BYTES)?;
        Ok(Self { kind, text })
    }

    /// Its type.
    pub const fn kind(&self) -> ContentType {
        self.kind
    }

    /// The number of its type.
    pub const fn code(&self) -> i32 {
        self.kind.code()
    }

    /// The text, byte for byte as it was sent.
    pub const fn text(&self) -> &str {
        self.text.as_str()
    }
}

/// Checks a content against its type and the limit in characters.
///
/// # Errors
/// [`Error::Invalid`] with what is wrong.
pub fn check(content_type: ContentType, content: &str, max_characters: usize) -> Result<()> {
    let refuse = |zh, en| Err(Error::Invalid(Problem::new(zh, en)));
    if content.is_empty() {
        return refuse("消息内容不能为空", "content must not be empty");
    }
    if content.len() > max_characters && content.chars().count() > max_characters {
        return Err(Error::Invalid(Problem {
            zh: format!("消息内容过长，最多 {max_characters} 字").into(),
            en: format!("content is too long, at most {max_characters} characters").into(),
        }));
    }
    if content.len() > MAX_BYTES {
        return Err(Error::Invalid(Problem {
            zh: format!("消息内容过长，最多 {MAX_BYTES} 字节").into(),
            en: format!("content is too long, at most {MAX_BYTES} bytes").into(),
        }));
    }
    if content.contains('\0') {
        return refuse("消息内容不能包含空字符", "content must not contain NUL");
    }
    let breaks_pages = match content_type {
        ContentType::Text => !text_shows(content),
        ContentType::Image => !image_shows(content),
        ContentType::Product | ContentType::Order => !is_json(content) || !is_object(content),
        ContentType::Voice | ContentType::Video | ContentType::System => false,
    };
    if breaks_pages { refuse("消息内容与消息类型不符", "content does not fit its type") } else { Ok(()) }
}

/// Whether the stock pages can show a text: not JSON, a plain JSON scalar other than `null`, or an object with a string
/// `text`.
fn text_shows(content: &str) -> bool {
    if !is_json(content) {
        return true;
    }
    match content.trim_start().as_bytes().first() {
        Some(b'{') => string_field(content, "text").is_some(),
        Some(b'[' | b'n') => false,
        _ => true,
    }
}

/// Whether there is a picture: a bare address, or an object with one in `picUrl`. The stock member client sends
/// `{"picUrl":null}` after an upload that was refused.
fn image_shows(content: &str) -> bool {
    if !is_json(content) {
        return !content.trim().is_empty();
    }
    let address = is_object(content).then(|| string_field(content, "picUrl")).flatten();
    // What cannot be decoded holds half a character, and so is not blank.
    address.is_some_and(|raw| serde_json::from_str::<String>(raw).map_or(true, |address| !address.trim().is_empty()))
}

/// Whether a browser's `JSON.parse` takes it: neither decodes strings nor recurses, so that it agrees on lone surrogates,
/// huge numbers and deep nesting.
fn is_json(content: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(content).is_ok()
}

/// Whether what is JSON is an object.
fn is_object(content: &str) -> bool {
    content.trim_start().starts_with('{')
}

/// The string, quoted as it is written, that an object has under a name; `None` when there is something else or nothing.
fn string_field<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let mut deserializer = serde_json::Deserializer::from_str(object);
    let found = Field(name).deserialize(&mut deserializer).ok()??;
    found.get().starts_with('"').then(|| found.get())
}

/// What an object has under this name.
struct Field<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        // As in JavaScript, the last of several equal names counts.
        while let Some((name, value)) = fields.next_entry::<String, &RawValue>()? {
            if name == self.0 {
                found = Some(value);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(content_type: ContentType, content: &str) -> bool {
        check(content_type, content, 2048).is_ok()
    }

    #[test]
    fn text_that_the_stock_pages_show_is_accepted() {
        for content in [
            r#"{"text":"hi\n"}"#,
            r#" { "a": [1], "\u0074ext" : "x" } "#,
            r#"{"text":1,"text":"last one counts"}"#,
            r#"{"text":"\ud800"}"#,
            "hello",
            "{not json",
            "123",
            "1e999",
            "true",
            r#""quoted""#,
            "<script>alert(1)</script>'; DROP TABLE kefu_message; --",
        ] {
            assert!(accepts(ContentType::Text, content), "{content}");
        }
    }

    #[test]
    fn text_that_breaks_the_stock_pages_is_refused() {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        let deep_text = format!(r#"{{"text":{}{}}}"#, "[".repeat(900), "]".repeat(900));
        for content in [
            "null",
            " null\n",
            "{}",
            "[]",
            r#"{"text":null}"#,
            r#"{"text":123}"#,
            r#"{"text":"a","text":{}}"#,
            r#"{"text":{"a":"\ud800"}}"#,
            r#"{"text":1e999}"#,
            "",
            "a\0b",
            &deep,
            &deep_text,
        ] {
            assert!(!accepts(ContentType::Text, content), "{content}");
        }
    }

    #[test]
    fn a_picture_has_an_address_and_a_card_is_an_object() {
        for content in [
            r#"{"picUrl":"http://x/y.png"}"#,
            r#" {"a":1,"picUrl":null,"\u0070icUrl":"x"} "#,
            r#"{"picUrl":"\ud800"}"#,
            "https://x/y.png",
            "y.png",
        ] {
            assert!(accepts(ContentType::Image, content), "{content}");
        }
        for content in [
            "null",
            " ",
            "{}",
            "[]",
            "123",
            r#""https://x/y.png""#,
            r#"{"picUrl":null}"#,
            r#"{"picUrl":""}"#,
            r#"{"picUrl":" \u3000\t"}"#,
            r#"{"picUrl":{"a":"b"}}"#,
            r#"{"picUrl":"x","picUrl":null}"#,
            r#"{"picurl":"x"}"#,
            r#"["picUrl","x"]"#,
        ] {
            assert!(!accepts(ContentType::Image, content), "{content}");
        }
        for card in [ContentType::Product, ContentType::Order] {
            assert!(accepts(card, " {}") && accepts(card, r#"{"id":1}"#));
            for content in ["null", "[]", "[{}]", "1", "text", "{broken", r#""{}""#, " "] {
                assert!(!accepts(card, content), "{content}");
            }
        }
        assert!(accepts(ContentType::Voice, "anything") && accepts(ContentType::System, "null"));
    }

    #[test]
    fn what_was_shown_elsewhere_is_imported() {
        let imported = |kind, content: &str| Content::imported(kind, content.to_owned()).is_ok();
        for (kind, content) in [
            (ContentType::Image, r#"{"picUrl":null}"#),
            (ContentType::Image, "{}"),
            (ContentType::Order, "null"),
            (ContentType::Product, "x"),
        ] {
            assert!(imported(kind, content) && !accepts(kind, content), "{content}");
        }
        for (kind, content) in [
            (ContentType::Image, "null"),
            (ContentType::Product, " null"),
            (ContentType::Text, "null"),
            (ContentType::Order, ""),
            (ContentType::Voice, "a\0b"),
        ] {
            assert!(!imported(kind, content), "{content}");
        }
    }

    #[test]
    fn the_limit_counts_characters() {
        assert!(accepts(ContentType::Text, &"客".repeat(2048)));
        assert!(!accepts(ContentType::Text, &"客".repeat(2049)));
        assert!(check(ContentType::Text, &"a".repeat(MAX_BYTES), MAX_BYTES).is_ok());
        assert!(check(ContentType::Text, &"客".repeat(MAX_BYTES / 2), MAX_BYTES).is_err());
    }
}
