//! The names of files: read from forms as clients write them, and given back with a download.
//!
//! A name never refuses a form. Browsers write UTF-8 and only escape quotes; old Windows programs write GBK, some of whose
//! characters end with a backslash; some libraries give `filename*` (RFC 8187) alone; and some give no name.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, GB18030, UTF_8};

use super::kind::{Kind, ending};
use crate::text::visible;

/// The longest name that is remembered, in characters.
const LENGTH: usize = 255;
/// The longest ending that a cut leaves.
const ENDING_LENGTH: usize = 16;

/// What `Content-Disposition` says of a part of a form.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Disposition {
    /// The name of the part, empty without one.
    pub field: String,
    /// The name of the file, cleaned; empty without one.
    pub file_name: String,
}

impl Disposition {
    /// Reads the header's bytes; what cannot be read is as if it were not there.
    pub(super) fn parse(header: &[u8]) -> Self {
        let (mut field, mut plain, mut extended) = (None, None, None);
        for (name, value) in Parameters(header) {
            let name = name.trim_ascii();
            if name.eq_ignore_ascii_case(b"name") {
                field.get_or_insert(value);
            } else if name.eq_ignore_ascii_case(b"filename") {
                plain.get_or_insert(value);
            } else if name.eq_ignore_ascii_case(b"filename*") {
                extended.get_or_insert(value);
            }
        }
        let file_name = extended.map(|value| clean(&decode_extended(value))).filter(|name| !name.is_empty());
        Self {
            field: field.map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default(),
            file_name: file_name.or_else(|| plain.map(|value| clean(&decode_plain(value)))).unwrap_or_default(),
        }
    }
}

/// The parameters after the disposition's type, quotes removed.
struct Parameters<'a>(&'a [u8]);

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.0.iter().position(|byte| *byte == b';')?.checked_add(1)?;
        let (name, rest) = self.0.get(start..)?.split_once_at(b'=')?;
        let rest = rest.trim_ascii_start();
        let (value, rest) = match rest.strip_prefix(b"\"") {
            Some(quoted) => quoted.split_at(end_of_quoted(quoted)),
            None => rest.split_at(rest.iter().position(|byte| *byte == b';').unwrap_or(rest.len())),
        };
        self.0 = rest;
        Some((name, value.trim_ascii()))
    }
}

trait SplitOnce {
    fn split_once_at(&self, byte: u8) -> Option<(&[u8], &[u8])>;
}

impl SplitOnce for [u8] {
    fn split_once_at(&self, byte: u8) -> Option<(&[u8], &[u8])> {
        let at = self.iter().position(|found| *found == byte)?;
        Some((self.get(..at)?, self.get(at.checked_add(1)?..)?))
    }
}

/// Where a quoted text ends: at the first quote that another parameter or nothing follows. A backslash escapes nothing:
/// it may be the half of a character, or the end of a folder.
fn end_of_quoted(quoted: &[u8]) -> usize {
    let is_end = |at: &usize| {
        let after = quoted.get(at.saturating_add(1)..).unwrap_or_default().trim_ascii_start();
        after.is_empty() || after.starts_with(b";")
    };
    let mut quotes = quoted.iter().enumerate().filter(|(_, byte)| **byte == b'"').map(|(at, _)| at);
    quotes.clone().find(is_end).or_else(|| quotes.next_back()).unwrap_or(quoted.len())
}

/// `charset'language'percent-encoded`; without the first two, UTF-8.
fn decode_extended(value: &[u8]) -> String {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let (encoding, encoded) = match (parts.next(), parts.next(), parts.next()) {
        (Some(charset), Some(_), Some(encoded)) => (Encoding::for_label(charset).unwrap_or(UTF_8), encoded),
        _ => (UTF_8, value),
    };
    let bytes = percent_decode(encoded);
    if encoding == UTF_8 { decode_bytes(&bytes) } else { encoding.decode_without_bom_handling(&bytes).0.into_owned() }
}

/// As it is; percent-encoded when that gives letters beyond ASCII, or a quote.
fn decode_plain(value: &[u8]) -> String {
    let text = decode_bytes(value);
    match String::from_utf8(percent_decode(text.as_bytes())) {
        Ok(decoded) if !decoded.is_ascii() || text.contains("%22") => decoded,
        _ => text,
    }
}

/// UTF-8, else what it most likely is; of Chinese charsets mostly GBK.
fn decode_bytes(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let (text, _) = GB18030.decode_with_bom_removal(bytes);
    if !text.contains(char::REPLACEMENT_CHARACTER) {
        return text.into_owned();
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let (text, _) = detector.guess(None, Utf8Detection::Deny).decode_without_bom_handling(bytes);
    text.replace(char::REPLACEMENT_CHARACTER, "")
}

fn percent_decode(text: &[u8]) -> Vec<u8> {
    percent_encoding::percent_decode(text).collect()
}

/// Without folders and what cannot be seen ([`crate::text`]); cut to [`LENGTH`], its ending kept.
fn clean(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).find(|part| !visible(part).trim().is_empty()).unwrap_or_default();
    let name = visible(name);
    let name = name.trim().trim_end_matches('.');
    let length = name.chars().count();
    if length <= LENGTH {
        return name.to_owned();
    }
    let kept: String = match name.rsplit_once('.') {
        Some((_, ending)) if ending.chars().count() <= ENDING_LENGTH => format!(".{ending}"),
        _ => String::new(),
    };
    name.chars().take(LENGTH.saturating_sub(kept.chars().count())).chain(kept.chars()).collect()
}

