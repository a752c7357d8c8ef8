//! Registers a handler and describes it in the OpenAPI document in one step, so that the two cannot differ.

use std::marker::PhantomData;

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::http::Method;
use actix_web::{FromRequest, Handler, Responder, guard, web};
use utoipa::__dev::{SchemaReferences, Tags};
use utoipa::Path;
use utoipa::openapi::PathItem;
use utoipa::openapi::path::{HttpMethod, Paths};
use utoipa_actix_web::OpenApiFactory;

use super::describe::{Describe, Description, Schemas};

/// A handler at the path that its `#[utoipa::path]`, the type `P`, names.
pub struct Route<P, H, Args> {
    handler: H,
    types: PhantomData<fn(Args) -> P>,
}

impl<P: Path, H: Handler<Args>, Args> Route<P, H, Args> {
    /// Of this handler.
    pub const fn new(handler: H) -> Self {
        Self { handler, types: PhantomData }
    }
}

impl<P, H, Args> HttpServiceFactory for Route<P, H, Args>
where
    P: Path,
    H: Handler<Args>,
    H::Output: Responder + 'static,
    Args: FromRequest + 'static,
{
    fn register(self, config: &mut AppService) {
        // A guard and not a route of the resource: other methods go on to the default service. The middleware has made a GET
        // of a HEAD.
        web::resource(P::path()).guard(guard::Method(method::<P>())).to(self.handler).register(config);
    }
}

impl<P, H, Args> OpenApiFactory for Route<P, H, Args>
where
    P: Path + SchemaReferences + Tags<'static>,
    H: Handler<Args>,
    H::Output: Describe,
    Args: Describe,
{
    fn paths(&self) -> Paths {
        let operation = Self::description().finish().0;
        let methods = P::methods().into_iter();
        methods
            .fold(Paths::builder(), |paths, method| paths.path(P::path(), PathItem::new(method, operation.clone())))
            .build()
    }

    fn schemas(&self, schemas: &mut Schemas) {
        schemas.extend(Self::description().finish().1);
    }
}

impl<P, H, Args> Route<P, H, Args>
where
    P: Path + SchemaReferences + Tags<'static>,
    H: Handler<Args>,
    H::Output: Describe,
    Args: Describe,
{
    fn description() -> Description {
        let mut schemas = Schemas::new();
        P::schemas(&mut schemas);
        let mut operation = P::operation();
        operation.tags = Some(P::tags().into_iter().map(str::to_owned).collect());
        let mut description = Description::new(operation, schemas);
        Args::describe(&mut description);
        H::Output::describe(&mut description);
        description
    }
}

/// The method that `#[utoipa::path]` names, which is one.
fn method<P: Path>() -> Method {
    match P::methods().first() {
        Some(HttpMethod::Post) => Method::POST,
        Some(HttpMethod::Put) => Method::PUT,
        Some(HttpMethod::Delete) => Method::DELETE,
        Some(HttpMethod::Options) => Method::OPTIONS,
        Some(HttpMethod::Head) => Method::HEAD,
        Some(HttpMethod::Patch) => Method::PATCH,
        Some(HttpMethod::Trace) => Method::TRACE,
        Some(HttpMethod::Get) | None => Method::GET,
    }
}

// For `routes!`, wherever it is used.
pub use pastey::paste;

/// Registers handlers that `#[utoipa::path]` describes: `routes!(config => list, get)`.
#[macro_export]
macro_rules! routes {
    ($config:expr => $($handler:ident),+ $(,)?) => {
        $crate::http::route::paste! {
            $($config.service($crate::http::route::Route::<[<__path_ $handler>], _, _>::new($handler));)+
        }
    };
}
pub use routes;
