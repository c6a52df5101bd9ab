//! What is notified on a channel, told to those who listen: on a connection of its own, which is made when the first
//! asks for it. A connection can be dead without a word, so it is asked for a sign of life now and then.

use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::tls::TlsStream;
use tokio_postgres::{AsyncMessage, Client, Connection};

use super::{CONNECT_TIMEOUT, Connections, FIRST_PAUSE, LAST_PAUSE};

/// Between two signs of life, and how long one may take.
const HEARTBEAT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(5);

/// Somebody who listens.
pub trait Listener: Send + Sync {
    /// From now on it hears whatever is notified, or does not any more.
    fn set_listening(&self, is_listening: bool);

    /// Something was notified.
    fn hear(&self, payload: &str);
}

/// Those who listen to the channel of a database.
#[derive(Default)]
pub(super) struct Listeners(Mutex<State>);

#[derive(Default)]
struct State {
    all: Vec<Weak<dyn Listener>>,
    is_listening: bool,
}

impl Listeners {
    /// One more; whether it is the first.
    pub(super) fn add(&self, listener: Weak<dyn Listener>) -> bool {
        let mut state = self.0.lock();
        let is_first = state.all.is_empty();
        state.all.retain(|other| other.strong_count() > 0);
        if let (true, Some(listener)) = (state.is_listening, listener.upgrade()) {
            listener.set_listening(true);
        }
        state.all.push(listener);
        is_first
    }

    /// Under the lock, so that who comes meanwhile is not told otherwise.
    fn set_listening(&self, is_listening: bool) {
        let mut state = self.0.lock();
        state.is_listening = is_listening;
        state.all.iter().filter_map(Weak::upgrade).for_each(|one| one.set_listening(is_listening));
    }

    fn tell(&self, payload: &str) {
        let all: Vec<_> = self.0.lock().all.iter().filter_map(Weak::upgrade).collect();
        all.iter().for_each(|listener| listener.hear(payload));
    }
}

/// Keeps a connection that listens, as long as the database is used.
pub(super) async fn keep(connections: Weak<Connections>, channel: &'static str) {
    let mut pause = FIRST_PAUSE;
    while let Some(alive) = connections.upgrade() {
        let listeners = alive.listeners.clone();
        let connected = timeout(CONNECT_TIMEOUT + ANSWER, connect(&alive, channel)).await;
        drop(alive);
        if let Ok(Ok((client, mut passing))) = connected {
            pause = FIRST_PAUSE;
            listeners.set_listening(true);
            while timeout(HEARTBEAT, &mut passing).await.is_err()
                && connections.strong_count() > 0
                && matches!(timeout(ANSWER, client.batch_execute("")).await, Ok(Ok(())))
            {}
            passing.abort();
            listeners.set_listening(false);
        }
        sleep(pause).await;
        pause = (2 * pause).min(LAST_PAUSE);
    }
}

/// A connection that listens, and the task that passes on what it hears until it breaks.
async fn connect(
    connections: &Connections,
    channel: &str,
) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
    let (client, connection) = connections.config.connect(connections.tls.clone()).await?;
    let passing = tokio::spawn(pass_on(connection, connections.listeners.clone()));
    client.batch_execute(&format!("LISTEN {channel}")).await?;
    Ok((client, passing))
}

async fn pass_on<T: TlsStream + Unpin>(
    mut connection: Connection<tokio_postgres::Socket, T>,
    listeners: Arc<Listeners>,
) {
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(notification) = message {
            listeners.tell(notification.payload());
        }
    }
}
