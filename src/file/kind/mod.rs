//! Which files are accepted: recognised by their first bytes, never by the type that the client declares.
//!
//! A name only picks among kinds that share a container (documents of Office and WPS, sound in an MP4), and a name of a
//! picture around something else is refused: the stock clients would send it on as a picture.

mod media;
mod text;

use infer::{archive, audio, doc, image, odf, video};

use self::text::Charset;

/// How many of a file's first bytes [`detect`] should see.
pub(super) const HEAD_BYTES: usize = 16 * 1024;

/// One kind of file that is accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// The end of the stored name; it alone says which kind a stored file is.
    pub extension: &'static str,
    /// What the file is served as.
    pub content_type: &'static str,
    /// Whether a browser may show it. Only for what cannot run script; all else is a download.
    pub inline: bool,
    /// Further endings that names of such files have.
    pub aliases: &'static [&'static str],
}

impl Kind {
    /// Whether it is a picture.
    fn is_picture(&self) -> bool {
        self.content_type.starts_with("image/")
    }

    /// Whether all of it may be text.
    fn is_written(&self) -> bool {
        self.content_type.starts_with("text/") || matches!(self.extension, "svg" | "pdf" | "rtf")
    }

    /// The ending of names: that of a text says nothing of its charset.
    pub(super) fn suffix(&self) -> &'static str {
        self.extension.rsplit_once('.').map_or(self.extension, |(_, suffix)| suffix)
    }

    /// Whether a name with this ending (in lower case) promises such a file.
    pub(super) fn goes_by(&self, ending: &str) -> bool {
        self.suffix() == ending || self.aliases.contains(&ending)
    }
}

/// Why a file is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Its content is of none of the kinds.
    Unknown,
    /// Its name is a picture's, its content is not.
    NoPicture,
}

type Matcher = fn(&[u8]) -> bool;

const fn shown(extension: &'static str, content_type: &'static str, matcher: Matcher) -> (Kind, Matcher) {
    (Kind { extension, content_type, inline: true, aliases: &[] }, matcher)
}

const fn download(extension: &'static str, content_type: &'static str, matcher: Matcher) -> (Kind, Matcher) {
    (Kind { extension, content_type, inline: false, aliases: &[] }, matcher)
}

/// Adds endings of names.
const fn also((kind, matcher): (Kind, Matcher), aliases: &'static [&'static str]) -> (Kind, Matcher) {
    let Kind { extension, content_type, inline, .. } = kind;
    (Kind { extension, content_type, inline, aliases }, matcher)
}

/// For kinds that only a name tells from the others of their container.
const fn by_name(_: &[u8]) -> bool {
    false
}

/// Endings of names of plain texts. None of them is run by a double click.
const TEXTS: &[&str] =
    &["text", "log", "md", "ini", "conf", "json", "xml", "yaml", "yml", "tsv", "srt", "vcf", "ics", "eml"];

/// Endings of names of documents that are archives; only a part of them is told apart by content. None of them is a program.
const ZIPPED: &[&str] = &[
    "docm", "dotx", "dotm", "xlsm", "xlsb", "xltx", "xltm", "pptm", "ppsx", "ppsm", "potx", "potm", "vsdx", "wps",
    "wpt", "et", "ett", "dps", "dpt", "uof", "odg", "xmind", "livp", "key", "pages", "numbers", "epub",
];

/// Endings of names of pictures that are not accepted.
const OTHER_PICTURES: &[&str] = &["jp2", "j2k", "jpx", "jxl", "tga", "psd", "cur", "emf", "wmf", "svgz"];

