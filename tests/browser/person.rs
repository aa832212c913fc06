//! Somebody at a browser. Every step waits until it is done, so that a story reads like one.

use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use rocket::tokio::runtime::{Builder, Runtime};
use serde_json::{Value as Json, json};

use crate::driver::Driver;
use crate::house::{House, PASSWORD};
use crate::wire::Vendor;

/// The longest that anything may take to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A Chromium of their own, with nothing in it.
pub struct Person {
    /// The site they came to see.
    pub origin: String,
    client: Client,
    runtime: Runtime,
    // Dropped in this order: the browser's driver, then what the browser kept.
    _driver: Driver,
    _profile: tempfile::TempDir,
}

impl Person {
    /// Somebody who is about to visit this house.
    pub fn at(house: &House) -> Self {
        Self::with_preferences(house, &json!({}))
    }

    /// Somebody whose browser runs no scripts.
    pub fn without_scripts(house: &House) -> Self {
        let blocked = 2;
        Self::with_preferences(
            house,
            &json!({ "profile.managed_default_content_settings.javascript": blocked }),
        )
    }

    fn with_preferences(house: &House, preferences: &Json) -> Self {
        let (driver, profile) = (Driver::start(), tempfile::tempdir().expect("a directory"));
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let Json::Object(wanted) = capabilities(profile.path(), preferences) else {
            unreachable!("capabilities are an object")
        };
        let client = runtime
            .block_on(
                ClientBuilder::new(HttpConnector::new())
                    .capabilities(wanted)
                    .connect(&driver.address()),
            )
            .expect("Chromium starts");
        Self {
            origin: house.origin.clone(),
            client,
            runtime,
            _driver: driver,
            _profile: profile,
        }
    }

    /// Goes to a path of the house.
    pub fn open(&self, path: &str) {
        let url = format!("{}{path}", self.origin);
        self.run(self.client.goto(&url)).expect("the page opens");
    }

    /// The path and query in the address bar, or all of it on another site.
    pub fn place(&self) -> String {
        let url = self.run(self.client.current_url()).expect("an address");
        let inside = url.as_str().strip_prefix(&self.origin);
        inside.unwrap_or(url.as_str()).to_owned()
    }

    /// The status that the page came with.
    pub fn status(&self) -> u64 {
        self.ask("return performance.getEntriesByType('navigation')[0].responseStatus")
            .as_u64()
            .expect("a status")
    }

    /// What the page's title says.
    pub fn title(&self) -> String {
        self.run(self.client.title()).expect("a title")
    }

    /// The words that show in the one element that a selector finds.
    pub fn words(&self, css: &str) -> String {
        self.run(self.find(css).text()).expect("words")
    }

    /// An attribute of it.
    pub fn attribute(&self, css: &str, name: &str) -> Option<String> {
        self.run(self.find(css).attr(name)).expect("an attribute")
    }

    /// What is in a field.
    pub fn written_in(&self, css: &str) -> String {
        self.run(self.find(css).prop("value"))
            .expect("a property")
            .unwrap_or_default()
    }

    /// Whether something is there and shows.
    pub fn sees(&self, css: &str) -> bool {
        self.run(self.client.find(Locator::Css(css)))
            .is_ok_and(|element| self.run(element.is_displayed()).is_ok_and(|shown| shown))
    }

    /// Writes into a field, in place of what is there.
    pub fn write(&self, css: &str, text: &str) {
        let field = self.find(css);
        self.run(field.clear()).expect("the field is emptied");
        self.run(field.send_keys(text))
            .expect("the field is filled");
    }

    /// Clicks on something that stays on this page.
    pub fn click(&self, css: &str) {
        self.run(self.find(css).click()).expect("a click");
    }

    /// Presses Enter on something: it is hit also while the page still moves.
    pub fn enter(&self, css: &str) {
        let key = char::from(Key::Enter).to_string();
        self.run(self.find(css).send_keys(&key)).expect("a key");
    }

    /// Clicks on something that leads to another page, and waits for that.
    pub fn follow(&self, css: &str) {
        let element = self.find(css);
        self.leave(|| self.run(element.click()).expect("a click"));
    }

