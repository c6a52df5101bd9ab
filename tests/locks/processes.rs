//! Processes that are killed or stand still while they hold a lock.

use nix::sys::signal::Signal;

use crate::counter::{self, Job, Worker};
use crate::world::World;

/// Counts when it is started by another test; does nothing when it is run as one.
#[test]
fn worker() {
    counter::work();
}

const WORKER: &str = "processes::worker";

/// All processes have the shortest lease, so nobody waits long for the dead.
fn job(world: &World) -> Job<'_> {
    let mut settings: Vec<(String, String)> =
        world.settings().iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    settings.push(("session.lease".to_owned(), "1".to_owned()));
    Job { token: &world.token, settings }
}

#[test]
fn processes_count_together() {
    counter::all_is_counted(&job(&World::new()), WORKER, 4, 30);
}

#[test]
fn what_is_killed_or_stands_still_loses_its_lock_and_counts_nothing() {
    let world = World::new();
    let job = job(&world);
    counter::make(&world.abi, world.fs);
    // Two count to the end, two are killed while they do, one while it has the lock, and one stands still with it.
    let mut honest: Vec<Worker> = (0..2).map(|number| job.start(WORKER, number, 40)).collect();
    let mut killed: Vec<Worker> = (2..4).map(|number| job.start(WORKER, number, 1_000_000)).collect();
    for (n, worker) in killed.iter_mut().enumerate() {
        while worker.acknowledged < 3 + 2 * n as u64 {
            assert!(worker.hear().is_some(), "it ended by itself");
        }
        worker.kill();
    }
    let mut holder = job.start(WORKER, 4, 0);
    assert_eq!(holder.hear().unwrap(), "holds the lock");
    holder.kill();
    let mut stands = job.start(WORKER, 5, 0);
    assert_eq!(stands.hear().unwrap(), "holds the lock");
    stands.signal(Signal::SIGSTOP);
    // They go on when its lease is over; and so does somebody who asks when they are done already.
    honest.iter_mut().for_each(Worker::finish);
    let daemon = world.abi.daemon(&job.settings()).unwrap();
    let workspace = world.abi.authenticate(daemon, &world.token).unwrap();
    let fs = world.abi.link(workspace, counter::FILESPACE).unwrap();
    let file = world.abi.open_locked(fs, counter::PATH, "r", true, u64::MAX).unwrap();
    world.abi.close(file).unwrap();
    world.abi.stop(daemon).unwrap();
    stands.signal(Signal::SIGCONT);
    stands.tell("go on");
    assert_eq!(stands.hear().unwrap(), "lost", "it may not publish");
    stands.finish();
    let (sum, each) = job.read(&world.abi, world.fs);
    assert_eq!(sum, each.iter().sum::<u64>());
    assert!(honest.iter().all(|worker| each[worker.number] == 40));
    for worker in &killed {
        let unheard = each[worker.number] - worker.acknowledged;
        assert!(unheard <= 1, "it was killed before it could say so, or counts twice: {unheard}");
    }
    assert_eq!(each[4..6], [0, 0]);
}

#[test]
fn who_only_tries_gets_the_lock_of_the_dead_too() {
    let world = World::new();
    let job = job(&world);
    counter::make(&world.abi, world.fs);
    let mut holder = job.start(WORKER, 0, 0);
    assert_eq!(holder.hear().unwrap(), "holds the lock");
    holder.kill();
    let abi = &world.abi;
    let daemon = abi.daemon(&job.settings()).unwrap();
    let workspace = abi.authenticate(daemon, &world.token).unwrap();
    let fs = abi.link(workspace, counter::FILESPACE).unwrap();
    let began = std::time::Instant::now();
    let file = loop {
        match abi.open_locked(fs, counter::PATH, "r", true, 0) {
            Ok(file) => break file,
            Err(failed) => assert_eq!(failed.status, crate::world::LOCKED),
        }
        assert!(began.elapsed().as_secs() < 60, "it is never given up");
    };
    assert!(began.elapsed().as_millis() >= 1000, "before the lease was over");
    abi.close(file).unwrap();
    abi.stop(daemon).unwrap();
}
