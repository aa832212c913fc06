//! The program itself, as a process.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{Answer, Call, Database, PASSWORD};

/// A running `vestibule`, killed when dropped.
pub struct Process {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub origin: String,
    /// Its first line.
    pub said: String,
}

/// The program, in a folder of its own.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    tame(&mut command, folder);
    command
}

/// No settings of whoever runs the tests; cheap hashing.
pub fn tame(command: &mut Command, folder: &Path) {
    command.current_dir(folder).env_clear();
    command.envs([
        ("VESTIBULE_HASH_MEMORY_KIB", "64"),
        ("VESTIBULE_HASH_PASSES", "1"),
        ("VESTIBULE_LOG", "json"),
        // All calls come from one address.
        ("VESTIBULE_THROTTLE", "off"),
        // Each start has a port of its own.
        ("VESTIBULE_ISSUER", "http://127.0.0.1"),
    ]);
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("its number")
        .port()
}

/// The program on this database.
pub fn command_on(database: &Database) -> Command {
    let mut command = command(database.folder());
    if let Some(url) = database.url() {
        let secret = "a secret that all tests share, 32+";
        command.envs([
            ("VESTIBULE_DATABASE_URL", url.as_str()),
            ("VESTIBULE_SERVER_SECRET", secret),
        ]);
    }
    command
}

impl Process {
    pub fn start(folder: &Path) -> Self {
        Self::spawn(command(folder))
    }

    pub fn spawn(mut command: Command) -> Self {
        let port = free_port();
        command
            .env("ROCKET_PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut said = String::new();
        let mut stderr = BufReader::new(child.stderr.take().expect("its words"));
        stderr.read_line(&mut said).expect("a line");
        Self {
            child,
            origin: format!("http://127.0.0.1:{port}"),
            said,
        }
    }

    pub fn call(&self, method: &str, path: &str) -> Call {
        Call::new(method, &format!("{}{path}", self.origin))
    }

    pub fn register(&self, name: &str) -> u16 {
        let user = json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
        self.call("POST", "/auth/register").json(&user).status
    }

    pub fn log_in(&self, name: &str) -> u16 {
        self.call("POST", "/auth/token")
            .form(&[("username", name), ("password", PASSWORD)])
            .status
    }

    pub fn token_of(&self, name: &str) -> String {
        let form = [("username", name), ("password", PASSWORD)];
        self.call("POST", "/auth/token")
            .form(&form)
            .text_of("access_token")
    }

    /// Logs in and gives the access and the refresh token.
    pub fn tokens_of(&self, name: &str) -> (String, String) {
        let form = [("username", name), ("password", PASSWORD)];
        let answer = self.call("POST", "/auth/token").form(&form);
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        (
            answer.text_of("access_token"),
            answer.text_of("refresh_token"),
        )
    }

    /// Renews with a refresh token.
    pub fn refresh(&self, token: &str) -> Answer {
        self.call("POST", "/auth/token")
            .form(&[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    /// What an access token's own call says of its owner.
    pub fn status_of(&self, token: &str) -> u16 {
        let call = self.call("GET", "/secure-data").bearer(token);
        call.send().status
    }

    /// Its number.
    pub fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.id(), signal).expect("it runs");
    }

    /// Waits for the end and gives the exit code and what was logged.
    pub fn ended(mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        self.child
            .stdout
            .take()
            .expect("its log")
            .read_to_string(&mut log)
            .expect("text");
        (self.child.wait().expect("an end").code(), log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
