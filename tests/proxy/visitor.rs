//! Somebody in front of a proxy: curl, with the cookies of a browser and an address of its own.

use std::process::Command;

use tempfile::TempDir;

use crate::front::Front;

/// An address that is not the proxy's, so that the log tells them apart.
pub const ADDRESS: &str = "127.0.0.2";

/// Somebody with a cookie jar.
pub struct Visitor<'f> {
    front: &'f Front,
    own: TempDir,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
    /// From the beginning to the last byte.
    pub seconds: f64,
}

impl<'f> Visitor<'f> {
    pub fn before(front: &'f Front) -> Self {
        let own = tempfile::tempdir().expect("a folder");
        Self { front, own }
    }

    /// curl, ready to be told what to ask for.
    pub fn curl(&self) -> Command {
        let mut curl = Command::new("curl");
        // Without settings of whoever runs the tests.
        curl.args(["-q", "--noproxy", "*", "-sS4", "--max-time", "40"]);
        curl.args(["--interface", ADDRESS, "--cacert"]);
        curl.arg(self.front.folder.path().join("certificate.pem"));
        for jar in ["-b", "-c"] {
            curl.arg(jar).arg(self.own.path().join("cookies"));
        }
        curl
    }

    /// Asks over https.
    pub fn ask(&self, path: &str, more: &[&str]) -> Reply {
        self.ask_at(&format!("{}{path}", self.front.doors.public_url()), more)
    }

    /// Asks over http.
    pub fn ask_unprotected(&self, path: &str, more: &[&str]) -> Reply {
        let url = format!("http://localhost:{}{path}", self.front.doors.http);
        self.ask_at(&url, more)
    }

    /// Sends a page's form, as a browser does.
    pub fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let origin = format!("Origin: {}", self.front.doors.public_url());
        let pairs: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut more = vec!["-H", &origin, "-H", "Accept: text/html"];
        if pairs.is_empty() {
            more.extend(["-d", ""]);
        }
        for pair in &pairs {
            more.extend(["--data-urlencode", pair]);
        }
        self.ask(path, &more)
    }

    fn ask_at(&self, url: &str, more: &[&str]) -> Reply {
        let done = self
            .curl()
            .args(["-i", "-w", "\n%{time_total}"])
            .args(more)
            .arg(url)
            .output()
            .expect("curl runs");
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{url}: {complaint}{text}");
        Reply::read(&text)
    }
}

impl Reply {
    fn read(text: &str) -> Self {
        let (text, seconds) = text.rsplit_once('\n').expect("a time");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).expect("a status");
        Self {
            status: status.parse().expect("a number"),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
            seconds: seconds.parse().expect("a number"),
        }
    }

    /// The values of a header, by its name in small letters.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(of, _)| *of == name)
            .map(|(_, value)| value)
            .collect()
    }
}
