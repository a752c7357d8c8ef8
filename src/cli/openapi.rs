//! `kefu openapi`

use super::Result;

/// Prints the OpenAPI document; needs no settings.
pub(super) fn run() -> Result {
    Err("openapi: not available yet".into())
}
