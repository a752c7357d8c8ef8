//! The table `kefu_file`.

use diesel::prelude::*;

use crate::clock::{Millis, to_timestamp};
use crate::db::AnyConnection;
use crate::db::id_block::{self, IdKind};
use crate::db::schema::kefu_file;
use crate::error::Result;
use crate::id::UserKey;

/// What is remembered of an upload.
pub(super) struct NewFile {
    /// Where the object is.
    pub path: String,
    /// The name that the client gave, cleaned, at most 255 characters; empty without one.
    pub name: String,
    /// The detected type.
    pub content_type: &'static str,
    /// In bytes.
    pub size: i64,
    /// Who uploaded it.
    pub owner: UserKey,
    /// When.
    pub now: Millis,
}

/// Whether an upload has been finished.
pub(super) fn exists(connection: &mut AnyConnection, path: &str) -> Result<bool> {
    let found: Option<i64> =
        kefu_file::table.filter(kefu_file::path.eq(path)).select(kefu_file::id).first(connection).optional()?;
    Ok(found.is_some())
}

/// Adds a file, inside a write transaction.
pub(super) fn insert(connection: &mut AnyConnection, file: &NewFile) -> Result<()> {
    let id = id_block::reserve_one(connection, IdKind::File)?;
    let (user, now) = (file.owner.user.to_string(), to_timestamp(file.now));
    diesel::insert_into(kefu_file::table)
        .values((
            kefu_file::id.eq(id),
            kefu_file::path.eq(&file.path),
            kefu_file::name.eq(&file.name),
            kefu_file::content_type.eq(file.content_type),
            kefu_file::size.eq(file.size),
            kefu_file::user_id.eq(file.owner.user.get()),
            kefu_file::user_type.eq(file.owner.user_type.code()),
            kefu_file::creator.eq(&user),
            kefu_file::create_time.eq(now),
            kefu_file::updater.eq(&user),
            kefu_file::update_time.eq(now),
            kefu_file::tenant_id.eq(file.owner.tenant.get()),
        ))
        .execute(connection)?;
    Ok(())
}

/// The name under which a stored file came, `None` when there is no row.
pub(super) fn name(connection: &mut AnyConnection, path: &str) -> Result<Option<String>> {
    let row = kefu_file::table.filter(kefu_file::path.eq(path)).select(kefu_file::name);
    Ok(row.first(connection).optional()?)
}
