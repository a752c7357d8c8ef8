-- A row per tenant, made when the service first hears of it; id is the tenant's number. settings: what the tenant has set, as
-- a JSON object; change_no: grows with every change, over all tenants (src/tenant).
CREATE TABLE kefu_tenant (
    id          INTEGER NOT NULL PRIMARY KEY,
    settings    TEXT NOT NULL,
    change_no   BIGINT NOT NULL DEFAULT 0,
    creator     TEXT NOT NULL DEFAULT '',
    create_time TIMESTAMP NOT NULL,
    updater     TEXT NOT NULL DEFAULT '',
    update_time TIMESTAMP NOT NULL,
    deleted     BOOLEAN NOT NULL DEFAULT FALSE,
    tenant_id   BIGINT NOT NULL
);
-- What has changed since.
CREATE INDEX kefu_tenant_change ON kefu_tenant (change_no);

INSERT INTO kefu_id_block (name, next_id) VALUES ('tenant_change', 1);
-- Those that are there.
INSERT INTO kefu_tenant (id, settings, create_time, update_time, tenant_id)
SELECT found.tenant_id, '{}', MIN(found.create_time), MIN(found.create_time), found.tenant_id
FROM (SELECT tenant_id, create_time FROM kefu_member
      UNION ALL SELECT tenant_id, create_time FROM kefu_admin
      UNION ALL SELECT tenant_id, create_time FROM kefu_conversation) AS found
GROUP BY found.tenant_id;
