//! Which requests are WebSocket handshakes (RFC 6455 section 4.2.1), and the right to answer one with 101.
//!
//! Invariant: a 101 is answered only where [`HandedOver`] is found, and [`super::upgrade`] puts that into a request only
//! when it has taken the connection's bytes away from HTTP. Any other request goes on being HTTP: a 101 to it would let
//! a client send requests through a proxy that takes the connection for a socket.

use std::sync::Arc;

use actix_http::{RequestHead, ws};
use actix_web::http::header::{self, HeaderName};
use actix_web::http::{Method, Version};

use super::Closing;

/// The version of the protocol that is spoken.
pub const VERSION: &str = "13";

/// Marks a request whose connection will be a WebSocket once it is answered with 101. The notice tells the connection's
/// writer that the socket is closing.
#[derive(Clone)]
pub struct HandedOver(pub Arc<Closing>);

/// Why a request is not a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It does not ask for a WebSocket as it must.
    NotAHandshake,
    /// It asks for another version of the protocol.
    Version,
}

/// Checks a request to the letter: GET, HTTP/1.1, `Upgrade: websocket` alone, `Connection` with `upgrade`, a key, the
/// version, and no body.
///
/// # Errors
/// The reason for which it must not be answered with 101.
pub fn verify(head: &RequestHead) -> Result<(), Refusal> {
    let only = |name| only_value(head, name);
    let asks = head.method == Method::GET
        && head.version == Version::HTTP_11
        && only(header::UPGRADE).is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
        && head.headers().get_all(header::CONNECTION).any(|value| {
            value.to_str().is_ok_and(|options| options.split(',').any(|one| one.trim().eq_ignore_ascii_case("upgrade")))
        })
        && !head.headers().contains_key(header::TRANSFER_ENCODING)
        && match head.headers().contains_key(header::CONTENT_LENGTH) {
            true => only(header::CONTENT_LENGTH).is_some_and(|length| length.parse() == Ok(0_u64)),
            false => true,
        };
    let version = only(header::SEC_WEBSOCKET_VERSION);
    if !asks || version.is_none() {
        return Err(Refusal::NotAHandshake);
    }
    if version != Some(VERSION) {
        return Err(Refusal::Version);
    }
    if only(header::SEC_WEBSOCKET_KEY).is_none() || ws::verify_handshake(head).is_err() {
        return Err(Refusal::NotAHandshake);
    }
    Ok(())
}

/// The value of a header that comes once.
fn only_value(head: &RequestHead, name: HeaderName) -> Option<&str> {
    let mut values = head.headers().get_all(name);
    let value = values.next()?.to_str().ok()?.trim();
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use actix_http::test::TestRequest;

    use super::*;

    fn verified(change: impl FnOnce(&mut TestRequest) -> &mut TestRequest) -> Result<(), Refusal> {
        let mut request = TestRequest::default();
        for (name, value) in [
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            request.insert_header((name, value));
        }
        verify(change(&mut request).finish().head())
    }

    #[test]
    fn a_handshake_is_one_to_the_letter() {
        assert_eq!(verified(|request| request), Ok(()));
        assert_eq!(verified(|request| request.insert_header(("content-length", "0"))), Ok(()));
        for (name, value) in [
            ("upgrade", "websocket, foo"),
            ("upgrade", "websocket/13"),
            ("upgrade", "h2c"),
            ("connection", "keep-alive"),
            ("connection", "upgraded"),
            ("content-length", "1"),
            ("transfer-encoding", "chunked"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ="),
        ] {
            let refused = verified(|request| request.insert_header((name, value)));
            assert_eq!(refused, Err(Refusal::NotAHandshake), "{name}: {value}");
        }
        for name in ["upgrade", "sec-websocket-version", "sec-websocket-key"] {
            let value = if name == "upgrade" { "websocket" } else { "13" };
            let twice = verified(|request| request.append_header((name, value)));
            assert_eq!(twice, Err(Refusal::NotAHandshake), "two of {name}");
        }
        for version in ["8", "14", "13, 8"] {
            let refused = verified(|request| request.insert_header(("sec-websocket-version", version)));
            assert_eq!(refused, Err(Refusal::Version), "{version}");
        }
        assert_eq!(verified(|request| request.method(Method::HEAD)), Err(Refusal::NotAHandshake));
        assert_eq!(verified(|request| request.version(Version::HTTP_10)), Err(Refusal::NotAHandshake));
    }
}
