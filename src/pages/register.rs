//! `/register`: the form, and what becomes of it. Who registers here is signed in.

use rocket::http::CookieJar;
use rocket::{Either, State, get, post};
use serde_json::json;
use zeroize::Zeroizing;

use crate::accounts::{Accounts, Registration};
use crate::client::Client;
use crate::error::Error;
use crate::guard::{self, Body, Fields, Kinds, Leaving, Posted, Visitor};
use crate::view::{Next, Page, See, Site};

/// The form.
pub struct Register {
    username: String,
    email: String,
    password: Zeroizing<String>,
    next: Option<Next>,
}

impl Body for Register {
    const KINDS: Kinds = Kinds::Form;

    fn read(fields: &mut Fields) -> Self {
        Self {
            username: fields.text("username"),
            email: fields.text("email"),
            password: fields.secret("password"),
            next: Next::parse(&fields.text("next")),
        }
    }
}

fn page(username: &str, email: &str, next: Option<&Next>) -> Page {
    Page::new("register.html")
        .with("form", &json!({ "username": username, "email": email }))
        .with(
            "errors",
            &json!({ "username": null, "email": null, "password": null }),
        )
        .with("problem", &None::<&str>)
        .with("next", next.map_or("", Next::as_str))
        .with("next_query", &Next::query(next))
}

#[get("/register?<next>")]
pub fn show(next: Option<&str>, visitor: Visitor, site: &State<Site>) -> Either<Page, See> {
    let next = next.and_then(Next::parse);
    match visitor.0 {
        Some(_) => Either::Right(See::next(site, next.as_ref())),
        None => Either::Left(page("", "", next.as_ref())),
    }
}

#[post("/register", data = "<form>")]
pub async fn submit(
    form: Posted<Register>,
    leaving: Leaving,
    client: &Client,
    cookies: &CookieJar<'_>,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Either<Page, See> {
    let Register {
        username,
        email,
        password,
        next,
    } = form.0;
    let wanted = Registration {
        username: username.clone(),
        email: email.clone(),
        password,
    };
    let signed_in = match accounts.register(wanted, client).await {
        Ok(account) => accounts.sign_in_new(account, client).await,
        Err(error) => Err(error),
    };
    match signed_in {
        Ok(signed_in) => {
            accounts.replace(leaving.0, client).await;
            guard::hand_over(cookies, site, &signed_in.granted);
            Either::Right(See::next(site, next.as_ref()))
        }
        Err(error) => Either::Left(refused(&error, page(&username, &email, next.as_ref()))),
    }
}

fn refused(error: &Error, page: Page) -> Page {
    let reason = |field| error.reason(field);
    let errors = json!({ "username": reason("username"), "email": reason("email"), "password": reason("password") });
    let problem = match error {
        Error::Invalid(_) => None,
        Error::Taken => {
            Some("Username or email already registered. Choose another, or sign in.".to_owned())
        }
        _ => Some(error.row().detail.into_owned()),
    };
    page.with("errors", &errors)
        .with("problem", &problem)
        .refusing(error)
}
