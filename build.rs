//! How the program is linked: with its table of addresses packed. The loader reads that table whole at each start, and
//! 0.6 MiB of it would stay in memory.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let here = env::var_os("HOST") == env::var_os("TARGET");
    if here && glibc().is_some_and(|version| version >= [2, 36]) {
        println!("cargo::rustc-link-arg-bin=vestibule=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of the C library here, where it is glibc. With one before 2.36 a packed program would not start.
fn glibc() -> Option<[u32; 2]> {
    let told = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let told = String::from_utf8(told.ok()?.stdout).ok()?;
    let (major, minor) = told.trim().strip_prefix("glibc ")?.split_once('.')?;
    let minor = minor.split('.').next()?;
    Some([major.parse().ok()?, minor.parse().ok()?])
}
