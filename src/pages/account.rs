//! `/account`: who I am, and the way out.

use rocket::http::CookieJar;
use rocket::{State, get, post};
use serde_json::json;

use super::{rfc3339, words};
use crate::accounts::Accounts;
use crate::client::Client;
use crate::config::VerifyEmail;
use crate::error::Error;
use crate::guard::{self, Caller, Here, Leaving};
use crate::tokens::Role;
use crate::view::{Page, See, Site};

/// What was done a moment ago, by the name in the address.
fn done(name: &str) -> Option<&'static str> {
    Some(match name {
        "password" => "Your password is changed. You are signed out everywhere else.",
        "email" => {
            "Your address is changed. The old one got a letter that can take this back for 7 days."
        }
        "username" => "Your username is changed.",
        _ => return None,
    })
}

#[get("/account?<done>")]
pub async fn show(
    caller: Caller,
    done: Option<&str>,
    accounts: &State<Accounts>,
) -> Result<Page, Error> {
    // Without letters nothing here needs the database.
    let email = match accounts.verifies() {
        VerifyEmail::Off => None,
        _ => {
            let own = accounts.own(caller.id()).await?;
            let confirmed = own.email_verified_at.is_some();
            Some(json!({ "address": own.email, "confirmed": confirmed }))
        }
    };
    let page = Page::new("account.html")
        .with("done", &done.and_then(self::done))
        .with(
            "account",
            &json!({
                "id": caller.id(),
                "username": caller.username(),
                "admin": caller.role() == Role::Admin,
            }),
        )
        .with("signed_in_at", &rfc3339(caller.signed_in_at()))
        .with("signed_in_words", &words(caller.signed_in_at()))
        .with("email", &email);
    Ok(page)
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
