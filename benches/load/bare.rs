//! The yardstick: a Rocket server with one route, which gives the answer that it was told at its start.

use std::io::{BufRead, Cursor, Read};

use rocket::http::Status;
use rocket::response::{self, Responder, Response};
use rocket::shield::Shield;
use rocket::{Request, State, get, routes};
use serde::{Deserialize, Serialize};

use crate::Done;
use crate::wire;

/// The argument by which this program becomes the bare server.
pub const ARGUMENT: &str = "--bare";

/// The answer to give.
#[derive(Serialize, Deserialize)]
struct Told {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// What the route hands to Rocket: the handler's whole work.
struct Copied<'a>(&'a Told);

impl<'a: 'r, 'r> Responder<'r, 'a> for Copied<'a> {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'a> {
        let mut response = Response::build();
        response.status(Status::new(self.0.status));
        for (name, value) in &self.0.headers {
            response.raw_header(name.as_str(), value.as_str());
        }
        response
            .sized_body(self.0.body.len(), Cursor::new(self.0.body.as_bytes()))
            .ok()
    }
}

#[get("/secure-data")]
fn copy(told: &State<Told>) -> Copied<'_> {
    Copied(told.inner())
}

/// An answer as a line for the bare server's standard input, without what hyper adds by itself.
pub fn told(answer: &wire::Answer) -> Done<String> {
    let by_hyper = |name: &str| {
        ["date", "content-length"]
            .iter()
            .any(|own| name.eq_ignore_ascii_case(own))
    };
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !by_hyper(name))
        .cloned()
        .collect();
    let body = String::from_utf8(answer.body.clone())?;
    Ok(serde_json::to_string(&Told {
        status: answer.status,
        headers,
        body,
    })?)
}

/// Serves until standard input ends.
pub fn serve() -> Done<()> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let told: Told = serde_json::from_str(&line)?;
    std::thread::spawn(|| {
        let _ = std::io::stdin().lock().read(&mut [0]);
        std::process::exit(0);
    });
    let rocket = rocket::custom(vestibule::config::figment())
        .attach(Shield::new())
        .manage(told)
        .mount("/", routes![copy]);
    rocket::execute(rocket.launch())
        .map(drop)
        .map_err(|error| format!("{:?}", error.kind()).into())
}
