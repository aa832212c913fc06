//! Lines for the operator: one a request, one a security event, as JSON on standard output.
//!
//! Handlers never wait for the output: lines are gathered in memory and a thread of its own writes them, so a slow
//! reader costs nobody a login. What does not fit in `BACKLOG` is dropped, and how much was is said.
//! Text from strangers is escaped by serde_json and cannot break a line. Callers give ids, addresses and codes;
//! passwords, tokens, cookies and queries have no place here.

use std::io::Write;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::client::Client;
use crate::config::LogFormat;
use crate::world::Clock;

/// How many bytes may wait for a reader that does not keep up.
const BACKLOG: usize = 8 * 1024 * 1024;

/// How long lines are gathered before they are written, so that one write serves many requests.
const GATHER: Duration = Duration::from_millis(20);

/// How many bytes are not gathered any longer.
const ENOUGH: usize = 16 * 1024;

/// What each of the two buffers has room for, from the start: so much that it has pages of its own, of which only those
/// used count. Where requests made and grew the buffers, they left holes in the memory of requests.
const BUFFER: usize = 8 * ENOUGH;

/// Where lines go. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    clock: Clock,
    format: LogFormat,
    shared: Arc<Shared>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    written: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    dropped: u64,
    writing: bool,
    /// A log that nobody drains is a test's: it keeps its lines to be read.
    kept: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic elsewhere must not silence the log.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a line, and then for more of them: a moment, or until they are enough.
    fn gathered(&self) -> MutexGuard<'_, Waiting> {
        let none = |waiting: &mut Waiting| waiting.lines.is_empty();
        let few = |waiting: &mut Waiting| waiting.lines.len() < ENOUGH;
        let some = self.filled.wait_while(self.lock(), none);
        let some = some.unwrap_or_else(PoisonError::into_inner);
        let gathered = self.filled.wait_timeout_while(some, GATHER, few);
        gathered.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Log {
    /// A log whose lines go to standard output.
    pub fn stdout(clock: Clock, format: LogFormat) -> Self {
        let log = Self::kept(clock, format);
        *log.shared.lock() = Waiting {
            lines: Vec::with_capacity(BUFFER),
            ..Waiting::default()
        };
        let shared = Arc::clone(&log.shared);
        // Without the thread the lines stay in memory up to the backlog; the service itself goes on.
        let _ = std::thread::Builder::new()
            .name("log".into())
            .spawn(move || drain(&shared));
        log
    }

    /// A log that keeps its lines in memory, for tests: see [`Log::taken`].
    pub fn kept(clock: Clock, format: LogFormat) -> Self {
        let waiting = Waiting {
            kept: true,
            ..Waiting::default()
        };
        let shared = Shared {
            waiting: Mutex::new(waiting),
            filled: Condvar::new(),
            written: Condvar::new(),
        };
        Self {
            clock,
            format,
            shared: Arc::new(shared),
        }
    }

    /// The lines kept so far.
    pub fn taken(&self) -> String {
        String::from_utf8_lossy(&self.shared.lock().lines).into_owned()
    }

    /// A line about something that concerns security: who, where, what, how it ended.
    pub fn event(
        &self,
        event: &str,
        client: &Client,
        account: Option<&str>,
        more: &[(&str, &str)],
    ) {
        let mut line = self.start("info", event);
        line.field("id", &client.request_id);
        line.address("client", client.address);
        if let Some(account) = account {
            line.field("account", account);
        }
        for (name, value) in more {
            line.field(name, value);
        }
        self.send(line);
    }

    /// A line about the service itself, such as its start or a database that went away.
    pub fn notice(&self, level: &str, event: &str, more: &[(&str, &str)]) {
        let mut line = self.start(level, event);
        for (name, value) in more {
            line.field(name, value);
        }
        self.send(line);
    }

    /// The line of a request.
    pub fn request(&self, request: &RequestLine<'_>) {
        let mut line = self.start("info", "request");
        line.field("id", request.id);
        line.address("client", request.client);
        line.field("method", request.method);
        line.field("route", request.route);
        line.number("status", request.status.into());
        line.number("us", request.took.as_micros() as u64);
        if let Some(account) = request.account {
            line.field("account", account);
        }
        self.send(line);
    }

    /// Waits until all lines so far are written, at most a second.
    pub fn flush(&self) {
        let waiting = self.shared.lock();
        if waiting.kept {
            return;
        }
        let busy = |waiting: &mut Waiting| !waiting.lines.is_empty() || waiting.writing;
        drop(
            self.shared
                .written
                .wait_timeout_while(waiting, Duration::from_secs(1), busy),
        );
    }

    fn start(&self, level: &str, event: &str) -> Line {
        let mut line = Line {
            text: Vec::with_capacity(256),
            format: self.format,
        };
        line.open(self.clock.now(), level, event);
        line
    }

    fn send(&self, line: Line) {
        let line = line.close();
        let mut waiting = self.shared.lock();
        if waiting.lines.len() + line.len() > BACKLOG {
            waiting.dropped += 1;
            return;
        }
        let before = waiting.lines.len();
        waiting.lines.extend_from_slice(&line);
        drop(waiting);
        // The writer is woken by the first of all that gathers until it looks, and when it is enough.
        if before == 0 || (before < ENOUGH && before + line.len() >= ENOUGH) {
            self.shared.filled.notify_one();
        }
    }
}

