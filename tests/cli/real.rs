//! Real input: the system's header files and libraries in and out, and what of them the store can see.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::world::{World, assert_same, build_odd_tree, files_below, set_mode};

#[test]
fn usr_include_comes_back_and_the_store_shows_nothing_of_it() {
    let source = Path::new("/usr/include");
    let world = World::new();
    world.ok(["put", "-r", "/usr/include", "projects:/inc"]);
    world.ok(["get", "-r", "projects:/inc", &world.arg("back")]);
    assert_no_difference(source, &world.local("back"));

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

#[test]
fn usr_lib_comes_back_with_links_and_modes() {
    let world = World::new();
    let source = world.local("lib");
    fs::create_dir(&source).unwrap();
    copy_some_of(Path::new("/usr/lib"), &source);
    // What not every system has in it.
    let odd = source.join("odd");
    build_odd_tree(&odd);
    fs::hard_link(odd.join("block"), source.join("a name above")).unwrap();
    for mode in [0o4711, 0o2555, 0o1644] {
        let path = odd.join(format!("special {mode:o}"));
        fs::write(&path, b"x").unwrap();
        set_mode(&path, mode);
    }
    let put = &world.json(["put", "--json", "-r", &world.arg("lib"), "projects:/lib"])[0];
    let get = &world.json(["get", "--json", "-r", "projects:/lib", &world.arg("back")])[0];
    assert_eq!(put, get);
    let at_least = |what: &str, n: u64| assert!(put[what].as_u64().unwrap() >= n, "few {what}: {put}");
    at_least("files", 500);
    at_least("directories", 50);
    at_least("symlinks", 20);
    assert_no_difference(&source, &world.local("back"));
}

/// Copies what is small, so that a test takes seconds, with the system's own tool.
fn copy_some_of(from: &Path, to: &Path) {
    const FILES: usize = 3000;
    const BYTES: u64 = 48 << 20;
    let mut entries: Vec<PathBuf> = from.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let (mut files_left, mut bytes_left) = (FILES, BYTES);
    for entry in entries {
        let files = files_below(&entry);
        let bytes: u64 = files.iter().map(|file| file.symlink_metadata().unwrap().len()).sum();
        if files.len() > FILES / 2 || bytes > BYTES / 2 || files.len() > files_left || bytes > bytes_left {
            continue;
        }
        (files_left, bytes_left) = (files_left - files.len(), bytes_left - bytes);
        let copied = Command::new("cp").arg("-a").args([&*entry, to]).status();
        assert!(copied.expect("cp(1) copies the tree; install coreutils").success(), "{entry:?}");
    }
}

fn assert_no_difference(one: &Path, other: &Path) {
    let mut diff = Command::new("diff");
    diff.args(["-r", "--no-dereference"]).args([one, other]);
    let diff = diff.output().expect("diff(1) compares the trees; install diffutils");
    assert!(diff.status.success() && diff.stdout.is_empty(), "{}", String::from_utf8_lossy(&diff.stdout));
    // What diff does not look at: modes, times, names of one file, attributes.
    assert_same(one, other);
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
