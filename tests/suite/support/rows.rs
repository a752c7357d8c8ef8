//! What the database itself says, beside the service.

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use kefu::db::AnyConnection;
use kefu::error::Error;

use super::TestApp;

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

impl TestApp {
    /// The number that `SELECT COUNT(*) FROM …` gives.
    pub async fn count(&self, from: &str) -> i64 {
        let query = diesel::sql_query(format!("SELECT COUNT(*) AS n FROM {from}"));
        self.db.run(move |connection| Ok(query.get_result::<Count>(connection).map_err(Error::from)?.n)).await.unwrap()
    }

    /// The unread rows of a conversation: those that admins have not read and those that the member has not.
    pub async fn unread_rows(&self, conversation: i64) -> (i64, i64) {
        let of = |sender: u8| {
            format!(
                "kefu_message WHERE conversation_id = {conversation} AND sender_type = {sender} AND NOT read_status"
            )
        };
        (self.count(&of(1)).await, self.count(&of(2)).await)
    }

    /// Runs SQL on a connection of its own.
    pub fn execute(&self, sql: &str) {
        self.db.connect().unwrap().batch_execute(sql).unwrap();
    }

    /// Takes the database's write lock until the guard is released: the service's writer waits. Shorter than the five
    /// seconds after which it gives up.
    pub fn lock_writes(&self) -> WriteLock {
        let mut connection = self.db.connect().unwrap();
        connection.batch_execute(self.db.backend().begin_write()).unwrap();
        WriteLock(connection)
    }
}

/// A write transaction of somebody else.
pub struct WriteLock(AnyConnection);

impl WriteLock {
    pub fn release(mut self) {
        self.0.batch_execute("ROLLBACK").unwrap();
    }
}
