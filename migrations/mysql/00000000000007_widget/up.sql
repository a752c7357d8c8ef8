-- Where visitors come in. kind: web is the widget on a site's pages. channel_key: what the site's pages name it by; it never
-- changes. settings: a JSON object, see src/channel/settings.rs. Every change takes a number from the row channel_change of
-- kefu_id_block, by which processes see that channels have changed.
CREATE TABLE kefu_channel (
    id          BIGINT        NOT NULL PRIMARY KEY,
    kind        VARCHAR(16)   NOT NULL,
    name        VARCHAR(63)   NOT NULL,
    channel_key VARBINARY(40) NOT NULL,
    enabled     BOOLEAN       NOT NULL DEFAULT TRUE,
    settings    MEDIUMTEXT    NOT NULL,
    creator     VARCHAR(64)   NOT NULL DEFAULT '',
    create_time DATETIME(3)   NOT NULL,
    updater     VARCHAR(64)   NOT NULL DEFAULT '',
    update_time DATETIME(3)   NOT NULL,
    deleted     BOOLEAN       NOT NULL DEFAULT FALSE,
    tenant_id   BIGINT        NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE UNIQUE INDEX kefu_channel_key ON kefu_channel (channel_key);
CREATE INDEX kefu_channel_tenant ON kefu_channel (tenant_id, id);

-- What is known of a member who came in through a channel; id is that of the row in kefu_member. page_*: where the visitor
-- was last.
CREATE TABLE kefu_visitor (
    id          BIGINT        NOT NULL PRIMARY KEY,
    channel_id  BIGINT        NOT NULL,
    page_url    VARCHAR(1024) NOT NULL DEFAULT '',
    page_title  VARCHAR(255)  NOT NULL DEFAULT '',
    page_time   DATETIME(3),
    creator     VARCHAR(64)   NOT NULL DEFAULT '',
    create_time DATETIME(3)   NOT NULL,
    updater     VARCHAR(64)   NOT NULL DEFAULT '',
    update_time DATETIME(3)   NOT NULL,
    deleted     BOOLEAN       NOT NULL DEFAULT FALSE,
    tenant_id   BIGINT        NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- A blocked member reads, and neither writes nor uploads. attributes: a JSON object that the site or the visitor has told.
ALTER TABLE kefu_member ADD COLUMN blocked BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE kefu_member ADD COLUMN block_reason VARCHAR(255);
ALTER TABLE kefu_member ADD COLUMN attributes TEXT;
-- The channel that a visitor's login belongs to, and when the generation before the current one ended.
ALTER TABLE kefu_login ADD COLUMN channel_id BIGINT;
ALTER TABLE kefu_login ADD COLUMN rotated_time DATETIME(3);
-- The member whose earlier conversation this one is: it is kept apart from the member's own, to be read only.
ALTER TABLE kefu_conversation ADD COLUMN linked_user_id BIGINT;
CREATE INDEX kefu_conversation_linked ON kefu_conversation (tenant_id, linked_user_id);

INSERT INTO kefu_id_block (name, next_id) VALUES ('channel', 1), ('channel_change', 1);
