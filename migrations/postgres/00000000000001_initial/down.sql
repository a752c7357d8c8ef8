DROP TABLE kefu_file;
DROP TABLE kefu_revocation;
DROP TABLE kefu_login;
DROP TABLE kefu_admin;
DROP TABLE kefu_member;
DROP TABLE kefu_message;
DROP TABLE kefu_conversation;
DROP TABLE kefu_id_block;
