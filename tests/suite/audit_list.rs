//! The list of administrative changes: who may read it, its filters and pages, the table for spreadsheets, and its age.

use std::collections::BTreeSet;

use diesel::{ExpressionMethods, RunQueryDsl};
use kefu::clock::to_timestamp;
use kefu::id::TenantId;
use kefu::testing::access::Role;
use kefu::testing::db::schema::kefu_audit as t;
use serde_json::{Value, json};

use crate::job::runs;
use crate::support::database::{Kind, only_on};
use crate::support::{START, TestApp, User, eventually};

const LIST: &str = "/admin-api/infra/audit/list";
const EXPORT: &str = "/admin-api/infra/audit/export";
const SETTING: &str = "/admin-api/promotion/kefu-setting/update";
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// A row of the table, made by hand.
#[derive(Clone, Copy)]
struct Row {
    tenant: i64,
    admin: i64,
    action: &'static str,
    object: (&'static str, &'static str),
    at: i64,
}

/// Adds rows with the ids from 1,000 on.
async fn insert(app: &TestApp, rows: Vec<Row>) {
    app.db
        .write(move |connection| {
            for (place, row) in (0_i64..).zip(&rows) {
                diesel::insert_into(t::table)
                    .values((
                        t::id.eq(1_000 + place),
                        t::admin_id.eq(row.admin),
                        t::actor.eq("=cmd|' /C calc'!A0"),
                        t::action.eq(row.action),
                        t::object_type.eq(row.object.0),
                        t::object_id.eq(row.object.1),
                        t::before_value.eq(None::<String>),
                        t::after_value.eq(Some(r#"{"name":"a,\"b\""}"#)),
                        t::create_time.eq(to_timestamp(row.at)),
                        t::update_time.eq(to_timestamp(row.at)),
                        t::tenant_id.eq(row.tenant),
                    ))
                    .execute(connection)?;
            }
            Ok(())
        })
        .await
        .unwrap();
}

/// Whether a row fits a filter.
type Fits = Box<dyn Fn(&Row) -> bool>;

fn row(place: i64) -> Row {
    Row {
        tenant: 1 + i64::from(place % 5 == 4),
        admin: place % 3,
        action: ["create", "update", "delete"][usize::try_from(place % 3).unwrap()],
        object: ([("role", "1"), ("user", "1"), ("role", "2"), ("user", "12")])[usize::try_from(place % 4).unwrap()],
        at: START + place / 2 * 1000,
    }
}

async fn ids(user: &User, query: &str) -> Vec<i64> {
    let rows = user.get(&format!("{LIST}?{query}")).await.ok();
    rows.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn filters_and_pages_show_each_row_once_the_newest_first() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let stranger = app.admin_of(TenantId::new(2), "two", Role::Owner).await;
    app.execute("DELETE FROM kefu_audit");
    insert(&app, (0..60).map(row).collect()).await;
    let expected = |tenant: i64, fits: &dyn Fn(&Row) -> bool| -> Vec<i64> {
        let mut places: Vec<i64> = (0..60).filter(|place| row(*place).tenant == tenant && fits(&row(*place))).collect();
        places.sort_by_key(|place| std::cmp::Reverse((row(*place).at, *place)));
        places.into_iter().map(|place| 1_000 + place).collect()
    };
    let (from, to) = (START + 5_000, START + 20_000);
    let filters: [(String, Fits); 9] = [
        (String::new(), Box::new(|_| true)),
        ("adminId=1".into(), Box::new(|row| row.admin == 1)),
        ("adminId=0".into(), Box::new(|row| row.admin == 0)),
        ("objectType=role".into(), Box::new(|row| row.object.0 == "role")),
        ("objectId=1".into(), Box::new(|row| row.object.1 == "1")),
        ("objectType=user&objectId=1".into(), Box::new(|row| row.object == ("user", "1"))),
        ("action=delete".into(), Box::new(|row| row.action == "delete")),
        (format!("from={from}&to={to}"), Box::new(move |row| (from..to).contains(&row.at))),
        (
            format!("action=update&objectType=user&adminId=1&from={from}"),
            Box::new(move |row| row.action == "update" && row.object.0 == "user" && row.admin == 1 && row.at >= from),
        ),
    ];
    for (filter, fits) in &filters {
        for (user, tenant) in [(&owner, 1), (&stranger, 2)] {
            assert_eq!(ids(user, &format!("limit=200&{filter}")).await, expected(tenant, fits), "{filter}");
        }
        // Page by page, the same.
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = owner.get(&format!("{LIST}?limit=7&cursor={cursor}&{filter}")).await.ok();
            let Some(last) = page.as_array().unwrap().last() else { break };
            cursor = last["cursor"].as_str().unwrap().to_owned();
            found.extend(page.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()));
        }
        assert_eq!(found, expected(1, fits), "{filter}");
    }
    assert_eq!(ids(&owner, "").await.len(), 48);
    assert_eq!(ids(&owner, "to=9007199254740991").await.len(), 48);
    for wrong in ["limit=0", "limit=201", "cursor=x", "cursor=1.2.3", "adminId=-1", "from=-1", "to=x"] {
        assert_eq!(owner.get(&format!("{LIST}?{wrong}")).await.code, 400, "{wrong}");
    }
    app.stop().await;
}

