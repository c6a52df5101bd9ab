//! A bucket and PostgreSQL beside the raw servers, on loopback: each figure has its limit, measured in the same run by the
//! same client libraries. `remote [quick]`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

#[path = "../../tests/support/loopback.rs"]
mod loopback;
#[path = "../../tests/support/postgres.rs"]
mod postgres;
#[path = "../../tests/support/seaweed.rs"]
mod seaweed;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lucidlink::bucket::Bucket;
use lucidlink::crypto::token::Token;
use lucidlink::daemon::Daemon;
use lucidlink::daemon::config::Config;
use lucidlink::daemon::filespace::{Filespace, LinkRequest};
use lucidlink::daemon::storage::StorageMode;
use lucidlink::database::{Database, Settings};
use lucidlink::env::Env;
use lucidlink::filespace::News;
use lucidlink::fs::{Mode, Path};
use lucidlink::workspace::{Location, Workspace};

const PROCESSES: usize = 8;
/// A slot that creates an empty file in a directory has about so many bytes.
const SLOT: usize = 420;
/// Set for a process that creates or inserts: what, where, as whom.
const WORK: &str = "LUCIDLINK_BENCH_WORK";
const TIMEOUT: Duration = Duration::from_secs(60);

const TABLES: &str = "
    CREATE SCHEMA IF NOT EXISTS bare;
    CREATE TABLE IF NOT EXISTS bare.log (id bigint PRIMARY KEY, head bigint NOT NULL);
    CREATE TABLE IF NOT EXISTS bare.slot (log bigint, slot bigint, bytes bytea, PRIMARY KEY (log, slot));
    INSERT INTO bare.log VALUES (1, 0) ON CONFLICT DO NOTHING";
const INSERT: &str = "
    WITH next AS (UPDATE bare.log SET head = head + 1 WHERE id = $1 RETURNING head)
    INSERT INTO bare.slot SELECT $1, head, $2 FROM next RETURNING slot";

fn main() {
    if let Ok(work) = std::env::var(WORK) {
        return process(&work);
    }
    let is_quick = std::env::args().any(|arg| arg == "quick");
    let (count, time) = if is_quick { (100, 2) } else { (500, 8) };
    let (bucket, database) = (Place::new(None), Place::new(Some(postgres::url())));
    strict_files(&bucket, count);
    creating_processes(&database, time);
    for place in [&bucket, &database] {
        seen_by_another(place, count / 2);
        catching_up(place, if is_quick { 1000 } else { 10_000 });
    }
}

fn line(what: &str, here: f64, limit: f64, unit: &str) {
    println!("{what:<58} {here:>9.2} {limit:>9.2} {unit:<8} ratio {:.2}", here / limit);
}

/// A workspace with a filespace.
struct Place {
    url: String,
    log: Option<String>,
    token: String,
}

impl Place {
    fn new(log: Option<String>) -> Place {
        let url = format!("s3://{}/{}", seaweed::BUCKET, seaweed::new_prefix());
        let mut place = Place { url, log, token: String::new() };
        let location: Location = place.config().location().unwrap();
        let token = Workspace::create(&location, "bench", &Env::system(), TIMEOUT).unwrap();
        place.token = token.reveal().to_string();
        let (_daemon, workspace) = place.open();
        workspace.create_filespace("bench").unwrap();
        place
    }

    fn config(&self) -> Config {
        let mut config = Config::default();
        config.set("daemon.allow_multiple", "true").unwrap();
        config.set("workspace.url", &self.url).unwrap();
        for (key, value) in seaweed::configuration(&seaweed_endpoint()) {
            config.set(key, &value).unwrap();
        }
        if let Some(log) = &self.log {
            config.set("log.url", log).unwrap();
        }
        config
    }

    fn open(&self) -> (Daemon, Arc<Workspace>) {
        let daemon = Daemon::new(
            self.config(),
            StorageMode::Sandboxed { parent: std::env::temp_dir() },
            Env::system(),
        );
        daemon.start().unwrap();
        let workspace = daemon.authenticate(&Token::parse(&self.token).unwrap()).unwrap();
        (daemon, workspace)
    }

    fn link(&self) -> (Daemon, Arc<Filespace>) {
        let (daemon, workspace) = self.open();
        let id = workspace.filespace_named("bench").unwrap().id;
        let filespace = daemon.link(&workspace, id, LinkRequest::strict()).unwrap();
        (daemon, filespace)
    }

    fn name(&self) -> &'static str {
        if self.log.is_some() { "PostgreSQL" } else { "bucket" }
    }
}

/// A process that does not start the servers is told where they are.
fn seaweed_endpoint() -> String {
    std::env::var("LUCIDLINK_BENCH_ENDPOINT").unwrap_or_else(|_| seaweed::endpoint())
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn write(fs: &Filespace, name: &str, content: &[u8]) {
    let file = fs.fs().open(&path(name), Mode::parse("w").unwrap(), 0o644).unwrap();
    file.write(content).unwrap();
    file.close().unwrap();
}

fn bare_bucket() -> Bucket {
    let settings = seaweed::settings(&seaweed_endpoint());
    Bucket::new(seaweed::BUCKET, &seaweed::new_prefix(), &settings, TIMEOUT, None).unwrap()
}

fn bare_database(url: &str) -> Database {
    Database::new(url, &Settings::default(), TIMEOUT, None).unwrap()
}

/// One client writes small files, one after the other.
fn strict_files(place: &Place, count: usize) {
    let (daemon, fs) = place.link();
    let content: Vec<u8> = (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 9) as u8).collect();
    write(&fs, "/warm", &content);
    let begin = Instant::now();
    (0..count).for_each(|n| write(&fs, &format!("/file-{n}"), &content));
    let here = count as f64 / begin.elapsed().as_secs_f64();
    let (bucket, slot) = (bare_bucket(), Bytes::from(vec![7; 4096 + SLOT]));
    bucket.put_new("warm", slot.clone(), bucket.deadline()).unwrap();
    let begin = Instant::now();
    for n in 0..count {
        bucket.put_new(&format!("{n:020}"), slot.clone(), bucket.deadline()).unwrap();
    }
    let limit = count as f64 / begin.elapsed().as_secs_f64();
    line("bucket: strict 4 KiB file / conditional PUT of that size", here, limit, "1/s");
    daemon.stop().unwrap();
}

