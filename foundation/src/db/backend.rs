//! From a database URL to a connection: which backend it is and how its connections are set up.
//!
//! A server gets 5 s to accept a connection, 10 s for a statement, 5 s for a row's lock, and a session that holds a
//! transaction open and says nothing is ended after 30 s, so that a node that hangs does not stop the others. MySQL has
//! the limit for statements only for SELECT, and none for silent transactions.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::{Connection as _, ConnectionError, SqliteConnection};

use super::AnyConnection;
use super::sqlite::lock::beside;
use crate::settings::{ESCAPED, is_escaped};

/// Which database a URL names, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The embedded database in this file.
    Sqlite(PathBuf),
    /// MariaDB from 10.6 or MySQL from 8.0 at this URL.
    #[cfg(feature = "mysql")]
    Mysql(super::mysql::MysqlServer),
    /// PostgreSQL from 13 at this URL.
    #[cfg(feature = "postgres")]
    Postgres(super::postgres::PostgresServer),
}

impl Backend {
    /// Reads a database URL.
    ///
    /// # Errors
    /// One line for the operator: an unknown scheme, or one whose feature this binary was built without, or a password
    /// with reserved characters.
    pub fn parse(url: &str) -> Result<Self, String> {
        let schemes = "sqlite:<path>, mysql://… or postgres://…";
        let (scheme, rest) = url.split_once(':').ok_or_else(|| format!("database.url: no scheme; use {schemes}"))?;
        if scheme != "sqlite" && !is_escaped(url) {
            return Err(format!("database.url: must be {scheme}://user:password@host/database, {ESCAPED}"));
        }
        match scheme {
            "sqlite" => match rest.strip_prefix("//").unwrap_or(rest) {
                "" | ":memory:" => Err("database.url: sqlite: needs the path of a file".into()),
                // SQLite's own way of writing options, which would become part of the file's name.
                path if path.contains('?') || path.starts_with("file:") => {
                    Err(format!("database.url: sqlite: takes the path of a file and no options; it is {path}"))
                }
                path => Ok(Self::Sqlite(path.into())),
            },
            #[cfg(feature = "mysql")]
            "mysql" => super::mysql::MysqlServer::parse(url).map(Self::Mysql),
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => Ok(Self::Postgres(super::postgres::PostgresServer::at(url))),
            #[cfg(not(feature = "mysql"))]
            "mysql" => Err(without_feature("mysql")),
            #[cfg(not(feature = "postgres"))]
            "postgres" | "postgresql" => Err(without_feature("postgres")),
            other => Err(format!("database.url: unknown scheme {other}; use {schemes}")),
        }
    }

    /// Opens and sets up one connection to a database that is there.
    pub fn connect(&self) -> diesel::ConnectionResult<AnyConnection> {
        match self {
            Self::Sqlite(path) => connect_sqlite(path, "rw").map(AnyConnection::Sqlite),
            #[cfg(feature = "mysql")]
            Self::Mysql(server) => server.connect().map(AnyConnection::Mysql),
            #[cfg(feature = "postgres")]
            Self::Postgres(server) => server.connect().map(AnyConnection::Postgres),
        }
    }

    /// Opens the first connection, and creates the file of an embedded database that has none. A file that cannot be written
    /// to is refused here: SQLite would open it for reading and every send would fail.
    ///
    /// # Errors
    /// One line for the operator, without a password.
    pub fn open(&self) -> Result<AnyConnection, String> {
        let name = match self {
            Self::Sqlite(path) => format!(" {}", path.display()),
            // The drivers name the server.
            #[cfg(any(feature = "mysql", feature = "postgres"))]
            _ => String::new(),
        };
        let failed = |error: &dyn std::fmt::Display| {
            let cause = self.refused_by_system().map(|cause| format!(" ({cause})")).unwrap_or_default();
            super::one_line(&format!("cannot open the database{name}: {error}{cause}"))
        };
        let opened = match self {
            Self::Sqlite(path) => connect_sqlite(path, "rwc").map(AnyConnection::Sqlite),
            #[cfg(any(feature = "mysql", feature = "postgres"))]
            _ => self.connect(),
        };
        let mut connection = opened.map_err(|error| failed(&error))?;
        let tried = match &mut connection {
            AnyConnection::Sqlite(inner) => inner.batch_execute(WRITE_NOTHING),
            #[cfg(feature = "mysql")]
            AnyConnection::Mysql(_) => Ok(()),
            #[cfg(feature = "postgres")]
            AnyConnection::Postgres(inner) => super::postgres::warn_of_language(inner),
        };
        tried.map_err(|error| failed(&error))?;
        Ok(connection)
    }

