//! What proxies in front say about a request: the client's address, and the address that the client called.

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::uri::Authority;
use actix_web::{FromRequest, HttpRequest, web};
use ipnet::IpNet;

use super::describe::{Describe, Description};
use crate::error::{Error, Result};
use crate::settings::{self, network};

/// The networks of proxies that `server.trust_forwarded_for` stands for: this machine, private and link-local networks,
/// and the shared address space (RFC 6598), which load balancers of clouds have addresses of.
const NEARBY: [&str; 9] = [
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
];

/// Which proxies are believed; lives in the application's data. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct ClientAddress {
    trusted: Arc<[IpNet]>,
}

impl ClientAddress {
    /// The proxies of the settings.
    pub fn new(server: &settings::Server) -> Self {
        let nearby = NEARBY.iter().copied().filter(|_| server.trust_forwarded_for);
        let named = server.trusted_proxies.iter().map(String::as_str);
        Self { trusted: nearby.chain(named).filter_map(network).collect() }
    }

    /// The address of a request's client. Every proxy adds the address that it was called from at the end of
    /// `X-Forwarded-For`: read from there, the first one that is no trusted proxy's is the client's. Whatever stands
    /// before it was written by the client, and so was everything before what is no address.
    pub fn of(&self, request: &HttpRequest) -> IpAddr {
        let mut address =
            request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical());
        let lines: Vec<_> = request.headers().get_all("x-forwarded-for").collect();
        // A line that is no ASCII text counts as one item that is no address.
        let items = lines.into_iter().rev().flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        for item in items {
            if !self.is_trusted(address) {
                break;
            }
            let Some(before) = parse(item.trim()) else { break };
            address = before;
        }
        address
    }

    /// Scheme and host that the client called, as trusted proxies say: `X-Forwarded-Proto` and `X-Forwarded-Host`, or
    /// `Forwarded`; `None` for a request that came from none.
    pub fn called(&self, request: &HttpRequest) -> Option<String> {
        request.peer_addr().filter(|peer| self.is_trusted(peer.ip().to_canonical()))?;
        let connection = request.connection_info();
        let scheme = if connection.scheme().eq_ignore_ascii_case("https") { "https" } else { "http" };
        connection.host().parse::<Authority>().ok().map(|host| format!("{scheme}://{host}"))
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }
}

/// The address of a request's client, as the type of a handler's parameter.
#[derive(Clone, Copy, Debug)]
pub struct CallerAddress(pub IpAddr);

impl FromRequest for CallerAddress {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let proxies = request.app_data::<web::Data<ClientAddress>>();
        ready(proxies.map(|proxies| Self(proxies.of(request))).ok_or_else(|| Error::internal("no ClientAddress")))
    }
}

impl Describe for CallerAddress {
    fn describe(_: &mut Description) {}
}

/// An address, with or without a port: `192.0.2.7`, `192.0.2.7:5000`, `2001:db8::1`, `[2001:db8::1]`,
/// `[2001:db8::1]:5000`.
fn parse(item: &str) -> Option<IpAddr> {
    let bare = || item.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(item).parse().ok();
    let address = item.parse::<SocketAddr>().map(|address| address.ip()).ok().or_else(bare)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn server(trust_forwarded_for: bool, proxies: &[&str]) -> settings::Server {
        let trusted_proxies = proxies.iter().map(|proxy| (*proxy).to_owned()).collect();
        settings::Server { trust_forwarded_for, trusted_proxies, ..settings::Server::default() }
    }

    fn address(server: &settings::Server, peer: &str, lines: &[&str]) -> String {
        let request = TestRequest::default().peer_addr(SocketAddr::new(peer.parse().unwrap(), 5000));
        let request = lines.iter().fold(request, |request, line| request.append_header(("x-forwarded-for", *line)));
        ClientAddress::new(server).of(&request.to_http_request()).to_string()
    }

    #[test]
    fn the_header_counts_only_when_a_trusted_proxy_brings_it() {
        let lines = &["6.6.6.6, 192.0.2.7"];
        assert_eq!(address(&server(false, &[]), "10.0.0.1", lines), "10.0.0.1");
        assert_eq!(address(&server(true, &[]), "10.0.0.1", lines), "192.0.2.7");
        assert_eq!(address(&server(true, &[]), "203.0.113.1", lines), "203.0.113.1", "no private network");
        assert_eq!(address(&server(false, &["203.0.113.1"]), "203.0.113.1", lines), "192.0.2.7");
        assert_eq!(address(&server(false, &["203.0.113.0/24"]), "10.0.0.1", lines), "10.0.0.1");
        assert_eq!(address(&server(true, &[]), "::ffff:10.0.0.1", lines), "192.0.2.7");
    }

    #[test]
    fn proxies_of_a_chain_are_passed_over_from_the_right() {
        let trusted = server(true, &["203.0.113.0/24"]);
        for (lines, client) in [
            (&["192.0.2.7, 203.0.113.9, 10.1.1.1"][..], "192.0.2.7"),
            (&["6.6.6.6", "192.0.2.7", "203.0.113.9"], "192.0.2.7"),
            (&["192.0.2.7:40001"], "192.0.2.7"),
            (&["[2001:db8::1]:443, 10.0.0.2:80"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["::ffff:192.0.2.7"], "192.0.2.7"),
            (&["192.168.1.5, 10.0.0.2"], "192.168.1.5"),
            (&["192.0.2.7, unknown"], "127.0.0.1"),
            (&["192.0.2.7, unknown, 10.0.0.2"], "10.0.0.2"),
            (&["192.0.2.7,"], "127.0.0.1"),
            (&["192.0.2.7, \u{e9}"], "127.0.0.1"),
            (&[], "127.0.0.1"),
        ] {
            assert_eq!(address(&trusted, "127.0.0.1", lines), client, "{lines:?}");
        }
    }

    #[test]
    fn what_the_client_called_is_believed_of_trusted_proxies_only() {
        let called = |peer: [u8; 4], scheme: &str, host: &str| {
            let request = TestRequest::default()
                .peer_addr((peer, 5000).into())
                .insert_header(("x-forwarded-proto", scheme))
                .insert_header(("x-forwarded-host", host));
            ClientAddress::new(&server(true, &[])).called(&request.to_http_request())
        };
        assert_eq!(called([10, 0, 0, 1], "https", "kefu.example").as_deref(), Some("https://kefu.example"));
        assert_eq!(called([10, 0, 0, 1], "javascript", "kefu.example:81").as_deref(), Some("http://kefu.example:81"));
        assert_eq!(called([10, 0, 0, 1], "https", "a b"), None);
        assert_eq!(called([203, 0, 113, 1], "https", "kefu.example"), None);
    }
}
