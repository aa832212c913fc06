//! Pages for people: a form becomes a call of accounts, its answer a page or a redirect.
//!
//! Conventions: a refused form is shown again with the error's status and words, the fields kept, the password never;
//! an accepted one is answered 303, so that a reload sends nothing twice. GET changes nothing.

mod account;
mod home;
mod login;
mod register;
mod sessions;
mod statics;

use rocket::{Route, routes};
use time::OffsetDateTime;

/// Everything mounted for people.
pub fn routes() -> Vec<Route> {
    routes![
        home::show,
        register::show,
        register::submit,
        login::show,
        login::submit,
        account::show,
        account::log_out,
        sessions::show,
        sessions::end,
        sessions::end_others,
        statics::file,
    ]
}

/// A moment in words, in UTC; a script may say it in the reader's own zone.
fn words(unix: i64) -> String {
    let format = time::macros::format_description!(
        "[day padding:none] [month repr:long] [year], [hour]:[minute] UTC"
    );
    moment(unix).format(format).unwrap_or_default()
}

/// A moment as RFC 3339 writes it.
fn rfc3339(unix: i64) -> String {
    moment(unix)
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap_or_default()
}

fn moment(unix: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(unix).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
