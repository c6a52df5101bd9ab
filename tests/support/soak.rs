//! Processes that write, rename and delete at the same time, some of them killed, some stopped for a while: what was
//! acknowledged is there, and all see the same. `LUCIDLINK_SOAK_SECONDS` says for how long (4), `LUCIDLINK_SEED` which
//! ones meet with what.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use lucidlink::env::SeededRandom;
use lucidlink::ffi::fs::LL_TYPE_DIRECTORY;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::abi::Abi;
use crate::linked::Place;

const WORKERS: usize = 8;
/// Set for a worker: its number, what its names begin with, and its place.
const WORKER: &str = "LUCIDLINK_SOAK_WORKER";
/// Changes between two processes that are killed.
const KILL_EVERY: usize = 60;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |value| value.parse().expect("a number"))
}

/// Most are in the log, some in packs of their own.
fn content(name: &str) -> Vec<u8> {
    let seed: usize = name.bytes().fold(7, |seed, byte| seed * 31 % 1_000_003 + usize::from(byte));
    let len = if seed.is_multiple_of(9) { 200_000 + seed % 1000 } else { seed % 5000 };
    (0..len).map(|i: usize| (i.wrapping_mul(2_654_435_761) >> 7) as u8 ^ seed as u8).collect()
}

/// What one worker's changes leave. A file's content is that of the name that it was written under.
#[derive(Clone, Default)]
struct Files(BTreeMap<String, String>);

impl Files {
    fn apply(&mut self, change: &[&str]) {
        match *change {
            ["write", path] => drop(self.0.insert(path.to_owned(), path.to_owned())),
            ["delete", path] => drop(self.0.remove(path)),
            ["move", from, to] => {
                let written = self.0.remove(from).expect("it was there");
                self.0.insert(to.to_owned(), written);
            }
            _ => panic!("{change:?}"),
        }
    }
}

fn link(abi: &Abi, place: &Place) -> (u64, u64) {
    let settings: Vec<_> = place.settings.iter().map(|(key, value)| (&key[..], &value[..])).collect();
    let daemon = abi.daemon(&settings).unwrap();
    let workspace = abi.authenticate(daemon, &place.token).unwrap();
    (daemon, abi.link(workspace, &place.filespace).unwrap())
}

/// Changes files and says so, before and after, until it is killed. Does nothing when it is run as a test.
#[test]
fn worker() {
    let Ok(given) = std::env::var(WORKER) else { return };
    let mut given = given.split('\n');
    let (directory, prefix) = (given.next().unwrap(), given.next().unwrap());
    let (token, filespace) = (given.next().unwrap(), given.next().unwrap());
    let settings: Vec<_> = given.map(|setting| setting.split_once('=').unwrap()).collect();
    let place = Place::new(&settings, token, filespace);
    let (abi, random) = (Abi::load(), SeededRandom::new(std::process::id().into()));
    let (_, filespace) = link(&abi, &place);
    let mut out = std::io::stdout();
    let mut names: Vec<String> = Vec::new();
    for n in 0.. {
        let old = |names: &mut Vec<String>| {
            let at = random.next_u64() as usize % names.len();
            names.swap_remove(at)
        };
        let change = match random.next_u64() % 4 {
            0 if names.len() > 4 => vec!["delete".to_owned(), old(&mut names)],
            1 if names.len() > 2 => vec!["move".to_owned(), old(&mut names), format!("/shared/{prefix}{n}")],
            _ => vec!["write".to_owned(), format!("{directory}/{prefix}{n}")],
        };
        writeln!(out, "soak begin {}", change.join(" ")).unwrap();
        let done = match &change[..] {
            [_, from, to] => abi.rename(filespace, from, to, false),
            [kind, path] if kind == "delete" => abi.delete(filespace, path),
            [_, path] => abi.write_file(filespace, path, &content(path)),
            _ => unreachable!(),
        };
        done.unwrap_or_else(|failed| panic!("{change:?}: {failed:?}"));
        writeln!(out, "soak done").unwrap();
        if change[0] != "delete" {
            names.push(change[change.len() - 1].clone());
        }
    }
}

struct Worker {
    child: Child,
    generation: usize,
}

/// What a worker says: who, and what; none: it has ended.
type Said = (usize, usize, Option<String>);

fn start(place: &Place, worker: usize, generation: usize, said: &Sender<Said>) -> Worker {
    let mut given = vec![
        format!("/w{worker}"),
        format!("{worker}-{generation}-"),
        place.token.clone(),
        place.filespace.clone(),
    ];
    given.extend(place.settings.iter().map(|(key, value)| format!("{key}={value}")));
    let name = format!("{}::worker", module_path!().split_once("::").expect("in a module").1);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture"])
        .env(WORKER, given.join("\n"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (lines, said) = (BufReader::new(child.stdout.take().unwrap()).lines(), said.clone());
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if let Some((_, words)) = line.split_once("soak ") {
                let _ = said.send((worker, generation, Some(words.to_owned())));
            }
        }
        let _ = said.send((worker, generation, None));
    });
    Worker { child, generation }
}

/// What the workers have said, by worker: what is acknowledged, and what one that ended had begun.
struct Known {
    files: Vec<Files>,
    begun: Vec<Option<String>>,
    /// Changes of which nobody knows whether they took effect.
    open: Vec<(usize, String)>,
}

