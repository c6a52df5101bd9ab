//! Paths as callers write them: absolute, `/`-separated; `.` and empty components are dropped, `..` is
//! refused, a trailing `/` means a directory.

use crate::error::{Error, Result, Status};
use crate::state::MAX_NAME;

/// The longest path, in bytes.
pub const MAX_PATH: usize = 4096;

/// A checked path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    components: Vec<String>,
    must_be_dir: bool,
    text: String,
}

impl Path {
    /// Checks a path. Errors name the rule that it breaks.
    pub fn parse(text: &str) -> Result<Path> {
        if !text.starts_with('/') {
            return Err(invalid("a path must be absolute, starting with '/'", text));
        }
        if text.len() > MAX_PATH {
            return Err(Error::new(Status::NameTooLong, "a path has at most 4096 bytes").on_path(text));
        }
        if text.contains('\0') {
            return Err(invalid("a path cannot contain NUL", text));
        }
        let mut components = Vec::new();
        for component in text.split('/') {
            match component {
                "" | "." => {}
                ".." => return Err(invalid("'..' is not allowed in a path; resolve it first", text)),
                name if name.len() > MAX_NAME => {
                    return Err(Error::new(Status::NameTooLong, "a name has at most 255 bytes").on_path(text));
                }
                name => components.push(name.to_owned()),
            }
        }
        let must_be_dir = text.ends_with('/') || text.ends_with("/.");
        Ok(Path { components, must_be_dir, text: text.to_owned() })
    }

    /// The names, from the root on.
    pub fn components(&self) -> &[String] {
        &self.components
    }

    /// The directory part and the last name; none for the root.
    pub fn split_last(&self) -> Option<(&[String], &str)> {
        self.components.split_last().map(|(last, parents)| (parents, last.as_str()))
    }

    /// Whether it ended in `/`.
    pub fn must_be_dir(&self) -> bool {
        self.must_be_dir
    }

    /// As the caller wrote it, for messages.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The path of its first `count` names.
    pub(super) fn prefix(&self, count: usize) -> Path {
        Path { components: self.components[..count].to_vec(), must_be_dir: false, text: self.text.clone() }
    }
}

fn invalid(rule: &str, text: &str) -> Error {
    Error::new(Status::InvalidPath, rule).on_path(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_counts_as_the_same_path() {
        let names = |t: &str| Path::parse(t).unwrap().components().join("|");
        assert_eq!(names("/"), "");
        assert_eq!(names("//a/./b/"), "a|b");
        assert!(Path::parse("/a/").unwrap().must_be_dir());
        assert!(Path::parse("/a/.").unwrap().must_be_dir());
        assert!(!Path::parse("/a").unwrap().must_be_dir());
    }

    #[test]
    fn what_is_refused() {
        for bad in ["", "a", "a/b", "/..", "/a/../b", "/a\0b"] {
            assert_eq!(Path::parse(bad).unwrap_err().status(), Status::InvalidPath, "{bad:?}");
        }
        assert!(Path::parse(&format!("/{}", "n".repeat(255))).is_ok());
        assert_eq!(Path::parse(&format!("/{}", "n".repeat(256))).unwrap_err().status(), Status::NameTooLong);
        assert_eq!(Path::parse(&"/n".repeat(2049)).unwrap_err().status(), Status::NameTooLong);
    }

    proptest! {
        #[test]
        fn any_text_is_a_path_or_an_error(text: String) {
            if let Ok(path) = Path::parse(&text) {
                prop_assert!(path.components().iter().all(|c| crate::state::is_valid_name(c)));
            }
        }
    }
}
