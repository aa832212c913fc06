//! The templates of pages and letters, and static files, embedded in the program; re-read from disk while developing.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use tera::{Context, Tera};

use crate::error::Error;
use crate::log::Log;

macro_rules! embed {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../", $folder, "/", $name)))),*]
    };
}

/// Every file of `templates/`. A test holds the list against the folder.
pub const TEMPLATES: &[(&str, &str)] = embed!("templates":
    "base.html", "index.html", "register.html", "closed.html", "login.html", "secure-data.html", "account.html", "sessions.html", "error.html", "docs.html",
    "verify.html", "verify-link.html", "forgot.html", "reset.html", "done.html",
    "confirm.html", "password.html", "username.html", "events.html",
    "data.html", "delete.html", "goodbye.html",
    "email.html", "address-link.html", "address-undone.html",
    "mail/frame.html",
    "mail/verify.txt", "mail/verify.html",
    "mail/reset.txt", "mail/reset.html",
    "mail/already-registered.txt", "mail/already-registered.html",
    "mail/confirm-address.txt", "mail/confirm-address.html",
    "mail/address-changed.txt", "mail/address-changed.html",
    "mail/password-changed.txt", "mail/password-changed.html",
    "mail/username-changed.txt", "mail/username-changed.html",
    "mail/new-browser.txt", "mail/new-browser.html",
    "mail/method-changed.txt", "mail/method-changed.html",
    "mail/account-deleted.txt", "mail/account-deleted.html",
    "mail/invitation.txt", "mail/invitation.html");

/// Every file of `static/`. A test holds the list against the folder.
pub const STATIC: &[(&str, &str)] =
    embed!("static": "vestibule.css", "vestibule.js", "docs.js", "icon.svg");

/// Renders pages and letters. Cheap to clone.
#[derive(Clone)]
pub struct Templates {
    /// Parsed with the first page: programs ask for none.
    embedded: Arc<OnceLock<Result<Tera, tera::Error>>>,
    log: Log,
}

impl Templates {
    /// The embedded templates.
    pub fn new(log: Log) -> Self {
        Self {
            embedded: Arc::default(),
            log,
        }
    }

    /// A page as text.
    ///
    /// # Errors
    /// A template that wants a value it was not given; a test renders every one.
    pub fn render(&self, name: &str, context: &Context) -> Result<String, Error> {
        let rendered = match from_disk("templates") {
            Some(folder) => {
                let texts = TEMPLATES
                    .iter()
                    .map(|(name, text)| (*name, current(&folder, name, text)));
                parsed(texts).and_then(|tera| tera.render(name, context))
            }
            None => match self.embedded.get_or_init(embedded) {
                Ok(tera) => tera.render(name, context),
                Err(fault) => return Err(self.failed(name, fault)),
            },
        };
        rendered.map_err(|fault| self.failed(name, &fault))
    }

    fn failed(&self, name: &str, fault: &tera::Error) -> Error {
        let cause = fault.to_string();
        let more = [("template", name), ("cause", &cause)];
        self.log.notice("error", "template_failed", &more);
        Error::Internal
    }
}

/// A static file's bytes; `None` when there is no such file.
pub fn static_file(name: &str) -> Option<Cow<'static, str>> {
    let (_, embedded) = STATIC.iter().find(|(known, _)| *known == name)?;
    Some(match from_disk("static") {
        Some(folder) => current(&folder, name, embedded),
        None => Cow::Borrowed(embedded),
    })
}

fn embedded() -> Result<Tera, tera::Error> {
    parsed(
        TEMPLATES
            .iter()
            .map(|(name, text)| (*name, Cow::Borrowed(*text))),
    )
}

fn parsed<'t>(texts: impl Iterator<Item = (&'t str, Cow<'t, str>)>) -> Result<Tera, tera::Error> {
    let mut tera = Tera::new();
    let texts: Vec<_> = texts.collect();
    tera.add_raw_templates(texts.iter().map(|(name, text)| (*name, text.as_ref())))?;
    Ok(tera)
}

/// The folder in the source tree, in a debug build that is run where it was built.
fn from_disk(folder: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder);
    (cfg!(debug_assertions) && folder.is_dir()).then_some(folder)
}

fn current<'t>(folder: &std::path::Path, name: &str, embedded: &'t str) -> Cow<'t, str> {
    std::fs::read_to_string(folder.join(name)).map_or(Cow::Borrowed(embedded), Cow::Owned)
}