/// The first row that matches wins, so the narrower stand before the wider.
static KINDS: &[(Kind, Matcher)] = &[
    also(shown("png", "image/png", media::is_png), &["apng"]),
    also(shown("jpg", "image/jpeg", media::is_jpeg), &["jpeg", "jpe", "jfif", "pjpeg", "pjp"]),
    shown("gif", "image/gif", media::is_gif),
    shown("webp", "image/webp", media::is_webp),
    also(shown("bmp", "image/bmp", is_bmp), &["dib"]),
    also(shown("avif", "image/avif", media::is_avif), &["avifs"]),
    also(shown("heic", "image/heic", media::is_heic), &["heif", "hif", "heics", "heifs"]),
    shown("ico", "image/vnd.microsoft.icon", image::is_ico),
    also(download("tif", "image/tiff", is_tiff), &["tiff"]),
    also(shown("m4a", "audio/mp4", media::is_m4a), &["m4b", "mp4"]),
    shown("mp3", "audio/mpeg", media::is_mp3),
    also(shown("mp2", "audio/mpeg", media::is_mp2), &["mpga"]),
    shown("aac", "audio/aac", media::is_aac),
    also(shown("ogg", "audio/ogg", audio::is_ogg), &["oga", "ogv", "opus"]),
    shown("wav", "audio/wav", audio::is_wav),
    shown("flac", "audio/flac", audio::is_flac),
    also(shown("awb", "audio/amr-wb", media::is_amr_wb), &["amr"]),
    shown("amr", "audio/amr", media::is_amr),
    shown("caf", "audio/x-caf", media::is_caf),
    also(shown("silk", "audio/silk", media::is_silk), &["slk", "amr", "aud"]),
    also(shown("aiff", "audio/aiff", audio::is_aiff), &["aif", "aifc"]),
    shown("m4v", "video/x-m4v", media::is_m4v),
    also(shown("3gp", "video/3gpp", media::is_3gp), &["3gpp", "3g2"]),
    also(shown("mov", "video/quicktime", media::is_mov), &["qt"]),
    also(shown("mp4", "video/mp4", media::is_mp4), &["mpg4", "f4v"]),
    shown("webm", "video/webm", video::is_webm),
    shown("mkv", "video/x-matroska", video::is_mkv),
    shown("avi", "video/x-msvideo", video::is_avi),
    shown("wmv", "video/x-ms-wmv", media::is_asf),
    shown("wma", "audio/x-ms-wma", by_name),
    shown("flv", "video/x-flv", video::is_flv),
    also(shown("mpg", "video/mpeg", media::is_mpeg), &["mpeg", "vob"]),
    also(shown("ts", "video/mp2t", media::is_mpeg_ts), &["mts", "m2ts", "m2t", "tp"]),
    download("pdf", "application/pdf", is_pdf),
    also(
        download("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", doc::is_docx),
        ZIPPED,
    ),
    also(download("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", doc::is_xlsx), ZIPPED),
    also(
        download("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation", doc::is_pptx),
        ZIPPED,
    ),
    download("odt", "application/vnd.oasis.opendocument.text", odf::is_odt),
    download("ods", "application/vnd.oasis.opendocument.spreadsheet", odf::is_ods),
    download("odp", "application/vnd.oasis.opendocument.presentation", odf::is_odp),
    download("ofd", "application/ofd", by_name),
    also(download("zip", "application/zip", archive::is_zip), ZIPPED),
    download("rar", "application/vnd.rar", archive::is_rar),
    download("7z", "application/x-7z-compressed", archive::is_7z),
    also(download("doc", "application/msword", by_name), &["dot"]),
    also(download("xls", "application/vnd.ms-excel", by_name), &["xlt"]),
    also(download("ppt", "application/vnd.ms-powerpoint", by_name), &["pps"]),
    also(download("wps", "application/wps-office.wps", by_name), &["wpt"]),
    also(download("et", "application/wps-office.et", by_name), &["ett"]),
    also(download("dps", "application/wps-office.dps", by_name), &["dpt"]),
    download("rtf", "application/rtf", archive::is_rtf),
    also(download("html", "text/html; charset=utf-8", text::is_html), &["htm"]),
    download("svg", "image/svg+xml", text::is_svg),
    download("csv", "text/csv; charset=utf-8", by_name),
    download("gb18030.csv", "text/csv; charset=gb18030", by_name),
    download("big5.csv", "text/csv; charset=big5", by_name),
    download("utf-16le.csv", "text/csv; charset=utf-16le", by_name),
    download("utf-16be.csv", "text/csv; charset=utf-16be", by_name),
    also(shown("txt", "text/plain; charset=utf-8", |head| text::charset(head) == Some(Charset::Utf8)), TEXTS),
    also(
        shown("gb18030.txt", "text/plain; charset=gb18030", |head| text::charset(head) == Some(Charset::Gb18030)),
        TEXTS,
    ),
    also(shown("big5.txt", "text/plain; charset=big5", |head| text::charset(head) == Some(Charset::Big5)), TEXTS),
    also(
        shown("utf-16le.txt", "text/plain; charset=utf-16le", |head| text::charset(head) == Some(Charset::Utf16Le)),
        TEXTS,
    ),
    also(
        shown("utf-16be.txt", "text/plain; charset=utf-16be", |head| text::charset(head) == Some(Charset::Utf16Be)),
        TEXTS,
    ),
];

