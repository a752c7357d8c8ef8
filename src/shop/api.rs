//! The table of the placeholders, and its way into the routes and the OpenAPI document.

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::{guard, web};
use serde_json::{Value, json};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem, Paths};
use utoipa::openapi::{ContentBuilder, ResponseBuilder};
use utoipa_actix_web::OpenApiFactory;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::access::AnyAdmin;
use crate::auth::extract::{Admin, Member};
use crate::http::Answer;
use crate::http::describe::{self, Describe, Description, Schemas};
use crate::tenant::DEFAULT_TENANT;

/// The tag in the document.
const TAG: &str = "shop placeholder";

/// Registers what the console asks for while an admin logs in. It is always there: without it the console does not even
/// send the login, whatever the shop answers elsewhere.
pub(crate) fn console_routes(config: &mut ServiceConfig<'_>) {
    for placeholder in &CONSOLE {
        config.service(placeholder);
    }
}

/// Registers what is the shop's.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    for placeholder in &SHOP {
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

static CONSOLE: [Placeholder; 5] = [
    placeholder(Caller::Anyone, "/admin-api/system/tenant/get-by-website", "The tenant of a website", nothing),
    placeholder(Caller::Anyone, "/admin-api/system/tenant/get-id-by-name", "A tenant's number", || {
        json!(DEFAULT_TENANT)
    }),
    placeholder(Caller::Admin, "/admin-api/system/dict-data/simple-list", "The console's dictionaries", empty_list),
    placeholder(Caller::Admin, "/admin-api/system/notify-message/get-unread-count", "Unread notices", zero),
    placeholder(Caller::Admin, "/admin-api/system/notify-message/get-unread-list", "Unread notices", empty_list),
];

static SHOP: [Placeholder; 11] = [
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
    fn answer(&self) -> Answer<Value> {
        Answer((self.data)())
    }

    /// `/admin-api/pay/wallet/get` is `admin_pay_wallet_get`.
    fn operation_id(&self) -> String {
        self.path.trim_start_matches('/').replacen("-api", "", 1).replace(['/', '-'], "_")
    }

    fn describe(&self) -> Description {
        let example = json!({"code": 0, "msg": "", "data": (self.data)()});
        let answer = ContentBuilder::new().example(Some(example)).build();
        let operation = OperationBuilder::new()
            .tag(TAG)
            .summary(Some(self.summary))
            .description(Some("Always the same empty answer; a shop's own backend takes this path over."))
            .operation_id(Some(self.operation_id()))
            .response("200", ResponseBuilder::new().content("application/json", answer))
            .build();
        let mut description = Description::new(operation, Schemas::new());
        description.caller(match self.caller {
            Caller::Anyone => describe::Caller::Anyone,
            Caller::Admin => describe::Caller::AnyAdmin,
            Caller::Member => describe::Caller::AnyMember,
        });
        Answer::<Value>::describe(&mut description);
        description
    }
}

impl HttpServiceFactory for &'static Placeholder {
    fn register(self, config: &mut AppService) {
        // A guard and not a route: other methods go on to the default service, as with all other paths.
        let resource = web::resource(self.path).guard(guard::Get());
        match self.caller {
            Caller::Member => resource.to(async |_: Member| self.answer()),
            Caller::Admin => resource.to(async |_: Admin<AnyAdmin>| self.answer()),
            Caller::Anyone => resource.to(async || self.answer()),
        }
        .register(config);
    }
}

impl OpenApiFactory for &'static Placeholder {
    fn paths(&self) -> Paths {
        let operation = self.describe().finish().0;
        Paths::builder().path(self.path, PathItem::new(HttpMethod::Get, operation)).build()
    }

    fn schemas(&self, schemas: &mut Schemas) {
        schemas.extend(self.describe().finish().1);
    }
}
