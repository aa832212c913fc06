//! `/verify`: confirming an address, with the code or the link of a letter, and asking for another letter.

use rocket::http::CookieJar;
use rocket::{State, get, post};
use serde_json::json;

use crate::accounts::letters::Purpose;
use crate::accounts::{Accounts, Proof};
use crate::client::Client;
use crate::config::VerifyEmail;
use crate::error::Error;
use crate::guard::{self, Asked, Body, Fields, Here, Kinds, Opened, Posted, Visitor};
use crate::view::{Page, See, Site};

/// The form with the code.
pub struct Code {
    code: String,
}

impl Body for Code {
    const KINDS: Kinds = Kinds::Form;

    fn read(fields: &mut Fields) -> Self {
        Self {
            code: fields.text("code"),
        }
    }
}

/// The form that asks for a letter.
pub struct Ask {
    pub(super) email: String,
}

impl Body for Ask {
    const KINDS: Kinds = Kinds::Form;

    fn read(fields: &mut Fields) -> Self {
        Self {
            email: fields.text("email"),
        }
    }
}

fn page(asked: &Asked, email: &str) -> Page {
    Page::new("verify.html")
        .with("asked", &asked.0.is_some())
        .with("form", &json!({ "email": email }))
        .with("errors", &json!({ "email": null, "code": null }))
        .with("problem", &None::<&str>)
        .with("retry", &None::<&str>)
}

fn refused(error: &Error, page: Page) -> Page {
    super::refused(error, page, &["email", "code"])
}

#[get("/verify")]
pub fn show(asked: Asked, _visitor: Visitor, accounts: &State<Accounts>) -> Result<Page, Error> {
    match accounts.verifies() {
        VerifyEmail::Off => Err(Error::NotFound),
        _ => Ok(page(&asked, "")),
    }
}

#[post("/verify", data = "<form>")]
pub async fn submit(
    form: Posted<Code>,
    asked: Asked,
    client: &Client,
    cookies: &CookieJar<'_>,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<See, Page> {
    let proof = Proof::Code {
        request: asked.0.as_deref().unwrap_or_default(),
        code: &form.0.code,
    };
    match accounts.verify(proof, client).await {
        Ok(()) => {
            guard::forget_asked(cookies, site);
            Ok(See::ours(site, "/verify/done"))
        }
        Err(error) => Err(refused(&error, page(&asked, ""))),
    }
}

#[post("/verify/send", data = "<form>")]
pub async fn send(
    form: Posted<Ask>,
    asked: Asked,
    client: &Client,
    cookies: &CookieJar<'_>,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<See, Page> {
    let email = form.0.email;
    match accounts.ask_to_verify(&email, client).await {
        Ok(request) => {
            guard::remember_asked(cookies, site, request, accounts.code_life());
            Ok(See::ours(site, "/verify"))
        }
        Err(error) => Err(refused(&error, page(&asked, &email))),
    }
}

#[get("/verify/<secret>")]
pub async fn look(
    secret: &str,
    _opened: Opened,
    asked: Asked,
    _visitor: Visitor,
    client: &Client,
    accounts: &State<Accounts>,
) -> Page {
    match accounts.asked_by(Purpose::Verify, secret, client).await {
        Ok(asked) => Page::new("verify-link.html")
            .with("secret", secret)
            .with("username", &asked.username)
            .with("email", &asked.address),
        Err(error) => refused(&error, page(&asked, "")),
    }
}

#[post("/verify/<secret>")]
pub async fn confirm(
    _here: Here,
    secret: &str,
    asked: Asked,
    client: &Client,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<See, Page> {
    match accounts.verify(Proof::Link(secret), client).await {
        Ok(()) => Ok(See::ours(site, "/verify/done")),
        Err(error) => Err(refused(&error, page(&asked, ""))),
    }
}

#[get("/verify/done")]
pub fn done(_visitor: Visitor) -> Page {
    Page::new("done.html")
        .with("heading", "Your address is confirmed")
        .with("words", "Letters to it reach you.")
}
