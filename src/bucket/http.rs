//! What goes over the wire: every answer that is no success becomes an error here, with the store's reason in it, which
//! the client above would not pass on.

use async_trait::async_trait;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use object_store::{ClientOptions, RetryConfig};

use super::BucketError;
use super::error::Answers;

/// Makes clients whose failures say why, for a service whose answers mean this.
#[derive(Debug)]
pub(super) struct Connector(pub(super) &'static Answers);

#[derive(Debug)]
struct Explaining(HttpClient, &'static Answers);

/// What is repeated is decided above the client.
pub(super) fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Explaining(ReqwestConnector::default().connect(options)?, self.0)))
    }
}

#[async_trait]
impl HttpService for Explaining {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let Explaining(client, answers) = self;
        let response = client.execute(request).await.map_err(|error| {
            let kind = error.kind();
            HttpError::new(kind, BucketError::of_request(answers, &error))
        })?;
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
