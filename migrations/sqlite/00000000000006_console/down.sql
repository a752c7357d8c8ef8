DELETE FROM kefu_id_block WHERE name = 'member_words';
DELETE FROM kefu_job WHERE kind = 'account.index_words';
DROP TABLE kefu_member_word;
DROP INDEX kefu_conversation_list;
CREATE INDEX kefu_conversation_list
    ON kefu_conversation (tenant_id, admin_deleted, admin_pinned, last_message_time, id);
ALTER TABLE kefu_login DROP COLUMN last_used_time;
ALTER TABLE kefu_login DROP COLUMN address;
ALTER TABLE kefu_login DROP COLUMN device;
