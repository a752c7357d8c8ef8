//! What each setting may be: one table, which both the checks and their messages come from.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::secret::{SECRET_BYTES, is_escaped, is_published};
use super::{Relay, Settings, Storage};
use crate::origin;

const REDIS_ADDRESS: &str = "redis://user:password@host:port/database or rediss://… for TLS";

/// What a database's address needs, to be read after it.
pub(crate) const ESCAPED: &str = "with reserved characters of the password percent-encoded (@ is %40)";

/// The rule of one key.
pub struct Rule {
    /// The dotted key.
    pub key: &'static str,
    /// What it must be, to be read after "must be".
    pub allowed: String,
    /// The same in Chinese, to be read after 须为, for those rules that people meet in a console.
    pub allowed_zh: Option<String>,
    /// Whether it is.
    pub holds: bool,
    /// Whether its value, or the password in it, must not be shown.
    pub(crate) is_secret: bool,
    /// What has to be so for the key to have an effect, while it is not so.
    pub(crate) lacks: Option<&'static str>,
}

/// The rules of all keys, in the file's order, applied to `settings`.
pub(super) fn rules(settings: &Settings) -> Vec<Rule> {
    let Settings { data_dir, server, database, auth, limits, push, file, log, trimmed_secrets: _ } = settings;
    let (member, introspection) = (&auth.member_token, &auth.introspection);
    let s3 = file.storage == Storage::S3;
    let secret = format!("a text of at least {SECRET_BYTES} bytes");
    let has_key = member.secret.is_some()
        || member.public_key_file.is_some()
        || member.jwks_file.is_some()
        || member.jwks_url.is_some();
    let with_key = |rule: Rule| rule.only_with("a key of auth.member_token is set", has_key);
    let introspects = introspection.url.is_some();
    let with_introspection = |rule: Rule| rule.only_with("auth.introspection.url is set", introspects);
    let with_redis = |rule: Rule| rule.only_with("push.relay is redis", push.relay == Relay::Redis);
    let with_s3 = |rule: Rule| rule.only_with("file.storage is s3", s3);
    let one_kind = "; only one of secret, public_key_file, jwks_file and jwks_url may be set";
    let claim = |key, name: &str| rule(key, "a claim's name", !name.is_empty());
    vec![
        rule("data_dir", "a folder's path", !data_dir.as_os_str().is_empty()),
        rule("server.listen", "an IP address and a port, e.g. 127.0.0.1:48080", true),
        number("server.workers", server.workers, 0..=1024),
        rule(
            "server.cors_origins",
            "a list of origins like https://shop.example, https://*.shop.example (any subdomain) or http://localhost:5173 \
             without a path, or *",
            server.cors_origins.iter().all(|origin| is_origin(origin)),
        ),
        rule("server.time_zone", "the name of an IANA time zone, e.g. Asia/Shanghai", true),
        rule(
            "server.public_url",
            "an http or https address without a trailing slash, query or fragment, e.g. https://kefu.example",
            server.public_url.as_deref().is_none_or(is_base_address),
        ),
        number("server.shutdown_timeout_s", server.shutdown_timeout_s, 0..=3600),
        number("server.request_timeout_s", server.request_timeout_s, 1..=3600),
        switch("server.trust_forwarded_for"),
        rule(
            "server.trusted_proxies",
            "a list of networks or addresses like 10.0.0.0/8, 203.0.113.7 or 2001:db8::/32",
            server.trusted_proxies.iter().all(|text| network(text).is_some()),
        ),
        switch("server.shop_placeholders"),
        switch("server.demo"),
        rule(
            "server.web_dir",
            "a folder's path",
            server.web_dir.as_ref().is_none_or(|path| !path.as_os_str().is_empty()),
        ),
        rule(
            "database.url",
            &format!(
                "sqlite:<path>, mysql://user:password@host/database or postgres://user:password@host/database, {ESCAPED}"
            ),
            database.url.as_deref().is_none_or(is_database),
        )
        .secret(),
        number("database.pool_size", database.pool_size, 1..=1000),
        number("database.acquire_timeout_ms", database.acquire_timeout_ms, 1..=600_000),
        number("database.answer_timeout_ms", database.answer_timeout_ms, 1..=600_000),
        rule("auth.secret", &secret, auth.secret.as_deref().is_none_or(is_long)).unpublished(auth.secret.as_deref()),
        number("auth.access_ttl_s", auth.access_ttl_s, 1..=365 * 24 * 3600)
            .and(" and at most auth.refresh_ttl_s", auth.access_ttl_s <= auth.refresh_ttl_s),
        number("auth.refresh_ttl_s", auth.refresh_ttl_s, 1..=10 * 365 * 24 * 3600),
        number("auth.visitor_refresh_ttl_s", auth.visitor_refresh_ttl_s, 1..=10 * 365 * 24 * 3600),
        switch("auth.rotate_refresh_tokens"),
        rule("auth.member_token.secret", &secret, member.secret.as_deref().is_none_or(is_long))
            .unpublished(member.secret.as_deref()),
        rule(
            "auth.member_token.public_key_file",
            &format!("the path of a PEM file with a public key{one_kind}"),
            member.public_key_file.as_ref().is_none_or(|path| !path.as_os_str().is_empty() && member.secret.is_none()),
        ),
        rule(
            "auth.member_token.jwks_file",
            &format!("the path of a JWKS file{one_kind}"),
            member.jwks_file.as_ref().is_none_or(|path| {
                !path.as_os_str().is_empty() && member.secret.is_none() && member.public_key_file.is_none()
            }),
        ),
        rule(
            "auth.member_token.jwks_url",
            &format!("an http or https address without a user or fragment, e.g. https://shop.example/jwks.json{one_kind}"),
            member.jwks_url.as_deref().is_none_or(|url| {
                is_document_address(url)
                    && member.secret.is_none()
                    && member.public_key_file.is_none()
                    && member.jwks_file.is_none()
            }),
        ),
        with_key(text("auth.member_token.issuer", member.issuer.as_deref())),
        with_key(text("auth.member_token.audience", member.audience.as_deref())),
        with_key(claim("auth.member_token.user_id_claim", &member.user_id_claim)),
        with_key(claim("auth.member_token.nickname_claim", &member.nickname_claim)),
        with_key(claim("auth.member_token.avatar_claim", &member.avatar_claim)),
        with_key(claim("auth.member_token.tenant_claim", &member.tenant_claim)),
        with_key(claim("auth.member_token.session_claim", &member.session_claim)),
        rule(
            "auth.introspection.url",
            "an http or https address without a user or fragment, e.g. https://shop.example/oauth2/introspect",
            introspection.url.as_deref().is_none_or(is_document_address),
        ),
        with_introspection(rule("auth.introspection.kind", "rfc7662 or yudao", true)),
        with_introspection(number("auth.introspection.tenant", introspection.tenant, 1..=(1 << 53) - 1)),
        with_introspection(text("auth.introspection.client_id", introspection.client_id.as_deref())),
        with_introspection(
            text("auth.introspection.client_secret", introspection.client_secret.as_deref())
                .and(
                    ", with auth.introspection.client_id",
                    introspection.client_secret.is_none() || introspection.client_id.is_some(),
                )
                .unpublished(introspection.client_secret.as_deref()),
        ),
        with_introspection(number("auth.introspection.timeout_ms", introspection.timeout_ms, 100..=60_000)),
        number("limits.content_length", limits.content_length, 1..=65536),
        number("limits.body_bytes", limits.body_bytes, 1024..=64 * 1024 * 1024),
        number("limits.upload_bytes", limits.upload_bytes, 1..=10 * 1024 * 1024 * 1024),
        number("limits.write_queue", limits.write_queue, 1..=1_000_000),
        number("limits.write_queue_bytes", limits.write_queue_bytes, 1024 * 1024..=1024 * 1024 * 1024),
        number("limits.write_batch", limits.write_batch, 1..=1024)
            .and(" and at most limits.write_queue", limits.write_batch <= limits.write_queue),
        number("limits.sends_per_s", limits.sends_per_s, 0..=1_000_000),
        number("limits.send_burst", limits.send_burst, 1..=1_000_000)
            .only_with("limits.sends_per_s is not 0", limits.sends_per_s > 0),
        number("limits.calls_per_s", limits.calls_per_s.unwrap_or_default(), 0..=1_000_000),
        number("limits.call_burst", limits.call_burst, 1..=1_000_000)
            .only_with("limits.calls_per_s is not 0", limits.calls_per_s.unwrap_or(limits.sends_per_s) > 0),
        number("limits.uploads_per_minute", limits.uploads_per_minute, 0..=1_000_000),
        number("limits.disk_reserve_bytes", limits.disk_reserve_bytes, 0..=1 << 50)
            .only_with("file.storage is local", !s3),
        number("limits.upload_bytes_per_day", limits.upload_bytes_per_day, 0..=1 << 40),
        number("limits.handshakes_per_minute", limits.handshakes_per_minute.unwrap_or_default(), 0..=1_000_000),
        number("limits.handshakes_per_minute_and_address", limits.handshakes_per_minute_and_address, 0..=100_000_000),
        number(
            "limits.widget_configs_per_minute_and_address",
            limits.widget_configs_per_minute_and_address,
            0..=100_000_000,
        ),
        number("limits.refreshes_per_minute", limits.refreshes_per_minute, 0..=1_000_000),
        number("limits.login_failures_per_account", limits.login_failures_per_account, 0..=1_000_000),
        number("limits.login_failures_per_account_in_all", limits.login_failures_per_account_in_all, 0..=1_000_000),
        number("limits.login_failures_per_address", limits.login_failures_per_address, 0..=1_000_000),
        number("limits.visitors_per_minute", limits.visitors_per_minute, 0..=1_000_000),
        number(
            "limits.first_messages_per_minute_and_address",
            limits.first_messages_per_minute_and_address,
            0..=1_000_000,
        ),
        number("limits.visitor_updates_per_minute", limits.visitor_updates_per_minute, 0..=1_000_000),
        number("limits.api_key_calls_per_minute", limits.api_key_calls_per_minute, 0..=100_000_000),
        number("limits.typing_per_s", limits.typing_per_s, 1..=1000),
        rule("push.relay", "local or redis", true),
        with_redis(
            rule("push.redis_url", REDIS_ADDRESS, push.redis_url.as_deref().is_none_or(is_redis))
                .and(", set when push.relay is redis", push.relay == Relay::Local || push.redis_url.is_some())
                .secret(),
        ),
        with_redis(
            rule(
                "push.redis_sentinels",
                &format!("a list of addresses, each {REDIS_ADDRESS}"),
                push.redis_sentinels.iter().all(|address| is_redis(address)),
            )
            .secret(),
        ),
        with_redis(text("push.redis_channel", Some(&push.redis_channel))),
        number("push.idle_timeout_s", push.idle_timeout_s, 1..=24 * 3600),
        number("push.queue_frames", push.queue_frames, 1..=1_000_000),
        number("push.queue_bytes", push.queue_bytes, 1024..=1024 * 1024 * 1024),
        number("push.client_message_bytes", push.client_message_bytes, 128..=16 * 1024 * 1024),
        number("push.sessions_per_user", push.sessions_per_user, 1..=100_000),
        number("push.sockets_per_address", push.sockets_per_address, 1..=10_000_000),
        number("push.sockets", push.sockets, 1..=10_000_000),
        number("push.node_lease_s", push.node_lease_s, 3..=3600),
        number("push.node_renewal_s", push.node_renewal_s, 1..=1799)
            .and(" and less than half of push.node_lease_s", 2 * push.node_renewal_s < push.node_lease_s),
        rule("file.storage", "local or s3", true),
        with_s3(
            text("file.s3_bucket", file.s3_bucket.as_deref())
                .and(", set when file.storage is s3", !s3 || file.s3_bucket.is_some()),
        ),
        with_s3(text("file.s3_region", Some(&file.s3_region))),
        with_s3(rule(
            "file.s3_endpoint",
            "an http or https address without a trailing slash, query or fragment, e.g. https://minio.example",
            file.s3_endpoint.as_deref().is_none_or(is_base_address),
        )),
        with_s3(text("file.s3_access_key_id", file.s3_access_key_id.as_deref()).and(
            ", set together with file.s3_secret_access_key",
            file.s3_access_key_id.is_some() || file.s3_secret_access_key.is_none(),
        )),
        with_s3(
            text("file.s3_secret_access_key", file.s3_secret_access_key.as_deref())
                .and(
                    ", set together with file.s3_access_key_id",
                    file.s3_secret_access_key.is_some() || file.s3_access_key_id.is_none(),
                )
                .unpublished(file.s3_secret_access_key.as_deref()),
        ),
        rule(
            "log.filter",
            "a tracing filter, e.g. info or info,kefu=debug",
            EnvFilter::builder().parse(log.directives()).is_ok(),
        ),
        rule("log.format", "text or json", true),
    ]
}