    /// Does something that leads to another page, and waits for that.
    pub fn leave(&self, act: impl FnOnce()) {
        let before = self.document().expect("a page");
        act();
        self.wait_until("another page opens", || {
            self.document().is_some_and(|now| now != before)
        });
    }

    /// A number that only this loading of this page has; `None` while it loads.
    fn document(&self) -> Option<Json> {
        let script = "return document.readyState === 'complete' ? performance.timeOrigin : null";
        let found = self.run(self.client.execute(script, Vec::new())).ok()?;
        (!found.is_null()).then_some(found)
    }

    /// Fills in the registration form and sends it.
    pub fn register(&self, name: &str) {
        self.write("#username", name);
        self.write("#email", &format!("{name}@example.org"));
        self.write("#password", PASSWORD);
        self.follow("main button[type=submit]");
    }

    /// Fills in the login form and sends it.
    pub fn log_in(&self, name: &str, password: &str) {
        self.write("#username", name);
        self.write("#password", password);
        self.follow("main button[type=submit]");
    }

    /// Presses *Sign out* in the page's head.
    pub fn log_out(&self) {
        self.follow("header form[action='/logout'] button");
    }

    /// Presses keys one after the other, wherever the focus is.
    pub fn press(&self, keys: &str) {
        let strokes = keys
            .chars()
            .fold(KeyActions::new("keys".into()), |all, value| {
                all.then(KeyAction::Down { value })
                    .then(KeyAction::Up { value })
            });
        self.run(self.client.perform_actions(strokes))
            .expect("keys are pressed");
    }

    /// Back to the page before, as the browser's button does.
    pub fn go_back(&self) {
        self.leave(|| self.run(self.client.back()).expect("the page before"));
    }

    /// Opens a tab beside this one, and looks at it. Gives the one that was looked at until now.
    pub fn open_tab(&self) -> WindowHandle {
        let here = self.run(self.client.window()).expect("a tab");
        let tab = self.run(self.client.new_window(true)).expect("a new tab");
        self.look_at(tab.handle);
        here
    }

    /// Looks at another tab.
    pub fn look_at(&self, tab: WindowHandle) {
        self.run(self.client.switch_to_window(tab))
            .expect("the tab is there");
    }

    /// Runs a script in the page.
    pub fn ask(&self, script: &str) -> Json {
        self.run(self.client.execute(script, Vec::new()))
            .expect("the script runs")
    }

    /// Runs a script that calls back.
    pub fn ask_later(&self, script: &str) -> Json {
        self.run(self.client.execute_async(script, Vec::new()))
            .expect("the script runs")
    }

    /// A command of the browser's developer tools.
    pub fn tools(&self, command: &str, params: &Json) {
        self.run(self.client.issue_cmd(Vendor::tools(command, params)))
            .expect("the tools obey");
    }

    /// The lines of one of the browser's logs since it was last asked for.
    pub fn log(&self, kind: &str) -> Vec<Json> {
        let lines = self.run(self.client.issue_cmd(Vendor::log(kind)));
        lines.expect("a log").as_array().expect("lines").clone()
    }

    /// Waits for something to become true.
    pub fn wait_until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < deadline, "waited in vain: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn find(&self, css: &str) -> Element {
        let looked = self.client.wait().at_most(PATIENCE);
        self.run(looked.for_element(Locator::Css(css)))
            .unwrap_or_else(|error| panic!("{css} at {}: {error}", self.place()))
    }

    fn run<T>(&self, step: impl Future<Output = Result<T, CmdError>>) -> Result<T, CmdError> {
        self.runtime.block_on(step)
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        // Ends the browser; the driver would leave it behind.
        let _ = self.run(self.client.clone().close());
    }
}

fn capabilities(profile: &std::path::Path, preferences: &Json) -> Json {
    let profile = format!("--user-data-dir={}", profile.display());
    let arguments = [
        "--headless=new",
        // Chromium refuses its sandbox as root, and containers often lack what it needs. It sees only our pages.
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1280,900",
        "--lang=en",
        &profile,
    ];
    json!({
        "browserName": "chrome",
        "goog:chromeOptions": { "args": arguments, "prefs": preferences },
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
    })
}
