-- When the integrator's tokens were first seen that do not say when they were issued (iat). Kept until they expire.
CREATE TABLE kefu_member_token (
    token_hash                  TEXT         NOT NULL PRIMARY KEY,
    user_id                     BIGINT       NOT NULL,
    expires_time                TIMESTAMP(3) NOT NULL,
    creator                     TEXT         NOT NULL DEFAULT '',
    create_time                 TIMESTAMP(3) NOT NULL,
    updater                     TEXT         NOT NULL DEFAULT '',
    update_time                 TIMESTAMP(3) NOT NULL,
    deleted                     BOOLEAN      NOT NULL DEFAULT FALSE,
    tenant_id                   BIGINT       NOT NULL
);
CREATE INDEX kefu_member_token_user ON kefu_member_token (tenant_id, user_id);
CREATE INDEX kefu_member_token_expires ON kefu_member_token (expires_time);

-- profile_time: when the token was issued that nickname and avatar are from; an older one changes nothing.
-- logout_time: the member's last logout; the integrator's tokens that were issued until then are refused.
ALTER TABLE kefu_member ADD COLUMN profile_time TIMESTAMP(3);
ALTER TABLE kefu_member ADD COLUMN logout_time TIMESTAMP(3);

-- Alone: all tokens of the member that were issued until then have ended. With login_id: all logins but that one have.
ALTER TABLE kefu_revocation ADD COLUMN issued_until TIMESTAMP(3);
