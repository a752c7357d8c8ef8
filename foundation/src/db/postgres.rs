//! Connections to PostgreSQL through libpq.

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{
    Connection as _, ConnectionError, ConnectionResult, PgConnection, QueryResult, QueryableByName, RunQueryDsl,
};

const SESSION: &str = "SET default_transaction_isolation = 'read committed';
     SET statement_timeout = '10s';
     SET lock_timeout = '5s';
     SET idle_in_transaction_session_timeout = '30s';";

/// Deadlocks and timeouts are known by their texts ([`super::fault`]). Only a superuser, or who was granted it, may choose
/// the language. The block keeps a refusal out of the server's log.
const ENGLISH: &str = "DO $$BEGIN
         PERFORM set_config('lc_messages', 'C', false);
     EXCEPTION WHEN insufficient_privilege THEN NULL;
     END$$";

/// For the connection that runs the writer's statements, which join a short list with tables of any size: they loop over
/// the list and find each row by an index, so that one plan serves every list, and PostgreSQL need not plan for each.
const PLANNED_ONCE: &str = "SET plan_cache_mode = force_generic_plan;
     SET enable_seqscan = off;
     SET enable_hashjoin = off;
     SET enable_mergejoin = off;";

/// libpq's limits where the URL has none of its own: a server whose machine is gone is noticed within 15 s.
const LIMITS: [(&str, &str); 6] = [
    ("connect_timeout", "5"),
    ("tcp_user_timeout", "15000"),
    ("keepalives_idle", "5"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "2"),
    ("application_name", "kefu"),
];

/// Where a server is and how to speak to it.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresServer {
    url: String,
}

/// The URL holds a password.
impl std::fmt::Debug for PostgresServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PostgresServer")
    }
}

impl PostgresServer {
    /// `postgres://user:password@host:port/database`, with libpq's parameters.
    pub(super) fn at(url: &str) -> Self {
        let mut url = url.to_owned();
        for (name, value) in LIMITS {
            if !url.contains(&format!("{name}=")) {
                url.push(if url.contains('?') { '&' } else { '?' });
                url.push_str(&format!("{name}={value}"));
            }
        }
        Self { url }
    }

    pub(super) fn connect(&self) -> ConnectionResult<PgConnection> {
        let mut connection = PgConnection::establish(&self.url)?;
        // What does not know such blocks speaks the language that it speaks.
        drop(connection.batch_execute(ENGLISH));
        connection.batch_execute(SESSION).map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(connection)
    }
}

/// Makes the connection plan each statement once.
pub(super) fn plan_once(connection: &mut PgConnection) {
    // What does not know these settings plans as it likes.
    drop(connection.batch_execute(PLANNED_ONCE));
}

/// Forgets the plans. One made while a table was all but empty may read all of an index instead of looping over the list,
/// which was right then.
pub(super) fn plan_anew(connection: &mut PgConnection) {
    drop(connection.batch_execute("DISCARD PLANS"));
}

#[derive(QueryableByName)]
struct Session {
    #[diesel(sql_type = Text)]
    language: String,
    #[diesel(sql_type = Text)]
    role: String,
}

/// Says how to have English texts when this user's sessions have others.
pub(super) fn warn_of_language(connection: &mut PgConnection) -> QueryResult<()> {
    let shown = "SELECT current_setting('lc_messages') AS language, quote_ident(session_user) AS role";
    let Session { language, role } = diesel::sql_query(shown).get_result(connection)?;
    if !is_english(&language) {
        tracing::warn!(
            language,
            "the database's errors are not in English: deadlocks and timeouts are answered with code 500 and not tried \
             again until a superuser has run ALTER ROLE {role} SET lc_messages = 'C'"
        );
    }
    Ok(())
}

fn is_english(locale: &str) -> bool {
    ["C", "POSIX"].contains(&locale.split('.').next().unwrap_or_default())
        || ["en", "En"].iter().any(|english| locale.starts_with(english))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_its_own_limits_and_never_shows_itself() {
        let server = PostgresServer::at("postgres://u:secret@host/kefu?connect_timeout=60");
        let url = &server.url;
        assert!(url.starts_with("postgres://u:secret@host/kefu?connect_timeout=60&tcp_user_timeout="), "{url}");
        assert_eq!(url.matches("connect_timeout").count(), 1);
        assert!(PostgresServer::at("postgres://u@host/kefu").url.contains("?connect_timeout=5&"));
        assert!(!format!("{server:?}").contains("secret"));
    }

    #[test]
    fn languages() {
        for english in ["C", "POSIX", "C.UTF-8", "en_US.UTF-8", "en_GB", "English_United States.1252"] {
            assert!(is_english(english), "{english}");
        }
        for other in ["", "de_DE.UTF-8", "zh_CN.UTF-8", "Chinese (Simplified)_China.936", "Catalan_Spain.1252"] {
            assert!(!is_english(other), "{other}");
        }
    }
}
