//! How many signatures this machine checks in a second on all cores: the limit of catching up. By the same code and
//! crypto library as the log's, so that the two differ only in what catching up does beside it. Prints the number.
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lucidlink::crypto::Key32;
use lucidlink::crypto::account::{SigningKey, verify};

/// Bytes that are signed of a slot: its head.
const SIGNED: usize = 256;
const TIME: Duration = Duration::from_millis(700);

fn main() {
    let key = SigningKey::from_seed(&Key32::new([7; 32])).expect("a key");
    let message = [5; SIGNED];
    let (public, signature) = (key.public(), key.sign(&message));
    let checks = AtomicU64::new(0);
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while begin.elapsed() < TIME {
                    (0..16).for_each(|_| assert!(verify(&public, &message, &signature)));
                    checks.fetch_add(16, Ordering::Relaxed);
                }
            });
        }
    });
    println!("{:.0}", checks.into_inner() as f64 / begin.elapsed().as_secs_f64());
}
