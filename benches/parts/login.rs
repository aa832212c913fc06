//! A login is to cost one hash and next to nothing else.

use divan::Bencher;
use rocket::http::Status;
use vestibule::config::HashSettings;
use vestibule::hashing::Hashing;
use zeroize::Zeroizing;

use crate::scene::{PASSWORD, Scene};

#[divan::bench]
fn hash_alone(bencher: Bencher<'_, '_>) {
    let settings = HashSettings {
        memory_kib: 19_456,
        passes: 2,
        threads: 1,
        queue: 1,
    };
    let hashing = Hashing::start(settings).unwrap();
    let runtime = rocket::tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let once = || {
        runtime
            .block_on(hashing.hash(Zeroizing::new(PASSWORD.to_owned()), [7; 16]))
            .unwrap()
    };
    // The first one also fetches the memory that the thread keeps.
    once();
    bencher.bench_local(once);
}

#[divan::bench]
fn whole_log_in(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    bencher
        .with_inputs(|| scene.log_in())
        .bench_local_values(|request| {
            let answer = request.dispatch();
            assert_eq!(answer.status(), Status::Ok);
            answer.into_bytes()
        });
}
