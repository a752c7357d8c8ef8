//! Which files are accepted: recognised by their first bytes, never by the type that the client declares.

use infer::{archive, audio, doc, image, odf, text, video};

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
}

type Matcher = fn(&[u8]) -> bool;

const fn shown(extension: &'static str, content_type: &'static str, matcher: Matcher) -> (Kind, Matcher) {
    (Kind { extension, content_type, inline: true }, matcher)
}

const fn download(extension: &'static str, content_type: &'static str, matcher: Matcher) -> (Kind, Matcher) {
    (Kind { extension, content_type, inline: false }, matcher)
}

/// The first row that matches wins, so the narrower stand before the wider.
static KINDS: &[(Kind, Matcher)] = &[
    shown("png", "image/png", image::is_png),
    shown("jpg", "image/jpeg", image::is_jpeg),
    shown("gif", "image/gif", image::is_gif),
    shown("webp", "image/webp", image::is_webp),
    shown("bmp", "image/bmp", is_bmp),
    shown("avif", "image/avif", image::is_avif),
    shown("heic", "image/heic", image::is_heif),
    shown("ico", "image/vnd.microsoft.icon", image::is_ico),
    shown("m4a", "audio/mp4", audio::is_m4a),
    shown("mp3", "audio/mpeg", audio::is_mp3),
    shown("aac", "audio/aac", audio::is_aac),
    shown("ogg", "audio/ogg", audio::is_ogg),
    shown("wav", "audio/wav", audio::is_wav),
    shown("flac", "audio/flac", audio::is_flac),
    shown("amr", "audio/amr", audio::is_amr),
    shown("mp4", "video/mp4", video::is_mp4),
    shown("m4v", "video/x-m4v", video::is_m4v),
    shown("3gp", "video/3gpp", is_3gp),
    shown("mov", "video/quicktime", video::is_mov),
    shown("webm", "video/webm", video::is_webm),
    shown("mkv", "video/x-matroska", video::is_mkv),
    shown("avi", "video/x-msvideo", video::is_avi),
    download("pdf", "application/pdf", archive::is_pdf),
    download("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", doc::is_docx),
    download("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", doc::is_xlsx),
    download("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation", doc::is_pptx),
    download("odt", "application/vnd.oasis.opendocument.text", odf::is_odt),
    download("ods", "application/vnd.oasis.opendocument.spreadsheet", odf::is_ods),
    download("odp", "application/vnd.oasis.opendocument.presentation", odf::is_odp),
    download("zip", "application/zip", archive::is_zip),
    download("doc", "application/msword", is_ole),
    download("xls", "application/vnd.ms-excel", is_ole),
    download("ppt", "application/vnd.ms-powerpoint", is_ole),
    download("html", "text/html; charset=utf-8", is_html),
    download("svg", "image/svg+xml", is_svg),
    download("txt", "text/plain; charset=utf-8", is_text),
];

/// The kind of a file that begins with `head`, `None` when it is not accepted.
///
/// The beginning of an Office document often only tells its container. There `name`, which the client gave, picks among
/// the documents of that container, all of them downloads; other files in the old container (installers) are refused.
pub(super) fn detect(head: &[u8], name: &str) -> Option<&'static Kind> {
    let named =
        name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).and_then(|e| of_extension(&e));
    let named_as = |allowed: &[&str]| named.filter(|kind| allowed.contains(&kind.extension));
    if is_ole(head) {
        return named_as(&["doc", "xls", "ppt"]);
    }
    let (kind, _) = KINDS.iter().find(|(_, matches)| matches(head))?;
    if kind.extension == "zip" {
        return named_as(&["docx", "xlsx", "pptx"]).or(Some(kind));
    }
    Some(kind)
}

/// The kind of a stored file, by the extension that this service gave it.
pub(super) fn of_extension(extension: &str) -> Option<&'static Kind> {
    KINDS.iter().map(|(kind, _)| kind).find(|kind| kind.extension == extension)
}

/// Two letters would also begin a text; the four reserved bytes after the size are zero.
fn is_bmp(head: &[u8]) -> bool {
    image::is_bmp(head) && head.get(6..10) == Some(&[0; 4])
}

fn is_3gp(head: &[u8]) -> bool {
    head.get(4..10).is_some_and(|brand| brand == b"ftyp3g")
}

