//! Connections to MariaDB and MySQL through MariaDB's C library.
//!
//! Diesel hands `ssl_mode` to the library as an option of MySQL's own, which MariaDB's ignores: the connection would be
//! plain whatever the URL asks for. The library takes what Diesel cannot say (to verify the server, how long to wait for
//! a connection) in the host's place, as a list `host=…;port=…;connect-timeout=5`, so that is what it gets, but for a local
//! socket or an IPv6 address. Such a list always has `ssl-verify-server-cert`: from 3.4 it encrypts and verifies unless it
//! is told not to, before that only when told to.

use std::fs::File;

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{
    Connection as _, ConnectionError, ConnectionResult, MysqlConnection, OptionalExtension, QueryResult,
    QueryableByName, RunQueryDsl,
};
use url::{Host, Url};

/// READ COMMITTED locks the rows and not the gaps between them. The strict mode refuses what does not fit instead of
/// cutting it. MariaDB shall not make a table of a long `IN (…)`, which before 10.6.8 lost rows of a prepared statement
/// (MDEV-27937). The comments are code for MariaDB (`M!`) and for MySQL (`!50708`).
const SESSION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
     SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', lc_messages = 'en_US',
         innodb_lock_wait_timeout = 5
         /*M!100300 , max_statement_time = 10, idle_write_transaction_timeout = 30,
             in_predicate_conversion_threshold = 0 */
         /*!50708 , max_execution_time = 10000 */";

/// Does not check the server's certificate, for a URL that asks for plain text.
const PLAIN: &str = "ssl-verify-server-cert=0";

/// A member of a Galera cluster applies what others have committed a moment later. Each read and each transaction waits
/// for what was committed before it began: a client that was answered at one node misses nothing at another.
const GALERA_SESSION: &str = "SET SESSION wsrep_sync_wait = 1";

/// The parameters of a URL. Diesel passes over others, so that a misspelt `ssl_mode` would leave the connection plain.
const PARAMETERS: [&str; 5] = ["ssl_mode", "ssl_ca", "ssl_cert", "ssl_key", "unix_socket"];

/// Those of them that name a file.
const FILES: [&str; 3] = ["ssl_ca", "ssl_cert", "ssl_key"];

/// Where a server is and how to speak to it.
#[derive(Clone, PartialEq, Eq)]
pub struct MysqlServer {
    url: String,
    /// A plain connection is refused.
    encrypted: bool,
    /// Files that the library reads, each with the parameter that names it.
    files: Vec<(&'static str, String)>,
}

/// The URL holds a password.
impl std::fmt::Debug for MysqlServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MysqlServer")
    }
}

impl MysqlServer {
    /// Reads `mysql://user:password@host:port/database`, with `ssl_mode` (`disabled`, the default: plain; `preferred`:
    /// encrypted where the server can; `required`: encrypted; `verify_identity`: the server's certificate must be valid
    /// for its name too), `ssl_ca`, `ssl_cert`, `ssl_key` and `unix_socket`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut url = Url::parse(text).map_err(|error| format!("database.url: {error}"))?;
        if let Some((unknown, _)) = url.query_pairs().find(|(name, _)| !PARAMETERS.contains(&name.as_ref())) {
            return Err(format!("database.url: unknown parameter {unknown:?}; there are {}", PARAMETERS.join(", ")));
        }
        if url.path().trim_matches('/').is_empty() {
            return Err("database.url: names no database; use mysql://user:password@host:port/database".into());
        }
        let parameter =
            |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.to_lowercase());
        let (tls, encrypted) = match parameter("ssl_mode").as_deref() {
            None | Some("disabled") => (PLAIN, false),
            Some("preferred") => ("ssl-enforce=1;ssl-verify-server-cert=0", false),
            Some("required") => ("ssl-enforce=1;ssl-verify-server-cert=0", true),
            Some("verify_identity") => ("ssl-enforce=1;ssl-verify-server-cert=1", true),
            Some(_) => {
                return Err("database.url: ssl_mode must be disabled, preferred, required or verify_identity".into());
            }
        };
        if tls == PLAIN
            && let Some(unused) = FILES.into_iter().find(|name| parameter(name).is_some())
        {
            return Err(format!("database.url: {unused} needs an ssl_mode: preferred, required or verify_identity"));
        }
        if parameter("unix_socket").is_none()
            && let Some(host) = url.host()
        {
            let host = match host {
                Host::Ipv6(_) if encrypted => {
                    return Err("database.url: ssl_mode needs a host name or an IPv4 address".into());
                }
                Host::Ipv6(_) => None,
                host => Some(host.to_string()),
            };
            if let Some(host) = host {
                let port = url.port().unwrap_or(3306);
                url.set_host(Some(&format!("host={host};port={port};connect-timeout=5;{tls}")))
                    .map_err(|error| format!("database.url: {error}"))?;
            }
        }
        let file = |name: &&'static str| Some((*name, url.query_pairs().find(|(key, _)| key == name)?.1.into_owned()));
        let files = FILES.iter().filter_map(file).collect();
        Ok(Self { url: url.into(), encrypted, files })
    }

    pub(super) fn connect(&self) -> ConnectionResult<MysqlConnection> {
        // The library says of a file that it cannot read that the server is gone.
        for (name, path) in &self.files {
            File::open(path).map_err(|error| ConnectionError::BadConnection(format!("{name} {path}: {error}")))?;
        }
        let mut connection = MysqlConnection::establish(&self.url)?;
        let set_up = |connection: &mut MysqlConnection| {
            connection.batch_execute(SESSION)?;
            if shown(connection, "VARIABLES LIKE 'wsrep_on'")?.as_deref() == Some("ON") {
                connection.batch_execute(GALERA_SESSION)?;
            }
            let cipher = if self.encrypted { shown(connection, "SESSION STATUS LIKE 'Ssl_cipher'")? } else { None };
            Ok(!self.encrypted || cipher.is_some_and(|cipher| !cipher.is_empty()))
        };
        if !set_up(&mut connection).map_err(ConnectionError::CouldntSetupConfiguration)? {
            return Err(ConnectionError::BadConnection(
                "ssl_mode asks for TLS, which the server does not offer".into(),
            ));
        }
        Ok(connection)
    }
}

