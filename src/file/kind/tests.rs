use encoding_rs::{BIG5, GB18030, GBK};

use super::*;

fn extension(head: &[u8], name: &str) -> Option<&'static str> {
    detect(head, name).map(|kind| kind.extension).ok()
}

/// An ISO base media file of these brands.
fn ftyp(major: &str, compatible: &[&str]) -> Vec<u8> {
    let size = u8::try_from(16 + 4 * compatible.len()).unwrap();
    let brands = compatible.concat();
    [&[0, 0, 0, size], &b"ftyp"[..], major.as_bytes(), &[0; 4], brands.as_bytes(), b"\0\0\0\x08free"].concat()
}

/// A text in UTF-16, without a mark.
fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn content_decides_and_the_name_does_not() {
    for (head, expected) in [
        (&b"\x89PNG\r\n\x1a\n"[..], "png"),
        (b"\xFF\xD8\xFF\xE0", "jpg"),
        (b"GIF89a\x01\0\x01\0", "gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "webp"),
        (b"BM\x10\0\0\0\0\0\0\0", "bmp"),
        (b"\0\0\x01\0\x01\0", "ico"),
        (b"II*\0\x08\0\0\0", "tif"),
        (b"ID3\x04", "mp3"),
        (b"\xFF\xF1\x50", "aac"),
        (b"\xFF\xF0\x50", "aac"),
        (b"\xFF\xF8\x50", "aac"),
        (b"ADIF\0", "aac"),
        (b"\xFF\xFD\x90", "mp2"),
        (b"OggS\0", "ogg"),
        (b"RIFF\0\0\0\0WAVEfmt ", "wav"),
        (b"fLaC\0", "flac"),
        (b"#!AMR\n\0\0\0\0\0\0", "amr"),
        (b"#!AMR_MC1.0\n\0\0\0\x02", "amr"),
        (b"#!AMR-WB\n\x04", "awb"),
        (b"caff\0\x01\0\0desc", "caf"),
        (b"#!SILK_V3\x0c\0", "silk"),
        (b"\x02#!SILK_V3\x0c\0", "silk"),
        (b"FORM\0\0\0\0AIFFCOMM", "aiff"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "mov"),
        (b"\0\0\0\x08free\0\0\0\x08wide", "mov"),
        (b"\0\0\0\x08skip\0\0\0\x08moov", "mov"),
        (&[&b"G@\0\x10"[..], &[0xFF; 184]].concat().repeat(3), "ts"),
        (&[&b"\0\0\0\0G@\0\x10"[..], &[0xFF; 184]].concat().repeat(3), "ts"),
        (b"RIFF\0\0\0\0AVI LIST", "avi"),
        (b"\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9\0\xAA\0\x62\xCE\x6C", "wmv"),
        (b"FLV\x01\x05", "flv"),
        (b"%PDF-1.7", "pdf"),
        (b"\r\n%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", "pdf"),
        (b"PK\x03\x04\0\0\0\0", "zip"),
        (b"Rar!\x1a\x07\x01\0", "rar"),
        (b"7z\xBC\xAF\x27\x1C\0\x04", "7z"),
        (b"{\\rtf1\\ansi}", "rtf"),
        (b" <!DOCTYPE html><svg></svg>", "html"),
        (b"\xEF\xBB\xBF<html lang=en>", "html"),
        (b"<?xml version=\"1.0\"?>\n<SVG onload=\"x()\">", "svg"),
        ("订单号 123".as_bytes(), "txt"),
        (b"BM is no picture here", "txt"),
        (b"abcdmoov is no film", "txt"),
        (b"GIF89a is a format", "txt"),
        (b"ID3 is a tag", "txt"),
        (b"RIFF is WEBPVP8, says my text", "txt"),
        (b"%PDF is a format, %PDF-1.7 a version", "txt"),
        (b"Rar! FLV OggS fLaC", "txt"),
        (b"OggS fLaC", "txt"),
        ("#!注意事项".as_bytes(), "txt"),
    ] {
        assert_eq!(extension(head, "trick.exe"), Some(expected), "{}", head.escape_ascii());
        assert_eq!(extension(head, ""), Some(expected), "{}", head.escape_ascii());
    }
}

#[test]
fn what_phones_and_recorders_write_is_known_by_its_brands() {
    for (major, compatible, expected) in [
        ("M4A ", &["mp42", "isom"][..], "m4a"),
        ("isom", &["iso2", "mp41"], "mp4"),
        ("mp42", &[], "mp4"),
        ("avc1", &[], "mp4"),
        ("MSNV", &["mp42"], "mp4"),
        ("XAVC", &["mp42"], "mp4"),
        ("hvc1", &[], "mp4"),
        ("M4V ", &[], "m4v"),
        ("3gp4", &[], "3gp"),
        ("3gr6", &[], "3gp"),
        ("3g2a", &[], "3gp"),
        ("qt  ", &[], "mov"),
        ("heic", &["mif1"], "heic"),
        ("heix", &[], "heic"),
        ("hevc", &[], "heic"),
        ("mif1", &["heic"], "heic"),
        ("msf1", &["hevc"], "heic"),
        ("mif1", &["avif", "miaf"], "avif"),
        ("avif", &["mif1"], "avif"),
        ("avis", &[], "avif"),
    ] {
        assert_eq!(extension(&ftyp(major, compatible), ""), Some(expected), "{major} {compatible:?}");
    }
    assert_eq!(extension(&ftyp("crx ", &["isom"]), ""), None, "a camera's raw picture");
    assert_eq!(extension(&ftyp("mp42", &[]), "录音.m4a"), Some("m4a"), "sound in the container of films");
    assert_eq!(extension(&ftyp("isom", &["iso2"]), "a.mov"), Some("mp4"));
}

#[test]
fn mp3_of_every_rate() {
    // MPEG 1, 2 and 2.5, with and without a checksum.
    for head in [b"\xFF\xFB\x90", b"\xFF\xFA\x90", b"\xFF\xF3\x48", b"\xFF\xF2\x48", b"\xFF\xE3\x18", b"\xFF\xE2\x18"] {
        assert_eq!(extension(head, ""), Some("mp3"), "{}", head.escape_ascii());
    }
    for head in [b"\xFF\xE3\xF8", b"\xFF\xE3\x08", b"\xFF\xE3\x1C", b"\xFF\xEB\x18", b"\xFF\xE7\x18"] {
        assert_ne!(extension(head, ""), Some("mp3"), "{}", head.escape_ascii());
    }
}

#[test]
fn texts_of_chinese_windows_are_known_with_their_charset() {
    let text = "订单号,金额,收货人\r\n1001,88.5,张三\r\n";
    let traditional = "訂單號,金額,收貨人\r\n1001,88.5,張三\r\n我們的訂單已經寄出了，請問甚麼時候會到？\r\n";
    let marked = |mark: &[u8], bytes: Vec<u8>| [mark, &bytes].concat();
    for (bytes, expected) in [
        (text.as_bytes().to_vec(), "txt"),
        (marked(b"\xEF\xBB\xBF", text.as_bytes().to_vec()), "txt"),
        (GBK.encode(text).0.into_owned(), "gb18030.txt"),
        (GBK.encode("你好").0.into_owned(), "gb18030.txt"),
        (GB18030.encode("订单 𠮷 ㊣ 🙂\r\n").0.into_owned(), "gb18030.txt"),
        (BIG5.encode(traditional).0.into_owned(), "big5.txt"),
        (marked(b"\xFF\xFE", utf16(text, u16::to_le_bytes)), "utf-16le.txt"),
        (marked(b"\xFE\xFF", utf16(text, u16::to_be_bytes)), "utf-16be.txt"),
        (marked(b"\xFF\xFE", utf16("你好", u16::to_le_bytes)), "utf-16le.txt"),
        (utf16(text, u16::to_le_bytes), "utf-16le.txt"),
        (utf16(text, u16::to_be_bytes), "utf-16be.txt"),
        (b"a\tb\x0C\r\n\x1A".to_vec(), "txt"),
        (utf16("订单一 123\r\n", u16::to_le_bytes), "utf-16le.txt"),
        (utf16("订单一 123\r\n", u16::to_be_bytes), "utf-16be.txt"),
        (utf16("hello world", u16::to_le_bytes), "utf-16le.txt"),
        (utf16("hello world", u16::to_be_bytes), "utf-16be.txt"),
        (utf16("你好\u{3000}谢谢", u16::to_le_bytes), "utf-16le.txt"),
        (utf16("你好\u{3000}谢谢", u16::to_be_bytes), "utf-16be.txt"),
        ([b"\x1b[31m", &GBK.encode("错误").0[..], b"\x1b[0m\n"].concat(), "gb18030.txt"),
    ] {
        assert_eq!(extension(&bytes, "a"), Some(expected), "{}", bytes.escape_ascii());
        let csv = expected.replace("txt", "csv");
        assert_eq!(extension(&bytes, "a.CSV"), Some(csv.as_str()));
        // As far as a head reaches: it ends inside a character or between two.
        for cut in 0..4 {
            let long = bytes.repeat(HEAD_BYTES / bytes.len() + 2);
            let head = &long[..HEAD_BYTES + cut];
            if !expected.contains("utf-16") && !bytes.starts_with(b"\xEF") {
                assert_eq!(extension(head, "a"), Some(expected), "{cut}");
            }
        }
    }
}

#[test]
fn a_text_may_be_cut_inside_a_character() {
    assert_eq!(extension(&GBK.encode("订单号订单").0[..9], "a"), Some("gb18030.txt"));
    assert_eq!(extension(&"订单".as_bytes()[..5], "a"), Some("txt"));
}

#[test]
fn unknown_and_executable_content_is_refused_whatever_its_name() {
    for head in [
        &b"MZ\x90\0\x03\0\0\0"[..],
        b"\x7FELF\x02\x01\x01\0",
        b"\xCA\xFE\xBA\xBE\0\0\0\x34",
        b"\0asm\x01\0\0\0",
        b"#!/bin/sh\nrm -rf /\n",
        b"#!/bin/sh\n# \xC4\xE3\xBA\xC3\n",
        b"\x01\x02\x03\0",
        b"\0\x01\x02\xff",
        b"\xFF\xFE\xFDodd!",
        b"\xC4\xE3\xBA\xC3\x01\x02",
        b"\xFF\xFEa\0\x01\0",
    ] {
        assert_eq!(detect(head, "a.txt"), Err(Refused::Unknown), "{}", head.escape_ascii());
        assert_eq!(detect(head, "picture.png"), Err(Refused::Unknown), "{}", head.escape_ascii());
    }
}

#[test]
fn a_pictures_name_needs_a_picture() {
    for name in
        ["a.png", "A.JPG", "a.jpeg", "a.heif", "a.svg", "合同.webp", "a.apng", "a.pjpeg", "a.dib", "a.heics", "a.jp2"]
    {
        for head in [
            &b"just text"[..],
            b"GIF is a format",
            b"RIFF is WEBP, too",
            b"%PDF-1.7",
            b"PK\x03\x04\0\0",
            b"ID3\x04",
            b"<html>",
        ] {
            assert_eq!(detect(head, name), Err(Refused::NoPicture), "{name}");
        }
        assert_eq!(extension(b"\x89PNG\r\n\x1a\n", name), Some("png"), "another picture is one");
    }
    assert_eq!(extension(b"\x89PNG\r\n\x1a\n", "a.txt"), Some("png"));
}

#[test]
fn the_name_picks_only_among_documents_of_the_same_container() {
    let ole = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0";
    for (name, expected) in [
        ("a.XLS", Some("xls")),
        ("合同.wps", Some("wps")),
        ("表格.et", Some("et")),
        ("演示.dps", Some("dps")),
        ("setup.msi", None),
        ("", None),
    ] {
        assert_eq!(extension(ole, name), expected, "{name}");
    }
    let with_stream = [&ole[..], &[0; 500], &utf16("WordDocument", u16::to_le_bytes), &[0; 40]].concat();
    assert_eq!(extension(&with_stream, ""), Some("doc"));
    assert_eq!(extension(b"PK\x03\x04\0\0", "a.docx"), Some("docx"));
    assert_eq!(extension(b"PK\x03\x04\0\0", "发票.ofd"), Some("ofd"));
    assert_eq!(extension(b"PK\x03\x04\0\0", "a.html"), Some("zip"));
    let zip = of_extension("zip").unwrap();
    for ending in ["xlsm", "xlsb", "docm", "dotx", "ppsx", "xltx", "wps", "et", "dps"] {
        assert!(zip.goes_by(ending), "{ending} keeps its name");
    }
    assert!(!zip.goes_by("jar") && !zip.goes_by("apk") && !zip.goes_by("exe"));
}

#[test]
fn nothing_that_can_run_script_is_shown() {
    for extension in ["html", "svg", "pdf", "zip", "csv", "doc"] {
        assert!(!of_extension(extension).unwrap().inline, "{extension}");
    }
    for (kind, _) in KINDS {
        let is_plain =
            ["image/", "audio/", "video/", "text/plain;"].iter().any(|plain| kind.content_type.starts_with(plain));
        assert!(!kind.inline || (is_plain && kind.extension != "svg"), "{kind:?}");
        assert_eq!(of_extension(kind.extension), Some(kind), "extensions are unique");
        assert!(kind.content_type.len() <= 127);
    }
}
