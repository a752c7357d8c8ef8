//! What can go wrong, and the one table that turns it into the contract's code, HTTP status and message.
//!
//! Which error belongs where: a store returns [`Error::Internal`] for what no client can help (its text goes to the log
//! and never to a client), a rule of the domain returns the variant that the contract names, an extractor returns one of
//! the 400s. Handlers only pass errors on with `?`.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, Type};

/// The result of everything that can fail towards a client.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The languages that messages come in; codes never change with the language (docs/contract.md#envelope).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// The default.
    Chinese,
    /// For `Accept-Language: en…`.
    English,
}

/// What is wrong with one field of a request, in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Chinese text, the field's name first.
    pub zh: Cow<'static, str>,
    /// English text, the field's name first.
    pub en: Cow<'static, str>,
}

impl Problem {
    /// A problem whose two texts are known beforehand.
    pub const fn new(zh: &'static str, en: &'static str) -> Self {
        Self { zh: Cow::Borrowed(zh), en: Cow::Borrowed(en) }
    }
}

/// Every outcome that is not a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A field breaks a rule.
    Invalid(Problem),
    /// A required parameter is not there; its name.
    Missing(Cow<'static, str>),
    /// A parameter has the wrong type, or the body is absent or not JSON; what it is.
    WrongType(Cow<'static, str>),
    /// No token, or one that is not valid any more.
    Unauthenticated,
    /// A valid token without the permission that the operation needs.
    Forbidden,
    /// The page's origin is none that the channel lets in: the code 403 with HTTP 403.
    OriginForbidden,
    /// The tenant header is needed here and absent.
    TenantMissing,
    /// The tenant header names another tenant than the token.
    TenantForeign,
    /// No such path, or no such file.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The request's body did not come in time.
    RequestTimeout,
    /// The request's body is not encoded as HTTP says, or broke off.
    MalformedBody,
    /// An upload over the size limit.
    UploadTooLarge,
    /// Over a rate limit; seconds until it is worth trying again.
    TooManyRequests {
        /// Seconds for `Retry-After`, at least 1.
        retry_after_s: u64,
    },
    /// Over a limit of logins or refreshes: the code 429 with HTTP 200, because with another status the stock clients'
    /// forms lose the text.
    TooManyLogins {
        /// Seconds for `Retry-After`, at least 1.
        retry_after_s: u64,
    },
    /// A queue is full or the database is out of reach: try again soon.
    Busy,
    /// The database or a disk cannot be used now; the text is for the log only, once per outage. What looks after the
    /// outage ([`crate::telemetry::outage`]) turns it into [`Error::Busy`].
    Unavailable(String),
    /// So little disk space is left that it is kept for messages: no upload is taken.
    StorageFull,
    /// Another transaction was in the way and this one was rolled back: `Db::transaction` runs it again.
    Conflict,
    /// Admins have blocked the member, who reads and neither writes nor uploads.
    Blocked,
    /// No conversation with that id that the caller may see.
    ConversationNotFound,
    /// No message with that id that the caller may see.
    MessageNotFound,
    /// No round of service with that id that the caller may see.
    TaskNotFound,
    /// The round is in another state or version than the caller thinks, or the tenant has no rounds.
    TaskChanged,
    /// Another agent has the round.
    TaskTaken,
    /// The agent serves as many members as there is room for.
    AgentFull,
    /// No member with that id in the caller's system: the code 404 with HTTP 404.
    MemberNotFound,
    /// The `clientMessageId` stands for another message: the code 409 with HTTP 409.
    MessageIdTaken,
    /// Unknown user name or wrong password: one answer for both.
    LoginFailed,
    /// The account is disabled.
    AccountDisabled,
    /// The password is right, and a code of the second factor is wanted, too.
    SecondFactorMissing,
    /// A code of the second factor that is wrong, or was used.
    SecondFactorWrong,
    /// A refresh token that was never valid or has been revoked.
    RefreshTokenInvalid,
    /// A refresh token past its time.
    RefreshTokenExpired,
    /// A fault of ours; the text is for the log only.
    Internal(String),
}

/// The envelope of a failure.
#[derive(Debug, Serialize, ToSchema)]
pub struct Failure<'a> {
    /// One of the error codes, never 0.
    pub code: i64,
    /// The message for the user.
    pub msg: &'a str,
    /// Always `null`.
    #[schema(schema_with = null)]
    pub data: (),
}

fn null() -> Object {
    Object::with_type(Type::Null)
}

