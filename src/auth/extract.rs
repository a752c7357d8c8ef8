//! Who calls, as the type of a handler's parameter: a handler that takes `Admin<SendMessages>` cannot be reached by
//! anyone else.
//!
//! All of them read the token from `Authorization` (with or without `Bearer`) and [`Auth`] from the application's data,
//! and refuse a `tenant-id` header that names another tenant than the token (docs/contract.md#headers).

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;

use super::{Auth, Principal, TokenUse, refuse};
use crate::access::Privilege;
use crate::audit::Actor;
use crate::channel::Channels;
use crate::error::{Error, Result};
use crate::http::address::CallerAddress;
use crate::http::describe::{Caller, Describe, Description};
use crate::id::{TenantId, UserType};
use crate::limit::RateLimits;

/// A member.
#[derive(Clone, Debug)]
pub(crate) struct Member(pub Arc<Principal>);

/// A member who may write: one whom admins have not blocked.
#[derive(Clone, Debug)]
pub(crate) struct WritingMember(pub Arc<Principal>);

/// A visitor of a page whom admins have not blocked.
#[derive(Clone, Debug)]
pub(crate) struct Visitor(pub Arc<Principal>);

/// An admin who holds the permission `P`.
#[derive(Clone, Debug)]
pub(crate) struct Admin<P: Privilege>(pub Arc<Principal>, pub PhantomData<P>);

impl FromRequest for Member {
    type Error = Error;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Extracting::start(request, |principal| match principal.key.user_type {
            UserType::Member => Ok(Self(principal)),
            UserType::Admin => Err(Error::Forbidden),
        })
    }
}

impl FromRequest for WritingMember {
    type Error = Error;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Extracting::start(request, |principal| match principal.key.user_type {
            UserType::Member if principal.blocked => Err(Error::Blocked),
            UserType::Member => Ok(Self(principal)),
            UserType::Admin => Err(Error::Forbidden),
        })
    }
}

impl FromRequest for Visitor {
    type Error = Error;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Extracting::start(request, |principal| match principal.channel {
            Some(_) if principal.blocked => Err(Error::Blocked),
            Some(_) => Ok(Self(principal)),
            None => Err(Error::Forbidden),
        })
    }
}

impl<P: Privilege> FromRequest for Admin<P> {
    type Error = Error;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Extracting::start(request, |principal| match principal.key.user_type {
            UserType::Admin if principal.sets_up && !P::DURING_SET_UP => Err(Error::Forbidden),
            UserType::Admin
                if P::PERMISSION.is_none_or(|permission| principal.may(permission))
                    || P::OR.is_some_and(|permission| principal.may(permission))
                    || P::WITHOUT_EFFECT.is_some_and(|permission| principal.may(permission)) =>
            {
                Ok(Self(principal, PhantomData))
            }
            UserType::Admin | UserType::Member => Err(Error::Forbidden),
        })
    }
}

impl<P: Privilege> Admin<P> {
    /// Whether the operation may be done to the things of others.
    pub(crate) fn may_for_others(&self) -> bool {
        P::FOR_OTHERS.is_some_and(|permission| self.0.may(permission))
    }

    /// The admin as the one who makes a change.
    pub(crate) fn actor(&self, CallerAddress(address): CallerAddress) -> Actor {
        Actor { admin: Some(self.0.key.user), name: self.0.nickname.to_string(), address: Some(address) }
    }
}

impl Describe for Member {
    fn describe(description: &mut Description) {
        description.caller(Caller::AnyMember);
    }
}

impl Describe for WritingMember {
    fn describe(description: &mut Description) {
        description.caller(Caller::AnyMember);
    }
}

impl Describe for Visitor {
    fn describe(description: &mut Description) {
        description.caller(Caller::AnyMember);
    }
}

impl<P: Privilege> Describe for Admin<P> {
    fn describe(description: &mut Description) {
        description.caller(P::PERMISSION.map_or(Caller::AnyAdmin, Caller::Holder));
    }
}

/// A caller, or why there is none: for handlers that answer everyone and do more for those who are known.
#[derive(Debug)]
pub(crate) struct Optional<C>(pub Result<C>);