fn drain(shared: &Shared) {
    let mut batch = Vec::with_capacity(BUFFER);
    loop {
        let mut waiting = shared.gathered();
        std::mem::swap(&mut waiting.lines, &mut batch);
        let dropped = std::mem::take(&mut waiting.dropped);
        waiting.writing = true;
        drop(waiting);
        let mut out = std::io::stdout().lock();
        // A closed standard output, or a full disk behind it, must not end the service. What is lost is told of once there
        // is room again.
        let mut lost = dropped;
        if dropped > 0 {
            let line = r#"{"level":"warn","event":"log_lines_dropped","count":"#;
            if writeln!(out, "{line}{dropped}}}").is_ok() {
                lost = 0;
            }
        }
        if out.write_all(&batch).and_then(|()| out.flush()).is_err() {
            lost += batch.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        drop(out);
        batch.clear();
        batch.shrink_to(BUFFER);
        let mut waiting = shared.lock();
        waiting.writing = false;
        waiting.dropped += lost;
        drop(waiting);
        shared.written.notify_all();
    }
}

/// What is told of a request. The route's pattern, not the path: a path may hold the secret of a letter.
pub struct RequestLine<'r> {
    /// Under which id.
    pub id: &'r str,
    /// From where.
    pub client: IpAddr,
    /// How.
    pub method: &'r str,
    /// Where.
    pub route: &'r str,
    /// With what end.
    pub status: u16,
    /// How long it took.
    pub took: Duration,
    /// On whose behalf.
    pub account: Option<&'r str>,
}

/// A line being written. By hand, since formatting macros take five times as long and every request has a line.
struct Line {
    text: Vec<u8>,
    format: LogFormat,
}

impl Line {
    fn open(&mut self, now: time::OffsetDateTime, level: &str, event: &str) {
        let (year, month, day) = now.to_calendar_date();
        let (hour, minute, second, milli) = now.to_hms_milli();
        let json = self.format == LogFormat::Json;
        if json {
            self.push("{\"time\":\"");
            self.digits(year.unsigned_abs().into(), 4);
            self.push("-");
            self.digits(u8::from(month).into(), 2);
            self.push("-");
            self.digits(day.into(), 2);
            self.push("T");
        }
        self.digits(hour.into(), 2);
        self.push(":");
        self.digits(minute.into(), 2);
        self.push(":");
        self.digits(second.into(), 2);
        self.push(".");
        self.digits(milli.into(), 3);
        self.push(if json { "Z\",\"level\":\"" } else { " " });
        self.push(level);
        self.push(match level.len() {
            _ if json => "\",\"event\":\"",
            // So that events stand below each other.
            ..5 => "  ",
            _ => " ",
        });
        self.push(event);
        self.push(if json { "\"" } else { "" });
    }

