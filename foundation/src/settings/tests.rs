//! Tests of loading, showing and documenting the settings together.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::rules::rules;
use super::*;

const EXAMPLE: &str = include_str!("../../../kefu.example.toml");

fn variables(pairs: &[(&str, &str)]) -> Sources {
    let variables = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Sources { variables, ..Sources::default() }
}

fn flags(pairs: &[(&str, &str)]) -> Vec<Flag> {
    let flag = |(key, value): &(&str, &str)| Flag { name: "--set", key: (*key).into(), value: (*value).into() };
    pairs.iter().map(flag).collect()
}

fn file(folder: &tempfile::TempDir, text: &str) -> Option<PathBuf> {
    let path = folder.path().join("kefu.toml");
    std::fs::write(&path, text).unwrap();
    Some(path)
}

fn load_file(text: &str) -> Result<Settings, SettingsError> {
    let folder = tempfile::tempdir().unwrap();
    Settings::load(&Sources { file: file(&folder, text), ..Sources::default() })
}

/// The message for one variable with a wrong name or value.
fn refused(name: &str, value: &str) -> String {
    let message = Settings::load(&variables(&[(name, value)])).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
    message
}

fn flat(value: &serde_json::Value) -> BTreeMap<String, serde_json::Value> {
    fn add(prefix: &str, value: &serde_json::Value, into: &mut BTreeMap<String, serde_json::Value>) {
        match value {
            serde_json::Value::Object(inner) => {
                for (name, value) in inner {
                    add(&format!("{prefix}.{name}"), value, into);
                }
            }
            value => {
                into.insert(prefix.trim_start_matches('.').to_owned(), value.clone());
            }
        }
    }
    let mut all = BTreeMap::new();
    add("", value, &mut all);
    all
}

fn defaults() -> BTreeMap<String, serde_json::Value> {
    flat(&serde_json::to_value(Settings::default()).unwrap())
}

#[test]
fn a_flag_beats_a_variable_beats_the_file_beats_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let mut sources = Sources {
        file: file(&folder, "[limits]\nwrite_batch = 1\nwrite_queue = 11\nsend_burst = 21"),
        ..variables(&[("KEFU_LIMITS__WRITE_BATCH", "2"), ("KEFU_LIMITS__WRITE_QUEUE", "12"), ("PATH", "/bin")])
    };
    sources.flags = flags(&[("limits.write_batch", "3")]);
    let limits = Settings::load(&sources).unwrap().limits;
    assert_eq!((limits.write_batch, limits.write_queue, limits.send_burst, limits.sends_per_s), (3, 12, 21, 100));
}

#[test]
fn text_becomes_what_the_key_needs() {
    let digits = "12345678901234567890123456789012";
    let settings = Settings::load(&variables(&[
        ("KEFU_AUTH__SECRET", digits),
        ("KEFU_AUTH__MEMBER_TOKEN__ISSUER", "true"),
        ("KEFU_AUTH__ROTATE_REFRESH_TOKENS", "true"),
        ("KEFU_DATA_DIR", "/var/lib/kefu"),
        ("KEFU_LIMITS__SENDS_PER_S", "5"),
        ("KEFU_SERVER__CORS_ORIGINS", "https://a.example, http://b.example:8080"),
        ("KEFU_SERVER__LISTEN", "[::]:0"),
        ("KEFU_SERVER__TIME_ZONE", "Europe/Berlin"),
        ("KEFU_SERVER__PUBLIC_URL", ""),
    ]))
    .unwrap();
    assert_eq!(settings.auth.secret.as_deref(), Some(digits));
    assert_eq!(settings.auth.member_token.issuer.as_deref(), Some("true"));
    assert!(settings.auth.rotate_refresh_tokens);
    assert_eq!(settings.database_url(), "sqlite:/var/lib/kefu/kefu.db");
    assert_eq!(settings.limits.sends_per_s, 5);
    assert_eq!(settings.server.cors_origins, ["https://a.example", "http://b.example:8080"]);
    assert_eq!(settings.server.listen, "[::]:0".parse().unwrap());
    assert_eq!(settings.server.time_zone, Tz::Europe__Berlin);
    assert_eq!(settings.server.public_url, None);
    assert_eq!(load_file("[server]\ncors_origins = [\"*\"]").unwrap().server.cors_origins, ["*"]);
}

