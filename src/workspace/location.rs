//! Where a workspace is.

use std::fmt;
use std::path::PathBuf;

use crate::bucket::{Service, Settings};
use crate::database;
use crate::error::{Error, Result, Status};

/// The longest prefix in a bucket, in bytes: keys have at most 1024.
const MAX_PREFIX: usize = 512;

/// Where a workspace is, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In a folder of this host, written as `file:///folder`.
    Folder(PathBuf),
    /// In a bucket, written as `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
    Bucket {
        /// The bucket's name.
        bucket: String,
        /// What keys in it start with; empty, or without `/` at its ends.
        prefix: String,
        /// In which service it is, and how it is reached; of the URL, only the service.
        settings: Box<Settings>,
        /// The database that its logs are in, if they are not in the bucket; no part of the URL.
        logs: database::Settings,
    },
}

impl Location {
    /// Reads a URL; in a folder's, `%` and two hexadecimal digits stand for a byte.
    pub fn parse(url: &str) -> Result<Location> {
        let wrong = |what: &str| {
            let text = format!(
                "workspace.url: {what}; it looks like file:///folder, s3://bucket/prefix, gs://bucket/prefix or \
                 az://container/prefix"
            );
            Error::new(Status::InvalidValue, text)
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        match (scheme, Service::of_scheme(scheme)) {
            ("file", _) => folder(rest).map_err(wrong),
            (_, Some(service)) => bucket(service, rest).map_err(wrong),
            (_, None) => Err(wrong(&format!("scheme {scheme:?} is not supported by this version"))),
        }
    }

    /// The same place, reached in this way if it is in a bucket: in one of the settings' service.
    pub fn reached_by(self, settings: Settings, logs: database::Settings) -> Location {
        match self {
            Location::Bucket { bucket, prefix, .. } => {
                Location::Bucket { bucket, prefix, settings: Box::new(settings), logs }
            }
            folder @ Location::Folder(_) => folder,
        }
    }
}

fn folder(rest: &str) -> Result<Location, &'static str> {
    let path = percent_decode(rest).ok_or("a '%' is not followed by two hex digits")?;
    if !path.starts_with('/') {
        return Err("the folder is not absolute");
    }
    if path.contains('\0') {
        return Err("it contains NUL");
    }
    Ok(Location::Folder(PathBuf::from(path)))
}

fn bucket(service: Service, rest: &str) -> Result<Location, &'static str> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let is_in_name = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-._".contains(&c);
    if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(is_in_name) {
        return Err("a bucket's name has 3 to 63 of the characters a to z, 0 to 9, '-', '.' and '_'");
    }
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let is_in_prefix = |c: u8| c.is_ascii_alphanumeric() || b"-._/".contains(&c);
    let mut parts = prefix.split('/');
    if !prefix.is_empty() && parts.any(|part| matches!(part, "" | "." | "..")) {
        return Err("a part of the prefix is empty, '.' or '..'");
    }
    if prefix.len() > MAX_PREFIX || !prefix.bytes().all(is_in_prefix) {
        return Err(
            "the prefix has at most 512 of the characters A to Z, a to z, 0 to 9, '-', '.', '_' and '/'",
        );
    }
    let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
    let (settings, logs) = (Box::new(service.into()), database::Settings::default());
    Ok(Location::Bucket { bucket, prefix, settings, logs })
}

impl From<PathBuf> for Location {
    fn from(folder: PathBuf) -> Location {
        Location::Folder(folder)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Folder(folder) => {
                write!(f, "file://{}", folder.display().to_string().replace('%', "%25"))
            }
            Location::Bucket { bucket, prefix, settings, .. } => {
                let slash = if prefix.is_empty() { "" } else { "/" };
                write!(f, "{}://{bucket}{slash}{prefix}", settings.service.scheme())
            }
        }
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
        let text = |url| Location::parse(url).unwrap().to_string();
        assert_eq!(Location::parse("file:///a%20b%25").unwrap(), Location::Folder("/a b%".into()));
        for same in [
            "file:///a/b",
            "file:///x%25y",
            "s3://bucket",
            "s3://my.bucket-1/a/B_c/d.e",
            "gs://bucket",
            "az://box/a",
        ] {
            assert_eq!(text(same), same);
        }
        assert_eq!(text("s3://bucket/a/"), "s3://bucket/a");
        assert_eq!(text("s3://bucket/"), "s3://bucket");
        for bad in [
            "",
            "/a",
            "file://a",
            "file:///a%2",
            "file:///%zz",
            "file:///a%00",
            "ftp://bucket",
            "gs://ab",
            "az://account@box",
            "s3://",
            "s3:///a",
            "s3://Bucket",
            "s3://ab",
            "s3://key:secret@bucket",
            "s3://bucket//a",
            "s3://bucket/a/../b",
            "s3://bucket/a b",
            "s3://bucket/a?x=y",
            "s3://bucket/%41",
        ] {
            let error = Location::parse(bad).unwrap_err();
            assert_eq!(error.status(), Status::InvalidValue, "{bad}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
