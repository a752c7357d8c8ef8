//! The table of the placeholders, and its way into the routes and the OpenAPI document.

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::{HttpResponse, guard, web};
use serde_json::{Value, json};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem, Paths};
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, Schema, SecurityRequirement};
use utoipa_actix_web::OpenApiFactory;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::account::DEFAULT_TENANT;
use crate::auth::extract::{Admin, AnyAdmin, Member};
use crate::http::ok;

/// The tag in the document.
const TAG: &str = "shop placeholder";
const SCHEMA: &str = "Envelope_Anything";

/// Registers the routes.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    for placeholder in &PLACEHOLDERS {
        config.service(placeholder);
    }
}

/// Who asks.
#[derive(Clone, Copy)]
enum Caller {
    Anyone,
    Admin,
    Member,
}

/// A `GET` and its answer; query parameters are not looked at.
struct Placeholder {
    caller: Caller,
    path: &'static str,
    summary: &'static str,
    data: fn() -> Value,
}

const fn placeholder(caller: Caller, path: &'static str, summary: &'static str, data: fn() -> Value) -> Placeholder {
    Placeholder { caller, path, summary, data }
}

const fn nothing() -> Value {
    Value::Null
}

fn empty_list() -> Value {
    json!([])
}

fn zero() -> Value {
    json!(0)
}

fn empty_page() -> Value {
    json!({"list": [], "total": 0})
}

static PLACEHOLDERS: [Placeholder; 16] = [
    placeholder(Caller::Anyone, "/admin-api/system/tenant/get-by-website", "The tenant of a website", nothing),
    placeholder(Caller::Anyone, "/admin-api/system/tenant/get-id-by-name", "A tenant's number", || {
        json!(DEFAULT_TENANT)
    }),
    placeholder(Caller::Admin, "/admin-api/system/dict-data/simple-list", "The console's dictionaries", empty_list),
    placeholder(Caller::Admin, "/admin-api/system/notify-message/get-unread-count", "Unread notices", zero),
    placeholder(Caller::Admin, "/admin-api/system/notify-message/get-unread-list", "Unread notices", empty_list),
    placeholder(Caller::Admin, "/admin-api/pay/wallet/get", "A member's wallet", nothing),
    placeholder(Caller::Admin, "/admin-api/product/browse-history/page", "What a member looked at", empty_page),
    placeholder(Caller::Admin, "/admin-api/trade/order/page", "A member's orders", empty_page),
    placeholder(Caller::Anyone, "/app-api/system/tenant/get-by-website", "The tenant of a website", nothing),
    // Without an object here the stock client shows an error page instead of itself.
    placeholder(Caller::Anyone, "/app-api/promotion/diy-template/used", "The shop's look", || json!({})),
    placeholder(Caller::Member, "/app-api/pay/wallet/get", "The member's wallet", nothing),
    placeholder(Caller::Member, "/app-api/trade/order/get-count", "The member's orders by state", nothing),
    placeholder(Caller::Member, "/app-api/promotion/coupon/get-unused-count", "The member's coupons", zero),
    placeholder(
        Caller::Member,
        "/app-api/trade/cart/list",
        "The member's cart",
        || json!({"validList": [], "invalidList": []}),
    ),
    placeholder(Caller::Member, "/app-api/product/browse-history/page", "What the member looked at", empty_page),
    placeholder(Caller::Member, "/app-api/trade/order/page", "The member's orders", empty_page),
];

impl Placeholder {
    fn answer(&self) -> HttpResponse {
        ok((self.data)())
    }

    /// `/admin-api/pay/wallet/get` is `admin_pay_wallet_get`.
    fn operation_id(&self) -> String {
        self.path.trim_start_matches('/').replacen("-api", "", 1).replace(['/', '-'], "_")
    }

    const fn permission(&self) -> &'static str {
        match self.caller {
            Caller::Anyone => "anyone",
            Caller::Admin => "any admin",
            Caller::Member => "any member",
        }
    }
}

impl HttpServiceFactory for &'static Placeholder {
    fn register(self, config: &mut AppService) {
        // A guard and not a route: other methods go on to the default service, as with all other paths.
        let resource = web::resource(self.path).guard(guard::Get());
        match self.caller {
            Caller::Anyone => resource.to(async || self.answer()),
            Caller::Admin => resource.to(async |_: Admin<AnyAdmin>| self.answer()),
            Caller::Member => resource.to(async |_: Member| self.answer()),
        }
        .register(config);
    }
}

impl OpenApiFactory for &'static Placeholder {
    fn paths(&self) -> Paths {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(SCHEMA)))
            .example(Some(json!({"code": 0, "msg": "", "data": (self.data)()})));
        let mut operation = OperationBuilder::new()
            .tag(TAG)
            .summary(Some(self.summary))
            .description(Some("Always the same empty answer; a shop's own backend takes this path over."))
            .operation_id(Some(self.operation_id()))
            .response("200", ResponseBuilder::new().content("application/json", content.build()))
            .extensions(Some([("x-permission", self.permission())].into_iter().collect()));
        if matches!(self.caller, Caller::Anyone) {
            operation = operation.security(SecurityRequirement::default());
        }
        Paths::builder().path(self.path, PathItem::new(HttpMethod::Get, operation)).build()
    }

    fn schemas(&self, schemas: &mut Vec<(String, RefOr<Schema>)>) {
        let envelope = ObjectBuilder::new()
            .property("code", Object::with_type(Type::Integer))
            .property("msg", Object::with_type(Type::String))
            .property("data", Object::with_type(SchemaType::AnyValue));
        schemas.push((SCHEMA.to_owned(), envelope.into()));
    }
}
