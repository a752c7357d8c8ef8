DELETE FROM kefu_id_block WHERE name = 'tenant_change';
DROP TABLE kefu_tenant;
