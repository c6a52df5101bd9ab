//! Watching the tree.

use std::sync::Arc;

use super::FileSystem;
use super::path::Path;
use super::resolve::{Last, look};
use crate::error::{Result, Status};
use crate::filespace::{Position, Watch, WatchOptions};
use crate::state::events;

impl FileSystem {
    /// Watches what happens at a path and below it, behind a position or from now on.
    pub fn watch(&self, path: &Path, from: Option<Position>, others_only: bool) -> Result<Arc<Watch>> {
        let top = self.real_path(path)?;
        self.link.watch(WatchOptions { from, others_only, top })
    }

    /// A path in the filespace without the symbolic links that lead there at the moment; empty for its root. What is not
    /// there has the path that it was given.
    fn real_path(&self, path: &Path) -> Result<String> {
        let found = self.link.read_fresh(|view| {
            let (ino, _) = look(view, &self.root, path, Last::Follow)?;
            Ok(events::path(view, ino)?)
        });
        match found {
            Err(error) if error.status() == Status::NotFound => {}
            found => {
                if let Some(path) = found? {
                    return Ok(if path == "/" { String::new() } else { path });
                }
            }
        }
        let names = self.root.names().chain(path.names());
        Ok(names.fold(String::new(), |path, name| path + "/" + name))
    }
}
