//! Appends whose answers are lost: a handle learns later what became of them, so that no record is lost or doubled.

use std::time::Duration;

use lucidlink::env::SeededRandom;
use lucidlink::fs::{File, Mode, Path};

use super::seeds;
use super::simulated::{Place, Simulated};

const RECORD: usize = 8;

/// A record of a client: who, which, and how long it is behind that.
fn record(client: usize, n: usize, long: bool) -> Vec<u8> {
    let mut bytes = format!("{client:02}{n:06}").into_bytes();
    bytes.resize(if long { 700_000 } else { RECORD }, b'.');
    bytes
}

fn open(client: &Simulated, mode: &str) -> File {
    client.fs.open(&Path::parse("/journal").unwrap(), Mode::parse(mode).unwrap(), 0o644).unwrap()
}

#[test]
fn what_was_appended_is_there_once() {
    let mut unknown = 0;
    for seed in seeds(30_000, 60) {
        let place = Place::new(seed);
        let random = SeededRandom::new(seed);
        let clients: Vec<Simulated> =
            (0..2).map(|n| place.open(seed * 100 + n * 10, 0, Duration::ZERO)).collect();
        open(&clients[0], "w").close().unwrap();
        let files: Vec<File> = clients.iter().map(|client| open(client, "a")).collect();
        clients.iter().for_each(|client| client.log.set_odds(3));
        // What each handle has taken.
        let mut taken: Vec<Vec<u8>> = vec![Vec::new(); 2];
        for n in 0..40 {
            let client = (random.next_u64() % 2) as usize;
            let bytes = record(client, n, random.next_u64().is_multiple_of(30));
            if files[client].write(&bytes).is_ok() {
                taken[client].extend(bytes);
            }
            for _ in 0..random.next_u64() % 3 {
                match files[client].flush() {
                    Ok(()) => break,
                    Err(error) => unknown += u32::from(error.is_maybe_applied()),
                }
            }
        }
        let mut rounds = 0;
        for (client, file) in clients.iter().zip(files) {
            client.heal();
            client.fs.link().refresh().unwrap();
            // Others' commits may have taken the slot, and there is no time for a second one.
            while let Err(error) = file.flush() {
                rounds += 1;
                assert!(error.status().is_retryable() && rounds < 50, "seed {seed}: {error:?}");
            }
            file.close().unwrap();
        }
        let newcomer = place.open(seed + 77, 0, Duration::from_secs(5));
        let file = open(&newcomer, "r");
        let mut content = vec![0; file.size().unwrap() as usize];
        file.read(&mut content).unwrap();
        let mut found: Vec<Vec<u8>> = vec![Vec::new(); 2];
        let starts = |at: usize| content[at].is_ascii_digit();
        let mut at = 0;
        while at < content.len() {
            let end = (at + RECORD..content.len()).find(|end| starts(*end)).unwrap_or(content.len());
            let client: usize = std::str::from_utf8(&content[at..at + 2]).unwrap().parse().unwrap();
            found[client].extend(&content[at..end]);
            at = end;
        }
        for (found, taken) in found.iter().zip(&taken) {
            assert_eq!((found.len(), found == taken), (taken.len(), true), "seed {seed}");
        }
    }
    assert!(unknown > 0, "no answer was lost");
}
