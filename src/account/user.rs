//! The accounts of a tenant's people, for those who look after them. What ends logins with them is in `auth::users`, what is read and
//! written in [`super::users`].

use validator::ValidateEmail;

use super::{check_nickname, picture};
use crate::error::{Error, Problem, Result};
use crate::id::RoleId;
use crate::text::Name;

/// Longest address for mail, in characters.
const EMAIL_LIMIT: usize = 255;
/// Longest telephone number, in characters.
const MOBILE_LIMIT: usize = 32;
/// Longest remark, in characters.
const REMARK_LIMIT: usize = 255;

/// Which accounts are asked for; what is `None` takes in all.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserFilter {
    /// How the user name or the nickname begins.
    pub text: Option<String>,
    /// Whether the account may be used.
    pub enabled: Option<bool>,
    /// Who holds this role.
    pub role: Option<RoleId>,
}

/// What is to be changed of an account; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UserChanges {
    /// The name that others see.
    pub nickname: Option<String>,
    /// The picture's URL, empty for none.
    pub avatar: Option<String>,
    /// For others to write to, empty for none.
    pub email: Option<String>,
    /// For others to call, empty for none.
    pub mobile: Option<String>,
    /// What the admins note, empty for nothing.
    pub remark: Option<String>,
}

impl UserChanges {
    /// The same, as it is stored.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a text that is too long or has characters that cannot be seen, for an address to which nobody can
    /// write, and for a picture that has no http, https or relative address.
    pub(crate) fn checked(self) -> Result<Self> {
        if let Some(nickname) = &self.nickname {
            check_nickname(nickname)?;
        }
        let short = |text: Option<String>, limit: usize, problem: Problem| {
            text.map(|text| match text.trim() {
                "" => Ok(String::new()),
                text => Name::exact(text, limit).map(String::from).ok_or(Error::Invalid(problem)),
            })
            .transpose()
        };
        let not_mail = Problem::new(
            "邮箱须为邮件地址，最多 255 个字符",
            "email must be an address for mail of at most 255 characters",
        );
        let email = short(self.email, EMAIL_LIMIT, not_mail.clone())?;
        if email.as_ref().is_some_and(|email| !email.is_empty() && !email.validate_email()) {
            return Err(Error::Invalid(not_mail));
        }
        Ok(Self {
            nickname: self.nickname,
            avatar: self.avatar.map(|text| picture(&text)).transpose()?,
            email,
            mobile: short(
                self.mobile,
                MOBILE_LIMIT,
                Problem::new("手机号最多 32 个可见字符", "mobile must have at most 32 visible characters"),
            )?,
            remark: short(
                self.remark,
                REMARK_LIMIT,
                Problem::new("备注最多 255 个可见字符", "remark must have at most 255 visible characters"),
            )?,
        })
    }
}