/// What a name picks among, by the kind that the content tells.
static CONTAINERS: &[(&str, &[&str])] = &[
    ("zip", &["docx", "xlsx", "pptx", "ofd"]),
    ("mp4", &["m4a", "m4v"]),
    ("wmv", &["wma"]),
    ("txt", &["csv"]),
    ("gb18030.txt", &["gb18030.csv"]),
    ("big5.txt", &["big5.csv"]),
    ("utf-16le.txt", &["utf-16le.csv"]),
    ("utf-16be.txt", &["utf-16be.csv"]),
];

/// The kind of a file that begins with `head`, or the whole of a file shorter than [`HEAD_BYTES`]; `name` is the name
/// that the client gave.
///
/// The beginning of an Office document often only tells its container. There the name picks among the documents of that
/// container, all of them downloads; other files in the old container (installers) are refused.
pub(super) fn detect(head: &[u8], name: &str) -> Result<&'static Kind, Refused> {
    let ending = ending(name);
    let kind = if is_ole(head) {
        let documents = ["doc", "xls", "ppt", "wps", "et", "dps"];
        documents.into_iter().filter_map(of_extension).find(|kind| kind.goes_by(&ending)).or_else(|| ole_document(head))
    } else {
        by_content(head)
    };
    let kind = kind.ok_or(Refused::Unknown)?;
    if promises_picture(&ending) && !kind.is_picture() {
        return Err(Refused::NoPicture);
    }
    let contained =
        CONTAINERS.iter().find(|(container, _)| *container == kind.extension).map(|(_, contained)| contained);
    let named = contained.into_iter().copied().flatten().filter_map(|extension| of_extension(extension));
    Ok(named.into_iter().find(|named| named.suffix() == ending).unwrap_or(kind))
}

/// The first row that matches. A text that begins with the letters of another kind's mark stays a text.
fn by_content(head: &[u8]) -> Option<&'static Kind> {
    let is_text = text::is_readable(head);
    let fits = |(kind, matches): &&(Kind, Matcher)| matches(head) && (kind.is_written() || !is_text);
    KINDS.iter().find(fits).map(|(kind, _)| kind)
}

/// The kind of a stored file, by the extension that this service gave it.
pub(super) fn of_extension(extension: &str) -> Option<&'static Kind> {
    KINDS.iter().map(|(kind, _)| kind).find(|kind| kind.extension == extension)
}

/// What a name ends with, in lower case; empty when there is none.
pub(super) fn ending(name: &str) -> String {
    name.rsplit_once('.').map(|(_, ending)| ending.trim().to_ascii_lowercase()).unwrap_or_default()
}

fn promises_picture(ending: &str) -> bool {
    OTHER_PICTURES.contains(&ending) || KINDS.iter().any(|(kind, _)| kind.is_picture() && kind.goes_by(ending))
}

/// With a version, and after a mark or a line at most: a text may speak of it.
fn is_pdf(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    let is_marked = head.strip_prefix(b"%PDF-").and_then(<[u8]>::first).is_some_and(u8::is_ascii_digit);
    is_marked || (archive::is_pdf(head) && !text::is_readable(head))
}

/// Two letters would also begin a text; the four reserved bytes after the size are zero.
fn is_bmp(head: &[u8]) -> bool {
    image::is_bmp(head) && head.get(6..10) == Some(&[0; 4])
}

fn is_tiff(head: &[u8]) -> bool {
    head.starts_with(b"II*\0") || head.starts_with(b"MM\0*")
}

/// The container of doc, xls, ppt, WPS' own and also msi.
fn is_ole(head: &[u8]) -> bool {
    head.starts_with(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1])
}

/// The document in the old container, where its directory is within the head: by the name of its stream, in UTF-16.
fn ole_document(head: &[u8]) -> Option<&'static Kind> {
    let names = [("WordDocument", "doc"), ("Workbook", "xls"), ("PowerPoint Document", "ppt")];
    names.into_iter().find_map(|(stream, extension)| {
        let stream: Vec<u8> = stream.bytes().flat_map(|letter| [letter, 0]).collect();
        head.windows(stream.len()).any(|window| window == stream).then(|| of_extension(extension)).flatten()
    })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