impl Rule {
    /// Adds a condition and its wording.
    fn and(self, allowed: &str, holds: bool) -> Self {
        Self { allowed: self.allowed + allowed, holds: self.holds && holds, ..self }
    }

    /// The value, or the password in it, must not be shown.
    fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }

    /// A secret of its own: one that stands in an example is known to everybody.
    fn unpublished(self, secret: Option<&str>) -> Self {
        self.and(", and not that of an example", !secret.is_some_and(is_published)).secret()
    }

    /// The key has no effect unless something else is so.
    fn only_with(self, what: &'static str, is_so: bool) -> Self {
        Self { lacks: (!is_so).then_some(what), ..self }
    }
}

fn rule(key: &'static str, allowed: &str, holds: bool) -> Rule {
    Rule { key, allowed: allowed.to_owned(), allowed_zh: None, holds, is_secret: false, lacks: None }
}

/// A switch; its type lets nothing else through.
pub fn switch(key: &'static str) -> Rule {
    Rule { allowed_zh: Some(" true 或 false".to_owned()), ..rule(key, "true or false", true) }
}

/// One of these texts.
pub fn one_of(key: &'static str, names: &[&str], value: &str) -> Rule {
    let (english, chinese) = (names.join(" or "), names.join(" 或 "));
    Rule { allowed_zh: Some(format!(" {chinese}")), ..rule(key, &english, names.contains(&value)) }
}

