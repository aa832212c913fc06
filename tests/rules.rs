//! The house rules, as tests: what a reviewer would otherwise have to remember.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod repository;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use repository::{code_of, files_below, read, root};

/// Modules may import from the tiers before their own, and from their own. The map in `src/lib.rs` says the same.
const TIERS: &[&[&str]] = &[
    &[
        "config",
        "world",
        "error",
        "json",
        "client",
        "log",
        "templates",
        "hashing",
        "throttle",
        "post",
    ],
    &["store"],
    &["tokens", "traffic"],
    &["sessions"],
    &["accounts"],
    &["view"],
    &["guard"],
    &["doctor"],
    &["pages", "api", "admin"],
];

fn tier_of(module: &str) -> usize {
    let tier = TIERS.iter().position(|tier| tier.contains(&module));
    tier.unwrap_or_else(|| panic!("{module} stands in no tier: give it one here and in src/lib.rs"))
}

/// The module a source file belongs to: `src/guard/here.rs` → `guard`.
fn module_of(file: &Path) -> String {
    let inside = file.strip_prefix(root().join("src")).expect("below src");
    let first = inside.components().next().expect("a name");
    let name = Path::new(first.as_os_str()).with_extension("");
    name.to_string_lossy().into_owned()
}

fn sources() -> Vec<(String, PathBuf, String)> {
    let files = files_below("src").into_iter();
    let with_code = files.map(|file| (module_of(&file), file.clone(), code_of(&file)));
    with_code
        .filter(|(module, ..)| !matches!(module.as_str(), "lib" | "main"))
        .collect()
}

#[test]
fn modules_import_in_one_direction() {
    let mut seen = 0;
    for (module, file, code) in sources() {
        for used in code.split("crate::").skip(1) {
            let used: String = used
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            let (from, to) = (tier_of(&module), tier_of(&used));
            let sibling = from == to && module != used && from == TIERS.len() - 1;
            assert!(to <= from && !sibling, "{} uses {used}", file.display());
            seen += 1;
        }
    }
    assert!(seen > 50, "the test sees no imports");
}

#[test]
fn the_map_names_every_module() {
    let map = read("src/lib.rs");
    for (module, ..) in sources() {
        assert!(
            map.contains(&format!("[`{module}`]")),
            "{module} is not on the map"
        );
        assert!(map.contains(&format!("pub mod {module};")), "{module}");
    }
}

#[test]
fn only_the_store_speaks_to_the_database() {
    for (module, file, code) in sources() {
        let speaks = ["sqlx", "select ", "insert into", "update accounts"]
            .iter()
            .any(|word| code.contains(word));
        assert!(!speaks || module == "store", "{}", file.display());
    }
}

#[test]
fn only_the_guard_reads_credentials_and_bodies() {
    for (module, file, code) in sources() {
        let reads = [
            "\"Authorization\"",
            "cookies().get",
            ".cookies()",
            "FromData",
            "Data<'",
        ]
        .iter()
        .any(|word| code.contains(word));
        assert!(!reads || module == "guard", "{}", file.display());
    }
}

#[test]
fn no_file_is_where_nobody_decided() {
    for (_, file, _) in sources() {
        let name = file
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let vague = [
            "utils", "helpers", "types", "models", "services", "handlers", "common", "misc",
        ];
        assert!(!vague.contains(&name.as_str()), "{}", file.display());
    }
}

#[test]
fn files_are_short_enough_to_read() {
    for (_, file, code) in sources() {
        assert!(
            code.lines().count() <= 400,
            "{} grew too long",
            file.display()
        );
    }
}

#[test]
fn every_file_says_what_it_holds() {
    for file in files_below("src") {
        let text = fs::read_to_string(&file).expect("source");
        assert!(text.starts_with("//! "), "{}", file.display());
    }
}

#[test]
fn embedded_lists_equal_the_folders() {
    let names = |folder| -> BTreeSet<String> {
        let strip = |file: PathBuf| {
            file.strip_prefix(root().join(folder))
                .expect("below")
                .to_string_lossy()
                .into_owned()
        };
        files_below(folder).into_iter().map(strip).collect()
    };
    let listed = |list: &[(&str, &str)]| -> BTreeSet<String> {
        list.iter().map(|(name, _)| (*name).to_owned()).collect()
    };
    assert_eq!(listed(vestibule::templates::TEMPLATES), names("templates"));
    assert_eq!(listed(vestibule::templates::STATIC), names("static"));
}

