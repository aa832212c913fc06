//! The two servers as processes of their own. They end when dropped.

use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::wire::{self, Wire};
use crate::{Done, bare};

/// How often one who waits for a server knocks.
const KNOCK: Duration = Duration::from_micros(200);

/// A process that is killed when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The release program with its default settings.
pub struct Vestibule {
    server: Server,
    pub port: u16,
    /// From before the process was made to its first answer.
    pub first_answer: Duration,
}

impl Vestibule {
    /// Starts it in a folder, where its data directory and its log stay.
    pub fn start(folder: &Path) -> Done<Self> {
        Self::start_with(folder, &[])
    }

    /// The same without budgets: for what one client would not be let do so often.
    pub fn start_unlimited(folder: &Path) -> Done<Self> {
        Self::start_with(folder, &[("VESTIBULE_THROTTLE", "off")])
    }

    /// The same with settings in the environment.
    pub fn start_with(folder: &Path, settings: &[(&str, &str)]) -> Done<Self> {
        let port = free_port()?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(folder.join("log"))?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
        let command = configured(&mut command, port)
            .envs(settings.iter().copied())
            .current_dir(folder);
        let start = Instant::now();
        let server = Server(
            command
                .stdin(Stdio::null())
                .stdout(log)
                .stderr(Stdio::null())
                .spawn()?,
        );
        wait_for(port)?;
        Ok(Self {
            server,
            port,
            first_answer: start.elapsed(),
        })
    }

    pub fn memory(&self) -> Done<Memory> {
        Memory::of(self.server.0.id())
    }

    /// Files and connections that it has open.
    pub fn open_files(&self) -> Done<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.server.0.id()))?.count())
    }

    /// Seconds of processor time so far.
    pub fn effort(&self) -> Done<f64> {
        effort(self.server.0.id())
    }
}

/// This program, serving the bare route.
pub struct Bare {
    server: Server,
    pub port: u16,
}

impl Bare {
    /// Starts it with the answer to give.
    pub fn start(answer: &wire::Answer) -> Done<Self> {
        let port = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        let command = configured(&mut command, port).arg(bare::ARGUMENT);
        let server = Server(command.stdin(Stdio::piped()).spawn()?);
        // The pipe stays open: the bare server ends with it, even when this process is killed.
        let mut pipe = server
            .0
            .stdin
            .as_ref()
            .ok_or("no pipe to the bare server")?;
        writeln!(pipe, "{}", bare::told(answer)?)?;
        wait_for(port)?;
        Ok(Self { server, port })
    }

    /// Seconds of processor time so far.
    pub fn effort(&self) -> Done<f64> {
        effort(self.server.0.id())
    }
}

/// The same for both: nothing is set but the port.
fn configured(command: &mut Command, port: u16) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("ROCKET_") || name.starts_with("VESTIBULE_") {
            command.env_remove(name);
        }
    }
    command.env("ROCKET_PORT", port.to_string())
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

fn wait_for(port: u16) -> Done<()> {
    let since = Instant::now();
    let request = wire::request(port, "GET", "/health/live", &[], "");
    while since.elapsed() < Duration::from_secs(10) {
        // The bare server answers 404 here; it answers.
        if Wire::open(port)
            .and_then(|mut wire| wire.ask(&request))
            .is_ok()
        {
            return Ok(());
        }
        thread::sleep(KNOCK);
    }
    Err("a server did not answer within ten seconds".into())
}

/// What a process holds, in MiB.
#[derive(Clone, Copy, Default)]
pub struct Memory {
    /// Everything resident: what the targets speak of.
    pub resident: f64,
    /// Of it, what is not the program file and its libraries.
    pub anonymous: f64,
}

impl Memory {
    fn of(process: u32) -> Done<Self> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let member = |name: &str| -> Done<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line
                .and_then(|line| line.split_whitespace().next())
                .ok_or("no such line in /proc")?;
            Ok(kib.parse::<f64>()? / 1024.0)
        };
        Ok(Self {
            resident: member("VmRSS:")?,
            anonymous: member("RssAnon:")?,
        })
    }

    /// The larger of two, each by itself.
    pub fn most(self, other: Self) -> Self {
        Self {
            resident: self.resident.max(other.resident),
            anonymous: self.anonymous.max(other.anonymous),
        }
    }
}

fn effort(process: u32) -> Done<f64> {
    /// Linux counts in hundredths of a second for programs, on every machine that Rust's standard library runs on.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in the second field may hold spaces; user and system time are the 12th and 13th after it.
    let after_name = stat.rsplit_once(')').ok_or("no name in /proc")?.1;
    let ticks = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / TICKS)
}