#[tokio::test]
async fn owners_and_viewers_may_read_it_and_agents_may_not() {
    let app = TestApp::spawn().await;
    let (viewer, agent) = (app.admin("v", Role::Viewer).await, app.admin("a", Role::Agent).await);
    for path in [LIST, EXPORT] {
        agent.get(path).await.fails(403, "没有该操作权限");
        app.anonymous().get(path).await.fails(401, "账号未登录");
    }
    viewer.get(LIST).await.ok();
    assert_eq!(viewer.request(reqwest::Method::GET, EXPORT).send().await.unwrap().status(), 200);
    app.stop().await;
}

async fn export(user: &User, query: &str) -> (String, String) {
    let response = user.request(reqwest::Method::GET, &format!("{EXPORT}?{query}")).send().await.unwrap();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    let named = response.headers()["content-disposition"].to_str().unwrap();
    assert_eq!((response.status().as_u16(), named), (200, "attachment; filename=\"audit.csv\""));
    // Not `text()`, which would drop the mark.
    (kind, String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap())
}

#[tokio::test]
async fn the_table_has_at_most_ten_thousand_rows_and_no_formulas() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    app.execute("DELETE FROM kefu_audit");
    insert(&app, (0..10_003).map(|place| Row { tenant: 1, at: START + place, ..row(place) }).collect()).await;
    let (kind, text) = export(&owner, "").await;
    assert_eq!(kind, "text/csv; charset=utf-8");
    let lines: Vec<&str> = text.trim_end().split("\r\n").collect();
    assert_eq!(lines.len(), 10_001);
    assert_eq!(lines[0], "\u{feff}id,createTime,adminId,actor,action,objectType,objectId,before,after,address");
    let newest = "11002,2026-11-21T04:00:10.002Z,0,'=cmd|' /C calc'!A0,create,role,2,,\"{\"\"name\"\":\"\"a,\\\"\"b\\\"\"\"\"}\",";
    assert_eq!(lines[1], newest);
    let ids: BTreeSet<&str> = lines[1..].iter().map(|line| line.split(',').next().unwrap()).collect();
    assert!(ids.len() == 10_000 && !ids.contains("1002"), "the oldest are left out");

    let (_, text) = export(&owner, "objectId=12&action=delete").await;
    let some = (0..10_003).map(row).filter(|row| row.object.1 == "12" && row.action == "delete").count();
    assert_eq!(text.lines().count(), 1 + some);
    app.stop().await;
}

#[derive(diesel::QueryableByName)]
struct Step {
    #[diesel(sql_type = diesel::sql_types::Text)]
    detail: String,
}

