//! JSON for programs.
//!
//! Conventions: bodies and answers are JSON objects (the token endpoint also reads OAuth's form); answers are never
//! stored; errors are problems (RFC 9457), whose `detail` older clients read; 400 for what cannot be parsed, 422 with
//! a reason per field for what can but is not allowed. Two quirks stem from the API's first clients: a taken name is
//! 400, and a wrong password is 401 where OAuth would say 400.

mod account;
mod address;
mod changes;
mod confirm;
mod docs;
mod events;
mod health;
mod jwks;
mod leaving;
mod letters;
mod secure_data;
mod sessions;
mod token;

use rocket::{Route, routes};

pub use docs::document;

/// Everything mounted for programs.
pub fn routes() -> Vec<Route> {
    routes![
        account::register,
        account::me,
        confirm::submit,
        changes::password,
        changes::username,
        events::list,
        address::ask,
        address::confirm,
        address::undo,
        leaving::everything,
        leaving::leave,
        token::submit,
        sessions::log_out,
        sessions::list,
        sessions::end,
        sessions::end_others,
        letters::ask_to_verify,
        letters::verify,
        letters::ask_to_reset,
        letters::reset,
        secure_data::show,
        jwks::show,
        health::live,
        health::ready,
    ]
}

/// The API document and its page, where the settings want them.
pub fn docs_routes() -> Vec<Route> {
    routes![docs::page, docs::json, docs::file]
}