    /// Why the system does not let this process have the embedded database's file, which SQLite does not say.
    fn refused_by_system(&self) -> Option<String> {
        let path = match self {
            Self::Sqlite(path) => path,
            #[cfg(any(feature = "mysql", feature = "postgres"))]
            _ => return None,
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let open = |path: &Path| File::options().read(true).write(true).open(path);
        match open(path) {
            Ok(_) => ["-wal", "-shm"].into_iter().map(|ending| beside(path, ending)).find_map(|path| {
                let error = open(&path).err().filter(|error| error.kind() != ErrorKind::NotFound)?;
                Some(format!("{}: {error}", path.display()))
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                tempfile::tempfile_in(folder).err().map(|error| format!("the folder {}: {error}", folder.display()))
            }
            Err(error) => Some(error.to_string()),
        }
    }

    /// Whether connections can be lost, and other processes on other machines write too.
    pub const fn is_server(&self) -> bool {
        !matches!(self, Self::Sqlite(_))
    }

    /// The statements around a write transaction.
    ///
    /// SQLite takes the write lock at once: upgrading a read lock later fails when another writer came in between.
    ///
    /// A Galera cluster may end a transaction between two statements, in favour of another member's, and a member was seen
    /// to run the next ones outside of it. So on MySQL nothing commits by itself meanwhile, and a savepoint tells at
    /// the end whether it is still the same transaction.
    pub(super) const fn write_transaction(&self) -> WriteTransaction {
        match self {
            Self::Sqlite(_) => {
                WriteTransaction { begin: "BEGIN IMMEDIATE", check: None, commit: "COMMIT", roll_back: "ROLLBACK" }
            }
            #[cfg(feature = "mysql")]
            Self::Mysql(_) => WriteTransaction {
                begin: "SET autocommit = 0; START TRANSACTION; SAVEPOINT begun",
                check: Some("ROLLBACK TO SAVEPOINT begun"),
                commit: "RELEASE SAVEPOINT begun; COMMIT; SET autocommit = 1",
                roll_back: "ROLLBACK; SET autocommit = 1",
            },
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => {
                WriteTransaction { begin: "BEGIN", check: None, commit: "COMMIT", roll_back: "ROLLBACK" }
            }
        }
    }
}

/// Fails on a database that can only be read, where `BEGIN IMMEDIATE` alone does not; nothing reaches the disk.
const WRITE_NOTHING: &str = "BEGIN IMMEDIATE; CREATE TABLE kefu_write (a); ROLLBACK";

/// See [`Backend::write_transaction`].
pub(super) struct WriteTransaction {
    pub begin: &'static str,
    /// Fails when the transaction has ended without our doing: what failed in it may then succeed in another.
    pub check: Option<&'static str>,
    pub commit: &'static str,
    pub roll_back: &'static str,
}

#[cfg(not(all(feature = "mysql", feature = "postgres")))]
fn without_feature(feature: &str) -> String {
    format!("database.url: this binary was built without the feature {feature}; build with --features {feature}")
}

/// WAL with synchronous=FULL keeps every answered send through a power loss (invariant 1). Checkpoints are not made by
/// commits but by a thread of their own ([`super::checkpoint`]). A log that grew during a backup gives its space back.
/// A connection caches a megabyte, half of SQLite's default: the kernel caches the file as well, once for all of them.
/// `mode` is that of SQLite's URIs: only the first connection may create a file, for one that was deleted must not come
/// back empty.
fn connect_sqlite(path: &Path, mode: &str) -> diesel::ConnectionResult<SqliteConnection> {
    let uri = super::sqlite::copy::uri(path, mode).map_err(ConnectionError::BadConnection)?;
    let mut connection = SqliteConnection::establish(&uri)?;
    let set_up = connection.batch_execute(
        "PRAGMA busy_timeout = 5000;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = 134217728;
         PRAGMA cache_size = -1000;
         PRAGMA temp_store = MEMORY;",
    );
    set_up.map(|()| connection).map_err(ConnectionError::CouldntSetupConfiguration)
}

#[cfg(test)]
mod tests {
    use diesel::RunQueryDsl;

    use super::*;

    #[test]
    fn urls_name_their_database() {
        assert_eq!(Backend::parse("sqlite:data/kefu.db"), Ok(Backend::Sqlite("data/kefu.db".into())));
        assert_eq!(Backend::parse("sqlite:///data/kefu.db"), Ok(Backend::Sqlite("/data/kefu.db".into())));
        for bad in [
            "",
            "kefu.db",
            "sqlite:",
            "sqlite::memory:",
            "sqlite:kefu.db?mode=ro",
            "sqlite:file:kefu.db",
            "oracle://host/kefu",
        ] {
            assert!(Backend::parse(bad).is_err_and(|text| text.starts_with("database.url: ")), "{bad}");
        }
    }

    #[test]
    fn a_connection_to_sqlite_syncs_every_commit_to_its_log() {
        #[derive(diesel::QueryableByName)]
        struct Pragma {
            #[diesel(sql_type = diesel::sql_types::Text)]
            value: String,
        }
        let folder = tempfile::tempdir().unwrap();
        let mut connection = connect_sqlite(&folder.path().join("kefu.db"), "rwc").unwrap();
        let mut value = |name: &str| {
            let query = format!("SELECT CAST({name} AS TEXT) AS value FROM pragma_{name}");
            diesel::sql_query(query).get_result::<Pragma>(&mut connection).unwrap().value
        };
        assert_eq!((value("journal_mode"), value("synchronous")), ("wal".to_owned(), "2".to_owned()));
    }

    #[cfg(not(all(feature = "mysql", feature = "postgres")))]
    #[test]
    fn a_missing_feature_is_named() {
        for (scheme, feature, there) in [
            ("mysql", "mysql", cfg!(feature = "mysql")),
            ("postgres", "postgres", cfg!(feature = "postgres")),
            ("postgresql", "postgres", cfg!(feature = "postgres")),
        ] {
            match Backend::parse(&format!("{scheme}://root:secret@host/kefu")) {
                Ok(_) => assert!(there, "{scheme}"),
                Err(text) => {
                    assert!(!there && text.contains(&format!("--features {feature}")), "{text}");
                    assert!(!text.contains("secret"), "{text}");
                }
            }
        }
    }
}
