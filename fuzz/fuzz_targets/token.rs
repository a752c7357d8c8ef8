//! Tokens: arbitrary text speaks for nobody, and claims that the integrator did sign never make the service panic.

#![no_main]

use std::sync::LazyLock;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kefu::testing::auth::{Auth, TokenUse};
use kefu::clock::Clock;
use kefu::testing::db::{Backend, Db};
use kefu::settings::Settings;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

const OWN: &str = "the service's own secret, 32 bytes or more";
const SHARED: &str = "the integrator's secret, 32 bytes or more";
const NOW: i64 = 1_795_233_600_000;

struct Service {
    runtime: Runtime,
    auth: Auth,
    shared: EncodingKey,
    _folder: tempfile::TempDir,
}

static SERVICE: LazyLock<Service> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = Settings { data_dir: folder.path().to_owned(), ..Settings::default() };
    settings.auth.member_token.secret = Some(SHARED.into());
    let db =
        Db::open(Backend::parse(&settings.database_url()).expect("a URL"), &settings.database).expect("a database");
    let auth = Auth::new(&settings.auth, &settings.limits, OWN, db, Clock::manual(NOW)).expect("keys");
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    Service { runtime, auth, shared: EncodingKey::from_secret(SHARED.as_bytes()), _folder: folder }
});

fuzz_target!(|text: &str| {
    let Service { runtime, auth, shared, .. } = &*SERVICE;
    let principal = |token: &str| runtime.block_on(auth.authenticate(token, TokenUse::Socket));
    assert!(principal(text).is_err(), "nobody has signed this");

    let Ok(claims) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) else { return };
    let Ok(token) = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, shared) else { return };
    if let Ok(principal) = principal(&token) {
        assert!(principal.role.is_none(), "the integrator speaks for members only");
        assert!(principal.expires_at > NOW);
    }
});
