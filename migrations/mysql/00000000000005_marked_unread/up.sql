-- An admin's reminder on a conversation: no unread message, so that it stands beside the counts.
ALTER TABLE kefu_conversation ADD COLUMN marked_unread BOOLEAN NOT NULL DEFAULT FALSE;
-- 0: the logins named have ended. 1: the user's role has changed, and nothing has ended.
ALTER TABLE kefu_revocation ADD COLUMN reason INTEGER NOT NULL DEFAULT 0;
