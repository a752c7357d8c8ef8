//! Channels: the ways by which visitors come in. A channel of kind web is the widget on the pages of some sites; the pages
//! name it by its key.
//!
//! [`Channels`] keeps all of them in memory, in a table that is replaced as a whole and read without a lock. Every change
//! takes a number from `kefu_id_block`, whose row stays locked until the change is committed. A process that asks each second
//! whether the newest number is still that of its table, and reads all channels when it is not, misses none, whatever the
//! clocks say and even when the database has gone back to an older state. The number is read before the channels: what is
//! committed in between is in the table already, or is read next time.

pub(crate) mod api;
mod settings;
mod store;

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, web};
use arc_swap::ArcSwap;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::audit::Actor;
use crate::clock::{Clock, Millis};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::address::ClientAddress;
use crate::id::{ChannelId, TenantId};
use crate::origin::{self, Origins};
use crate::tenant::DEFAULT_TENANT;

pub(crate) use settings::{ChannelSettings, OWN_ORIGIN};

/// The name of the channel for the demo page.
const DEMO: &str = "demo";
/// What visitors of the demo page read first, whatever their language.
const DEMO_GREETING: &str = "您好，有什么可以帮您？\nHello! How can we help?";
/// What keys begin with.
const KEY_BEGIN: &str = "wk_";
/// How many characters follow.
const KEY_LENGTH: usize = 24;
/// The characters of keys, 32 of them; none looks like another.
const KEY_ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// What a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The widget on web pages.
    Web,
}

impl Kind {
    /// The name on the wire and in the table.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
        }
    }

    /// The kind of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        (name == Self::Web.as_str()).then_some(Self::Web)
    }
}

/// A channel as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredChannel {
    /// Its number.
    pub id: ChannelId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// What it is.
    pub kind: Kind,
    /// What the admins call it.
    pub name: String,
    /// What pages name it by. It never changes.
    pub key: String,
    /// Whether it lets anyone in.
    pub enabled: bool,
    /// What it has set.
    pub settings: ChannelSettings,
    /// When it was made.
    pub created: Millis,
}

impl StoredChannel {
    /// What of it can change, for the record of its changes.
    ///
    /// # Errors
    /// [`Error::Internal`], which settings never bring about.
    fn changeable(&self) -> Result<Value> {
        let settings = serde_json::to_value(&self.settings).map_err(Error::internal)?;
        Ok(json!({"kind": self.kind.as_str(), "name": self.name, "enabled": self.enabled, "settings": settings}))
    }
}

/// A channel in memory.
#[derive(Debug)]
pub(crate) struct Channel {
    channel: StoredChannel,
    origins: Origins,
    /// Whether pages of the service's own address may use it.
    own: bool,
}

impl std::ops::Deref for Channel {
    type Target = StoredChannel;

    fn deref(&self) -> &StoredChannel {
        &self.channel
    }
}

impl Channel {
    /// `public_origin`: that of `server.public_url`.
    fn new(channel: StoredChannel, public_origin: Option<&str>) -> Self {
        let (own, named): (Vec<&str>, Vec<&str>) =
            channel.settings.origins.iter().map(String::as_str).partition(|origin| *origin == OWN_ORIGIN);
        let own = !own.is_empty();
        let origins = named.into_iter().chain(public_origin.filter(|_| own)).collect();
        Self { channel, origins, own }
    }

    /// Refuses a request from a page that the channel does not let in: the one rule for visitors' tokens, calls and sockets.
    ///
    /// # Errors
    /// [`Error::OriginForbidden`], also when the channel is disabled.
    pub(crate) fn admit(&self, request: &HttpRequest) -> Result<()> {
        if self.allows(request) { Ok(()) } else { Err(Error::OriginForbidden) }
    }

    /// Whether the channel is enabled and lets the page in.
    ///
    /// A browser names the page's origin with every call to another origin, with every POST, PUT and DELETE, and with every
    /// handshake of a socket. Of a GET to the page's own origin it says so in `Sec-Fetch-Site`; over plain http it only names
    /// the page in `Referer`. An origin `null` is that of a local file or a sandboxed frame: it names nobody.
    fn allows(&self, request: &HttpRequest) -> bool {
        let headers = request.headers();
        let site = text(headers, "sec-fetch-site");
        self.channel.enabled
            && match text(headers, header::ORIGIN.as_str()).filter(|origin| *origin != "null") {
                Some(origin) => self.origins.contains(origin) || (self.own && is_own(origin, request)),
                None if self.own && site == Some("same-origin") => true,
                None if self.own && site.is_none() && comes_from_own_page(request) => true,
                None => self.channel.settings.allow_no_origin,
            }
    }
}

