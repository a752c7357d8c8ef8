-- Tokens of the integrator that a logout has ended, other than the one that it came with, are good again.
DELETE FROM kefu_revocation WHERE issued_until IS NOT NULL;
ALTER TABLE kefu_revocation DROP COLUMN issued_until;
ALTER TABLE kefu_member DROP COLUMN logout_time;
ALTER TABLE kefu_member DROP COLUMN profile_time;
DROP TABLE kefu_member_token;
