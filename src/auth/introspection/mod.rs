//! Tokens that nobody has signed for this service are asked of the shop (`[auth.introspection]`).
//!
//! An answer is believed for the token's life, at most [`BELIEVED`]. A refusal is remembered with the other refused tokens
//! (`cache`), which also lets all who come with one token at once share one question. A question without an answer says
//! nothing of a token: the caller is answered 503, and for [`PAUSE`] no other question is asked, so that a shop that is
//! overloaded is not asked by every call of every client. An answer that only does not say whose the token is holds nobody
//! else up.
//!
//! Anybody can make texts up that have to be asked about. So there are two [`Lane`]s, each with its own turns and pause: one
//! for tokens that the shop has known before, one for all others.
//!
//! An open socket brings no token again. While it is open its token is [`watched`](super::watched) and asked about each minute.

mod answer;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use url::{Url, form_urlencoded};

pub(super) use self::answer::{AdminClaim, Introspected, User};
use self::answer::{Answer, Unusable};
use super::token::LENGTH_LIMIT;
use super::{fetch, refuse, sha256};
use crate::clock::Clock;
use crate::credential::Hash;
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::settings::{self, IntrospectionKind};

/// For how long an answer is believed, by the monotonic time.
const BELIEVED: Duration = Duration::from_secs(60);
/// For how long nothing is asked after a question that was not answered.
const PAUSE: Duration = Duration::from_secs(1);
/// How many answers are kept.
const ANSWERS: usize = 16_384;
/// How many questions of a lane are asked at once; the others wait, at most as long as an answer may take.
const AT_ONCE: usize = 32;
/// Connections to the shop that are kept.
const IDLE: usize = 16;
/// The largest answer that is read, in bytes: permissions of an admin may be many.
const LARGEST_ANSWER: usize = 256 * 1024;

/// Asks the shop.
pub(super) struct Introspection {
    settings: settings::Introspection,
    url: Url,
    client: Client,
    timeout: Duration,
    /// Also of those whose time is over, so that their tokens are known.
    answers: quick_cache::sync::Cache<Hash, Believed>,
    known: Lane,
    unknown: Lane,
}

/// Questions that wait for each other.
struct Lane {
    turns: Semaphore,
    /// When a question was not answered, by the monotonic time.
    failed: Mutex<Option<Duration>>,
}

impl Lane {
    fn new() -> Self {
        Self { turns: Semaphore::new(AT_ONCE), failed: Mutex::default() }
    }

    fn pauses(&self, clock: &Clock) -> bool {
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|at| clock.monotonic().saturating_sub(at) < PAUSE)
    }
}

#[derive(Clone)]
struct Believed {
    answer: Introspected,
    /// By the monotonic time.
    until: Duration,
}

/// What is known of a token.
pub(super) struct Asked {
    pub answer: Introspected,
    /// Whether the shop has said it just now: what is believed may be older than what it said with another token.
    pub fresh: bool,
}

type Read<T> = std::result::Result<T, Unusable>;

impl Introspection {
    /// `None` where no address is set.
    ///
    /// # Errors
    /// One line for the operator.
    pub(super) fn new(settings: &settings::Introspection) -> std::result::Result<Option<Self>, String> {
        let Some(url) = &settings.url else { return Ok(None) };
        let url = Url::parse(url).map_err(|error| format!("auth.introspection.url: {error}"))?;
        let timeout = Duration::from_millis(settings.timeout_ms);
        let client = fetch::client(timeout, IDLE).map_err(|error| format!("auth.introspection.url: {error}"))?;
        Ok(Some(Self {
            settings: settings.clone(),
            url,
            client,
            timeout,
            answers: quick_cache::sync::Cache::new(ANSWERS),
            known: Lane::new(),
            unknown: Lane::new(),
        }))
    }

