-- What admins may do. kind: 1 is one of the three that every tenant with admins has (code: owner, agent, viewer), whose
-- permissions the program knows; 2 is one of the tenant's own. permissions: a JSON array of names. status: 0 enabled, 1 disabled.
-- second_factor: its holders must log in with one.
CREATE TABLE kefu_role (
    id            INTEGER   NOT NULL PRIMARY KEY,
    code          TEXT      NOT NULL,
    name          TEXT      NOT NULL,
    sort          INTEGER   NOT NULL DEFAULT 0,
    status        INTEGER   NOT NULL DEFAULT 0,
    kind          INTEGER   NOT NULL,
    permissions   TEXT      NOT NULL,
    second_factor BOOLEAN   NOT NULL DEFAULT FALSE,
    remark        TEXT      NOT NULL DEFAULT '',
    creator       TEXT      NOT NULL DEFAULT '',
    create_time   TIMESTAMP NOT NULL,
    updater       TEXT      NOT NULL DEFAULT '',
    update_time   TIMESTAMP NOT NULL,
    deleted       BOOLEAN   NOT NULL DEFAULT FALSE,
    tenant_id     BIGINT    NOT NULL
);
CREATE UNIQUE INDEX kefu_role_code ON kefu_role (tenant_id, code);

-- Which admin holds which role; rights add up. One without a row here holds the role that kefu_admin.role names.
CREATE TABLE kefu_admin_role (
    admin_id    BIGINT    NOT NULL,
    role_id     BIGINT    NOT NULL,
    creator     TEXT      NOT NULL DEFAULT '',
    create_time TIMESTAMP NOT NULL,
    updater     TEXT      NOT NULL DEFAULT '',
    update_time TIMESTAMP NOT NULL,
    deleted     BOOLEAN   NOT NULL DEFAULT FALSE,
    tenant_id   BIGINT    NOT NULL,
    PRIMARY KEY (admin_id, role_id)
);
CREATE INDEX kefu_admin_role_role ON kefu_admin_role (role_id);

-- Groups of agents.
CREATE TABLE kefu_group (
    id                INTEGER   NOT NULL PRIMARY KEY,
    name              TEXT      NOT NULL,
    policy            TEXT      NOT NULL,
    capacity          INTEGER   NOT NULL,
    strict            BOOLEAN   NOT NULL DEFAULT FALSE,
    priority          INTEGER   NOT NULL DEFAULT 0,
    calendar_id       BIGINT,
    fallback_group_id BIGINT,
    off_duty          TEXT      NOT NULL,
    max_waiting       INTEGER   NOT NULL DEFAULT 0,
    creator           TEXT      NOT NULL DEFAULT '',
    create_time       TIMESTAMP NOT NULL,
    updater           TEXT      NOT NULL DEFAULT '',
    update_time       TIMESTAMP NOT NULL,
    deleted           BOOLEAN   NOT NULL DEFAULT FALSE,
    tenant_id         BIGINT    NOT NULL
);
CREATE UNIQUE INDEX kefu_group_name ON kefu_group (tenant_id, name);

-- level: of skill. excluded: gets nothing of this group although a member.
CREATE TABLE kefu_group_member (
    group_id    BIGINT    NOT NULL,
    admin_id    BIGINT    NOT NULL,
    level       INTEGER   NOT NULL DEFAULT 0,
    is_lead     BOOLEAN   NOT NULL DEFAULT FALSE,
    excluded    BOOLEAN   NOT NULL DEFAULT FALSE,
    creator     TEXT      NOT NULL DEFAULT '',
    create_time TIMESTAMP NOT NULL,
    updater     TEXT      NOT NULL DEFAULT '',
    update_time TIMESTAMP NOT NULL,
    deleted     BOOLEAN   NOT NULL DEFAULT FALSE,
    tenant_id   BIGINT    NOT NULL,
    PRIMARY KEY (group_id, admin_id)
);
CREATE INDEX kefu_group_member_admin ON kefu_group_member (admin_id);

-- What is set for an admin who serves members; id is the admin's. capacity: conversations at once, of the tenant's setting when NULL.
CREATE TABLE kefu_agent (
    id          INTEGER   NOT NULL PRIMARY KEY,
    capacity    INTEGER,
    creator     TEXT      NOT NULL DEFAULT '',
    create_time TIMESTAMP NOT NULL,
    updater     TEXT      NOT NULL DEFAULT '',
    update_time TIMESTAMP NOT NULL,
    deleted     BOOLEAN   NOT NULL DEFAULT FALSE,
    tenant_id   BIGINT    NOT NULL
);