impl Known {
    /// Whether a change was acknowledged.
    fn hear(&mut self, worker: usize, words: Option<String>) -> bool {
        match words.as_deref() {
            None => {
                self.open.extend(self.begun[worker].take().map(|change| (worker, change)));
                false
            }
            Some("done") => {
                let change = self.begun[worker].take().expect("it was begun");
                self.files[worker].apply(&change.split(' ').collect::<Vec<_>>());
                true
            }
            Some(words) => {
                self.begun[worker] = words.strip_prefix("begin ").map(str::to_owned);
                false
            }
        }
    }
}

#[test]
fn processes_that_are_killed_and_stopped_lose_nothing() {
    // In a folder that goes with the second, if it is one.
    let (place, _folder) = crate::soak_place();
    let abi = Abi::load();
    let (daemon, filespace) = link(&abi, &place);
    abi.create_dir(filespace, "/shared").unwrap();
    (0..WORKERS).for_each(|n| abi.create_dir(filespace, &format!("/w{n}")).unwrap());
    let random = SeededRandom::new(number("LUCIDLINK_SEED", 1));
    let until = Instant::now() + Duration::from_secs(number("LUCIDLINK_SOAK_SECONDS", 4));
    let (sender, said): (Sender<Said>, Receiver<Said>) = channel();
    let mut workers: Vec<Worker> = (0..WORKERS).map(|n| start(&place, n, 0, &sender)).collect();
    let mut known =
        Known { files: vec![Files::default(); WORKERS], begun: vec![None; WORKERS], open: Vec::new() };
    let (mut changes, mut kills, mut stopped) = (0, 0, None);
    let signal = |worker: &Worker, signal| kill(Pid::from_raw(worker.child.id() as i32), signal).unwrap();
    while Instant::now() < until || kills < 3 {
        let heard = said.recv_timeout(Duration::from_millis(500));
        let Ok((worker, generation, words)) = heard else {
            // Everybody may wait for the one that is stopped.
            let stopped = stopped.take().expect("somebody goes on");
            signal(&workers[stopped], Signal::SIGCONT);
            continue;
        };
        assert!(
            words.is_some() || workers[worker].generation > generation,
            "worker {worker} ended by itself"
        );
        if !known.hear(worker, words) {
            continue;
        }
        changes += 1;
        let victim = random.next_u64() as usize % WORKERS;
        match changes % KILL_EVERY {
            0 if stopped != Some(victim) => {
                kills += 1;
                workers[victim].child.kill().unwrap();
                workers[victim].child.wait().unwrap();
                let generation = workers[victim].generation;
                // What it had said before it died.
                loop {
                    let (worker, of, words) = said.recv().unwrap();
                    let is_end = words.is_none();
                    known.hear(worker, words);
                    if is_end && (worker, of) == (victim, generation) {
                        break;
                    }
                }
                workers[victim] = start(&place, victim, generation + 1, &sender);
            }
            20 if stopped.is_none() => {
                signal(&workers[victim], Signal::SIGSTOP);
                stopped = Some(victim);
            }
            50 => {
                if let Some(stopped) = stopped.take() {
                    signal(&workers[stopped], Signal::SIGCONT);
                }
            }
            _ => {}
        }
    }
    for worker in &mut workers {
        worker.child.kill().unwrap();
        worker.child.wait().unwrap();
    }
    drop(sender);
    for (worker, _, words) in &said {
        known.hear(worker, words);
    }
    let (another, seen_anew) = link(&abi, &place);
    let listed = tree(&abi, seen_anew);
    assert_eq!(listed, tree(&abi, filespace), "who was there all the while sees what a newcomer sees");
    let is_open =
        |path: &str| known.open.iter().any(|(_, change)| change.split(' ').any(|word| word == path));
    let mut expected = BTreeSet::new();
    for (path, written) in known.files.iter().flat_map(|files| &files.0) {
        expected.insert(path.clone());
        if !is_open(path) {
            let there = abi.read_file(seen_anew, path).unwrap_or_else(|e| panic!("{path} is gone: {e:?}"));
            assert!(there == content(written), "{path} has other bytes");
        }
    }
    for path in listed.keys().filter(|path| !expected.contains(*path)) {
        assert!(is_open(path), "nobody acknowledged {path}, or it was deleted");
    }
    // What was begun is whole, or has not happened.
    for (worker, change) in &known.open {
        let words: Vec<&str> = change.split(' ').collect();
        let (is_last, before) = (words[words.len() - 1], known.files[*worker].0.get(words[1]));
        if words[0] == "write" && listed.contains_key(is_last) {
            assert!(abi.read_file(seen_anew, is_last).unwrap() == content(is_last), "{change} is half done");
        }
        if let (["move", from, to], Some(written)) = (&words[..], before) {
            assert!(listed.contains_key(*from) != listed.contains_key(*to), "{change} is half done");
            let path = if listed.contains_key(*to) { to } else { from };
            assert!(abi.read_file(seen_anew, path).unwrap() == content(written), "{change}");
        }
    }
    assert!(changes > 100 && expected.len() > 20, "{changes} changes show nothing");
    abi.stop(another).unwrap();
    abi.stop(daemon).unwrap();
}

/// Number and size of each file.
fn tree(abi: &Abi, filespace: u64) -> BTreeMap<String, (u64, u64)> {
    let (mut files, mut todo) = (BTreeMap::new(), vec![String::new()]);
    while let Some(directory) = todo.pop() {
        for (name, entry) in abi.read_dir(filespace, &format!("{directory}/")).unwrap() {
            let path = format!("{directory}/{name}");
            match entry.r#type {
                LL_TYPE_DIRECTORY => todo.push(path),
                _ => drop(files.insert(path, (entry.file_id, entry.size))),
            }
        }
    }
    files
}
