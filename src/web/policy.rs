//! What a browser lets the pages do.

use crate::origin;

/// The `Content-Security-Policy` of the pages.
pub(super) struct Policies {
    pub(super) console: String,
    pub(super) demo: String,
}

/// Code and styles from the service only, and never from a text (`require-trusted-types-for`; Vue declares the one policy that
/// it needs). The demo page is a site's page like any other: what the widget does there, it does by this policy, too.
///
/// Pictures may come from anywhere by https, because a shop's product cards and avatars name their own addresses. Uploaded
/// files are named by `public_url`, which may be another origin than the one that the page was opened at. A file in S3
/// is read through the service, so the bucket's origin is not among them.
pub(super) fn content_security_policies(public_url: Option<&str>) -> Policies {
    let files = public_url.and_then(origin::of_address).map(|origin| format!(" {origin}")).unwrap_or_default();
    let both = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        &format!("img-src 'self' data: blob: https:{files}"),
        &format!("media-src 'self' blob:{files}"),
        "connect-src 'self' ws: wss:",
        "font-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ]
    .join("; ");
    Policies { console: format!("{both}; trusted-types vue"), demo: both }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploaded_files_are_shown_from_where_the_settings_say() {
        let own = content_security_policies(None).demo;
        assert!(own.contains("; img-src 'self' data: blob: https:; media-src 'self' blob:; "), "{own}");
        let other = content_security_policies(Some("http://files.example:8080/chat")).console;
        assert!(other.contains("https: http://files.example:8080; media-src 'self' blob: http://files.example:8080; "));
    }
}
