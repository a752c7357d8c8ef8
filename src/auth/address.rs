//! The address a request comes from, for rate limits.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;

/// How to find a client's address; lives in the application's data.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClientAddress {
    /// `server.trust_forwarded_for`: whether a proxy in front names the client in `X-Forwarded-For`.
    pub trust_forwarded_for: bool,
}

impl ClientAddress {
    /// The address of a request's client: the last one that the proxy in front added, when that is trusted, else the
    /// other end of the connection.
    pub(crate) fn of(self, request: &HttpRequest) -> IpAddr {
        let forwarded = || {
            let header = request.headers().get_all("x-forwarded-for").last()?.to_str().ok()?;
            header.rsplit(',').next()?.trim().parse().ok()
        };
        self.trust_forwarded_for
            .then(forwarded)
            .flatten()
            .or_else(|| request.peer_addr().map(|peer| peer.ip()))
            .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_header_counts_only_when_it_is_trusted() {
        let request = TestRequest::default()
            .peer_addr(([10, 0, 0, 1], 5000).into())
            .insert_header(("x-forwarded-for", "6.6.6.6, 192.0.2.7"))
            .to_http_request();
        let address = |trust_forwarded_for| ClientAddress { trust_forwarded_for }.of(&request).to_string();
        assert_eq!(address(false), "10.0.0.1");
        assert_eq!(address(true), "192.0.2.7");
    }
}