#[test]
fn an_unknown_key_names_itself_its_origin_and_the_known_ones() {
    let message = refused("KEFU_SERVER__LISTNE", "127.0.0.1:1");
    assert!(message.starts_with("unknown key server.listne (variable KEFU_SERVER__LISTNE); allowed: "), "{message}");
    assert!(message.contains("server.listen, ") && !message.contains("limits"), "{message}");

    let message = refused("KEFU_LISTEN", "127.0.0.1:1");
    assert!(message.ends_with("allowed: auth.*, data_dir, database.*, file.*, limits.*, log.*, push.*, server.*"));

    let message = load_file("[auth]\nsecrets = 1").unwrap_err().to_string();
    assert!(
        message.starts_with("unknown key auth.secrets (file ") && message.contains("auth.member_token.*"),
        "{message}"
    );

    for (key, section) in
        [("auth.member_token.x", "auth.member_token."), ("server.listen.x", "server."), ("", "auth.*")]
    {
        let sources = Sources { flags: flags(&[(key, "1")]), ..Sources::default() };
        let message = Settings::load(&sources).unwrap_err().to_string();
        assert!(message.starts_with(&format!("unknown key {key} (flag --set); allowed: {section}")), "{message}");
    }
    assert!(load_file("server = 5").unwrap_err().to_string().starts_with("unknown key server (file "));
}

#[test]
fn variables_of_kubernetes_and_the_files_own_are_no_settings() {
    let sources = variables(&[
        ("KEFU_CONFIG", "x"),
        ("KEFU_SERVICE_HOST", "10.0.0.1"),
        ("KEFU_PORT", "tcp://10.0.0.1:80"),
        ("KEFU_PORT_80_TCP_ADDR", "10.0.0.1"),
    ]);
    Settings::load(&sources).unwrap();
}

#[test]
fn a_wrong_value_names_its_key_what_is_allowed_and_its_origin() {
    assert_eq!(
        refused("KEFU_LIMITS__CONTENT_LENGTH", "0"),
        "limits.content_length must be a whole number from 1 to 65536; it is \"0\" (variable KEFU_LIMITS__CONTENT_LENGTH)"
    );
    for (name, value, start) in [
        (
            "KEFU_DATABASE__POOL_SIZE",
            "99999999999999999999",
            "database.pool_size must be a whole number from 1 to 1000; ",
        ),
        ("KEFU_DATABASE__POOL_SIZE", "5000000000", "database.pool_size must be a whole number from 1 to 1000; "),
        ("KEFU_DATABASE__POOL_SIZE", "-1", "database.pool_size must be a whole number from 1 to 1000; it is \"-1\""),
        (
            "KEFU_DATABASE__POOL_SIZE",
            "many",
            "database.pool_size must be a whole number from 1 to 1000; it is \"many\"",
        ),
        ("KEFU_DATABASE__URL", "oracle://h/d", "database.url must be sqlite:<path>, "),
        ("KEFU_AUTH__ACCESS_TTL_S", "0", "auth.access_ttl_s must be a whole number from 1 to 31536000"),
        ("KEFU_AUTH__ROTATE_REFRESH_TOKENS", "maybe", "auth.rotate_refresh_tokens must be true or false"),
        (
            "KEFU_AUTH__REFRESH_TTL_S",
            "1799",
            "auth.access_ttl_s must be a whole number from 1 to 31536000 and at most auth.refresh_ttl_s; it is 1800",
        ),
        (
            "KEFU_LIMITS__WRITE_QUEUE",
            "255",
            "limits.write_batch must be a whole number from 1 to 1024 and at most limits.",
        ),
        ("KEFU_SERVER__LISTEN", "48080", "server.listen must be an IP address and a port"),
        ("KEFU_SERVER__CORS_ORIGINS", "https://a.example/", "server.cors_origins must be a list of origins"),
        ("KEFU_SERVER__TIME_ZONE", "Mars/Olympus", "server.time_zone must be the name of an IANA time zone"),
        ("KEFU_SERVER__PUBLIC_URL", "https://a.example/", "server.public_url must be an http or https address"),
        ("KEFU_PUSH__RELAY", "pigeon", "push.relay must be local or redis; it is \"pigeon\""),
        (
            "KEFU_PUSH__RELAY",
            "redis",
            "push.redis_url must be redis://user:password@host:port/database or rediss://… for TLS, set when push.relay \
             is redis; it is not set",
        ),
        ("KEFU_PUSH__REDIS_SENTINELS", "one:26379", "push.redis_sentinels must be a list of addresses, each redis://"),
        (
            "KEFU_FILE__STORAGE",
            "s3",
            "file.s3_bucket must be a text that is not empty, set when file.storage is s3; it is not set",
        ),
        ("KEFU_LOG__FILTER", "kefu=loud", "log.filter must be a tracing filter"),
        ("KEFU_LOG__FORMAT", "xml", "log.format must be text or json"),
    ] {
        let message = refused(name, value);
        assert!(message.starts_with(start), "{message}");
    }
    for (text, start) in [
        ("[limits]\nwrite_batch = 1.5", "limits.write_batch must be "),
        ("[limits]\nwrite_batch = true", "limits.write_batch must be "),
        ("[limits]\nwrite_batch = -9223372036854775808", "limits.write_batch must be "),
        ("[limits.write_batch]\nx = 1", "limits.write_batch must be "),
        ("[server]\ncors_origins = [1]", "server.cors_origins must be "),
        ("[auth.member_token]\npublic_key_file = 'a'\njwks_file = 'b'", "auth.member_token.jwks_file must be "),
    ] {
        let message = load_file(text).unwrap_err().to_string();
        assert!(message.starts_with(start), "{message}");
    }
}