/// The container of doc, xls, ppt and also msi.
fn is_ole(head: &[u8]) -> bool {
    head.starts_with(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1])
}

/// UTF-8 without NUL that does not name an interpreter. The head may end inside a character.
fn is_text(head: &[u8]) -> bool {
    let utf8 = std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    utf8 && !head.contains(&0) && !text::is_shellscript(head)
}

fn is_html(head: &[u8]) -> bool {
    is_text(head) && text::is_html(without_byte_order_mark(head))
}

fn is_svg(head: &[u8]) -> bool {
    is_text(head)
        && without_byte_order_mark(head).trim_ascii_start().starts_with(b"<")
        && head.windows(4).any(|window| window.eq_ignore_ascii_case(b"<svg"))
}

fn without_byte_order_mark(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extension(head: &[u8], name: &str) -> Option<&'static str> {
        detect(head, name).map(|kind| kind.extension)
    }

    #[test]
    fn content_decides_and_the_name_does_not() {
        for (head, expected) in [
            (&b"\x89PNG\r\n\x1a\n"[..], "png"),
            (b"\xFF\xD8\xFF\xE0", "jpg"),
            (b"GIF89a", "gif"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "webp"),
            (b"BM\x10\0\0\0\0\0\0\0", "bmp"),
            (b"\0\0\0\x14ftypavif\0\0\0\0avif", "avif"),
            (b"\0\0\0\x14ftypheic\0\0\0\0heic", "heic"),
            (b"\0\0\x01\0\x01\0", "ico"),
            (b"ID3\x04", "mp3"),
            (b"\xFF\xF1\x50", "aac"),
            (b"\0\0\0\x18ftypM4A \0\0\0\0", "m4a"),
            (b"OggS\0", "ogg"),
            (b"RIFF\0\0\0\0WAVEfmt ", "wav"),
            (b"fLaC\0", "flac"),
            (b"#!AMR\n\0\0\0\0\0\0", "amr"),
            (b"\0\0\0\x18ftypisom\0\0\0\0", "mp4"),
            (b"\0\0\0\x18ftyp3gp4\0\0\0\0", "3gp"),
            (b"\0\0\0\x18ftypqt  \0\0\0\0", "mov"),
            (b"RIFF\0\0\0\0AVI LIST", "avi"),
            (b"%PDF-1.7", "pdf"),
            (b"PK\x03\x04\0\0\0\0", "zip"),
            (b" <!DOCTYPE html><svg></svg>", "html"),
            (b"\xEF\xBB\xBF<html lang=en>", "html"),
            (b"<?xml version=\"1.0\"?>\n<SVG onload=\"x()\">", "svg"),
            ("订单号 123".as_bytes(), "txt"),
            (b"BM is no picture here", "txt"),
        ] {
            assert_eq!(extension(head, "trick.exe"), Some(expected), "{}", head.escape_ascii());
        }
    }

    #[test]
    fn unknown_and_executable_content_is_refused_whatever_its_name() {
        for head in [
            &b"MZ\x90\0\x03\0\0\0"[..],
            b"\x7FELF\x02\x01\x01\0",
            b"\xCA\xFE\xBA\xBE\0\0\0\x34",
            b"\0asm\x01\0\0\0",
            b"#!/bin/sh\nrm -rf /\n",
            b"\x01\x02\x03\0",
            b"\xFF\xFE\xFDplain",
            b"",
        ]
        .into_iter()
        .filter(|head| !head.is_empty())
        {
            assert_eq!(extension(head, "picture.png"), None, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn the_name_picks_only_among_documents_of_the_same_container() {
        let ole = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0";
        assert_eq!(extension(ole, "a.XLS"), Some("xls"));
        assert_eq!(extension(ole, "setup.msi"), None);
        assert_eq!(extension(ole, "a.png"), None);
        assert_eq!(extension(b"PK\x03\x04\0\0", "a.docx"), Some("docx"));
        assert_eq!(extension(b"PK\x03\x04\0\0", "a.html"), Some("zip"));
    }

    #[test]
    fn nothing_that_can_run_script_is_shown() {
        for extension in ["html", "svg", "pdf", "txt", "zip"] {
            assert!(!of_extension(extension).unwrap().inline, "{extension}");
        }
    }
}
