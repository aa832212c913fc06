//! Lines for the operator: one a request, one a security event, as JSON on standard output.
//!
//! Handlers never wait for the output: lines are gathered in memory and a thread of its own writes them, so a slow
//! reader costs nobody a login. What does not fit in `BACKLOG` is dropped, and how much was is said.
//! Text from strangers is escaped by serde_json and cannot break a line. Callers give ids, addresses and codes;
//! passwords, tokens, cookies and queries have no place here.

use std::io::Write;
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
}

impl Log {
    /// A log whose lines go to standard output.
    pub fn stdout(clock: Clock, format: LogFormat) -> Self {
        let log = Self::kept(clock, format);
        log.shared.lock().kept = false;
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
        line.field("client", &client.address.to_string());
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
        line.number("status", i64::from(request.status));
        line.number("us", request.took.as_micros().min(i64::MAX as u128) as i64);
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
        self.shared.filled.notify_one();
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
        let first = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(&line);
        drop(waiting);
        // The writer is woken once for all that gathers until it looks.
        if first {
            self.shared.filled.notify_one();
        }
    }
}

fn drain(shared: &Shared) {
    let mut batch = Vec::new();
    loop {
        let mut waiting = shared.lock();
        while waiting.lines.is_empty() {
            waiting = shared
                .filled
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        drop(waiting);
        std::thread::sleep(GATHER);
        let mut waiting = shared.lock();
        std::mem::swap(&mut waiting.lines, &mut batch);
        let dropped = std::mem::take(&mut waiting.dropped);
        waiting.writing = true;
        drop(waiting);
        let mut out = std::io::stdout().lock();
        // A closed standard output must not end the service; there is nobody left to tell.
        let _ = out.write_all(&batch);
        if dropped > 0 {
            let _ = writeln!(
                out,
                r#"{{"level":"warn","event":"log_lines_dropped","count":{dropped}}}"#
            );
        }
        let _ = out.flush();
        drop(out);
        batch.clear();
        batch.shrink_to(64 * 1024);
        shared.lock().writing = false;
        shared.written.notify_all();
    }
}

/// What is told of a request. The route's pattern, not the path: a path may hold the secret of a letter.
pub struct RequestLine<'r> {
    /// Under which id.
    pub id: &'r str,
    /// From where.
    pub client: std::net::IpAddr,
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

/// A line being written.
struct Line {
    text: Vec<u8>,
    format: LogFormat,
}

impl Line {
    fn open(&mut self, now: time::OffsetDateTime, level: &str, event: &str) {
        let (hour, minute, second, milli) = now.to_hms_milli();
        let (year, month, day) = (now.year(), u8::from(now.month()), now.day());
        // Writing to a vector cannot fail, here and below.
        let _ = match self.format {
            LogFormat::Json => write!(
                self.text,
                r#"{{"time":"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z","level":"{level}","event":"{event}""#
            ),
            LogFormat::Text => write!(
                self.text,
                "{hour:02}:{minute:02}:{second:02}.{milli:03} {level:5} {event}"
            ),
        };
    }

    fn field(&mut self, name: &str, value: &str) {
        let plain = value
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'<' | b'='));
        match self.format {
            LogFormat::Json if plain => {
                let _ = write!(self.text, r#","{name}":"{value}""#);
            }
            LogFormat::Json => {
                let _ = write!(self.text, r#","{name}":{}"#, Value::from(value));
            }
            LogFormat::Text if plain => {
                let _ = write!(self.text, " {name}={value}");
            }
            LogFormat::Text => {
                let _ = write!(self.text, " {name}={}", Value::from(value));
            }
        }
    }

    fn address(&mut self, name: &str, address: std::net::IpAddr) {
        let _ = match self.format {
            LogFormat::Json => write!(self.text, r#","{name}":"{address}""#),
            LogFormat::Text => write!(self.text, " {name}={address}"),
        };
    }

    fn number(&mut self, name: &str, value: i64) {
        let _ = match self.format {
            LogFormat::Json => write!(self.text, r#","{name}":{value}"#),
            LogFormat::Text => write!(self.text, " {name}={value}"),
        };
    }

    fn close(mut self) -> Vec<u8> {
        if self.format == LogFormat::Json {
            self.text.push(b'}');
        }
        self.text.push(b'\n');
        self.text
    }
}

/// Warnings of the libraries, as our lines. Rocket's, and those that its macros put into handlers, are left out: they
/// hold whole URIs and what strangers sent.
pub struct Bridge(pub Log);

impl log::Log for Bridge {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        let target = metadata.target();
        let rockets = target.starts_with("rocket") || target == "_" || target.ends_with("::_");
        metadata.level() <= log::Level::Warn && !rockets
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = if record.level() == log::Level::Error {
                "error"
            } else {
                "warn"
            };
            self.0.notice(
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
}
