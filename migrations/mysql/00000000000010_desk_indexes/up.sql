-- What a tenant's agents and their groups are read along, so that the cost grows with the tenant's own.
CREATE INDEX kefu_agent_tenant ON kefu_agent (tenant_id, offline_since);
CREATE INDEX kefu_group_member_tenant ON kefu_group_member (tenant_id, admin_id);

-- The rounds of a group, by state and place.
CREATE INDEX kefu_task_group ON kefu_task (group_id, state, queued_at, id);
