//! Attributes that a user wants on what is generated, and what each belongs to.

use crate::Error;

/// Attributes, each with the path that says where it belongs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes(Vec<(String, String)>);

impl Attributes {
    pub(crate) fn add(&mut self, path: impl Into<String>, attribute: impl Into<String>) {
        self.0.push((path.into(), attribute.into()));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(path, attribute)| (path.as_str(), attribute.as_str()))
    }

    /// The attributes of what has this full name.
    pub(crate) fn of<'a>(&'a self, full_name: &'a str) -> impl Iterator<Item = &'a str> {
        let matching = self.iter().filter(|(path, _)| matches(path, full_name));
        matching.map(|(_, attribute)| attribute)
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.iter().find(|(_, attribute)| !is_attribute(attribute)) {
            None => Ok(()),
            Some((path, attribute)) => Err(Error::new(format!(
                "`{attribute}`, which was to be put on `{path}`, is no attribute: write it like `#[derive(Hash)]`"
            ))),
        }
    }
}

fn is_attribute(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("#[") && text.ends_with(']')
}

/// Whether the path is, as in prost, `.` for everything, the name with a dot in front, what that begins with, or what it
/// ends with.
fn matches(path: &str, full_name: &str) -> bool {
    if path == "." {
        return true;
    }
    match path.strip_prefix('.') {
        Some(path) => full_name
            .strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
        None => full_name
            .strip_suffix(path)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for path in [".", ".a", ".a.b", ".a.b.Cd", "a.b.Cd", "b.Cd", "Cd"] {
            assert!(matches(path, "a.b.Cd"), "{path}");
        }
        for path in ["", ".a.b.C", ".a.", "d", "a", "b", ".b.Cd", ".a.b.Cd.e"] {
            assert!(!matches(path, "a.b.Cd"), "{path}");
        }
    }

    #[test]
    fn attributes() {
        assert!(is_attribute(" #[a]\n#[b(c)] "));
        assert!(!is_attribute("derive(Hash)"));
        assert!(!is_attribute("#[a"));
    }
}
