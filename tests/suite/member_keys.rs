//! The keys of the integrator's tokens change while the service runs.

use std::path::Path;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::process::{Serve, lasting_address};
use crate::support::{START, TestApp, User, eventually, path};

/// The set of tests/fixtures/jwks.json with only these keys.
fn set_of(kids: &[&str]) -> String {
    let mut set: Value = serde_json::from_str(include_str!("../fixtures/jwks.json")).unwrap();
    let keys = set["keys"].as_array_mut().unwrap();
    keys.retain(|key| kids.iter().any(|kid| key["kid"] == *kid));
    set.to_string()
}

/// A token of the key `ec-1` or `ed-1`.
fn token(kid: &str, exp: i64) -> String {
    let (algorithm, key) = match kid {
        "ec-1" => (Algorithm::ES256, EncodingKey::from_ec_pem(include_bytes!("../fixtures/ec.key.pem"))),
        _ => (Algorithm::EdDSA, EncodingKey::from_ed_pem(include_bytes!("../fixtures/ed25519.key.pem"))),
    };
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
    encode(&header, &json!({"sub": "7", "exp": exp, "jti": getrandom::u64().unwrap().to_string()}), &key.unwrap())
        .unwrap()
}

/// The envelope's code for a fresh token of a key.
async fn code(app: &TestApp, kid: &str) -> i64 {
    let token = token(kid, START / 1000 + 3600);
    let tokens = json!({"userId": 1, "accessToken": token, "refreshToken": token, "expiresTime": 0});
    app.user_with(serde_json::from_value(tokens).unwrap()).get(path::MEMBER_PROFILE).await.code
}

fn replace(file: &Path, text: &str) {
    let draft = file.with_extension("new");
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(draft, file).unwrap();
}

#[tokio::test]
async fn a_file_that_changes_is_read_again_and_one_that_is_broken_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    replace(&file, &set_of(&["ec-1"]));
    let app = TestApp::spawn_with(|settings| settings.auth.member_token.jwks_file = Some(file.clone())).await;
    assert_eq!((code(&app, "ec-1").await, code(&app, "ed-1").await), (0, 401));
    replace(&file, &set_of(&["ed-1"]));
    eventually("the new key counts", async || code(&app, "ed-1").await == 0).await;
    assert_eq!(code(&app, "ec-1").await, 401);
    for broken in ["", "{", "{\"keys\":[]}"] {
        replace(&file, broken);
        assert_eq!(code(&app, "ed-1").await, 0);
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(code(&app, "ed-1").await, 0);
    replace(&file, &set_of(&["ec-1", "ed-1"]));
    eventually("a good file counts again", async || code(&app, "ec-1").await == 0).await;
    app.stop().await;

    let pem = folder.path().join("key.pem");
    replace(&pem, include_str!("../fixtures/ec.pub.pem"));
    let app = TestApp::spawn_with(|settings| settings.auth.member_token.public_key_file = Some(pem.clone())).await;
    assert_eq!((code(&app, "ec-1").await, code(&app, "ed-1").await), (0, 401));
    replace(&pem, include_str!("../fixtures/ed25519.pub.pem"));
    eventually("the new key counts", async || code(&app, "ed-1").await == 0).await;
    app.stop().await;
}

/// Serves a set of keys; `status` may be changed, and what is asked is counted.
struct KeyServer {
    url: String,
    set: Arc<Mutex<String>>,
    status: Arc<AtomicU16>,
    asked: Arc<AtomicUsize>,
}

impl KeyServer {
    async fn start(address: &str, set: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let server = Self {
            url: format!("http://{}/keys", listener.local_addr().unwrap()),
            set: Arc::new(Mutex::new(set.to_owned())),
            status: Arc::new(AtomicU16::new(200)),
            asked: Arc::default(),
        };
        let (set, status, asked) = (Arc::clone(&server.set), Arc::clone(&server.status), Arc::clone(&server.asked));
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let _ = connection.read(&mut [0; 4096]).await;
                asked.fetch_add(1, Ordering::SeqCst);
                let (status, body) = (status.load(Ordering::SeqCst), set.lock().unwrap().clone());
                let answer =
                    format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
                let _ = connection.write_all(answer.as_bytes()).await;
            }
        });
        server
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn app_of(url: &str) -> TestApp {
    let url = url.to_owned();
    TestApp::spawn_with(|settings| settings.auth.member_token.jwks_url = Some(url)).await
}

#[tokio::test]
async fn an_address_is_asked_once_for_keys_and_once_more_for_an_unknown_one() {
    let server = KeyServer::start("127.0.0.1:0", &set_of(&["ec-1"])).await;
    let app = app_of(&server.url).await;
    assert_eq!(code(&app, "ec-1").await, 0);
    assert_eq!(server.asked(), 1);
    // Soon after a fetch, unknown keys of whatever name cause none.
    for _ in 0..5 {
        assert_eq!(code(&app, "ed-1").await, 401);
    }
    assert_eq!(server.asked(), 1);
    app.stop().await;
}

#[tokio::test]
async fn an_address_that_cannot_be_reached_is_no_reason_to_say_that_a_token_is_bad() {
    let address = lasting_address().await;
    let app = app_of(&format!("http://{address}/keys")).await;
    assert_eq!(code(&app, "ec-1").await, 503);
    let server = KeyServer::start(&address, &set_of(&["ec-1"])).await;
    server.status.store(500, Ordering::SeqCst);
    assert_eq!(code(&app, "ec-1").await, 503);
    app.stop().await;
}

#[tokio::test]
async fn a_hangup_reads_the_keys_again_and_keeps_the_last_good_ones() {
    let folder = tempfile::tempdir().unwrap();
    let server = KeyServer::start("127.0.0.1:0", &set_of(&["ec-1"])).await;
    let setting = format!("auth.member_token.jwks_url={}", server.url);
    let serve = Serve::start(folder.path(), &["--set", &setting]).await;
    let user = |kid: &str| -> User {
        let token = token(kid, 4_000_000_000);
        serve.user(&json!({"userId": 1, "accessToken": token, "refreshToken": token, "expiresTime": 0}).to_string())
    };
    user("ec-1").says("hi").await;
    *server.set.lock().unwrap() = set_of(&["ec-1", "ed-1"]);
    serve.signal("HUP");
    eventually("the new key counts", async || user("ed-1").get(path::MEMBER_PROFILE).await.code == 0).await;
    let asked = server.asked();
    server.status.store(500, Ordering::SeqCst);
    serve.signal("HUP");
    eventually("it is asked again", async || server.asked() > asked).await;
    user("ed-1").says("still").await;
    let errors = serve.terminate().await.errors;
    assert!(errors.contains("were read again"), "{errors}");
    assert!(
        errors.contains("jwks_url") && errors.contains("HTTP 500") && errors.contains("the last good ones stay"),
        "{errors}"
    );
}
