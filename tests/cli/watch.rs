//! `watch`: what it prints, how it ends, and how another one goes on.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::world::World;

struct Watching {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Watching {
    fn start(world: &World, args: &[&str]) -> Watching {
        let mut child = world
            .command(["watch"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Watching { child, lines }
    }

    fn json(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }
}

#[test]
fn a_line_for_each_event_until_it_is_interrupted() {
    let world = World::new();
    let mut json = Watching::start(&world, &["--json", "projects"]);
    assert_eq!(json.json()["kind"], "start");
    world.ok(["mkdir", "projects:/d"]);
    world.write("projects:/d/file", b"x");
    world.ok(["mv", "projects:/d/file", "projects:/d/moved"]);
    let made = json.json();
    assert_eq!(
        (&made["kind"], &made["type"], &made["path"]),
        (&"created".into(), &"directory".into(), &"/d".into())
    );
    assert_eq!(made["author"], "admin");
    let from = made["resume"].as_str().unwrap();
    let (written, moved) = (json.json(), json.json());
    assert_eq!((&written["kind"], &written["path"]), (&"created".into(), &"/d/file".into()));
    assert_eq!(
        (&moved["kind"], &moved["from"], &moved["path"]),
        (&"moved".into(), &"/d/file".into(), &"/d/moved".into())
    );
    // As text, below a directory, behind a position.
    let mut text = Watching::start(&world, &["projects:/d", "--from", from]);
    let position = written["position"].as_u64().unwrap();
    assert_eq!(text.lines.next().unwrap().unwrap(), format!("{position} created admin /file"));
    let position = moved["position"].as_u64().unwrap();
    assert_eq!(text.lines.next().unwrap().unwrap(), format!("{position} moved admin /file -> /moved"));
    for (mut watching, signal) in [(json, Signal::SIGINT), (text, Signal::SIGTERM)] {
        watching.signal(signal);
        assert!(watching.lines.next().is_none());
        let ended = watching.child.wait_with_output().unwrap();
        assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
    }
    let left: Vec<_> =
        fs::read_dir(world.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["ws"], "it cleans up behind itself");
    world.fails(2, ["watch", "projects", "--from", "7"]);
    world.fails(4, ["watch", "none"]);
}

/// Killed at any place, it is told at least once by those that follow.
#[test]
fn nothing_is_missing_behind_a_kill() {
    let world = World::new();
    for n in 0..300 {
        fs::create_dir_all(world.local("tree")).unwrap();
        fs::write(world.local(&format!("tree/{n}")), b"x").unwrap();
    }
    let mut watching = Watching::start(&world, &["--json", "projects"]);
    let mut from = watching.json()["resume"].as_str().unwrap().to_owned();
    let mut put = world.command(["put", "-r", "-q", &world.arg("tree"), "projects:/tree"]).spawn().unwrap();
    let (mut seen, mut kills) = (BTreeSet::new(), 0);
    while seen.len() < 301 {
        let event = watching.json();
        if event["kind"] == "created" {
            seen.insert(event["path"].as_str().unwrap().to_owned());
        }
        from = event["resume"].as_str().unwrap_or(&from).to_owned();
        if kills < 4 && seen.len() >= 60 * (kills + 1) {
            // What it had taken and nobody read goes with it.
            watching.signal(Signal::SIGKILL);
            watching.child.wait().unwrap();
            watching = Watching::start(&world, &["--json", "--from", &from, "projects"]);
            kills += 1;
            assert_eq!(watching.json()["kind"], "start");
        }
    }
    assert!(put.wait().unwrap().success() && kills == 4);
    let expected: BTreeSet<String> =
        (0..300).map(|n| format!("/tree/{n}")).chain(["/tree".to_owned()]).collect();
    assert_eq!(seen, expected);
    watching.signal(Signal::SIGINT);
    assert!(watching.child.wait().unwrap().success());
}
