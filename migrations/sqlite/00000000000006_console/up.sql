-- The words of members' nicknames, to be found by how they begin: in lower case, compared byte for byte.
CREATE TABLE kefu_member_word (
    tenant_id   BIGINT    NOT NULL,
    word        TEXT      NOT NULL,
    user_id     BIGINT    NOT NULL,
    creator     TEXT      NOT NULL DEFAULT '',
    create_time TIMESTAMP NOT NULL,
    updater     TEXT      NOT NULL DEFAULT '',
    update_time TIMESTAMP NOT NULL,
    deleted     BOOLEAN   NOT NULL DEFAULT FALSE,
    PRIMARY KEY (tenant_id, word, user_id)
) WITHOUT ROWID;
-- What a member who is renamed loses.
CREATE INDEX kefu_member_word_user ON kefu_member_word (tenant_id, user_id);
-- The console's list, as before; its last columns tell without the row what is unread.
DROP INDEX kefu_conversation_list;
CREATE INDEX kefu_conversation_list ON kefu_conversation (
    tenant_id, admin_deleted, admin_pinned, last_message_time, id, admin_unread_message_count, marked_unread, deleted
);
-- What a user recognises a login by.
ALTER TABLE kefu_login ADD COLUMN device TEXT NOT NULL DEFAULT '';
ALTER TABLE kefu_login ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE kefu_login ADD COLUMN last_used_time TIMESTAMP;
