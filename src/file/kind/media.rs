//! Sound, moving and other pictures that phones and recorders make.

/// Four letters that say what is in a box of ISO base media (ISO/IEC 14496-12).
type Brand = [u8; 4];

/// The first box of an ISO base media file: what it is, then what it is compatible with.
fn brands(head: &[u8]) -> Option<(Brand, impl Iterator<Item = Brand>)> {
    if head.get(4..8) != Some(b"ftyp") {
        return None;
    }
    let size = usize::try_from(u32::from_be_bytes(*head.first_chunk()?)).ok()?;
    let major = *head.get(8..)?.first_chunk()?;
    // After the major brand comes the number of its version.
    let compatible = head.get(16..size.min(head.len())).unwrap_or_default().as_chunks().0;
    Some((major, compatible.iter().copied()))
}

const AVIF: [&Brand; 2] = [b"avif", b"avis"];
const HEIC: [&Brand; 8] = [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"];
/// Pictures whose coding only the compatible brands tell.
const PICTURE: [&Brand; 5] = [b"mif1", b"mif2", b"msf1", b"miaf", b"MiHE"];
const M4A: [&Brand; 3] = [b"M4A ", b"M4B ", b"M4P "];
const M4V: [&Brand; 3] = [b"M4V ", b"M4VH", b"M4VP"];
/// Pictures of other kinds in the same container.
const FOREIGN: [&Brand; 3] = [b"crx ", b"jp2 ", b"jxl "];

/// Whether the major brand is one of these, or is one that leaves it to the compatible brands, one of which is.
fn is_picture_of(head: &[u8], wanted: &[&Brand]) -> bool {
    brands(head).is_some_and(|(major, mut compatible)| {
        wanted.contains(&&major) || (PICTURE.contains(&&major) && compatible.any(|brand| wanted.contains(&&brand)))
    })
}

/// AVIF, also sequences of pictures.
pub(super) fn is_avif(head: &[u8]) -> bool {
    is_picture_of(head, &AVIF)
}

/// HEIC and HEIF. To be asked after [`is_avif`].
pub(super) fn is_heic(head: &[u8]) -> bool {
    is_picture_of(head, &HEIC) || brands(head).is_some_and(|(major, _)| PICTURE.contains(&&major))
}

/// MPEG-4 audio by Apple's brands.
pub(super) fn is_m4a(head: &[u8]) -> bool {
    brands(head).is_some_and(|(major, _)| M4A.contains(&&major))
}

/// MPEG-4 video by Apple's brands.
pub(super) fn is_m4v(head: &[u8]) -> bool {
    brands(head).is_some_and(|(major, _)| M4V.contains(&&major))
}

/// 3GPP and 3GPP2, as telephones record.
pub(super) fn is_3gp(head: &[u8]) -> bool {
    brands(head).is_some_and(|(major, _)| major.starts_with(b"3g"))
}

/// QuickTime: by its brand, or, as older cameras write it, without one.
pub(super) fn is_mov(head: &[u8]) -> bool {
    let unbranded = [&b"moov"[..], b"mdat", b"wide", b"pnot", b"free", b"skip"];
    brands(head).is_some_and(|(major, _)| &major == b"qt  ")
        // A box of less than 16 MiB, or one whose size is told elsewhere.
        || (head.first() == Some(&0) && head.get(4..8).is_some_and(|first| unbranded.contains(&first)))
}

/// Whatever else is ISO base media: there are dozens of brands, and players look at the tracks. To be asked after the
/// others.
pub(super) fn is_mp4(head: &[u8]) -> bool {
    brands(head).is_some_and(|(major, _)| {
        !FOREIGN.contains(&&major) && major.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
    })
}

/// The layer of an MPEG sound whose frame begins here, as its header's bits: of MPEG 1, 2 or 2.5, which has the 8 and 11 kHz
/// of telephones.
fn mpeg_layer(head: &[u8]) -> Option<u8> {
    let &[0xFF, second, third] = head.first_chunk()? else { return None };
    let (sync, version, layer) = (second >> 5, (second >> 3) & 3, (second >> 1) & 3);
    let (bitrate, rate) = (third >> 4, (third >> 2) & 3);
    (sync == 0b111 && version != 0b01 && !matches!(bitrate, 0 | 15) && rate != 0b11).then_some(layer)
}

/// A tag, or a frame of layer III.
pub(super) fn is_mp3(head: &[u8]) -> bool {
    head.starts_with(b"ID3") || mpeg_layer(head) == Some(0b01)
}

/// Layer II, of older recorders.
pub(super) fn is_mp2(head: &[u8]) -> bool {
    mpeg_layer(head) == Some(0b10)
}

/// ADTS of MPEG 2 or 4, with or without a checksum, and ADIF.
pub(super) fn is_aac(head: &[u8]) -> bool {
    let is_adts = |&[first, second, third]: &[u8; 3]| {
        // Thirteen sampling frequencies are defined.
        first == 0xFF && second & 0xF6 == 0xF0 && (third >> 2) & 0xF < 13
    };
    head.starts_with(b"ADIF") || head.first_chunk().is_some_and(is_adts)
}

/// A header that names the version.
pub(super) fn is_gif(head: &[u8]) -> bool {
    head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a")
}

pub(super) fn is_webp(head: &[u8]) -> bool {
    head.starts_with(b"RIFF") && head.get(8..15) == Some(b"WEBPVP8")
}

/// A marker follows the first one.
pub(super) fn is_jpeg(head: &[u8]) -> bool {
    head.starts_with(b"\xFF\xD8\xFF") && head.get(3).is_some_and(|marker| (0xC0..0xFF).contains(marker))
}

pub(super) fn is_png(head: &[u8]) -> bool {
    head.starts_with(b"\x89PNG\r\n\x1a\n")
}

/// A transport stream, as recorders of television and of roads write it: packets of 188 bytes, with the time before each in
/// M2TS.
pub(super) fn is_mpeg_ts(head: &[u8]) -> bool {
    [(0, 188), (4, 192)].into_iter().any(|(first, length)| {
        let mut packets = (0..3).map(|number| head.get(first + number * length));
        packets.all(|sync| sync == Some(&0x47))
    })
}

/// Both kinds also with several channels (RFC 4867, section 5.1).
pub(super) fn is_amr_wb(head: &[u8]) -> bool {
    head.starts_with(b"#!AMR-WB\n") || head.starts_with(b"#!AMR-WB_MC1.0\n")
}

/// AMR, narrowband.
pub(super) fn is_amr(head: &[u8]) -> bool {
    head.starts_with(b"#!AMR\n") || head.starts_with(b"#!AMR_MC1.0\n")
}

/// Apple's Core Audio Format.
pub(super) fn is_caf(head: &[u8]) -> bool {
    head.starts_with(b"caff\0\x01")
}

/// Skype's codec; WeChat writes a byte before it.
pub(super) fn is_silk(head: &[u8]) -> bool {
    head.strip_prefix(b"\x02").unwrap_or(head).starts_with(b"#!SILK_V")
}

/// Windows Media.
pub(super) fn is_asf(head: &[u8]) -> bool {
    head.starts_with(&[0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11, 0xA6, 0xD9, 0x00, 0xAA, 0x00, 0x62, 0xCE, 0x6C])
}

/// A program stream, as cameras write it.
pub(super) fn is_mpeg(head: &[u8]) -> bool {
    head.starts_with(&[0, 0, 1, 0xBA])
}
