//! `/static/…`: style, script, icon.

use rocket::get;

use crate::error::Error;
use crate::view::Static;

#[get("/static/<name>")]
pub fn file(name: &str) -> Result<Static, Error> {
    Static::ours(name).ok_or(Error::NotFound)
}