-- Keys of other programs for /open-api. secret_hash: SHA-256, in hexadecimal digits. scopes: a JSON array. admin_id: who sends its messages.
CREATE TABLE kefu_api_key (
    id             INTEGER   NOT NULL PRIMARY KEY,
    name           TEXT      NOT NULL,
    secret_hash    TEXT      NOT NULL,
    scopes         TEXT      NOT NULL,
    admin_id       BIGINT    NOT NULL,
    last_used_time TIMESTAMP,
    creator        TEXT      NOT NULL DEFAULT '',
    create_time    TIMESTAMP NOT NULL,
    updater        TEXT      NOT NULL DEFAULT '',
    update_time    TIMESTAMP NOT NULL,
    deleted        BOOLEAN   NOT NULL DEFAULT FALSE,
    tenant_id      BIGINT    NOT NULL
);
CREATE UNIQUE INDEX kefu_api_key_secret ON kefu_api_key (secret_hash);
CREATE INDEX kefu_api_key_tenant ON kefu_api_key (tenant_id, id);

-- Who changed what. admin_id: 0 for the command line. actor: the name then. before_value, after_value: JSON objects without secrets.
CREATE TABLE kefu_audit (
    id           INTEGER   NOT NULL PRIMARY KEY,
    admin_id     BIGINT    NOT NULL,
    actor        TEXT      NOT NULL,
    action       TEXT      NOT NULL,
    object_type  TEXT      NOT NULL,
    object_id    TEXT      NOT NULL,
    before_value TEXT,
    after_value  TEXT,
    address      TEXT      NOT NULL DEFAULT '',
    creator      TEXT      NOT NULL DEFAULT '',
    create_time  TIMESTAMP NOT NULL,
    updater      TEXT      NOT NULL DEFAULT '',
    update_time  TIMESTAMP NOT NULL,
    deleted      BOOLEAN   NOT NULL DEFAULT FALSE,
    tenant_id    BIGINT    NOT NULL
);
CREATE INDEX kefu_audit_time ON kefu_audit (tenant_id, create_time, id);
CREATE INDEX kefu_audit_admin ON kefu_audit (tenant_id, admin_id, create_time, id);
CREATE INDEX kefu_audit_type ON kefu_audit (tenant_id, object_type, create_time, id);
CREATE INDEX kefu_audit_object ON kefu_audit (tenant_id, object_id, create_time, id);
CREATE INDEX kefu_audit_action ON kefu_audit (tenant_id, action, create_time, id);

-- kind: 0 a person, 1 a program, which logs in nowhere. external_id: in the shop's system, of one that comes with its tokens.
-- totp_*: the second factor, the one that is not confirmed yet, and the last time step that was used. recovery_codes: a JSON array of hashes.
ALTER TABLE kefu_admin ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
ALTER TABLE kefu_admin ADD COLUMN email TEXT NOT NULL DEFAULT '';
ALTER TABLE kefu_admin ADD COLUMN mobile TEXT NOT NULL DEFAULT '';
ALTER TABLE kefu_admin ADD COLUMN remark TEXT NOT NULL DEFAULT '';
ALTER TABLE kefu_admin ADD COLUMN external_id TEXT;
ALTER TABLE kefu_admin ADD COLUMN totp_secret TEXT;
ALTER TABLE kefu_admin ADD COLUMN totp_pending TEXT;
ALTER TABLE kefu_admin ADD COLUMN totp_step BIGINT NOT NULL DEFAULT 0;
ALTER TABLE kefu_admin ADD COLUMN recovery_codes TEXT;
CREATE UNIQUE INDEX kefu_admin_external ON kefu_admin (tenant_id, external_id);

INSERT INTO kefu_id_block (name, next_id) VALUES ('group', 1), ('api_key', 1), ('audit', 1);
-- The three roles of each tenant that has admins, who keep what they hold.
INSERT INTO kefu_role (id, code, name, sort, kind, permissions, create_time, update_time, tenant_id)
SELECT ROW_NUMBER() OVER (ORDER BY found.tenant_id, built_in.sort), built_in.code, built_in.name, built_in.sort, 1, '[]',
       found.create_time, found.create_time, found.tenant_id
FROM (SELECT tenant_id, MIN(create_time) AS create_time FROM kefu_admin GROUP BY tenant_id) AS found
CROSS JOIN (SELECT 1 AS sort, 'owner' AS code, '所有者' AS name
            UNION ALL SELECT 2, 'agent', '客服'
            UNION ALL SELECT 3, 'viewer', '观察员') AS built_in;
INSERT INTO kefu_id_block (name, next_id) SELECT 'role', COUNT(*) + 1 FROM kefu_role;
INSERT INTO kefu_admin_role (admin_id, role_id, create_time, update_time, tenant_id)
SELECT kefu_admin.id, kefu_role.id, kefu_admin.update_time, kefu_admin.update_time, kefu_admin.tenant_id
FROM kefu_admin JOIN kefu_role ON kefu_role.tenant_id = kefu_admin.tenant_id AND kefu_role.code = kefu_admin.role;
