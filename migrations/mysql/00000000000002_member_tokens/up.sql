-- When the integrator's tokens were first seen that do not say when they were issued (iat). Kept until they expire.
CREATE TABLE kefu_member_token (
    token_hash                  VARCHAR(64)    NOT NULL PRIMARY KEY,
    user_id                     BIGINT         NOT NULL,
    expires_time                DATETIME(3)    NOT NULL,
    creator                     VARCHAR(64)    NOT NULL DEFAULT '',
    create_time                 DATETIME(3)    NOT NULL,
    updater                     VARCHAR(64)    NOT NULL DEFAULT '',
    update_time                 DATETIME(3)    NOT NULL,
    deleted                     BOOLEAN        NOT NULL DEFAULT FALSE,
    tenant_id                   BIGINT         NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX kefu_member_token_user ON kefu_member_token (tenant_id, user_id);
CREATE INDEX kefu_member_token_expires ON kefu_member_token (expires_time);

-- profile_time: when the token was issued that nickname and avatar are from; an older one changes nothing.
-- logout_time: the member's last logout; the integrator's tokens that were issued until then are refused.
-- Signed addresses of pictures are longer than 512 characters.
ALTER TABLE kefu_member
    ADD COLUMN profile_time DATETIME(3),
    ADD COLUMN logout_time  DATETIME(3),
    MODIFY COLUMN avatar    VARCHAR(2048) NOT NULL DEFAULT '';
ALTER TABLE kefu_admin MODIFY COLUMN avatar VARCHAR(2048) NOT NULL DEFAULT '';

-- Alone: all tokens of the member that were issued until then have ended. With login_id: all logins but that one have.
ALTER TABLE kefu_revocation ADD COLUMN issued_until DATETIME(3);
