//! Paths as callers write them: absolute, `/`-separated; `.` and empty components are dropped, `..` is
//! refused, a trailing `/` means a directory.

use std::ops::Range;

use crate::error::{Error, Result, Status};
use crate::state::MAX_NAME;

/// The longest path, in bytes.
pub const MAX_PATH: usize = 4096;

/// A checked path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    text: String,
    /// Where its names are in the text.
    names: Vec<Range<u16>>,
    must_be_dir: bool,
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
        let mut names = Vec::with_capacity(8);
        let mut start = 0;
        for component in text.split('/') {
            let end = start + component.len();
            match component {
                "" | "." => {}
                ".." => return Err(invalid("'..' is not allowed in a path; resolve it first", text)),
                name if name.len() > MAX_NAME => {
                    return Err(Error::new(Status::NameTooLong, "a name has at most 255 bytes").on_path(text));
                }
                _ => names.push(start as u16..end as u16),
            }
            start = end + 1;
        }
        let must_be_dir = text.ends_with('/') || text.ends_with("/.");
        Ok(Path { text: text.to_owned(), names, must_be_dir })
    }

    /// The root.
    pub fn root() -> Path {
        Path { text: "/".to_owned(), names: Vec::new(), must_be_dir: true }
    }

    /// The names, from the root on.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.names.iter().map(|n| &self.text[usize::from(n.start)..usize::from(n.end)])
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
        Path { text: self.text.clone(), names: self.names[..count].to_vec(), must_be_dir: false }
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
        let names = |t: &str| Path::parse(t).unwrap().names().collect::<Vec<_>>().join("|");
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
                prop_assert!(path.names().all(crate::state::is_valid_name));
            }
        }
    }
}