/// One value beside those of a rule.
pub fn either(value: u64, rule: Rule, is_value: bool) -> Rule {
    Rule {
        allowed: format!("{value} or {}", rule.allowed),
        allowed_zh: rule.allowed_zh.map(|allowed| format!(" {value} 或{allowed}")),
        holds: rule.holds || is_value,
        ..rule
    }
}

fn text(key: &'static str, value: Option<&str>) -> Rule {
    rule(key, "a text that is not empty", value != Some(""))
}

/// A whole number in a range.
pub fn number(key: &'static str, value: impl TryInto<u64>, range: RangeInclusive<u64>) -> Rule {
    let allowed = format!("a whole number from {} to {}", range.start(), range.end());
    let allowed_zh = Some(format!(" {} 至 {} 的整数", range.start(), range.end()));
    let holds = value.try_into().is_ok_and(|value| range.contains(&value));
    Rule { allowed_zh, ..rule(key, &allowed, holds) }
}

fn is_long(secret: &str) -> bool {
    secret.len() >= SECRET_BYTES
}

/// `*`, or an origin exactly as browsers write it, as they compare it as text; its first label may be `*`.
fn is_origin(text: &str) -> bool {
    text == "*" || origin::normalized(text).is_some_and(|origin| origin == text)
}

/// A network, or one address.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn is_base_address(address: &str) -> bool {
    !address.ends_with('/')
        && Url::parse(address).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none()
        })
}

