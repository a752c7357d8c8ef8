-- Tables of the yudao kefu model with its common columns (creator, create_time, updater, update_time, deleted,
-- tenant_id), then what the invariants need. Times are UTC with milliseconds. Texts that are compared
-- byte for byte are VARBINARY: the collations that MariaDB and MySQL share take trailing spaces for nothing.

-- Ids are handed out in blocks from here, so that they depend neither on a clock nor on a node number.
CREATE TABLE kefu_id_block (
    name                        VARCHAR(32)    NOT NULL PRIMARY KEY,
    next_id                     BIGINT         NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE kefu_conversation (
    id                          BIGINT         NOT NULL PRIMARY KEY,
    user_id                     BIGINT         NOT NULL,
    last_message_time           DATETIME(3)    NOT NULL,
    last_message_content        MEDIUMTEXT     NOT NULL,
    last_message_content_type   INTEGER        NOT NULL,
    admin_pinned                BOOLEAN        NOT NULL DEFAULT FALSE,
    user_deleted                BOOLEAN        NOT NULL DEFAULT FALSE,
    admin_deleted               BOOLEAN        NOT NULL DEFAULT FALSE,
    admin_unread_message_count  INTEGER        NOT NULL DEFAULT 0,
    member_unread_message_count INTEGER        NOT NULL DEFAULT 0,
    last_seq                    BIGINT         NOT NULL DEFAULT 0,
    admin_read_seq              BIGINT         NOT NULL DEFAULT 0,
    member_read_seq             BIGINT         NOT NULL DEFAULT 0,
    creator                     VARCHAR(64)    NOT NULL DEFAULT '',
    create_time                 DATETIME(3)    NOT NULL,
    updater                     VARCHAR(64)    NOT NULL DEFAULT '',
    update_time                 DATETIME(3)    NOT NULL,
    deleted                     BOOLEAN        NOT NULL DEFAULT FALSE,
    tenant_id                   BIGINT         NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
-- One conversation per member (invariant 4).
CREATE UNIQUE INDEX kefu_conversation_member ON kefu_conversation (tenant_id, user_id);
-- The console's list: what admins have not deleted, pinned first, newest first.
CREATE INDEX kefu_conversation_list
    ON kefu_conversation (tenant_id, admin_deleted, admin_pinned, last_message_time, id);

CREATE TABLE kefu_message (
    id                          BIGINT         NOT NULL PRIMARY KEY,
    conversation_id             BIGINT         NOT NULL,
    seq                         BIGINT         NOT NULL,
    sender_id                   BIGINT         NOT NULL,
    sender_type                 INTEGER        NOT NULL,
    receiver_id                 BIGINT,
    receiver_type               INTEGER,
    content_type                INTEGER        NOT NULL,
    content                     MEDIUMTEXT     NOT NULL,
    read_status                 BOOLEAN        NOT NULL DEFAULT FALSE,
    client_message_id           VARBINARY(512),
    creator                     VARCHAR(64)    NOT NULL DEFAULT '',
    create_time                 DATETIME(3)    NOT NULL,
    updater                     VARCHAR(64)    NOT NULL DEFAULT '',
    update_time                 DATETIME(3)    NOT NULL,
    deleted                     BOOLEAN        NOT NULL DEFAULT FALSE,
    tenant_id                   BIGINT         NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
-- The order of a conversation (invariant 3); history and resync read along it.
CREATE UNIQUE INDEX kefu_message_seq ON kefu_message (conversation_id, seq);
-- A repeated send is found and refused here (invariant 5).
CREATE UNIQUE INDEX kefu_message_client
    ON kefu_message (conversation_id, sender_type, sender_id, client_message_id);
-- What an admin missed while away, over all conversations of the tenant.
CREATE INDEX kefu_message_time ON kefu_message (tenant_id, create_time);

-- Members as the integrator's system knows them; user_id is the number the wire shows.
CREATE TABLE kefu_member (
    id                          BIGINT         NOT NULL PRIMARY KEY,
    user_id                     BIGINT         NOT NULL,
    external_id                 VARBINARY(512) NOT NULL,
    nickname                    VARCHAR(64)    NOT NULL,
    avatar                      VARCHAR(512)   NOT NULL DEFAULT '',
    status                      INTEGER        NOT NULL DEFAULT 0,
    creator                     VARCHAR(64)    NOT NULL DEFAULT '',
    create_time                 DATETIME(3)    NOT NULL,
    updater                     VARCHAR(64)    NOT NULL DEFAULT '',
    update_time                 DATETIME(3)    NOT NULL,
    deleted                     BOOLEAN        NOT NULL DEFAULT FALSE,
    tenant_id                   BIGINT         NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE UNIQUE INDEX kefu_member_user ON kefu_member (tenant_id, user_id);
CREATE UNIQUE INDEX kefu_member_external ON kefu_member (tenant_id, external_id);

-- status: 0 enabled, 1 disabled (as in the model's user tables).
CREATE TABLE kefu_admin (
    id                          BIGINT         NOT NULL PRIMARY KEY,
    username                    VARBINARY(256)  NOT NULL,
    password_hash               VARCHAR(255)   NOT NULL,
    nickname                    VARCHAR(64)    NOT NULL,
    avatar                      VARCHAR(512)   NOT NULL DEFAULT '',
    role                        VARCHAR(32)    NOT NULL,
    status                      INTEGER        NOT NULL DEFAULT 0,
    creator                     VARCHAR(64)    NOT NULL DEFAULT '',
    create_time                 DATETIME(3)    NOT NULL,
    updater                     VARCHAR(64)    NOT NULL DEFAULT '',
    update_time                 DATETIME(3)    NOT NULL,
    deleted                     BOOLEAN        NOT NULL DEFAULT FALSE,
    tenant_id                   BIGINT         NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE UNIQUE INDEX kefu_admin_username ON kefu_admin (tenant_id, username);

-- One row per login: the refresh token's family. A refresh token names its row and generation.
CREATE TABLE kefu_login (
    id                          BIGINT         NOT NULL PRIMARY KEY,
    user_id                     BIGINT         NOT NULL,
    user_type                   INTEGER        NOT NULL,
    generation                  BIGINT         NOT NULL,
    revoked                     BOOLEAN        NOT NULL DEFAULT FALSE,
    expires_time                DATETIME(3)    NOT NULL,
    creator                     VARCHAR(64)    NOT NULL DEFAULT '',
    create_time                 DATETIME(3)    NOT NULL,
    updater                     VARCHAR(64)    NOT NULL DEFAULT '',
    update_time                 DATETIME(3)    NOT NULL,
    deleted                     BOOLEAN        NOT NULL DEFAULT FALSE,
    tenant_id                   BIGINT         NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX kefu_login_user ON kefu_login (tenant_id, user_type, user_id);
CREATE INDEX kefu_login_expires ON kefu_login (expires_time);

-- What was revoked and when: every node and every command reads the newest rows to close sockets and drop what it
-- holds in memory. login_id or token_hash is set when one login ends, neither when the whole user is shut out.
CREATE TABLE kefu_revocation (
    id                          BIGINT         NOT NULL PRIMARY KEY,
    user_id                     BIGINT         NOT NULL,
    user_type                   INTEGER        NOT NULL,
    login_id                    BIGINT,
    token_hash                  VARCHAR(64),
    expires_time                DATETIME(3)    NOT NULL,
    creator                     VARCHAR(64)    NOT NULL DEFAULT '',
    create_time                 DATETIME(3)    NOT NULL,
    updater                     VARCHAR(64)    NOT NULL DEFAULT '',
    update_time                 DATETIME(3)    NOT NULL,
    deleted                     BOOLEAN        NOT NULL DEFAULT FALSE,
    tenant_id                   BIGINT         NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX kefu_revocation_time ON kefu_revocation (create_time);
CREATE INDEX kefu_revocation_token ON kefu_revocation (token_hash);
CREATE INDEX kefu_revocation_expires ON kefu_revocation (expires_time);

CREATE TABLE kefu_file (
    id                          BIGINT         NOT NULL PRIMARY KEY,
    path                        VARCHAR(255)   NOT NULL,
    name                        VARCHAR(255)   NOT NULL,
    content_type                VARCHAR(127)   NOT NULL,
    size                        BIGINT         NOT NULL,
    user_id                     BIGINT         NOT NULL,
    user_type                   INTEGER        NOT NULL,
    creator                     VARCHAR(64)    NOT NULL DEFAULT '',
    create_time                 DATETIME(3)    NOT NULL,
    updater                     VARCHAR(64)    NOT NULL DEFAULT '',
    update_time                 DATETIME(3)    NOT NULL,
    deleted                     BOOLEAN        NOT NULL DEFAULT FALSE,
    tenant_id                   BIGINT         NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE UNIQUE INDEX kefu_file_path ON kefu_file (path);

-- Members whose ids in the integrator's system are no numbers get theirs from 2^52 upwards.
INSERT INTO kefu_id_block (name, next_id)
VALUES ('conversation', 1), ('message', 1), ('member', 1), ('member_user', 4503599627370496),
       ('admin', 1), ('login', 1), ('revocation', 1), ('file', 1);
