//! Origins of web pages, such as `https://shop.example`: how they are written, and sets of them.

use std::collections::{HashMap, HashSet};

use url::{Origin, Url};

/// Longest origin that is looked up, in bytes: a host's name has at most 253.
const LONGEST: usize = 300;

/// The origin as browsers write it; `*.` may stand before its host for all subdomains. `None` for a text that is no origin.
pub fn normalized(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let (scheme, host) = text.split_once("://")?;
    let (below, host) = host.strip_prefix("*.").map_or(("", host), |host| ("*.", host));
    // The parser passes over what is invisible.
    let is_plain = !text.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    let is_host = is_plain && !host.is_empty() && !host.contains(['/', '\\', '?', '#', '@', '*']);
    let url = Url::parse(&format!("{scheme}://{host}")).ok().filter(|_| is_host)?;
    let host = url.host_str().filter(|host| !host.is_empty() && !host.starts_with('.'))?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    (text.len() <= LONGEST).then(|| format!("{}://{below}{host}{port}", url.scheme()))
}

/// The origin of a page's address; `None` when the address has none.
pub fn of_address(address: &str) -> Option<String> {
    match Url::parse(address).ok()?.origin() {
        origin @ Origin::Tuple(..) => Some(origin.ascii_serialization()),
        Origin::Opaque(_) => None,
    }
}

/// A set of origins. A look-up allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    exact: HashSet<Box<str>>,
    /// By scheme, the domains (with their ports) whose subdomains are all in the set.
    below: HashMap<Box<str>, HashSet<Box<str>>>,
}

impl Origins {
    /// Adds an origin as [`normalized`] writes it.
    pub fn add(&mut self, origin: &str) {
        match origin.split_once("://*.") {
            None => drop(self.exact.insert(origin.into())),
            Some((scheme, domain)) => drop(self.below.entry(scheme.into()).or_default().insert(domain.into())),
        }
    }

    /// Whether the origin, as a browser has written it, is in the set.
    pub fn contains(&self, origin: &str) -> bool {
        origin.len() <= LONGEST && (self.exact.contains(origin) || self.is_below(origin))
    }

    fn is_below(&self, origin: &str) -> bool {
        let Some((scheme, host)) = origin.split_once("://") else { return false };
        let Some(domains) = self.below.get(scheme) else { return false };
        let mut rest = host;
        while let Some((label, above)) = rest.split_once('.') {
            if label.is_empty() {
                return false;
            }
            if domains.contains(above) {
                return true;
            }
            rest = above;
        }
        false
    }
}

impl<'a> FromIterator<&'a str> for Origins {
    fn from_iter<I: IntoIterator<Item = &'a str>>(origins: I) -> Self {
        let mut all = Self::default();
        origins.into_iter().for_each(|origin| all.add(origin));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_do() {
        for (text, origin) in [
            ("https://shop.example", "https://shop.example"),
            ("HTTPS://Shop.Example", "https://shop.example"),
            ("https://shop.example:443", "https://shop.example"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("https://*.shop.example:8443", "https://*.shop.example:8443"),
            ("https://商店.example", "https://xn--czrs0t.example"),
            ("capacitor://localhost", "capacitor://localhost"),
        ] {
            assert_eq!(normalized(text).as_deref(), Some(origin), "{text}");
            assert_eq!(normalized(origin).as_deref(), Some(origin));
        }
        for bad in [
            "",
            "*",
            "null",
            "self",
            "shop.example",
            "//shop.example",
            "https://",
            "https:///",
            "https://shop.example/",
            "https://shop.example/path",
            "https://shop.example?q",
            "https://shop.example#f",
            "https://me@shop.example",
            "https://shop.example\\",
            "https://a.*.example",
            "https://*",
            "https://*.",
            "https://*shop.example",
            "https://*.*.example",
            "https://.example",
            "https://shop.example:80801",
            "https://shop example",
            " https://shop.example",
            "https://shop.example ",
            "https://shop\t.example",
            "ht\ntps://shop.example",
            "file:///",
            "javascript:alert(1)",
        ] {
            assert_eq!(normalized(bad), None, "{bad}");
        }
        assert_eq!(normalized(&format!("https://{}.example", "a.".repeat(200))), None);
    }

    #[test]
    fn an_asterisk_stands_for_subdomains_of_the_same_scheme_and_port() {
        let origins: Origins =
            ["https://*.shop.example", "http://*.local:81", "https://one.example"].into_iter().collect();
        for (origin, is_in) in [
            ("https://www.shop.example", true),
            ("https://a.b.shop.example", true),
            ("https://shop.example", false),
            ("http://www.shop.example", false),
            ("https://www.shop.example:8443", false),
            ("https://www.shop.example.evil.example", false),
            ("https://evilshop.example", false),
            ("https://.shop.example", false),
            ("http://a.local:81", true),
            ("http://a.local", false),
            ("https://one.example", true),
            ("https://www.one.example", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(origins.contains(origin), is_in, "{origin}");
        }
    }
}