#[test]
fn messages_never_show_secrets_or_more_than_one_line() {
    for name in [
        "KEFU_AUTH__SECRET",
        "KEFU_AUTH__MEMBER_TOKEN__SECRET",
        "KEFU_DATABASE__URL",
        "KEFU_PUSH__REDIS_URL",
        "KEFU_PUSH__REDIS_SENTINELS",
    ] {
        let message = refused(name, "hunter2");
        assert!(message.contains("it is ***") && !message.contains("hunter2"), "{message}");
    }
    let message = load_file("[auth]\nsecret = \"hunter2").unwrap_err().to_string();
    assert!(message.contains("line 2") && !message.contains('\n') && !message.contains("hunter2"), "{message}");
    assert!(refused("KEFU_PUSH__RELAY", "a\nb").contains("\"a\\nb\""));
}

#[test]
fn shown_settings_hold_no_secret_and_everything_else() {
    let settings = Settings::load(&variables(&[
        ("KEFU_AUTH__SECRET", "hunter2-hunter2-hunter2-hunter2-"),
        ("KEFU_AUTH__MEMBER_TOKEN__SECRET", "hunter2-hunter2-hunter2-hunter2-"),
        ("KEFU_FILE__S3_ACCESS_KEY_ID", "id"),
        ("KEFU_FILE__S3_SECRET_ACCESS_KEY", "hunter2"),
        ("KEFU_DATABASE__URL", "postgres://kefu:hunter2@db/kefu?sslpassword=hunter2"),
        ("KEFU_PUSH__REDIS_URL", "rediss://:hunter2@cache/1"),
        ("KEFU_PUSH__REDIS_SENTINELS", "redis://:hunter2@one:26379,redis://two"),
    ]))
    .unwrap();
    let text = settings.to_toml().unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    assert!(!format!("{settings:?}").contains("hunter2"));
    let shown: toml::Table = toml::from_str(&text).unwrap();
    assert_eq!(shown["auth"]["secret"].as_str(), Some("***"));
    assert_eq!(shown["auth"]["member_token"]["secret"].as_str(), Some("***"));
    assert_eq!(shown["file"]["s3_secret_access_key"].as_str(), Some("***"));
    assert_eq!(shown["database"]["url"].as_str(), Some("postgres://kefu:***@db/kefu?sslpassword=***"));
    assert_eq!(shown["push"]["redis_url"].as_str(), Some("rediss://:***@cache/1"));
    assert_eq!(shown["push"]["redis_sentinels"][0].as_str(), Some("redis://:***@one:26379"));

    let text = Settings::default().to_toml().unwrap();
    let again = load_file(&text).unwrap();
    assert_eq!(again.to_toml().unwrap(), text, "what is shown can be used as a file");
}

/// A value that is no secret is shown as it is: whatever hides this address or its password has to be in the rules.
#[test]
fn the_rules_know_every_secret() {
    let (mut hidden, mut ruled) = (Vec::new(), Vec::new());
    for rule in rules(&Settings::default()) {
        let address = match rule.key {
            "database.url" => "mysql://u:hunter2-hunter2-hunter2-hunter2@h/d",
            "push.redis_url" | "push.redis_sentinels" => "redis://u:hunter2-hunter2-hunter2-hunter2@h/1",
            _ => "hunter2-hunter2-hunter2-hunter2-hunter2",
        };
        let nested = rule.key.rsplit('.').fold(toml::Value::from(address), |value, name| {
            toml::Value::Table(toml::Table::from_iter([(name.to_owned(), value)]))
        });
        let Ok(settings) = nested.try_into::<Settings>() else { continue };
        if !settings.to_toml().unwrap().contains("hunter2") {
            hidden.push(rule.key);
        }
        if rule.is_secret {
            ruled.push(rule.key);
        }
        let flag = Flag { name: "--set", key: rule.key.to_owned(), value: address.to_owned() };
        assert_eq!(flag.exposure().is_some(), rule.is_secret, "{}", rule.key);
        let harmless = Flag { value: "redis://h".into(), ..flag };
        assert!(harmless.exposure().is_none() || !address.contains("://"), "{}", rule.key);
    }
    assert!(hidden.len() >= 6, "{hidden:?}");
    assert_eq!(ruled, hidden);
}

