//! Puts the web pages of `web/dist` into the binary: writes a table of them, which `src/web/assets.rs` includes.
//!
//! The pages are committed as they were built, so that a build of kefu needs no Node. `web/dist/manifest.json` says what they
//! were built from. This script refuses pages that are not those of the manifest, and pages that are older than their
//! sources. Where only the pages are there, as in the image's build, nothing is compared with sources.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// How the pages are made anew.
const REBUILD: &str = "build them with: cd web && npm ci && npm run build";

/// What the pages are built from, below `web`: folders and files, each of them only when it exists.
const SOURCES: [&str; 9] = [
    "client/src",
    "console/index.html",
    "console/public",
    "console/src",
    "console/vite.config.ts",
    "package-lock.json",
    "widget/demo.html",
    "widget/src",
    "widget/vite.config.ts",
];

/// The folder whose absence says that only the pages are there.
const SOURCE_FOLDER: &str = "console/src";

/// `web/dist/manifest.json`.
#[derive(Deserialize)]
struct Manifest {
    /// The version of kefu that the pages belong to.
    version: String,
    /// The hash of their sources, see [`hash_of_sources`].
    sources: String,
    /// By path below `web/dist`.
    files: BTreeMap<String, ListedFile>,
}

#[derive(Deserialize)]
struct ListedFile {
    sha256: String,
}

/// A file of a page, checked.
pub(crate) struct Page {
    /// Below `web/dist`, with `/`.
    pub(crate) path: String,
    sha256: String,
    bytes: Vec<u8>,
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let (root, out) = (folder("CARGO_MANIFEST_DIR"), folder("OUT_DIR"));
    let web = root.join("web");
    let written = if env::var_os("CARGO_FEATURE_WEB").is_none() {
        write_table(&[], "", &out)
    } else {
        println!("cargo::rerun-if-changed=web/dist");
        for source in SOURCES.iter().filter(|source| web.join(source).exists()) {
            println!("cargo::rerun-if-changed=web/{source}");
        }
        pages(&web, env!("CARGO_PKG_VERSION")).and_then(|(pages, build)| write_table(&pages, &build, &out))
    };
    if let Err(sentence) = written {
        println!("cargo::error={sentence}");
    }
}

fn folder(variable: &str) -> PathBuf {
    env::var_os(variable).map(PathBuf::from).unwrap_or_default()
}

/// The pages in `<web>/dist` in the order of their paths, and the hash of their manifest.
///
/// # Errors
/// One sentence: what is missing, differs from the manifest or is older than its sources.
pub(crate) fn pages(web: &Path, version: &str) -> Result<(Vec<Page>, String), String> {
    let dist = web.join("dist");
    let manifest = fs::read(dist.join("manifest.json"))
        .map_err(|cause| format!("the web pages are missing (web/dist/manifest.json: {cause}); {REBUILD}"))?;
    let Manifest { version: built_for, sources, files } = serde_json::from_slice(&manifest)
        .map_err(|cause| format!("web/dist/manifest.json cannot be read ({cause}); {REBUILD}"))?;
    if built_for != version {
        return Err(format!("the web pages in web/dist are those of kefu {built_for}, this is {version}; {REBUILD}"));
    }
    if !files.contains_key("console/index.html") {
        return Err(format!("the console is missing in web/dist/manifest.json; {REBUILD}"));
    }
    let found = files_below(&dist, Path::new("")).map_err(|cause| format!("web/dist cannot be read: {cause}"))?;
    if let Some(stray) = found.iter().find(|path| *path != "manifest.json" && !files.contains_key(*path)) {
        return Err(format!("web/dist/{stray} is not in web/dist/manifest.json; {REBUILD}"));
    }
    let mut pages = Vec::new();
    for (path, ListedFile { sha256 }) in files {
        let bytes = fs::read(dist.join(&path)).map_err(|cause| {
            format!("web/dist/{path}, which the manifest lists, cannot be read ({cause}); {REBUILD}")
        })?;
        if hash(&bytes) != sha256 {
            return Err(format!("web/dist/{path} is not the file that web/dist/manifest.json lists; {REBUILD}"));
        }
        pages.push(Page { path, sha256, bytes });
    }
    if web.join(SOURCE_FOLDER).is_dir() {
        let current =
            hash_of_sources(web).map_err(|cause| format!("the web pages' sources cannot be read: {cause}"))?;
        if current != sources {
            return Err(format!("the web pages in web/dist are older than their sources in web; {REBUILD}"));
        }
    }
    Ok((pages, hash(&manifest)))
}

/// The hash of a line `path NUL sha256 LF` for each file of [`SOURCES`], in the order of their paths below `web`.
fn hash_of_sources(web: &Path) -> io::Result<String> {
    let mut paths = Vec::new();
    for source in SOURCES {
        if web.join(source).is_dir() {
            paths.extend(files_below(web, Path::new(source))?);
        } else if web.join(source).is_file() {
            paths.push(source.to_owned());
        }
    }
    paths.sort();
    let mut lines = Sha256::new();
    for path in paths {
        lines.update(format!("{path}\0{}\n", hash(&fs::read(web.join(&path))?)));
    }
    Ok(hex(&lines.finalize()))
}

/// The paths, relative to `root` and with `/`, of all files in its `folder`.
fn files_below(root: &Path, folder: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.path().is_dir() {
            found.extend(files_below(root, &path)?);
        } else {
            let names: Vec<_> = path.iter().map(|name| name.to_string_lossy()).collect();
            found.push(names.join("/"));
        }
    }
    Ok(found)
}

/// Writes the table, and beside it the compressed pages.
fn write_table(pages: &[Page], build: &str, out: &Path) -> Result<(), String> {
    let unwritable = |cause: io::Error| format!("the table of the web pages cannot be written: {cause}");
    let mut table = format!("/// The hash of the manifest.\nconst BUILD: &str = {build:?};\n");
    table.push_str("/// Every file of `web/dist`, in the order of their paths.\nstatic EMBEDDED: &[Embedded] = &[\n");
    for (number, Page { path, sha256, bytes }) in pages.iter().enumerate() {
        let compressed = gzip(bytes).map_err(unwritable)?;
        // A few bytes fewer are not worth that a client decompresses them.
        let saves = compressed.len() < bytes.len() - bytes.len() / 20;
        let gzip = if saves {
            fs::write(out.join(format!("{number}.gz")), &compressed).map_err(unwritable)?;
            format!("Some(include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{number}.gz\")))")
        } else {
            "None".to_owned()
        };
        let source = format!("/web/dist/{path}");
        let included = format!("include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {source:?}))");
        let line = format!("path: {path:?}, sha256: {sha256:?}, bytes: {included}, gzip: {gzip}");
        writeln!(table, "    Embedded {{ {line} }},").map_err(|cause| cause.to_string())?;
    }
    table.push_str("];\n");
    fs::write(out.join("web.rs"), table).map_err(unwritable)
}

/// Without a time or a name in its head, so that the same bytes always become the same.
fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

pub(crate) fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
