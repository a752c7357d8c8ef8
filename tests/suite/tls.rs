//! TLS to the database servers and to Redis, as their URLs ask for it (docs/operation.md).

use diesel::prelude::*;
use kefu::clock::Clock;
use kefu::settings::Relay;
use kefu::testing::db::Backend;
use serde_json::{Value, json};

use crate::support::database::{Kind, on_server, only_on_servers, variable};
use crate::support::process::{Serve, command, failed};
use crate::support::tls::{Certificates, strip_tls};
use crate::support::{Redis, TestApp, TestDatabase};

/// What a test's URLs are made of.
struct Server {
    kind: Kind,
    /// `mysql://kefu:kefu@127.0.0.1:3306`
    url: String,
}

impl Server {
    fn chosen() -> Option<Self> {
        if only_on_servers("which speak TLS") {
            return None;
        }
        let kind = Kind::chosen();
        Some(Self { kind, url: kind.server().unwrap() })
    }

    fn address(&self) -> &str {
        self.url.rsplit_once('@').unwrap().1
    }

    /// A file of scripts/certificates.
    fn file(name: &str) -> String {
        let folder = variable("TEST_TLS").expect("TEST_TLS is not set; run: scripts/servers mysql -- cargo test …");
        format!("{folder}/{name}.pem")
    }

    /// The parameters that ask for encryption where it can be had, for encryption only, and for a certificate of this
    /// authority.
    fn preferred(&self) -> &str {
        if self.kind == Kind::Mysql { "ssl_mode=preferred" } else { "sslmode=prefer" }
    }

    fn encrypted(&self) -> &str {
        if self.kind == Kind::Mysql { "ssl_mode=required" } else { "sslmode=require" }
    }

    fn verified(&self, authority: &str) -> String {
        let file = Self::file(authority);
        match self.kind {
            Kind::Mysql => format!("ssl_mode=verify_identity&ssl_ca={file}"),
            _ => format!("sslmode=verify-full&sslrootcert={file}"),
        }
    }

