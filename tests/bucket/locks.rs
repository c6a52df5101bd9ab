//! Locks between processes that share nothing but the bucket (and the database that the logs are in, if they are).

use crate::counter::{self, Job};
use crate::seaweed;
use crate::world::WORLD;

/// Counts when it is started by another test; does nothing when it is run as one.
#[test]
fn worker() {
    counter::work();
}

#[test]
fn processes_count_together() {
    WORLD.ok(&["filespace", "create", counter::FILESPACE]);
    let endpoint = seaweed::endpoint();
    let settings = [
        ("daemon.allow_multiple", "true"),
        ("s3.access_key_id", seaweed::ACCESS_KEY),
        ("s3.endpoint", &endpoint),
        ("s3.secret_access_key", seaweed::SECRET_KEY),
        ("workspace.url", &WORLD.url),
    ];
    let mut settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
    let logs = crate::more_environment().into_iter().map(|(_, url)| ("log.url".to_owned(), url));
    settings.extend(logs);
    counter::all_is_counted(&Job { token: &WORLD.token, settings }, "locks::worker", 4, 5);
}
