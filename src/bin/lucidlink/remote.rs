//! `NAME:/path`: a path in a filespace, and names of filespaces by themselves.

use std::str::FromStr;

use lucidlink::fs::Path;

/// A filespace's name where no path belongs.
pub(crate) fn filespace_name(text: &str) -> Result<String, String> {
    match text.split_once([':', '/']) {
        None => Ok(text.to_owned()),
        Some(("", _)) => Err("a filespace's name contains no ':' or '/'".to_owned()),
        Some((name, _)) => Err(format!("write the name alone: {name}")),
    }
}

/// A path in a filespace.
#[derive(Clone)]
pub(crate) struct Remote {
    /// The filespace's name.
    pub(crate) filespace: String,
    pub(crate) path: Path,
}

impl Remote {
    /// The same, or the name alone for all of it.
    pub(crate) fn or_all(text: &str) -> Result<Remote, String> {
        match text.contains([':', '/']) || text.is_empty() {
            true => text.parse(),
            false => Ok(Remote { filespace: text.to_owned(), path: Path::root() }),
        }
    }
}

impl FromStr for Remote {
    type Err = String;

    fn from_str(text: &str) -> Result<Remote, String> {
        // A filespace's name contains no ':'.
        let (filespace, path) =
            text.split_once(':').ok_or_else(|| match text.contains('/') || text.is_empty() {
                true => "it names no filespace; write NAME:/path".to_owned(),
                false => format!("write NAME:/path; the root of the filespace {text:?} is {text}:/"),
            })?;
        if filespace.is_empty() {
            return Err("it names no filespace; write NAME:/path".to_owned());
        }
        let path = Path::parse(path).map_err(|e| e.to_string())?;
        Ok(Remote { filespace: filespace.to_owned(), path })
    }
}