impl Error {
    /// A fault of ours, described for the log.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Internal(cause.to_string())
    }

    /// The code in the envelope (docs/contract.md#envelope).
    pub const fn code(&self) -> i64 {
        match self {
            Self::Invalid(_)
            | Self::Missing(_)
            | Self::WrongType(_)
            | Self::TenantMissing
            | Self::MalformedBody
            | Self::UploadTooLarge
            | Self::RefreshTokenInvalid => 400,
            Self::Unauthenticated | Self::RefreshTokenExpired => 401,
            Self::Forbidden | Self::OriginForbidden | Self::TenantForeign => 403,
            Self::NotFound | Self::MemberNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::MessageIdTaken => 409,
            Self::TooManyRequests { .. } | Self::TooManyLogins { .. } => 429,
            Self::Internal(_) => 500,
            Self::Busy | Self::Conflict | Self::Unavailable(_) | Self::StorageFull => 503,
            Self::LoginFailed => 1_002_000_000,
            Self::AccountDisabled => 1_002_000_001,
            Self::SecondFactorMissing => 1_002_000_002,
            Self::SecondFactorWrong => 1_002_000_003,
            Self::ConversationNotFound => 1_013_019_000,
            Self::MessageNotFound => 1_013_020_000,
            Self::TaskNotFound => 1_013_021_000,
            Self::TaskChanged => 1_013_021_001,
            Self::TaskTaken => 1_013_021_002,
            Self::AgentFull => 1_013_021_003,
            Self::Blocked => 1_013_022_000,
        }
    }

    /// The HTTP status: 200 for all that the stock clients must be able to read, the code itself for 408, 429, 503 and a
    /// request that is no HTTP, and where no stock client calls.
    pub(crate) const fn http_status(&self) -> StatusCode {
        match self {
            Self::OriginForbidden => StatusCode::FORBIDDEN,
            Self::MemberNotFound => StatusCode::NOT_FOUND,
            Self::MessageIdTaken => StatusCode::CONFLICT,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::MalformedBody => StatusCode::BAD_REQUEST,
            Self::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy | Self::Conflict | Self::Unavailable(_) | Self::StorageFull => StatusCode::SERVICE_UNAVAILABLE,
            Self::Invalid(_)
            | Self::Missing(_)
            | Self::WrongType(_)
            | Self::Unauthenticated
            | Self::Forbidden
            | Self::TenantMissing
            | Self::TenantForeign
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::UploadTooLarge
            | Self::Blocked
            | Self::ConversationNotFound
            | Self::MessageNotFound
            | Self::TaskNotFound
            | Self::TaskChanged
            | Self::TaskTaken
            | Self::AgentFull
            | Self::LoginFailed
            | Self::AccountDisabled
            | Self::SecondFactorMissing
            | Self::SecondFactorWrong
            | Self::TooManyLogins { .. }
            | Self::RefreshTokenInvalid
            | Self::RefreshTokenExpired
            | Self::Internal(_) => StatusCode::OK,
        }
    }

    /// The HTTP status below `/open-api`, where no stock client calls: the code, and for the codes of the domain what they mean.
    pub fn plain_status(&self) -> StatusCode {
        match self {
            Self::Blocked => StatusCode::FORBIDDEN,
            Self::ConversationNotFound | Self::MessageNotFound | Self::TaskNotFound => StatusCode::NOT_FOUND,
            Self::TaskChanged | Self::TaskTaken | Self::AgentFull => StatusCode::CONFLICT,
            other => {
                let status = u16::try_from(other.code()).ok().and_then(|code| StatusCode::from_u16(code).ok());
                status.unwrap_or(StatusCode::BAD_REQUEST)
            }
        }
    }

    /// The message for the user, without internal text.
    pub fn message(&self, language: Language) -> Cow<'static, str> {
        let (zh, en): (Cow<'static, str>, Cow<'static, str>) = match self {
            Self::Invalid(problem) => (
                format!("请求参数不正确:{}", problem.zh).into(),
                format!("invalid request parameter: {}", problem.en).into(),
            ),
            Self::Missing(what) => {
                (format!("请求参数缺失:{what}").into(), format!("missing request parameter: {what}").into())
            }
            Self::WrongType(what) => (
                format!("请求参数类型错误:{what}").into(),
                format!("request parameter of the wrong type: {what}").into(),
            ),
            Self::Unauthenticated => ("账号未登录".into(), "not logged in".into()),
            Self::Forbidden => ("没有该操作权限".into(), "permission denied".into()),
            Self::OriginForbidden => {
                ("该网站不在允许使用客服的范围内".into(), "the channel does not let this site in".into())
            }
            Self::TenantMissing => {
                ("请求的租户标识未传递，请进行排查".into(), "the tenant-id header is missing".into())
            }
            Self::TenantForeign => ("您无权访问该租户的数据".into(), "access to this tenant is denied".into()),
            Self::NotFound => ("请求未找到".into(), "not found".into()),
            Self::MethodNotAllowed => ("请求方法不正确".into(), "method not allowed".into()),
            Self::RequestTimeout => ("请求超时，请稍后重试".into(), "the request took too long".into()),
            Self::MalformedBody => {
                ("请求体编码有误或不完整".into(), "the request body is malformed or incomplete".into())
            }
            Self::UploadTooLarge => ("上传文件过大，请调整后重试".into(), "the uploaded file is too large".into()),
            Self::TooManyRequests { .. } | Self::TooManyLogins { .. } => {
                ("请求过于频繁，请稍后重试".into(), "too many requests, try again later".into())
            }
            Self::Busy | Self::Conflict | Self::Unavailable(_) | Self::StorageFull => {
                ("服务繁忙，请稍后重试".into(), "the service is busy, try again later".into())
            }
            Self::Blocked => ("您已被限制使用客服".into(), "you are blocked from the customer service".into()),
            Self::ConversationNotFound => ("客服会话不存在".into(), "the conversation does not exist".into()),
            Self::MessageNotFound => ("客服消息不存在".into(), "the message does not exist".into()),
            Self::TaskNotFound => ("服务记录不存在".into(), "the round of service does not exist".into()),
            Self::TaskChanged => {
                ("会话状态已变化，请刷新".into(), "the round of service has changed, load it again".into())
            }
            Self::TaskTaken => ("会话已被接待".into(), "another agent has the round of service".into()),
            Self::AgentFull => ("座席已满".into(), "the agent has no room for one more".into()),
            Self::MemberNotFound => ("会员不存在".into(), "the member does not exist".into()),
            Self::MessageIdTaken => {
                ("消息编号已用于另一条消息".into(), "clientMessageId was used for another message".into())
            }
            Self::LoginFailed => ("登录失败，账号密码不正确".into(), "login failed: wrong username or password".into()),
            Self::AccountDisabled => ("登录失败，账号被禁用".into(), "login failed: the account is disabled".into()),
            Self::SecondFactorMissing => ("请输入动态验证码".into(), "enter the code of your second factor".into()),
            Self::SecondFactorWrong => ("动态验证码不正确".into(), "the code of the second factor is wrong".into()),
            Self::RefreshTokenInvalid => ("无效的刷新令牌".into(), "invalid refresh token".into()),
            Self::RefreshTokenExpired => ("刷新令牌已过期".into(), "the refresh token has expired".into()),
            Self::Internal(_) => ("系统异常".into(), "internal error".into()),
        };
        match language {
            Language::Chinese => zh,
            Language::English => en,
        }
    }

    /// The envelope around a message.
    pub(crate) const fn envelope<'a>(&self, msg: &'a str) -> Failure<'a> {
        Failure { code: self.code(), msg, data: () }
    }

    /// The whole answer in one language.
    pub(crate) fn to_response(&self, language: Language) -> HttpResponse {
        let mut response = HttpResponse::build(self.http_status());
        if let Some(seconds) = self.retry_after_s() {
            response.insert_header((header::RETRY_AFTER, HeaderValue::from(seconds)));
        }
        response.json(self.envelope(&self.message(language)))
    }

    /// The answer where there is no stock client to read an envelope: the same body under an HTTP status of its own.
    pub fn with_status(self, status: StatusCode) -> HttpResponse {
        let mut response = HttpResponse::from_error(self);
        *response.status_mut() = status;
        response
    }

    /// Seconds for `Retry-After`, `None` when trying again does not help.
    pub(crate) const fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::TooManyRequests { retry_after_s } | Self::TooManyLogins { retry_after_s } => Some(*retry_after_s),
            Self::Busy | Self::Conflict | Self::Unavailable(_) => Some(1),
            Self::StorageFull => Some(60),
            _ => None,
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Internal(cause) | Self::Unavailable(cause) => f.write_str(cause),
            other => f.write_str(&other.message(Language::English)),
        }
    }
}

impl std::error::Error for Error {}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.http_status()
    }

    fn error_response(&self) -> HttpResponse {
        self.to_response(Language::Chinese)
    }
}
