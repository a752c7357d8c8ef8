DELETE FROM kefu_id_block WHERE name = 'member_words';
DELETE FROM kefu_job WHERE kind = 'account.index_words';
DROP TABLE kefu_member_word;
DROP INDEX kefu_conversation_unread;
ALTER TABLE kefu_login DROP COLUMN last_used_time;
ALTER TABLE kefu_login DROP COLUMN address;
ALTER TABLE kefu_login DROP COLUMN device;
