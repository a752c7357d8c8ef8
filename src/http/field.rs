//! What people call the fields of requests: the Chinese messages name them so, the English ones as the wire does.

/// The Chinese names, by the names on the wire.
const NAMES: [(&str, &str); 31] = [
    ("adminPinned", "置顶状态"),
    ("afterSeq", "起始序号"),
    ("avatar", "头像"),
    ("beforeSeq", "结束序号"),
    ("clientMessageId", "消息编号"),
    ("content", "消息内容"),
    ("contentType", "消息类型"),
    ("conversationId", "会话编号"),
    ("createTime", "时间"),
    ("cursor", "翻页位置"),
    ("file", "文件"),
    ("id", "编号"),
    ("lastSeq", "消息序号"),
    ("limit", "条数"),
    ("login", "登录"),
    ("message", "消息"),
    ("newPassword", "新密码"),
    ("nickname", "昵称"),
    ("oldPassword", "旧密码"),
    ("pageNo", "页码"),
    ("pageSize", "每页条数"),
    ("password", "密码"),
    ("q", "搜索内容"),
    ("refreshToken", "刷新令牌"),
    ("seq", "消息序号"),
    ("since", "起始时间"),
    ("token", "令牌"),
    ("unread", "未读"),
    ("userId", "用户编号"),
    ("userType", "用户类型"),
    ("username", "用户名"),
];

/// The Chinese name of a field, its name on the wire when it has no other.
pub fn name(field: &str) -> &str {
    NAMES.iter().find(|(wire, _)| *wire == field).map_or(field, |(_, name)| name)
}
