//! Which files hold secrets that an operator wrote.

use std::path::{Path, PathBuf};

use rocket::figment::Figment;

use super::{FIELDS, TABLE};

/// The files that secrets are read from: those that settings name, the configuration file where a secret stands in it,
/// and the key of the certificate. What is in them is not looked at.
pub fn secret_files(figment: &Figment) -> Vec<PathBuf> {
    let ours = FIELDS
        .iter()
        .filter(|field| field.secret)
        .flat_map(|field| {
            let key = format!("{TABLE}.{}", field.name);
            let named = figment.extract_inner::<PathBuf>(&format!("{key}_file"));
            [named.ok(), written_in(figment, &key)]
        });
    let key = figment.extract_inner::<PathBuf>("tls.key").ok();
    let certificate = key.map(|key| match written_in(figment, "tls.key") {
        // Rocket reads it from beside the file that names it.
        Some(file) => file.parent().unwrap_or(Path::new("")).join(key),
        None => key,
    });
    let mut files: Vec<PathBuf> = ours.flatten().chain(certificate).collect();
    files.dedup();
    files
}

/// The file in which a setting stands.
fn written_in(figment: &Figment, key: &str) -> Option<PathBuf> {
    let from = figment.find_metadata(key)?;
    Some(from.source.as_ref()?.file_path()?.to_owned())
}
