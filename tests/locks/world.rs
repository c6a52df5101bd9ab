//! A workspace in a folder, and clients of one filespace in it.

use std::time::{Duration, Instant};

use crate::abi::{Abi, Failed};

pub const READ_ONLY: i32 = -304;
pub const LOCKED: i32 = -213;
pub const DEADLOCK: i32 = -214;
pub const TIMEOUT: i32 = -502;

pub struct World {
    pub abi: Abi,
    pub url: String,
    pub token: String,
    pub daemon: u64,
    pub fs: u64,
    /// A client that has nothing open.
    watcher: Option<Other>,
    _folder: tempfile::TempDir,
}

/// Another client.
pub struct Other {
    pub daemon: u64,
    pub fs: u64,
}

/// The status of what must fail.
pub fn status<T>(result: Result<T, Failed>) -> i32 {
    result.map(drop).expect_err("it should have failed").status
}

impl World {
    pub fn new() -> World {
        let (abi, folder) = (Abi::load(), tempfile::tempdir().unwrap());
        let url = format!("file://{}/ws", folder.path().display());
        let token = abi.workspace_create(&url, "locks").unwrap();
        let mut world = World { abi, url, token, daemon: 0, fs: 0, watcher: None, _folder: folder };
        let daemon = world.abi.daemon(&world.settings()).unwrap();
        let workspace = world.abi.authenticate(daemon, &world.token).unwrap();
        world.abi.create_filespace(workspace, crate::counter::FILESPACE).unwrap();
        (world.daemon, world.fs) = (daemon, world.abi.link(workspace, crate::counter::FILESPACE).unwrap());
        world.watcher = Some(world.other());
        world
    }

    pub fn settings(&self) -> [(&str, &str); 2] {
        [("workspace.url", &self.url), ("daemon.allow_multiple", "true")]
    }

    pub fn other(&self) -> Other {
        self.other_as(lucidlink::ffi::workspace::LL_CONSISTENCY_STRICT)
    }

    pub fn other_as(&self, consistency: u32) -> Other {
        let daemon = self.abi.daemon(&self.settings()).unwrap();
        let workspace = self.abi.authenticate(daemon, &self.token).unwrap();
        Other { daemon, fs: self.abi.link_as(workspace, crate::counter::FILESPACE, consistency).unwrap() }
    }

    /// How far the log is.
    pub fn seq(&self) -> u64 {
        self.abi.sync_all(self.watcher.as_ref().unwrap().fs).unwrap().seq
    }

    /// Waits until somebody has written to the log.
    pub fn wait_beyond(&self, seq: u64) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.seq() <= seq {
            assert!(Instant::now() < deadline, "nobody wrote anything");
            std::thread::yield_now();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.watcher.as_ref().map(|watcher| self.abi.stop(watcher.daemon));
        let _ = self.abi.stop(self.daemon);
    }
}
