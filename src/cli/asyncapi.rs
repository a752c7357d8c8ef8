//! `kefu asyncapi`

use super::Result;
use crate::routes;

/// Prints the AsyncAPI document; needs no settings.
pub(super) fn run() -> Result {
    super::print(&routes::asyncapi_text()?)
}
