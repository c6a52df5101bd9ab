//! `put`: what is copied, what is refused, what others see meanwhile.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::world::{Nobody, World, assert_same, files_below, noise, set_mode, set_mtime, set_xattr};

#[test]
fn one_file() {
    let world = World::new();
    let file = world.local("file");
    fs::write(&file, noise(1, 3_000_000)).unwrap();
    set_mode(&file, 0o751);
    set_mtime(&file, 1_000_000_000, 7);
    assert_eq!(world.ok(["put", &world.arg("file"), "projects:/new/dirs/copy"]), "");
    assert_eq!(world.cat("projects:/new/dirs/copy"), noise(1, 3_000_000));
    let stat = &world.json(["--json", "stat", "projects:/new/dirs/copy"])[0];
    assert_eq!((&stat["mode"], &stat["mtime"]), (&json!("0751"), &json!("2001-09-09T01:46:40.000000007Z")));

    fs::write(&file, b"shorter").unwrap();
    set_mode(&file, 0o600);
    let count = &world.json(["--json", "put", &world.arg("file"), "projects:/new/dirs/copy"])[0];
    let expected = json!({"files": 1, "directories": 0, "symlinks": 0, "bytes": 7, "failed": 0});
    assert_eq!(*count, expected);
    assert_eq!(world.cat("projects:/new/dirs/copy"), b"shorter");
    assert_eq!(world.json(["--json", "stat", "projects:/new/dirs/copy"])[0]["mode"], "0600");
    assert_eq!(world.json(["--json", "ls", "projects:/new/dirs"]).len(), 1);

    let refused = world.fails(1, ["put", &world.arg("file"), "projects:/new"]);
    assert_eq!(refused, "lucidlink: \"/new\" is a directory; name the copy itself: projects:/new/file\n");
    let refused = world.fails(1, ["put", "-r", &world.arg("file"), "projects:/"]);
    assert!(refused.ends_with("; name the copy itself: projects:/file\n"), "{refused}");
    let refused = world.fails(1, ["put", "-", "projects:/new"]);
    assert!(refused.ends_with("; name the copy itself: projects:/new/NAME\n"), "{refused}");
    let refused = world.fails(1, ["put", &world.arg(""), "projects:/x"]);
    assert!(refused.contains("put -r"), "{refused}");
    world.fails(4, ["put", &world.arg("nothing"), "projects:/x"]);
    world.fails(4, ["put", "-r", &world.arg("nothing"), "projects:/x"]);
    world.fails(2, ["put", &world.arg("file")]);
    world.fails(2, ["put", "-r", "-", "projects:/x"]);
    let refused = world.fails(1, ["put", &world.arg("file"), "projects:/new/dirs/copy/below"]);
    assert!(refused.contains("not a directory"), "{refused}");
}

#[test]
fn links_named_by_the_user_are_followed_except_with_r() {
    let world = World::new();
    fs::write(world.local("file"), b"content").unwrap();
    symlink("file", world.local("link")).unwrap();
    world.ok(["put", &world.arg("link"), "projects:/file"]);
    assert_eq!(world.cat("projects:/file"), b"content");
    world.ok(["put", "-r", &world.arg("link"), "projects:/link"]);
    assert_eq!(world.json(["--json", "stat", "projects:/link"])[0]["target"], "file");
    fs::write(world.local("file"), b"through the link").unwrap();
    world.ok(["put", &world.arg("file"), "projects:/link"]);
    world.ok(["put", "-r", &world.arg("file"), "projects:/link"]);
    assert_eq!(world.cat("projects:/file"), b"through the link");
    assert_eq!(world.json(["--json", "stat", "projects:/link"])[0]["kind"], "symlink");
}

