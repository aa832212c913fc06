//! `/login`: the form, and what becomes of it.

use rocket::http::CookieJar;
use rocket::{Either, State, get, post};
use serde_json::json;
use zeroize::Zeroizing;

use crate::accounts::{Accounts, Credentials, Door};
use crate::client::Client;
use crate::error::Error;
use crate::guard::{self, Body, Device, Fields, Kinds, Leaving, Posted, Visitor};
use crate::view::{Next, Page, See, Site};

/// The form.
pub struct Login {
    username: String,
    password: Zeroizing<String>,
    next: Option<Next>,
}

impl Body for Login {
    const KINDS: Kinds = Kinds::Form;

    fn read(fields: &mut Fields) -> Self {
        Self {
            username: fields.text("username"),
            password: fields.secret("password"),
            next: Next::parse(&fields.text("next")),
        }
    }
}

fn page(username: &str, next: Option<&Next>) -> Page {
    Page::new("login.html")
        .with("form", &json!({ "username": username }))
        .with("next", next.map_or("", Next::as_str))
        .with("next_query", &Next::query(next))
        .with(
            "notice",
            &next.map(|_| "Sign in to go on to the page you asked for."),
        )
        .with("problem", &None::<&str>)
        .with("retry", &None::<&str>)
}

#[get("/login?<next>")]
pub fn show(next: Option<&str>, visitor: Visitor, site: &State<Site>) -> Either<Page, See> {
    let next = next.and_then(Next::parse);
    match visitor.0 {
        Some(_) => Either::Right(See::next(site, next.as_ref())),
        None => Either::Left(page("", next.as_ref())),
    }
}

#[post("/login", data = "<form>")]
pub async fn submit(
    form: Posted<Login>,
    leaving: Leaving,
    device: Device,
    client: &Client,
    cookies: &CookieJar<'_>,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Either<Page, See> {
    let Login {
        username,
        password,
        next,
    } = form.0;
    match accounts
        .log_in(
            Credentials {
                name: username.clone(),
                password,
                door: Door::Page(device.0),
            },
            client,
        )
        .await
    {
        Ok(signed_in) => {
            accounts.replace(leaving.0, client).await;
            guard::hand_over(cookies, site, signed_in);
            Either::Right(See::next(site, next.as_ref()))
        }
        Err(error) => Either::Left(refused(&error, &username, next.as_ref())),
    }
}

/// The same page with the same words as the JSON, and what to do next.
fn refused(error: &Error, username: &str, next: Option<&Next>) -> Page {
    let detail = error.row().detail;
    let problem = match error {
        Error::WrongPassword => format!("{detail}. Check both and try again."),
        _ => detail.into_owned(),
    };
    page(username, next)
        .with("notice", &None::<&str>)
        .with("problem", &problem)
        .with("retry", &super::retry(error))
        .refusing(error)
}