#[test]
fn no_secret_that_is_published_here_is_accepted() {
    let published = [
        EXAMPLE,
        include_str!("../../../README.md"),
        include_str!("../../../README.zh-CN.md"),
        include_str!("../../../compose.yaml"),
        include_str!("../../../deploy/make-env"),
        include_str!("../../../deploy/kefu.service"),
        include_str!("../../../docs/operation.md"),
        include_str!("../../../docs/distributed.md"),
        include_str!("../../../docs/websocket.md"),
    ];
    let assigned = |line: &str| {
        let (_, rest) = line.rsplit_once("secret").or_else(|| line.rsplit_once("SECRET"))?;
        let value = rest.trim_start().strip_prefix(['=', ':'])?.trim_start();
        let quote = value.chars().next().filter(|first| ['"', '\''].contains(first));
        Some(quote.map_or(value, |quote| value[1..].split(quote).next().unwrap()).to_owned())
    };
    // What is shorter is refused for its length, and what begins with $ is a variable.
    let is_secret = |text: &String| text.len() >= 32 && !text.starts_with('$');
    let lines = published.iter().flat_map(|text| text.lines());
    let secrets: Vec<String> = lines.filter_map(assigned).filter(is_secret).collect();
    assert!(secrets.len() >= 2, "{secrets:?}");
    for secret in secrets {
        for name in ["KEFU_AUTH__SECRET", "KEFU_AUTH__MEMBER_TOKEN__SECRET"] {
            assert!(refused(name, &secret).contains("and not that of an example; it is ***"), "{secret}");
        }
    }
    let s3 = [("KEFU_FILE__S3_ACCESS_KEY_ID", "kefu"), ("KEFU_FILE__S3_SECRET_ACCESS_KEY", "the access key's secret")];
    assert!(Settings::load(&variables(&s3)).unwrap_err().to_string().contains("and not that of an example"));
}

#[test]
fn settings_without_effect_are_named_with_what_they_lack() {
    assert_eq!(Settings::default().without_effect(), Vec::<String>::new());
    let mut settings = Settings::default();
    settings.push.redis_url = Some("redis://h".into());
    settings.push.redis_channel = "other".into();
    settings.file.s3_secret_access_key = Some("secret".into());
    settings.auth.member_token.user_id_claim = "id".into();
    let lines = settings.without_effect();
    let keys: Vec<&str> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
    let expected =
        ["auth.member_token.user_id_claim", "push.redis_url", "push.redis_channel", "file.s3_secret_access_key"];
    assert_eq!(keys, expected);
    settings.push.relay = Relay::Redis;
    settings.file.storage = Storage::S3;
    settings.auth.member_token.secret = Some("a".repeat(32).as_str().into());
    assert_eq!(settings.without_effect(), Vec::<String>::new());
}

#[test]
fn every_key_has_its_rule() {
    let keys: Vec<String> = defaults().into_keys().collect();
    let mut ruled: Vec<String> = rules(&Settings::default()).iter().map(|rule| rule.key.to_owned()).collect();
    ruled.sort();
    assert_eq!(ruled, keys);
}

#[test]
fn the_example_file_changes_nothing_as_it_is() {
    let settings = load_file(EXAMPLE).unwrap();
    assert_eq!(settings.to_toml().unwrap(), Settings::default().to_toml().unwrap());
}

#[test]
fn the_example_file_names_every_key_with_its_default() {
    let used: Vec<&str> = EXAMPLE
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| rest.starts_with(char::is_alphabetic)).unwrap_or(line))
        .collect();
    let example: toml::Table = toml::from_str(&used.join("\n")).unwrap();
    let example = flat(&serde_json::to_value(example).unwrap());
    let defaults = defaults();
    assert_eq!(example.keys().collect::<Vec<_>>(), defaults.keys().collect::<Vec<_>>());
    for (key, default) in defaults {
        if !default.is_null() {
            assert_eq!(example[&key], default, "{key}");
        }
    }
}
