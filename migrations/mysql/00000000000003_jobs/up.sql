-- Work to be done once, at its time, by whichever node comes first (the module `job`). state: 0 waiting, 1 running, 2 dead.
-- tenant_id is 0 for a job that belongs to no tenant.
CREATE TABLE kefu_job (
    id                          BIGINT         NOT NULL PRIMARY KEY,
    kind                        VARBINARY(64)  NOT NULL,
    `key`                       VARBINARY(255) NOT NULL,
    payload                     MEDIUMTEXT     NOT NULL,
    state                       INTEGER        NOT NULL DEFAULT 0,
    run_at                      DATETIME(3)    NOT NULL,
    requests                    BIGINT         NOT NULL DEFAULT 1,
    attempts                    INTEGER        NOT NULL DEFAULT 0,
    lease                       BIGINT         NOT NULL DEFAULT 0,
    leased_until                DATETIME(3),
    last_error                  VARCHAR(1000)  NOT NULL DEFAULT '',
    creator                     VARCHAR(64)    NOT NULL DEFAULT '',
    create_time                 DATETIME(3)    NOT NULL,
    updater                     VARCHAR(64)    NOT NULL DEFAULT '',
    update_time                 DATETIME(3)    NOT NULL,
    deleted                     BOOLEAN        NOT NULL DEFAULT FALSE,
    tenant_id                   BIGINT         NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
-- A job that is enqueued again is the same job.
CREATE UNIQUE INDEX kefu_job_key ON kefu_job (kind, `key`);
-- What is due, and what runs.
CREATE INDEX kefu_job_due ON kefu_job (state, run_at);

INSERT INTO kefu_id_block (name, next_id) VALUES ('job', 1);
