//! Names that are no settings, and where a value was written.

use rocket::figment::value::Dict;
use rocket::figment::{Figment, Metadata};

use super::{FIELDS, Fault, TABLE};

/// Refuses a name that is no setting, with the nearest that is.
pub(super) fn refuse_unknown(figment: &Figment) -> Result<(), Fault> {
    refuse_misplaced(figment)?;
    let Ok(table) = figment.find_value(TABLE) else {
        return Ok(());
    };
    let Some(table) = table.as_dict() else {
        return Err(Fault(
            "[default.vestibule] must be a table of settings.".into(),
        ));
    };
    for name in table.keys() {
        if !known_names().any(|known| known == *name) {
            let from = figment
                .find_metadata(&format!("{TABLE}.{name}"))
                .map(|from| format!(" ({})", place(from, name)))
                .unwrap_or_default();
            let near = nearest(name)
                .map(|near| format!(" Did you mean {near}?"))
                .unwrap_or_default();
            return Err(Fault(format!(
                "There is no setting {name}{from}.{near}\n`vestibule settings --all` lists them."
            )));
        }
    }
    Ok(())
}

/// Refuses a table that figment would leave aside without a word: `[vestibule]`, which is a profile to it, and
/// misspelt names beside ours and Rocket's.
fn refuse_misplaced(figment: &Figment) -> Result<(), Fault> {
    if figment.profiles().any(|profile| profile == TABLE) {
        return Err(Fault(
            "Rocket.toml has [vestibule]. Write [default.vestibule].".into(),
        ));
    }
    let known = [TABLE, "address", "port", "tls", "workers", "limits"];
    let Ok(top) = figment.extract::<Dict>() else {
        return Ok(());
    };
    for name in top.keys() {
        let near = known
            .iter()
            .find(|known| *name != **known && strsim::jaro_winkler(name, known) > 0.93);
        if let Some(near) = near {
            return Err(Fault(format!(
                "There is no setting {name}. Did you mean {near}?"
            )));
        }
    }
    Ok(())
}

fn known_names() -> impl Iterator<Item = String> {
    FIELDS.iter().flat_map(|field| {
        let file = field.secret.then(|| format!("{}_file", field.name));
        std::iter::once(field.name.to_owned()).chain(file)
    })
}

fn nearest(name: &str) -> Option<String> {
    known_names()
        .map(|known| (strsim::jaro_winkler(name, &known), known))
        .filter(|(similar, _)| *similar > 0.7)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}

/// Where a value was written, as an operator would say it.
pub(super) fn place(from: &Metadata, name: &str) -> String {
    match from.source.as_ref().and_then(|source| source.file_path()) {
        Some(path) => path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned(),
        None if from.name.contains("environment") => {
            format!("VESTIBULE_{} in the environment", name.to_ascii_uppercase())
        }
        None => from.name.to_string(),
    }
}
