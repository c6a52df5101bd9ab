//! What goes over the wire: every answer that is no success becomes an error here, with the store's reason in it, which
//! the client above would not pass on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use chrono::DateTime;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use object_store::{ClientOptions, RetryConfig};

use super::BucketError;
use super::error::Answers;

/// What time it is at the store, as its last answer said: seconds since 1970, or 0 if none did.
#[derive(Debug, Clone, Default)]
pub(super) struct Clock(Arc<AtomicI64>);

impl Clock {
    pub(super) fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    fn heed(&self, response: &HttpResponse) {
        let date = response.headers().get("date").and_then(|date| date.to_str().ok());
        date.iter().for_each(|date| self.set(date));
    }

    /// Also back: one answer with a date of the future must not make all objects old from then on.
    fn set(&self, date: &str) {
        if let Ok(date) = DateTime::parse_from_rfc2822(date) {
            self.0.store(date.timestamp(), Ordering::Relaxed);
        }
    }
}

/// Makes clients whose failures say why, for a service whose answers mean this.
#[derive(Debug)]
pub(super) struct Connector(pub(super) &'static Answers, pub(super) Clock);

#[derive(Debug)]
struct Explaining(HttpClient, &'static Answers, Clock);

/// What is repeated is decided above the client.
pub(super) fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Explaining(ReqwestConnector::default().connect(options)?, self.0, self.1.clone())))
    }
}

#[async_trait]
impl HttpService for Explaining {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let Explaining(client, answers, clock) = self;
        let response = client.execute(request).await.map_err(|error| {
            let kind = error.kind();
            HttpError::new(kind, BucketError::of_request(answers, &error))
        })?;
        clock.heed(&response);
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        // Azure says it there too, for there is no body after a HEAD.
        let code = response.headers().get("x-ms-error-code").and_then(|code| code.to_str().ok());
        let code = code.unwrap_or_default().to_owned();
        let body = response.into_body().bytes().await?;
        let error = BucketError::of_answer(answers, status.as_u16(), &code, &String::from_utf8_lossy(&body));
        Err(HttpError::new(HttpErrorKind::Unknown, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_that_of_the_last_answer() {
        let clock = Clock::default();
        for (date, now) in [
            ("Fri, 01 Jan 2100 00:00:00 GMT", 4_102_444_800),
            ("Thu, 01 Jan 1970 00:00:10 GMT", 10),
            ("yesterday", 10),
        ] {
            clock.set(date);
            assert_eq!(clock.now(), now, "{date}");
        }
    }
}
