//! Database servers as `scripts/servers` starts them for the tests, too: private, on free ports, and as durable as by
//! default. Asked through the clients that come with them.

use std::path::Path;
use std::process::{Command, Stdio};

use tokio::io::AsyncWriteExt;

use crate::Result;
use crate::process::{self, Child};

/// Which server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    MariaDb,
    PostgreSql,
}

impl Kind {
    /// The server's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::MariaDb => "MariaDB",
            Self::PostgreSql => "PostgreSQL",
        }
    }

    /// The product's tables.
    pub(crate) const fn schema(self) -> &'static str {
        match self {
            Self::MariaDb => include_str!("../../../migrations/mysql/00000000000001_initial/up.sql"),
            Self::PostgreSql => include_str!("../../../migrations/postgres/00000000000001_initial/up.sql"),
        }
    }
}

/// A running server; dropping it ends it.
pub(crate) struct Server {
    /// Which one it is.
    pub kind: Kind,
    /// Without the database's name.
    url: String,
    /// Where its process id stands.
    pid_file: String,
    _script: Child,
}

/// The one database that is used.
pub(crate) const DATABASE: &str = "kefu";
/// The user and, where there is one, the password, as `scripts/servers` makes them.
const USER: &str = "kefu";
/// What the script prints before the URL and the file with the process id.
const MARK: &str = "the server's URL: ";

impl Server {
    /// Starts a server, its data on the disk that the project lies on.
    ///
    /// # Errors
    /// When it does not start, or would answer a commit before it is on the disk.
    pub(crate) async fn start(kind: Kind) -> Result<Self> {
        let (name, variable) = match kind {
            Kind::MariaDb => ("mysql", "$TEST_MYSQL"),
            Kind::PostgreSql => ("postgres", "$TEST_POSTGRES"),
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("scripts").join("servers");
        let mut command = Command::new(script);
        command.arg("--data").arg(process::target_folder()).args([name, "--", "sh", "-c"]);
        let mut script = Child::spawn_held(
            command.arg(format!("echo \"{MARK}{variable} ${{{}_PID}}\"; exec cat", variable.trim_start_matches('$'))),
        )?;
        let line = script.line_after(MARK)?;
        let (url, pid_file) = line.split_once(' ').ok_or("scripts/servers has named no process")?;
        let server = Self { kind, url: url.to_owned(), pid_file: pid_file.to_owned(), _script: script };
        server.must_be_durable().await?;
        Ok(server)
    }

    /// Fails unless the settings that decide about durability have the values that the server comes with.
    async fn must_be_durable(&self) -> Result {
        let off = match self.kind {
            Kind::MariaDb => {
                "SELECT COUNT(*) FROM information_schema.system_variables WHERE global_value <> default_value \
                 AND variable_name IN ('innodb_flush_log_at_trx_commit', 'innodb_flush_method', 'innodb_doublewrite')"
            }
            Kind::PostgreSql => {
                "SELECT COUNT(*) FROM pg_settings WHERE setting <> boot_val \
                 AND name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'wal_sync_method')"
            }
        };
        match self.run(None, off).await?.trim() {
            "0" => Ok(()),
            _ => Err(format!("{} does not commit as durably as it does by default", self.kind.name()).into()),
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> Result<u32> {
        Ok(std::fs::read_to_string(&self.pid_file)?.trim().parse()?)
    }

    /// Makes the database anew and returns its URL, for connections without TLS, as within one machine. What the server has
    /// still to write of the one before is no burden of the next run: InnoDB throws it away with the tables, PostgreSQL is
    /// told to write it now.
    pub(crate) async fn empty(&self) -> Result<String> {
        let (options, at_last) = match self.kind {
            Kind::MariaDb => ("CHARACTER SET utf8mb4", ""),
            Kind::PostgreSql => ("", "CHECKPOINT;"),
        };
        let sql = format!("DROP DATABASE IF EXISTS {DATABASE}; CREATE DATABASE {DATABASE} {options}; {at_last}");
        self.run(None, &sql).await?;
        let plain = match self.kind {
            Kind::MariaDb => "",
            Kind::PostgreSql => "?sslmode=disable",
        };
        Ok(format!("{}/{DATABASE}{plain}", self.url))
    }

    /// Makes the database anew and returns its URL: the product's tables with messages that number themselves, and the
    /// members' conversations.
    pub(crate) async fn prepare(&self, members: u64) -> Result<String> {
        let url = self.empty().await?;
        let (identity, numbers, analyze) = match self.kind {
            Kind::MariaDb => (
                "MODIFY id BIGINT NOT NULL AUTO_INCREMENT",
                format!("seq_1_to_{members}"),
                "ANALYZE TABLE kefu_conversation",
            ),
            Kind::PostgreSql => (
                "ALTER id ADD GENERATED BY DEFAULT AS IDENTITY",
                format!("generate_series(1, {members}) AS seq"),
                "ANALYZE",
            ),
        };
        let schema = self.kind.schema();
        let sql = format!(
            "{schema}
             ALTER TABLE kefu_message {identity};
             INSERT INTO kefu_conversation (id, user_id, last_message_time, last_message_content, last_message_content_type,
                 create_time, update_time, tenant_id)
             SELECT seq, seq, LOCALTIMESTAMP(3), '', 1, LOCALTIMESTAMP(3), LOCALTIMESTAMP(3), 1 FROM {numbers};
             {analyze};"
        );
        self.execute(&sql).await?;
        Ok(url)
    }

    /// Runs statements in the database.
    pub(crate) async fn execute(&self, sql: &str) -> Result {
        self.run(Some(DATABASE), sql).await.map(drop)
    }

    /// The number that a query in the database gives.
    pub(crate) async fn number(&self, sql: &str) -> Result<u64> {
        Ok(self.run(Some(DATABASE), sql).await?.trim().parse()?)
    }

    /// A program that comes with the server, told where it is.
    pub(crate) fn tool(&self, program: &str) -> Result<tokio::process::Command> {
        let address = self.url.rsplit_once('@').and_then(|(_, address)| address.split_once(':'));
        let (host, port) = address.ok_or("scripts/servers has printed no address")?;
        let mut command = tokio::process::Command::new(program);
        match self.kind {
            Kind::MariaDb => command.args(["--no-defaults", "--user", USER]).arg(format!("--password={USER}")),
            Kind::PostgreSql => command
                .args(["--username", USER])
                .envs([("PGOPTIONS", "-c client_min_messages=warning"), ("PGSSLMODE", "disable")]),
        };
        command.args(["--host", host, "--port", port]).kill_on_drop(true);
        Ok(command)
    }

    /// What the server's own client prints for these statements.
    async fn run(&self, database: Option<&str>, sql: &str) -> Result<String> {
        let (client, options) = match self.kind {
            Kind::MariaDb => ("mariadb", "--batch --skip-column-names --default-character-set=utf8mb4"),
            Kind::PostgreSql => ("psql", "--no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1"),
        };
        let mut command = self.tool(client)?;
        // Both have a database of their own name.
        command.args(options.split(' ')).arg(database.unwrap_or(match self.kind {
            Kind::MariaDb => "mysql",
            Kind::PostgreSql => "postgres",
        }));
        output(command, sql).await
    }
}

/// Runs a program with something on its standard input; returns its standard output.
pub(crate) async fn output(mut command: tokio::process::Command, input: &str) -> Result<String> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| format!("cannot start {name}, run scripts/bench-setup: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // Programs that read nothing may have closed it.
        drop(stdin.write_all(input.as_bytes()).await);
    }
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        return Err(format!("{name} has failed").into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
