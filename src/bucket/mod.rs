//! A bucket in S3, Google Cloud Storage or Azure: the one module that knows of HTTP. It knows nothing of logs, packs and
//! their keys.
//!
//! - [`settings`](Settings): how a bucket is reached, and in which [`Service`] it is.
//! - [`s3`], [`gs`], [`az`]: what is different in each: credentials, endpoints, what answers mean.
//! - [`error`](BucketError): why it cannot be.
//! - `http`: what goes over the wire; `dns`: to whom.
//! - `probe`: whether a store keeps what a log needs of it.
//!
//! Calls block the calling thread, until their deadline at the latest; the requests themselves run on the runtime.
//! What only looks is repeated while the store fails, for some seconds. A conditional PUT is not: once it was sent, an
//! answer to a second one could be the refusal of what the first one did.

pub mod az;
mod client;
mod dns;
mod error;
pub mod gs;
mod http;
mod probe;
pub mod s3;
mod settings;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use object_store::list::PaginatedListOptions;
use object_store::path::Path;
use object_store::{GetOptions, PutMode, PutOptions};
use tokio::runtime::Handle;

use crate::runner::Runner;

use client::Client;
pub use error::BucketError;
pub use probe::Probe;
pub use settings::{Service, Settings, check_endpoint, check_endpoint_with_path};

/// Attempts of a request that may be repeated, and the pauses between them.
const ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// Keys of one answer to a listing, at most: what S3 and Google give.
pub const LIST_PAGE: usize = 1000;

/// A part of a listing.
#[derive(Debug)]
pub struct Page {
    /// Keys, in order.
    pub keys: Vec<String>,
    /// How long each object has been there by the store's clock; zero if the store does not say.
    pub ages: Vec<Duration>,
    /// Whether there are none behind them. A store may give fewer than it could.
    pub is_last: bool,
}

/// A bucket, and the prefix of the keys in it.
pub struct Bucket {
    client: Arc<dyn Client>,
    scheme: &'static str,
    name: String,
    /// Empty, or ends in `/`.
    prefix: String,
    /// The store's.
    clock: http::Clock,
    runner: Runner,
    timeout: Duration,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/{}", self.scheme, self.name, self.prefix)
    }
}

/// What became of a conditional PUT that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The object is there, with these bytes.
    Made,
    /// Another one was there.
    Taken,
}

impl Bucket {
    /// A client of a bucket; nothing is asked of it yet. Without a runtime it has one of its own.
    pub fn new(
        name: &str,
        prefix: &str,
        settings: &Settings,
        timeout: Duration,
        runtime: Option<Handle>,
    ) -> Result<Bucket, BucketError> {
        let clock = http::Clock::default();
        let connector = http::Connector(settings.service.answers(), clock.clone());
        let client = settings.service.connect(name, settings.options(timeout)?, connector)?;
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let runner = Runner::new(runtime)
            .map_err(|e| BucketError::Failed(format!("threads cannot be started: {e}")))?;
        let (scheme, name) = (settings.service.scheme(), name.to_owned());
        Ok(Bucket { client, scheme, name, prefix, clock, runner, timeout })
    }

    /// When a call that starts now must end.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// An object as a whole.
    pub fn get(&self, key: &str, deadline: Instant) -> Result<Bytes, BucketError> {
        let get = self.getter(key, None);
        self.runner.wait(deadline, patiently(deadline, get))?
    }

    /// Many objects at once; none where there is no such object.
    pub fn get_each(&self, keys: Vec<String>, deadline: Instant) -> Result<Vec<Option<Bytes>>, BucketError> {
        let gets = keys.iter().map(|key| patiently(deadline, self.getter(key, None)));
        let answers = self.runner.wait_for_all(deadline, gets.collect())?;
        let found = answers.into_iter().map(|answer| match answer {
            Ok(bytes) => Ok(Some(bytes)),
            Err(BucketError::NotFound) => Ok(None),
            Err(error) => Err(error),
        });
        found.collect()
    }

    /// A range of an object; shorter if the object ends in it.
    pub fn get_range(
        &self,
        key: &str,
        range: std::ops::Range<u64>,
        deadline: Instant,
    ) -> Result<Bytes, BucketError> {
        let get = self.getter(key, Some(range));
        self.runner.wait(deadline, patiently(deadline, get))?
    }

