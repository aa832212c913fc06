//! Pages for people: a form becomes a call of accounts, its answer a page or a redirect.
//!
//! Conventions: a refused form is shown again with the error's status and words, the fields kept, the password never;
//! an accepted one is answered 303, so that a reload sends nothing twice. GET changes nothing.

mod account;
mod address;
mod confirm;
mod events;
mod home;
mod leaving;
mod login;
mod password;
mod register;
mod reset;
mod sessions;
mod statics;
mod username;
mod verify;

use rocket::{Route, routes};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::error::Error;
use crate::view::Page;
use crate::world::in_words as words;

/// Everything mounted for people.
pub fn routes() -> Vec<Route> {
    routes![
        home::show,
        register::show,
        register::invited,
        register::submit,
        login::show,
        login::submit,
        account::show,
        account::log_out,
        confirm::show,
        confirm::submit,
        events::show,
        address::show,
        address::ask,
        address::confirm_by_code,
        address::look_confirm,
        address::look_undo,
        address::confirm,
        address::undo,
        address::confirmed,
        address::undone,
        leaving::show,
        leaving::download,
        leaving::ask,
        leaving::leave,
        leaving::goodbye,
        password::show,
        password::submit,
        username::show,
        username::submit,
        sessions::show,
        sessions::end,
        sessions::end_others,
        verify::show,
        verify::submit,
        verify::send,
        verify::look,
        verify::confirm,
        verify::done,
        reset::ask,
        reset::send,
        reset::show,
        reset::submit,
        reset::look,
        reset::set,
        reset::done,
        statics::file,
    ]
}

/// What a refused form becomes: the form again, or for what no form can mend an error page.
type Refused = Result<Page, Error>;

/// A refused form, shown again with the reason for each field, or one for all.
fn again(error: Error, page: Page, fields: &[&str]) -> Refused {
    if error == Error::InvalidToken {
        return Err(error);
    }
    Ok(refused(&error, page, fields))
}

fn refused(error: &Error, page: Page, fields: &[&str]) -> Page {
    let reasons = fields
        .iter()
        .map(|field| ((*field).to_owned(), json!(error.reason(field))));
    let errors: serde_json::Map<String, Value> = reasons.collect();
    let told = errors.values().any(Value::is_string);
    let problem = (!told).then(|| error.row().detail);
    page.with("errors", &errors)
        .with("problem", &problem)
        .with("retry", &retry(error))
        .refusing(error)
}

/// When to try again, where a wait is why a form came back. A moment only for waits that last: seconds are over
/// before anyone has looked at a clock.
fn retry(error: &Error) -> Option<Value> {
    let Error::TooMany(wait) = error else {
        return None;
    };
    // A whole minute that is certainly after it.
    let at = (wait.seconds > 90).then(|| (wait.until + 59) / 60 * 60);
    Some(json!({ "at": at.map(rfc3339), "at_words": at.map(words) }))
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
