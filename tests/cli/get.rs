//! `get`: what is made locally, and what is never touched.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use serde_json::json;

use crate::world::{Nobody, World, assert_same, build_odd_tree, files_below, noise, set_mode, xattrs};

#[test]
fn one_file() {
    let world = World::new();
    let data = noise(1, 3_000_000);
    world.write("projects:/file", &data);
    assert_eq!(world.ok(["get", "projects:/file", &world.arg("new/dirs/copy")]), "");
    assert_eq!(fs::read(world.local("new/dirs/copy")).unwrap(), data);
    assert_eq!(world.local("new/dirs/copy").metadata().unwrap().mode() & 0o7777, 0o644);
    assert_eq!(world.run(["get", "projects:/file", "-"]).stdout, data);

    fs::write(world.local("old"), b"old").unwrap();
    set_mode(&world.local("old"), 0o600);
    let count = &world.json(["--json", "get", "projects:/file", &world.arg("old")])[0];
    let expected = json!({"files": 1, "directories": 0, "symlinks": 0, "bytes": 3_000_000, "failed": 0});
    assert_eq!(*count, expected);
    assert_eq!(fs::read(world.local("old")).unwrap(), data);

    let refused = world.fails(1, ["get", "projects:/file", &world.arg("new")]);
    assert!(refused.contains("it is a directory"), "{refused}");
    let refused = world.fails(1, ["get", "projects:/", &world.arg("x")]);
    assert!(refused.contains("get -r"), "{refused}");
    world.fails(4, ["get", "projects:/nothing", &world.arg("x")]);
    world.fails(2, ["get", "-r", "projects:/", "-"]);
    assert!(!world.local("x").exists());
    assert_eq!(leftovers(world.dir.path()), 0);
}

/// Files that have not got their final names.
fn leftovers(folder: &Path) -> usize {
    let names = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_str().is_some_and(|name| name.starts_with(".lucidlink-"))).count()
}

#[test]
fn what_the_user_names_is_followed_and_a_pipe_is_written_to() {
    let world = World::new();
    world.write("projects:/file", b"content");
    fs::write(world.local("file"), b"old").unwrap();
    symlink("file", world.local("link")).unwrap();
    world.ok(["get", "projects:/file", &world.arg("link")]);
    assert_eq!(fs::read(world.local("file")).unwrap(), b"content");
    assert!(world.local("link").is_symlink());
    // No real device: what this test is about would destroy it.
    let pipe = world.local("pipe");
    mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe).unwrap()
    });
    world.ok(["get", "projects:/file", &world.arg("pipe")]);
    assert!(pipe.metadata().unwrap().file_type().is_fifo(), "it was replaced");
    assert_eq!(reader.join().unwrap(), b"content");
    symlink("/proc/self/fd/1", world.local("stdout")).unwrap();
    assert_eq!(world.ok(["get", "projects:/file", &world.arg("stdout")]), "content");

    fs::create_dir(world.local("real")).unwrap();
    symlink("real", world.local("to real")).unwrap();
    world.ok(["get", "-r", "projects:/", &world.arg("to real")]);
    assert_eq!(fs::read(world.local("real/file")).unwrap(), b"content");
}

#[test]
fn a_tree_comes_back_as_it_was() {
    let world = World::new();
    let odd = world.local("odd");
    build_odd_tree(&odd);
    let put = &world.json(["--json", "put", "-r", &world.arg("odd"), "projects:/odd"])[0];
    let get = &world.json(["--json", "get", "-r", "projects:/odd", &world.arg("back")])[0];
    assert_eq!(put, get);
    assert_eq!((&put["symlinks"], &put["failed"]), (&json!(10), &json!(0)));
    assert_same(&odd, &world.local("back"));
    // Once more, over what is there.
    world.ok(["put", "-r", &world.arg("odd"), "projects:/odd"]);
    world.ok(["get", "-r", "projects:/odd", &world.arg("back")]);
    assert_same(&odd, &world.local("back"));
    // A link by itself.
    world.ok(["get", "-r", "projects:/odd/loop", &world.arg("loop")]);
    assert_eq!(world.local("loop").read_link().unwrap(), Path::new("loop"));
}

