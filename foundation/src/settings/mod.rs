//! Everything an operator can set: one struct per section of the TOML file, with its default and its meaning.
//!
//! [`Settings::load`] reads them from file, variables and flags, `rules` says what each may be, and a [`Secret`] keeps
//! itself out of logs and of `--print-config`.

mod load;
pub mod rules;
mod secret;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize, Serializer};

pub use load::FILE_FLAG;
pub use load::{Flag, Sources};
pub(crate) use rules::{ESCAPED, network};
pub(crate) use secret::is_escaped;
pub use secret::{Secret, create_private_folder, signing_secret};

/// What is wrong with the settings: one line for the operator, which names the key, what is allowed and where the value
/// came from, and never shows a secret.
#[derive(Debug, PartialEq, Eq)]
pub struct SettingsError(String);

impl std::fmt::Display for SettingsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SettingsError {}

/// The whole configuration, validated.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where the embedded database, the signing secret and uploaded files live. Default `./data`.
    pub data_dir: PathBuf,
    /// The HTTP server.
    pub server: Server,
    /// The database.
    pub database: Database,
    /// Tokens and passwords.
    pub auth: Auth,
    /// Sizes and rates.
    pub limits: Limits,
    /// The push module.
    pub push: Push,
    /// Uploaded files.
    pub file: File,
    /// Logs.
    pub log: Log,
    /// The secrets that ended with a line break, which was cut off; for a notice.
    #[serde(skip)]
    pub trimmed_secrets: Vec<&'static str>,
}

/// `[server]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port to listen on. Default `127.0.0.1:48080`; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Threads that serve HTTP and sockets; 0 (the default) = one fewer than cores, at least one:
    /// the message writer needs a core.
    pub workers: usize,
    /// Origins that browsers may call from, e.g. `https://shop.example`; `https://*.shop.example` allows every subdomain,
    /// `*` any origin. Default: none but the service's own. In a variable or flag: separated by commas.
    #[serde(deserialize_with = "list")]
    pub cors_origins: Vec<String>,
    /// The time zone in which times in query strings are read. Default `Asia/Shanghai`.
    pub time_zone: Tz,
    /// The address under which clients reach the service, e.g. `https://kefu.example`; used in the URLs of uploaded
    /// files. Default: taken from the request's `Host`.
    pub public_url: Option<String>,
    /// How many seconds a shutdown waits for open requests. Default 10.
    pub shutdown_timeout_s: u64,
    /// How many seconds a client may keep a request waiting for its body, a connection for its next request's head, and
    /// an answer for being taken; each KiB that moves gives a second back. Default 20.
    pub request_timeout_s: u64,
    /// Whether proxies in front of the service, with addresses of this machine or of a private network, name the client
    /// in `X-Forwarded-For`, `-Proto` and `-Host`. Default false.
    pub trust_forwarded_for: bool,
    /// Networks of proxies that name the client in the same way, e.g. `203.0.113.0/24` or one address. Default: none. In
    /// a variable or flag: separated by commas.
    #[serde(deserialize_with = "list")]
    pub trusted_proxies: Vec<String>,
    /// Whether what the stock clients ask of a shop's backend gets empty answers here (see `shop`). Default
    /// true.
    pub shop_placeholders: bool,
    /// Whether the first start makes a channel for the demo page `/widget/demo`, and the page is served. Default true.
    pub demo: bool,
    /// A folder laid out like `web/dist` whose pages are served instead of those in the binary, for those who work on
    /// them. Default: those in the binary.
    pub web_dir: Option<PathBuf>,
}

/// `[database]`
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite:<path>`, `mysql://…` or `postgres://…`. Default: `sqlite:<data_dir>/kefu.db`.
    #[serde(serialize_with = "without_password")]
    pub url: Option<String>,
    /// Connections for reading and for small writes. Default 8.
    pub pool_size: u32,
    /// Milliseconds a request waits for a connection before it is answered 503. Default 5000.
    pub acquire_timeout_ms: u64,
    /// Milliseconds a request waits for what it asks of the database, or for the write queue, before it is answered 503.
    /// Default 30000, which is above the limits that servers are given for a statement: only one that does not even keep
    /// those is given up on.
    pub answer_timeout_ms: u64,
}

