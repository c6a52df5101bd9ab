//! What keeps a filespace in order.

use std::fs;

use serde_json::Value;

use crate::world::{World, files_below, noise};

#[test]
fn fsck_names_the_files_that_lost_something_and_fails() {
    let world = World::new();
    fs::write(world.local("large"), noise(1, 700_000)).unwrap();
    fs::write(world.local("small"), b"small").unwrap();
    world.ok(["put", &world.arg("large"), "projects:/new\nline/large"]);
    world.ok(["put", &world.arg("small"), "projects:/small"]);
    world.ok(["checkpoint", "projects"]);
    let said = world.ok(["fsck", "projects"]);
    assert!(said.contains("checkpoints: 1\n") && said.ends_with("findings: 0\n"), "{said}");
    let report: Value = serde_json::from_str(&world.ok(["--json", "fsck", "--quick", "projects"])).unwrap();
    assert_eq!((&report["name"], &report["blocks"]), (&"projects".into(), &0.into()));
    assert_eq!(report["findings"], Value::Array(Vec::new()));

    let packs =
        files_below(&world.local("ws")).into_iter().filter(|file| file.to_string_lossy().contains("/packs/"));
    let packs: Vec<_> = packs.collect();
    assert_eq!(packs.len(), 1);
    let mut bytes = fs::read(&packs[0]).unwrap();
    bytes[100] ^= 1;
    fs::write(&packs[0], bytes).unwrap();
    world.ok(["fsck", "--quick", "projects"]);
    let unread = world.fails(1, ["cat", "projects:/new\nline/large"]);
    assert!(unread.contains(r"/new\nline/large"), "who reads it is told which file it is: {unread}");
    let output = world.run(["--json", "fsck", "projects"]);
    assert_eq!((output.status.code(), output.stderr.len()), (Some(1), 0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{report}");
    assert_eq!(findings[0]["path"], "/new\nline/large");
    assert_eq!((&findings[0]["offset"], &findings[0]["length"]), (&0.into(), &262_144.into()));
    let output = world.run(["fsck", "projects"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.starts_with("/new\nline/large\t0\t262144\tpacks/") && said.ends_with("findings: 1\n"),
        "{said}"
    );
}

#[test]
fn gc_plans_waits_and_deletes() {
    let world = World::new();
    fs::write(world.local("large"), noise(1, 700_000)).unwrap();
    world.ok(["put", &world.arg("large"), "projects:/large"]);
    world.ok(["rm", "projects:/large"]);
    let packs = || {
        let files = files_below(&world.local("ws"));
        files.iter().filter(|file| file.to_string_lossy().contains("/packs/")).count()
    };
    assert!(world.ok(["gc", "projects"]).starts_with("dead_packs: 0\ndead_bytes: 0\nwaiting_packs: 1\n"));
    let plan: Value =
        serde_json::from_str(&world.ok(["--json", "gc", "--dry-run", "--grace", "0s", "projects"])).unwrap();
    assert_eq!((&plan["dead_packs"], &plan["dry_run"]), (&1.into(), &true.into()));
    assert_eq!(packs(), 1);
    assert!(world.ok(["gc", "--grace", "0s", "projects"]).starts_with("dead_packs: 1\n"));
    assert_eq!(packs(), 0);
    for span in ["1", "d", "-1d", "tomorrow"] {
        assert!(world.fails(2, ["gc", &format!("--grace={span}"), "projects"]).contains("--grace"), "{span}");
    }
}