#[test]
fn migrations_are_numbered_without_gaps() {
    let files = files_below("migrations");
    assert!(!files.is_empty());
    for (index, file) in files.iter().enumerate() {
        let name = file
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        assert!(
            name.starts_with(&format!("{:04}_", index + 1)) && name.ends_with(".sql"),
            "{name}"
        );
    }
}

#[test]
fn every_setting_is_in_the_readme_and_no_other() {
    let readme = read("README.md");
    let table = readme
        .split("## Settings")
        .nth(1)
        .expect("a chapter on settings");
    let table = table.split("\n## ").next().expect("its text");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: BTreeSet<&str> = rows
        .map(|row| row.split('`').next().expect("a name"))
        .collect();
    let known: BTreeSet<&str> = vestibule::config::FIELDS
        .iter()
        .map(|field| field.name)
        .collect();
    assert_eq!(documented, known);
    for field in vestibule::config::FIELDS {
        assert!(
            table.contains(field.meaning),
            "{}: the README says something else",
            field.name
        );
        let row = format!("| `{}` | {} |", field.name, field.default);
        let plain = table.replace('`', "");
        assert!(plain.contains(&row.replace('`', "")), "{row}");
    }
}

#[test]
fn every_dependency_says_why_it_is_there() {
    let manifest = read("Cargo.toml");
    let (mut section, mut before, mut seen) = ("", "", 0);
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.contains("dependencies]") && line.contains('=') && !line.starts_with('#')
        {
            assert!(before.starts_with("# ") && before.ends_with('.'), "{line}");
            seen += 1;
        }
        before = line;
    }
    assert!(seen > 25, "the test sees no dependencies");
}

#[test]
fn nothing_of_ours_is_unsafe() {
    // The compiler holds it, for tests and benchmarks too, and what is forbidden cannot be allowed again further in.
    assert!(read("Cargo.toml").contains("\n[lints.rust]\nunsafe_code = \"forbid\"\n"));
}

#[test]
fn systemd_waits_longer_than_answers_take() {
    let unit = read("deploy/vestibule.service");
    let waits = unit
        .lines()
        .find_map(|line| line.strip_prefix("TimeoutStopSec="));
    let waits: u32 = waits.expect("a time").parse().expect("seconds");
    let rocket: rocket::Config = vestibule::config::figment().extract().expect("settings");
    assert!(waits > rocket.shutdown.grace + rocket.shutdown.mercy);
}

#[test]
fn operators_hand_their_commands_what_systemd_hands_the_service() {
    let unit = read("deploy/vestibule.service");
    let service = unit.split_once("\n[Unit]").expect("a unit");
    let words = |text: &str, mark: &str| -> BTreeSet<String> {
        let found = text.split_whitespace().filter(|word| word.contains(mark));
        let bare = |word: &str| word[word.find(mark).expect("it")..].replace('"', "");
        found.map(bare).collect()
    };
    let named = |text: &str| -> BTreeSet<String> {
        let words = words(text, "VESTIBULE_").into_iter();
        words
            .map(|word| word.split('=').next().expect("a name").to_owned())
            .collect()
    };
    let credentials = words(service.1, "LoadCredential=");
    assert!(credentials.len() > 1 && named(service.1).len() > 1);
    assert_eq!(words(service.0, "LoadCredential="), credentials);
    assert_eq!(named(service.0), named(service.1));
}

#[test]
fn nothing_in_the_repository_points_at_a_workplace() {
    let folders = [
        "src",
        "tests",
        "templates",
        "static",
        "migrations",
        "examples",
        "benches",
        ".ci",
        "deploy",
    ];
    let mut files: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| files_below(folder))
        .collect();
    files.extend(
        [
            "README.md",
            "SECURITY.md",
            "Cargo.toml",
            "Rocket.toml",
            "Cargo.lock",
            "deny.toml",
        ]
        .map(|name| root().join(name)),
    );
    let marks = [
        concat!("/ho", "me/"),
        concat!("/wo", "rk/"),
        concat!("../sha", "red"),
    ];
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        for mark in marks {
            assert!(!text.contains(mark), "{} has {mark}", file.display());
        }
    }
}
