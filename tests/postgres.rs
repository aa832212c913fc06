//! What becomes of the service when its PostgreSQL stops, hangs, and comes back: a server of the test's own, so that
//! it can be taken away.
//!
//! They need PostgreSQL's programs where `POSTGRES_BIN` says. `.ci/run` brings them.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod house;

#[path = "postgres/outages.rs"]
mod outages;
#[path = "postgres/server.rs"]
mod server;
