//! `ln`, `touch`, `truncate`, `tree`, `du`, `df`, `quota`, `sync` and `xattr`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::world::{World, files_below, noise};

/// `/d` with a file of two names, a file below and a symbolic link.
fn populated() -> World {
    let world = World::new();
    world.ok(["mkdir", "projects:/d/sub"]);
    world.write("projects:/d/file", &noise(1, 1000));
    world.write("projects:/d/sub/small", b"12345");
    world.ok(["ln", "projects:/d/file", "projects:/d/sub/again"]);
    world.ok(["ln", "-s", "../no where", "projects:/d/sub/link"]);
    world
}

fn stat(world: &World, at: &str) -> Value {
    world.json(["stat", "--json", at]).remove(0)
}

#[test]
fn ln() {
    let world = populated();
    assert_eq!(world.cat("projects:/d/sub/again"), noise(1, 1000));
    let (one, other) = (stat(&world, "projects:/d/file"), stat(&world, "projects:/d/sub/again"));
    assert_eq!((&one["file_id"], &one["links"]), (&other["file_id"], &json!(2)));
    assert_eq!(stat(&world, "projects:/d/sub/link")["target"], "../no where");
    // The target as a path in the same filespace.
    world.ok(["ln", "/d/file", "projects:/third"]);
    assert_eq!(stat(&world, "projects:/third")["links"], 3);

    world.fails(1, ["ln", "/d/file", "projects:/third"]);
    world.fails(1, ["ln", "-s", "x", "projects:/third"]);
    world.fails(1, ["ln", "/d", "projects:/e"]);
    world.fails(4, ["ln", "/nothing", "projects:/e"]);
    assert!(world.fails(2, ["ln", "other:/d/file", "projects:/e"]).contains("-s"));
    assert!(world.fails(2, ["ln", "d/file", "projects:/e"]).contains("TARGET"));
}

#[test]
fn touch() {
    let world = World::new();
    world.ok(["touch", "projects:/new"]);
    let made = stat(&world, "projects:/new");
    assert_eq!((&made["size"], &made["mode"]), (&json!(0), &json!("0644")));
    world.write("projects:/new", b"content");
    let before = stat(&world, "projects:/new");
    world.ok(["touch", "projects:/new"]);
    let after = stat(&world, "projects:/new");
    assert_eq!(after["size"], 7, "what is there stays");
    for time in ["mtime", "atime"] {
        assert!(after[time].as_str() > before[time].as_str(), "{time}: {before} {after}");
    }
    // Through a symbolic link that leads nowhere yet.
    world.ok(["ln", "-s", "target", "projects:/link"]);
    world.ok(["touch", "projects:/link"]);
    assert_eq!(stat(&world, "projects:/target")["kind"], "file");
    world.ok(["touch", "projects:/"]);
    world.fails(4, ["touch", "projects:/no/such"]);
}

#[test]
fn truncate() {
    let world = World::new();
    world.write("projects:/f", b"0123456789");
    world.ok(["truncate", "-s", "4", "projects:/f"]);
    assert_eq!(world.cat("projects:/f"), b"0123");
    world.ok(["truncate", "-s", "6", "projects:/f"]);
    assert_eq!(world.cat("projects:/f"), b"0123\0\0");
    for (size, bytes) in [("3K", 3_u64 << 10), ("2M", 2 << 20), ("5G", 5 << 30), ("2T", 2 << 40), ("0", 0)] {
        world.ok(["truncate", "-s", size, "projects:/f"]);
        assert_eq!(stat(&world, "projects:/f")["size"], bytes);
    }
    for size in ["", "K", "x", "1k", "+1", "1.5M", "-1", "-1K", "-x", "99999999999999999999", "16777216T"] {
        let stderr = world.fails(2, ["truncate", "-s", size, "projects:/f"]);
        assert!(stderr.starts_with(&format!("error: invalid value '{size}' for '-s <SIZE>': ")), "{stderr}");
    }
    world.fails(2, ["truncate", "projects:/f"]);
    world.fails(1, ["truncate", "-s", "0", "projects:/"]);
    world.fails(4, ["truncate", "-s", "0", "projects:/nothing"]);
}

#[test]
fn tree() {
    let world = populated();
    world.ok(["mkdir", "projects:/d/z/y"]);
    let expected = "\
projects:/d
├── file
├── sub
│   ├── again
│   ├── link -> ../no where
│   └── small
└── z
    └── y
";
    assert_eq!(world.ok(["tree", "projects:/d"]), expected);
    let listed = world.json(["tree", "--json", "projects:/"]);
    let paths: Vec<_> = listed.iter().map(|entry| entry["path"].as_str().unwrap()).collect();
    let expected =
        ["/d", "/d/file", "/d/sub", "/d/sub/again", "/d/sub/link", "/d/sub/small", "/d/z", "/d/z/y"];
    assert_eq!(paths, expected);
    world.fails(1, ["tree", "projects:/d/file"]);
    world.fails(4, ["tree", "projects:/nothing"]);
}

