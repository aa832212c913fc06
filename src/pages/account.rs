//! `/account`: who I am, and the way out.

use rocket::http::CookieJar;
use rocket::{State, get, post};
use serde_json::json;

use super::{rfc3339, words};
use crate::accounts::Accounts;
use crate::client::Client;
use crate::guard::{self, Caller, Here, Visitor};
use crate::view::{Page, See, Site};

#[get("/account")]
pub fn show(caller: Caller) -> Page {
    Page::new("account.html")
        .with(
            "account",
            &json!({ "id": caller.id(), "username": caller.username() }),
        )
        .with("signed_in_at", &rfc3339(caller.signed_in_at()))
        .with("signed_in_words", &words(caller.signed_in_at()))
        .with("expires_at", &rfc3339(caller.expires_at()))
        .with("expires_words", &words(caller.expires_at()))
}

#[post("/logout")]
pub fn log_out(
    _here: Here,
    visitor: Visitor,
    client: &Client,
    cookies: &CookieJar<'_>,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> See {
    accounts.log_out(visitor.0.as_ref().map(Caller::id), client);
    guard::forget(cookies, site);
    See::ours(site, "/")
}
