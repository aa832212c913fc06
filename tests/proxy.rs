//! The service behind the proxies that `deploy/` configures, over TLS, as strangers meet it: nginx and Caddy run the
//! shipped files, in which only ports, places and the host name are others.
//!
//! They need nginx, Caddy, slowhttptest, nft, ip, openssl and curl. `.ci/run` brings them.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod house;

#[path = "proxy/attacks.rs"]
mod attacks;
#[path = "proxy/crawlers.rs"]
mod crawlers;
#[path = "proxy/firewall.rs"]
mod firewall;
#[path = "proxy/front.rs"]
mod front;
#[path = "proxy/neighbours.rs"]
mod neighbours;
#[path = "proxy/visitor.rs"]
mod visitor;
#[path = "proxy/visits.rs"]
mod visits;
