//! Connections that break: what was appended is there, once.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
}

impl Proxy {
    fn new() -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Proxy { port: listener.local_addr().unwrap().port(), breaks: Arc::default() };
        let breaks = proxy.breaks.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", postgres::port())).unwrap();
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || pass(from, to, || false));
                let breaks = breaks.clone();
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