impl<C: FromRequest<Error = Error, Future = Extracting<C>> + 'static> FromRequest for Optional<C> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = C::from_request(request, payload);
        Box::pin(async move { Ok(Self(caller.await)) })
    }
}

impl<C> Describe for Optional<C> {
    fn describe(description: &mut Description) {
        description.optional_caller();
    }
}

/// The token of a request: `Authorization` with or without `Bearer`, `None` when there is none.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str();
    let value =
        value.inspect_err(|_| drop(refuse("Authorization holds other characters than those of ASCII"))).ok()?.trim();
    let token = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        _ => value,
    };
    (!token.is_empty()).then_some(token)
}

/// The tenant that the header `tenant-id` names, `None` without one.
///
/// # Errors
/// [`Error::WrongType`] when it cannot be a tenant's number.
pub(crate) fn tenant(headers: &HeaderMap) -> Result<Option<TenantId>> {
    let Some(value) = headers.get("tenant-id") else { return Ok(None) };
    match value.to_str().map(str::trim) {
        Ok("") => Ok(None),
        Ok(text) => match text.parse::<i64>().map(TenantId::try_from) {
            Ok(Ok(tenant)) => Ok(Some(tenant)),
            _ => Err(Error::WrongType("tenant-id".into())),
        },
        Err(_) => Err(Error::WrongType("tenant-id".into())),
    }
}

/// Refuses a visitor's token that comes from a page that its channel does not allow, or whose channel is closed. Costs nothing
/// for the tokens of others.
///
/// # Errors
/// [`Error::OriginForbidden`].
pub(crate) fn check_origin(principal: &Principal, request: &HttpRequest) -> Result<()> {
    let Some(id) = principal.channel else { return Ok(()) };
    let channels = request.app_data::<web::Data<Channels>>();
    channels.ok_or_else(|| Error::internal("no Channels in the application's data"))?.admit(id, request)
}

/// What counts the calls of users, when this is one that counts: what is posted has limits of its own.
fn counted_by(request: &HttpRequest) -> Option<web::Data<RateLimits>> {
    if request.method() == Method::POST { None } else { request.app_data::<web::Data<RateLimits>>().cloned() }
}

/// The future of the extractors. A token that is in the cache costs no allocation.
pub(crate) struct Extracting<T>(State<T>);

enum State<T> {
    Ready(Option<Result<T>>),
    Verifying(LocalBoxFuture<'static, Result<T>>),
}

impl<T: 'static> Extracting<T> {
    fn start(request: &HttpRequest, finish: fn(Arc<Principal>) -> Result<T>) -> Self {
        let Some(auth) = request.app_data::<web::Data<Auth>>() else {
            return Self::ready(Err(Error::internal("no Auth in the application's data")));
        };
        let Some(token) = token(request.headers()) else { return Self::ready(Err(Error::Unauthenticated)) };
        let (tenant, limits) = (tenant(request.headers()), counted_by(request));
        let finish = move |principal: Arc<Principal>, request: &HttpRequest| {
            if tenant?.is_some_and(|tenant| tenant != principal.key.tenant) {
                return Err(Error::TenantForeign);
            }
            check_origin(&principal, request)?;
            if let Some(limits) = limits {
                limits.calls.check(&principal.key)?;
            }
            finish(principal)
        };
        if let Some(principal) = auth.cached(token, TokenUse::Rest) {
            return Self::ready(finish(principal, request));
        }
        let (auth, token, request) = (Auth::clone(auth), token.to_owned(), request.clone());
        let verified = async move { finish(auth.authenticate(&token, TokenUse::Rest).await?, &request) };
        Self(State::Verifying(Box::pin(verified)))
    }

    const fn ready(outcome: Result<T>) -> Self {
        Self(State::Ready(Some(outcome)))
    }
}

// Nothing in it is pinned in place: the boxed future is pinned behind its pointer.
impl<T> Unpin for Extracting<T> {}

impl<T> Future for Extracting<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Ready(outcome) => {
                Poll::Ready(outcome.take().unwrap_or_else(|| Err(Error::internal("polled after its end"))))
            }
            State::Verifying(future) => future.as_mut().poll(context),
        }
    }
}