#[test]
fn du() {
    let world = populated();
    // Text of the link: 11 bytes; the second name of the file counts nothing.
    assert_eq!(world.ok(["du", "projects:/d"]), "16\t/d/sub\n1016\t/d\n");
    assert_eq!(world.ok(["du", "-s", "projects:/"]), "1016\t/\n");
    assert_eq!(world.ok(["du", "projects:/d/sub/small"]), "5\t/d/sub/small\n");
    let listed = world.json(["du", "--json", "projects:/d"]);
    assert_eq!(listed, [json!({"path": "/d/sub", "bytes": 16}), json!({"path": "/d", "bytes": 1016})]);
    world.fails(4, ["du", "projects:/nothing"]);
}

#[test]
fn df_and_quota() {
    let world = populated();
    world.ok(["filespace", "create", "empty"]);
    let df = &world.json(["df", "--json", "projects"])[0];
    for (field, value) in [("files", 2), ("directories", 3), ("symlinks", 1), ("bytes", 1005)] {
        assert_eq!(df[field], value, "{df}");
    }
    assert!(df["quota_bytes"].is_null() && df["quota_entries"].is_null(), "{df}");
    let size = 300_000;
    world.write("projects:/large", &noise(2, size));
    let df = &world.json(["df", "--json", "projects"])[0];
    assert!(df["stored"].as_u64().unwrap() >= size as u64, "{df}");
    world.ok(["rm", "projects:/large"]);
    assert!(world.ok(["df"]).contains("name: projects\nfiles: 2\n"));
    let listed = world.json(["df", "--json"]);
    let mut names: Vec<_> = listed.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["empty", "projects"]);
    world.fails(4, ["df", "nothing"]);

    let expected = "name: projects\nquota_bytes: none\nquota_entries: none\n";
    assert_eq!(world.ok(["quota", "projects"]), expected);
    world.ok(["quota", "projects", "--bytes", "2K"]);
    world.ok(["quota", "projects", "--entries", "7"]);
    let expected = "name: projects\nquota_bytes: 2048\nquota_entries: 7\n";
    assert_eq!(world.ok(["quota", "projects"]), expected, "setting one leaves the other");
    world.ok(["touch", "projects:/seventh"]);
    world.fails(1, ["touch", "projects:/eighth"]);
    world.ok(["quota", "projects", "--bytes", "none", "--entries", "none"]);
    world.ok(["touch", "projects:/eighth"]);
    for bad in ["0", "x", "-1", ""] {
        for limit in ["--bytes", "--entries"] {
            let stderr = world.fails(2, ["quota", "projects", limit, bad]);
            assert!(
                stderr.starts_with(&format!("error: invalid value '{bad}' for '{limit} <N|none>': ")),
                "{stderr}"
            );
        }
    }
}

#[test]
fn a_filespace_without_its_log_does_not_hide_the_others() {
    let world = World::new();
    let logs = || {
        files_below(&world.local("ws/filespaces"))
            .into_iter()
            .filter(|f| f.parent().unwrap().ends_with("log"))
    };
    let others: Vec<PathBuf> = logs().collect();
    // It is the first of them.
    world.ok(["filespace", "create", "a"]);
    for file in logs().filter(|file| !others.contains(file)) {
        fs::remove_file(file).unwrap();
    }
    let output = world.run(["df", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["name"], "projects");
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("filespace \"a\": "), "{message}");
    assert!(world.run(["df"]).stdout.starts_with(b"name: projects\n"));
}

#[test]
fn sync() {
    let world = populated();
    assert_eq!(world.ok(["sync", "projects"]), "");
    world.fails(4, ["sync", "nothing"]);
}

#[test]
fn xattr() {
    let world = populated();
    let at = "projects:/d/file";
    assert_eq!(world.ok(["xattr", "list", at]), "");
    world.ok(["xattr", "set", at, "user.b", "value"]);
    let mut command = world.command(["xattr", "set", at, "user.a"]);
    assert!(command.arg(OsStr::from_bytes(b"\xff\n")).status().unwrap().success());
    assert_eq!(world.ok(["xattr", "list", at]), "user.a\nuser.b\n");
    assert_eq!(world.ok(["xattr", "get", at, "user.b"]), "value");
    assert_eq!(world.run(["xattr", "get", at, "user.a"]).stdout, b"\xff\n");
    let listed = world.json(["xattr", "list", "--json", at]);
    assert_eq!(listed, [json!({"name": "user.a", "size": 2}), json!({"name": "user.b", "size": 5})]);
    let expected = json!({"name": "user.b", "value": "value", "hex": "76616c7565"});
    assert_eq!(world.json(["xattr", "get", "--json", at, "user.b"]), [expected]);
    let expected = json!({"name": "user.a", "value": null, "hex": "ff0a"});
    assert_eq!(world.json(["xattr", "get", "--json", at, "user.a"]), [expected]);
    world.ok(["xattr", "rm", at, "user.b"]);
    assert_eq!(world.ok(["xattr", "list", at]), "user.a\n");
    world.fails(4, ["xattr", "get", at, "user.b"]);
    world.fails(4, ["xattr", "rm", at, "user.b"]);
    world.fails(2, ["xattr", "set", at, "user.b"]);
}
