//! What one would write first: the bare endpoint with a transaction per send in a blocking thread, over a pool of
//! connections, each statement a call of its own. It delivers nothing.

use std::io;
use std::path::PathBuf;

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use mysql::TxOpts;
use mysql::prelude::Queryable;
use postgres::NoTls;
use r2d2::{ManageConnection, Pool};

use super::bare::{self, SEND, Send};
use super::sqlite;
use crate::Result;
use crate::token::Verifier;

/// Members whose conversations are made in a file.
const MEMBERS: i64 = 1000;

/// Where the messages go.
#[derive(Clone)]
enum Database {
    /// A file of SQLite's.
    Sqlite(PathBuf),
    /// The server's URL.
    MariaDb(String),
    /// The server's URL.
    PostgreSql(String),
}

enum Connection {
    Sqlite(rusqlite::Connection),
    MariaDb(mysql::Conn),
    PostgreSql(Box<PostgreSql>),
}

/// A connection with its statements prepared.
struct PostgreSql {
    client: postgres::Client,
    lock: postgres::Statement,
    advance: postgres::Statement,
    insert: postgres::Statement,
}

impl Database {
    fn named(name: &str) -> Self {
        match name.split_once("://") {
            Some(("mysql", _)) => Self::MariaDb(name.to_owned()),
            Some(_) => Self::PostgreSql(name.to_owned()),
            None => Self::Sqlite(name.into()),
        }
    }

    /// As many as r2d2 has by default. But one to a file: several would sleep in SQLite's busy handler, which was measured
    /// to be slower by a tenth.
    const fn connections(&self) -> u32 {
        match self {
            Self::Sqlite(_) => 1,
            Self::MariaDb(_) | Self::PostgreSql(_) => 10,
        }
    }

    fn open(&self) -> Result<Connection> {
        Ok(match self {
            Self::Sqlite(file) => Connection::Sqlite(sqlite::open(file)?),
            Self::MariaDb(url) => {
                // By TCP like everyone else: the driver would look for the server's socket.
                let options = mysql::OptsBuilder::from_opts(mysql::Opts::from_url(url)?).prefer_socket(false);
                Connection::MariaDb(mysql::Conn::new(options)?)
            }
            Self::PostgreSql(url) => {
                Connection::PostgreSql(Box::new(PostgreSql::prepare(postgres::Client::connect(url, NoTls)?)?))
            }
        })
    }
}

impl ManageConnection for Database {
    type Connection = Connection;
    type Error = io::Error;

    fn connect(&self) -> io::Result<Connection> {
        self.open().map_err(io::Error::other)
    }

    fn is_valid(&self, _: &mut Connection) -> io::Result<()> {
        Ok(())
    }

    fn has_broken(&self, _: &mut Connection) -> bool {
        false
    }
}

impl Connection {
    /// Stores a message of a member who has a conversation; returns its id.
    fn send(&mut self, member: i64, message: &Send) -> Result<u64> {
        match self {
            Self::Sqlite(connection) => sqlite::send_one(connection, member, message.content_type, &message.content),
            Self::MariaDb(connection) => send_to_mariadb(connection, member, message),
            Self::PostgreSql(connection) => connection.send(member, message),
        }
    }
}

// The driver keeps what it has prepared by its text.
fn send_to_mariadb(connection: &mut mysql::Conn, member: i64, message: &Send) -> Result<u64> {
    let mut transaction = connection.start_transaction(TxOpts::default())?;
    let (conversation, seq): (i64, i64) = transaction
        .exec_first(
            "SELECT id, last_seq + 1 FROM kefu_conversation WHERE tenant_id = 1 AND user_id = ? FOR UPDATE",
            (member,),
        )?
        .ok_or("a member without a conversation")?;
    transaction.exec_drop(
        "UPDATE kefu_conversation SET last_seq = ?, last_message_time = LOCALTIMESTAMP(3), last_message_content = ?,
             last_message_content_type = ?, admin_deleted = FALSE, user_deleted = FALSE,
             admin_unread_message_count = admin_unread_message_count + 1, updater = ?, update_time = LOCALTIMESTAMP(3)
         WHERE id = ?",
        (seq, &message.content, message.content_type, member, conversation),
    )?;
    transaction.exec_drop(
        "INSERT INTO kefu_message (conversation_id, seq, sender_id, sender_type, content_type, content, create_time,
             tenant_id, creator, updater, update_time)
         VALUES (?, ?, ?, 1, ?, ?, LOCALTIMESTAMP(3), 1, ?, ?, LOCALTIMESTAMP(3))",
        (conversation, seq, member, message.content_type, &message.content, member, member),
    )?;
    let id = transaction.last_insert_id().ok_or("a message without an id")?;
    transaction.commit()?;
    Ok(id)
}

