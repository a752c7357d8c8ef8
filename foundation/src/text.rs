//! Text from outside: names that people read, addresses of pictures, and the one character that no text may hold.
//!
//! Whatever a token, a form, a file or the command line calls a person or a thing becomes a [`Name`] first. A name is what
//! it looks like: it holds no control characters, nothing that changes the direction of the text around it, and nothing
//! that takes no room, so that no name is empty to the eye and none reads backwards.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Longest address of a picture, in characters: longer than those that object stores sign.
pub(crate) const PICTURE_LIMIT: usize = 2048;

/// A name to be shown: trimmed, not empty, of limited length, and of visible characters only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The name in `text`, without what names may not hold and cut to `limit` characters; `None` when nothing is left.
    pub fn cut(text: &str, limit: usize) -> Option<Self> {
        let visible = visible(text);
        let cut: String = visible.trim().chars().take(limit).collect();
        let name = cut.trim_end();
        (!name.is_empty()).then(|| Self(name.to_owned()))
    }

    /// `text` as it is; `None` when it is empty or longer than `limit` characters, or holds what names may not hold.
    pub fn exact(text: &str, limit: usize) -> Option<Self> {
        Self::cut(text, limit).filter(|name| name.0 == text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

/// The address of a picture: `http:`, `https:` or relative to the page, so that nothing runs and no whole picture is
/// stored where an address belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureUrl(String);

impl PictureUrl {
    /// The address in `text`, trimmed; `None` for one that is empty, longer than [`PICTURE_LIMIT`] or of another scheme.
    /// An address is never cut: half of one shows nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_plain = !text.is_empty() && text.chars().count() <= PICTURE_LIMIT && !text.chars().any(is_invisible);
        let allowed = match url::Url::parse(text) {
            Ok(url) => matches!(url.scheme(), "http" | "https") && url.has_host(),
            // A path, or `//host/path`. Browsers read `\` as `/`.
            Err(url::ParseError::RelativeUrlWithoutBase) => true,
            Err(_) => false,
        };
        (is_plain && allowed).then(|| Self(text.to_owned()))
    }
}

impl From<PictureUrl> for String {
    fn from(url: PictureUrl) -> Self {
        url.0
    }
}

/// Whether a JSON text holds the character NUL in one of its strings. PostgreSQL's texts cannot hold it, and it means
/// nothing to anyone. JSON has one way to write it, `\u0000`.
pub(crate) fn json_has_nul(json: &[u8]) -> bool {
    memchr::memmem::find_iter(json, b"\\u0000").any(|at| {
        // After an odd number of backslashes, this one is escaped itself.
        let before = json.get(..at).unwrap_or_default();
        before.iter().rev().take_while(|byte| **byte == b'\\').count().is_multiple_of(2)
    })
}

/// The visible characters of a text; line breaks and tabs become spaces.
pub fn visible(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.next() {
        let previous = kept.chars().next_back();
        match letter {
            '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => kept.push(' '),
            '\u{200c}' | '\u{200d}' if joins(previous, letter, rest.peek().copied()) => kept.push(letter),
            // The variation selectors of emoji: visible only together with what they follow.
            '\u{fe0e}' | '\u{fe0f}' if previous.is_some_and(is_emoji) => kept.push(letter),
            _ if is_invisible(letter) => {}
            _ => kept.push(letter),
        }
    }
    kept
}

/// Whether a joiner is part of the spelling there: inside an emoji, or between letters of the Arabic and Indic scripts,
/// where it changes their shape.
fn joins(previous: Option<char>, joiner: char, next: Option<char>) -> bool {
    let both = |is: fn(char) -> bool| previous.is_some_and(is) && next.is_some_and(is);
    let is_shaped = |letter| matches!(letter, '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{900}'..='\u{dff}');
    both(is_shaped) || (joiner == '\u{200d}' && both(is_emoji))
}

/// Whether a character is, or ends, an emoji: pictographs, symbols, skin colours and the selector behind them.
const fn is_emoji(letter: char) -> bool {
    matches!(letter, '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}') && letter != '\u{2800}'
}

/// Whether a character takes no room, or room that looks empty, or changes the text around it.
fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || is_format(letter)
        || matches!(
            letter,
            // Unicode's Default_Ignorable_Code_Point, as far as it is not of the category Format, with the places that are
            // kept free for more of it; then blanks that count as letters or symbols.
            '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
                | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}'
                | '\u{fff0}'..='\u{fff8}' | '\u{e0000}'..='\u{e0fff}'
                | '\u{2800}' | '\u{16fe4}' | '\u{1d159}'
        )
}

