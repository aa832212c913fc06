//! `/account/username`: another name.

use rocket::http::CookieJar;
use rocket::{State, get, post};
use serde_json::json;

use super::{Refused, again};
use crate::accounts::Accounts;
use crate::client::Client;
use crate::error::{Error, FieldError};
use crate::guard::{self, Body, Fields, Fresh, Kinds, Posted};
use crate::view::{Page, See, Site};

/// The form.
pub struct Change {
    username: String,
}

impl Body for Change {
    const KINDS: Kinds = Kinds::Form;

    fn read(fields: &mut Fields) -> Self {
        Self {
            username: fields.text("username"),
        }
    }
}

fn page(username: &str) -> Page {
    Page::new("username.html")
        .with("form", &json!({ "username": username }))
        .with("errors", &json!({ "username": null }))
        .with("problem", &None::<&str>)
        .with("retry", &None::<&str>)
}

#[get("/account/username")]
pub fn show(fresh: Fresh) -> Page {
    page(fresh.caller.username())
}

#[post("/account/username", data = "<form>")]
pub async fn submit(
    fresh: Fresh,
    form: Posted<Change>,
    client: &Client,
    cookies: &CookieJar<'_>,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<See, Refused> {
    let username = form.0.username;
    let changed = accounts
        .change_username(&fresh.recent, &username, client)
        .await;
    let granted = changed.map_err(|error| again(named(error), page(&username), &["username"]))?;
    guard::hand_back(cookies, site, &fresh.caller, granted);
    Ok(See::ours(site, "/account?done=username"))
}

/// Here it can only be the name.
fn named(error: Error) -> Error {
    match error {
        Error::Taken => Error::Invalid(vec![FieldError::new(
            "username",
            "Somebody has this name already. Choose another.",
        )]),
        other => other,
    }
}
