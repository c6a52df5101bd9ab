//! Real input: the system's header files in and out, and what of them the store can see.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::world::{World, assert_same, files_below};

#[test]
fn usr_include_comes_back_and_the_store_shows_nothing_of_it() {
    let source = Path::new("/usr/include");
    let world = World::new();
    world.ok(["put", "-r", "/usr/include", "projects:/inc"]);
    world.ok(["get", "-r", "projects:/inc", &world.arg("back")]);
    let mut diff = Command::new("diff");
    diff.args(["-r", "--no-dereference"]).args([source, &world.local("back")]);
    let diff = diff.output().expect("diff(1) compares the trees; install diffutils");
    assert!(diff.status.success() && diff.stdout.is_empty(), "{}", String::from_utf8_lossy(&diff.stdout));
    assert_same(source, &world.local("back"));

    let files = files_below(source);
    let (names, texts) = (names(&files), texts(&files));
    assert!(names.len() == 12 && texts.len() == 12, "/usr/include has too little in it; install libc6-dev");
    let stored = files_below(&world.local("ws"));
    assert!(stored.len() > 3, "the workspace stores few files: {stored:?}");
    for text in names.iter().chain(&texts) {
        assert!(
            !stored.iter().any(|file| file.to_str().unwrap().contains(text.as_str())),
            "{text:?} is a name"
        );
        assert!(!is_in(text, &world.local("ws")), "{text:?} is in a file");
    }
    // The same search finds what is there.
    assert!(texts.iter().all(|text| is_in(text, source)));
}

/// A dozen names; short ones could be in the store by chance.
fn names(files: &[PathBuf]) -> BTreeSet<String> {
    let names: BTreeSet<&str> = files.iter().filter_map(|file| file.file_name()?.to_str()).collect();
    let long: Vec<&str> = names.into_iter().filter(|name| name.len() >= 8).collect();
    long.iter().step_by((long.len() / 12).max(1)).take(12).map(|name| (*name).to_owned()).collect()
}

/// A line of each of a dozen files.
fn texts(files: &[PathBuf]) -> BTreeSet<String> {
    let line = |file: &PathBuf| {
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| (20..200).contains(&line.len()) && line.is_ascii())?;
        Some(line.to_owned())
    };
    let lines: BTreeSet<String> = files.iter().step_by((files.len() / 300).max(1)).filter_map(line).collect();
    let step = (lines.len() / 12).max(1);
    lines.into_iter().step_by(step).take(12).collect()
}

fn is_in(text: &str, folder: &Path) -> bool {
    let mut grep = Command::new("grep");
    grep.args(["-r", "--text", "--quiet", "--fixed-strings", "-e", text]).arg(folder).env("LC_ALL", "C");
    match grep.status().expect("grep(1) searches the store; install grep").code() {
        Some(0) => true,
        Some(1) => false,
        other => panic!("grep failed: {other:?}"),
    }
}