    /// The line with which the service refuses to start.
    async fn refusal(&self, address: &str, database: &str, parameters: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let user = self.url.split_once("://").unwrap().1.split('@').next().unwrap();
        let scheme = self.url.split(':').next().unwrap();
        let url = format!("{scheme}://{user}@{address}/{database}?{parameters}");
        let line = failed(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--database-url", &url], "").await;
        assert!(line.contains("cannot open the database") && !line.contains("panicked"), "{parameters}: {line}");
        line
    }
}

fn name(database: &TestDatabase) -> &str {
    database.url.as_deref().unwrap().rsplit_once('/').unwrap().1
}

#[tokio::test]
async fn everything_is_encrypted_when_the_url_says_so() {
    let Some(server) = Server::chosen() else { return };
    // On MariaDB a user who is let in by TLS only; on PostgreSQL the server tells it of every connection.
    let user = format!("tls{}", std::process::id());
    if server.kind == Kind::Mysql {
        on_server(server.kind, &server.url, &format!("CREATE USER {user} IDENTIFIED BY 'kefu' REQUIRE SSL"));
    }
    for parameters in [server.preferred().to_owned(), server.encrypted().to_owned(), server.verified("ca")] {
        let app = TestApp::spawn_with(|settings| {
            let (own, address) = (settings.database.url.take().unwrap(), server.address());
            let database = own.rsplit_once('/').unwrap().1;
            settings.database.url = Some(match server.kind {
                Kind::Mysql => {
                    let grant = format!("GRANT ALL ON {database}.* TO {user}");
                    on_server(server.kind, &server.url, &grant);
                    let plain = format!("mysql://{user}:kefu@{address}/{database}");
                    let refused = Backend::parse(&plain).unwrap().connect().err().unwrap().to_string();
                    assert!(refused.contains("Access denied"), "{refused}");
                    format!("{plain}?{parameters}")
                }
                _ => format!("{own}?{parameters}"),
            });
        })
        .await;
        let member = app.member(1001).await;
        member.says("你好").await;
        assert_eq!(member.own_messages("limit=10").await.len(), 1, "{parameters}");
        if server.kind == Kind::Postgres {
            #[derive(QueryableByName)]
            struct Connections {
                #[diesel(sql_type = diesel::sql_types::BigInt)]
                encrypted: i64,
                #[diesel(sql_type = diesel::sql_types::BigInt)]
                plain: i64,
            }
            let count = "SELECT count(*) FILTER (WHERE ssl) AS encrypted, count(*) FILTER (WHERE NOT ssl) AS plain
                 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                 WHERE datname = current_database() AND pid <> pg_backend_pid()";
            let mut own = app.database.connect();
            let Connections { encrypted, plain } = diesel::sql_query(count).get_result(&mut own).unwrap();
            assert!(encrypted >= 2 && plain == 0, "{parameters}: {encrypted} encrypted, {plain} plain");
        }
        app.stop().await;
    }
    if server.kind == Kind::Mysql {
        on_server(server.kind, &server.url, &format!("DROP USER {user}"));
    }
}

#[tokio::test]
async fn a_server_that_cannot_prove_itself_ends_the_start() {
    let Some(server) = Server::chosen() else { return };
    let database = TestDatabase::create();
    let name = name(&database);
    let port = server.address().rsplit_once(':').unwrap().1;
    // The same server under a name that its certificate does not have.
    let (other, more) = match server.kind {
        Kind::Mysql => (format!("127.1:{port}"), ""),
        _ => (format!("db.example:{port}"), "&hostaddr=127.0.0.1"),
    };
    for (what, address, parameters) in [
        ("another authority", server.address(), server.verified("wrong-ca")),
        ("another name", &other, server.verified("ca") + more),
    ] {
        let line = server.refusal(address, name, &parameters).await;
        assert!(line.contains("certificate"), "{what}: {line}");
    }
}

#[tokio::test]
async fn a_server_that_offers_no_tls_ends_the_start_when_it_is_asked_for() {
    let Some(server) = Server::chosen() else { return };
    let database = TestDatabase::create();
    let name = name(&database);
    let stripped = strip_tls(server.kind, server.address()).await;
    for parameters in [server.encrypted().to_owned(), server.verified("ca")] {
        let line = server.refusal(&stripped, name, &parameters).await;
        assert!(line.contains("TLS") || line.contains("SSL"), "{parameters}: {line}");
    }
    // Nothing else is in the way: whoever does not insist reaches the server.
    let (before, _) = server.url.split_once('@').unwrap();
    let plain = Backend::parse(&format!("{before}@{stripped}/{name}?{}", server.preferred())).unwrap();
    tokio::task::spawn_blocking(move || plain.connect().map(drop)).await.unwrap().unwrap();
}

/// The first node's way to Redis is plain; what comes to it or from it is encrypted on the other node's way.
#[tokio::test]
async fn frames_cross_an_encrypted_redis_and_whoever_does_not_trust_it_is_degraded() {
    let certificates = Certificates::make();
    let (redis, tls_port) = Redis::spawn_with_tls("pass-word", &certificates).await;
    let app = TestApp::spawn_on(Clock::system(), |settings| {
        settings.push.relay = Relay::Redis;
        settings.push.redis_url = Some(format!("redis://:pass-word@127.0.0.1:{}/2", redis.port));
    })
    .await;
    let node = async |authority: &str, server: &str, sentinels: &str| {
        let url = format!("push.redis_url=rediss://:pass-word@{server}/2");
        let sentinels = format!("push.redis_sentinels={sentinels}");
        let arguments = ["--listen", "127.0.0.1:0", "--set", "push.relay=redis", "--set", &url, "--set", &sentinels];
        let mut command = command(app.settings.data_dir.parent().unwrap(), &arguments);
        command.args(["--database-url", &app.settings.database_url()]);
        command.env("SSL_CERT_FILE", certificates.file(authority));
        Serve::run(command).await
    };
    let relay = async |node: &Serve| {
        let answer = app.http.get(format!("http://{}/readyz", node.address)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json::<Value>().await.unwrap()["relay"].clone()
    };
    let sentinel = Redis::sentinel_over_tls(tls_port, "pass-word", &certificates).await;
    let address = format!("localhost:{tls_port}");
    let here = app.member(1001).await;
    for (server, sentinels) in [(address.as_str(), ""), ("main", &sentinel.url())] {
        let trusting = node("ca.pem", server, sentinels).await;
        assert_eq!(relay(&trusting).await, "ok", "{server}");
        let there = trusting.user_with(here.tokens.clone());
        let mut sockets = [here.socket("").await, there.socket("").await];
        for from in [&here, &there] {
            let id = from.says("你好").await;
            for socket in &mut sockets {
                assert_eq!(socket.expect("kefu_message_type").await["id"], json!(id), "{server}");
            }
        }
        assert_eq!(trusting.terminate().await.code, Some(0));
    }

    let doubting = node("wrong-ca.pem", &address, "").await;
    assert_eq!(relay(&doubting).await, "degraded");
    let there = doubting.user_with(here.tokens.clone());
    let mut own = there.socket("").await;
    let id = there.says("to nobody else").await;
    assert_eq!(own.expect("kefu_message_type").await["id"], json!(id));
    let ended = doubting.terminate().await;
    assert!(ended.errors.contains("UnknownIssuer") && !ended.errors.contains("pass-word"), "{}", ended.errors);
    app.stop().await;
}
