//! What a stranger could learn from the time an answer takes: whether a name is known.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::measures::People;
use crate::process::Vestibule;
use crate::report::{Target, quantile, say};
use crate::wire::{self, Wire};
use crate::{Done, Plan};

/// Wrong passwords for known and for unknown names, taking turns, one at a time. `p` is that of Mann and Whitney's
/// test that both come from one distribution: near nought, the two can be told apart.
pub fn names(plan: &Plan, folder: &Path, people: &People) -> Done<()> {
    let server = Vestibule::start_unlimited(folder)?;
    let trials = plan.turns * 200;
    let mut wire = Wire::open(server.port)?;
    let mut took = |name: &str| -> Done<Duration> {
        let body = json!({ "username": name, "password": "wrong but long enough" }).to_string();
        let request = wire::request(server.port, "POST", "/auth/token", &[], &body);
        let asked = Instant::now();
        match wire.ask(&request)? {
            401 => Ok(asked.elapsed()),
            status => Err(format!("a wrong password was answered {status}").into()),
        }
    };
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for trial in 0..trials {
        // Names of one length, and neither always first.
        let real = people.name(trial % people.count());
        let made_up = real.replace("person", "nobody");
        if trial % 2 == 0 {
            known.push(took(real)?);
            unknown.push(took(&made_up)?);
        } else {
            unknown.push(took(&made_up)?);
            known.push(took(real)?);
        }
    }
    let p = mann_whitney(&known, &unknown);
    say(
        "a known name's answer and an unknown one's, p",
        p,
        "",
        &Target::AtLeast(0.01),
        &format!(
            "{trials} each; medians {:.3} ms and {:.3} ms",
            quantile(&known, 500) * 1e3,
            quantile(&unknown, 500) * 1e3
        ),
    );
    Ok(())
}

/// The two-sided p of Mann and Whitney's U, by its normal approximation, which is good from a few dozen values on.
/// Times in nanoseconds have next to no ties.
fn mann_whitney(one: &[Duration], other: &[Duration]) -> f64 {
    let tagged =
        |values: &[Duration], first: bool| values.iter().map(|at| (*at, first)).collect::<Vec<_>>();
    let mut all = [tagged(one, true), tagged(other, false)].concat();
    all.sort_unstable();
    let ranks = all.iter().zip(1_u32..).filter(|((_, first), _)| *first);
    let rank_sum: f64 = ranks.map(|(_, rank)| f64::from(rank)).sum();
    let (n, m) = (one.len() as f64, other.len() as f64);
    let u = rank_sum - n * (n + 1.0) / 2.0;
    let deviation = (n * m * (n + m + 1.0) / 12.0).sqrt();
    let z = ((u - n * m / 2.0) / deviation).abs();
    2.0 * upper_tail(z)
}

/// The normal distribution's upper tail (Abramowitz and Stegun 26.2.17; the error is below 10⁻⁷).
fn upper_tail(z: f64) -> f64 {
    const B: [f64; 5] = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let series: f64 = B.iter().rev().fold(0.0, |sum, b| (sum + b) * t);
    (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * series
}