/// The value of `Content-Disposition` for a stored file, with the name under which it came. A name whose ending promises
/// another kind of file gets the right one behind it: what came as `picture.exe` must not be run by a double click.
pub(super) fn content_disposition(kind: &Kind, name: Option<&str>) -> String {
    let shown = if kind.inline { "inline" } else { "attachment" };
    let Some(name) = name.filter(|name| !name.is_empty()) else { return shown.to_owned() };
    let name = if kind.goes_by(&ending(name)) { name.to_owned() } else { format!("{name}.{}", kind.suffix()) };
    let fallback: String = name
        .chars()
        .map(|letter| if letter.is_ascii() && !matches!(letter, '"' | '\\' | '%') { letter } else { '_' })
        .collect();
    let encoded = percent_encoding::utf8_percent_encode(&name, ATTRIBUTE);
    format!("{shown}; filename=\"{fallback}\"; filename*=UTF-8''{encoded}")
}

/// All but the `attr-char` of RFC 8187.
const ATTRIBUTE: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

#[cfg(test)]
mod tests {
    use encoding_rs::{BIG5, GBK};

    use super::super::kind;
    use super::*;

    fn file_name(header: impl AsRef<[u8]>) -> String {
        Disposition::parse(header.as_ref()).file_name
    }

    fn quoted(name: &[u8]) -> Vec<u8> {
        [&b"form-data; name=\"file\"; filename=\""[..], name, b"\""].concat()
    }

    #[test]
    fn names_are_read_as_clients_write_them() {
        let gbk = |name| GBK.encode(name).0.into_owned();
        for (header, expected) in [
            (quoted("截图.png".as_bytes()), "截图.png"),
            (quoted(&gbk("截图.png")), "截图.png"),
            // 乗 ends with a backslash in GBK.
            (quoted(&gbk("乗.png")), "乗.png"),
            (quoted(&gbk("截图乗")), "截图乗"),
            (quoted(b"a\\"), "a"),
            (quoted(b"say \"hi\".txt"), "say \"hi\".txt"),
            (quoted(b"a%22b.png"), "a\"b.png"),
            (quoted(b"100%.png"), "100%.png"),
            (quoted(b"%E5%90%88.png"), "合.png"),
            (quoted(b"C:\\Users\\me\\a.png"), "a.png"),
            (quoted(b"../../etc/passwd"), "passwd"),
            (quoted(b"a;b=c.png"), "a;b=c.png"),
            (quoted("\u{202E}gnp.exe\u{200B}".as_bytes()), "gnp.exe"),
            (quoted("a.png\u{61c}\u{ad}\u{180e}\u{2065}".as_bytes()), "a.png"),
            (quoted("\u{16fe4}\u{1d159}\u{e0080}\u{fff0}".as_bytes()), ""),
            (quoted(b""), ""),
            (quoted(b"\xFF\xFE\xFF"), "яюя"),
            (b"form-data; name=\"file\"; filename=plain.png; x=y".to_vec(), "plain.png"),
            (b"form-data; name=\"file\"; filename*=UTF-8''%E5%90%88.png".to_vec(), "合.png"),
            (b"form-data; name=\"file\"; filename*=gb2312'zh'%BA%CF.png; filename=\"x.png\"".to_vec(), "合.png"),
            (b"form-data; name=\"file\"; filename*=%E5%90%88.png".to_vec(), "合.png"),
            (b"form-data; name=\"file\"; filename=\"a.png\"; filename*=''".to_vec(), "a.png"),
            (b"form-data; name=\"file\"".to_vec(), ""),
        ] {
            assert_eq!(file_name(&header), expected, "{}", header.escape_ascii());
            assert_eq!(Disposition::parse(&header).field, "file", "{}", header.escape_ascii());
        }
        // Not known to be Big5, but a name, and of the right ending.
        assert!(file_name(quoted(&BIG5.encode("訂單.png").0)).ends_with(".png"));
        assert_eq!(Disposition::parse(b"form-data"), Disposition::default());
        assert_eq!(Disposition::parse(b"; = ; name=\""), Disposition::default());
    }

    #[test]
    fn long_names_keep_their_ending() {
        let name = file_name(quoted(format!("{}.png", "长".repeat(1000)).as_bytes()));
        assert_eq!((name.chars().count(), name.ends_with("长.png")), (LENGTH, true));
        let name = file_name(quoted("a.b".repeat(1000).as_bytes()));
        assert_eq!(name.chars().count(), LENGTH);
    }

    #[test]
    fn a_download_has_its_name_and_the_ending_of_its_kind() {
        let disposition = |extension, name| content_disposition(kind::of_extension(extension).unwrap(), name);
        assert_eq!(disposition("png", None), "inline");
        assert_eq!(disposition("pdf", Some("")), "attachment");
        assert_eq!(disposition("jpg", Some("a.JPEG")), "inline; filename=\"a.JPEG\"; filename*=UTF-8''a.JPEG");
        assert_eq!(
            disposition("gb18030.csv", Some("订单\".csv")),
            "attachment; filename=\"___.csv\"; filename*=UTF-8''%E8%AE%A2%E5%8D%95%22.csv"
        );
        for (extension, name, kept) in [
            ("txt", "run.bat", "run.bat.txt"),
            ("zip", "setup.exe", "setup.exe.zip"),
            ("png", "photo", "photo.png"),
            ("gb18030.txt", "readme.md", "readme.md"),
        ] {
            assert!(disposition(extension, Some(name)).contains(&format!("filename=\"{kept}\"")), "{name}");
        }
    }
}
