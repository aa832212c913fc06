//! `/account/email` and `/address/…`: another address, asked for by somebody signed in, confirmed and taken back by whoever
//! got a letter. Looking at a link changes nothing: the page has a button.

use rocket::{State, get, post};
use serde_json::json;

use super::{Refused, again};
use crate::accounts::Accounts;
use crate::accounts::letters::Purpose;
use crate::client::Client;
use crate::error::{Error, FieldError};
use crate::guard::{Body, Caller, Fields, Fresh, Here, Kinds, Opened, Posted, Visitor};
use crate::view::{Page, See, Site};

/// The form that asks.
pub struct Change {
    email: String,
}

impl Body for Change {
    const KINDS: Kinds = Kinds::Form;

    fn read(fields: &mut Fields) -> Self {
        Self {
            email: fields.text("email"),
        }
    }
}

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

async fn page(id: &str, typed: &str, accounts: &Accounts) -> Result<Page, Error> {
    let (current, waiting) = accounts.address(id).await?;
    Ok(Page::new("email.html")
        .with("current", &current)
        .with("waiting", &waiting)
        .with("form", &json!({ "email": typed }))
        .with("errors", &json!({ "email": null, "code": null }))
        .with("problem", &None::<&str>)
        .with("retry", &None::<&str>))
}

#[get("/account/email")]
pub async fn show(fresh: Fresh, accounts: &State<Accounts>) -> Result<Page, Error> {
    page(fresh.caller.id(), "", accounts).await
}

#[post("/account/email", data = "<form>")]
pub async fn ask(
    fresh: Fresh,
    form: Posted<Change>,
    client: &Client,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<See, Refused> {
    let email = form.0.email;
    let asked = accounts
        .ask_for_address(&fresh.recent, &email, client)
        .await;
    match asked {
        Ok(()) => Ok(See::ours(site, "/account/email")),
        Err(error) => {
            let page = page(fresh.caller.id(), &email, accounts).await;
            Err(page.and_then(|page| again(error, page, &["email"])))
        }
    }
}

#[post("/account/email/confirm", data = "<form>")]
pub async fn confirm_by_code(
    caller: Caller,
    form: Posted<Code>,
    client: &Client,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<See, Refused> {
    let confirmed = accounts
        .confirm_address_by_code(caller.id(), &form.0.code, client)
        .await;
    match confirmed {
        Ok(_) => Ok(See::ours(site, "/account?done=email")),
        Err(error) => {
            let page = page(caller.id(), "", accounts).await;
            Err(page.and_then(|page| again(in_words(error), page, &["email", "code"])))
        }
    }
}

/// What went wrong with a letter, said where its code was typed.
fn in_words(error: Error) -> Error {
    let code = |why| Error::Invalid(vec![FieldError::new("code", why)]);
    match error {
        Error::LetterOver => {
            code("This code is not right, or no longer good. Check it, or ask again.")
        }
        Error::Taken => code("Somebody has this address already. Ask for another."),
        other => other,
    }
}

fn letter(secret: &str, what: &str) -> Page {
    Page::new("address-link.html")
        .with("secret", secret)
        .with("what", what)
        .with("asked", &None::<&str>)
        .with("problem", &None::<&str>)
        .with("retry", &None::<&str>)
}

/// A letter that cannot be answered.
fn refused(error: &Error, what: &str) -> Page {
    let detail = match error {
        Error::Taken => "Somebody has this address by now.".into(),
        _ => error.row().detail,
    };
    letter("", what)
        .with("problem", &detail)
        .with("retry", &super::retry(error))
        .refusing(error)
}

async fn look(
    secret: &str,
    (purpose, what): (Purpose, &str),
    client: &Client,
    accounts: &Accounts,
) -> Page {
    match accounts.asked_by(purpose, secret, client).await {
        Ok(asked) => letter(secret, what).with(
            "asked",
            &json!({ "username": asked.username, "address": asked.address }),
        ),
        Err(error) => refused(&error, what),
    }
}

#[get("/address/confirm/<secret>")]
pub async fn look_confirm(
    secret: &str,
    _opened: Opened,
    _visitor: Visitor,
    client: &Client,
    accounts: &State<Accounts>,
) -> Page {
    look(
        secret,
        (Purpose::ChangeAddress, "confirm"),
        client,
        accounts,
    )
    .await
}

#[get("/address/undo/<secret>")]
pub async fn look_undo(
    secret: &str,
    _opened: Opened,
    _visitor: Visitor,
    client: &Client,
    accounts: &State<Accounts>,
) -> Page {
    look(secret, (Purpose::UndoAddress, "undo"), client, accounts).await
}

#[post("/address/confirm/<secret>")]
pub async fn confirm(
    _here: Here,
    secret: &str,
    client: &Client,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<See, Page> {
    let confirmed = accounts.confirm_address(secret, client).await;
    confirmed.map_err(|error| refused(&error, "confirm"))?;
    Ok(See::ours(site, "/address/confirmed"))
}

#[post("/address/undo/<secret>")]
pub async fn undo(
    _here: Here,
    secret: &str,
    client: &Client,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<See, Page> {
    let undone = accounts.undo_address(secret, client).await;
    undone.map_err(|error| refused(&error, "undo"))?;
    Ok(See::ours(site, "/address/undone"))
}

#[get("/address/confirmed")]
pub fn confirmed(_visitor: Visitor) -> Page {
    Page::new("done.html")
        .with("heading", "Your account has its new address")
        .with("words", "Letters go there from now on. The old address got one that can take this back for 7 days.")
}

#[get("/address/undone")]
pub fn undone(_visitor: Visitor) -> Page {
    Page::new("address-undone.html")
}
