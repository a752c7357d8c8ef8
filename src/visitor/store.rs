//! SQL of `kefu_visitor`. A row has the number of its row in `kefu_member`.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::Page;
use crate::clock::{Millis, from_timestamp, to_timestamp};
use crate::db::AnyConnection;
use crate::db::schema::kefu_visitor as t;
use crate::error::Result;
use crate::id::{ChannelId, TenantId};

/// A visitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VisitorRow {
    /// How the visitor came in.
    pub channel: ChannelId,
    /// Where the visitor was last, when that was told.
    pub page: Option<Page>,
}

/// Makes the row of a visitor whose member was just made.
pub(super) fn insert(
    connection: &mut AnyConnection,
    member_row: i64,
    tenant: TenantId,
    channel: ChannelId,
    now: Millis,
) -> Result<()> {
    diesel::insert_into(t::table)
        .values((
            t::id.eq(member_row),
            t::channel_id.eq(channel.get()),
            t::create_time.eq(to_timestamp(now)),
            t::update_time.eq(to_timestamp(now)),
            t::tenant_id.eq(tenant.get()),
        ))
        .execute(connection)?;
    Ok(())
}

/// The visitor of a row in `kefu_member`, `None` for other members.
pub(crate) fn find(connection: &mut AnyConnection, member_row: i64) -> Result<Option<VisitorRow>> {
    let row: Option<(i64, String, String, Option<NaiveDateTime>)> = t::table
        .find(member_row)
        .select((t::channel_id, t::page_url, t::page_title, t::page_time))
        .first(connection)
        .optional()?;
    Ok(row.map(|(channel, url, title, time)| VisitorRow {
        channel: ChannelId::new(channel),
        page: time.map(|time| Page { url, title, time: from_timestamp(time) }),
    }))
}

/// Notes where a visitor is.
pub(super) fn set_page(connection: &mut AnyConnection, member_row: i64, page: &Page) -> Result<()> {
    let time = to_timestamp(page.time);
    diesel::update(t::table.find(member_row))
        .set((t::page_url.eq(&page.url), t::page_title.eq(&page.title), t::page_time.eq(time), t::update_time.eq(time)))
        .execute(connection)?;
    Ok(())
}
