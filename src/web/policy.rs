//! What a browser lets the console's pages do.

use url::Url;

/// The `Content-Security-Policy` of every page: code and styles from the service only, and never from a text
/// (`require-trusted-types-for`; Vue declares the one policy that it needs).
///
/// Pictures may come from anywhere by https, because a shop's product cards and avatars name their own addresses. Uploaded
/// files are named by `public_url`, which may be another origin than the one that the page was opened at. A file in S3
/// is read through the service, so the bucket's origin is not among them.
pub(super) fn content_security_policy(public_url: Option<&str>) -> String {
    let files = public_url.and_then(|url| Url::parse(url).ok()).map(|url| url.origin().ascii_serialization());
    let files = files.map(|origin| format!(" {origin}")).unwrap_or_default();
    [
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
        "trusted-types vue",
    ]
    .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploaded_files_are_shown_from_where_the_settings_say() {
        let own = content_security_policy(None);
        assert!(own.contains("; img-src 'self' data: blob: https:; media-src 'self' blob:; "), "{own}");
        let other = content_security_policy(Some("http://files.example:8080/chat"));
        assert!(other.contains("https: http://files.example:8080; media-src 'self' blob: http://files.example:8080; "));
    }
}