#[test]
fn attributes_that_no_local_file_can_have_are_reported() {
    let world = World::new();
    world.write("projects:/t/file", b"content");
    world.ok(["ln", "-s", "file", "projects:/t/link"]);
    for (at, name) in [
        ("projects:/t/file", "colour"),
        ("projects:/t/file", "security.capability"),
        ("projects:/t/file", "user.kept"),
        ("projects:/t", "user."),
    ] {
        world.ok(["xattr", "set", at, name, "value"]);
    }
    let stderr = world.fails(1, ["get", "-r", "projects:/t", &world.arg("t")]);
    assert_eq!(stderr.lines().count(), 3, "{stderr}");
    for part in
        ["/t/file\" the attribute \"colour\"", "\"security.capability\"", "/t\" the attribute \"user.\""]
    {
        assert!(stderr.contains(part), "{stderr}");
    }
    assert_eq!(fs::read(world.local("t/link")).unwrap(), b"content");
    assert_eq!(xattrs(&world.local("t/file")), [("user.kept".to_owned(), b"value".to_vec())].into());
    assert_eq!(leftovers(&world.local("t")), 0);
    // It is never taken from what it is given to again.
    world.ok(["put", "-r", &world.arg("t"), "projects:/t"]);
    assert_eq!(world.ok(["xattr", "list", "projects:/t/file"]), "colour\nsecurity.capability\nuser.kept\n");
}

#[test]
fn directories_that_forbid_writing_come_back_for_others_than_root_too() {
    let nobody = Nobody::new();
    let world = &nobody.world;
    let odd = world.local("odd");
    build_odd_tree(&odd);
    nobody.takes("odd");
    // Changing the owner took these bits away.
    for mode in [0o4755, 0o2755, 0o6711, 0o7777] {
        set_mode(&odd.join(format!("a b/mode {mode:o}")), mode);
    }
    nobody.ok(&["put", "-r", &world.arg("odd"), "projects:/odd"]);
    for _ in 0..2 {
        nobody.ok(&["get", "-r", "projects:/odd", &world.arg("back")]);
        assert_same(&odd, &world.local("back"));
    }
    for path in ["odd/closed", "back/closed"] {
        set_mode(&world.local(path), 0o755);
    }
}

#[test]
fn a_directory_that_forbids_everything_comes_back_with_its_content() {
    let nobody = Nobody::new();
    let world = &nobody.world;
    fs::create_dir_all(world.local("tree/shut/inner")).unwrap();
    nobody.takes("tree");
    nobody.ok(&["put", "-r", &world.arg("tree"), "projects:/tree"]);
    set_mode(&world.local("tree/shut"), 0);
    // What is in it cannot be read any more, but the filespace has it.
    assert_eq!(nobody.run(&["put", "-r", &world.arg("tree"), "projects:/tree"]).status.code(), Some(1));
    nobody.ok(&["get", "-r", "projects:/tree", &world.arg("back")]);
    assert_eq!(world.local("back/shut").metadata().unwrap().mode() & 0o7777, 0);
    for path in ["tree/shut", "back/shut"] {
        set_mode(&world.local(path), 0o755);
    }
    assert!(world.local("back/shut/inner").is_dir());
}

#[test]
fn nothing_outside_the_target_is_touched() {
    let world = World::new();
    let (outside, back) = (world.local("outside"), world.local("back"));
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), b"untouched").unwrap();
    // First the filespace holds symbolic links; their copies lead outside.
    let links = world.local("links");
    fs::create_dir(&links).unwrap();
    symlink(&outside, links.join("a")).unwrap();
    symlink(outside.join("file"), links.join("b")).unwrap();
    symlink(outside.join("new"), links.join("c")).unwrap();
    world.ok(["put", "-r", &world.arg("links"), "projects:/t"]);
    world.ok(["get", "-r", "projects:/t", &world.arg("back")]);
    // Then a directory and files under the same names.
    world.ok(["rm", "-r", "projects:/t"]);
    for name in ["a/file", "a/new", "b", "c"] {
        world.write(&format!("projects:/t/{name}"), b"hostile");
    }
    let stderr = world.fails(1, ["get", "-r", "projects:/t", &world.arg("back")]);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains("not a directory") && stderr.contains("back/a"), "{stderr}");
    assert_eq!(fs::read(outside.join("file")).unwrap(), b"untouched");
    assert_eq!(outside.read_dir().unwrap().count(), 1);
    // The links themselves are replaced.
    for name in ["b", "c"] {
        assert_eq!(fs::read(back.join(name)).unwrap(), b"hostile");
        assert!(!back.join(name).is_symlink());
    }
}

