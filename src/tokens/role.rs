//! What an account may do beyond its own affairs, as a token says it.

use serde_json::Value;

/// What an account may do beyond its own affairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Nothing.
    #[default]
    User,
    /// Whatever asks for the guard `Admin`.
    Admin,
}

impl Role {
    /// The word for it: in the database, in tokens, on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }

    /// The role of that name. A name that nobody knows gives no rights.
    pub fn named(name: &str) -> Self {
        match name {
            "admin" => Self::Admin,
            _ => Self::User,
        }
    }

    /// The claim `roles` (RFC 9068 section 2.2.3.1, after RFC 7643 section 4.1.2). Those who may do nothing more have
    /// none: nearly all tokens stay as short as they were.
    pub(super) fn claim(self) -> &'static [&'static str] {
        match self {
            Self::User => &[],
            Self::Admin => &["admin"],
        }
    }

    /// Reads the claim. `None`: it is not a list of words.
    pub(super) fn claimed(claim: Option<&Value>) -> Option<Self> {
        let Some(claim) = claim else {
            return Some(Self::User);
        };
        let words = claim.as_array()?.iter().map(Value::as_str);
        let words = words.collect::<Option<Vec<_>>>()?;
        Some(if words.contains(&"admin") {
            Self::Admin
        } else {
            Self::User
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Role;
    use serde_json::json;

    #[test]
    fn only_the_word_itself_gives_the_right() {
        for (claim, role) in [
            (json!(["admin"]), Some(Role::Admin)),
            (json!(["other", "admin"]), Some(Role::Admin)),
            (json!([]), Some(Role::User)),
            (
                json!(["Admin", "admin ", "administrator"]),
                Some(Role::User),
            ),
            (json!("admin"), None),
            (json!(["admin", 7]), None),
            (json!({ "admin": true }), None),
            (json!(null), None),
        ] {
            assert_eq!(Role::claimed(Some(&claim)), role, "{claim}");
        }
        assert_eq!(Role::claimed(None), Some(Role::User));
        assert_eq!(Role::named("ADMIN"), Role::User);
        assert_eq!(Role::named(Role::Admin.name()), Role::Admin);
    }
}
