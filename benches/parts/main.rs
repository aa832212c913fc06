//! The parts alone, each beside what it is to be compared with: `cargo bench`, about a minute.
//!
//! Look at the quotients within a group, not at the times: those are the machine's. The running server is measured
//! by `cargo bench --bench load`.
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot set its scene has nothing to measure"
)]

mod guard;
mod login;
mod pages;
mod scene;

fn main() {
    divan::main();
}
