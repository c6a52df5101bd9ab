//! The command line on a bucket: separate processes that share nothing else.

use std::path::Path;
use std::process::Command;

use crate::world::{WORLD, succeeded};

/// A tree with small and large files, an empty one and a link.
fn make_tree(at: &Path, seed: u8) {
    std::fs::create_dir_all(at.join("deep/er")).unwrap();
    for n in 0..40u8 {
        std::fs::write(at.join(format!("small-{n}")), vec![n ^ seed; 100 * usize::from(n)]).unwrap();
    }
    let large: Vec<u8> =
        (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8 ^ seed).collect();
    std::fs::write(at.join("deep/large"), large).unwrap();
    std::fs::write(at.join("deep/er/empty"), b"").unwrap();
    std::os::unix::fs::symlink("../large", at.join("deep/er/link")).unwrap();
}

fn assert_same(left: &Path, right: &Path) {
    let diff = Command::new("diff").arg("-r").arg("--no-dereference").args([left, right]).output().unwrap();
    assert!(diff.status.success(), "{}", String::from_utf8_lossy(&diff.stdout));
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_tree_goes_there_and_back() {
    let (world, local) = (&*WORLD, tempfile::tempdir().unwrap());
    let (tree, copy) = (local.path().join("tree"), local.path().join("copy"));
    make_tree(&tree, 0);
    world.ok(&["filespace", "create", "trees"]);
    world.ok(&["put", "-r", text(&tree), "trees:/tree"]);
    assert_eq!(world.ok(&["ls", "trees:/tree/deep"]), "er\nlarge\n");
    world.ok(&["get", "-r", "trees:/tree", text(&copy)]);
    assert_same(&tree, &copy);
    let args = ["cat", "trees:/tree/small-7"];
    assert_eq!(succeeded(&args, world.command(&args).output().unwrap()), vec![7; 700]);
    assert_eq!(world.ok(&["filespace", "list"]).lines().filter(|name| *name == "trees").count(), 1);
}

#[test]
fn two_processes_write_at_the_same_time() {
    let (world, local) = (&*WORLD, tempfile::tempdir().unwrap());
    world.ok(&["filespace", "create", "shared"]);
    let trees = ["a", "b"].map(|name| (name, local.path().join(name)));
    for (n, (_, tree)) in trees.iter().enumerate() {
        make_tree(tree, n as u8 + 1);
    }
    let writers = trees
        .each_ref()
        .map(|(name, tree)| world.start(&["put", "-r", text(tree), &format!("shared:/{name}")]));
    for writer in writers {
        succeeded(&["put"], writer.wait_with_output().unwrap());
    }
    for (name, tree) in &trees {
        let copy = local.path().join(format!("copy-of-{name}"));
        world.ok(&["get", "-r", &format!("shared:/{name}"), text(&copy)]);
        assert_same(tree, &copy);
    }
}

/// One is killed while both write: the other's tree is whole, and of the first each file is there as it was or is not.
#[test]
fn what_is_killed_does_no_harm() {
    let (world, local) = (&*WORLD, tempfile::tempdir().unwrap());
    world.ok(&["filespace", "create", "killed"]);
    let [victim, survivor] = ["victim", "survivor"].map(|name| local.path().join(name));
    make_tree(&victim, 3);
    make_tree(&survivor, 4);
    for round in 0..3 {
        let into = |name: &str| format!("killed:/{name}-{round}");
        let mut killed = world.start(&["put", "-r", text(&victim), &into("victim")]);
        let other = world.start(&["put", "-r", text(&survivor), &into("survivor")]);
        // At a moment when it has begun: something of it is there for others.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while killed.try_wait().unwrap().is_none()
            && !world.ok(&["ls", "killed:/"]).contains(&format!("victim-{round}"))
        {
            assert!(std::time::Instant::now() < deadline, "it never began");
        }
        killed.kill().unwrap();
        killed.wait().unwrap();
        succeeded(&["put"], other.wait_with_output().unwrap());
        let copy = local.path().join(format!("survivor-{round}"));
        world.ok(&["get", "-r", &into("survivor"), text(&copy)]);
        assert_same(&survivor, &copy);
        let listed = world.ok(&["ls", "killed:/"]);
        if listed.contains(&format!("victim-{round}")) {
            let part = local.path().join(format!("victim-{round}"));
            world.ok(&["get", "-r", &into("victim"), text(&part)]);
            for file in std::fs::read_dir(&part).unwrap().map(Result::unwrap) {
                if file.file_type().unwrap().is_file() {
                    let was = std::fs::read(victim.join(file.file_name())).unwrap();
                    let is = std::fs::read(file.path()).unwrap();
                    assert!(is == was, "{:?} is not whole", file.file_name());
                }
            }
        }
    }
}

#[test]
fn a_snapshot_is_read_and_restored_from() {
    let (world, local) = (&*WORLD, tempfile::tempdir().unwrap());
    let [tree, then, back] = ["tree", "then", "back"].map(|name| local.path().join(name));
    make_tree(&tree, 3);
    world.ok(&["filespace", "create", "kept"]);
    world.ok(&["put", "-r", text(&tree), "kept:/tree"]);
    world.ok(&["snapshot", "create", "kept", "s"]);
    world.ok(&["rm", "-r", "kept:/tree"]);
    world.ok(&["get", "-r", "kept@s:/tree", text(&then)]);
    assert_same(&tree, &then);
    world.ok(&["restore", "kept@s:/tree"]);
    world.ok(&["get", "-r", "kept:/tree", text(&back)]);
    assert_same(&tree, &back);
    assert_eq!(world.ok(&["snapshot", "list", "kept"]).lines().count(), 1);
}
