//! `cp`: copies inside a filespace.

use serde_json::{Value, json};

use crate::world::{World, assert_same, build_odd_tree, noise};

fn stat(world: &World, at: &str) -> Value {
    world.json(["stat", "--json", at]).remove(0)
}

#[test]
fn one_file() {
    let world = World::new();
    let data = noise(1, 3_000_000);
    world.write("projects:/file", &data);
    world.ok(["xattr", "set", "projects:/file", "colour", "red"]);
    let stored = |world: &World| world.json(["df", "--json", "projects"])[0]["stored"].clone();
    let before = stored(&world);
    assert_eq!(world.ok(["cp", "projects:/file", "projects:/new/dirs/copy"]), "");
    assert_eq!(world.cat("projects:/new/dirs/copy"), data);
    assert_eq!(world.ok(["xattr", "get", "projects:/new/dirs/copy", "colour"]), "red");
    let (one, copy) = (stat(&world, "projects:/file"), stat(&world, "projects:/new/dirs/copy"));
    assert_eq!((&one["mtime"], &one["mode"]), (&copy["mtime"], &copy["mode"]));
    assert_ne!(one["file_id"], copy["file_id"]);
    assert_eq!(before, stored(&world), "its blocks are shared");

    // A name is replaced, not the file that has others too; a link by itself, not what it leads to.
    world.write("projects:/old", b"old");
    world.ok(["ln", "/old", "projects:/old too"]);
    world.ok(["ln", "-s", "old", "projects:/link"]);
    let count = &world.json(["cp", "--json", "projects:/file", "projects:/old"])[0];
    let expected = json!({"files": 1, "directories": 0, "symlinks": 0, "bytes": 3_000_000, "failed": 0});
    assert_eq!(*count, expected);
    assert_eq!((world.cat("projects:/old"), world.cat("projects:/old too")), (data.clone(), b"old".to_vec()));
    world.ok(["cp", "projects:/link", "projects:/followed"]);
    world.ok(["cp", "-r", "projects:/link", "projects:/not followed"]);
    assert_eq!(stat(&world, "projects:/followed")["size"], 3_000_000);
    assert_eq!(stat(&world, "projects:/not followed")["target"], "old");
    world.ok(["cp", "projects:/old too", "projects:/link"]);
    assert_eq!((world.cat("projects:/link"), world.cat("projects:/old")), (b"old".to_vec(), data));

    assert!(world.fails(1, ["cp", "projects:/file", "projects:/file"]).contains("same file"));
    assert!(world.fails(1, ["cp", "projects:/new", "projects:/x"]).contains("cp -r"));
    world.fails(1, ["cp", "projects:/file", "projects:/new"]);
    world.fails(4, ["cp", "projects:/nothing", "projects:/x/y"]);
    world.fails(4, ["cp", "-r", "projects:/nothing", "projects:/x/y"]);
    assert!(world.fails(2, ["cp", "projects:/file", "other:/file"]).contains("get and put"));
    world.fails(4, ["stat", "projects:/x"]);
}

#[test]
fn a_tree_with_all_that_belongs_to_it() {
    let world = World::new();
    build_odd_tree(&world.local("odd"));
    let put = &world.json(["--json", "put", "-r", &world.arg("odd"), "projects:/odd"])[0];
    // The second time over what is there.
    for _ in 0..2 {
        let cp = &world.json(["--json", "cp", "-r", "projects:/odd", "projects:/new/copy"])[0];
        for field in ["files", "directories", "symlinks", "failed"] {
            assert_eq!(put[field], cp[field], "{field}");
        }
        world.ok(["get", "-r", "projects:/new/copy", &world.arg("back")]);
        assert_same(&world.local("odd"), &world.local("back"));
    }
    world.ok(["get", "-r", "projects:/odd", &world.arg("source")]);
    assert_same(&world.local("odd"), &world.local("source"));
}

#[test]
fn a_tree_is_merged_into_what_is_there() {
    let world = World::new();
    world.write("projects:/from/shared/file", b"new");
    world.write("projects:/from/was dir", b"never arrives");
    world.write("projects:/from/was file/inside", b"never arrives");
    world.ok(["xattr", "set", "projects:/from/shared", "a", "1"]);
    world.write("projects:/to/shared/file", b"old");
    world.write("projects:/to/shared/kept", b"kept");
    world.write("projects:/to/was file", b"x");
    world.ok(["mkdir", "projects:/to/was dir"]);
    world.ok(["xattr", "set", "projects:/to/shared", "b", "2"]);
    // The user's own link to a directory is followed.
    world.ok(["ln", "-s", "to", "projects:/link"]);
    let stderr = world.fails(1, ["cp", "-r", "projects:/from", "projects:/link"]);
    assert_eq!(stderr.lines().count(), 2, "{stderr}");
    for path in ["was dir", "was file"] {
        assert!(stderr.contains(&format!("/link/{path}\"")), "{stderr}");
    }
    assert_eq!(world.ok(["ls", "projects:/to/shared"]), "file\nkept\n");
    assert_eq!(world.cat("projects:/to/shared/file"), b"new");
    assert_eq!(world.ok(["xattr", "list", "projects:/to/shared"]), "a\n");
    assert_eq!(stat(&world, "projects:/link")["kind"], "symlink");
    // To where it is in.
    world.ok(["cp", "-r", "projects:/from/shared", "projects:/from"]);
    assert_eq!(world.cat("projects:/from/file"), b"new");
}

#[test]
fn links_in_the_target_are_not_followed() {
    let world = World::new();
    world.write("projects:/from/sub/deep/file", b"new");
    world.write("projects:/elsewhere/deep/file", b"old");
    // Out of the target, and into what is copied: that copy would have no end.
    for (to, leads_to) in [("/to", "/elsewhere"), ("/into", "/from/sub/deep")] {
        world.ok(["mkdir", &format!("projects:{to}")]);
        world.ok(["ln", "-s", leads_to, &format!("projects:{to}/sub")]);
        let stderr = world.fails(1, ["cp", "-r", "projects:/from", &format!("projects:{to}")]);
        assert!(stderr.contains("not a directory") && stderr.contains(&format!("{to}/sub\"")), "{stderr}");
    }
    assert_eq!(world.cat("projects:/elsewhere/deep/file"), b"old");
    assert_eq!(world.ok(["ls", "projects:/from/sub/deep"]), "file\n");
}

#[test]
fn a_directory_is_not_copied_into_itself() {
    let world = World::new();
    world.write("projects:/d/sub/file", b"x");
    world.ok(["ln", "-s", "d/sub", "projects:/link"]);
    for to in ["/d", "/d/sub", "/d/new", "/d/sub/new/er", "/link", "/link/new", "/link/new/er"] {
        let stderr = world.fails(1, ["cp", "-r", "projects:/d", &format!("projects:{to}")]);
        assert!(stderr.contains("into itself") && stderr.contains(to), "{stderr}");
    }
    world.fails(1, ["cp", "-r", "projects:/", "projects:/copy"]);
    assert_eq!(world.ok(["tree", "projects:/d"]), "projects:/d\n└── sub\n    └── file\n");
    // Beside itself, with a name that begins as its own.
    world.ok(["cp", "-r", "projects:/d", "projects:/d2"]);
    assert_eq!(world.cat("projects:/d2/sub/file"), b"x");
}
