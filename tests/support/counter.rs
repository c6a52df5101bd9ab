//! A counter in a file, incremented by several processes under an exclusive lock of the file. The file has the sum, and
//! how much of it each of them says it did.
#![allow(dead_code, unreachable_pub)]

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::abi::{Abi, Failed};

pub const FILESPACE: &str = "counters";
pub const PATH: &str = "/counter";
pub const LOCK_LOST: i32 = -215;
const WORKERS: usize = 8;
/// Longer than any of these tests takes.
const PATIENCE: u64 = 300_000;

/// Set for a process that counts: its number, how often, the token, and settings.
const WORKER: &str = "LUCIDLINK_TEST_COUNTER";

/// What a process needs to know.
pub struct Job<'a> {
    pub token: &'a str,
    pub settings: Vec<(String, String)>,
}

/// A process that counts.
pub struct Worker {
    pub number: usize,
    child: Child,
    stdin: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
    /// How often it was acknowledged.
    pub acknowledged: u64,
}

impl Job<'_> {
    pub fn settings(&self) -> Vec<(&str, &str)> {
        self.settings.iter().map(|(key, value)| (&key[..], &value[..])).collect()
    }

    /// Starts a process: the test of this name in this executable, which calls [`work`]. With 0 times it takes the lock
    /// once, says so, and goes on when it is told to.
    pub fn start(&self, test: &str, number: usize, times: u64) -> Worker {
        let settings: Vec<String> =
            self.settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let given = format!("{number}\n{times}\n{}\n{}", self.token, settings.join("\n"));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(WORKER, given)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        Worker { number, child, stdin, said, acknowledged: 0 }
    }

    /// The sum, and what each process did.
    pub fn read(&self, abi: &Abi, filespace: u64) -> (u64, Vec<u64>) {
        let all = numbers(&abi.read_file(filespace, PATH).unwrap());
        (all[0], all[1..].to_vec())
    }
}

impl Worker {
    /// The next thing that it says; none: it has ended.
    pub fn hear(&mut self) -> Option<String> {
        let said = self.said.by_ref().map(Result::unwrap);
        let line = { said }.find_map(|line| line.split_once("worker: ").map(|(_, said)| said.to_owned()))?;
        self.acknowledged += u64::from(line == "counted");
        Some(line)
    }

    pub fn tell(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Kills it, and hears what it said before.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        while self.hear().is_some() {}
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub fn finish(&mut self) {
        while self.hear().is_some() {}
        assert!(self.child.wait().unwrap().success());
    }
}

fn numbers(bytes: &[u8]) -> Vec<u64> {
    bytes.chunks_exact(8).map(|number| u64::from_le_bytes(number.try_into().unwrap())).collect()
}

fn say(what: &str) {
    // A line of its own, whatever the test's runner has written.
    let mut out = std::io::stdout();
    writeln!(out, "\nworker: {what}").unwrap();
}

/// The file, with nothing counted.
pub fn make(abi: &Abi, filespace: u64) {
    abi.write_file(filespace, PATH, &[0; 8 * (WORKERS + 1)]).unwrap();
}

/// Adds one under the lock of an open file, which is not closed.
pub fn increment(abi: &Abi, file: u64, number: usize) -> Result<(), Failed> {
    let all = numbers(&abi.pread(file, 0, 8 * (WORKERS + 1))?);
    for at in [0, number + 1] {
        abi.pwrite(file, 8 * at as u64, &(all[at] + 1).to_le_bytes())?;
    }
    Ok(())
}

/// What a process that counts does; nothing if this is none. A lock that was lost counts nothing.
pub fn work() {
    let Ok(given) = std::env::var(WORKER) else { return };
    let mut lines = given.lines();
    let mut next = || lines.next().unwrap();
    let (number, times, token) = (next().parse().unwrap(), next().parse::<u64>().unwrap(), next());
    let settings: Vec<(&str, &str)> = lines.map(|line| line.split_once('=').unwrap()).collect();
    let abi = Abi::load();
    let daemon = abi.daemon(&settings).unwrap();
    let workspace = abi.authenticate(daemon, token).unwrap();
    let filespace = abi.link(workspace, FILESPACE).unwrap();
    let mut left = times.max(1);
    while left > 0 {
        let file = abi.open_locked(filespace, PATH, "r+", true, PATIENCE).unwrap();
        increment(&abi, file, number).unwrap();
        if times == 0 {
            say("holds the lock");
            std::io::stdin().lines().next().unwrap().unwrap();
            left = 1;
        }
        match abi.close(file) {
            Ok(()) => {
                left -= 1;
                say("counted");
            }
            Err(failed) if failed.status == LOCK_LOST => {
                say("lost");
                left -= u64::from(times == 0);
            }
            Err(failed) => panic!("{failed:?}"),
        }
    }
    abi.stop(daemon).unwrap();
}

/// Several processes count at the same time; none is lost.
pub fn all_is_counted(job: &Job<'_>, test: &str, workers: usize, times: u64) {
    let abi = Abi::load();
    let daemon = abi.daemon(&job.settings()).unwrap();
    let workspace = abi.authenticate(daemon, job.token).unwrap();
    let filespace = abi.link(workspace, FILESPACE).unwrap();
    make(&abi, filespace);
    let mut all: Vec<Worker> = (0..workers).map(|number| job.start(test, number, times)).collect();
    all.iter_mut().for_each(Worker::finish);
    let (sum, each) = job.read(&abi, filespace);
    assert_eq!(sum, times * workers as u64);
    assert!(all.iter().all(|worker| worker.acknowledged == times));
    assert!(each[..workers].iter().all(|done| *done == times));
    abi.stop(daemon).unwrap();
}
