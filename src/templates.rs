//! The pages' templates and static files, embedded in the program; re-read from disk while developing.

use std::borrow::Cow;
use std::path::PathBuf;

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
    "base.html", "index.html", "register.html", "login.html", "secure-data.html", "account.html", "sessions.html", "error.html", "docs.html");

/// Every file of `static/`. A test holds the list against the folder.
pub const STATIC: &[(&str, &str)] =
    embed!("static": "vestibule.css", "vestibule.js", "docs.js", "icon.svg");

/// Renders pages.
pub struct Templates {
    embedded: Tera,
    log: Log,
}

impl Templates {
    /// Parses the embedded templates.
    ///
    /// # Errors
    /// A template that does not parse: a fault of the build, found by the tests.
    pub fn new(log: Log) -> Result<Self, tera::Error> {
        Ok(Self {
            embedded: parsed(
                TEMPLATES
                    .iter()
                    .map(|(name, text)| (*name, Cow::Borrowed(*text))),
            )?,
            log,
        })
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
            None => self.embedded.render(name, context),
        };
        rendered.map_err(|error| {
            self.log.notice(
                "error",
                "template_failed",
                &[("template", name), ("cause", &error.to_string())],
            );
            Error::Internal
        })
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