#[test]
fn what_is_in_the_way_is_reported_and_the_rest_is_copied() {
    let world = World::new();
    for name in ["a", "b/inside", "z"] {
        world.write(&format!("projects:/t/{name}"), b"x");
    }
    fs::create_dir_all(world.local("back/a")).unwrap();
    fs::write(world.local("back/b"), b"a file").unwrap();
    let stderr = world.fails(1, ["get", "-r", "projects:/t", &world.arg("back")]);
    assert_eq!(stderr.lines().count(), 2, "{stderr}");
    assert!(stderr.contains("back/a") && stderr.contains("back/b"), "{stderr}");
    assert_eq!(fs::read(world.local("back/z")).unwrap(), b"x");
    assert_eq!(fs::read(world.local("back/b")).unwrap(), b"a file");
    assert_eq!(leftovers(&world.local("back")), 0);
    world.fails(1, ["get", "-r", "projects:/t", &world.arg("back/z")]);
}

fn packs(world: &World) -> Vec<PathBuf> {
    let is_pack = |file: &PathBuf| file.components().any(|c| c.as_os_str() == "packs");
    let packs: Vec<_> = files_below(&world.local("ws")).into_iter().filter(is_pack).collect();
    assert!(!packs.is_empty());
    packs
}

#[test]
fn a_signal_leaves_no_half_file_and_nothing_else_behind() {
    let world = World::new();
    // It is stopped when the copy has begun; much is left to do then.
    world.write("projects:/large", &noise(6, 64 << 20));
    fs::create_dir(world.local("back")).unwrap();
    fs::write(world.local("back/large"), b"old").unwrap();
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        // Whoever runs the tests in the background may have them ignore Ctrl-C; the tool would too.
        let mut command = world.command_of(Path::new("env"));
        command.arg("--default-signal=INT,TERM").arg(env!("CARGO_BIN_EXE_lucidlink"));
        command.args(["get", "projects:/large", &world.arg("back/large")]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        while leftovers(&world.local("back")) == 0 {
            assert!(child.try_wait().unwrap().is_none(), "it ended before its file was seen");
            std::thread::yield_now();
        }
        for signal in [Signal::SIGSTOP, signal, Signal::SIGCONT] {
            kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        }
        let status = child.wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(signal as i32));
        assert_eq!(fs::read(world.local("back/large")).unwrap(), b"old");
        assert_eq!(leftovers(&world.local("back")), 0);
    }
}

#[test]
fn damaged_content_is_reported_and_the_rest_is_copied() {
    let world = World::new();
    fs::create_dir(world.local("t")).unwrap();
    fs::write(world.local("t/large"), noise(5, 3 << 20)).unwrap();
    fs::write(world.local("t/small"), b"small").unwrap();
    world.ok(["put", "-r", &world.arg("t"), "projects:/t"]);
    for pack in packs(&world) {
        let mut bytes = fs::read(&pack).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&pack, bytes).unwrap();
    }
    fs::create_dir(world.local("back")).unwrap();
    fs::write(world.local("back/large"), b"old").unwrap();
    let stderr = world.fails(1, ["get", "-r", "projects:/t", &world.arg("back")]);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains("cannot be trusted"), "{stderr}");
    assert_eq!(fs::read(world.local("back/small")).unwrap(), b"small");
    assert_eq!(fs::read(world.local("back/large")).unwrap(), b"old");
    assert_eq!(leftovers(&world.local("back")), 0);
}
