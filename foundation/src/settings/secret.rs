//! What must not be shown: the type of secret settings, database passwords, and the signing secret that the service
//! makes for itself.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind, Write};
use std::ops::Deref;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use super::{Settings, SettingsError};

/// What stands in a secret's place wherever settings are shown.
pub(super) const HIDDEN: &str = "***";

/// The shortest secret that may sign tokens, in bytes: as long as an HMAC-SHA256 (RFC 7518, 3.2).
pub(super) const SECRET_BYTES: usize = 32;

/// The secrets of the examples in this repository, which everybody knows.
const PUBLISHED: [&str; 3] =
    ["at least 32 bytes that nobody can guess", "the access key's secret", "what the shop has given to this service"];

/// Whether a secret stands in an example.
pub(super) fn is_published(secret: &str) -> bool {
    PUBLISHED.contains(&secret.trim())
}

/// A text that neither `Debug` nor a serialiser shows; read it as the `&str` that it derefs to.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Cuts line breaks off the end, as editors and `echo` leave them in files that variables are made from; returns
    /// whether there were any. No secret ends with one on purpose, and whoever signs with it has it without.
    pub(super) fn trim_line_breaks(&mut self) -> bool {
        let length = self.0.trim_end_matches(['\r', '\n']).len();
        let trimmed = length < self.0.len();
        self.0.truncate(length);
        trimmed
    }
}

impl Deref for Secret {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

/// A database's address with its password replaced, whether before the host or in the query; an address that cannot be
/// read is hidden whole.
pub(super) fn hide_password(address: &str) -> String {
    let Ok(mut url) = Url::parse(address) else { return HIDDEN.to_owned() };
    if url.password().is_some() && url.set_password(Some(HIDDEN)).is_err() {
        return HIDDEN.to_owned();
    }
    let is_secret = |name: &str| name.to_ascii_lowercase().contains("password");
    if url.query_pairs().any(|(name, _)| is_secret(&name)) {
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        url.query_pairs_mut().clear().extend_pairs(
            pairs.iter().map(|(name, value)| (name.as_str(), if is_secret(name) { HIDDEN } else { value.as_str() })),
        );
    }
    url.into()
}

/// Whether no part of a database's password stands where somebody would take it for something else, and name it in an
/// error: it holds no `/`, `?`, `#`, `@` as such, and each `%` begins the code of a character.
pub(crate) fn is_escaped(address: &str) -> bool {
    let Some((_, rest)) = address.split_once("://") else { return true };
    let (mut credentials, mut codes) = (rest.split('@'), rest.split('%').skip(1));
    let (user, host, more) = (credentials.next(), credentials.next(), credentials.next());
    let is_plain = |text: &str| !text.contains(['/', '?', '#']);
    let is_code = |text: &str| {
        text.get(..2).is_some_and(|code| code != "00" && code.bytes().all(|digit| digit.is_ascii_hexdigit()))
    };
    (host.is_none() || user.is_some_and(is_plain)) && more.is_none() && codes.all(is_code)
}

/// The secret that signs this service's own tokens: `auth.secret`, or else the content of `<data_dir>/secret`, which the
/// first start creates (64 random hexadecimal characters, mode 0600; folders 0700). Processes that start at once agree.
///
/// # Errors
/// When the file cannot be created or read, or holds less than 32 bytes or the secret of an example.
pub fn signing_secret(settings: &Settings) -> Result<Secret, SettingsError> {
    if let Some(secret) = &settings.auth.secret {
        return Ok(secret.clone());
    }
    let path = settings.data_dir.join("secret");
    let failed = |action: &str, cause: io::Error| {
        SettingsError(format!("data_dir: cannot {action} the signing secret {}: {cause}", path.display()))
    };
    if !path.try_exists().map_err(|cause| failed("read", cause))? {
        create(&settings.data_dir, &path).map_err(|cause| failed("create", cause))?;
    }
    let secret = fs::read_to_string(&path).map_err(|cause| failed("read", cause))?.trim().to_owned();
    if secret.len() < SECRET_BYTES {
        return Err(SettingsError(format!(
            "data_dir: {} holds {} bytes, a signing secret needs at least {SECRET_BYTES}; remove the file to have a new one made, \
             which logs everyone out",
            path.display(),
            secret.len()
        )));
    }
    if is_published(&secret) {
        return Err(SettingsError(format!(
            "data_dir: {} holds the secret of an example, which everybody knows; remove the file to have a new one made",
            path.display()
        )));
    }
    Ok(Secret(secret))
}

/// Creates the file complete or not at all: it is written under a name of its own and then renamed to `path` unless that is
/// there, so that of several processes one wins and none ever reads half a secret.
fn create(folder: &Path, path: &Path) -> io::Result<()> {
    create_private_folder(folder)?;
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let private = Permissions::from_mode(0o600);
    let mut draft = tempfile::Builder::new().prefix("secret.").permissions(private).tempfile_in(folder)?;
    draft.write_all(const_hex::encode(random).as_bytes())?;
    draft.as_file().sync_all()?;
    match draft.persist_noclobber(path) {
        Err(failed) if failed.error.kind() != ErrorKind::AlreadyExists => Err(failed.error),
        _ => Ok(()),
    }
}

impl Settings {
    /// Creates the folder of the service's own files, where there is none.
    ///
    /// # Errors
    /// One line for the operator, which names the setting and the folder.
    pub fn create_data_dir(&self) -> Result<(), SettingsError> {
        create_private_folder(&self.data_dir).map_err(|cause| {
            SettingsError(format!("data_dir: cannot create the folder {}: {cause}", self.data_dir.display()))
        })
    }
}

/// Creates a folder that only this user may enter (mode 0700), and those above it that are not there; one that is there
/// stays as it is.
///
/// # Errors
/// When the folder cannot be created.
pub fn create_private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings_in(folder: &Path) -> Settings {
        Settings { data_dir: folder.join("new/data"), ..Settings::default() }
    }