impl PostgreSql {
    fn prepare(mut client: postgres::Client) -> Result<Self> {
        let lock = client.prepare(
            "SELECT id, last_seq + 1 FROM kefu_conversation WHERE tenant_id = 1 AND user_id = $1 FOR UPDATE",
        )?;
        let advance = client.prepare(
            "UPDATE kefu_conversation SET last_seq = $2, last_message_time = LOCALTIMESTAMP(3),
                 last_message_content = $3, last_message_content_type = $4, admin_deleted = FALSE, user_deleted = FALSE,
                 admin_unread_message_count = admin_unread_message_count + 1, updater = $5,
                 update_time = LOCALTIMESTAMP(3)
             WHERE id = $1",
        )?;
        let insert = client.prepare(
            "INSERT INTO kefu_message (conversation_id, seq, sender_id, sender_type, content_type, content, create_time,
                 tenant_id, creator, updater, update_time)
             VALUES ($1, $2, $3, 1, $4, $5, LOCALTIMESTAMP(3), 1, $6, $6, LOCALTIMESTAMP(3)) RETURNING id",
        )?;
        Ok(Self { client, lock, advance, insert })
    }

    fn send(&mut self, member: i64, message: &Send) -> Result<u64> {
        let Send { content_type, content } = message;
        let sender = member.to_string();
        let mut transaction = self.client.transaction()?;
        let locked = transaction.query_one(&self.lock, &[&member])?;
        let (conversation, seq): (i64, i64) = (locked.try_get(0)?, locked.try_get(1)?);
        transaction.execute(&self.advance, &[&conversation, &seq, content, content_type, &sender])?;
        let stored =
            transaction.query_one(&self.insert, &[&conversation, &seq, &member, content_type, content, &sender])?;
        let id: i64 = stored.try_get(0)?;
        transaction.commit()?;
        Ok(id.unsigned_abs())
    }
}

async fn send(
    request: HttpRequest,
    body: Bytes,
    verifier: web::Data<Verifier>,
    pool: web::Data<Pool<Database>>,
) -> HttpResponse {
    let Some((member, message)) = bare::accept(&request, &body, &verifier) else { return bare::answer(None) };
    let store = move || pool.get()?.send(i64::try_from(member)?, &message);
    match web::block(store).await {
        Ok(Ok(id)) => bare::answer(Some(id)),
        Ok(Err(error)) => {
            crate::report::progress(&format!("a transaction has failed: {error}"));
            HttpResponse::InternalServerError().finish()
        }
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

/// Serves until told to stop. The members have their conversations already; a file is made with them.
pub(crate) fn serve(database: &str) -> Result {
    let database = Database::named(database);
    if let Database::Sqlite(file) = &database {
        sqlite::create(file, MEMBERS)?;
    }
    let verifier = web::Data::new(Verifier::new());
    // A test of each connection before its use would be a call more.
    let pool = Pool::builder().max_size(database.connections()).test_on_check_out(false).build(database)?;
    let pool = web::Data::new(pool);
    let shared = pool.clone();
    let served = bare::serve_app(move |config: &mut web::ServiceConfig| {
        config.app_data(verifier.clone()).app_data(shared.clone()).route(SEND, web::post().to(send));
    });
    // PostgreSQL's driver cannot close a connection inside the server's runtime.
    drop(pool);
    served
}
