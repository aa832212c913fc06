//! `/account/data` and `/account/delete`: taking everything along, and leaving.

use rocket::http::CookieJar;
use rocket::{State, get, post};
use serde_json::{Value, json};

use super::{Refused, again};
use crate::accounts::Accounts;
use crate::client::Client;
use crate::error::{Error, FieldError};
use crate::guard::{self, Body, Caller, Fields, Fresh, Here, Kinds, Posted};
use crate::view::{Download, Page, See, Site};

/// What somebody types who means it.
pub struct Leave {
    username: String,
}

impl Body for Leave {
    const KINDS: Kinds = Kinds::Form;

    fn read(fields: &mut Fields) -> Self {
        Self {
            username: fields.text("username"),
        }
    }
}

#[get("/account/data")]
pub fn show(_caller: Caller) -> Page {
    Page::new("data.html")
}

#[post("/account/data")]
pub async fn download(
    _here: Here,
    fresh: Fresh,
    client: &Client,
    accounts: &State<Accounts>,
) -> Result<Download<Value>, Error> {
    let everything = accounts.everything(&fresh.recent, client).await?;
    Ok(Download("vestibule-account.json", everything))
}

fn page(username: &str) -> Page {
    Page::new("delete.html")
        .with("form", &json!({ "username": username }))
        .with("errors", &json!({ "username": null }))
        .with("problem", &None::<&str>)
        .with("retry", &None::<&str>)
}

#[get("/account/delete")]
pub fn ask(_fresh: Fresh) -> Page {
    page("")
}

#[post("/account/delete", data = "<form>")]
pub async fn leave(
    fresh: Fresh,
    form: Posted<Leave>,
    client: &Client,
    cookies: &CookieJar<'_>,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<See, Refused> {
    let typed = form.0.username;
    let left = if typed.eq_ignore_ascii_case(fresh.caller.username()) {
        accounts.leave(&fresh.recent, client).await
    } else {
        Err(Error::Invalid(vec![FieldError::new(
            "username",
            "That is not your username. Type it to delete the account.",
        )]))
    };
    left.map_err(|error| again(error, page(&typed), &["username"]))?;
    guard::forget(cookies, site);
    Ok(See::ours(site, "/goodbye"))
}

#[get("/goodbye")]
pub fn goodbye() -> Page {
    Page::new("goodbye.html")
}