/// A header; one that is no text is that of nobody we know.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// Whether the origin is the address that the request was sent to, as the client or a trusted proxy says.
fn is_own(origin: &str, request: &HttpRequest) -> bool {
    let Some((scheme, host)) = origin.split_once("://") else { return false };
    let is_host = |called: &str| {
        let port = if scheme == "https" { ":443" } else { ":80" };
        called.strip_suffix(port).unwrap_or(called).eq_ignore_ascii_case(host)
    };
    if text(request.headers(), header::HOST.as_str()).is_some_and(is_host) {
        return true;
    }
    let called = request.app_data::<web::Data<ClientAddress>>().and_then(|address| address.called(request));
    called.as_deref().and_then(|called| called.split_once("://")).is_some_and(|(_, host)| is_host(host))
}

fn comes_from_own_page(request: &HttpRequest) -> bool {
    let page = text(request.headers(), header::REFERER.as_str()).and_then(origin::of_address);
    page.is_some_and(|origin| is_own(&origin, request))
}

/// A channel to be made.
#[derive(Debug)]
pub(crate) struct NewChannel {
    pub kind: Kind,
    pub name: String,
    pub enabled: bool,
    /// Some of [`ChannelSettings`], nested as these are.
    pub settings: Value,
}

/// What changes of a channel; what is `None` stays.
#[derive(Debug, Default)]
pub(crate) struct ChannelChanges {
    pub name: Option<String>,
    pub enabled: Option<bool>,
    /// Some of [`ChannelSettings`], nested as these are.
    pub settings: Option<Value>,
}

/// All channels. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Channels(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    public_origin: Option<String>,
    table: ArcSwap<Table>,
    /// Held while channels are read and the table is replaced, so that of two readings the later one stays.
    reading: Mutex<()>,
}

/// All channels as of a change.
#[derive(Default)]
struct Table {
    /// The number of the newest change, `None` before the first reading.
    change: Option<i64>,
    by_id: HashMap<ChannelId, Arc<Channel>>,
    /// The enabled ones.
    by_key: HashMap<String, Arc<Channel>>,
    /// The origins of the enabled ones.
    origins: Origins,
}

impl Table {
    fn new(change: i64, channels: Vec<StoredChannel>, public_origin: Option<&str>) -> Self {
        let mut table = Self { change: Some(change), ..Self::default() };
        for channel in channels {
            let channel = Arc::new(Channel::new(channel, public_origin));
            table.by_id.insert(channel.id, Arc::clone(&channel));
            if channel.enabled {
                let named = channel.settings.origins.iter().filter(|origin| *origin != OWN_ORIGIN);
                named.for_each(|origin| table.origins.add(origin));
                table.by_key.insert(channel.key.clone(), channel);
            }
        }
        table
    }
}

impl Channels {
    /// Reads all channels. `public_url` as in the settings.
    ///
    /// # Errors
    /// [`Error::Busy`] when the database cannot be asked.
    pub(crate) async fn new(db: &Db, clock: &Clock, public_url: Option<&str>) -> Result<Self> {
        let channels = Self(Arc::new(Inner {
            db: db.clone(),
            clock: clock.clone(),
            public_origin: public_url.and_then(origin::of_address),
            table: ArcSwap::default(),
            reading: Mutex::default(),
        }));
        channels.poll().await?;
        Ok(channels)
    }

    /// The enabled channel with this key.
    pub(crate) fn by_key(&self, key: &str) -> Option<Arc<Channel>> {
        self.0.table.load().by_key.get(key).cloned()
    }

    /// The channel with this number, enabled or not; `None` when it was deleted.
    pub(crate) fn by_id(&self, id: ChannelId) -> Option<Arc<Channel>> {
        self.0.table.load().by_id.get(&id).cloned()
    }

    /// As [`Channel::admit`], for a visitor's channel, which may have been deleted.
    ///
    /// # Errors
    /// [`Error::OriginForbidden`].
    pub(crate) fn admit(&self, id: ChannelId, request: &HttpRequest) -> Result<()> {
        self.by_id(id).ok_or(Error::OriginForbidden)?.admit(request)
    }

