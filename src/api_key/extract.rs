//! Which program calls, as the type of a handler's parameter: a handler that takes `Key<KeepMembers>` is reached by nothing but a
//! key with the scope `member`.

use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;

use super::{ApiKey, ApiKeys};
use crate::access::Scoped;
use crate::auth::extract::{tenant, token};
use crate::error::{Error, Result};
use crate::http::describe::{Caller, Describe, Description};
use crate::limit::RateLimits;

/// A key with the scope `S`.
#[derive(Clone, Debug)]
pub(crate) struct Key<S: Scoped>(pub Arc<ApiKey>, pub PhantomData<S>);

impl<S: Scoped> FromRequest for Key<S> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let (Some(keys), Some(limits)) =
                (request.app_data::<web::Data<ApiKeys>>(), request.app_data::<web::Data<RateLimits>>())
            else {
                return Err(Error::internal("no ApiKeys or RateLimits in the application's data"));
            };
            let key = keys.verify(token(request.headers()).ok_or(Error::Unauthenticated)?).await?;
            if tenant(request.headers())?.is_some_and(|tenant| tenant != key.tenant) {
                return Err(Error::TenantForeign);
            }
            limits.api_key_calls.check(&key.id)?;
            if !key.scopes.contains(&S::SCOPE) {
                return Err(Error::Forbidden);
            }
            Ok(Self(key, PhantomData))
        })
    }
}

impl<S: Scoped> Describe for Key<S> {
    fn describe(description: &mut Description) {
        description.caller(Caller::Key(S::SCOPE));
    }
}
