-- Work to be done once, at its time, by whichever node comes first (the module `job`). state: 0 waiting, 1 running, 2 dead.
-- tenant_id is 0 for a job that belongs to no tenant.
CREATE TABLE kefu_job (
    id                          BIGINT       NOT NULL PRIMARY KEY,
    kind                        TEXT         NOT NULL,
    key                         TEXT         NOT NULL,
    payload                     TEXT         NOT NULL,
    state                       INTEGER      NOT NULL DEFAULT 0,
    run_at                      TIMESTAMP(3) NOT NULL,
    requests                    BIGINT       NOT NULL DEFAULT 1,
    attempts                    INTEGER      NOT NULL DEFAULT 0,
    lease                       BIGINT       NOT NULL DEFAULT 0,
    leased_until                TIMESTAMP(3),
    last_error                  TEXT         NOT NULL DEFAULT '',
    creator                     TEXT         NOT NULL DEFAULT '',
    create_time                 TIMESTAMP(3) NOT NULL,
    updater                     TEXT         NOT NULL DEFAULT '',
    update_time                 TIMESTAMP(3) NOT NULL,
    deleted                     BOOLEAN      NOT NULL DEFAULT FALSE,
    tenant_id                   BIGINT       NOT NULL
);
-- A job that is enqueued again is the same job.
CREATE UNIQUE INDEX kefu_job_key ON kefu_job (kind, key);
-- What is due, and what runs.
CREATE INDEX kefu_job_due ON kefu_job (state, run_at);

INSERT INTO kefu_id_block (name, next_id) VALUES ('job', 1);
