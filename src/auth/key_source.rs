//! Where the keys of the integrator's tokens come from, and how they change without a restart.
//!
//! A file is read at the start, at SIGHUP, and within a second of a change. An address is fetched at the start, at SIGHUP,
//! every five minutes, and when a token names a key that is not known. A fetch that is under way is shared; after it the keys are
//! not fetched for an unknown key again for ten seconds, whatever tokens clients invent. What fails leaves the keys as they
//! are, and the log says why.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::fetch;
use super::member_token::MemberTokens;
use crate::error::{Error, Result};
use crate::settings;

/// How often a file is looked at, and whether an address is due.
const TICK: Duration = Duration::from_secs(1);
/// How old fetched keys may become.
const REFRESH: Duration = Duration::from_secs(300);
/// How long after a fetch that failed the next one is made.
const RETRY: Duration = Duration::from_secs(30);
/// How long after a fetch an unknown key causes no other one.
const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(10);
/// For a whole fetch.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest set of keys that is read, in bytes.
const LARGEST_SET: usize = 1024 * 1024;

/// The keys that count now.
pub(super) struct KeySource {
    settings: settings::MemberToken,
    place: Place,
    tokens: RwLock<Arc<MemberTokens>>,
    /// How often the keys have been replaced: what was refused before may be valid now.
    generation: AtomicU64,
    /// Held during a read, so that those who wait for it share its outcome.
    last: Mutex<Last>,
}

enum Place {
    /// A shared secret, or nothing: only a restart changes it.
    Settings,
    /// A PEM or JWKS file.
    File(PathBuf),
    Url {
        url: String,
        client: RwLock<reqwest::Client>,
    },
}

/// The last read.
#[derive(Default)]
struct Last {
    fetched: Option<(Instant, bool)>,
    seen: Option<Seen>,
}

/// What tells one state of a file from another: device, inode, time of change, size.
type Seen = (u64, u64, i64, i64, u64);

impl KeySource {
    /// Reads the key that the settings name, if any; those of an address are fetched by [`KeySource::look_after`].
    ///
    /// # Errors
    /// One line for the operator.
    pub(super) fn new(settings: &settings::MemberToken) -> std::result::Result<Self, String> {
        let place = match (&settings.public_key_file, &settings.jwks_file, &settings.jwks_url) {
            (None, None, None) => Place::Settings,
            (Some(file), None, None) | (None, Some(file), None) => Place::File(file.clone()),
            (None, None, Some(url)) if settings.secret.is_none() => {
                Place::Url { url: url.clone(), client: RwLock::new(client()?) }
            }
            _ => {
                return Err("auth.member_token: set only one of secret, public_key_file, jwks_file and jwks_url".into());
            }
        };
        let last = Last { fetched: None, seen: place.file().and_then(seen) };
        let tokens = RwLock::new(Arc::new(MemberTokens::new(settings)?));
        Ok(Self { settings: settings.clone(), place, tokens, generation: AtomicU64::new(0), last: Mutex::new(last) })
    }

    /// What checks a token. Keys of an address are fetched once more when that of the token is not among them.
    ///
    /// # Errors
    /// [`Error::Busy`] when they cannot be fetched: the key may be there.
    pub(super) async fn with_key_of(&self, token: &str) -> Result<Arc<MemberTokens>> {
        let tokens = self.tokens();
        if !matches!(self.place, Place::Url { .. }) || tokens.has_key_of(token) {
            return Ok(tokens);
        }
        let mut last = self.last.lock().await;
        let recent = last.fetched.filter(|(at, _)| at.elapsed() < UNKNOWN_KEY_PAUSE);
        let worked = match recent {
            Some((_, worked)) => worked,
            None => self.read(&mut last).await,
        };
        // Another caller may have fetched it meanwhile.
        let tokens = self.tokens();
        if worked || tokens.has_key_of(token) { Ok(tokens) } else { Err(Error::Busy) }
    }

    /// Counts the changes of the keys.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn tokens(&self) -> Arc<MemberTokens> {
        Arc::clone(&self.tokens.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the keys again, for SIGHUP; also the certificates that an address is trusted by.
    pub(super) async fn reload(&self) {
        if let Place::Url { client: held, .. } = &self.place {
            match client() {
                Ok(client) => *held.write().unwrap_or_else(PoisonError::into_inner) = client,
                Err(error) => tracing::error!(error, "the certificates could not be read again"),
            }
        }
        if !matches!(self.place, Place::Settings) && self.read(&mut *self.last.lock().await).await {
            tracing::info!("the keys of members' tokens were read again");
        }
    }

    /// Keeps the keys up to date for as long as it is polled.
    pub(super) async fn look_after(&self) {
        if matches!(self.place, Place::Settings) {
            return;
        }
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let mut last = self.last.lock().await;
            let is_due = match self.place.file() {
                Some(file) => {
                    let file = file.to_owned();
                    let found = tokio::task::spawn_blocking(move || seen(&file)).await.ok().flatten();
                    found.is_some() && found != last.seen
                }
                None => last.fetched.is_none_or(|(at, worked)| at.elapsed() >= if worked { REFRESH } else { RETRY }),
            };
            if is_due && self.read(&mut last).await && self.place.file().is_some() {
                tracing::info!("the keys of members' tokens have changed and were read again");
            }
        }
    }

    /// Reads the keys and says whether that worked.
    async fn read(&self, last: &mut Last) -> bool {
        last.seen = self.place.file().and_then(seen);
        let read = match &self.place {
            Place::Settings => return true,
            Place::File(_) => MemberTokens::new(&self.settings),
            Place::Url { url, client } => {
                let client = client.read().unwrap_or_else(PoisonError::into_inner).clone();
                let fetched = self::fetch(&client, url).await;
                fetched
                    .and_then(|text| MemberTokens::with_jwks(&self.settings, &text))
                    .map_err(|error| format!("auth.member_token.jwks_url: {url}: {error}"))
            }
        };
        let worked = read.is_ok();
        last.fetched = Some((Instant::now(), worked));
        match read {
            Ok(tokens) => {
                *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tokens);
                self.generation.fetch_add(1, Ordering::Release);
            }
            Err(error) => {
                tracing::error!(error, "the keys of members' tokens could not be read: the last good ones stay")
            }
        }
        worked
    }
}

impl Place {
    fn file(&self) -> Option<&Path> {
        match self {
            Self::Settings | Self::Url { .. } => None,
            Self::File(file) => Some(file),
        }
    }
}

fn seen(file: &Path) -> Option<Seen> {
    let found = fs::metadata(file).ok()?;
    Some((found.dev(), found.ino(), found.mtime(), found.mtime_nsec(), found.len()))
}

fn client() -> std::result::Result<reqwest::Client, String> {
    fetch::client(FETCH_TIMEOUT, 0).map_err(|error| format!("auth.member_token.jwks_url: {error}"))
}

async fn fetch(client: &reqwest::Client, url: &str) -> std::result::Result<Vec<u8>, String> {
    let response = client.get(url).send().await.map_err(|error| fetch::chain(&error.without_url()))?;
    if !response.status().is_success() {
        return Err(format!("answered HTTP {}", response.status()));
    }
    fetch::body(response, LARGEST_SET).await
}