fn is_document_address(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
    })
}

/// Also refuses what hides a password from [`super::secret::hide_password`].
fn is_database(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| match url.scheme() {
        "sqlite" => address.len() > "sqlite:".len(),
        "mysql" | "postgres" | "postgresql" => {
            address.contains("://") && url.path().len() > 1 && url.fragment().is_none() && is_escaped(address)
        }
        _ => false,
    })
}

/// A server, or with sentinels a service's name, and at most the number of a database behind it. Also refuses what hides
/// a password from [`super::secret::hide_password`].
fn is_redis(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| {
        let database = url.path().trim_start_matches('/');
        matches!(url.scheme(), "redis" | "rediss")
            && url.host_str().is_some_and(|host| !host.is_empty())
            && (database.is_empty() || database.parse::<u32>().is_ok())
            && url.query().is_none()
            && url.fragment().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_keep_every_rule() {
        let broken: Vec<_> = rules(&Settings::default()).into_iter().filter(|rule| !rule.holds).collect();
        assert!(broken.is_empty(), "{:?}", broken.iter().map(|rule| rule.key).collect::<Vec<_>>());
    }

    #[test]
    fn origins_are_what_browsers_send() {
        for good in [
            "*",
            "https://*.shop.example",
            "https://shop.example",
            "http://localhost:5173",
            "http://[::1]:80801",
            "capacitor://localhost",
        ] {
            assert_eq!(is_origin(good), good != "http://[::1]:80801", "{good}");
        }
        for bad in [
            "",
            "shop.example",
            "https://shop.example/",
            "https://Shop.example",
            "https://a.example:443",
            "null",
            "https://a.*.example",
            "https://*",
            "https://*shop.example",
            "https://*.*.example",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }

    #[test]
    fn addresses_are_checked() {
        assert!(is_base_address("https://kefu.example/chat"));
        for bad in ["https://kefu.example/", "ftp://kefu.example", "kefu.example", "https://kefu.example?a"] {
            assert!(!is_base_address(bad), "{bad}");
        }
        for good in ["redis://h", "redis://:p@h:6379/0", "rediss://u:p@[::1]:1/15"] {
            assert!(is_redis(good), "{good}");
        }
        for bad in ["h:6379", "redis:", "redis:///0", "redis://h/x", "redis://u:1/2@h", "redis://u:12#p@h", "http://h"]
        {
            assert!(!is_redis(bad), "{bad}");
        }
        for good in ["sqlite:data/kefu.db", "mysql://u:p@h/d", "postgres://u:p@h:1/d", "postgresql:///d?host=/run"] {
            assert!(is_database(good), "{good}");
        }
        for bad in
            ["sqlite:", "mysql://u:12#p@h/d", "mysql://u:12?p@h/d", "mysql://u:1/2@h/d", "data/kefu.db", "kefu:x"]
        {
            assert!(!is_database(bad), "{bad}");
        }
    }
}
