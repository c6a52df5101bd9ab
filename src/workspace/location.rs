//! Where a workspace is.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, Status};

/// The place of a workspace: a folder of this host, written as `file:///folder`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    folder: PathBuf,
}

impl Location {
    /// Reads a URL; `%` and two hexadecimal digits stand for a byte.
    pub fn parse(url: &str) -> Result<Location> {
        let wrong = |what: &str| {
            let text = format!("workspace.url: {what}; it looks like file:///folder");
            Error::new(Status::InvalidValue, text)
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        if scheme != "file" {
            return Err(wrong(&format!("scheme {scheme:?} is not supported by this version")));
        }
        let path = percent_decode(rest).ok_or_else(|| wrong("a '%' is not followed by two hex digits"))?;
        if !path.starts_with('/') {
            return Err(wrong("the folder is not absolute"));
        }
        if path.contains('\0') {
            return Err(wrong("it contains NUL"));
        }
        Ok(Location { folder: PathBuf::from(path) })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl From<PathBuf> for Location {
    fn from(folder: PathBuf) -> Location {
        Location { folder }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file://{}", self.folder.display().to_string().replace('%', "%25"))
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = rest.split_first_chunk::<2>()?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn urls() {
        let folder = |url| Location::parse(url).unwrap().folder().display().to_string();
        assert_eq!(folder("file:///a/b"), "/a/b");
        assert_eq!(folder("file:///a%20b%25"), "/a b%");
        assert_eq!(
            Location::parse(&Location::from(PathBuf::from("/x%y")).to_string()).unwrap().folder(),
            Path::new("/x%y")
        );
        for bad in ["", "/a", "file://a", "file:///a%2", "file:///%zz", "s3://bucket", "file:///a%00"] {
            assert_eq!(Location::parse(bad).unwrap_err().status(), Status::InvalidValue, "{bad}");
        }
    }
}
