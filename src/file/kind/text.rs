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
    if let Some((encoding, charset)) = unmarked_utf16(head) {
        return is_text_in(encoding, head).then_some(charset);
    }
    if head.contains(&0) || text::is_shellscript(head) {
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

/// UTF-8 without NUL that does not name an interpreter.
fn is_utf8(head: &[u8]) -> bool {
    let utf8 = std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    utf8 && !head.contains(&0) && !text::is_shellscript(head)
}

/// UTF-16 without a mark is known by the high bytes of its line ends, digits and Latin letters, which are zero: all at
/// even places, or all at odd ones.
fn unmarked_utf16(head: &[u8]) -> Option<(&'static Encoding, Charset)> {
    let zeros = |parity: usize| head.iter().skip(parity).step_by(2).filter(|byte| **byte == 0).count();
    match (zeros(0), zeros(1)) {
        (0, 1..) => Some((UTF_16LE, Charset::Utf16Le)),
        (1.., 0) => Some((UTF_16BE, Charset::Utf16Be)),
        _ => None,
    }
}

/// Whether these bytes are a text in an encoding: every one belongs to a character, and none is a control character but
/// those of lines, tabs and pages.
fn is_text_in(encoding: &'static Encoding, bytes: &[u8]) -> bool {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let Some(length) = decoder.max_utf8_buffer_length_without_replacement(bytes.len()) else { return false };
    let mut decoded = String::with_capacity(length);
    let is_whole = bytes.len() < HEAD_BYTES - 2;
    let (result, _) = decoder.decode_to_string_without_replacement(bytes, &mut decoded, is_whole);
    let is_control = |letter: char| letter.is_control() && !matches!(letter, '\t' | '\n' | '\r' | '\x0C' | '\x1A');
    result == DecoderResult::InputEmpty && !decoded.is_empty() && !decoded.contains(is_control)
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
