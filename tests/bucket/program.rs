//! A program that uses the library on a bucket, through its C interface.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use lucidlink::ffi::workspace::LL_CONSISTENCY_STRICT;

use crate::abi::Abi;
use crate::proxy::Proxy;
use crate::server;
use crate::world::WORLD;

/// A filespace of the shared workspace, linked, with a proxy between it and the server.
pub(crate) struct Program {
    pub(crate) abi: Abi,
    pub(crate) proxy: Proxy,
    pub(crate) daemon: u64,
    pub(crate) filespace: u64,
}

/// `network.timeout` of these programs, in seconds.
pub(crate) const TIMEOUT: u64 = 4;

impl Program {
    /// Makes the filespace, too.
    pub(crate) fn new(name: &str, consistency: u32) -> Program {
        WORLD.ok(&["filespace", "create", name]);
        Program::another(name, consistency)
    }

    pub(crate) fn another(name: &str, consistency: u32) -> Program {
        let (abi, proxy) = (Abi::load(), Proxy::new(server::port()));
        let daemon = abi.daemon(&pairs(&settings(&WORLD.url, &proxy.endpoint()))).unwrap();
        let workspace = abi.authenticate(daemon, &WORLD.token).unwrap();
        let filespace = abi.link_as(workspace, name, consistency).unwrap();
        Program { abi, proxy, daemon, filespace }
    }

    pub(crate) fn stop(self) {
        self.proxy.pass_all();
        self.abi.stop(self.daemon).unwrap();
    }
}

pub(crate) fn settings(url: &str, endpoint: &str) -> Vec<(&'static str, String)> {
    let mut all = server::configuration(endpoint);
    all.push(("daemon.allow_multiple", "true".to_owned()));
    all.push(("network.timeout", TIMEOUT.to_string()));
    all.push(("workspace.url", url.to_owned()));
    all
}

/// The same as the C interface takes it.
pub(crate) fn pairs<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    settings.iter().map(|(key, value)| (*key, &value[..])).collect()
}

#[test]
fn two_programs_see_each_other_at_once() {
    let one = Program::new("programs", LL_CONSISTENCY_STRICT);
    let other = Program::another("programs", LL_CONSISTENCY_STRICT);
    for n in 0..20u8 {
        let (from, to) = if n % 2 == 0 { (&one, &other) } else { (&other, &one) };
        let (path, content) = (format!("/file-{n}"), vec![n; 20_000]);
        from.abi.write_file(from.filespace, &path, &content).unwrap();
        assert_eq!(to.abi.read_file(to.filespace, &path).unwrap(), content);
    }
    assert_eq!(one.abi.read_dir(one.filespace, "/").unwrap().len(), 20);
    one.stop();
    other.stop();
}

#[test]
fn what_is_dead_is_collected_from_the_bucket() {
    let one = Program::new("collected", LL_CONSISTENCY_STRICT);
    one.abi.write_file(one.filespace, "/kept", &[1; 300_000]).unwrap();
    one.abi.write_file(one.filespace, "/dead", &noise()).unwrap();
    one.abi.delete(one.filespace, "/dead").unwrap();
    let waits = WORLD.ok(&["gc", "collected"]);
    assert!(waits.starts_with("dead_packs: 0\n") && waits.contains("waiting_packs: 1\n"), "{waits}");
    let done = WORLD.ok(&["gc", "--grace", "0s", "collected"]);
    assert!(done.starts_with("dead_packs: 1\n"), "{done}");
    assert!(WORLD.ok(&["gc", "--grace", "0s", "collected"]).starts_with("dead_packs: 0\n"));
    assert!(WORLD.ok(&["fsck", "collected"]).ends_with("findings: 0\n"));
    assert_eq!(one.abi.read_file(one.filespace, "/kept").unwrap(), [1; 300_000]);
    one.stop();
}

/// Too much for a commit, and no less when it is compressed.
fn noise() -> Vec<u8> {
    let random = lucidlink::env::SeededRandom::new(1);
    std::iter::repeat_with(|| random.next_u64().to_le_bytes()).flatten().take(300_000).collect()
}

#[test]
fn a_proxy_is_used() {
    let (abi, proxy) = (Abi::load(), Proxy::new(server::port()));
    let endpoint = server::endpoint();
    let through = proxy.endpoint();
    let mut all = settings(&WORLD.url, &endpoint);
    all.push(("network.proxy", through));
    let daemon = abi.daemon(&pairs(&all)).unwrap();
    abi.authenticate(daemon, &WORLD.token).unwrap();
    assert!(!proxy.take_counts().is_empty());
    abi.stop(daemon).unwrap();
}

/// Set for the process that is to be killed: token, name and settings, a line each.
const WRITER: &str = "LUCIDLINK_TEST_WRITER";

/// Writes files, and says so of each when it is acknowledged, until it is killed. Does nothing when it is run as a test.
#[test]
fn writer_that_is_killed() {
    let Ok(given) = std::env::var(WRITER) else { return };
    let [token, name, settings @ ..] = &given.lines().collect::<Vec<_>>()[..] else { panic!("{given}") };
    let settings: Vec<(&str, &str)> = settings.iter().map(|line| line.split_once('=').unwrap()).collect();
    let abi = Abi::load();
    let daemon = abi.daemon(&settings).unwrap();
    let workspace = abi.authenticate(daemon, token).unwrap();
    let filespace = abi.link(workspace, "killed-writers").unwrap();
    for n in 0.. {
        abi.write_file(filespace, &format!("/{name}-{n}"), &content(n)).unwrap();
        writeln!(std::io::stdout(), "acknowledged {n}").unwrap();
    }
}

/// Small ones are in the log, large ones in packs.
fn content(n: usize) -> Vec<u8> {
    let len = if n.is_multiple_of(5) { 300_000 } else { 3000 };
    (0..len).map(|i: usize| (i.wrapping_mul(2_654_435_761) >> 7) as u8 ^ n as u8).collect()
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    WORLD.ok(&["filespace", "create", "killed-writers"]);
    for (round, upto) in [3, 17, 31].into_iter().enumerate() {
        let name = format!("round-{round}");
        let settings = settings(&WORLD.url, &server::endpoint());
        let settings = settings.iter().map(|(key, value)| format!("{key}={value}"));
        let given: Vec<String> = [WORLD.token.clone(), name.clone()].into_iter().chain(settings).collect();
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "program::writer_that_is_killed", "--nocapture"])
            .env(WRITER, given.join("\n"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines().map(Result::unwrap);
        let said = |line: String| line.split_once("acknowledged ").and_then(|(_, n)| n.parse::<usize>().ok());
        let mut acknowledged = lines.filter_map(said);
        assert!(acknowledged.any(|n| n == upto), "the writer ended by itself");
        writer.kill().unwrap();
        // What it had said before it died, too.
        let last = acknowledged.last().unwrap_or(upto);
        writer.wait().unwrap();
        let reader = Program::another("killed-writers", LL_CONSISTENCY_STRICT);
        for n in 0..=last {
            let there = reader.abi.read_file(reader.filespace, &format!("/{name}-{n}")).unwrap();
            assert!(there == content(n), "{name}: file {n} of {last}");
        }
        reader.stop();
    }
}