    /// What the shop says of a token that has not ended.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when the shop refuses it; [`Error::Busy`] when the shop does not answer, or something else
    /// than an answer.
    pub(super) async fn ask(&self, token: &str, clock: &Clock) -> Result<Asked> {
        if token.is_empty() || token.len() > LENGTH_LIMIT || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refuse("not a token: empty, longer than 4096 bytes, or with characters that no token has"));
        }
        let (hash, asked_at) = (sha256(token), clock.monotonic());
        let lane = match self.answers.get(&hash) {
            Some(believed) if asked_at < believed.until => return unexpired(believed.answer, false, clock),
            Some(_) => &self.known,
            None => &self.unknown,
        };
        if lane.pauses(clock) {
            return Err(Error::Busy);
        }
        let turn = tokio::time::timeout(self.timeout, lane.turns.acquire()).await.map_err(|_| Error::Busy)?;
        let asked = match turn {
            // What failed for those before is not tried again by each of those who waited.
            Ok(_) if lane.pauses(clock) => return Err(Error::Busy),
            Ok(_turn) => self.question(token, clock).await,
            Err(error) => return Err(Error::internal(error)),
        };
        match asked {
            Ok(answer) => {
                self.answers.insert(hash, Believed { answer: answer.clone(), until: asked_at + BELIEVED });
                unexpired(answer, true, clock)
            }
            Err(Unusable::Refused(rule)) => {
                self.answers.remove(&hash);
                Err(refuse(rule))
            }
            Err(Unusable::Unreadable(error)) => {
                tracing::warn!(error, "auth.introspection.url: the shop did not say whose a token is");
                Err(Error::Busy)
            }
            Err(Unusable::Fault(error)) => {
                *lane.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock.monotonic());
                tracing::error!(error, "auth.introspection.url: the shop did not answer");
                Err(Error::Busy)
            }
        }
    }

    async fn question(&self, token: &str, clock: &Clock) -> Read<Introspected> {
        let settings = &self.settings;
        let request = match settings.kind {
            IntrospectionKind::Rfc7662 => {
                let form = form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish();
                self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)
            }
            IntrospectionKind::Yudao => {
                let mut url = self.url.clone();
                url.query_pairs_mut().append_pair("accessToken", token);
                self.client.get(url).header("tenant-id", settings.tenant.to_string())
            }
        };
        let request = match &settings.client_id {
            None => request,
            Some(id) => request.basic_auth(id, settings.client_secret.as_deref()),
        };
        let said = self.read(send(request).await?).await?;
        let now = clock.now();
        match answer::read(&said, settings, now)? {
            Answer::Read(read) => Ok(read),
            Answer::PermissionsUnknown(read) => {
                let held = self.permissions(token, read.tenant()).await?;
                Ok(read.with_permissions(&held))
            }
        }
    }

    /// What yudao's own console would be told that the bearer may do; nothing where the shop has no such path.
    async fn permissions(&self, token: &str, tenant: TenantId) -> Read<Map<String, Value>> {
        let base = ["/rpc-api/", "/admin-api/"]
            .iter()
            .find_map(|path| self.url.as_str().split_once(path))
            .map(|(base, _)| base);
        let Some(base) = base else { return Ok(Map::new()) };
        let request = self
            .client
            .get(format!("{base}/admin-api/system/auth/get-permission-info"))
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header("tenant-id", tenant.to_string());
        let response = send(request).await?;
        if response.status() == StatusCode::NOT_FOUND { Ok(Map::new()) } else { self.read(response).await }
    }

    /// The object that the shop answers; of yudao's envelope, its `data`.
    async fn read(&self, response: Response) -> Read<Map<String, Value>> {
        let (status, kind) = (response.status(), self.settings.kind);
        // Gateways say it so.
        if kind == IntrospectionKind::Yudao && status == StatusCode::UNAUTHORIZED {
            return Err(Unusable::Refused("the shop says that it is not valid"));
        }
        if !status.is_success() {
            return Err(Unusable::Fault(format!("answered HTTP {status}")));
        }
        let body = fetch::body(response, LARGEST_ANSWER).await.map_err(Unusable::Fault)?;
        answer::object(&body, kind)
    }
}

async fn send(request: RequestBuilder) -> Read<Response> {
    request
        .header(ACCEPT, "application/json")
        .send()
        .await
        .map_err(|error| Unusable::Fault(fetch::chain(&error.without_url())))
}

fn unexpired(answer: Introspected, fresh: bool, clock: &Clock) -> Result<Asked> {
    if answer.expires_at > clock.now() {
        Ok(Asked { answer, fresh })
    } else {
        Err(refuse("the shop says that it has expired"))
    }
}
