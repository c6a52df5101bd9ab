//! Connections that break: what was appended is there, once.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lucidlink::database::{Database, Settings};
use lucidlink::ids::Seq;
use lucidlink::log::postgres::PostgresLog;
use lucidlink::log::{Append, CommitLog};

use crate::postgres;

/// Stands before the server; when told to, it passes on the next message and breaks the connection in place of the
/// answer.
struct Proxy {
    port: u16,
    breaks: Arc<AtomicBool>,
    /// How often a client said something.
    said: Arc<AtomicUsize>,
}

impl Proxy {
    fn new() -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = Proxy { port, breaks: Arc::default(), said: Arc::default() };
        let (breaks, said) = (proxy.breaks.clone(), proxy.said.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", postgres::port())).unwrap();
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (breaks, said) = (breaks.clone(), said.clone());
                std::thread::spawn(move || {
                    pass(from, to, || {
                        said.fetch_add(1, Ordering::SeqCst);
                        false
                    })
                });
                std::thread::spawn(move || pass(server, client, || breaks.swap(false, Ordering::SeqCst)));
            }
        });
        proxy
    }

    fn database(&self) -> Arc<Database> {
        let url = postgres::url().replace(&postgres::port().to_string(), &self.port.to_string());
        Arc::new(Database::new(&url, &Settings::default(), Duration::from_secs(10), None).unwrap())
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut breaks: impl FnMut() -> bool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        if breaks() || to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    for side in [from, to] {
        let _ = side.shutdown(Shutdown::Both);
    }
}

#[test]
fn an_append_without_an_answer_is_there_once() {
    let proxy = Proxy::new();
    let log = PostgresLog::create(proxy.database(), &postgres::new_name(), b"genesis").unwrap();
    for n in (1..=40u8).step_by(2) {
        // The connection is new, for the one before is broken: the statement is made known to the server.
        let before = log.append(&[n], log.head().unwrap()).unwrap();
        assert!(matches!(before, Append::Landed(at) if at == Seq(n.into())), "{before:?}");
        proxy.breaks.store(true, Ordering::SeqCst);
        let answer = log.append(&[n + 1], Seq(n.into())).unwrap();
        assert!(matches!(answer, Append::Unknown(_)), "{answer:?}");
        // The server has it, now or soon.
        let deadline = Instant::now() + Duration::from_secs(20);
        while log.head().unwrap() == Seq(n.into()) {
            assert!(Instant::now() < deadline, "it never came");
        }
    }
    let slots = log.read(Seq(1), usize::MAX, usize::MAX).unwrap();
    let bytes: Vec<u8> = slots.iter().map(|(_, bytes)| bytes[0]).collect();
    assert_eq!(bytes, (1..=40).collect::<Vec<u8>>());
}

#[test]
fn what_only_looks_is_asked_again() {
    let proxy = Proxy::new();
    let log = PostgresLog::create(proxy.database(), &postgres::new_name(), b"genesis").unwrap();
    for n in 0..10 {
        assert!(matches!(log.append(b"slot", Seq(n)).unwrap(), Append::Landed(_)));
        proxy.breaks.store(true, Ordering::SeqCst);
        assert_eq!(log.head().unwrap(), Seq(n + 1));
        proxy.breaks.store(true, Ordering::SeqCst);
        assert_eq!(log.read(Seq(0), 100, usize::MAX).unwrap().len() as u64, n + 2);
    }
}

/// Waits until a slot is there that another client appends; how long after the append that was.
fn told(waiting: &PostgresLog, other: &PostgresLog) -> Duration {
    let before = other.head().unwrap();
    std::thread::scope(|scope| {
        let heard = scope.spawn(|| {
            let found = waiting.wait_beyond(before, Instant::now() + Duration::from_secs(60)).unwrap();
            (found, Instant::now())
        });
        let landed = other.append(b"news", before).unwrap();
        assert!(matches!(landed, Append::Landed(at) if at == before.next()), "{landed:?}");
        let landed = Instant::now();
        let (found, heard) = heard.join().unwrap();
        assert_eq!(found, Some(before.next()));
        heard.saturating_duration_since(landed)
    })
}

#[test]
fn who_waits_is_told_and_asks_nothing() {
    let (proxy, name) = (Proxy::new(), postgres::new_name());
    let direct = Database::new(&postgres::url(), &Settings::default(), Duration::from_secs(10), None);
    let other = PostgresLog::create(Arc::new(direct.unwrap()), &name, b"genesis").unwrap();
    let log = PostgresLog::open(proxy.database(), &name).unwrap();
    // Until the first notification has come, somebody may still look.
    told(&log, &other);
    let listens = || {
        let said = proxy.said.load(Ordering::SeqCst);
        let at = other.head().unwrap();
        assert_eq!(log.wait_beyond(at, Instant::now() + Duration::from_millis(1500)).unwrap(), None);
        proxy.said.load(Ordering::SeqCst) - said
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    while listens() > 0 {
        assert!(Instant::now() < deadline, "it polls though it could be told");
    }
    let fastest = (0..20).map(|_| told(&log, &other)).min().unwrap();
    assert!(fastest < Duration::from_millis(25), "{fastest:?}: that was a look, not a word");
    // One that breaks is made again; meanwhile the log is looked at.
    proxy.breaks.store(true, Ordering::SeqCst);
    told(&log, &other);
    told(&log, &other);
    while listens() > 0 {
        assert!(Instant::now() < deadline, "it does not listen again");
    }
}