    fn field(&mut self, name: &str, value: &str) {
        let plain = value
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'<' | b'='));
        self.name(name);
        if plain {
            self.quote();
            self.push(value);
            self.quote();
        } else {
            self.push(&Value::from(value).to_string());
        }
    }

    fn address(&mut self, name: &str, address: IpAddr) {
        self.name(name);
        self.quote();
        match address {
            IpAddr::V4(address) => {
                for (place, octet) in address.octets().into_iter().enumerate() {
                    self.push(if place == 0 { "" } else { "." });
                    self.digits(octet.into(), 1);
                }
            }
            IpAddr::V6(address) => self.push(&address.to_string()),
        }
        self.quote();
    }

    fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        self.digits(value, 1);
    }

    fn close(mut self) -> Vec<u8> {
        if self.format == LogFormat::Json {
            self.push("}");
        }
        self.push("\n");
        self.text
    }

    fn name(&mut self, name: &str) {
        match self.format {
            LogFormat::Json => {
                self.push(",\"");
                self.push(name);
                self.push("\":");
            }
            LogFormat::Text => {
                self.push(" ");
                self.push(name);
                self.push("=");
            }
        }
    }

    /// A quotation mark, where the format has them around everything.
    fn quote(&mut self) {
        if self.format == LogFormat::Json {
            self.push("\"");
        }
    }

    fn push(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    /// A number in decimal, with at least so many digits.
    fn digits(&mut self, mut value: u64, least: usize) {
        let mut digits = [b'0'; 20];
        let mut first = digits.len();
        while value > 0 || first > digits.len() - least {
            first -= 1;
            digits[first] = b'0' + (value % 10) as u8;
            value /= 10;
        }
        self.text.extend_from_slice(&digits[first..]);
    }
}

/// Warnings of the libraries, as our lines. Rocket's, and those that its macros put into handlers, are left out: they
/// hold whole URIs and what strangers sent. Its listener's are not: they say why no connection is taken, such as that
/// files have run out.
pub struct Bridge {
    /// Where the lines go.
    pub log: Log,
    /// A library whose warnings are left out, too.
    pub silent: &'static str,
}

impl log::Log for Bridge {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        let target = metadata.target();
        let rockets = target.starts_with("rocket") || target == "_" || target.ends_with("::_");
        let rockets = rockets && target != "rocket_http::listener";
        let silent = rockets || target.starts_with(self.silent);
        metadata.level() <= log::Level::Warn && !silent
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = if record.level() == log::Level::Error {
                "error"
            } else {
                "warn"
            };
            self.log.notice(
                level,
                "library",
                &[
                    ("from", record.target()),
                    ("message", &record.args().to_string()),
                ],
            );
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_cannot_break_a_line() {
        let log = Log::kept(Clock::set_to(1_700_000_000), LogFormat::Json);
        let evil = "a\"b\n{\"event\":\"logged_in\"}\r\u{2028}\u{0}\\";
        log.notice("info", "test", &[("text", evil)]);
        let lines = log.taken();
        assert_eq!(lines.lines().count(), 1);
        let line: Value = serde_json::from_str(&lines).unwrap();
        assert_eq!(line["text"], evil);
        assert_eq!(line["time"], "2023-11-14T22:13:20.000Z");
    }

    #[test]
    fn a_request_is_one_line() {
        let line = |format, client: &str| {
            let log = Log::kept(Clock::set_to(1_700_000_000), format);
            log.request(&RequestLine {
                id: "00ff",
                client: client.parse().unwrap(),
                method: "GET",
                route: "/a/<id>",
                status: 200,
                took: Duration::from_micros(1050),
                account: Some("a1"),
            });
            log.taken()
        };
        assert_eq!(
            line(LogFormat::Json, "127.0.0.1"),
            concat!(
                r#"{"time":"2023-11-14T22:13:20.000Z","level":"info","event":"request","id":"00ff","#,
                r#""client":"127.0.0.1","method":"GET","route":"/a/<id>","status":200,"us":1050,"account":"a1"}"#,
                "\n"
            )
        );
        assert_eq!(
            line(LogFormat::Text, "2001:db8::1"),
            "22:13:20.000 info  request id=00ff client=2001:db8::1 method=GET route=\"/a/<id>\" status=200 us=1050 account=a1\n"
        );
    }
}
