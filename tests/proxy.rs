//! The service behind the proxies that `deploy/` configures, over TLS, as strangers meet it: nginx and Caddy run the
//! shipped files. What is changed in them stands in `front.rs`: ports, places and the host name everywhere; nginx does
//! without `ssl_reject_handshake` for slowhttptest, which says no name in the handshake, and one test has `limit_conn`
//! at 2 and believes what a client says of its address; Caddy does without `read_body_idle` where it is Debian's, which
//! does not know it.
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
