//! The files of the pages: those in the binary, or a folder's.

use std::fs;
use std::path::{Component, Path, PathBuf};

use actix_web::web::{self, Bytes};
use aws_lc_rs::digest::{SHA256, digest};

include!(concat!(env!("OUT_DIR"), "/web.rs"));

/// The page that the console begins with.
pub(super) const CONSOLE: &str = "console/index.html";

/// A file in the binary, as `build.rs` lists it.
struct Embedded {
    /// Below `web/dist`.
    path: &'static str,
    /// The hash of its bytes.
    sha256: &'static str,
    bytes: &'static [u8],
    /// The same compressed, when that saves much.
    gzip: Option<&'static [u8]>,
}

/// Where the files come from.
#[derive(Clone)]
pub(super) enum Assets {
    /// The binary.
    Embedded,
    /// A folder that is laid out like `web/dist`, with all symbolic links resolved.
    Folder(PathBuf),
}

/// One file.
pub(super) struct Asset {
    /// The media type, by the name's extension, with its charset for texts.
    pub content_type: String,
    /// The hash of its bytes.
    pub sha256: String,
    /// The file.
    pub bytes: Bytes,
    /// The same compressed, when that saves much.
    pub gzip: Option<Bytes>,
}

impl Assets {
    /// The folder's when one is named, else the binary's; `None` when it has none.
    ///
    /// # Errors
    /// One line for the operator: there is no such folder.
    pub(super) fn new(folder: Option<&Path>) -> Result<Option<Self>, String> {
        match folder {
            Some(folder) => match fs::canonicalize(folder) {
                Ok(found) if found.is_dir() => Ok(Some(Self::Folder(found))),
                Ok(_) => Err(format!("server.web_dir: {} is not a folder", folder.display())),
                Err(error) => Err(format!("server.web_dir: {}: {error}", folder.display())),
            },
            None => Ok((!EMBEDDED.is_empty()).then_some(Self::Embedded)),
        }
    }

    /// The file at a path below `web/dist`; `None` when there is none.
    pub(super) async fn get(&self, path: &str) -> Option<Asset> {
        match self {
            Self::Embedded => {
                let at = EMBEDDED.binary_search_by(|embedded| embedded.path.cmp(path)).ok()?;
                EMBEDDED.get(at).map(Asset::from)
            }
            Self::Folder(root) => {
                let (root, name) = (root.clone(), path.to_owned());
                let bytes = web::block(move || read_below(&root, &name)).await.ok()??;
                Some(Asset { content_type: content_type(path), sha256: hash(&bytes), bytes: bytes.into(), gzip: None })
            }
        }
    }

    /// What changes whenever a file does: pages that were loaded before are told apart by it.
    pub(super) async fn build(&self) -> String {
        match self {
            Self::Embedded => BUILD.to_owned(),
            // It names all others, and their names hold their hashes. The manifest may be older than the files.
            Self::Folder(_) => self.get(CONSOLE).await.map(|page| page.sha256).unwrap_or_default(),
        }
    }
}

impl From<&Embedded> for Asset {
    fn from(embedded: &Embedded) -> Self {
        Self {
            content_type: content_type(embedded.path),
            sha256: embedded.sha256.to_owned(),
            bytes: Bytes::from_static(embedded.bytes),
            gzip: embedded.gzip.map(Bytes::from_static),
        }
    }
}

/// Reads a file of the folder, and nothing outside of it, whatever the path holds and wherever links lead.
fn read_below(root: &Path, path: &str) -> Option<Vec<u8>> {
    let is_plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    let file = fs::canonicalize(root.join(path)).ok()?;
    if !is_plain || !file.starts_with(root) || !file.is_file() {
        return None;
    }
    fs::read(file).ok()
}

fn content_type(path: &str) -> String {
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    match kind.type_() {
        mime_guess::mime::TEXT => format!("{kind}; charset=utf-8"),
        _ => kind.to_string(),
    }
}

fn hash(bytes: &[u8]) -> String {
    const_hex::encode(digest(&SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_only_its_own_files() {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("dist");
        fs::create_dir_all(root.join("console")).unwrap();
        fs::write(root.join(CONSOLE), "page").unwrap();
        fs::write(outside.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), root.join("console/link")).unwrap();
        let root = fs::canonicalize(root).unwrap();
        assert_eq!(read_below(&root, CONSOLE), Some(b"page".to_vec()));
        let absolute = outside.path().join("secret").display().to_string();
        for path in
            ["../secret", "console/../../secret", "console/link", "console", "", "console/\0", "/etc/passwd", &absolute]
        {
            assert_eq!(read_below(&root, path), None, "{path}");
        }
    }

    #[test]
    fn types_by_extension() {
        for (path, kind) in [
            ("a/index.html", "text/html; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.svg", "image/svg+xml"),
            ("a.webmanifest", "application/manifest+json"),
            ("a.json", "application/json"),
            ("a.mp3", "audio/mpeg"),
            ("a.png", "image/png"),
            ("a", "application/octet-stream"),
        ] {
            assert_eq!(content_type(path), kind);
        }
    }
}
