//! Letters over a mail server that is not ours: aiosmtpd, with TLS, from the start or later, and a password.
//!
//! They need aiosmtpd for the Python that `MAIL_PYTHON` names, and openssl. `.ci/run` brings both.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod house;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use house::mail::{code_in, path_in, until};
use house::process::{Process, command_on};
use house::{Database, PASSWORD};
use serde_json::{Value, json};

const NEW: &str = "brisk lantern meadow";

/// A running aiosmtpd, killed when dropped.
struct Server {
    child: Child,
    port: u16,
    letters: Arc<Mutex<Vec<Value>>>,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "it is the test run that is set, not the service"
        )]
        let python = std::env::var("MAIL_PYTHON")
            .expect("MAIL_PYTHON is not set: start these tests with .ci/run");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mail/server.py");
        let mut child = Command::new(python)
            .arg(script)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its words")).lines();
        let port = lines.next().expect("a line").expect("text");
        let letters: Arc<Mutex<Vec<Value>>> = Arc::default();
        let kept = Arc::clone(&letters);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let letter = serde_json::from_str(&line).expect("JSON");
                kept.lock().expect("letters").push(letter);
            }
        });
        Self {
            child,
            port: port.parse().expect("a port"),
            letters,
        }
    }

    fn letters(&self) -> Vec<Value> {
        self.letters.lock().expect("letters").clone()
    }

    /// The first letter with this subject.
    fn letter(&self, subject: &str) -> Value {
        until(subject, || {
            let fits = |letter: &Value| letter["headers"]["subject"] == subject;
            self.letters().into_iter().find(fits)
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A certificate for `localhost`, and its key.
struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
}

impl Certificate {
    fn make(folder: &Path, name: &str) -> Self {
        let [certificate, key] = ["pem", "key"].map(|kind| folder.join(format!("{name}.{kind}")));
        let subject = format!("subjectAltName=DNS:{name}");
        let done = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
            ])
            .args(["-days", "2", "-subj", "/CN=test", "-addext", &subject])
            .args(["-addext", "basicConstraints=critical,CA:false"])
            .arg("-out")
            .arg(&certificate)
            .arg("-keyout")
            .arg(&key)
            .output()
            .expect("openssl runs");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        Self { certificate, key }
    }

    fn arguments(&self) -> [&str; 2] {
        [&self.certificate, &self.key].map(|path| path.to_str().expect("text"))
    }
}

/// The program, sending to this URL, with a certificate that the machine trusts.
fn service(database: &Database, url: &str, trusted: Option<&Certificate>) -> Process {
    let mut command = command_on(database);
    command.envs([
        ("VESTIBULE_SMTP_URL", url),
        ("VESTIBULE_MAIL_FROM", "Vestibule <login@example.org>"),
    ]);
    if let Some(trusted) = trusted {
        command.env("SSL_CERT_FILE", &trusted.certificate);
    }
    Process::spawn(command)
}

fn post(process: &Process, path: &str, body: &Value) -> house::Answer {
    process.call("POST", path).json(body)
}

/// Why a letter could not be sent yet.
fn fault(database: &Database) -> String {
    until("a fault", || {
        let rows = database.ask("select last_fault from outbox where last_fault is not null");
        rows.first().cloned()
    })
}

#[test]
fn somebody_confirms_their_address_and_gets_back_in() {
    let (server, database) = (Server::start(&["plain"]), Database::fresh());
    let process = service(
        &database,
        &format!("smtp://127.0.0.1:{}", server.port),
        None,
    );
    assert_eq!(process.register("ana"), 201);
    let letter = server.letter("Please confirm your email address");
    assert_eq!(letter["from"], "login@example.org");
    assert_eq!(letter["to"], json!(["ana@example.org"]));
    assert_eq!(letter["headers"]["from"], "Vestibule <login@example.org>");
    assert_eq!(letter["headers"]["auto-submitted"], "auto-generated");
    assert_eq!(letter["order"], json!(["text/plain", "text/html"]));
    assert_eq!(letter["defects"], json!([]));
    assert!(
        letter["lines"].as_u64() < Some(999),
        "RFC 5321 section 4.5.3.1.6"
    );
    let (text, html) = (letter["text"].as_str(), letter["html"].as_str());
    let (text, html) = (text.expect("text"), html.expect("html"));
    let path = path_in(text, "/verify/");
    assert!(html.contains(&format!("{}{path}", process.origin)));
    let secret = path.rsplit('/').next().expect("a secret");
    assert_eq!(
        post(&process, "/auth/verify", &json!({ "secret": secret })).status,
        200
    );

    let asked = post(
        &process,
        "/auth/forgot",
        &json!({ "email": "ana@example.org" }),
    );
    let letter = server.letter("Choose a new password");
    let code = code_in(letter["text"].as_str().expect("text"));
    let reset = json!({ "request": asked.text_of("request"), "code": code, "password": NEW });
    assert_eq!(post(&process, "/auth/reset", &reset).status, 200);
    let form = [("username", "ana"), ("password", NEW)];
    assert_eq!(process.call("POST", "/auth/token").form(&form).status, 200);
    server.letter("Your password was changed");
}

