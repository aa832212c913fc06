//! `/account`: who I am, and the way out.

use rocket::http::CookieJar;
use rocket::{State, get, post};
use serde_json::json;

use super::{rfc3339, words};
use crate::accounts::Accounts;
use crate::client::Client;
use crate::error::Error;
use crate::guard::{self, Caller, Here, Leaving};
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
}

#[post("/logout")]
pub async fn log_out(
    _here: Here,
    leaving: Leaving,
    client: &Client,
    cookies: &CookieJar<'_>,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<See, Error> {
    if let Some((account, session)) = leaving.0 {
        accounts.log_out(&account, &session, client).await?;
    }
    guard::forget(cookies, site);
    Ok(See::ours(site, "/"))
}
