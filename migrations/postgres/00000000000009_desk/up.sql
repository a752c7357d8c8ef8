-- Rounds of service (docs/desk.md). open_conversation_id: the conversation while the round is open, NULL afterwards, so that there is
-- one open round in each at most. user_id: the member. kind: 0 for whoever is free, 1 for an agent, 2 for a group. state: -4 closed by
-- a supervisor, -3 served by nobody in time, -2 closed for silence, -1 closed, 0 offered, 1 in service, 3 waiting, 4 missed.
-- queued_at: the place among those who wait; kept by a round that waits again. waiting_since: this time. ended_by: the admin; 0 for the member, NULL for the service.
-- due_at: when the round is looked at the next time, if nothing happens before.
CREATE TABLE kefu_task (
    id                   BIGINT       NOT NULL PRIMARY KEY,
    conversation_id      BIGINT       NOT NULL,
    open_conversation_id BIGINT,
    user_id              BIGINT       NOT NULL,
    channel_id           BIGINT,
    kind                 INTEGER      NOT NULL DEFAULT 0,
    wanted_agent_id      BIGINT,
    state                INTEGER      NOT NULL,
    agent_id             BIGINT,
    group_id             BIGINT,
    first_seq            BIGINT       NOT NULL,
    last_seq             BIGINT,
    queued_at            TIMESTAMP(3) NOT NULL,
    waiting_since        TIMESTAMP(3),
    assigned_at          TIMESTAMP(3),
    accepted_at          TIMESTAMP(3),
    first_reply_at       TIMESTAMP(3),
    ended_at             TIMESTAMP(3),
    end_reason           TEXT,
    ended_by             BIGINT,
    transfer_reason      TEXT,
    transfers            INTEGER      NOT NULL DEFAULT 0,
    reassigns            INTEGER      NOT NULL DEFAULT 0,
    version              INTEGER      NOT NULL DEFAULT 0,
    due_at               TIMESTAMP(3),
    creator              TEXT         NOT NULL DEFAULT '',
    create_time          TIMESTAMP(3) NOT NULL,
    updater              TEXT         NOT NULL DEFAULT '',
    update_time          TIMESTAMP(3) NOT NULL,
    deleted              BOOLEAN      NOT NULL DEFAULT FALSE,
    tenant_id            BIGINT       NOT NULL
);
CREATE UNIQUE INDEX kefu_task_open ON kefu_task (open_conversation_id);
CREATE INDEX kefu_task_state ON kefu_task (tenant_id, state, queued_at, id);
CREATE INDEX kefu_task_agent ON kefu_task (agent_id, state, queued_at, id);
CREATE INDEX kefu_task_due ON kefu_task (due_at);
CREATE INDEX kefu_task_history ON kefu_task (conversation_id, first_seq);
CREATE INDEX kefu_task_accepted ON kefu_task (tenant_id, accepted_at);
CREATE INDEX kefu_task_contact ON kefu_task (agent_id, accepted_at);

-- Nodes that run and have agents. node: the random number that it took at its start. A node whose lease is over is dead.
CREATE TABLE kefu_node (
    node        BIGINT       NOT NULL PRIMARY KEY,
    lease_until TIMESTAMP(3) NOT NULL,
    creator     TEXT         NOT NULL DEFAULT '',
    create_time TIMESTAMP(3) NOT NULL,
    updater     TEXT         NOT NULL DEFAULT '',
    update_time TIMESTAMP(3) NOT NULL,
    deleted     BOOLEAN      NOT NULL DEFAULT FALSE,
    tenant_id   BIGINT       NOT NULL
);
CREATE INDEX kefu_node_lease ON kefu_node (lease_until);

-- Admins who may take rounds of service and have a socket, one row for each node where they have one.
CREATE TABLE kefu_agent_socket (
    admin_id    BIGINT       NOT NULL,
    node        BIGINT       NOT NULL,
    creator     TEXT         NOT NULL DEFAULT '',
    create_time TIMESTAMP(3) NOT NULL,
    updater     TEXT         NOT NULL DEFAULT '',
    update_time TIMESTAMP(3) NOT NULL,
    deleted     BOOLEAN      NOT NULL DEFAULT FALSE,
    tenant_id   BIGINT       NOT NULL,
    PRIMARY KEY (admin_id, node)
);
CREATE INDEX kefu_agent_socket_node ON kefu_agent_socket (node);
CREATE INDEX kefu_agent_socket_tenant ON kefu_agent_socket (tenant_id, admin_id);

-- The open round of a conversation, and who serves it or has served it last.
ALTER TABLE kefu_conversation ADD COLUMN task_id BIGINT;
ALTER TABLE kefu_conversation ADD COLUMN task_state INTEGER NOT NULL DEFAULT 0;
ALTER TABLE kefu_conversation ADD COLUMN group_id BIGINT;
ALTER TABLE kefu_conversation ADD COLUMN agent_id BIGINT;

-- The round of service in which a message came, NULL outside of one.
ALTER TABLE kefu_message ADD COLUMN task_id BIGINT;

-- The agent who serves this member, if any does alone.
ALTER TABLE kefu_member ADD COLUMN exclusive_agent_id BIGINT;

-- duty: 0 off, 1 on, 2 paused; NULL for one who has never said so: on duty with a socket, if the tenant wants that. offline_since: when the last
-- socket of an agent was gone, NULL while there is one.
ALTER TABLE kefu_agent ADD COLUMN duty INTEGER;
ALTER TABLE kefu_agent ADD COLUMN duty_since TIMESTAMP(3);
ALTER TABLE kefu_agent ADD COLUMN offline_since TIMESTAMP(3);

INSERT INTO kefu_id_block (name, next_id) VALUES ('task', 1);
