DROP INDEX kefu_task_group ON kefu_task;
DROP INDEX kefu_group_member_tenant ON kefu_group_member;
DROP INDEX kefu_agent_tenant ON kefu_agent;
