//! `kefu serve`

use super::Result;
use crate::settings::Settings;

/// Runs the service until it is told to stop.
pub(super) fn run(_settings: Settings) -> Result {
    Err("serve: not available yet".into())
}
