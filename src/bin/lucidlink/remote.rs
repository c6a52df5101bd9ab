//! `NAME:/path`: a path in a filespace.

use std::str::FromStr;

use lucidlink::fs::Path;

/// A path in a filespace.
#[derive(Clone)]
pub(crate) struct Remote {
    /// The filespace's name.
    pub(crate) filespace: String,
    pub(crate) path: Path,
}

impl FromStr for Remote {
    type Err = String;

    fn from_str(text: &str) -> Result<Remote, String> {
        // A filespace's name contains no ':'.
        let (filespace, path) = text
            .split_once(':')
            .filter(|(name, _)| !name.is_empty())
            .ok_or("it names no filespace; write NAME:/path")?;
        let path = Path::parse(path).map_err(|e| e.to_string())?;
        Ok(Remote { filespace: filespace.to_owned(), path })
    }
}
