//! `/account/events`: what happened to the account lately.

use rocket::{State, get};
use serde_json::{Value, json};

use super::{rfc3339, words};
use crate::accounts::Accounts;
use crate::error::Error;
use crate::guard::Caller;
use crate::view::Page;

#[get("/account/events")]
pub async fn show(caller: Caller, accounts: &State<Accounts>) -> Result<Page, Error> {
    let events = accounts.events(caller.id()).await?;
    let events: Vec<Value> = events
        .into_iter()
        .map(|event| {
            json!({
                "words": event.words,
                "device": event.device,
                "client": event.client,
                "at": rfc3339(event.at),
                "at_words": words(event.at),
            })
        })
        .collect();
    Ok(Page::new("events.html").with("events", &events))
}
