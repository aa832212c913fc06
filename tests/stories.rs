//! Stories told through the front door, each on a fresh database: SQLite, or PostgreSQL where `TEST_POSTGRES_URL`
//! names a server.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod house;

#[path = "stories/addresses.rs"]
mod addresses;
#[path = "stories/bad_input.rs"]
mod bad_input;
#[path = "stories/broken_parts.rs"]
mod broken_parts;
#[path = "stories/changes.rs"]
mod changes;
#[path = "stories/clock.rs"]
mod clock;
#[path = "stories/coming.rs"]
mod coming;
#[path = "stories/cross_site.rs"]
mod cross_site;
#[path = "stories/crossing.rs"]
mod crossing;
#[path = "stories/doctor.rs"]
mod doctor;
#[path = "stories/documents.rs"]
mod documents;
#[path = "stories/events.rs"]
mod events;
#[path = "stories/fresh.rs"]
mod fresh;
#[path = "stories/guard.rs"]
mod guard;
#[path = "stories/headers.rs"]
mod headers;
#[path = "stories/invitations.rs"]
mod invitations;
#[path = "stories/keys.rs"]
mod keys;
#[path = "stories/leaving.rs"]
mod leaving;
#[path = "stories/letters.rs"]
mod letters;
#[path = "stories/log.rs"]
mod log;
#[path = "stories/logging_in.rs"]
mod logging_in;
#[path = "stories/moving.rs"]
mod moving;
#[path = "stories/newcomers.rs"]
mod newcomers;
#[path = "stories/pages.rs"]
mod pages;
#[path = "stories/post.rs"]
mod post;
#[path = "stories/registering.rs"]
mod registering;
#[path = "stories/resetting.rs"]
mod resetting;
#[path = "stories/roles.rs"]
mod roles;
#[path = "stories/routes.rs"]
mod routes;
#[path = "stories/rude_clients.rs"]
mod rude_clients;
#[path = "stories/sessions.rs"]
mod sessions;
#[path = "stories/throttling.rs"]
mod throttling;
#[path = "stories/tutorial.rs"]
mod tutorial;
#[path = "stories/verifying.rs"]
mod verifying;
