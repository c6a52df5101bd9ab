//! `NAME:/path` and `NAME@SNAPSHOT:/path`: a path in a filespace, and names of filespaces by themselves.

use std::fmt;
use std::str::FromStr;

use lucidlink::fs::Path;

/// A filespace's name where no path belongs.
pub(crate) fn filespace_name(text: &str) -> Result<String, String> {
    match text.split_once([':', '/', '@']) {
        None => Ok(text.to_owned()),
        Some(("", _)) => Err("a filespace's name contains no ':', '/' or '@'".to_owned()),
        Some((name, _)) => Err(format!("write the name alone: {name}")),
    }
}

/// A path in a filespace.
#[derive(Clone)]
pub(crate) struct Remote {
    /// The filespace's name.
    pub(crate) filespace: String,
    /// The snapshot's name, if it is a path in one.
    pub(crate) snapshot: Option<String>,
    pub(crate) path: Path,
}

impl Remote {
    /// The same, or the name alone for all of it.
    pub(crate) fn or_all(text: &str) -> Result<Remote, String> {
        match text.contains([':', '/']) || text.is_empty() {
            true => text.parse(),
            false => format!("{text}:/").parse(),
        }
    }

    /// Whether it is in the same filespace as another one, and in the same snapshot of it or none.
    pub(crate) fn is_beside(&self, other: &Remote) -> bool {
        self.filespace == other.filespace && self.snapshot == other.snapshot
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.snapshot {
            None => write!(f, "{}:{}", self.filespace, self.path.text()),
            Some(snapshot) => write!(f, "{}@{snapshot}:{}", self.filespace, self.path.text()),
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
        // Nor does it contain an '@'.
        let (filespace, snapshot) = match filespace.split_once('@') {
            Some((_, "")) => return Err("it names no snapshot; write NAME@SNAPSHOT:/path".to_owned()),
            Some((filespace, snapshot)) => (filespace, Some(snapshot.to_owned())),
            None => (filespace, None),
        };
        let path = Path::parse(path).map_err(|e| e.to_string())?;
        Ok(Remote { filespace: filespace.to_owned(), snapshot, path })
    }
}