    #[test]
    fn a_set_secret_wins_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings_in(folder.path());
        settings.auth.secret = Some("0123456789abcdef0123456789abcdef".into());
        assert_eq!(&*signing_secret(&settings).unwrap(), "0123456789abcdef0123456789abcdef");
        assert!(!settings.data_dir.exists());
    }

    #[test]
    fn many_first_starts_agree_on_one_private_secret() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings_in(folder.path());
        let secrets: Vec<Secret> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| signing_secret(&settings).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert_eq!(secrets[0].len(), 64);
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
        let names: Vec<_> = fs::read_dir(&settings.data_dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["secret"], "a draft was left behind");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&settings.data_dir.join("secret")), 0o600);
            assert_eq!(mode(&settings.data_dir), 0o700);
        }
    }

    #[test]
    fn a_short_file_is_refused_without_showing_it() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { data_dir: folder.path().to_owned(), ..Settings::default() };
        for text in ["", "\n", "too-short\n"] {
            fs::write(folder.path().join("secret"), text).unwrap();
            let message = signing_secret(&settings).unwrap_err().to_string();
            assert!(message.contains("at least 32") && !message.contains("too-short"), "{message}");
        }
    }

    #[test]
    fn a_password_stays_in_its_place() {
        for good in [
            "mysql://u:p@h/d",
            "mysql://u:p%40%2F%3f:%e4@h/d?ssl_ca=/a",
            "postgresql:///d?host=/run",
            "mysql://h",
            "sqlite:a@b%#",
        ] {
            assert!(is_escaped(good), "{good}");
        }
        for bad in [
            "mysql://u:1/2@h/d",
            "mysql://u:1?2@h/d",
            "mysql://u:1#2@h/d",
            "mysql://u:1/2?3@h/d",
            "mysql://u:1@2@h/d",
            "mysql://u:1%2@h/d",
            "mysql://u:1%zz@h/d",
            "mysql://u:1%00@h/d",
            "mysql://u:1%",
            "mysql://u:%é@h/d",
        ] {
            assert!(!is_escaped(bad), "{bad}");
        }
    }

    #[test]
    fn passwords_leave_addresses() {
        assert_eq!(hide_password("mysql://kefu:hidden@db:3306/kefu"), "mysql://kefu:***@db:3306/kefu");
        assert_eq!(
            hide_password("postgres://db/kefu?user=u&password=hidden"),
            "postgres://db/kefu?user=u&password=***"
        );
        assert_eq!(hide_password("sqlite:data/kefu.db"), "sqlite:data/kefu.db");
        assert_eq!(hide_password("kefu:hidden"), "kefu:hidden", "a path, which the rules refuse");
        assert_eq!(hide_password("hidden"), "***");
    }
}
