//! `snapshot`, `restore`, and paths in a snapshot.

use serde_json::Value;

use crate::world::{World, assert_same, build_odd_tree, noise};

#[test]
fn commands_that_read_read_snapshots() {
    let world = World::new();
    build_odd_tree(&world.local("odd"));
    world.ok(["put", "-r", &world.arg("odd"), "projects:/odd"]);
    let data = noise(1, 2_000_000);
    world.write("projects:/file", &data);
    world.ok(["xattr", "set", "projects:/file", "colour", "red"]);
    assert_eq!(world.ok(["snapshot", "create", "projects", "before it"]), "");
    let listed = world.ok(["ls", "-l", "projects:/"]);
    let about = world.ok(["stat", "projects:/file"]);
    let summed = world.ok(["du", "-s", "projects:/"]);
    let drawn = world.ok(["tree", "projects:/odd"]);
    world.ok(["rm", "-r", "projects:/odd"]);
    world.write("projects:/file", b"new");
    world.ok(["snapshot", "create", "projects", "after it"]);

    assert_eq!(world.cat("projects@before it:/file"), data);
    assert_eq!(world.cat("projects@after it:/file"), b"new");
    assert_eq!(world.ok(["ls", "-l", "projects@before it:/"]), listed);
    assert_eq!(world.ok(["stat", "projects@before it:/file"]), about);
    assert_eq!(world.ok(["du", "-s", "projects@before it:/"]), summed);
    assert_eq!(
        world.ok(["tree", "projects@before it:/odd"]).replace("projects@before it:", "projects:"),
        drawn
    );
    assert_eq!(world.ok(["xattr", "get", "projects@before it:/file", "colour"]), "red");
    world.ok(["get", "-r", "projects@before it:/odd", &world.arg("copy")]);
    assert_same(&world.local("odd"), &world.local("copy"));

    // Nothing is written to one.
    for args in [
        ["put", "-", "projects@before it:/new"],
        ["cp", "projects:/file", "projects@before it:/new"],
        ["cp", "projects@after it:/file", "projects@before it:/new"],
        ["mv", "projects:/file", "projects@before it:/new"],
        ["mv", "projects@before it:/file", "projects@before it:/new"],
        ["ln", "projects@before it:/file", "projects:/new"],
    ] {
        world.fails(2, args);
    }
    assert!(world.fails(2, ["rm", "projects@before it:/file"]).contains("cannot be changed"));
    assert!(world.fails(4, ["ls", "projects@none:/"]).contains("no snapshot"));
    world.fails(2, ["ls", "projects@:/"]);
}

#[test]
fn listed_and_deleted() {
    let world = World::new();
    for name in ["one", "two"] {
        world.ok(["snapshot", "create", "projects", name]);
    }
    let lines = world.ok(["snapshot", "list", "projects"]);
    let lines: Vec<Vec<&str>> = lines.lines().map(|line| line.split('\t').collect()).collect();
    assert!(lines.iter().all(|line| line[0].ends_with('Z') && line[1] == "admin" && line.len() == 3));
    assert_eq!([lines[0][2], lines[1][2]], ["one", "two"]);
    let fields: &Value = &world.json(["--json", "snapshot", "list", "projects"])[0];
    assert!(fields["name"] == "one" && fields["author"] == "admin" && fields["position"].is_u64());
    assert!(world.fails(1, ["snapshot", "create", "projects", "one"]).contains("already"));
    world.fails(1, ["snapshot", "create", "projects", "a:b"]);
    world.ok(["snapshot", "delete", "projects", "one"]);
    world.fails(4, ["snapshot", "delete", "projects", "one"]);
    world.fails(4, ["cat", "projects@one:/file"]);
    assert_eq!(world.ok(["snapshot", "list", "projects"]).lines().count(), 1);
}

#[test]
fn a_token_is_rotated_and_another_is_kept_for_bad_days() {
    let mut world = World::new();
    world.write("projects:/file", b"kept");
    let recovery = world.ok(["backup"]).trim_end().to_owned();
    let refused = world.fails(1, ["backup"]);
    assert!(refused.contains("recovery") && refused.contains("--name"), "{refused}");
    let new = world.ok(["account", "rotate", "admin"]).trim_end().to_owned();
    assert!(world.fails(3, ["ls", "projects:/"]).contains("revoked"));
    for token in [new, recovery] {
        world.token = token;
        assert_eq!(world.cat("projects:/file"), b"kept");
    }
    // All others are lost.
    world.ok(["account", "revoke", "admin"]);
    let writer = world.ok(["account", "create", "ann", "--role", "writer"]).trim_end().to_owned();
    world.ok(["grant", "projects", "ann", "writer"]);
    world.write("projects:/file", b"kept on");
    world.token = writer;
    assert_eq!(world.cat("projects:/file"), b"kept on");
    world.fails(3, ["account", "rotate", "ann"]);
}

#[test]
fn restored_and_copied_out() {
    let world = World::new();
    build_odd_tree(&world.local("odd"));
    world.ok(["put", "-r", &world.arg("odd"), "projects:/deep/odd"]);
    world.write("projects:/file", b"old");
    world.ok(["snapshot", "create", "projects", "s"]);
    world.ok(["rm", "-r", "projects:/deep"]);
    world.write("projects:/file", b"new");

    assert_eq!(world.ok(["restore", "projects@s:/deep/odd"]), "");
    world.ok(["get", "-r", "projects:/deep/odd", &world.arg("copy")]);
    assert_same(&world.local("odd"), &world.local("copy"));
    assert!(world.fails(1, ["restore", "projects@s:/file"]).contains("exists"));
    world.ok(["restore", "projects@s:/file", "/beside/it"]);
    world.ok(["restore", "projects@s:/file", "projects:/another"]);
    assert_eq!(world.cat("projects:/beside/it"), b"old");
    assert_eq!(world.cat("projects:/another"), b"old");
    assert_eq!(world.cat("projects:/file"), b"new");
    world.ok(["restore", "--replace", "projects@s:/file"]);
    assert_eq!(world.cat("projects:/file"), b"old");

    world.write("projects:/file", b"new");
    world.ok(["cp", "projects@s:/file", "projects:/file"]);
    assert_eq!(world.cat("projects:/file"), b"old");
    assert!(world.fails(1, ["cp", "projects@s:/deep", "projects:/again"]).contains("cp -r"));
    world.ok(["cp", "-r", "projects@s:/deep/odd", "projects:/again"]);
    world.ok(["get", "-r", "projects:/again", &world.arg("again")]);
    assert_same(&world.local("odd"), &world.local("again"));

    assert!(world.fails(2, ["restore", "projects:/file"]).contains("NAME@SNAPSHOT:/path"));
    assert!(world.fails(2, ["restore", "projects@s:/file", "beside"]).contains("starting with '/'"));
    world.fails(2, ["restore", "projects@s:/file", "other:/file"]);
    world.fails(2, ["cp", "projects@s:/file", "other:/file"]);
    world.fails(4, ["restore", "projects@none:/file", "/x"]);
    world.fails(4, ["restore", "projects@s:/none", "/x"]);
}
