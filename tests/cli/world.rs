//! A workspace in a temporary folder and the tool to use it with; local trees and how to compare them.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use serde_json::Value;

/// A workspace with a filespace `projects`, and room for local files.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) token: String,
}

impl World {
    pub(crate) fn new() -> World {
        let mut world = World { dir: tempfile::tempdir().unwrap(), token: String::new() };
        world.token = world.ok(["workspace", "create", "--name", "studio"]).trim_end().to_owned();
        world.ok(["filespace", "create", "projects"]);
        world
    }

    /// A local path.
    pub(crate) fn local(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The same as an argument.
    pub(crate) fn arg(&self, name: &str) -> String {
        self.local(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}/ws", self.dir.path().display())
    }

    pub(crate) fn command<const N: usize>(&self, args: [&str; N]) -> Command {
        let mut command = self.command_of(Path::new(env!("CARGO_BIN_EXE_lucidlink")));
        command.args(args);
        command
    }

    /// For a copy of the tool.
    pub(crate) fn command_of(&self, tool: &Path) -> Command {
        let mut command = Command::new(tool);
        command.env_clear().env("HOME", self.dir.path()).env("TMPDIR", self.dir.path());
        command.env("LUCIDLINK_WORKSPACE_URL", self.url()).env("LUCIDLINK_TOKEN", &self.token);
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn run<const N: usize>(&self, args: [&str; N]) -> Output {
        self.command(args).output().unwrap()
    }

    /// What it prints when it works, without a word on stderr.
    pub(crate) fn ok<const N: usize>(&self, args: [&str; N]) -> String {
        let output = self.run(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && stderr.is_empty(), "{args:?}: {} {stderr}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it says when it fails with this exit status.
    pub(crate) fn fails<const N: usize>(&self, status: i32, args: [&str; N]) -> String {
        let output = self.run(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{args:?}: {stderr}");
        assert!(!stderr.is_empty(), "{args:?} fails without a word");
        stderr
    }

    /// The JSON documents that it prints, one a line.
    pub(crate) fn json<const N: usize>(&self, args: [&str; N]) -> Vec<Value> {
        let printed = self.ok(args);
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// With these bytes on stdin.
    pub(crate) fn feed<const N: usize>(&self, args: [&str; N], bytes: &[u8]) -> Output {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Makes a file in the filespace.
    pub(crate) fn write(&self, at: &str, bytes: &[u8]) {
        let output = self.feed(["put", "-", at], bytes);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    pub(crate) fn cat(&self, at: &str) -> Vec<u8> {
        let output = self.run(["cat", at]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

/// The tool as it works for users that are not root, to whom modes mean something: with a workspace of
/// their own. (If the tests are not run by root, whoever runs them is such a user.)
pub(crate) struct Nobody {
    pub(crate) world: World,
    is_root: bool,
}

const NOBODY: u32 = 65534;

impl Nobody {
    pub(crate) fn new() -> Nobody {
        let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        let world = World { dir: tempfile::tempdir().unwrap(), token: String::new() };
        set_mode(world.dir.path(), 0o777);
        // Where the tool was built, others may not be allowed to go.
        fs::copy(env!("CARGO_BIN_EXE_lucidlink"), world.local("lucidlink")).unwrap();
        let mut nobody = Nobody { world, is_root };
        nobody.world.token = nobody.ok(&["workspace", "create", "--name", "n"]).trim_end().to_owned();
        nobody.ok(&["filespace", "create", "projects"]);
        nobody
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let mut command = self.world.command_of(&self.world.local("lucidlink"));
        command.args(args);
        if self.is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.output().unwrap()
    }

    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && stderr.is_empty(), "{args:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Makes a local tree theirs.
    pub(crate) fn takes(&self, name: &str) {
        if self.is_root {
            let owner = format!("{NOBODY}:{NOBODY}");
            let args = ["-R", "-h", &owner, &self.world.arg(name)];
            assert!(Command::new("chown").args(args).status().unwrap().success());
        }
    }
}

/// What there is to compare about a local file, directory or symbolic link.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item {
    mode: u32,
    mtime: (i64, i64),
    /// The paths in the tree that are of the same file. (What others it has outside is not looked at.)
    names: Vec<PathBuf>,
    xattrs: BTreeMap<String, Vec<u8>>,
    content: Content,
}

#[derive(Debug, PartialEq, Eq)]
enum Content {
    Directory,
    File(Vec<u8>),
    Link(PathBuf),
}

/// The extended attributes that users give.
pub(crate) fn xattrs(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut list = vec![0; 65536];
    let len = rustix::fs::llistxattr(path, &mut list[..]).unwrap();
    let names = list[..len].split(|byte| *byte == 0).map(|name| std::str::from_utf8(name).unwrap());
    let value = |name: &str| {
        let mut value = vec![0; 65536];
        let len = rustix::fs::lgetxattr(path, name, &mut value[..]).unwrap();
        value.truncate(len);
        (name.to_owned(), value)
    };
    names.filter(|name| name.starts_with("user.")).map(value).collect()
}

pub(crate) fn set_xattr(path: &Path, name: impl rustix::path::Arg, value: &[u8]) {
    let set = rustix::fs::lsetxattr(path, name, value, rustix::fs::XattrFlags::empty());
    set.expect("the folder for temporary files must have extended attributes");
}

/// A whole tree, by path relative to its root; the root itself is the empty path.
pub(crate) fn tree(root: &Path) -> BTreeMap<PathBuf, Item> {
    let (mut found, mut files) = (BTreeMap::new(), BTreeMap::new());
    let mut pending = vec![root.to_owned()];
    while let Some(path) = pending.pop() {
        let metadata = path.symlink_metadata().unwrap();
        let content = if metadata.is_symlink() {
            Content::Link(path.read_link().unwrap())
        } else if metadata.is_dir() {
            pending.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
            Content::Directory
        } else {
            Content::File(fs::read(&path).unwrap())
        };
        let mtime = (metadata.mtime(), metadata.mtime_nsec());
        let relative = path.strip_prefix(root).unwrap().to_owned();
        files.entry((metadata.dev(), metadata.ino())).or_insert_with(Vec::new).push(relative.clone());
        let mode = metadata.mode() & 0o7777;
        found.insert(relative, Item { mode, mtime, names: Vec::new(), xattrs: xattrs(&path), content });
    }
    for mut names in files.into_values() {
        names.sort();
        for name in &names {
            found.get_mut(name).unwrap().names = names.clone();
        }
    }
    found
}

/// Every file in a folder and the folders below it, in order.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut pending) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(path) = pending.pop() {
        match path.is_dir() && !path.is_symlink() {
            true => pending.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path())),
            false => files.push(path),
        }
    }
    files.sort();
    files
}

/// Asserts that two trees are equal, naming what is not.
pub(crate) fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (tree(one), tree(other));
    let names = |tree: &BTreeMap<PathBuf, Item>| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&one), names(&other));
    for (path, item) in &one {
        assert!(*item == other[path], "{path:?} differs: {:?} {:?}", brief(item), brief(&other[path]));
    }
}

fn brief(item: &Item) -> String {
    let size = if let Content::File(bytes) = &item.content { bytes.len() } else { 0 };
    let Item { mode, mtime, names, xattrs, .. } = item;
    format!("{mode:o} {mtime:?} {names:?} {:?} {size} bytes", xattrs.keys())
}

/// Bytes that follow from a seed and do not compress.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let random = lucidlink::env::SeededRandom::new(seed);
    std::iter::repeat_with(|| random.next_u64().to_le_bytes()).flatten().take(len).collect()
}

pub(crate) fn set_mtime(path: &Path, seconds: i64, nanos: i64) {
    let mtime = TimeSpec::new(seconds, nanos);
    utimensat(AT_FDCWD, path, &TimeSpec::UTIME_OMIT, &mtime, UtimensatFlags::NoFollowSymlink).unwrap();
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A tree with all that a copy can get wrong. Its owner can read all of it.
pub(crate) fn build_odd_tree(root: &Path) {
    fs::create_dir(root).unwrap();
    for directory in ["empty", "a b/ c ", "ünïcödé ☃/日本", "new\nline", "deep/er/and/deeper/still", "closed"]
    {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    let modes = [0o600, 0o644, 0o755, 0o444, 0o400, 0o4755, 0o2755, 0o6711, 0o1777, 0o7777];
    for (n, mode) in modes.into_iter().enumerate() {
        let path = root.join(format!("a b/mode {mode:o}"));
        fs::write(&path, noise(n as u64, n * 999)).unwrap();
        set_mode(&path, mode);
    }
    for (n, name) in
        ["-r", " ", "tab\t", "new\nline", "q'u\"o`te", "back\\slash", "日本", "*?[", "%41", ".dot", "~"]
            .into_iter()
            .enumerate()
    {
        fs::write(root.join("new\nline").join(name), format!("content {n}")).unwrap();
    }
    fs::write(root.join("n".repeat(255)), b"long name").unwrap();
    fs::write(root.join("empty file"), b"").unwrap();
    fs::write(root.join("deep/er/and/deeper/still/large"), noise(99, 5 << 20)).unwrap();
    fs::write(root.join("block"), noise(98, 256 << 10)).unwrap();
    fs::write(root.join("zeros"), vec![0; 3_000_001]).unwrap();
    for n in 0..200 {
        fs::write(root.join(format!("deep/er/many {n}")), noise(n, n as usize * 31)).unwrap();
    }
    for (name, target) in [
        ("to file", "block"),
        ("to directory", "a b"),
        ("dangling", "no/such/file"),
        ("outside", "/no/such/folder/outside"),
        ("loop", "loop"),
        ("deep/up", "../.."),
        ("loop a", "loop b"),
        ("loop b", "loop a"),
        ("odd", "//a//b/../\n"),
    ] {
        symlink(target, root.join(name)).unwrap();
    }
    fs::write(root.join("closed/inside"), b"x").unwrap();
    for (name, other) in [
        ("deep/er/many 7", "closed/7"),
        ("deep/er/many 7", "a b/ 7"),
        ("a b/mode 444", "second"),
        ("dangling", "deep/dangling too"),
    ] {
        fs::hard_link(root.join(name), root.join(other)).unwrap();
    }
    for (name, attribute, value) in [
        ("block", "user.colour", &b"red"[..]),
        ("block", "user.empty", b""),
        ("deep/er/many 7", "user.\u{65e5}", b"\0\xff"),
        ("a b/mode 755", "user.large", &noise(5, 1500)),
        ("closed", "user.closed", b"a directory's"),
        ("", "user.root", b"the root's"),
    ] {
        set_xattr(&root.join(name), attribute, value);
    }
    // Content first: it would change the times and may not be allowed any more.
    let mut paths: Vec<PathBuf> = tree(root).into_keys().map(|path| root.join(path)).collect();
    paths.reverse();
    for (n, path) in paths.iter().enumerate() {
        let n = n as i64;
        set_mtime(path, -100_000_000 + n * 30_000_000, n * 1_234_567 % 1_000_000_000);
    }
    for (directory, mode) in
        [("closed", 0o555), ("empty", 0o1777), ("deep/er", 0o2750), ("deep", 0o700), ("a b", 0o711)]
    {
        set_mode(&root.join(directory), mode);
    }
}
