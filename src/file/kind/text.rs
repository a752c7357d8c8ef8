//! Texts: which charset they are in.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{BIG5, DecoderResult, Encoding, GB18030, GBK, UTF_16BE, UTF_16LE};
use infer::text;

use super::HEAD_BYTES;

/// The charsets of texts that are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    Utf8,
    /// With GBK and GB2312 as parts of it: Chinese Windows.
    Gb18030,
    /// Windows in Taiwan and Hong Kong.
    Big5,
    /// What Windows calls Unicode.
    Utf16Le,
    Utf16Be,
}

/// The charset of a text without control characters that does not name an interpreter; `None` for anything else. A head
/// of [`HEAD_BYTES`] or more may end inside a character.
pub(super) fn charset(head: &[u8]) -> Option<Charset> {
    if let Some((encoding, length)) = Encoding::for_bom(head)
        && let Some(charset) = [(UTF_16LE, Charset::Utf16Le), (UTF_16BE, Charset::Utf16Be)]
            .into_iter()
            .find_map(|(utf16, charset)| (utf16 == encoding).then_some(charset))
    {
        return is_text_in(encoding, head.get(length..).unwrap_or_default()).then_some(charset);
    }
    if is_utf8(head) {
        return Some(Charset::Utf8);
    }
    if let Some(charset) = unmarked_utf16(head) {
        return Some(charset);
    }
    if head.contains(&0) || names_interpreter(head) {
        return None;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(head, head.len() < HEAD_BYTES);
    let likely = detector.guess(None, Utf8Detection::Deny);
    let chinese = [(GB18030, Charset::Gb18030), (BIG5, Charset::Big5)];
    let likely = if likely == GBK { GB18030 } else { likely };
    let guessed = chinese.into_iter().filter(|(encoding, _)| *encoding == likely);
    // A text of a few characters may look like any language; Chinese is what is expected here.
    guessed.chain(chinese).find(|(encoding, _)| is_text_in(encoding, head)).map(|(_, charset)| charset)
}

/// Whether this is a text of one byte after the other, without control characters: one that only begins like another kind.
pub(super) fn is_readable(head: &[u8]) -> bool {
    let is_control = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0C | 0x1A | 0x1B);
    head.first().is_some_and(u8::is_ascii) && !head.iter().any(is_control) && charset(head).is_some()
}

/// Whether a system would run the text: `#!` and the path of a program.
fn names_interpreter(head: &[u8]) -> bool {
    without_byte_order_mark(head).strip_prefix(b"#!").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"/"))
}

/// UTF-8 without NUL that does not name an interpreter.
fn is_utf8(head: &[u8]) -> bool {
    let utf8 = std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    utf8 && !head.contains(&0) && !names_interpreter(head)
}

/// UTF-16 without a mark: no other text has zeros, which are in its line ends, digits, Latin letters and a few others. Of both
/// orders of bytes it is the one that gives more letters of the kind that texts here have, and those alone but for a few.
fn unmarked_utf16(head: &[u8]) -> Option<Charset> {
    if !head.contains(&0) {
        return None;
    }
    // Which half of the zeros are high ones decides between two that fit alike, as with Latin letters alone.
    let zeros = |parity: usize| head.iter().skip(parity).step_by(2).filter(|byte| **byte == 0).count();
    let orders = [(UTF_16BE, Charset::Utf16Be, zeros(0)), (UTF_16LE, Charset::Utf16Le, zeros(1))];
    let usual = orders.into_iter().filter_map(|(encoding, charset, zeros)| {
        let text = decode(encoding, head)?;
        let (usual, all) = (text.chars().filter(|letter| is_usual(*letter)).count(), text.chars().count());
        (usual * 10 >= all * 9).then_some(((usual, zeros), charset))
    });
    usual.max_by_key(|(fit, _)| *fit).map(|(_, charset)| charset)
}

/// Letters, signs and pictures of Chinese and its neighbours, and of Latin scripts.
const fn is_usual(letter: char) -> bool {
    matches!(letter,
        '\0'..='\u{ff}' | '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}' | '\u{ff00}'..='\u{ffef}' | '\u{1f300}'..='\u{1faff}')
}

/// The text that these bytes are in an encoding: every one belongs to a character, but for one of a text of Windows that
/// is cut at the end, and none is a control character but those of lines, tabs, pages and colours.
fn decode(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut decoded = String::with_capacity(decoder.max_utf8_buffer_length_without_replacement(bytes.len())?);
    let is_whole = bytes.len() < HEAD_BYTES - 2 && [UTF_16LE, UTF_16BE].contains(&encoding);
    let (result, _) = decoder.decode_to_string_without_replacement(bytes, &mut decoded, is_whole);
    let is_control =
        |letter: char| letter.is_control() && !matches!(letter, '\t' | '\n' | '\r' | '\x0C' | '\x1A' | '\x1B');
    (result == DecoderResult::InputEmpty && !decoded.is_empty() && !decoded.contains(is_control)).then_some(decoded)
}

fn is_text_in(encoding: &'static Encoding, bytes: &[u8]) -> bool {
    decode(encoding, bytes).is_some()
}

/// UTF-8 that browsers take for HTML.
pub(super) fn is_html(head: &[u8]) -> bool {
    is_utf8(head) && text::is_html(without_byte_order_mark(head))
}

/// UTF-8 that begins like XML and names an `svg` element.
pub(super) fn is_svg(head: &[u8]) -> bool {
    is_utf8(head)
        && without_byte_order_mark(head).trim_ascii_start().starts_with(b"<")
        && head.windows(4).any(|window| window.eq_ignore_ascii_case(b"<svg"))
}

fn without_byte_order_mark(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head)
}
