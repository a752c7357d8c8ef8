//! The command line: its definition, and the way from its flags to the settings. Each subcommand has a file of its own.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

use crate::clock::Clock;
use crate::db::sqlite::place;
use crate::db::{self, AnyConnection, Backend, Db};
use crate::error::Error as Fault;
use crate::id::ID_LIMIT;
use crate::settings::{FILE_FLAG, Flag, Settings, Sources};

mod admin;
mod asyncapi;
mod backup;
mod healthcheck;
mod import;
mod job;
mod migrate;
mod openapi;
mod serve;
mod signals;
mod tenant;
mod token;

/// The result of a subcommand. An error's text is one line for the operator, without secrets.
pub type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Self-hosted customer-service chat backend
#[derive(Debug, Parser)]
#[command(name = "kefu", version)]
pub struct Cli {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Settings, which beat `KEFU_<SECTION>__<KEY>` variables, which beat the file
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
struct SettingsArgs {
    /// The TOML file [default: $KEFU_CONFIG, else ./kefu.toml when it exists]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// server.listen: the address and port to listen on
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// data_dir: where the database, the signing secret and uploaded files live
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// database.url: sqlite:<path>, mysql://… or postgres://…
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// Any setting, e.g. --set limits.content_length=4096; may be repeated
    #[arg(long, global = true, value_name = "SECTION.KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// Any setting, read from a file, e.g. --set-file auth.secret=/run/secrets/kefu; may be repeated
    #[arg(long, global = true, value_name = "SECTION.KEY=FILE", value_parser = assignment)]
    set_file: Vec<(String, String)>,
    /// Print the resulting settings as TOML, without secrets, and stop
    #[arg(long, global = true)]
    print_config: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service (the default)
    Serve,
    /// Look after the database's tables
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Look after the accounts of admins
    #[command(subcommand)]
    Admin(admin::Command),
    /// Copy the embedded database while it is in use
    Backup(backup::Backup),
    /// Put a backup in the embedded database's place; the service must be stopped
    Restore(backup::Restore),
    /// Ask the service that runs with these settings whether it is ready; exit code 1 when not
    Healthcheck,
    /// Make tokens for trying things out, as one line of JSON
    #[command(subcommand)]
    Token(token::Command),
    /// Take over conversations of another system
    #[command(subcommand)]
    Import(import::Command),
    /// Look after the settings of a tenant
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Look after the work that runs in the background
    #[command(subcommand)]
    Job(job::Command),
    /// Print the OpenAPI document
    Openapi,
    /// Print the AsyncAPI document, which describes the WebSocket
    Asyncapi,
}

impl Cli {
    /// Does what the command line asks.
    ///
    /// # Errors
    /// When the settings are wrong or the subcommand fails.
    pub fn run(self) -> Result {
        let command = self.command.unwrap_or(Command::Serve);
        if self.settings.print_config {
            return print(&self.settings.load()?.to_toml()?);
        }
        match command {
            Command::Serve => {
                let exposures = self.settings.flags()?.iter().filter_map(Flag::exposure).collect();
                serve::run(self.settings.load()?, exposures)
            }
            Command::Migrate(command) => migrate::run(&self.settings.load()?, command),
            Command::Admin(command) => admin::run(&self.settings.load()?, command),
            Command::Backup(command) => backup::back_up(&self.settings.load()?, &command),
            Command::Restore(command) => backup::restore(&self.settings.load()?, &command),
            Command::Healthcheck => healthcheck::run(&self.settings.load()?),
            Command::Token(command) => token::run(&self.settings.load()?, command),
            Command::Import(command) => import::run(&self.settings.load()?, command),
            Command::Tenant(command) => tenant::run(&self.settings.load()?, command),
            Command::Job(command) => job::run(&self.settings.load()?, command),
            Command::Openapi => openapi::run(),
            Command::Asyncapi => asyncapi::run(),
        }
    }
}

impl SettingsArgs {
    fn load(self) -> Result<Settings> {
        let flags = self.flags()?;
        Ok(Settings::load(&Sources::of_process(self.config, flags)?)?)
    }

