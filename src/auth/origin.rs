//! Where a login begins or goes on, for its user to recognise it by.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::USER_AGENT;

use crate::text::Name;

/// Longest name of a device that is kept, in characters.
const DEVICE_LIMIT: usize = 255;

/// The client of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its address.
    pub address: IpAddr,
    /// What it calls itself; empty when it says nothing.
    pub device: String,
}

impl Origin {
    /// What a request says of its client, whose address is known.
    pub(crate) fn of(request: &HttpRequest, address: IpAddr) -> Self {
        let device = request.headers().get(USER_AGENT).map(|name| String::from_utf8_lossy(name.as_bytes()));
        Self::new(address, device.as_deref().unwrap_or_default())
    }

    /// With as much of the device's name as is kept.
    pub fn new(address: IpAddr, device: &str) -> Self {
        Self { address, device: Name::cut(device, DEVICE_LIMIT).map(String::from).unwrap_or_default() }
    }
}
