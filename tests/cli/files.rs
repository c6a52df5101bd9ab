//! `ls`, `stat`, `cat`, `mkdir`, `rm` and `mv`.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use crate::world::{World, noise, set_mode, set_mtime};

/// `/d` with a file, a directory and two symbolic links, all of known attributes.
fn populated() -> World {
    let world = World::new();
    let root = world.local("d");
    fs::create_dir_all(root.join("sub")).unwrap();
    fs::write(root.join("file"), noise(1, 12_345)).unwrap();
    set_mode(&root.join("file"), 0o4640);
    symlink("sub", root.join("link")).unwrap();
    symlink("nowhere", root.join("lost")).unwrap();
    for name in ["sub", "file", "link", "lost"] {
        set_mtime(&root.join(name), 1_709_210_096, 123_456_789);
    }
    set_mode(&root.join("sub"), 0o1775);
    world.ok(["put", "-r", &world.arg("d"), "projects:/d"]);
    world
}

#[test]
fn ls() {
    let world = populated();
    assert_eq!(world.ok(["ls", "projects:/d"]), "file\nlink\nlost\nsub\n");
    let expected = "\
-rwSr----- 1 12345 2024-02-29T12:34:56Z file
lrwxrwxrwx 1     3 2024-02-29T12:34:56Z link -> sub
lrwxrwxrwx 1     7 2024-02-29T12:34:56Z lost -> nowhere
drwxrwxr-t 1     0 2024-02-29T12:34:56Z sub
";
    assert_eq!(world.ok(["ls", "-l", "projects:/d"]), expected);
    assert_eq!(world.ok(["ls", "projects:/d/file"]), "file\n");
    assert_eq!(world.ok(["ls", "projects:/d/lost"]), "lost\n");
    assert_eq!(world.ok(["ls", "projects:/d/link"]), "", "a link to a directory lists that");
    assert_eq!(world.ok(["ls", "projects:/"]), "d\n");
    world.fails(4, ["ls", "projects:/nothing"]);

    let listed = world.json(["ls", "--json", "projects:/d"]);
    let names: Vec<_> = listed.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["file", "link", "lost", "sub"]);
    let kinds: Vec<_> = listed.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["file", "symlink", "symlink", "directory"]);
    assert_eq!(listed[1]["target"], "sub");
    assert_eq!(listed[0].get("target"), None);
    assert_eq!(listed[0]["mtime"], "2024-02-29T12:34:56.123456789Z");
}

#[test]
fn stat() {
    let world = populated();
    let stat = world.ok(["stat", "projects:/d/file"]);
    let fields: Vec<_> = stat.lines().map(|line| line.split_once(": ").unwrap()).collect();
    let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    let expected = [
        "name", "kind", "size", "mode", "uid", "gid", "links", "file_id", "version", "mtime", "ctime",
        "btime", "atime",
    ];
    assert_eq!(names, expected);
    for expected in [
        ("name", "file"),
        ("kind", "file"),
        ("size", "12345"),
        ("mode", "4640"),
        ("links", "1"),
        ("mtime", "2024-02-29T12:34:56.123456789Z"),
    ] {
        assert!(fields.contains(&expected), "{stat}");
    }
    let json = &world.json(["stat", "--json", "projects:/d/file"])[0];
    assert_eq!(json.as_object().unwrap().len(), expected.len());
    for (name, text) in fields {
        let value = &json[name];
        assert_eq!(value.as_str().map_or_else(|| value.to_string(), str::to_owned), text, "{name}");
    }
    let link = &world.json(["--json", "stat", "projects:/d/link"])[0];
    assert_eq!((&link["kind"], &link["target"]), (&json!("symlink"), &json!("sub")));
    assert!(world.ok(["stat", "projects:/d/link"]).contains("\ntarget: sub\n"));
    assert!(world.ok(["stat", "projects:/"]).starts_with("name: \nkind: directory\n"));
    world.fails(4, ["stat", "projects:/nothing"]);
}

#[test]
fn cat() {
    let world = populated();
    assert_eq!(world.cat("projects:/d/file"), noise(1, 12_345));
    world.write("projects:/empty", b"");
    assert_eq!(world.cat("projects:/empty"), b"");
    world.fails(1, ["cat", "projects:/d"]);
    world.fails(4, ["cat", "projects:/d/lost"]);
}

#[test]
fn mkdir_rm_and_mv() {
    let world = World::new();
    assert_eq!(world.ok(["mkdir", "projects:/a/b/c"]), "");
    world.fails(1, ["mkdir", "projects:/a"]);
    world.write("projects:/a/file", b"one");
    world.write("projects:/a/other", b"two");

    assert_eq!(world.ok(["mv", "projects:/a/file", "projects:/a/b/moved"]), "");
    assert_eq!(world.cat("projects:/a/b/moved"), b"one");
    world.ok(["mv", "projects:/a/other", "projects:/a/b/moved"]);
    assert_eq!(world.cat("projects:/a/b/moved"), b"two", "a file at the target is replaced");
    world.fails(1, ["mv", "projects:/a/b/moved", "projects:/a/b/c"]);
    world.fails(1, ["mv", "projects:/a", "projects:/a/b/c/d"]);
    world.fails(4, ["mv", "projects:/nothing", "projects:/x"]);
    world.fails(2, ["mv", "projects:/a", "elsewhere:/a"]);

    let refused = world.fails(1, ["rm", "projects:/a"]);
    assert!(refused.contains("rm -r"), "{refused}");
    assert_eq!(world.ok(["rm", "projects:/a/b/moved"]), "");
    world.fails(4, ["rm", "projects:/a/b/moved"]);
    assert_eq!(world.ok(["rm", "-r", "projects:/a"]), "");
    assert_eq!(world.ok(["ls", "projects:/"]), "");
    world.write("projects:/file", b"x");
    world.ok(["rm", "-r", "projects:/file"]);
    world.fails(4, ["rm", "-r", "projects:/file"]);
    world.fails(1, ["rm", "-r", "projects:/"]);
}

#[test]
fn what_mv_refuses_names_the_path_that_is_to_blame() {
    let world = populated();
    world.ok(["mkdir", "projects:/d/sub/in"]);
    world.ok(["mkdir", "projects:/empty"]);
    for (from, to, blamed) in [
        ("/d/file", "/no/x", "/no/x"),
        ("/d/file", "/d/sub", "/d/sub"),
        ("/d/sub", "/d/file", "/d/file"),
        ("/empty", "/d/sub", "/d/sub"),
        ("/d", "/d/sub/x", "/d/sub/x"),
        ("/d/file", "/d/file/x", "/d/file/x"),
        ("/d/file", "/new/", "/new/"),
        ("/nothing", "/x", "/nothing"),
        ("/", "/x", "/"),
    ] {
        let output = world.run(["mv", &format!("projects:{from}"), &format!("projects:{to}")]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.ends_with(&format!(": \"{blamed}\"\n")), "{from} {to}: {stderr}");
    }
}
