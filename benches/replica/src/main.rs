//! The replica beside embedded key-value stores: a million small entries, each store in a process of its own,
//! figures side by side. Shows what it would cost or gain to keep the replica in such a store.
//!
//! `replica-bench [--quick]`; what is made is below `$TMPDIR` (else `/var/tmp`) and removed at the end.

mod entries;
mod kv;
mod parts;
mod store;

use std::collections::HashMap;
use std::env;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use entries::{Tree, scattered};
use parts::Local;
use store::Store;

const STORES: [(&str, &str); 5] = [
    ("parts", "sorted parts + delta"),
    ("delta", "  everything in the delta"),
    ("lmdb", "LMDB (heed)"),
    ("redb", "redb"),
    ("sqlite", "SQLite"),
];

const FIGURES: [(&str, &str); 7] = [
    ("get", "get, us"),
    ("scan", "scan of 100, us"),
    ("commit", "commit of 3, us"),
    ("load", "load, ms"),
    ("warm", "first touch of all, ms"),
    ("memory", "memory, MiB"),
    ("disk", "disk, MiB"),
];

const RUNS: u64 = 5;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => compare(500_000),
        ["--quick"] => compare(50_000),
        ["build", store, files, folder] => build(store, tree(files), Path::new(folder)),
        ["measure", store, files, folder] => measure(store, tree(files), Path::new(folder)),
        _ => {
            eprintln!("usage: replica-bench [--quick]");
            std::process::exit(2);
        }
    }
}

fn tree(files: &str) -> Tree {
    Tree { files: files.parse().expect("a number of files") }
}

/// Prints the table.
fn compare(files: u32) {
    let parent = env::var_os("TMPDIR").unwrap_or_else(|| "/var/tmp".into());
    let folder = tempfile::tempdir_in(parent).expect("a folder");
    println!("{} entries, {RUNS} runs, median (min..max)", 2 * files);
    print!("{:<34}", "");
    FIGURES.iter().for_each(|(_, title)| print!("{title:<24}"));
    println!();
    for (store, title) in STORES {
        let folder = folder.path().join(store);
        fs::create_dir(&folder).expect("a folder");
        run("build", store, files, &folder);
        let lines = run("measure", store, files, &folder);
        let figures: HashMap<&str, Vec<f64>> = lines.lines().filter_map(parse).collect();
        print!("{title:<34}");
        FIGURES.iter().for_each(|(name, _)| print!("{:<24}", format(&figures[name])));
        println!();
    }
}

/// A step in a process of its own; returns what it prints.
fn run(step: &str, store: &str, files: u32, folder: &Path) -> String {
    let program = env::current_exe().expect("this program");
    let output = Command::new(program).args([step, store, &files.to_string()]).arg(folder).output();
    let output = output.expect("a process");
    assert!(output.status.success(), "{step} {store}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn parse(line: &str) -> Option<(&str, Vec<f64>)> {
    let (name, samples) = line.split_once(' ')?;
    Some((name, samples.split(' ').map(|s| s.parse().expect("a number")).collect()))
}

fn format(samples: &[f64]) -> String {
    let mut samples = samples.to_vec();
    samples.sort_by(f64::total_cmp);
    let (min, median, max) = (samples[0], samples[samples.len() / 2], samples[samples.len() - 1]);
    let digits = if median < 10.0 { 2 } else { 0 };
    match samples.len() {
        1 => format!("{median:.digits$}"),
        _ => format!("{median:.digits$} ({min:.digits$}..{max:.digits$})"),
    }
}

fn build(store: &str, tree: Tree, folder: &Path) {
    match store {
        "parts" => parts::build(folder, tree.pairs()),
        "lmdb" => kv::Lmdb::build(folder, tree.pairs()),
        "redb" => kv::Redb::build(folder, tree.pairs()),
        "sqlite" => kv::Sqlite::build(folder, tree.pairs()),
        _ => {}
    }
}

fn open(store: &str, tree: Tree, folder: &Path) -> Box<dyn Store> {
    match store {
        "parts" => Box::new(Local::open(folder)),
        "lmdb" => Box::new(kv::Lmdb::open(folder)),
        "redb" => Box::new(kv::Redb::open(folder)),
        "sqlite" => Box::new(kv::Sqlite::open(folder)),
        _ => Box::new(Local::in_memory(tree.pairs())),
    }
}

/// Prints a line for each figure: its name and the samples.
fn measure(name: &str, tree: Tree, folder: &Path) {
    let disk = folder_bytes(folder);
    let mut loads = Vec::new();
    let before = resident();
    let mut opened = None;
    for _ in 0..RUNS {
        drop(opened.take());
        let begin = Instant::now();
        let store = open(name, tree, folder);
        black_box(store.get(&mut [tree.key(1)].into_iter()));
        loads.push(begin.elapsed().as_secs_f64() * 1e3);
        opened = Some(store);
    }
    let mut store = opened.expect("a store");
    let begin = Instant::now();
    black_box(store.get(&mut (0..2 * u64::from(tree.files)).map(|n| tree.key(n))));
    let warm = begin.elapsed().as_secs_f64() * 1e3;
    let memory = resident() - before;

    let (reads, scans, commits) = (tree.files as usize / 2, tree.files as usize / 50, 3000);
    let mut samples: [Vec<f64>; 3] = Default::default();
    for run in 0..RUNS {
        let keys: Vec<_> = scattered(run).take(reads).map(|n| tree.key(n)).collect();
        samples[0].push(per_call(reads, || store.get(&mut keys.into_iter())));
        let from: Vec<_> = scattered(run).take(scans).map(|n| tree.first_name(n)).collect();
        samples[1].push(per_call(scans, || store.scan(&mut from.into_iter(), 100)));
        let first = run as u32 * commits;
        let changes: Vec<_> =
            (first..first + commits).zip(scattered(run)).map(|(c, n)| tree.commit(c, n)).collect();
        samples[2].push(per_call(commits as usize, || changes.iter().for_each(|c| store.commit(c))));
    }
    for (name, samples) in ["get", "scan", "commit"].iter().zip(&samples) {
        print(name, samples);
    }
    print("load", &loads);
    print("warm", &[warm]);
    print("memory", &[memory]);
    print("disk", &[disk]);
}

fn per_call<T>(calls: usize, work: impl FnOnce() -> T) -> f64 {
    let begin = Instant::now();
    black_box(work());
    begin.elapsed().as_secs_f64() * 1e6 / calls as f64
}

fn print(name: &str, samples: &[f64]) {
    let samples: Vec<String> = samples.iter().map(f64::to_string).collect();
    println!("{name} {}", samples.join(" "));
}

/// MiB of memory that this process has, mapped files included.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}

fn folder_bytes(folder: &Path) -> f64 {
    let files = fs::read_dir(folder).expect("a folder");
    // Of a file with holes, what it occupies.
    let blocks = |f: fs::DirEntry| std::os::unix::fs::MetadataExt::blocks(&f.metadata().expect("a file"));
    files.map(|f| blocks(f.expect("a file"))).sum::<u64>() as f64 * 512.0 / f64::from(1 << 20)
}
