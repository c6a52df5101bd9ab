//! A server in front of another one, which counts requests and does to them what stores and networks do.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is passed on, and so is its answer.
    Pass,
    /// It is passed on; its answer is lost.
    LoseAnswer,
    /// It is lost itself.
    Lose,
    /// It is passed on; half of its answer arrives.
    CutAnswer,
    /// It is answered here, with this status.
    Answer(u16),
    /// It is never answered, and not passed on.
    Hang,
    /// It is passed on without a parameter of its URL, as if the store did not know that.
    Forget(&'static str),
}

type Rule = Box<dyn FnMut(&str) -> Fate + Send>;

#[derive(Default)]
struct Shared {
    counts: Mutex<BTreeMap<String, usize>>,
    rule: Mutex<Option<Rule>>,
}

/// The server; it lives as long as the process.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    pub(crate) fn new(upstream: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Proxy { port: listener.local_addr().unwrap().port(), shared: Arc::default() };
        let shared = proxy.shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || while serve(&client, upstream, &shared).is_ok() {});
            }
        });
        proxy
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on this says what becomes of a request, of which it gets method and kind, such as `PUT log`.
    pub(crate) fn decide(&self, rule: impl FnMut(&str) -> Fate + Send + 'static) {
        *self.shared.rule.lock().unwrap() = Some(Box::new(rule));
    }

    pub(crate) fn pass_all(&self) {
        *self.shared.rule.lock().unwrap() = None;
    }

    /// The requests since the last time, by method and kind.
    pub(crate) fn take_counts(&self) -> Vec<(String, usize)> {
        std::mem::take(&mut *self.shared.counts.lock().unwrap()).into_iter().collect()
    }
}

/// Serves one request; an error ends the connection.
fn serve(mut client: &TcpStream, upstream: u16, shared: &Shared) -> std::io::Result<()> {
    let gone = || std::io::Error::from(std::io::ErrorKind::ConnectionAborted);
    let head = read_head(client)?;
    let mut text = String::from_utf8_lossy(&head).into_owned();
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body)?;
    let kind = kind(text.lines().next().unwrap_or_default());
    *shared.counts.lock().unwrap().entry(kind.clone()).or_default() += 1;
    let fate = shared.rule.lock().unwrap().as_mut().map_or(Fate::Pass, |rule| rule(&kind));
    match fate {
        Fate::Answer(status) => {
            let error = "<Error><Code>Injected</Code></Error>";
            write!(
                client,
                "HTTP/1.1 {status} Injected\r\nETag: \"x\"\r\nContent-Length: {}\r\n\r\n{error}",
                error.len()
            )?;
            return Ok(());
        }
        Fate::Lose => return Err(gone()),
        Fate::Hang => {
            // Until the client gives up.
            let _ = client.read(&mut [0]);
            return Err(gone());
        }
        Fate::Forget(parameter) => text = without(&text, parameter),
        Fate::Pass | Fate::LoseAnswer | Fate::CutAnswer => {}
    }
    let answer = ask(upstream, &text, &body)?;
    match fate {
        Fate::CutAnswer => {
            client.write_all(&answer[..answer.len() - (answer.len() / 4).max(1)])?;
            client.shutdown(Shutdown::Both)?;
            Err(gone())
        }
        Fate::Pass | Fate::Forget(_) => client.write_all(&answer),
        _ => Err(gone()),
    }
}

/// A request's head without a parameter of its URL.
fn without(head: &str, parameter: &str) -> String {
    let (url, rest) = head.split_once(" HTTP/").unwrap();
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let is_kept = |pair: &&str| pair.split('=').next() != Some(parameter);
    let kept: Vec<&str> = query.split('&').filter(is_kept).collect();
    format!("{path}?{} HTTP/{rest}", kept.join("&"))
}

/// Passes a request on, over a connection of its own; the answer says to the client, too, that it ends.
fn ask(upstream: u16, head: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(("127.0.0.1", upstream))?;
    let (first, rest) = head.split_once("\r\n").unwrap();
    write!(server, "{first}\r\nConnection: close\r\n{rest}")?;
    server.write_all(body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}

fn read_head(mut stream: &TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(head)
}

/// Method and kind of object: the folder below the workspace's or the filespace's, or `list`.
fn kind(first: &str) -> String {
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if path.contains("list-type=2") || path.contains("comp=list") {
        return format!("{method} list");
    }
    let path = &path.replace("%2F", "/")[..];
    let kinds = ["log", "packs", "bodies", "checkpoints", "parts", "grants", "probe"];
    let kind = kinds.into_iter().find(|kind| path.contains(&format!("/{kind}/"))).unwrap_or(path);
    format!("{method} {kind}")
}