/// What processes do together in some seconds.
fn together(work: impl Fn(usize) -> String, seconds: u64) -> f64 {
    let spawn = |n| {
        Command::new(std::env::current_exe().unwrap())
            .env(WORK, work(n))
            .env("LUCIDLINK_BENCH_ENDPOINT", seaweed_endpoint())
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut children: Vec<_> = (0..PROCESSES).map(spawn).collect();
    let mut outputs: Vec<_> =
        children.iter_mut().map(|child| BufReader::new(child.stdout.take().unwrap()).lines()).collect();
    // All are ready before any begins.
    outputs.iter_mut().for_each(|lines| assert_eq!(lines.next().unwrap().unwrap(), "ready"));
    for child in &mut children {
        writeln!(child.stdin.as_mut().unwrap(), "{seconds}").unwrap();
    }
    let done: usize =
        outputs.iter_mut().map(|lines| lines.next().unwrap().unwrap().parse::<usize>().unwrap()).sum();
    children.iter_mut().for_each(|child| assert!(child.wait().unwrap().success()));
    done as f64 / seconds as f64
}

/// One of them.
fn process(work: &str) {
    let mut words = work.split('\n');
    let (kind, n) = (words.next().unwrap(), words.next().unwrap());
    let mut count = 0usize;
    let mut repeat = |mut once: Box<dyn FnMut(usize)>| {
        once(0);
        println!("ready");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
        let until = Instant::now() + Duration::from_secs(line.trim().parse().unwrap());
        while Instant::now() < until {
            count += 1;
            once(count);
        }
        println!("{count}");
    };
    match kind {
        "create" => {
            let [url, log, token] = [0; 3].map(|_| words.next().unwrap().to_owned());
            let (daemon, fs) = Place { url, log: Some(log), token }.link();
            repeat(Box::new(|at| fs.fs().create(&path(&format!("/{n}-{at}")), 0o644).map(drop).unwrap()));
            daemon.stop().unwrap();
        }
        _ => {
            let database = bare_database(words.next().unwrap());
            repeat(Box::new(|_| {
                let rows = database.change(INSERT, vec![Box::new(1i64), Box::new(vec![7u8; SLOT])]).unwrap();
                assert_eq!(rows.len(), 1);
            }));
        }
    }
}

fn creating_processes(place: &Place, seconds: u64) {
    let url = postgres::url();
    bare_database(&url).look_at_all(TABLES).unwrap();
    let limit = together(|n| format!("insert\n{n}\n{url}"), seconds);
    let here = together(|n| format!("create\n{n}\n{}\n{url}\n{}", place.url, place.token), seconds);
    line("PostgreSQL: 8 processes create / 8 insert the next slot", here, limit, "1/s");
}

/// From the end of a close to the moment when another client has heard of it, beside a look at the raw server.
fn seen_by_another(place: &Place, count: usize) {
    let ((writes, writer), (reads, reader)) = (place.link(), place.link());
    let watch = reader.fs().watch(&path("/"), None, false).unwrap();
    let mut late: Vec<Duration> = (0..count)
        .map(|n| {
            write(&writer, &format!("/seen-{}-{n}", place.name()), b"x");
            let closed = Instant::now();
            let news = watch.next(1, closed + TIMEOUT).unwrap();
            assert!(matches!(news[..], [News::Event(_)]));
            closed.elapsed()
        })
        .collect();
    late.sort();
    let mut trips: Vec<Duration> = match &place.log {
        Some(url) => {
            let database = bare_database(url);
            let mut look = || database.look("SELECT 1", Vec::new()).map(drop).unwrap();
            look();
            (0..count).map(|_| timed(&mut look)).collect()
        }
        None => {
            let bucket = bare_bucket();
            let mut look = || drop(bucket.get("none", bucket.deadline()));
            look();
            (0..count).map(|_| timed(&mut look)).collect()
        }
    };
    trips.sort();
    let ms = |times: &[Duration]| times[times.len() / 2].as_secs_f64() * 1000.0;
    line(
        &format!("{}: a closed file is told to another / round trip", place.name()),
        ms(&late),
        ms(&trips),
        "ms",
    );
    writes.stop().unwrap();
    reads.stop().unwrap();
}

fn timed(work: &mut impl FnMut()) -> Duration {
    let begin = Instant::now();
    work();
    begin.elapsed()
}

/// A client that was there before catches up with what another did.
fn catching_up(place: &Place, count: usize) {
    let ((writes, writer), (reads, reader)) = (place.link(), place.link());
    let before = reader.fs().link().position();
    reader.fs().read_dir(&path("/")).unwrap();
    for n in 0..count {
        writer.fs().create(&path(&format!("/late-{}-{n}", place.name())), 0o644).unwrap();
    }
    let took = timed(&mut || drop(reader.fs().entry(&path("/"), true).unwrap())).as_secs_f64() * 1000.0;
    let commits = (reader.fs().link().position().0 - before.0) as f64;
    line(
        &format!("{}: catch-up of {commits} commits / 1 s for 10,000", place.name()),
        took,
        commits / 10.0,
        "ms",
    );
    writes.stop().unwrap();
    reads.stop().unwrap();
}