#[derive(QueryableByName)]
struct Status {
    #[diesel(sql_type = Text, column_name = "Value")]
    value: String,
}

/// The value that `SHOW …` tells of one thing, `None` when the server does not know it.
fn shown(connection: &mut MysqlConnection, what: &str) -> QueryResult<Option<String>> {
    let status: Option<Status> = diesel::sql_query(format!("SHOW {what}")).get_result(connection).optional()?;
    Ok(status.map(|status| status.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> String {
        MysqlServer::parse(url).unwrap().url
    }

    #[test]
    fn the_library_is_told_what_diesel_cannot_say() {
        assert_eq!(
            read("mysql://u:p@db.example/kefu"),
            "mysql://u:p@host=db.example;port=3306;connect-timeout=5;ssl-verify-server-cert=0/kefu"
        );
        let verified = read("mysql://u:p%40@db:3307/kefu?ssl_mode=VERIFY_IDENTITY&ssl_ca=/etc/ca.pem");
        assert!(verified.starts_with(
            "mysql://u:p%40@host=db;port=3307;connect-timeout=5;ssl-enforce=1;ssl-verify-server-cert=1:3307/kefu?"
        ));
        assert!(verified.ends_with("&ssl_ca=/etc/ca.pem"));
        assert_eq!(read("mysql://u@[::1]/kefu"), "mysql://u@[::1]/kefu");
        assert_eq!(read("mysql://u@localhost/kefu?unix_socket=/s"), "mysql://u@localhost/kefu?unix_socket=/s");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        for name in FILES {
            let url = format!("mysql://u@127.0.0.1:1/kefu?ssl_mode=required&{name}=/nowhere/a%20file.pem");
            let error = MysqlServer::parse(&url).unwrap().connect().err().unwrap().to_string();
            assert!(error.contains(&format!("{name} /nowhere/a file.pem: No such file")), "{error}");
        }
    }

    #[test]
    fn what_would_be_passed_over_is_refused() {
        for bad in [
            "mysql://u@[::1]/kefu?ssl_mode=required",
            "mysql://u@db/kefu?ssl_mode=verify_ca",
            "mysql://u@db/kefu?ssl_mode=on",
            "mysql://u@db/kefu?ssl-mode=required",
            "mysql://u@db/kefu?SSL_MODE=required",
            "mysql://u@db/kefu?sslmode=require",
            "mysql://u@db/kefu?ssl_mode=required&charset=utf8mb4",
            "mysql://u@db/kefu?ssl_ca=/etc/ca.pem",
            "mysql://u@db/kefu?ssl_cert=/etc/c.pem&ssl_key=/etc/c.key&ssl_mode=disabled",
            "mysql://u@db",
            "mysql://u@db/?ssl_mode=required",
        ] {
            assert!(MysqlServer::parse(bad).is_err(), "{bad}");
        }
    }
}
