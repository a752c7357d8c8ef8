//! What people call the fields of requests: the Chinese messages name them so, the English ones as the wire does.

/// The Chinese names, by the names on the wire.
const NAMES: [(&str, &str); 81] = [
    ("action", "操作"),
    ("adminId", "管理员编号"),
    ("adminPinned", "置顶状态"),
    ("afterSeq", "起始序号"),
    ("agentId", "客服编号"),
    ("attributes", "属性"),
    ("audit", "审计"),
    ("avatar", "头像"),
    ("beforeSeq", "结束序号"),
    ("blocked", "限制状态"),
    ("calendarId", "日历"),
    ("capacity", "接待上限"),
    ("clientMessageId", "消息编号"),
    ("code", "动态验证码"),
    ("content", "消息内容"),
    ("contentType", "消息类型"),
    ("conversationId", "会话编号"),
    ("createTime", "时间"),
    ("cursor", "翻页位置"),
    ("duty", "值班状态"),
    ("email", "邮箱"),
    ("enabled", "启用状态"),
    ("excluded", "不分配"),
    ("externalId", "外部编号"),
    ("fallbackGroupId", "后备分组"),
    ("file", "文件"),
    ("from", "开始时间"),
    ("groupId", "分组编号"),
    ("groups", "分组"),
    ("id", "编号"),
    ("key", "渠道标识"),
    ("kind", "渠道类型"),
    ("lastAdmin", "最近回复的客服"),
    ("lastSeq", "消息序号"),
    ("lead", "组长"),
    ("level", "技能等级"),
    ("limit", "条数"),
    ("login", "登录"),
    ("maxWaiting", "排队上限"),
    ("message", "消息"),
    ("mobile", "手机号"),
    ("name", "名称"),
    ("newPassword", "新密码"),
    ("nickname", "昵称"),
    ("objectId", "对象编号"),
    ("objectType", "对象类型"),
    ("offDuty", "无人值班时"),
    ("oldPassword", "旧密码"),
    ("pageNo", "页码"),
    ("pageSize", "每页条数"),
    ("password", "密码"),
    ("permissions", "权限"),
    ("phone", "电话"),
    ("policy", "分配方式"),
    ("priority", "优先级"),
    ("q", "搜索内容"),
    ("reason", "原因"),
    ("refreshToken", "刷新令牌"),
    ("remark", "备注"),
    ("roleId", "角色编号"),
    ("roleIds", "角色"),
    ("routing", "接待"),
    ("scopes", "权限范围"),
    ("secondFactor", "二次验证"),
    ("seq", "消息序号"),
    ("settings", "设置"),
    ("since", "起始时间"),
    ("sort", "排序"),
    ("state", "服务状态"),
    ("status", "状态"),
    ("strict", "严格分组"),
    ("title", "标题"),
    ("to", "截止时间"),
    ("token", "令牌"),
    ("unread", "未读"),
    ("url", "地址"),
    ("userId", "用户编号"),
    ("userType", "用户类型"),
    ("username", "用户名"),
    ("version", "版本"),
    ("visitorToken", "访客令牌"),
];

/// The Chinese name of a field, its name on the wire when it has no other.
pub fn name(field: &str) -> &str {
    NAMES.iter().find(|(wire, _)| *wire == field).map_or(field, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::NAMES;

    /// What only the authors of clients ever read.
    const FOR_PROGRAMS: [&str; 5] = ["afterSeq", "clientMessageId", "key", "lastSeq", "since"];

    fn each_source(folder: &Path, look: &mut impl FnMut(&Path, &str)) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                each_source(&path, look);
            } else if !path.ends_with("tests.rs") && !path.to_string_lossy().ends_with("_tests.rs") {
                let source = std::fs::read_to_string(&path).unwrap();
                look(&path, source.split("#[cfg(test)]").next().unwrap());
            }
        }
    }

    #[test]
    fn chinese_messages_name_no_field_as_the_wire_does() {
        let (mut messages, mut wrong) = (0, Vec::new());
        let foundation = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut look = |path: &Path, source: &str| {
            // Operators type names of commands and settings.
            if path.components().any(|part| part.as_os_str() == "cli") {
                return;
            }
            // Messages stand between plain quotes; samples of JSON escape theirs.
            let texts = source
                .lines()
                .filter(|line| !line.contains("\\\""))
                .flat_map(|line| line.split('"').skip(1).step_by(2));
            for text in texts.filter(|text| text.chars().any(|letter| matches!(letter, '\u{4e00}'..='\u{9fff}'))) {
                messages += 1;
                let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
                let named =
                    words.filter(|word| NAMES.iter().any(|(wire, _)| wire == word) && !FOR_PROGRAMS.contains(word));
                wrong.extend(named.map(|word| format!("{}: {word} in {text}", path.display())));
            }
        };
        // Of both crates.
        each_source(&foundation.join("src"), &mut look);
        each_source(&foundation.join("../src"), &mut look);
        assert!(messages > 50 && wrong.is_empty(), "{wrong:#?}");
    }
}
