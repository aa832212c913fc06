//! Stories told in a real browser: what people see, press and hear of the pages, against a running house.
//!
//! They need Chromium with its driver, and axe-core where `AXE_JS` says. `.ci/run` brings all of it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod house;

#[path = "browser/accessibility.rs"]
mod accessibility;
#[path = "browser/api_page.rs"]
mod api_page;
#[path = "browser/driver.rs"]
mod driver;
#[path = "browser/invitations.rs"]
mod invitations;
#[path = "browser/keyboard.rs"]
mod keyboard;
#[path = "browser/letters.rs"]
mod letters;
#[path = "browser/looks.rs"]
mod looks;
#[path = "browser/next.rs"]
mod next;
#[path = "browser/own_account.rs"]
mod own_account;
#[path = "browser/person.rs"]
mod person;
#[path = "browser/places.rs"]
mod places;
#[path = "browser/privacy.rs"]
mod privacy;
#[path = "browser/refusals.rs"]
mod refusals;
#[path = "browser/scriptless.rs"]
mod scriptless;
#[path = "browser/sessions.rs"]
mod sessions;
#[path = "browser/wire.rs"]
mod wire;
