//! The writer's statements. On SQLite the running write transaction is the lock, the servers lock the rows, in the order
//! of the index they are read along, so that two nodes seldom wait for each other crosswise.

use crate::db::bulk::{MysqlText, Statement};

/// The columns that the writer reads.
macro_rules! locked {
    () => {
        "c.id, c.tenant_id, c.user_id, c.last_seq, c.last_message_time, c.admin_pinned, c.admin_deleted, \
         c.admin_unread_message_count, c.member_unread_message_count, c.admin_read_seq, c.member_read_seq, \
         c.marked_unread"
    };
}

pub(super) const LOCK_BY_MEMBERS: Statement = Statement {
    head: concat!("SELECT ", locked!(), " FROM"),
    tail: "CROSS JOIN kefu_conversation AS c WHERE c.tenant_id = v.column1 AND c.user_id = v.column2",
    postgres_tail: "ORDER BY c.id FOR UPDATE OF c",
    mysql: MysqlText {
        head: concat!(
            "SELECT ",
            locked!(),
            " FROM kefu_conversation AS c FORCE INDEX (kefu_conversation_member) WHERE (c.tenant_id, c.user_id) IN ("
        ),
        row: "(?, ?)",
        between: ", ",
        tail: ") FOR UPDATE",
        may_repeat: true,
    },
};

pub(super) const LOCK_BY_IDS: Statement = Statement {
    head: concat!("SELECT ", locked!(), " FROM"),
    tail: "CROSS JOIN kefu_conversation AS c WHERE c.id = v.column1",
    postgres_tail: "ORDER BY c.id FOR UPDATE OF c",
    mysql: MysqlText {
        head: concat!("SELECT ", locked!(), " FROM kefu_conversation AS c FORCE INDEX (PRIMARY) WHERE c.id IN ("),
        row: "?",
        between: ", ",
        tail: ") FOR UPDATE",
        may_repeat: true,
    },
};

pub(super) const CREATE: Statement = Statement {
    head: "INSERT INTO kefu_conversation (id, tenant_id, user_id, creator, create_time, update_time, last_message_time, \
         last_message_content, last_message_content_type) \
         SELECT column1, column2, column3, column3, column4, column4, column4, '', 1 FROM",
    tail: "WHERE column1 IS NOT NULL ON CONFLICT (tenant_id, user_id) DO NOTHING",
    postgres_tail: "",
    mysql: MysqlText {
        // An update that changes nothing: INSERT IGNORE would hide other faults too.
        head: "INSERT INTO kefu_conversation (id, tenant_id, user_id, create_time, creator, update_time, \
             last_message_time, last_message_content, last_message_content_type) VALUES",
        row: "(?, ?, ?, ?, user_id, create_time, create_time, '', 1)",
        between: ", ",
        tail: "ON DUPLICATE KEY UPDATE kefu_conversation.user_id = kefu_conversation.user_id",
        may_repeat: true,
    },
};

pub(super) const STORE_ADVANCED: Statement = Statement {
    head: "UPDATE kefu_conversation SET last_seq = v.column2, last_message_time = v.column3, \
         last_message_content = v.column4, last_message_content_type = v.column5, admin_pinned = v.column6, \
         admin_deleted = v.column7, user_deleted = FALSE, admin_unread_message_count = v.column8, \
         member_unread_message_count = v.column9, admin_read_seq = v.column10, member_read_seq = v.column11, \
         updater = v.column12, update_time = v.column13, marked_unread = v.column14 FROM",
    tail: "WHERE kefu_conversation.id = v.column1",
    postgres_tail: "",
    // The rows are there and locked; inserting over them is the one multi-row update that MariaDB and MySQL share. The
    // columns without a default are named for the row that is never inserted.
    mysql: MysqlText {
        head: "INSERT INTO kefu_conversation (id, last_seq, last_message_time, last_message_content, \
             last_message_content_type, admin_pinned, admin_deleted, admin_unread_message_count, \
             member_unread_message_count, admin_read_seq, member_read_seq, updater, update_time, marked_unread, user_id, \
             tenant_id, create_time) VALUES",
        row: "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, '1970-01-01')",
        between: ", ",
        tail: "ON DUPLICATE KEY UPDATE last_seq = VALUES(last_seq), last_message_time = VALUES(last_message_time), \
             last_message_content = VALUES(last_message_content), \
             last_message_content_type = VALUES(last_message_content_type), admin_pinned = VALUES(admin_pinned), \
             admin_deleted = VALUES(admin_deleted), user_deleted = FALSE, \
             admin_unread_message_count = VALUES(admin_unread_message_count), \
             member_unread_message_count = VALUES(member_unread_message_count), \
             admin_read_seq = VALUES(admin_read_seq), member_read_seq = VALUES(member_read_seq), \
             updater = VALUES(updater), update_time = VALUES(update_time), marked_unread = VALUES(marked_unread)",
        may_repeat: true,
    },
};

pub(super) const STORE_MARKS: Statement = Statement {
    head: "UPDATE kefu_conversation SET admin_pinned = v.column2, admin_deleted = v.column3, \
         admin_unread_message_count = v.column4, member_unread_message_count = v.column5, admin_read_seq = v.column6, \
         member_read_seq = v.column7, update_time = v.column8, marked_unread = v.column9 FROM",
    tail: "WHERE kefu_conversation.id = v.column1",
    postgres_tail: "",
    mysql: MysqlText {
        head: "INSERT INTO kefu_conversation (id, admin_pinned, admin_deleted, admin_unread_message_count, \
             member_unread_message_count, admin_read_seq, member_read_seq, update_time, marked_unread, user_id, tenant_id, \
             create_time, last_message_time, last_message_content, last_message_content_type) VALUES",
        row: "(?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, '1970-01-01', '1970-01-01', '', 1)",
        between: ", ",
        tail: "ON DUPLICATE KEY UPDATE admin_pinned = VALUES(admin_pinned), admin_deleted = VALUES(admin_deleted), \
             admin_unread_message_count = VALUES(admin_unread_message_count), \
             member_unread_message_count = VALUES(member_unread_message_count), \
             admin_read_seq = VALUES(admin_read_seq), member_read_seq = VALUES(member_read_seq), \
             update_time = VALUES(update_time), marked_unread = VALUES(marked_unread)",
        may_repeat: true,
    },
};
