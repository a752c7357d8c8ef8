//! The paths of the contract that many tests call.

pub(crate) const MEMBER_SEND: &str = "/app-api/promotion/kefu-message/send";
pub(crate) const MEMBER_LIST: &str = "/app-api/promotion/kefu-message/list";
pub(crate) const MEMBER_READ: &str = "/app-api/promotion/kefu-message/update-read-status";
pub(crate) const MEMBER_CONVERSATION: &str = "/app-api/promotion/kefu-conversation/get";
pub(crate) const MEMBER_PROFILE: &str = "/app-api/member/user/get";

pub(crate) const ADMIN_SEND: &str = "/admin-api/promotion/kefu-message/send";
pub(crate) const ADMIN_LIST: &str = "/admin-api/promotion/kefu-message/list";
pub(crate) const ADMIN_READ: &str = "/admin-api/promotion/kefu-message/update-read-status";
pub(crate) const CONVERSATIONS: &str = "/admin-api/promotion/kefu-conversation/list";
pub(crate) const CONVERSATION: &str = "/admin-api/promotion/kefu-conversation/get";
pub(crate) const PIN: &str = "/admin-api/promotion/kefu-conversation/update-conversation-pinned";
pub(crate) const MARK_UNREAD: &str = "/admin-api/promotion/kefu-conversation/mark-unread";
pub(crate) const DELETE: &str = "/admin-api/promotion/kefu-conversation/delete";
pub(crate) const COUNTS: &str = "/admin-api/promotion/kefu-conversation/counts";
pub(crate) const OPEN: &str = "/admin-api/promotion/kefu-conversation/open";
pub(crate) const MEMBER_PAGE: &str = "/admin-api/member/user/page";
pub(crate) const LOGIN_LIST: &str = "/admin-api/system/login/list";
pub(crate) const LOGIN_DELETE: &str = "/admin-api/system/login/delete";
pub(crate) const PERMISSION_INFO: &str = "/admin-api/system/auth/get-permission-info";
pub(crate) const LOGIN: &str = "/admin-api/system/auth/login";

pub(crate) const API_KEY_LIST: &str = "/admin-api/promotion/kefu-api-key/list";
pub(crate) const API_KEY_CREATE: &str = "/admin-api/promotion/kefu-api-key/create";
pub(crate) const API_KEY_DELETE: &str = "/admin-api/promotion/kefu-api-key/delete";
pub(crate) const USER_NAMES: &str = "/admin-api/system/user/simple-list";

pub(crate) const CHANNEL: &str = "/admin-api/promotion/kefu-channel/get";
pub(crate) const CHANNEL_CREATE: &str = "/admin-api/promotion/kefu-channel/create";
pub(crate) const CHANNEL_UPDATE: &str = "/admin-api/promotion/kefu-channel/update";
pub(crate) const CHANNEL_DELETE: &str = "/admin-api/promotion/kefu-channel/delete";
pub(crate) const VISITOR_TOKEN: &str = "/app-api/promotion/kefu-visitor/token";
pub(crate) const VISITOR_UPDATE: &str = "/app-api/promotion/kefu-visitor/update";
pub(crate) const VISITOR_PAGE: &str = "/app-api/promotion/kefu-visitor/page";
pub(crate) const VISITOR_LINK: &str = "/app-api/promotion/kefu-visitor/link";
pub(crate) const MEMBER_CARD: &str = "/admin-api/member/user/get";
pub(crate) const MEMBER_SESSIONS: &str = "/admin-api/promotion/kefu-member/sessions";
pub(crate) const EXCLUSIVE_AGENT: &str = "/admin-api/promotion/kefu-member/exclusive-agent";
pub(crate) const MEMBER_BLOCK: &str = "/admin-api/promotion/kefu-member/block";
pub(crate) const TASK_CLOSE: &str = "/admin-api/promotion/kefu-task/close";
