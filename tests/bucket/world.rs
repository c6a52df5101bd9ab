//! A workspace in the bucket, and the command line to use it with.

use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;

use crate::server;

/// A workspace in the bucket; making one takes a while, so tests share it.
pub(crate) struct World {
    pub(crate) home: tempfile::TempDir,
    pub(crate) url: String,
    pub(crate) token: String,
}

pub(crate) static WORLD: LazyLock<World> = LazyLock::new(|| {
    let url = format!("{}://{}/{}", server::SCHEME, server::BUCKET, server::new_prefix());
    let mut world = World { home: tempfile::tempdir().unwrap(), url, token: String::new() };
    world.token = world.ok(&["workspace", "create", "--name", "studio"]).trim_end().to_owned();
    world
});

impl World {
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lucidlink"));
        command.args(args).env_clear().env("HOME", self.home.path()).env("TMPDIR", self.home.path());
        command.env("LUCIDLINK_WORKSPACE_URL", &self.url).env("LUCIDLINK_TOKEN", &self.token);
        command.envs(server::environment(&server::endpoint())).envs(crate::more_environment());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).spawn().unwrap()
    }

    pub(crate) fn ok(&self, args: &[&str]) -> String {
        String::from_utf8(succeeded(args, self.command(args).output().unwrap())).unwrap()
    }
}

pub(crate) fn succeeded(args: &[&str], output: Output) -> Vec<u8> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {} {stderr}", output.status);
    output.stdout
}
