//! The running server under load, beside a bare Rocket route that returns the same status, headers and body.
//!
//! ```text
//! cargo bench --bench load                       # seven minutes
//! cargo bench --bench load -- --quick            # one and a half, with more noise
//! cargo bench --bench load -- --rest 600         # looks at the memory ten minutes after the storm, not one
//! cargo bench --bench load -- --only start,rest  # some measures: requests logins storm memory start
//! ```
//!
//! Every figure is a ratio or a limit of `main.rs::TARGETS`, printed beside its target; nothing fails here, because
//! a busy machine is no fault of the program. To tell the machine's noise from ours, the two sides of a ratio take
//! turns in short rounds, each round is divided by its neighbour, and the median of the quotients counts.
//!
//! The server is the release program with its default settings in a fresh directory, its log written to a file. The
//! bare route is this very program started again, with the same Rocket configuration. The load comes from this
//! process, on loopback, over connections that are kept alive. Everything ends by itself.
#![expect(
    clippy::print_stdout,
    reason = "a program that prints its figures and nothing else"
)]

mod bare;
mod drive;
mod measures;
mod process;
mod report;
mod wire;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

/// Anything that goes wrong ends the run, in words.
type Done<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How long and how often is measured.
struct Plan {
    /// How often the two sides of a ratio take turns.
    turns: usize,
    /// One turn.
    turn: Duration,
    /// One turn of something slow, such as logins.
    long_turn: Duration,
    /// How many starts.
    starts: usize,
    /// From the end of the storm to the second look at the memory.
    rest: Duration,
    /// What is measured; everything when empty.
    only: Vec<String>,
}

impl Plan {
    fn from(words: &[String]) -> Self {
        let after = |name: &str| {
            let at = words.iter().position(|word| word == name)?;
            words.get(at + 1)
        };
        let quick = words.iter().any(|word| word == "--quick");
        let seconds =
            |quickly, properly| Duration::from_secs(if quick { quickly } else { properly });
        let rest = after("--rest").and_then(|seconds| seconds.parse().ok());
        Self {
            turns: if quick { 3 } else { 7 },
            turn: seconds(1, 3),
            long_turn: seconds(4, 8),
            starts: if quick { 10 } else { 20 },
            rest: rest.map_or(seconds(5, 60), Duration::from_secs),
            only: after("--only").map_or_else(Vec::new, |names| {
                names.split(',').map(str::to_owned).collect()
            }),
        }
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == name)
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = if words.iter().any(|word| word == bare::ARGUMENT) {
        bare::serve()
    } else if words.iter().any(|word| word == "--bench") {
        measure(&Plan::from(&words))
    } else {
        // `cargo test --all-targets` comes here.
        println!("To measure: cargo bench --bench load");
        Ok(())
    };
    done.map_or_else(
        |error| {
            eprintln!("The measurement broke off: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn measure(plan: &Plan) -> Done<()> {
    let cores = std::thread::available_parallelism()?;
    println!("{cores} cores, load before: {}", report::load_average());
    println!();
    let folder = tempfile::tempdir()?;
    let server = process::Vestibule::start(folder.path())?;
    let fresh = server.memory()?;
    let somebody = measures::Somebody::register(server.port)?;
    report::heading();
    if plan.wants("requests") {
        measures::requests(plan, &server, &somebody)?;
    }
    if plan.wants("logins") {
        measures::logins(plan, &server, &somebody)?;
    }
    if plan.wants("memory") {
        measures::memory_after_start(fresh);
    }
    if plan.wants("storm") || plan.wants("memory") {
        measures::storm(plan, &server, &somebody)?;
    }
    if plan.wants("memory") {
        measures::memory_later(plan, &server)?;
    }
    drop(server);
    if plan.wants("start") {
        measures::starts(plan, folder.path())?;
    }
    println!();
    println!("load after: {}", report::load_average());
    Ok(())
}
