//! The paths of the contract that many tests call.

pub const MEMBER_SEND: &str = "/app-api/promotion/kefu-message/send";
pub const MEMBER_LIST: &str = "/app-api/promotion/kefu-message/list";
pub const MEMBER_READ: &str = "/app-api/promotion/kefu-message/update-read-status";
pub const MEMBER_CONVERSATION: &str = "/app-api/promotion/kefu-conversation/get";
pub const MEMBER_PROFILE: &str = "/app-api/member/user/get";

pub const ADMIN_SEND: &str = "/admin-api/promotion/kefu-message/send";
pub const ADMIN_LIST: &str = "/admin-api/promotion/kefu-message/list";
pub const ADMIN_READ: &str = "/admin-api/promotion/kefu-message/update-read-status";
pub const CONVERSATIONS: &str = "/admin-api/promotion/kefu-conversation/list";
pub const CONVERSATION: &str = "/admin-api/promotion/kefu-conversation/get";
pub const PIN: &str = "/admin-api/promotion/kefu-conversation/update-conversation-pinned";
pub const DELETE: &str = "/admin-api/promotion/kefu-conversation/delete";
pub const PERMISSION_INFO: &str = "/admin-api/system/auth/get-permission-info";
pub const LOGIN: &str = "/admin-api/system/auth/login";
