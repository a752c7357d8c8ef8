-- Tokens of the integrator that a logout has ended, other than the one that it came with, are good again, and pictures
-- with long addresses are lost.
DELETE FROM kefu_revocation WHERE issued_until IS NOT NULL;
ALTER TABLE kefu_revocation DROP COLUMN issued_until;
UPDATE kefu_admin SET avatar = '' WHERE CHAR_LENGTH(avatar) > 512;
UPDATE kefu_member SET avatar = '' WHERE CHAR_LENGTH(avatar) > 512;
ALTER TABLE kefu_admin MODIFY COLUMN avatar VARCHAR(512) NOT NULL DEFAULT '';
ALTER TABLE kefu_member
    MODIFY COLUMN avatar VARCHAR(512) NOT NULL DEFAULT '',
    DROP COLUMN logout_time,
    DROP COLUMN profile_time;
DROP TABLE kefu_member_token;