/// `[auth]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// The secret that signs this service's own tokens, at least 32 bytes. Default: made at the first start and kept
    /// in `<data_dir>/secret` (mode 0600).
    pub secret: Option<Secret>,
    /// Seconds an access token lives. Default 1800.
    pub access_ttl_s: u64,
    /// Seconds a refresh token lives. Default 2592000 (30 days).
    pub refresh_ttl_s: u64,
    /// Seconds a refresh token of a visitor lives, from its last use on. Default 15552000 (180 days).
    pub visitor_refresh_ttl_s: u64,
    /// Whether a refresh gives a new refresh token and revokes the login when an old one comes back. Default false:
    /// the stock clients keep using the first one on their sockets (docs/contract.md#websocket).
    pub rotate_refresh_tokens: bool,
    /// Tokens that the integrator's own system signs for members.
    pub member_token: MemberToken,
    /// Tokens that nobody has signed for this service are asked of the integrator's system.
    pub introspection: Introspection,
}

/// `[auth.introspection]`: who knows the tokens that are neither this service's own nor signed by a key of `auth.member_token`.
/// Off until the address is set.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Introspection {
    /// The address that a token is asked of.
    pub url: Option<String>,
    /// How it is asked. Default `rfc7662`.
    pub kind: IntrospectionKind,
    /// The tenant of users of whom no tenant is answered; yudao is told it as `tenant-id`. Default 1.
    pub tenant: i64,
    /// The name that this service calls with, for Basic authentication; unset: without.
    pub client_id: Option<String>,
    /// The secret to it.
    pub client_secret: Option<Secret>,
    /// Milliseconds that an answer may take. Default 3000.
    pub timeout_ms: u64,
}

/// `auth.introspection.kind`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IntrospectionKind {
    /// A form is posted, as RFC 7662 says.
    Rfc7662,
    /// The call between yudao's services, `/rpc-api/system/oauth2/token/check`.
    Yudao,
}

/// `[auth.member_token]`: how the integrator's tokens are checked and read. Off until one key is set.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MemberToken {
    /// HS256, from 48 bytes HS384 and from 64 bytes HS512, too: the shared secret, at least 32 bytes.
    pub secret: Option<Secret>,
    /// RS256, ES256 or EdDSA: a PEM file with the public key.
    pub public_key_file: Option<PathBuf>,
    /// RS256, ES256 or EdDSA: a JWKS file.
    pub jwks_file: Option<PathBuf>,
    /// RS256, ES256 or EdDSA: the address of a JWKS, fetched every five minutes and when a token names an unknown key.
    pub jwks_url: Option<String>,
    /// The only `iss` that is accepted; unset: not checked.
    pub issuer: Option<String>,
    /// The only `aud` that is accepted; unset: a token with an audience is refused.
    pub audience: Option<String>,
    /// The claim with the user's id, a positive integer or a string. Default `sub`.
    pub user_id_claim: String,
    /// The claim with the nickname. Default `nickname`.
    pub nickname_claim: String,
    /// The claim with the avatar's URL. Default `avatar`.
    pub avatar_claim: String,
    /// The claim with the tenant's number; a token without it belongs to tenant 1. Default `tenant_id`.
    pub tenant_claim: String,
    /// The claim that names the login which a token belongs to: a logout ends all tokens that share it. A logout with a
    /// token without it ends every token of the member that was issued until then. Default `sid`.
    pub session_claim: String,
}

