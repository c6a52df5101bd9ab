//! Blocking calls into asynchronous libraries: the work runs on a runtime while the calling thread waits for it.

use std::future::Future;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Instant;

use tokio::runtime::{Handle, Runtime};

/// Where the work runs.
pub(crate) enum Runner {
    /// On somebody's runtime.
    Shared(Handle),
    /// On one of its own.
    Own(Option<Runtime>),
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// The deadline passed.
    Timeout,
    /// The runtime ended.
    Stopped,
}

impl Runner {
    /// On a runtime, or on one that is started for it.
    pub(crate) fn new(runtime: Option<Handle>) -> std::io::Result<Runner> {
        match runtime {
            Some(handle) => Ok(Runner::Shared(handle)),
            None => Ok(Runner::Own(Some(crate::daemon::runtime()?))),
        }
    }

    pub(crate) fn handle(&self) -> Option<&Handle> {
        match self {
            Runner::Shared(handle) => Some(handle),
            Runner::Own(runtime) => runtime.as_ref().map(Runtime::handle),
        }
    }

    /// The result of the work. It ends with the deadline, where it waits.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let mut answers = self.wait_for_all(deadline, vec![work])?;
        answers.pop().ok_or(NoAnswer::Stopped)
    }

    /// Runs all of it at the same time. The thread waits on a channel and not in the runtime: it may be shut down
    /// meanwhile.
    pub(crate) fn wait_for_all<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: Vec<impl Future<Output = T> + Send + 'static>,
    ) -> Result<Vec<T>, NoAnswer> {
        let handle = self.handle().ok_or(NoAnswer::Stopped)?;
        let count = work.len();
        let (sender, receiver) = sync_channel(count);
        let mut tasks = tokio::task::JoinSet::new();
        for (n, work) in work.into_iter().enumerate() {
            let sender = sender.clone();
            let answer = async move { drop(sender.send((n, work.await))) };
            tasks.spawn_on(answer, handle);
        }
        drop(sender);
        let mut answers: Vec<Option<T>> = (0..count).map(|_| None).collect();
        for _ in 0..count {
            // What is still under way when this returns ends with the set of tasks.
            let (n, answer) = receiver
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
                .map_err(|error| match error {
                    RecvTimeoutError::Timeout => NoAnswer::Timeout,
                    RecvTimeoutError::Disconnected => NoAnswer::Stopped,
                })?;
            answers[n] = Some(answer);
        }
        Ok(answers.into_iter().flatten().collect())
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if let Runner::Own(runtime) = self
            && let Some(runtime) = runtime.take()
        {
            runtime.shutdown_background();
        }
    }
}
