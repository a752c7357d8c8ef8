//! The web pages that the service brings along: the agents' console at `/console/`, the visitors' widget and its demo page
//! at `/widget/`.
//!
//! They are built from `web/` with Node, committed as `web/dist` and put into the binary by `build.rs`, so that neither a
//! build of kefu nor its operation needs Node (the feature `web`). `server.web_dir` names a folder that is laid out like `web/dist`
//! and is read anew for each request, for those who work on the pages.

pub(crate) mod api;
mod assets;
mod policy;
pub(crate) mod widget;

use actix_web::http::header::HeaderValue;
use serde::Serialize;

use crate::settings::{self, Settings};
use assets::Assets;

/// The pages, and what their answers carry.
#[derive(Clone)]
pub(crate) struct Web {
    assets: Assets,
    /// The `Content-Security-Policy` of the console.
    console_policy: HeaderValue,
    /// That of the demo page.
    demo_policy: HeaderValue,
    /// Told to the pages, which say so before a message or a file is refused.
    limits: Limits,
}

/// The limits that pages know.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Limits {
    /// The longest content of a message, in characters.
    content_length: usize,
    /// The largest upload, in bytes.
    upload_bytes: usize,
}

impl Web {
    /// As the settings say; `None` when neither the binary nor a folder has pages.
    ///
    /// # Errors
    /// One line for the operator: the folder is not there.
    pub(crate) fn new(settings: &Settings) -> Result<Option<Self>, String> {
        let Some(assets) = Assets::new(settings.server.web_dir.as_deref())? else { return Ok(None) };
        let policies = policy::content_security_policies(settings.server.public_url.as_deref());
        let header = |policy| HeaderValue::try_from(policy).map_err(|_| "server.public_url: no origin".to_owned());
        let (console_policy, demo_policy) = (header(policies.console)?, header(policies.demo)?);
        let settings::Limits { content_length, upload_bytes, .. } = settings.limits;
        Ok(Some(Self { assets, console_policy, demo_policy, limits: Limits { content_length, upload_bytes } }))
    }
}
