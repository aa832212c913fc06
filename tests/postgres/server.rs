//! A PostgreSQL that belongs to one test.

use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use crate::house::process::free_port;

/// `nobody` and `nogroup`, on every Linux.
const NOBODY: u32 = 65_534;

/// A server in a folder of its own, on a port of its own. Gone when dropped.
pub struct Server {
    folder: tempfile::TempDir,
    port: u16,
}

impl Server {
    /// A new server, running.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // PostgreSQL refuses to run as root.
        if rustix::process::getuid().is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("given away");
        }
        let server = Self {
            folder,
            port: free_port(),
        };
        let data = server.data();
        let data = data.to_str().expect("text");
        server
            .run("initdb", &["-D", data, "-U", "postgres", "-A", "trust"])
            .expect("tables");
        server.resume();
        server
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it again after [`Server::stop`].
    pub fn resume(&self) {
        let options = format!("-h 127.0.0.1 -p {} -k '' -c max_connections=50", self.port);
        let log = self.folder.path().join("log");
        let log = log.to_str().expect("text");
        self.control(&["-l", log, "-w", "-t", "60", "-o", &options, "start"])
            .expect("it starts");
    }

    /// Stops it as a machine that loses its power would.
    pub fn stop(&self) {
        self.control(&["-m", "immediate", "-w", "stop"])
            .expect("it stops");
    }

    /// Sends a signal to every process of it, if it runs.
    pub fn signal(&self, signal: Signal) {
        let Ok(file) = std::fs::read_to_string(self.data().join("postmaster.pid")) else {
            return;
        };
        let postmaster = file.lines().next().expect("its number");
        let children = format!("/proc/{postmaster}/task/{postmaster}/children");
        let children = std::fs::read_to_string(children).unwrap_or_default();
        for one in std::iter::once(postmaster).chain(children.split_whitespace()) {
            let id = one.parse().ok().and_then(Pid::from_raw);
            // One of them may have ended meanwhile.
            let _ = kill_process(id.expect("a number"), signal);
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn control(&self, arguments: &[&str]) -> Result<(), String> {
        let data = self.data();
        let start = ["-s", "-D", data.to_str().expect("text")];
        self.run("pg_ctl", &[&start, arguments].concat())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "it is the test run that is set, not the service"
    )]
    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let bin = std::env::var("POSTGRES_BIN")
            .map_err(|_| "POSTGRES_BIN is not set: start these tests with .ci/run")?;
        let mut command = if rustix::process::getuid().is_root() {
            let mut command = Command::new("runuser");
            command
                .args(["-u", "nobody", "--"])
                .arg(format!("{bin}/{program}"));
            command
        } else {
            Command::new(format!("{bin}/{program}"))
        };
        let said = self.folder.path().join("said");
        let file = || std::fs::File::create(&said).expect("a file");
        // Into a file: the server keeps what it is given open.
        let done = command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdout(file())
            .stderr(file())
            .status()
            .expect("it runs");
        let words = std::fs::read_to_string(&said).unwrap_or_default();
        done.success()
            .then_some(())
            .ok_or(format!("{program}: {words}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal(Signal::CONT);
        // It may be stopped already; a second panic would hide the first.
        let _ = self.control(&["-m", "immediate", "-w", "stop"]);
    }
}
