//! Whether a request was addressed to us.

use rocket::Request;
use rocket::http::uri::Host;

use crate::config::is_loopback_name;
use crate::view::Site;

/// Whether `Host` is there, single, well formed, and ours (RFC 9112 section 3.2): the public address where one is set,
/// else a name of this machine or the bound address. Anything else may be a page that had its own name point here
/// (DNS rebinding). Health checks are exempt: orchestrators ask by address.
pub fn is_ours(request: &Request<'_>, site: &Site) -> bool {
    if site
        .inside(request.uri().path().as_str())
        .starts_with("/health/")
    {
        return true;
    }
    let mut headers = request.headers().get("Host");
    let (Some(raw), None) = (headers.next(), headers.next()) else {
        return false;
    };
    let Some(host) = Host::parse(raw).ok().filter(|_| is_well_formed(raw)) else {
        return false;
    };
    // Rocket drops headers that are not UTF-8; what the connection says first must be what we read.
    if request.remote().is_some() && request.host() != Some(&host) {
        return false;
    }
    let (name, port) = (host.domain().as_str(), host.port());
    match &site.public {
        Some(public) => public.is_host(name, port),
        None => is_loopback_name(name) || name.eq_ignore_ascii_case(site.bound().host()),
    }
}

/// Rocket reads more than a host into it: a user, for one.
pub(super) fn is_well_formed(raw: &str) -> bool {
    !raw.is_empty()
        && raw.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']')
        })
}