/// `[limits]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Longest message content in characters, 1–65536 (and never above 65536 bytes). Default 2048.
    pub content_length: usize,
    /// Largest request body in bytes, uploads aside. Default 524288.
    pub body_bytes: usize,
    /// Largest upload in bytes. Default 16777216 (16 MiB).
    pub upload_bytes: usize,
    /// Commands that may wait for the writer; above, a send is answered 503. Default 8192.
    pub write_queue: usize,
    /// Bytes of the commands that wait for the writer or are being written; above, a send is answered 503. Default
    /// 33554432 (32 MiB).
    pub write_queue_bytes: usize,
    /// Most commands that share one transaction. Default 256.
    pub write_batch: usize,
    /// Sends per second and user; 0 = unlimited. Default 100.
    pub sends_per_s: u32,
    /// Sends that a user may make at once before `sends_per_s` counts. Default 200.
    pub send_burst: u32,
    /// Other calls per second and user, i.e. lists, single reads and marks; 0 = unlimited. Default: twice `sends_per_s`,
    /// i.e. 200, because the stock console makes some for each message that reaches it.
    pub calls_per_s: Option<u32>,
    /// Other calls that a user may make at once before `calls_per_s` counts. Default 1000.
    pub call_burst: u32,
    /// Uploads per minute and user; 0 = unlimited. Default 20.
    pub uploads_per_minute: u32,
    /// Bytes of free disk space, where uploads are kept, below which uploads are refused: it is left for messages. At
    /// most a tenth of the disk counts; 0 = none. Not for S3. Default 536870912 (512 MiB).
    pub disk_reserve_bytes: u64,
    /// Bytes that a user may upload within 24 hours; 0 = unlimited. Default 209715200 (200 MiB).
    pub upload_bytes_per_day: u64,
    /// WebSocket handshakes per minute and user; 0 = unlimited. Default: six for each socket of
    /// `push.sessions_per_user`, i.e. 300, because the stock clients try again each second.
    pub handshakes_per_minute: Option<u32>,
    /// WebSocket handshakes per minute and address, whatever their token; 0 = unlimited. Default 30000: after a restart
    /// all clients behind one address come back at once.
    pub handshakes_per_minute_and_address: u32,
    /// Readings of a widget's configuration per minute and address, one for each page that a visitor opens; 0 = unlimited.
    /// Default 3000.
    pub widget_configs_per_minute_and_address: u32,
    /// Refreshes per minute and login; 0 = unlimited. Default 30.
    pub refreshes_per_minute: u32,
    /// Failed logins per minute, account and address before the account is locked for that address until one of them is
    /// forgotten; 0 = unlimited. Default 10.
    pub login_failures_per_account: u32,
    /// Failed logins per minute and account from all addresses together; above, addresses that have failed lately are
    /// refused for that account; 0 = unlimited. Default 100.
    pub login_failures_per_account_in_all: u32,
    /// Failed logins per minute and address; 0 = unlimited. Default 60.
    pub login_failures_per_address: u32,
    /// Visitors per minute that are made for one address and channel; 0 = unlimited. Default 5.
    pub visitors_per_minute: u32,
    /// First messages of visitors per minute and address, of all channels; 0 = unlimited. Default 30: behind one address there may
    /// be a whole company.
    pub first_messages_per_minute_and_address: u32,
    /// Changes per minute and visitor of what the visitor tells: names, attributes, pages; 0 = unlimited. Default 60.
    pub visitor_updates_per_minute: u32,
    /// Calls per minute and API key, below `/open-api`, messages too; 0 = unlimited. Default 6000.
    pub api_key_calls_per_minute: u32,
    /// Typing notices per second and user, at least 1; more are dropped. Default 2.
    pub typing_per_s: u32,
}

/// `[push]`
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Push {
    /// How frames reach the other nodes. Default `local`: there are none.
    pub relay: Relay,
    /// `redis://[user:password@]host[:port][/database]`, with TLS `rediss://…`; needed by the relay `redis`.
    #[serde(serialize_with = "without_password")]
    pub redis_url: Option<String>,
    /// The addresses of Redis Sentinels, as `redis_url`; the host in `redis_url` is then the name of the service that
    /// they watch. Default: none, `redis_url` is the server itself. In a variable or flag: separated by commas.
    #[serde(deserialize_with = "list", serialize_with = "without_passwords")]
    pub redis_sentinels: Vec<String>,
    /// The channel that all nodes of one installation share. Default `kefu`.
    pub redis_channel: String,
    /// Seconds without any byte from a client until its socket is closed. A protocol ping goes out at half of it.
    /// Default 60.
    pub idle_timeout_s: u64,
    /// Frames that may wait for one socket; above, it is closed as too slow. Default 4096.
    pub queue_frames: usize,
    /// Bytes that may wait for one socket; above, it is closed as too slow. Default 4194304 (4 MiB).
    pub queue_bytes: usize,
    /// Largest message from a client in bytes. Default 65536.
    pub client_message_bytes: usize,
    /// Sockets that one user may hold open at once; the oldest is closed for a further one. Default 50. A socket counts
    /// until its connection has ended, and as many more may be closing.
    pub sessions_per_user: usize,
    /// Sockets that may be open from one address, for IPv6 one /64; above, a handshake is answered 429. Default 10000.
    pub sockets_per_address: usize,
    /// Sockets that may be open at this node; above, a handshake is answered 503. Default 100000.
    pub sockets: usize,
    /// Seconds for which this node counts as running after it has last said so: from then on agents whose sockets were here are
    /// away. Default 20.
    pub node_lease_s: u64,
    /// How often this node says that it runs, in seconds. Default 5.
    pub node_renewal_s: u64,
}

