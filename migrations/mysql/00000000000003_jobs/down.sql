DELETE FROM kefu_id_block WHERE name = 'job';
DROP TABLE kefu_job;
