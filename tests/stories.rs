//! Stories told through the front door, each on a fresh database: SQLite, or PostgreSQL where `TEST_POSTGRES_URL`
//! names a server.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod house;

#[path = "stories/bad_input.rs"]
mod bad_input;
#[path = "stories/broken_parts.rs"]
mod broken_parts;
#[path = "stories/cross_site.rs"]
mod cross_site;
#[path = "stories/documents.rs"]
mod documents;
#[path = "stories/guard.rs"]
mod guard;
#[path = "stories/headers.rs"]
mod headers;
#[path = "stories/log.rs"]
mod log;
#[path = "stories/logging_in.rs"]
mod logging_in;
#[path = "stories/pages.rs"]
mod pages;
#[path = "stories/registering.rs"]
mod registering;
#[path = "stories/routes.rs"]
mod routes;
#[path = "stories/sessions.rs"]
mod sessions;
#[path = "stories/tutorial.rs"]
mod tutorial;
