//! What the database itself says, beside the service.

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use kefu::error::Error;
use kefu::testing::db::AnyConnection;

use super::TestApp;
use super::database::Kind;

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

impl TestApp {
    /// The number that `SELECT COUNT(*) FROM …` gives.
    pub(crate) async fn count(&self, from: &str) -> i64 {
        let query = diesel::sql_query(format!("SELECT COUNT(*) AS n FROM {from}"));
        self.db.run(move |connection| Ok(query.get_result::<Count>(connection).map_err(Error::from)?.n)).await.unwrap()
    }

    /// Lets milliseconds pass as a service sees them that runs: in steps, each until every node has renewed its lease.
    pub(crate) async fn pass(&self, ms: i64) {
        let push = &self.settings.push;
        let [lease, renewal] = [push.node_lease_s, push.node_renewal_s].map(|seconds| 1000 * seconds.cast_signed());
        let mut left = ms;
        loop {
            let until = chrono::DateTime::from_timestamp_millis(self.clock.now() + lease - renewal).unwrap();
            let lapsing = format!("kefu_node WHERE lease_until <= '{}'", until.naive_utc().format("%F %T%.f"));
            super::eventually("leases are renewed", async || self.count(&lapsing).await == 0).await;
            if left == 0 {
                return;
            }
            let step = left.min(renewal);
            left -= step;
            self.clock.advance(step);
        }
    }

    /// The unread rows of a conversation: those that admins have not read and those that the member has not.
    pub(crate) async fn unread_rows(&self, conversation: i64) -> (i64, i64) {
        let of = |sender: u8| {
            format!(
                "kefu_message WHERE conversation_id = {conversation} AND sender_type = {sender} AND NOT read_status"
            )
        };
        (self.count(&of(1)).await, self.count(&of(2)).await)
    }

    /// Runs SQL on a connection of its own.
    pub(crate) fn execute(&self, sql: &str) {
        self.db.connect().unwrap().batch_execute(sql).unwrap();
    }

    /// Lets the database refuse such statements on a table: `event` is `INSERT` or `UPDATE`, `when` a condition on the
    /// row `NEW`.
    pub(crate) fn refuse(&self, event: &str, table: &str, when: &str) {
        self.execute(&match Kind::chosen() {
            Kind::Sqlite => format!(
                "CREATE TRIGGER refuse BEFORE {event} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, 'refused'); END"
            ),
            Kind::Mysql => format!(
                "CREATE TRIGGER refuse BEFORE {event} ON {table} FOR EACH ROW BEGIN
                     IF {when} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'; END IF; END"
            ),
            Kind::Postgres => format!(
                "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                     $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
                 CREATE TRIGGER refuse BEFORE {event} ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION refuse()"
            ),
        });
    }

    /// Lets SQLite refuse the commit of whatever does that, as [`TestApp::refuse`] names it: a reference to nobody is
    /// looked at only then.
    pub(crate) fn refuse_commit(&self, event: &str, table: &str, when: &str) {
        self.execute(&format!(
            "CREATE TABLE nobody (id INTEGER PRIMARY KEY);
             CREATE TABLE refused (id INTEGER REFERENCES nobody (id) DEFERRABLE INITIALLY DEFERRED);
             CREATE TRIGGER refuse_commit AFTER {event} ON {table} WHEN {when}
             BEGIN INSERT INTO refused VALUES (NEW.id); END"
        ));
    }

    /// Ends [`TestApp::refuse`].
    pub(crate) fn refuse_no_more(&self, table: &str) {
        self.execute(&match Kind::chosen() {
            Kind::Sqlite | Kind::Mysql => "DROP TRIGGER refuse".to_owned(),
            Kind::Postgres => format!("DROP TRIGGER refuse ON {table}"),
        });
    }

    /// Takes the database's write lock, or those of the writer's tables, until the guard is released: the service's
    /// writer waits, readers do not. Shorter than the five seconds after which it gives up.
    pub(crate) fn lock_writes(&self) -> WriteLock {
        let mut connection = self.db.connect().unwrap();
        let lock = match Kind::chosen() {
            Kind::Sqlite => "BEGIN IMMEDIATE",
            Kind::Mysql => "LOCK TABLES kefu_conversation READ, kefu_message READ, kefu_id_block READ",
            Kind::Postgres => "BEGIN; LOCK TABLE kefu_conversation, kefu_message, kefu_id_block IN EXCLUSIVE MODE",
        };
        connection.batch_execute(lock).unwrap();
        WriteLock(connection)
    }
}

/// A write transaction of somebody else.
pub(crate) struct WriteLock(AnyConnection);

impl WriteLock {
    pub(crate) fn release(mut self) {
        self.0.batch_execute(if Kind::chosen() == Kind::Mysql { "UNLOCK TABLES" } else { "ROLLBACK" }).unwrap();
    }
}
