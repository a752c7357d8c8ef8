//! TLS to the database servers, as their URLs ask for it (docs/operation.md).

use diesel::prelude::*;
use kefu::db::Backend;

use crate::support::database::{Kind, on_server, only_on_servers, variable};
use crate::support::process::failed;
use crate::support::strip::strip_tls;
use crate::support::{TestApp, TestDatabase};

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

    /// The parameters that ask for encryption only, and those that ask for a certificate of this authority.
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
    for (asked, parameters) in [("encrypted", server.encrypted().to_owned()), ("verified", server.verified("ca"))] {
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
        assert_eq!(member.own_messages("limit=10").await.len(), 1, "{asked}");
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
            assert!(encrypted >= 2 && plain == 0, "{asked}: {encrypted} encrypted, {plain} plain");
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
    // Nothing else is in the way: without TLS the server is reached.
    let (before, _) = server.url.split_once('@').unwrap();
    let plain = Backend::parse(&format!("{before}@{stripped}/{name}")).unwrap();
    tokio::task::spawn_blocking(move || plain.connect().map(drop)).await.unwrap().unwrap();
}
