//! `kefu openapi`

use super::Result;
use crate::routes;

/// Prints the OpenAPI document; needs no settings.
pub(super) fn run() -> Result {
    super::print(&routes::document_text()?)
}