    /// A flag of its own beats --set and --set-file, which may come from a wrapper script.
    fn flags(&self) -> Result<Vec<Flag>> {
        let set = |(key, value): &(String, String)| Flag { name: "--set", key: key.clone(), value: value.clone() };
        let mut flags: Vec<Flag> = self.set.iter().map(set).collect();
        for (key, file) in &self.set_file {
            let content = std::fs::read_to_string(file)
                .map_err(|error| format!("{key} cannot be read from {file} ({FILE_FLAG}): {error}"))?;
            let value = content.trim_end_matches(['\r', '\n']).to_owned();
            flags.push(Flag { name: FILE_FLAG, key: key.clone(), value });
        }
        let named = [
            ("--listen", "server.listen", &self.listen),
            ("--data-dir", "data_dir", &self.data_dir),
            ("--database-url", "database.url", &self.database_url),
        ];
        let given = |(name, key, value): (_, &str, &Option<String>)| {
            Some(Flag { name, key: key.to_owned(), value: value.clone()? })
        };
        flags.extend(named.into_iter().filter_map(given));
        Ok(flags)
    }
}

/// `key=value`
fn assignment(text: &str) -> std::result::Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("must be section.key=value")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

/// An id on the command line: 1 to 2^53 - 1.
fn id() -> clap::builder::RangedI64ValueParser<i64> {
    clap::value_parser!(i64).range(1..ID_LIMIT)
}

/// Runs a command on the database that the settings name, without starting the service. Its tables are brought up to this
/// version; a database that is not there, or has no tables, is an error.
fn with_database<T>(settings: &Settings, work: impl AsyncFnOnce(Db, Clock) -> Result<T>) -> Result<T> {
    place::require(settings)?;
    let mut connection = open(settings)?;
    if db::is_new(&mut connection)? {
        let key = settings.database_key();
        return Err(format!("{key}: the database has no tables of kefu; `kefu migrate up` makes them").into());
    }
    drop(connection);
    on_database(settings, work)
}

/// As [`with_database`], for a command that also begins with an empty database.
fn with_new_database<T>(settings: &Settings, work: impl AsyncFnOnce(Db, Clock) -> Result<T>) -> Result<T> {
    place::may_create(settings)?;
    settings.create_data_dir()?;
    on_database(settings, work)
}

fn on_database<T>(settings: &Settings, work: impl AsyncFnOnce(Db, Clock) -> Result<T>) -> Result<T> {
    let opened = Db::open_for_command(Backend::parse(&settings.database_url())?, &settings.database);
    let db = opened.map_err(|error| db::described(settings, &error))?;
    let opened = db.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work(db, Clock::system())).map_err(|error| match error.downcast_ref::<Fault>() {
        Some(busy @ Fault::Busy) => db::described(settings, &opened.cause_of(busy)).into(),
        _ => error,
    })
}

/// A connection to the database that the settings name.
fn open(settings: &Settings) -> Result<AnyConnection> {
    let opened = Backend::parse(&settings.database_url())?.open();
    Ok(opened.map_err(|error| db::described(settings, &error))?)
}

/// A bar on standard error; it draws nothing where that is no terminal, and goes when it is dropped.
fn progress_bar(template: &str) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template(template)?;
    Ok(ProgressBar::no_length().with_style(style).with_finish(ProgressFinish::AndClear))
}

/// The first line of standard input; `what` names it.
fn first_line(what: &str) -> Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    match line.trim_end_matches(['\r', '\n']) {
        "" => Err(format!("{what} is read from standard input, which is empty").into()),
        line => Ok(line.to_owned()),
    }
}

/// Writes to standard output; unlike `println!` it does not panic when nobody reads.
fn print(text: &str) -> Result {
    let mut output = io::stdout().lock();
    let written = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    Ok(written.map_err(|error| format!("cannot write to standard output: {error}"))?)
}

/// Writes to a standard stream that may never be read: gives up waiting after a second, while a thread of its own goes on.
///
/// # Errors
/// When nobody can read it any more, or nobody has within that second.
pub fn print_patiently(mut output: impl Write + Send + 'static, text: String) -> io::Result<()> {
    let (done, outcome) = mpsc::channel();
    std::thread::Builder::new().name("print".into()).spawn(move || {
        // Without a receiver the second is over.
        let _ = done.send(output.write_all(text.as_bytes()).and_then(|()| output.flush()));
    })?;
    outcome.recv_timeout(Duration::from_secs(1)).map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_work_before_and_after_the_subcommand_and_without_one() {
        for line in ["kefu --listen [::1]:1", "kefu serve --listen [::1]:1", "kefu --listen [::1]:1 serve"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(cli.settings.listen.as_deref(), Some("[::1]:1"), "{line}");
            assert!(matches!(cli.command.unwrap_or(Command::Serve), Command::Serve), "{line}");
        }
    }

    #[test]
    fn the_documented_lines_are_understood() {
        for line in [
            "kefu migrate up",
            "kefu migrate up --new",
            "kefu migrate status",
            "kefu migrate down --to 00000000000001_initial --yes",
            "kefu serve --set-file auth.secret=/run/secrets/kefu",
            "kefu admin add --username u --nickname n --role agent",
            "kefu admin password --username u --tenant 2",
            "kefu admin disable --username u",
            "kefu admin enable --username u",
            "kefu admin list",
            "kefu healthcheck",
            "kefu backup kefu-backup.db",
            "kefu restore kefu-backup.db --data-dir data",
            "kefu restore --mark",
            "kefu token member --user-id 1001 --nickname 小明",
            "kefu token admin --username admin --set limits.write_batch=1 --set limits.write_queue=2",
            "kefu import yudao --from mysql://u:p@127.0.0.1/ruoyi-vue-pro --time-zone Asia/Shanghai",
            "kefu tenant get",
            "kefu tenant get login.ttl --tenant 2",
            "kefu tenant set login.ttl 3600",
            "kefu job list",
            "kefu job list --dead --limit 10",
            "kefu job retry 1 2",
            "kefu job retry --dead",
            "kefu openapi",
            "kefu asyncapi",
        ] {
            Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
        for line in [
            "kefu admin add --username u --nickname n --role boss",
            "kefu token member --user-id 0 --nickname n",
            "kefu restore",
            "kefu restore --mark x",
            "kefu job retry",
            "kefu job retry 1 --dead",
            "kefu migrate down",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
