//! Commands that Chromium's driver has beyond the standard: its developer tools, and what it wrote down.

use fantoccini::wd::WebDriverCompatibleCommand;
use serde_json::{Value as Json, json};
use ureq::http::Method;
use url::{ParseError, Url};

/// A command below `/session/{id}/`.
#[derive(Debug)]
pub struct Vendor {
    path: &'static str,
    body: Json,
}

impl Vendor {
    /// A command of the developer tools, such as `Emulation.setEmulatedMedia`.
    pub fn tools(command: &str, params: &Json) -> Self {
        Self {
            path: "goog/cdp/execute",
            body: json!({ "cmd": command, "params": params }),
        }
    }

    /// The lines of a log since it was last asked for: `browser` has what the console shows, `performance` what goes
    /// over the wire.
    pub fn log(kind: &str) -> Self {
        Self {
            path: "se/log",
            body: json!({ "type": kind }),
        }
    }
}

impl WebDriverCompatibleCommand for Vendor {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