/// `push.relay`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Relay {
    /// One node: frames go straight to its own sockets.
    Local,
    /// Several nodes, connected by a Redis server.
    Redis,
}

/// `[file]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// Where uploads are kept. Default `local`: `<data_dir>/files`.
    pub storage: Storage,
    /// S3: the bucket.
    pub s3_bucket: Option<String>,
    /// S3: the region. Default `us-east-1`.
    pub s3_region: String,
    /// S3: the endpoint of a compatible server, e.g. `https://minio.example`.
    pub s3_endpoint: Option<String>,
    /// S3: the access key's id.
    pub s3_access_key_id: Option<String>,
    /// S3: the access key's secret.
    pub s3_secret_access_key: Option<Secret>,
}

/// `file.storage`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// A folder on this machine.
    Local,
    /// An S3 bucket or a compatible one.
    S3,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// What is logged, as a `tracing` filter. Default `info`.
    pub filter: String,
    /// `text` (the default) or `json`.
    pub format: LogFormat,
}

impl Log {
    /// The filter without blanks around its directives, which `tracing` would take for a part of a name.
    pub(crate) fn directives(&self) -> String {
        self.filter.split(',').map(str::trim).collect::<Vec<_>>().join(",")
    }
}

/// `log.format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One readable line an event.
    Text,
    /// One JSON object an event.
    Json,
}

impl Settings {
    /// The database's address: `database.url`, or the embedded database in `data_dir`.
    pub fn database_url(&self) -> String {
        let embedded = || format!("sqlite:{}", self.data_dir.join("kefu.db").display());
        self.database.url.clone().unwrap_or_else(embedded)
    }

    /// The key that says where the database is.
    pub const fn database_key(&self) -> &'static str {
        if self.database.url.is_some() { "database.url" } else { "data_dir" }
    }

    /// The settings as TOML, every secret and the database's password replaced by `***`.
    ///
    /// # Errors
    /// When a value cannot be written as TOML, which none that [`Settings::load`] lets through does.
    pub fn to_toml(&self) -> Result<String, SettingsError> {
        let mut shown = self.clone();
        shown.database.url = Some(self.database_url());
        toml::to_string(&shown).map_err(|cause| SettingsError(cause.to_string()))
    }
}

impl Settings {
    /// Cuts line breaks off the ends of secrets, before they are checked.
    fn trim_secrets(&mut self) {
        let secrets = [
            ("auth.secret", &mut self.auth.secret),
            ("auth.member_token.secret", &mut self.auth.member_token.secret),
            ("file.s3_secret_access_key", &mut self.file.s3_secret_access_key),
        ];
        for (key, secret) in secrets {
            if secret.as_mut().is_some_and(Secret::trim_line_breaks) {
                self.trimmed_secrets.push(key);
            }
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: "data".into(),
            server: Server::default(),
            database: Database::default(),
            auth: Auth::default(),
            limits: Limits::default(),
            push: Push::default(),
            file: File::default(),
            log: Log::default(),
            trimmed_secrets: Vec::new(),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 48080)),
            workers: 0,
            cors_origins: Vec::new(),
            time_zone: Tz::Asia__Shanghai,
            public_url: None,
            shutdown_timeout_s: 10,
            request_timeout_s: 20,
            trust_forwarded_for: false,
            trusted_proxies: Vec::new(),
            shop_placeholders: true,
            demo: true,
            web_dir: None,
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self { url: None, pool_size: 8, acquire_timeout_ms: 5000, answer_timeout_ms: 30_000 }
    }
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            secret: None,
            access_ttl_s: 1800,
            refresh_ttl_s: 30 * 24 * 3600,
            visitor_refresh_ttl_s: 180 * 24 * 3600,
            rotate_refresh_tokens: false,
            member_token: MemberToken::default(),
            introspection: Introspection::default(),
        }
    }
}