#[test]
fn letters_go_over_verified_tls_with_a_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificate = Certificate::make(folder.path(), "localhost");
    let [public, key] = certificate.arguments();
    for (mode, scheme) in [("tls", "smtps"), ("starttls", "smtp+starttls")] {
        let server = Server::start(&[mode, public, key, "login@example.org", "p:/@ss wörd"]);
        let database = Database::fresh();
        let credentials = "login%40example.org:p%3A%2F%40ss%20w%C3%B6rd";
        let url = format!("{scheme}://{credentials}@localhost:{}", server.port);
        let process = service(&database, &url, Some(&certificate));
        assert_eq!(process.register("ana"), 201);
        let letter = server.letter("Please confirm your email address");
        assert_eq!(letter["user"], "login@example.org", "{mode}");
        if mode == "starttls" {
            assert_eq!(letter["tls"], true);
        }
    }
}

#[test]
fn nothing_goes_to_a_server_that_nobody_vouches_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = Certificate::make(folder.path(), "localhost");
    let other = Certificate::make(folder.path(), "mail.example.org");
    let [public, key] = ours.arguments();
    let [other_public, other_key] = other.arguments();
    for (mode, scheme) in [("tls", "smtps"), ("starttls", "smtp+starttls")] {
        let unknown = (Server::start(&[mode, public, key]), None);
        let misnamed = (
            Server::start(&[mode, other_public, other_key]),
            Some(&other),
        );
        for (server, trusted) in [unknown, misnamed] {
            let database = Database::fresh();
            let url = format!("{scheme}://u:p@localhost:{}", server.port);
            let process = service(&database, &url, trusted);
            assert_eq!(process.register("ana"), 201);
            let fault = fault(&database).to_lowercase();
            assert!(fault.contains("certificate"), "{fault}");
            assert!(server.letters().is_empty());
        }
    }
}

#[test]
fn nothing_goes_to_a_server_that_will_not_speak_tls() {
    let (server, database) = (Server::start(&["plain"]), Database::fresh());
    let url = format!("smtp+starttls://u:p@localhost:{}", server.port);
    let process = service(&database, &url, None);
    assert_eq!(process.register("ana"), 201);
    let fault = fault(&database);
    assert!(fault.contains("STARTTLS"), "{fault}");
    assert!(server.letters().is_empty());
}

#[test]
fn a_wrong_password_of_ours_loses_no_letter() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificate = Certificate::make(folder.path(), "localhost");
    let [public, key] = certificate.arguments();
    let server = Server::start(&["starttls", public, key, "login", "right"]);
    let database = Database::fresh();
    let url = |password| format!("smtp+starttls://login:{password}@localhost:{}", server.port);
    let process = service(&database, &url("wrong"), Some(&certificate));
    assert_eq!(process.register("ana"), 201);
    assert!(fault(&database).contains("535"));
    drop(process);
    // Mended, and started again: it was only waiting.
    let _process = service(&database, &url("right"), Some(&certificate));
    server.letter("Please confirm your email address");
}

#[test]
fn an_address_in_another_alphabet_is_written_to() {
    let (server, database) = (Server::start(&["plain"]), Database::fresh());
    let process = service(
        &database,
        &format!("smtp://127.0.0.1:{}", server.port),
        None,
    );
    let user = json!({ "username": "ana", "email": "ána@münchen.example", "password": PASSWORD });
    assert_eq!(post(&process, "/auth/register", &user).status, 201);
    let letter = server.letter("Please confirm your email address");
    let to = letter["to"][0].as_str().expect("an address");
    assert!(to.starts_with("ána@"), "{to}");
}
