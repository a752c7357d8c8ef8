//! HTTP: who changed what, as a list and as a table.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::{Cursor, Entry, Filter, csv, store};
use crate::access::QueryAudit;
use crate::auth::extract::Admin;
use crate::clock::Millis;
use crate::db::Db;
use crate::error::{Error, Problem, Result};
use crate::http::{Answer, Data, Query, Then, routes};

/// Rows of a page that names no other number.
const PAGE: i64 = 50;
/// Most rows of a table.
const MOST_EXPORTED: i64 = 10_000;
/// Rows of a table that are read at once.
const READ_AT_ONCE: i64 = 1000;

/// Registers the routes. They need [`Db`] and [`crate::auth::Auth`] as application data.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    routes!(config => list, export);
}

/// A change.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
#[serde(rename_all = "camelCase")]
struct AuditView {
    #[schema(example = 7)]
    id: i64,
    /// Who made it; 0 for the command line.
    #[schema(example = 1)]
    admin_id: i64,
    /// What the admin was called then.
    #[schema(example = "客服")]
    actor: String,
    /// What was done.
    #[schema(example = "update")]
    action: String,
    /// To what kind of object.
    #[schema(example = "setting")]
    object_type: String,
    /// To which of them.
    #[schema(example = "1")]
    object_id: String,
    /// What has changed, as it was; `null` for what is new.
    #[schema(value_type = Option<Object>, example = json!({"message": {"typing": true}}))]
    before: Option<Value>,
    /// The same as it is since; `null` for what is gone.
    #[schema(value_type = Option<Object>, example = json!({"message": {"typing": false}}))]
    after: Option<Value>,
    /// Where the request came from; empty for the command line.
    #[schema(example = "203.0.113.7")]
    address: String,
    /// When, epoch milliseconds.
    #[schema(value_type = i64, example = 1_795_235_421_115_i64)]
    create_time: Millis,
    /// For the rows after this one.
    #[schema(example = "1795235421115.7")]
    cursor: String,
}

impl Data for AuditView {}

impl From<Entry> for AuditView {
    fn from(entry: Entry) -> Self {
        let cursor = Cursor::of(&entry).to_string();
        let Entry { id, admin, actor, action, object_type, object_id, before, after, address, created } = entry;
        let read = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
        Self {
            id,
            admin_id: admin,
            actor,
            action,
            object_type,
            object_id,
            before: read(before),
            after: read(after),
            address,
            create_time: created,
            cursor,
        }
    }
}

/// Which rows.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct FilterQuery {
    /// Only what this admin did; 0: only what the command line did.
    #[validate(range(min = 0))]
    #[param(minimum = 0, example = 1)]
    admin_id: Option<i64>,
    /// Only changes of this kind of object.
    #[validate(length(max = 32))]
    #[param(max_length = 32, example = "setting")]
    object_type: Option<String>,
    /// Only changes of objects with this id.
    #[validate(length(max = 64))]
    #[param(max_length = 64, example = "1")]
    object_id: Option<String>,
    /// Only this action.
    #[validate(length(max = 64))]
    #[param(max_length = 64, example = "update")]
    action: Option<String>,
    /// Not before this instant, epoch milliseconds.
    #[validate(range(min = 0))]
    #[param(minimum = 0, example = 1_795_190_400_000_i64)]
    from: Option<i64>,
    /// Before this instant, epoch milliseconds.
    #[validate(range(min = 0))]
    #[param(minimum = 0, example = 1_795_276_800_000_i64)]
    to: Option<i64>,
}

impl From<FilterQuery> for Filter {
    fn from(query: FilterQuery) -> Self {
        let FilterQuery { admin_id: admin, object_type, object_id, action, from, to } = query;
        Self { admin, object_type, object_id, action, from, to }
    }
}

/// Which part of them.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct PageQuery {
    /// Most rows, by default 50.
    #[validate(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// Continue after the row that carries this cursor.
    #[param(max_length = 64, pattern = r"^\d{1,16}\.\d{1,16}$")]
    cursor: Option<String>,
}

/// List administrative changes
///
/// The newest first. What a change was about is shown as it was and as it is since, without secrets.
#[utoipa::path(get, path = "/admin-api/infra/audit/list", operation_id = "list_audit", tag = "audit")]
async fn list(
    Then(admin, Then(Query(filter), Query(page))): Then<Admin<QueryAudit>, Then<Query<FilterQuery>, Query<PageQuery>>>,
    db: web::Data<Db>,
) -> Result<Answer<Vec<AuditView>>> {
    let PageQuery { limit, cursor } = page;
    let problem = || Error::Invalid(Problem::new("翻页位置不合法", "cursor is not valid"));
    let cursor = cursor.map(|text| Cursor::parse(&text).ok_or_else(problem)).transpose()?;
    let (tenant, filter) = (admin.0.key.tenant, Filter::from(filter));
    let found = db.run(move |connection| store::list(connection, tenant, &filter, limit.unwrap_or(PAGE), cursor));
    Ok(Answer(found.await?.into_iter().map(AuditView::from).collect()))
}

/// Export administrative changes
///
/// The newest 10,000 as a table of comma-separated values in UTF-8 with a byte order mark, times in UTC. Cells that a spreadsheet
/// would take for a formula begin with an apostrophe.
#[utoipa::path(
    get,
    path = "/admin-api/infra/audit/export",
    operation_id = "export_audit",
    tag = "audit",
    responses((status = 200, description = "The table", content_type = "text/csv", body = String))
)]
async fn export(
    Then(admin, Query(filter)): Then<Admin<QueryAudit>, Query<FilterQuery>>,
    db: web::Data<Db>,
) -> Result<HttpResponse> {
    let (tenant, filter) = (admin.0.key.tenant, Filter::from(filter));
    let mut found: Vec<Entry> = Vec::new();
    while i64::try_from(found.len()).is_ok_and(|there| there < MOST_EXPORTED) {
        let (filter, cursor) = (filter.clone(), found.last().map(Cursor::of));
        let next = db.run(move |connection| store::list(connection, tenant, &filter, READ_AT_ONCE, cursor)).await?;
        let is_last = i64::try_from(next.len()).is_ok_and(|there| there < READ_AT_ONCE);
        found.extend(next);
        if is_last {
            break;
        }
    }
    let table = web::block(move || csv::table(&found)).await.map_err(Error::internal)??;
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(table))
}
