//! `/`: what this is, and the two ways in.

use rocket::get;

use crate::guard::Visitor;
use crate::view::Page;

#[get("/")]
pub fn show(_visitor: Visitor) -> Page {
    Page::new("index.html")
}
