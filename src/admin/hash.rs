//! `vestibule hash`: what password hashing costs on this machine.

use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use rocket::figment::Figment;
use serde_json::json;

use super::say;
use crate::config::{Fault, Settings};
use crate::hashing::{Calibrated, LEAST_KIB, LEAST_PASSES, calibrate, memory};

#[derive(Subcommand)]
pub enum Act {
    /// Measure this machine, with all hashing threads busy, and print the settings with which a hash takes about so long.
    /// Ten seconds at most; best while the machine has nothing else to do.
    Calibrate {
        /// How long one hash shall take, in milliseconds.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
        target_ms: u64,
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
}

/// Does it.
pub fn hash(figment: &Figment, act: &Act) -> Result<ExitCode, Fault> {
    let Act::Calibrate { target_ms, json } = act;
    let threads = Settings::read(figment)?.hashing;
    // All threads together may take a quarter of the memory.
    let most = memory::of_this_machine().limit_kib.map(|kib| kib / 4);
    let found = calibrate(threads, Duration::from_millis(*target_ms), most).ok_or_else(|| {
        Fault("This machine takes too long even for the least that is safe, or has no threads to give.".into())
    })?;
    let warning = warning(&found, *target_ms);
    if *json {
        say(&document(&found, warning.as_deref()));
    } else {
        tell(&found, warning.as_deref());
    }
    Ok(ExitCode::SUCCESS)
}

fn warning(found: &Calibrated, target_ms: u64) -> Option<String> {
    let (settings, ms) = (found.settings, found.measured.milliseconds);
    let least = (settings.memory_kib, settings.passes) == (LEAST_KIB, LEAST_PASSES);
    (least && ms > target_ms as f64 * 1.25).then(|| {
        format!("{target_ms} ms would need less than OWASP's least for Argon2id, which takes {ms:.0} ms here.")
    })
}

fn tell(found: &Calibrated, warning: Option<&str>) {
    let (settings, measured) = (found.settings, found.measured);
    if let Some(warning) = warning {
        say(&format!("# {warning}"));
    }
    say("# In Rocket.toml, under [default.vestibule]:");
    say(&format!("hash_memory_kib = {}", settings.memory_kib));
    say(&format!("hash_passes = {}", settings.passes));
    say(&format!("hash_threads = {}", settings.threads));
    say(&format!(
        "# {:.1} ms a hash, {:.1} logins a second on all threads, {} MiB for the pool.",
        measured.milliseconds,
        measured.per_second,
        pool_mib(found)
    ));
}

fn document(found: &Calibrated, warning: Option<&str>) -> String {
    let (settings, measured) = (found.settings, found.measured);
    json!({
        "hash_memory_kib": settings.memory_kib, "hash_passes": settings.passes, "hash_threads": settings.threads,
        "milliseconds": measured.milliseconds, "logins_per_second": measured.per_second,
        "pool_mib": pool_mib(found), "warning": warning,
    })
    .to_string()
}

fn pool_mib(found: &Calibrated) -> u64 {
    u64::from(found.settings.memory_kib) * found.settings.threads as u64 / 1024
}
