//! Figures beside their targets.

use std::time::Duration;

/// What a figure must not cross.
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
}

pub fn heading() {
    println!("{:<50} {:>10} {:>10}", "", "figure", "target");
}

/// One measure. `how` says what the figure is made of.
pub fn say(measure: &str, figure: f64, unit: &str, target: &Target, how: &str) {
    let (sign, limit, met) = match *target {
        Target::AtLeast(limit) => ('≥', limit, figure >= limit),
        Target::AtMost(limit) => ('≤', limit, figure <= limit),
    };
    let target = format!("{sign} {limit}{unit}");
    let figure = if unit.is_empty() {
        format!("{figure:.3}")
    } else {
        format!("{figure:.1}{unit}")
    };
    let end = if met { "met" } else { "MISSED" };
    println!("{measure:<50} {figure:>10} {target:>10}  {end:<6}  {how}");
}

/// The value that so many parts of a thousand do not exceed.
pub fn quantile(values: &[Duration], thousandths: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * thousandths)
        .div_ceil(1000)
        .clamp(1, sorted.len().max(1))
        - 1;
    sorted.get(at).map_or(f64::NAN, Duration::as_secs_f64)
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// What else the machine is doing.
pub fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace()
        .take(3)
        .collect::<Vec<_>>()
        .join(" ")
}