    /// Whether there is an object of this key.
    pub fn has(&self, key: &str, deadline: Instant) -> Result<bool, BucketError> {
        let (client, path) = (self.client.clone(), self.path(key));
        let head = move || {
            let (client, path) = (client.clone(), path.clone());
            let options = GetOptions { head: true, ..GetOptions::default() };
            async move { client.get_opts(&path, options).await.map(drop).map_err(BucketError::from) }
        };
        match self.runner.wait(deadline, patiently(deadline, head))? {
            Ok(()) => Ok(true),
            Err(BucketError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts an object where there is none. One request, repeated only while the store could not be reached. After an
    /// error that is not [without effect](BucketError::is_without_effect) the object may be there, now or soon.
    pub fn put_new(&self, key: &str, bytes: Bytes, deadline: Instant) -> Result<Put, BucketError> {
        self.runner.wait(deadline, once(deadline, self.putter(key, bytes)))?
    }

    /// The same until it is known what became of it: an object with the same bytes is taken for what an earlier request
    /// made. For objects that only one author can make.
    pub fn put_surely(&self, key: &str, bytes: Bytes, deadline: Instant) -> Result<Put, BucketError> {
        match self.runner.wait(deadline, patiently(deadline, self.putter(key, bytes.clone())))?? {
            Put::Taken if self.get(key, deadline)? == bytes => Ok(Put::Made),
            put => Ok(put),
        }
    }

    /// Removes an object; that there is none is no error.
    pub fn delete(&self, key: &str, deadline: Instant) -> Result<(), BucketError> {
        let (client, path) = (self.client.clone(), self.path(key));
        let delete = move || {
            let (client, path) = (client.clone(), path.clone());
            async move {
                match client.delete(&path).await.map_err(BucketError::from) {
                    Err(BucketError::NotFound) => Ok(()),
                    deleted => deleted,
                }
            }
        };
        self.runner.wait(deadline, patiently(deadline, delete))?
    }

    /// The first keys behind `after` that start with `folder`, at most [`LIST_PAGE`].
    pub fn list_page(
        &self,
        folder: &str,
        after: Option<&str>,
        deadline: Instant,
    ) -> Result<Page, BucketError> {
        let client = self.client.clone();
        let start = format!("{}{folder}", self.prefix);
        let offset = after.map(|key| format!("{}{key}", self.prefix));
        let mut page_token = None;
        loop {
            let options = PaginatedListOptions {
                offset: offset.clone(),
                page_token,
                max_keys: Some(LIST_PAGE),
                ..PaginatedListOptions::default()
            };
            let (client, start) = (client.clone(), start.clone());
            let list = move || {
                let (client, start, options) = (client.clone(), start.clone(), options.clone());
                async move { Ok(client.list_paginated(Some(&start), options).await?) }
            };
            let page = self.runner.wait(deadline, patiently(deadline, list))??;
            let own = |key: &str| key.strip_prefix(&self.prefix).map(str::to_owned);
            let now = self.clock.now();
            let age = |since: i64| Duration::from_secs(now.saturating_sub(since).try_into().unwrap_or(0));
            let objects = page.result.objects.iter();
            let mut objects: Vec<(String, Duration)> = objects
                .filter_map(|o| Some((own(o.location.as_ref())?, age(o.last_modified.timestamp()))))
                .collect();
            // A store that does not know how to start behind a key starts with the first.
            objects.retain(|(key, _)| after.is_none_or(|after| &key[..] > after));
            objects.sort_unstable();
            if !objects.is_empty() || page.page_token.is_none() {
                let (keys, ages) = objects.into_iter().unzip();
                return Ok(Page { keys, ages, is_last: page.page_token.is_none() });
            }
            page_token = page.page_token;
        }
    }

    fn path(&self, key: &str) -> Path {
        Path::from(format!("{}{key}", self.prefix))
    }

    fn getter(
        &self,
        key: &str,
        range: Option<std::ops::Range<u64>>,
    ) -> impl Fn() -> Answer<Bytes> + Send + use<> {
        let (client, path) = (self.client.clone(), self.path(key));
        move || {
            let (client, path) = (client.clone(), path.clone());
            let options = GetOptions { range: range.clone().map(Into::into), ..GetOptions::default() };
            Box::pin(async move { Ok(client.get_opts(&path, options).await?.bytes().await?) })
        }
    }

    fn putter(&self, key: &str, bytes: Bytes) -> impl Fn() -> Answer<Put> + Send + use<> {
        let (client, path) = (self.client.clone(), self.path(key));
        move || {
            let (client, path, bytes) = (client.clone(), path.clone(), bytes.clone());
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            Box::pin(async move {
                match client.put_opts(&path, bytes.into(), options).await.map_err(BucketError::from) {
                    Ok(_) => Ok(Put::Made),
                    Err(BucketError::Exists) => Ok(Put::Taken),
                    Err(error) => Err(error),
                }
            })
        }
    }
}

type Answer<T> = std::pin::Pin<Box<dyn Future<Output = Result<T, BucketError>> + Send>>;

/// Makes a request that may be repeated.
async fn patiently<T, F: Future<Output = Result<T, BucketError>> + Send>(
    deadline: Instant,
    request: impl Fn() -> F + Send,
) -> Result<T, BucketError> {
    repeat(deadline, request, BucketError::is_transient).await
}

/// Makes a request that may take effect once: only what was not sent is sent again.
async fn once<T, F: Future<Output = Result<T, BucketError>> + Send>(
    deadline: Instant,
    request: impl Fn() -> F + Send,
) -> Result<T, BucketError> {
    repeat(deadline, request, |error| matches!(error, BucketError::Unreachable(_))).await
}

async fn repeat<T, F: Future<Output = Result<T, BucketError>> + Send>(
    deadline: Instant,
    request: impl Fn() -> F + Send,
    may_repeat: impl Fn(&BucketError) -> bool + Send,
) -> Result<T, BucketError> {
    let (mut pause, mut attempts) = (FIRST_PAUSE, 1);
    loop {
        let error = match request().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if !may_repeat(&error) || attempts == ATTEMPTS || Instant::now() + pause >= deadline {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        (pause, attempts) = ((2 * pause).min(LAST_PAUSE), attempts + 1);
    }
}
