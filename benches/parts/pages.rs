//! Every page, as a browser gets it, beside a request for which nothing is rendered.

use divan::Bencher;
use rocket::http::ContentType;

use crate::scene::Scene;

/// Pages for anyone; the last one does not exist, so it is the page of an error.
const PUBLIC: [&str; 5] = ["/", "/login", "/register", "/docs", "/nowhere"];

/// Pages behind the login.
const GUARDED: [&str; 2] = ["/secure-data", "/account"];

#[divan::bench]
fn nothing_rendered(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    bencher
        .with_inputs(|| scene.page("/health/live"))
        .bench_local_values(|request| request.dispatch().into_bytes());
}

#[divan::bench(args = PUBLIC)]
fn public(bencher: Bencher<'_, '_>, path: &str) {
    let scene = Scene::new();
    bencher
        .with_inputs(|| scene.page(path))
        .bench_local_values(|request| {
            let answer = request.dispatch();
            assert_eq!(answer.content_type(), Some(ContentType::HTML));
            answer.into_bytes()
        });
}

#[divan::bench(args = GUARDED)]
fn guarded(bencher: Bencher<'_, '_>, path: &str) {
    let scene = Scene::new();
    bencher
        .with_inputs(|| scene.page(path).header(scene.bearer()))
        .bench_local_values(|request| {
            let answer = request.dispatch();
            assert_eq!(answer.content_type(), Some(ContentType::HTML));
            answer.into_bytes()
        });
}
