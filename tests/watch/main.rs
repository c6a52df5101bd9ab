//! Watching, through the C ABI of the built library: what is told, held against what is there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

#[path = "../support/abi.rs"]
mod abi;
#[path = "../model/call.rs"]
mod call;
mod ends;
#[path = "../model/linked.rs"]
mod linked;
mod told;
mod tree;

use std::rc::Rc;

use abi::Abi;

/// A workspace in a folder with a filespace in it.
pub(crate) struct World {
    pub(crate) abi: Rc<Abi>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) url: String,
    pub(crate) token: String,
}

/// A daemon that has the filespace linked.
pub(crate) struct Client {
    pub(crate) abi: Rc<Abi>,
    pub(crate) daemon: u64,
    pub(crate) filespace: u64,
}

impl World {
    pub(crate) fn new() -> World {
        let (abi, folder) = (Rc::new(Abi::load()), tempfile::tempdir().unwrap());
        let url = format!("file://{}/ws", folder.path().display());
        let token = abi.workspace_create(&url, "watched").unwrap();
        let world = World { abi, folder, url, token };
        let daemon = world.daemon();
        world.abi.create_filespace(world.abi.authenticate(daemon, &world.token).unwrap(), "model").unwrap();
        world.abi.stop(daemon).unwrap();
        world
    }

    fn daemon(&self) -> u64 {
        self.abi.daemon(&[("workspace.url", &self.url), ("daemon.allow_multiple", "true")]).unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        let daemon = self.daemon();
        let workspace = self.abi.authenticate(daemon, &self.token).unwrap();
        Client { abi: self.abi.clone(), daemon, filespace: self.abi.link(workspace, "model").unwrap() }
    }
}

impl Client {
    pub(crate) fn stop(self) {
        self.abi.stop(self.daemon).unwrap();
    }
}
