//! Half an hour of everything: whether memory, open files and the database stay flat, as a drawing.

use std::fmt::Write as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Done;
use crate::measures::{Tokens, post};
use crate::process::Vestibule;
use crate::wire::{self, Wire};

/// How often is looked.
const LOOK: Duration = Duration::from_secs(5);

/// A moment's figures.
struct Sample {
    at: f64,
    memory: f64,
    files: f64,
    database: f64,
}

/// Everything that people and programs do, at a steady pace, for so many minutes. Draws `target/soak.svg`.
pub fn run(minutes: u64) -> Done<()> {
    let folder = tempfile::tempdir()?;
    let server = Vestibule::start_unlimited(folder.path())?;
    let (start, time) = (Instant::now(), Duration::from_secs(minutes * 60));
    let mut samples = Vec::new();
    let counted = thread::scope(|scope| -> Done<u64> {
        let port = server.port;
        let lives: Vec<_> = (0..2_u64)
            .map(|number| scope.spawn(move || live(port, number, start, time)))
            .collect();
        while start.elapsed() < time {
            samples.push(look(&server, folder.path(), start)?);
            thread::sleep(LOOK);
        }
        let mut count = 0;
        for life in lives {
            count += life.join().map_err(|_| "a life panicked")??;
        }
        Ok(count)
    })?;
    samples.push(look(&server, folder.path(), start)?);
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/soak.svg");
    std::fs::write(&place, drawing(&samples))?;
    println!(
        "{counted} requests in {minutes} minutes; drawn in {}",
        place.display()
    );
    let quarter = samples.len() / 4;
    for (name, of) in LINES {
        let values = |part: &[Sample]| part.iter().map(of).fold(0.0, f64::max);
        println!(
            "{name:<12} most in the second quarter {:.1}, in the last {:.1}",
            values(&samples[quarter..2 * quarter]),
            values(&samples[3 * quarter..])
        );
    }
    Ok(())
}

/// What is drawn: a name with its unit, and where it is found.
const LINES: [(&str, fn(&Sample) -> f64); 3] = [
    ("memory, MiB", |sample| sample.memory),
    ("open files", |sample| sample.files),
    ("database, MiB", |sample| sample.database),
];

fn look(server: &Vestibule, folder: &Path, start: Instant) -> Done<Sample> {
    let size =
        |name: &str| std::fs::metadata(folder.join("data").join(name)).map_or(0, |file| file.len());
    Ok(Sample {
        at: start.elapsed().as_secs_f64() / 60.0,
        memory: server.memory()?.resident,
        files: server.open_files()? as f64,
        database: (size("vestibule.db") + size("vestibule.db-wal")) as f64 / 1024.0 / 1024.0,
    })
}

/// Registers, signs in, is refused, asks, renews and signs out, over and over; gives the number of requests.
fn live(port: u16, number: u64, start: Instant, time: Duration) -> Done<u64> {
    const PAUSE: Duration = Duration::from_millis(20);
    let mut count = 0;
    let mut round = 0_u64;
    while start.elapsed() < time {
        // A few accounts that come back, and now and then a new one.
        let name = format!(
            "soak-{number}-{}",
            if round % 20 == 0 { round } else { round % 20 }
        );
        if round < 20 || round % 20 == 0 {
            let account = json!({ "username": name, "email": format!("{name}@example.org"), "password": "quartz balloon tundra" });
            post(port, "/auth/register", &account.to_string(), 201)?;
        }
        let log_in = |password: &str| json!({ "username": name, "password": password }).to_string();
        let token = post(port, "/auth/token", &log_in("quartz balloon tundra"), 200)?;
        let mut tokens = Tokens::of(&token)?;
        post(port, "/auth/token", &log_in("not their password"), 401)?;
        for _ in 0..5 {
            let bearer = format!("Bearer {}", tokens.access);
            let headers = [("Authorization", bearer.as_str())];
            for _ in 0..10 {
                let status = Wire::open(port)?.ask(&wire::request(
                    port,
                    "GET",
                    "/secure-data",
                    &headers,
                    "",
                ))?;
                if status != 200 {
                    return Err(format!("the guard answered {status}").into());
                }
            }
            let renew = json!({ "grant_type": "refresh_token", "refresh_token": tokens.refresh })
                .to_string();
            tokens = Tokens::of(&post(port, "/auth/token", &renew, 200)?)?;
            thread::sleep(PAUSE);
        }
        let bearer = format!("Bearer {}", tokens.access);
        let leave = wire::request(
            port,
            "POST",
            "/auth/logout",
            &[("Authorization", &bearer)],
            "",
        );
        Wire::open(port)?.ask(&leave)?;
        count += 59;
        round += 1;
    }
    Ok(count)
}

/// Three plots below each other, each from nought.
fn drawing(samples: &[Sample]) -> String {
    const WIDTH: f64 = 720.0;
    const HEIGHT: f64 = 150.0;
    let last = samples.last().map_or(1.0, |sample| sample.at).max(0.01);
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 {}" font-family="sans-serif" font-size="12">"#,
        (HEIGHT + 50.0) * LINES.len() as f64
    );
    for ((name, of), number) in LINES.iter().zip(0_u8..) {
        let most = samples.iter().map(of).fold(1.0, f64::max);
        let (left, foot) = (60.0, (HEIGHT + 50.0) * f64::from(number) + HEIGHT + 20.0);
        let points = samples.iter().map(|sample| {
            let (x, y) = (
                left + sample.at / last * WIDTH,
                foot - of(sample) / most * HEIGHT,
            );
            format!("{x:.1},{y:.1}")
        });
        let points = points.collect::<Vec<_>>().join(" ");
        let _ = write!(
            svg,
            r##"<path d="M{left} {}V{foot}H{}" fill="none" stroke="#888"/><polyline points="{points}" fill="none" stroke="#2a6" stroke-width="1.5"/><text x="4" y="{}">{most:.1}</text><text x="{left}" y="{}">{name}; {last:.0} minutes</text>"##,
            foot - HEIGHT,
            left + WIDTH,
            foot - HEIGHT + 10.0,
            foot + 16.0
        );
    }
    svg + "</svg>\n"
}
