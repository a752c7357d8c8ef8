//! Numbers that the database keeps by name: rows of `kefu_id_block` that hold something else than the next id.

use diesel::prelude::*;

use super::AnyConnection;
use super::schema::kefu_id_block;
use crate::error::Result;

/// The number of this name, `None` before it is set.
pub(super) fn get(connection: &mut AnyConnection, name: &'static str) -> Result<Option<i64>> {
    Ok(kefu_id_block::table.find(name).select(kefu_id_block::next_id).first(connection).optional()?)
}

/// Sets it, inside a write transaction.
pub(super) fn set(connection: &mut AnyConnection, name: &'static str, number: i64) -> Result<()> {
    diesel::delete(kefu_id_block::table.find(name)).execute(connection)?;
    let row = (kefu_id_block::name.eq(name), kefu_id_block::next_id.eq(number));
    diesel::insert_into(kefu_id_block::table).values(row).execute(connection)?;
    Ok(())
}
