//! Whatever strangers send: generated, not thought up. Nothing panics, nothing is answered with a 5xx, and what is
//! accepted is exactly what its canonical form says.
//!
//! Every run tries the same cases. What they once found stands as a story of its own beside the code it concerned.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod house;

#[path = "hostile/answers.rs"]
mod answers;
#[path = "hostile/calls.rs"]
mod calls;
#[path = "hostile/fields.rs"]
mod fields;
#[path = "hostile/scene.rs"]
mod scene;
#[path = "hostile/service.rs"]
mod service;
#[path = "hostile/tokens.rs"]
mod tokens;
#[path = "hostile/wire.rs"]
mod wire;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Holds a property against so many cases, the same in every run; a failure is shrunk to its smallest form.
fn hold<S: Strategy>(cases: u32, strategy: &S, property: impl Fn(S::Value)) {
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(20_260_924),
        failure_persistence: None,
        // In milliseconds: what is not small by then stays as it is.
        max_shrink_time: 60_000,
        ..Config::default()
    };
    let held = TestRunner::new(config).run(strategy, |value| {
        property(value);
        Ok(())
    });
    held.unwrap_or_else(|broken| panic!("{broken}"));
}

/// Texts put together from pieces that mean something to whoever reads them, and others.
fn woven(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => prop::sample::select(pieces).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[a-zA-Z0-9]{1,6}",
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

/// A text with one character put in, taken out, or replaced.
fn touched(text: &str, at: prop::sample::Index, change: Change) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = at.index(chars.len().max(1));
    match change {
        Change::Put(c) => chars.insert(at, c),
        Change::Take if !chars.is_empty() => drop(chars.remove(at)),
        Change::Replace(c) if !chars.is_empty() => chars[at] = c,
        _ => {}
    }
    chars.into_iter().collect()
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Put(char),
    Take,
    Replace(char),
}

fn change() -> impl Strategy<Value = Change> {
    let c = prop_oneof![
        prop::sample::select("aAzZ09-_.=+/ \0".chars().collect::<Vec<_>>()),
        any::<char>()
    ];
    (0..3, c).prop_map(|(kind, c)| match kind {
        0 => Change::Put(c),
        1 => Change::Take,
        _ => Change::Replace(c),
    })
}
