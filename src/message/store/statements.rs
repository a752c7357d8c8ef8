//! The writer's statements.

use crate::db::bulk::{MysqlText, Statement};

pub(super) const FIND_REPEATS: Statement = Statement {
    head: "SELECT m.id, m.conversation_id, m.sender_type, m.sender_id, m.client_message_id, m.seq, \
         m.read_status, m.content_type, m.content FROM",
    tail: "CROSS JOIN kefu_message AS m WHERE m.conversation_id = v.column1 AND m.sender_type = v.column2 \
         AND m.sender_id = v.column3 AND m.client_message_id = v.column4",
    postgres_tail: "",
    mysql: MysqlText {
        head: "SELECT m.id, m.conversation_id, m.sender_type, m.sender_id, m.client_message_id, m.seq, \
             m.read_status, m.content_type, m.content FROM kefu_message AS m FORCE INDEX (kefu_message_client) \
             WHERE (m.conversation_id, m.sender_type, m.sender_id, m.client_message_id) IN (",
        row: "(?, ?, ?, ?)",
        between: ", ",
        tail: ")",
        may_repeat: true,
    },
};

pub(super) const BETWEEN: Statement = Statement {
    head: "SELECT m.id, m.conversation_id, m.seq, m.sender_id, m.sender_type, m.receiver_id, m.receiver_type, \
         m.content_type, m.content, m.read_status, m.client_message_id, m.create_time, u.avatar, a.avatar, \
         u.nickname, a.nickname FROM",
    tail: "CROSS JOIN kefu_message AS m LEFT JOIN kefu_member AS u ON m.sender_type = 1 AND u.tenant_id = m.tenant_id AND u.user_id = m.sender_id \
         LEFT JOIN kefu_admin AS a ON m.sender_type = 2 AND a.id = m.sender_id \
         WHERE m.conversation_id = v.column1 AND m.seq >= v.column2 \
         AND m.seq <= v.column3 AND m.create_time >= v.column4",
    postgres_tail: "",
    mysql: MysqlText {
        head: "SELECT m.id, m.conversation_id, m.seq, m.sender_id, m.sender_type, m.receiver_id, m.receiver_type, \
             m.content_type, m.content, m.read_status, m.client_message_id, m.create_time, u.avatar, a.avatar, u.nickname, a.nickname \
             FROM kefu_message AS m FORCE INDEX (kefu_message_seq) LEFT JOIN kefu_member AS u ON m.sender_type = 1 AND u.tenant_id = m.tenant_id AND u.user_id = m.sender_id \
             LEFT JOIN kefu_admin AS a ON m.sender_type = 2 AND a.id = m.sender_id \
             WHERE",
        row: "(m.conversation_id = ? AND m.seq >= ? AND m.seq <= ? AND m.create_time >= ?)",
        between: " OR ",
        tail: "",
        may_repeat: true,
    },
};

/// Bisection, a step a row: `low` is where the looked-for `seq` may be at the least, `high` at the most.
pub(super) const FIRST_SEQ_AT: Statement = Statement {
    head: "WITH RECURSIVE search (conversation, low, high, sought) AS (\
         SELECT column1, CAST(1 AS BIGINT), column2 + 1, column3 FROM",
    tail: "UNION ALL SELECT conversation, \
         CASE WHEN m.create_time < sought THEN (low + high) / 2 + 1 ELSE low END, \
         CASE WHEN m.create_time < sought THEN high ELSE (low + high) / 2 END, sought \
         FROM search LEFT JOIN kefu_message AS m ON m.conversation_id = conversation AND m.seq = (low + high) / 2 \
         WHERE low < high) SELECT low FROM search WHERE low >= high",
    postgres_tail: "",
    mysql: MysqlText {
        head: "WITH RECURSIVE search (conversation, low, high, sought) AS (",
        row: "SELECT CAST(? AS SIGNED), CAST(1 AS SIGNED), CAST(? AS SIGNED) + 1, CAST(? AS DATETIME(3))",
        between: "",
        tail: "UNION ALL SELECT conversation, \
             CASE WHEN m.create_time < sought THEN (low + high) DIV 2 + 1 ELSE low END, \
             CASE WHEN m.create_time < sought THEN high ELSE (low + high) DIV 2 END, sought \
             FROM search LEFT JOIN kefu_message AS m FORCE INDEX (kefu_message_seq) \
             ON m.conversation_id = conversation AND m.seq = (low + high) DIV 2 \
             WHERE low < high) SELECT low FROM search WHERE low >= high",
        may_repeat: false,
    },
};

pub(super) const INSERT: Statement = Statement {
    head: "INSERT INTO kefu_message (id, conversation_id, seq, sender_id, sender_type, receiver_id, receiver_type, \
         content_type, content, client_message_id, create_time, tenant_id, creator, updater, update_time) \
         SELECT v.*, column4, column4, column11 FROM",
    tail: "WHERE column1 IS NOT NULL",
    postgres_tail: "",
    mysql: MysqlText {
        head: "INSERT INTO kefu_message (id, conversation_id, seq, sender_id, sender_type, receiver_id, receiver_type, \
             content_type, content, client_message_id, create_time, tenant_id, creator, updater, update_time) VALUES",
        row: "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, sender_id, sender_id, create_time)",
        between: ", ",
        tail: "",
        may_repeat: false,
    },
};

/// How many of a sender's messages above a `seq` are unread; none makes no row.
pub(super) const COUNT_UNREAD: Statement = Statement {
    head: "SELECT m.conversation_id, m.sender_type, COUNT(*) FROM",
    tail: "CROSS JOIN kefu_message AS m WHERE m.conversation_id = v.column1 AND m.seq > v.column2 \
         AND m.sender_type = v.column3 AND m.read_status = FALSE GROUP BY m.conversation_id, m.sender_type",
    postgres_tail: "",
    mysql: MysqlText {
        head: "SELECT m.conversation_id, m.sender_type, COUNT(*) FROM kefu_message AS m FORCE INDEX (kefu_message_seq) \
             WHERE m.read_status = FALSE AND (",
        row: "(m.conversation_id = ? AND m.seq > ? AND m.sender_type = ?)",
        between: " OR ",
        tail: ") GROUP BY m.conversation_id, m.sender_type",
        may_repeat: true,
    },
};

pub(super) const MARK_READ: Statement = Statement {
    head: "UPDATE kefu_message SET read_status = TRUE, update_time = v.column5 FROM",
    tail: "WHERE kefu_message.conversation_id = v.column1 AND kefu_message.seq > v.column2 \
         AND kefu_message.seq <= v.column3 AND kefu_message.sender_type = v.column4 \
         AND kefu_message.read_status = FALSE",
    postgres_tail: "",
    mysql: MysqlText {
        head: "UPDATE kefu_message AS m FORCE INDEX (kefu_message_seq) \
             SET m.read_status = TRUE, m.update_time = ? WHERE m.read_status = FALSE AND (",
        row: "(m.conversation_id = ? AND m.seq > ? AND m.seq <= ? AND m.sender_type = ?)",
        between: " OR ",
        tail: ")",
        may_repeat: true,
    },
};
