//! What goes over the wire: every answer that is no success becomes an error here, with the store's reason in it, which
//! the client above would not pass on.

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};

use super::BucketError;

/// Makes clients whose failures say why.
#[derive(Debug)]
pub(super) struct Connector;

#[derive(Debug)]
struct Explaining(HttpClient);

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Explaining(ReqwestConnector::default().connect(options)?)))
    }
}

#[async_trait]
impl HttpService for Explaining {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = self.0.execute(request).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.into_body().bytes().await?;
        let error = BucketError::of_answer(status.as_u16(), &String::from_utf8_lossy(&body));
        Err(HttpError::new(HttpErrorKind::Unknown, error))
    }
}