/// Whether a character is of Unicode's category Format: direction marks and overrides, joiners, zero-width spaces, tags.
fn is_format(letter: char) -> bool {
    letter.general_category() == GeneralCategory::Format
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Option<String> {
        Name::cut(text, 8).map(String::from)
    }

    #[test]
    fn a_name_is_what_it_looks_like() {
        for (text, name) in [
            ("小明", "小明"),
            ("  red  ", "red"),
            ("\u{202e}gnp.exe", "gnp.exe"),
            ("a\nb", "a b"),
            ("a\0b\u{7f}\u{9b}", "ab"),
            ("\u{2066}a\u{2069}\u{200e}\u{61c}b\u{feff}\u{ad}", "ab"),
            ("张\u{200d}三\u{e0041}", "张三"),
            ("123456789", "12345678"),
            ("1234567 9", "1234567"),
            ("👨\u{200d}👩\u{200d}👧 ❤\u{fe0f}", "👨\u{200d}👩\u{200d}👧 ❤\u{fe0f}"),
            ("می\u{200c}خ", "می\u{200c}خ"),
        ] {
            assert_eq!(cut(text).as_deref(), Some(name), "{text:?}");
        }
        for empty in [
            "",
            "  ",
            "\u{200b}\u{200b}",
            "\n\0",
            "\u{3164}",
            "\u{2800}",
            "\u{fe0f}",
            "\u{200d}",
            "\u{202e} \u{feff}",
            "\u{16fe4}",
            "\u{1d159}",
            "\u{2065}",
            "\u{fff0}",
            "\u{e0002}",
            "\u{e0080}",
            "\u{e01f0}",
            "\u{180e}",
            "\u{ad}",
        ] {
            assert_eq!(cut(empty), None, "{empty:?}");
        }
    }

    #[test]
    fn an_exact_name_is_neither_changed_nor_cut() {
        assert_eq!(Name::exact("red fox", 8).map(String::from).as_deref(), Some("red fox"));
        for text in ["", " red", "red ", "r\u{200b}ed", "red\0", "123456789", "re\td"] {
            assert_eq!(Name::exact(text, 8), None, "{text:?}");
        }
    }

    #[test]
    fn a_picture_has_a_whole_address_that_runs_nothing() {
        let long = format!("https://shop.example/{}", "a".repeat(PICTURE_LIMIT - 21));
        for good in
            ["https://shop.example/a.png?x=1", "HTTP://shop.example/é", "/a.png", "//shop.example/a", "a.png", &long]
        {
            assert_eq!(PictureUrl::parse(good).map(String::from).as_deref(), Some(good));
        }
        let too_long = format!("{long}a");
        for bad in [
            "",
            " ",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "java\nscript:alert(1)",
            "\u{1}javascript:alert(1)",
            "data:image/png;base64,AAAA",
            "vbscript:x",
            "blob:https://shop.example/1",
            "file:///etc/passwd",
            "https://",
            "/a\0",
            "/\u{202e}gnp.a",
            &too_long,
        ] {
            assert_eq!(PictureUrl::parse(bad), None, "{bad:?}");
        }
        assert_eq!(PictureUrl::parse(" /a.png\n").map(String::from).as_deref(), Some("/a.png"));
    }

    #[test]
    fn nul_is_found_in_json_and_its_spelling_is_not_mistaken_for_it() {
        for with in [r#""\u0000""#, r#""a\\\u0000""#, r#"{"a":"\\u0000\u0000"}"#] {
            assert!(json_has_nul(with.as_bytes()), "{with}");
        }
        for without in ["", "1", r#""\\u0000""#, r#""\\\\u0000""#, r#""\u0001""#] {
            assert!(!json_has_nul(without.as_bytes()), "{without}");
        }
    }
}