/// On SQLite, because its plan depends on no statistics.
#[tokio::test]
async fn each_filter_is_read_along_its_index_without_sorting() {
    if only_on(Kind::Sqlite, "whose plans can be compared") {
        return;
    }
    let app = TestApp::spawn().await;
    for (filter, index) in [
        ("", "kefu_audit_time"),
        ("AND admin_id = 1", "kefu_audit_admin"),
        ("AND object_type = 'role'", "kefu_audit_type"),
        ("AND object_id = '1'", "kefu_audit_object"),
        ("AND action = 'update'", "kefu_audit_action"),
        ("AND create_time >= '2026-11-21 00:00:00' AND create_time < '2026-11-22 00:00:00'", "kefu_audit_time"),
    ] {
        let query = format!(
            "EXPLAIN QUERY PLAN SELECT * FROM kefu_audit WHERE tenant_id = 1 {filter}
             ORDER BY create_time DESC, id DESC LIMIT 50"
        );
        let load = move |connection: &mut _| Ok(diesel::sql_query(query).load::<Step>(connection)?);
        let steps = app.db.run(load).await.unwrap();
        let plan: Vec<String> = steps.into_iter().map(|step| step.detail).collect();
        assert!(plan.len() == 1 && plan[0].contains(&format!("INDEX {index} ")), "{filter}: {plan:?}");
    }
    app.stop().await;
}

async fn kept(app: &TestApp, tenant: i64) -> i64 {
    app.count(&format!("kefu_audit WHERE tenant_id = {tenant} AND id >= 1000")).await
}

#[tokio::test]
async fn rows_end_with_the_days_that_each_tenant_keeps_them() {
    let app = TestApp::spawn().await;
    app.admin_of(TenantId::new(2), "two", Role::Owner).await;
    let old = |tenant: i64, days: i64| Row { tenant, at: START - days * DAY, ..row(0) };
    let mut rows: Vec<Row> = (0..1100).map(|_| old(1, 400)).collect();
    rows.extend([old(1, 360), old(2, 20), old(2, 5), old(2, 400)]);
    insert(&app, rows).await;
    app.clock.advance(HOUR);
    eventually("those of a year ago are gone, more than one transaction has of them", async || {
        kept(&app, 1).await == 1 && kept(&app, 2).await == 2
    })
    .await;

    app.execute("UPDATE kefu_tenant SET settings = '{\"audit\":{\"keepDays\":10}}' WHERE id = 2");
    app.clock.advance(HOUR);
    eventually("the other tenant keeps ten days", async || kept(&app, 2).await == 1).await;
    assert_eq!(kept(&app, 1).await, 1);
    app.owner().await.put_json(SETTING, json!({"audit": {"keepDays": 0}})).await.ok();
    app.clock.advance(1000 * DAY);
    eventually("the other tenant's are gone", async || kept(&app, 2).await == 0).await;
    assert_eq!(kept(&app, 1).await, 1, "for ever");
    app.stop().await;
}

#[tokio::test]
async fn none_ends_by_a_clock_that_has_jumped() {
    let app = TestApp::spawn().await;
    eventually("the run of the start", async || runs(&app, "audit.delete_old", "done").await == 1).await;
    insert(&app, vec![row(0)]).await;
    app.clock.correct(START + 400 * DAY);
    eventually("the run of that hour", async || runs(&app, "audit.delete_old", "done").await == 2).await;
    assert_eq!(kept(&app, 1).await, 1);
    app.clock.advance(DAY);
    eventually("the clock is believed again", async || kept(&app, 1).await == 0).await;
    app.stop().await;
}

#[tokio::test]
async fn the_days_are_a_setting_of_the_tenant() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let days = async |days: Value| owner.put_json(SETTING, json!({"audit": {"keepDays": days}})).await;
    days(json!(36_500)).await.ok();
    days(json!(36_501)).await.fails(400, "请求参数不正确:audit.keepDays 须为 0 至 36500 的整数");
    days(json!(-1)).await.fails(400, "请求参数类型错误:audit.keepDays");
    app.stop().await;
}
