-- Rows that say that a role has changed would be read as the end of every login.
DELETE FROM kefu_revocation WHERE reason <> 0;
ALTER TABLE kefu_revocation DROP COLUMN reason;
ALTER TABLE kefu_conversation DROP COLUMN marked_unread;
