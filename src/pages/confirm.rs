//! `/account/confirm`: the password once more, and back to where somebody was going.

use rocket::http::CookieJar;
use rocket::{State, get, post};
use serde_json::json;
use zeroize::Zeroizing;

use super::{Refused, again};
use crate::accounts::Accounts;
use crate::client::Client;
use crate::guard::{self, Body, Caller, Fields, Kinds, Posted};
use crate::view::{Next, Page, See, Site};

/// The form.
pub struct Confirm {
    password: Zeroizing<String>,
    next: Option<Next>,
}

impl Body for Confirm {
    const KINDS: Kinds = Kinds::Form;

    fn read(fields: &mut Fields) -> Self {
        Self {
            password: fields.secret("password"),
            next: Next::parse(&fields.text("next")),
        }
    }
}

fn page(next: Option<&Next>) -> Page {
    Page::new("confirm.html")
        .with("next", next.map_or("", Next::as_str))
        .with("errors", &json!({ "password": null }))
        .with("problem", &None::<&str>)
        .with("retry", &None::<&str>)
}

#[get("/account/confirm?<next>")]
pub fn show(_caller: Caller, next: Option<&str>) -> Page {
    page(next.and_then(Next::parse).as_ref())
}

#[post("/account/confirm", data = "<form>")]
pub async fn submit(
    caller: Caller,
    form: Posted<Confirm>,
    client: &Client,
    cookies: &CookieJar<'_>,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<See, Refused> {
    let Confirm { password, next } = form.0;
    let granted = accounts
        .confirm(caller.id(), caller.session(), password, client)
        .await
        .map_err(|error| again(error, page(next.as_ref()), &["password"]))?;
    guard::hand_back(cookies, site, &caller, granted);
    Ok(See::next(site, next.as_ref()))
}