#[test]
fn standard_input_and_pipes() {
    let world = World::new();
    let data = noise(3, 2_500_000);
    let output = world.feed(["put", "-", "projects:/stream"], &data);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
    assert_eq!(world.cat("projects:/stream"), data);
    assert_eq!(world.json(["--json", "stat", "projects:/stream"])[0]["mode"], "0644");
    let output = world.feed(["put", "/dev/stdin", "projects:/stream"], b"by name");
    assert!(output.status.success());
    assert_eq!(world.cat("projects:/stream"), b"by name");
}

#[test]
fn nobody_sees_half_a_file() {
    let world = World::new();
    world.write("projects:/file", b"before");
    let mut command = world.command(["put", "-", "projects:/file"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // More than the pipe and a piece hold: some of it was written to the filespace.
    stdin.write_all(&noise(4, 20 << 20)).unwrap();
    assert_eq!(world.cat("projects:/file"), b"before");
    child.kill().unwrap();
    child.wait().unwrap();
    drop(stdin);
    assert_eq!(world.cat("projects:/file"), b"before");
    assert_eq!(world.ok(["ls", "projects:/"]), "file\n");
}

#[test]
fn a_tree_is_merged_into_what_is_there() {
    let world = World::new();
    let root = world.local("tree");
    fs::create_dir_all(root.join("shared/new")).unwrap();
    fs::write(root.join("shared/file"), b"second").unwrap();
    fs::write(root.join("shared/was link"), b"a file now").unwrap();
    fs::write(root.join("shared/was directory"), b"never arrives").unwrap();
    symlink("second", root.join("shared/link")).unwrap();
    symlink("never arrives", root.join("shared/also directory")).unwrap();
    symlink("elsewhere", root.join("shared/was file")).unwrap();
    fs::create_dir(root.join("blocked")).unwrap();
    fs::write(root.join("blocked/inside"), b"never arrives").unwrap();

    world.write("projects:/t/shared/kept", b"kept");
    world.write("projects:/t/shared/file", b"the first one was longer");
    world.write("projects:/t/shared/was file", b"x");
    world.write("projects:/t/blocked", b"a file is in the way");
    world.write("projects:/outside", b"untouched");
    world.ok(["mkdir", "projects:/t/shared/was directory"]);
    world.ok(["mkdir", "projects:/t/shared/also directory"]);
    let links = world.local("links");
    fs::create_dir(&links).unwrap();
    symlink("first", links.join("link")).unwrap();
    symlink("/outside", links.join("was link")).unwrap();
    world.ok(["put", "-r", &world.arg("links"), "projects:/t/shared"]);

    let stderr = world.fails(1, ["put", "-r", &world.arg("tree"), "projects:/t"]);
    assert_eq!(stderr.lines().count(), 3, "{stderr}");
    for path in ["/t/blocked", "/t/shared/was directory", "/t/shared/also directory"] {
        assert!(stderr.contains(&format!("; remove it: {path:?}")), "{stderr}");
    }
    let listed = world.ok(["ls", "projects:/t/shared"]);
    assert_eq!(listed, "also directory\nfile\nkept\nlink\nnew\nwas directory\nwas file\nwas link\n");
    assert_eq!(world.cat("projects:/t/shared/file"), b"second");
    assert_eq!(world.cat("projects:/t/shared/kept"), b"kept");
    assert_eq!(world.cat("projects:/t/shared/was link"), b"a file now");
    assert_eq!(world.cat("projects:/outside"), b"untouched");
    let target = |at| world.json(["--json", "stat", at])[0]["target"].clone();
    assert_eq!(target("projects:/t/shared/link"), "second");
    assert_eq!(target("projects:/t/shared/was file"), "elsewhere");
    assert_eq!(world.cat("projects:/t/blocked"), b"a file is in the way");
}

#[test]
fn names_and_attributes_become_those_of_the_tree() {
    let world = World::new();
    let (one, other) = (world.local("one"), world.local("other"));
    // What has one file here has two there, and the other way round.
    for (root, paired, single) in [(&one, ["a", "b"], ["c", "d"]), (&other, ["c", "d"], ["a", "b"])] {
        fs::create_dir(root).unwrap();
        fs::write(root.join(paired[0]), format!("both {root:?}")).unwrap();
        fs::hard_link(root.join(paired[0]), root.join(paired[1])).unwrap();
        for name in single {
            fs::write(root.join(name), format!("{name} {root:?}")).unwrap();
        }
        set_xattr(&root.join("a"), format!("user.of {}", paired[0]), b"1");
        set_xattr(root, format!("user.of {}", paired[0]), b"2");
    }
    for root in ["one", "other", "other", "one"] {
        world.ok(["put", "-r", &world.arg(root), "projects:/t"]);
        world.ok(["get", "-r", "projects:/t", &world.arg("back")]);
        assert_same(&world.local(root), &world.local("back"));
        let stat = |name: &str| world.json(["--json", "stat", &format!("projects:/t/{name}")]).remove(0);
        let ids = ["a", "b", "c", "d"].map(|name| stat(name)["file_id"].clone());
        assert_eq!((ids[0] == ids[1], ids[2] == ids[3]), (root == "one", root == "other"));
    }
    // One by itself.
    world.ok(["put", &world.arg("one/a"), "projects:/t/c"]);
    assert_eq!(world.ok(["xattr", "list", "projects:/t/c"]), "user.of a\n");
    world.ok(["put", &world.arg("one/d"), "projects:/t/c"]);
    assert_eq!(world.ok(["xattr", "list", "projects:/t/c"]), "");
    // A file system without attributes.
    world.ok(["put", "/proc/version", "projects:/t/c"]);
    assert_eq!(world.cat("projects:/t/c"), fs::read("/proc/version").unwrap());
}

#[test]
fn what_cannot_be_copied_is_reported_and_the_rest_is_copied() {
    let world = World::new();
    let root = world.local("tree");
    fs::create_dir_all(root.join("sub")).unwrap();
    fs::write(root.join("a"), b"a").unwrap();
    fs::write(root.join("sub/z"), b"z").unwrap();
    let _socket = UnixListener::bind(root.join("socket")).unwrap();
    nix::unistd::mkfifo(&root.join("sub/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::write(root.join(OsStr::from_bytes(b"latin\xe9")), b"x").unwrap();
    symlink(OsStr::from_bytes(b"to latin\xe9"), root.join("bad link")).unwrap();

    let output = world.run(["put", "--json", "-r", &world.arg("tree"), "projects:/t"]);
    assert_eq!(output.status.code(), Some(1));
    let count: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(count, json!({"files": 2, "directories": 2, "symlinks": 0, "bytes": 2, "failed": 4}));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let mut messages: Vec<String> = stderr
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["error"]["message"].as_str().unwrap().to_owned()
        })
        .collect();
    messages.sort();
    for (message, part) in messages.iter().zip(["bad link", "latin\\xE9", "socket", "sub/fifo"]) {
        assert!(message.starts_with("cannot put ") && message.contains(part), "{message}");
    }
    assert_eq!(world.ok(["ls", "projects:/t"]), "a\nsub\n");
    assert_eq!(world.cat("projects:/t/sub/z"), b"z");

    let text = world.fails(1, ["put", "-r", &world.arg("tree/socket"), "projects:/s"]);
    assert!(text.starts_with("lucidlink: cannot put "), "{text}");
}

#[test]
fn an_attribute_whose_name_is_not_utf_8_is_reported_and_the_rest_is_kept() {
    let world = World::new();
    let root = world.local("tree");
    fs::create_dir(&root).unwrap();
    let file = root.join("file");
    fs::write(&file, b"content").unwrap();
    for path in [&root, &file] {
        set_xattr(path, "user.a", b"1");
        set_xattr(path, OsStr::from_bytes(b"user.b\xe9"), b"2");
        set_xattr(path, "user.c", b"3");
    }
    for (path, mode) in [(&file, 0o640), (&root, 0o750)] {
        set_mode(path, mode);
        set_mtime(path, 1_000_000_000, 7);
    }
    let stderr = world.fails(1, ["put", &world.arg("tree/file"), "projects:/file"]);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let stderr = world.fails(1, ["put", "-r", &world.arg("tree"), "projects:/t"]);
    assert_eq!(stderr.lines().count(), 2, "{stderr}");
    assert!(
        stderr.contains("user.b\\xe9") && stderr.contains("/tree/file\": its name is not UTF-8"),
        "{stderr}"
    );
    for (at, mode) in [("projects:/file", "0640"), ("projects:/t/file", "0640"), ("projects:/t", "0750")] {
        assert_eq!(world.ok(["xattr", "list", at]), "user.a\nuser.c\n");
        let stat = &world.json(["--json", "stat", at])[0];
        assert_eq!((&stat["mode"], &stat["mtime"]), (&json!(mode), &json!("2001-09-09T01:46:40.000000007Z")));
    }
    // A directory that has one loses it, as any other that the source has not.
    world.ok(["get", "-r", "projects:/t", &world.arg("tree")]);
    world.ok(["put", "-r", &world.arg("tree"), "projects:/t"]);
}

#[test]
fn what_may_not_be_read_is_left_out() {
    let nobody = Nobody::new();
    let world = &nobody.world;
    let root = world.local("tree");
    fs::create_dir_all(root.join("locked")).unwrap();
    fs::write(root.join("locked/inside"), b"x").unwrap();
    fs::write(root.join("open"), b"open").unwrap();
    fs::write(root.join("secret"), b"secret").unwrap();
    nobody.takes("tree");
    set_mode(&root.join("secret"), 0);
    set_mode(&root.join("locked"), 0);
    let output = nobody.run(&["put", "-r", &world.arg("tree"), "projects:/t"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.lines().count(), 2, "{stderr}");
    assert!(stderr.contains("secret") && stderr.contains("locked"), "{stderr}");
    assert_eq!(nobody.ok(&["ls", "projects:/t"]), "locked\nopen\n");
    // What is there stays, also what would be replaced and not written over.
    nobody.ok(&["ln", "/t/open", "projects:/t/secret"]);
    nobody.run(&["put", "-r", &world.arg("tree"), "projects:/t"]);
    assert_eq!(nobody.ok(&["cat", "projects:/t/secret"]), "open");
    // So that the folder can be removed.
    set_mode(&root.join("locked"), 0o700);
}

#[test]
fn a_reader_may_not_put() {
    let world = World::new();
    let token = world.ok(["account", "create", "render", "--role", "reader"]);
    world.ok(["grant", "projects", "render", "reader"]);
    world.ok(["mkdir", "projects:/t"]);
    let root = world.local("tree");
    fs::create_dir(&root).unwrap();
    for n in 0..100 {
        fs::write(root.join(n.to_string()), b"x").unwrap();
    }
    let stderr = world.fails(3, ["--token", token.trim(), "put", "-r", &world.arg("tree"), "projects:/t"]);
    assert_eq!(stderr.lines().count(), 1, "the first refusal ends it: {stderr}");
}

#[test]
fn a_final_sync_that_fails_is_a_failure() {
    let world = World::new();
    let mut command = world.command(["put", "-", "projects:/file"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&noise(6, 40 << 20)).unwrap();
    // The first pack is stored, and waits to be synced with its folder.
    let is_pack = |path: &&PathBuf| {
        path.components().any(|c| c.as_os_str() == "packs")
            && !path.file_name().unwrap().to_str().unwrap().starts_with('.')
    };
    let pack = loop {
        let stored = files_below(&world.local("ws"));
        if let Some(pack) = stored.iter().find(is_pack) {
            break pack.clone();
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended before a pack was seen");
        std::thread::yield_now();
    };
    // A link to nowhere, so that no other pack makes the folder again.
    let folder = pack.parent().unwrap();
    fs::remove_dir_all(folder).unwrap();
    symlink("nowhere", folder).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.lines().count() == 1 && stderr.contains("packs/"), "{stderr}");
}