impl Default for Introspection {
    fn default() -> Self {
        Self {
            url: None,
            kind: IntrospectionKind::Rfc7662,
            tenant: 1,
            client_id: None,
            client_secret: None,
            timeout_ms: 3000,
        }
    }
}

impl Default for MemberToken {
    fn default() -> Self {
        Self {
            secret: None,
            public_key_file: None,
            jwks_file: None,
            jwks_url: None,
            issuer: None,
            audience: None,
            user_id_claim: "sub".into(),
            nickname_claim: "nickname".into(),
            avatar_claim: "avatar".into(),
            tenant_claim: "tenant_id".into(),
            session_claim: "sid".into(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            content_length: 2048,
            body_bytes: 512 * 1024,
            upload_bytes: 16 * 1024 * 1024,
            write_queue: 8192,
            write_queue_bytes: 32 * 1024 * 1024,
            write_batch: 256,
            sends_per_s: 100,
            send_burst: 200,
            calls_per_s: None,
            call_burst: 1000,
            uploads_per_minute: 20,
            disk_reserve_bytes: 512 * 1024 * 1024,
            upload_bytes_per_day: 200 * 1024 * 1024,
            handshakes_per_minute: None,
            handshakes_per_minute_and_address: 30_000,
            widget_configs_per_minute_and_address: 3000,
            refreshes_per_minute: 30,
            login_failures_per_account: 10,
            login_failures_per_account_in_all: 100,
            login_failures_per_address: 60,
            visitors_per_minute: 5,
            first_messages_per_minute_and_address: 30,
            visitor_updates_per_minute: 60,
            api_key_calls_per_minute: 6000,
            typing_per_s: 2,
        }
    }
}

impl Default for Push {
    fn default() -> Self {
        Self {
            relay: Relay::Local,
            redis_url: None,
            redis_sentinels: Vec::new(),
            redis_channel: "kefu".into(),
            idle_timeout_s: 60,
            queue_frames: 4096,
            queue_bytes: 4 * 1024 * 1024,
            client_message_bytes: 65536,
            sessions_per_user: 50,
            sockets_per_address: 10_000,
            sockets: 100_000,
            node_lease_s: 20,
            node_renewal_s: 5,
        }
    }
}

impl Default for File {
    fn default() -> Self {
        Self {
            storage: Storage::Local,
            s3_bucket: None,
            s3_region: "us-east-1".into(),
            s3_endpoint: None,
            s3_access_key_id: None,
            s3_secret_access_key: None,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".into(), format: LogFormat::Text }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("url", &self.url.as_deref().map(secret::hide_password))
            .field("pool_size", &self.pool_size)
            .field("acquire_timeout_ms", &self.acquire_timeout_ms)
            .field("answer_timeout_ms", &self.answer_timeout_ms)
            .finish()
    }
}

impl std::fmt::Debug for Push {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hidden = |url: &String| secret::hide_password(url);
        f.debug_struct("Push")
            .field("relay", &self.relay)
            .field("redis_url", &self.redis_url.as_ref().map(hidden))
            .field("redis_sentinels", &self.redis_sentinels.iter().map(hidden).collect::<Vec<_>>())
            .field("redis_channel", &self.redis_channel)
            .finish_non_exhaustive()
    }
}

/// Writes a server's address without its password.
fn without_password<S: Serializer>(url: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    url.as_deref().map(secret::hide_password).serialize(serializer)
}

fn without_passwords<S: Serializer>(urls: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(urls.iter().map(|url| secret::hide_password(url)))
}

/// A list, or one string with its items separated by commas, as a variable or a flag gives it.
fn list<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Items {
        Separated(String),
        Listed(Vec<String>),
    }
    Ok(match Items::deserialize(deserializer)? {
        Items::Listed(items) => items,
        Items::Separated(text) => {
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
        }
    })
}
