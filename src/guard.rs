//! Who is calling, and what they sent: the only place where credentials and bodies of requests are read.
//!
//! What a handler may do stands in its signature. [`Caller`] has proven who they are, [`Fresh`] lately; [`Admin`] is an
//! administrator besides; [`Posted`] hands out a body,
//! and [`Here`] lets a request without one change something, both only when it was not sent by another site. [`Opened`]
//! shows a page to whoever opened it.

mod admin;
mod body;
mod caller;
mod catcher;
mod cookie;
mod fresh;
mod here;
mod host;
mod opened;
mod passing;

pub use admin::Admin;
pub use body::{Body, Fields, Kinds, Posted, Query};
pub use caller::{Caller, Leaving, Visitor};
pub use catcher::{catchers, finish, refused_routes, turn_away};
pub use cookie::{
    Asked, Device, example as example_cookie, forget, forget_asked, forget_held, hand_back,
    hand_over, hand_over_renewed, remember_asked, remember_device,
};
pub use fresh::Fresh;
pub use here::Here;
pub use host::is_ours as host_is_ours;
pub use opened::Opened;
pub use passing::watch;

use std::convert::Infallible;

use rocket::Request;
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};

use crate::client::Client;
use crate::error::Error;
use crate::view::Arrival;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for &'r Client {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        Outcome::Success(&Arrival::of(request).client)
    }
}

/// Leaves the reason for the catcher and fails the guard.
fn refuse<T>(request: &Request<'_>, error: Error) -> Outcome<T, Error> {
    Arrival::of(request).refuse(error.clone());
    Outcome::Error((Status::new(error.status()), error))
}
