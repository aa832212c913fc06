//! The program that drives Chromium: started on a port of its own, gone when dropped.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A running chromedriver.
pub struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    /// Starts it and waits until it says where it listens. It takes a free port over one kind of address and wants the
    /// same over the other; where somebody else has that, it ends, and another try finds another port.
    pub fn start() -> Self {
        let tried = (0..5).find_map(|_| Self::try_to_start());
        tried.expect("chromedriver says its port")
    }

    fn try_to_start() -> Option<Self> {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts; Debian has it in the package chromium-driver");
        let told = listen(process.stdout.take().expect("its output"));
        // Made first, so that it is stopped even if it never answers.
        let mut driver = Self { process, port: 0 };
        driver.port = told.recv_timeout(Duration::from_secs(30)).ok()?;
        Some(driver)
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads on after the port is known: a full pipe would stop the driver.
fn listen(output: ChildStdout) -> Receiver<u16> {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some(port) = port_in(&line) {
                let _ = tell.send(port);
            }
        }
    });
    told
}

fn port_in(line: &str) -> Option<u16> {
    let (_, port) = line.split_once("started successfully on port ")?;
    port.trim_end_matches('.').parse().ok()
}
