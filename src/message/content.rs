//! What a message may contain (docs/contract.md#refused-content).
//!
//! `content` is stored and returned byte for byte; what is refused here is what breaks the stock pages for good.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
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
        ContentType::Image | ContentType::Product => content.trim() == "null",
        ContentType::Voice | ContentType::Video | ContentType::System | ContentType::Order => false,
    };
    if breaks_pages { refuse("消息内容与消息类型不符", "content does not fit its type") } else { Ok(()) }
}

/// Whether the stock pages can show a text: not JSON, a plain JSON scalar other than `null`, or an object with a string
/// `text`.
fn text_shows(content: &str) -> bool {
    // IgnoredAny neither decodes strings nor recurses, so that it agrees with a browser's JSON.parse on lone
    // surrogates, huge numbers and deep nesting.
    if serde_json::from_str::<IgnoredAny>(content).is_err() {
        return true;
    }
    match content.trim_start().as_bytes().first() {
        Some(b'{') => serde_json::from_str::<TextObject>(content).is_ok_and(|object| object.text_is_string),
        Some(b'[' | b'n') => false,
        _ => true,
    }
}

struct TextObject {
    text_is_string: bool,
}

impl<'de> Deserialize<'de> for TextObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = TextObject;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<TextObject, A::Error> {
                let mut object = TextObject { text_is_string: false };
                // As in JavaScript, the last of several equal names counts.
                while let Some((name, value)) = fields.next_entry::<String, &RawValue>()? {
                    if name == "text" {
                        object.text_is_string = value.get().starts_with('"');
                    }
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(Fields)
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
        assert!(!accepts(ContentType::Image, "null"));
        assert!(!accepts(ContentType::Product, "null "));
        assert!(accepts(ContentType::Order, "null"));
    }

    #[test]
    fn the_limit_counts_characters() {
        assert!(accepts(ContentType::Text, &"客".repeat(2048)));
        assert!(!accepts(ContentType::Text, &"客".repeat(2049)));
        assert!(check(ContentType::Text, &"a".repeat(MAX_BYTES), MAX_BYTES).is_ok());
        assert!(check(ContentType::Text, &"客".repeat(MAX_BYTES / 2), MAX_BYTES).is_err());
    }
}
