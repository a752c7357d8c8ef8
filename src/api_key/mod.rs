//! Keys of other programs, for `/open-api`: what they are, how they are made and deleted, and who brings one.
//!
//! A secret is shown once; the table has its SHA-256. That a key was found, or that there is none, is believed for [`TRUST`] and
//! within the same minute, so that a call of a program that calls often asks no database. What this process deletes is dropped
//! at once; other processes, and a verification that was under way, believe it until the trust ends.
//!
//! Each key has an admin of its own, who sends its messages: one that logs in nowhere, holds no role and is in no list.

pub(crate) mod api;
pub(crate) mod extract;
mod store;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::access::Scope;
use crate::account::{self, users};
use crate::audit::{self, Actor, Change};
use crate::auth::sha256;
use crate::clock::{Clock, Millis};
use crate::credential::API_KEY_BEGIN;
use crate::credential::Hash;
use crate::db::id_block::{IdKind, reserve_one};
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Problem, Result};
use crate::id::{ApiKeyId, TenantId, UserKey};

/// How long it is believed that there is a key, or that there is none, by the monotonic time.
const TRUST: Duration = Duration::from_secs(5);
/// How many keys, and secrets of none, are kept.
const KNOWN: usize = 4096;
/// Most keys of a tenant.
const MOST: i64 = 100;
/// Longest name, in characters.
const NAME_LIMIT: usize = account::NICKNAME_LIMIT;
/// What secrets begin with.
/// How many random bytes follow, as hexadecimal digits.
const SECRET_BYTES: usize = 32;
/// How exactly it is noted when a key was used last, in milliseconds.
const MINUTE: Millis = 60_000;

/// A key.
#[derive(Clone, Debug)]
pub(crate) struct ApiKey {
    /// Its number.
    pub id: ApiKeyId,
    /// The tenant whose members it is for.
    pub tenant: TenantId,
    /// What the admins call it, and what members read beside its messages.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The admin who sends its messages.
    pub bot: UserKey,
    /// When it was used last, to the minute, in milliseconds.
    pub used_at: Option<Millis>,
    /// When it was made, in milliseconds.
    pub created_at: Millis,
    /// The number of the admin who has made it, as a text.
    pub creator: String,
}

/// The keys; lives in the application's data.
#[derive(Clone)]
pub(crate) struct ApiKeys {
    db: Db,
    clock: Clock,
    known: Arc<quick_cache::sync::Cache<Hash, Known>>,
}

/// What was found for a secret.
#[derive(Clone)]
struct Known {
    key: Option<Arc<ApiKey>>,
    /// When, by the monotonic time.
    at: Duration,
    /// The minute of the time of day, whose use is noted.
    minute: Millis,
}

impl ApiKeys {
    /// Nothing is believed yet.
    pub(crate) fn new(db: &Db, clock: &Clock) -> Self {
        Self { db: db.clone(), clock: clock.clone(), known: Arc::new(quick_cache::sync::Cache::new(KNOWN)) }
    }

    /// The keys of a tenant, the oldest first, each with the name of the admin who has made it.
    pub(crate) async fn list(&self, tenant: TenantId) -> Result<Vec<(ApiKey, String)>> {
        let read = move |connection: &mut AnyConnection| {
            let keys = store::list(connection, tenant, MOST)?;
            let creators: Vec<i64> = keys.iter().filter_map(|key| key.creator.parse().ok()).collect();
            let names = users::nicknames(connection, tenant, &creators)?;
            let named = |key: ApiKey| {
                let name = key.creator.parse().ok().and_then(|creator: i64| names.get(&creator).cloned());
                (key, name.unwrap_or_default())
            };
            Ok(keys.into_iter().map(named).collect())
        };
        self.db.run(read).await
    }

    /// Makes a key; returns its number and its secret, which is known nowhere else.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the tenant has [`MOST`] of them.
    pub(crate) async fn create(
        &self,
        tenant: TenantId,
        name: String,
        scopes: Vec<Scope>,
        actor: Actor,
    ) -> Result<(ApiKeyId, String)> {
        let mut random = [0; SECRET_BYTES];
        getrandom::fill(&mut random).map_err(Error::internal)?;
        let secret = format!("{API_KEY_BEGIN}{}", const_hex::encode(random));
        let (hash, now) = (sha256(&secret), self.clock.now());
        let make = move |connection: &mut AnyConnection| {
            // The row of the ids stays locked: of two calls at once, the later one counts the earlier one's key.
            let id = ApiKeyId::new(reserve_one(connection, IdKind::ApiKey)?);
            if store::count(connection, tenant)? >= MOST {
                return Err(Error::Invalid(Problem::new("密钥最多 100 个", "a tenant has at most 100 keys")));
            }
            let bot = account::insert_bot(connection, tenant, &format!("\u{1}key {id}"), &name, now)?;
            let names: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
            let made = json!({"name": name, "scopes": names});
            let key = ApiKey {
                id,
                tenant,
                name: name.clone(),
                scopes: scopes.clone(),
                bot,
                used_at: None,
                created_at: now,
                creator: actor.column(),
            };
            store::insert(connection, &key, hash)?;
            audit::record(connection, &actor, tenant, Change::of("api_key", id, "create").to(made), now)?;
            Ok(id)
        };
        Ok((self.db.write(make).await?, secret))
    }

    /// Deletes a key and its admin, whose name stays beside the messages.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is none.
    pub(crate) async fn delete(&self, tenant: TenantId, id: ApiKeyId, actor: Actor) -> Result<()> {
        let now = self.clock.now();
        let delete = move |connection: &mut AnyConnection| {
            let unknown = || Error::Invalid(Problem::new("密钥不存在", "the key does not exist"));
            let key = store::find(connection, tenant, id)?.ok_or_else(unknown)?;
            if !store::delete(connection, tenant, id)? {
                return Err(unknown());
            }
            users::delete(connection, key.bot, &actor.column(), now)?;
            let names: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
            let change = Change::of("api_key", id, "delete").from(json!({"name": key.name, "scopes": names}));
            audit::record(connection, &actor, tenant, change, now)
        };
        self.db.write(delete).await?;
        self.known.clear();
        Ok(())
    }

    /// The key with this secret, and notes that it is used.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when there is none.
    async fn verify(&self, secret: &str) -> Result<Arc<ApiKey>> {
        if !is_secret(secret) {
            return Err(Error::Unauthenticated);
        }
        let (hash, now) = (sha256(secret), self.clock.now());
        let (at, minute) = (self.clock.monotonic(), now - now.rem_euclid(MINUTE));
        let is_good = |known: &Known| known.minute == minute && at.saturating_sub(known.at) < TRUST;
        if let Some(known) = self.known.get(&hash).filter(is_good) {
            return known.key.ok_or(Error::Unauthenticated);
        }
        let key = self.db.run(move |connection| store::by_hash(connection, hash)).await?;
        if let Some(ApiKey { id, used_at, .. }) = &key
            && used_at.is_none_or(|used_at| used_at < minute)
        {
            let id = *id;
            self.db.write(move |connection| store::note_use(connection, id, minute)).await?;
        }
        let key = key.map(Arc::new);
        self.known.insert(hash, Known { key: key.clone(), at, minute });
        key.ok_or(Error::Unauthenticated)
    }
}

/// Whether a text looks like a secret: no other one is looked for.
fn is_secret(text: &str) -> bool {
    let digits = text.strip_prefix(API_KEY_BEGIN).unwrap_or_default();
    digits.len() == 2 * SECRET_BYTES && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}
