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
