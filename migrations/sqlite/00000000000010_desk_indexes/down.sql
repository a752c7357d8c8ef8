DROP INDEX kefu_task_group;
DROP INDEX kefu_group_member_tenant;
DROP INDEX kefu_agent_tenant;
