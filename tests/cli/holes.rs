//! Sparse files: `put` and `get` neither read nor write holes.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use serde_json::Value;

use crate::world::{World, noise, set_xattr};

const SIZE: u64 = 6 << 30;
const DATA: u64 = (3 << 30) + 12_345;
/// Far less than the holes would be, also when they are compressed.
const LITTLE: u64 = 2 << 20;

fn make_sparse(path: &Path, data: &[u8]) {
    let file = File::create(path).unwrap();
    file.write_all_at(data, DATA).unwrap();
    file.set_len(SIZE).unwrap();
    assert!(file.metadata().unwrap().blocks() * 512 < LITTLE, "the folder for temporary files has no holes");
}

/// Runs the tool with seconds of processor time: the holes would take more.
fn quickly(world: &World, args: [&str; 4]) -> Value {
    let mut command = world.command_of(Path::new("/bin/sh"));
    command.args(["-c", "ulimit -t 4; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_lucidlink")]).args(args);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn holes_are_copied_as_holes() {
    let world = World::new();
    let (local, back) = (world.arg("local"), world.arg("back"));
    let data = noise(1, 300_000);
    // New ones, then in the place of what was there.
    for (data, attribute) in [(&data[..], "user.one"), (b"", "user.two"), (&data[..7], "user.three")] {
        make_sparse(Path::new(&local), data);
        set_xattr(Path::new(&local), attribute, b"kept");
        let count = quickly(&world, ["put", "--json", &local, "projects:/sparse"]);
        assert_eq!((&count["bytes"], &count["files"]), (&SIZE.into(), &1.into()));
        let df = world.json(["df", "--json", "projects"]).remove(0);
        assert_eq!(df["bytes"], SIZE);
        assert!(df["stored"].as_u64().unwrap() < LITTLE, "{df}");

        let count = quickly(&world, ["get", "--json", "projects:/sparse", &back]);
        assert_eq!((&count["bytes"], &count["files"]), (&SIZE.into(), &1.into()));
        let file = File::open(&back).unwrap();
        let metadata = file.metadata().unwrap();
        assert_eq!(metadata.len(), SIZE);
        assert!(metadata.blocks() * 512 < LITTLE, "{} blocks", metadata.blocks());
        let mut read = vec![1; data.len() + 10];
        file.read_exact_at(&mut read, DATA - 5).unwrap();
        assert_eq!(read, [&[0; 5], data, &[0; 5]].concat());
        assert!(world.ok(["xattr", "list", "projects:/sparse"]).contains(attribute));
    }
}

#[test]
fn holes_are_zeros_where_there_can_be_none() {
    let world = World::new();
    let expected = [&[0; 2_000_000][..], &noise(2, 100), &[0; 1_000_000]].concat();
    let file = File::create(world.local("local")).unwrap();
    file.write_all_at(&noise(2, 100), 2_000_000).unwrap();
    file.set_len(3_000_100).unwrap();
    world.ok(["put", &world.arg("local"), "projects:/sparse"]);
    assert!(world.cat("projects:/sparse") == expected);
    assert!(world.run(["get", "projects:/sparse", "/dev/stdout"]).stdout == expected);
    assert!(world.feed(["put", "-", "projects:/piped"], &expected).status.success());
    assert!(world.cat("projects:/piped") == expected);
}

#[test]
fn what_the_system_makes_as_it_is_read_has_its_own_end() {
    let world = World::new();
    // They say that they have none, or a page.
    for path in ["/proc/version", "/sys/kernel/mm/transparent_hugepage/enabled"] {
        world.ok(["put", path, "projects:/made"]);
        assert_eq!(world.cat("projects:/made"), fs::read(path).unwrap(), "{path}");
    }
}