    /// The channel of the demo page: the oldest enabled one of the first tenant that has its name.
    pub(crate) fn demo(&self) -> Option<Arc<Channel>> {
        let table = self.0.table.load();
        let named = table.by_key.values().filter(|channel| channel.tenant == DEFAULT_TENANT && channel.name == DEMO);
        named.min_by_key(|channel| channel.id).cloned()
    }

    /// Makes the channel of the demo page in a database that has never had a channel.
    ///
    /// # Errors
    /// [`Error::Busy`].
    pub(crate) async fn ensure_demo(&self) -> Result<()> {
        if !self.0.db.run(store::never_had_one).await? {
            return Ok(());
        }
        let (key, now) = (new_key()?, self.0.clock.now());
        let settings = json!({"origins": [OWN_ORIGIN], "texts": {"greeting": DEMO_GREETING}});
        let new = NewChannel { kind: Kind::Web, name: DEMO.to_owned(), enabled: true, settings };
        self.0.db.write(move |connection| store::insert_first(connection, DEFAULT_TENANT, &new, &key, now)).await?;
        self.poll().await
    }

    /// Whether an enabled channel lets pages of this origin in.
    pub(crate) fn let_in(&self, origin: &str) -> bool {
        self.0.table.load().origins.contains(origin)
    }

    /// Takes over what has changed. To be called every second or so.
    ///
    /// # Errors
    /// [`Error::Busy`] when the database cannot be asked.
    pub(crate) async fn poll(&self) -> Result<()> {
        let _reading = self.0.reading.lock().await;
        let seen = self.0.table.load().change;
        let changed = self.0.db.run(move |connection| store::changed(connection, seen)).await?;
        if let Some((change, channels)) = changed {
            self.0.table.store(Arc::new(Table::new(change, channels, self.0.public_origin.as_deref())));
        }
        Ok(())
    }

    /// The channels of a tenant, the oldest first.
    ///
    /// # Errors
    /// [`Error::Busy`].
    pub(crate) async fn list(&self, tenant: TenantId) -> Result<Vec<StoredChannel>> {
        self.0.db.run(move |connection| store::list(connection, tenant)).await
    }

    /// A channel of a tenant.
    ///
    /// # Errors
    /// [`Error::Busy`].
    pub(crate) async fn find(&self, tenant: TenantId, id: ChannelId) -> Result<Option<StoredChannel>> {
        self.0.db.run(move |connection| store::find(connection, tenant, id)).await
    }

    /// Makes a channel, with a key of its own.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::WrongType`] and [`Error::Missing`] with the key of a wrong setting; [`Error::Invalid`]
    /// when the tenant has too many; [`Error::Busy`].
    pub(crate) async fn create(&self, tenant: TenantId, new: NewChannel, actor: Actor) -> Result<ChannelId> {
        let (key, now) = (new_key()?, self.0.clock.now());
        let added = self.0.db.write(move |connection| store::create(connection, tenant, &new, &key, &actor, now));
        let id = added.await?;
        self.follow().await;
        Ok(id)
    }

    /// Changes some of a channel.
    ///
    /// # Errors
    /// As [`Channels::create`], and [`Error::NotFound`] when the tenant has no such channel.
    pub(crate) async fn update(
        &self,
        tenant: TenantId,
        id: ChannelId,
        changes: ChannelChanges,
        actor: Actor,
    ) -> Result<()> {
        let now = self.0.clock.now();
        self.0.db.write(move |connection| store::update(connection, tenant, id, &changes, &actor, now)).await?;
        self.follow().await;
        Ok(())
    }

    /// Deletes a channel, which ends its visitors' logins.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the tenant has no such channel; [`Error::Busy`].
    pub(crate) async fn delete(&self, tenant: TenantId, id: ChannelId, actor: Actor) -> Result<()> {
        let now = self.0.clock.now();
        self.0.db.write(move |connection| store::delete(connection, tenant, id, &actor, now)).await?;
        self.follow().await;
        Ok(())
    }

    /// Takes over this process's own change, which is committed: where the database cannot be asked now, the next poll does.
    async fn follow(&self) {
        drop(self.poll().await);
    }
}

/// A key that was not given before.
fn new_key() -> Result<String> {
    let mut random = [0; KEY_LENGTH];
    getrandom::fill(&mut random).map_err(Error::internal)?;
    let letters = random.iter().filter_map(|byte| KEY_ALPHABET.get(usize::from(byte % 32)));
    Ok(KEY_BEGIN.chars().chain(letters.map(|letter| char::from(*letter))).collect())
}
