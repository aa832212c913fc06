//! What the way of a request to us shows of the machines in between.

use std::net::IpAddr;

use rocket::Request;

use super::host::is_well_formed;
use crate::throttle::Throttle;
use crate::traffic::{Passing, Traffic};
use crate::view::Site;

/// What proxies add about whom they speak for.
const FORWARDING: &[&str] = &["X-Forwarded-For", "Forwarded", "X-Real-IP"];

/// Counts the way that a request took and, of those that are counted, lets the budgets see whether a proxy that nobody
/// named stands before everyone. Health checks say nothing: orchestrators ask past every proxy, and by address.
pub fn watch(request: &Request<'_>, site: &Site, traffic: &Traffic, throttle: &Throttle) {
    let Some(peer) = request.remote().map(|peer| peer.ip().to_canonical()) else {
        return;
    };
    if site
        .inside(request.uri().path().as_str())
        .starts_with("/health/")
    {
        return;
    }
    let seen = traffic.see(|| passing(request, site, peer));
    if let Some(seen) = seen {
        throttle.see(peer, seen.forwarded && !seen.trusted);
    }
}

fn passing<'r>(request: &'r Request<'_>, site: &Site, peer: IpAddr) -> Passing<'r> {
    let header = |name| request.headers().get_one(name);
    let trusted = site.trusted.iter().any(|net| net.contains(&peer));
    // Of these only the first is believed, and that from a trusted proxy.
    let names = if trusted {
        &FORWARDING[..1]
    } else {
        FORWARDING
    };
    Passing {
        peer,
        trusted,
        host: header("Host").filter(|host| host.len() <= 255 && is_well_formed(host)),
        forwarded: names.iter().any(|name| request.headers().contains(*name)),
        scheme: header("X-Forwarded-Proto"),
    }
}
