//! HTTP calls to the integrator's own systems: bounded in time and size, without redirects.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response};

/// A client whose calls take at most `timeout` each. `idle` connections are kept to an address: none for calls that are rare, as
/// each may run on another thread's runtime.
///
/// # Errors
/// Why the certificates that it trusts cannot be read.
pub(super) fn client(timeout: Duration, idle: usize) -> Result<Client, String> {
    Client::builder()
        .timeout(timeout)
        .redirect(Policy::none())
        .pool_max_idle_per_host(idle)
        .pool_idle_timeout(Duration::from_secs(10))
        .user_agent(concat!("kefu/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| chain(&error))
}

/// An answer's body of at most `most` bytes.
///
/// # Errors
/// One line for the log, without the address, which may hold what is secret.
pub(super) async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| chain(&error.without_url()))? {
        if text.len() + part.len() > most {
            return Err(format!("answered more than {most} bytes"));
        }
        text.extend_from_slice(&part);
    }
    Ok(text)
}

/// An error with its causes, which alone say what happened.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
