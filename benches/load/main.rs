//! The running server under load, beside a bare Rocket route that returns the same status, headers and body.
//!
//! ```text
//! cargo bench --bench load                       # seven minutes
//! cargo bench --bench load -- --quick            # one and a half, with more noise
//! cargo bench --bench load -- --rest 600         # looks at the memory ten minutes after the storm, not one
//! cargo bench --bench load -- --only start,rest  # some measures: requests logins storm memory refresh names
//!                                                # start ended grown
//! cargo bench --bench load -- --postgres postgres://postgres@127.0.0.1:5432  # also how soon others hear of a logout
//! cargo bench --bench load -- --soak 30          # half an hour of everything, drawn in target/soak.svg
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
mod crowd;
mod drive;
mod measures;
mod process;
mod report;
mod sessions;
mod soak;
mod strangers;
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
    /// A server on which a database of our own may be made.
    postgres: Option<String>,
}

/// What stands behind an option.
fn after<'w>(words: &'w [String], name: &str) -> Option<&'w String> {
    let at = words.iter().position(|word| word == name)?;
    words.get(at + 1)
}

impl Plan {
    fn from(words: &[String]) -> Self {
        let after = |name: &str| after(words, name);
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
            postgres: after("--postgres").cloned(),
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
    } else if let Some(minutes) = after(&words, "--soak") {
        soak::run(minutes.parse().unwrap_or(30))
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
    let people = {
        // In a process of its own: judging passwords loads word lists, which no login needs.
        let server = process::Vestibule::start_unlimited(folder.path())?;
        measures::People::register(server.port)?
    };
    let server = process::Vestibule::start(folder.path())?;
    let fresh = server.memory()?;
    let people = people.returned(server.port)?;
    report::heading();
    if plan.wants("requests") {
        measures::requests(plan, &server, &people)?;
    }
    if plan.wants("logins") {
        measures::logins(plan, &server, &people)?;
    }
    if plan.wants("memory") {
        measures::memory_after_start(fresh);
    }
    if plan.wants("storm") || plan.wants("memory") {
        measures::storm(plan, &server, &people)?;
    }
    if plan.wants("memory") {
        measures::memory_later(plan, &server)?;
    }
    if plan.wants("refresh") {
        sessions::refreshes(plan, &server, &people)?;
    }
    drop(server);
    if plan.wants("names") {
        strangers::names(plan, folder.path(), &people)?;
    }
    if plan.wants("start") {
        measures::starts(plan, folder.path())?;
    }
    if plan.wants("ended") {
        sessions::many_ended(plan, folder.path())?;
    }
    if plan.wants("grown") {
        sessions::grown(plan, folder.path())?;
    }
    match &plan.postgres {
        Some(postgres) => sessions::hearing(plan, postgres)?,
        None => println!("how soon others hear of a logout: not measured without --postgres"),
    }
    println!();
    println!("load after: {}", report::load_average());
    Ok(())
}
