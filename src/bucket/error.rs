//! Why a request to a bucket failed, and what to do about it. What the store answers is taken apart here: of its
//! text only code and message are kept, never what was signed.

use std::error::Error as StdError;

use object_store::client::{HttpError, HttpErrorKind};

use crate::error::{Error, Status};
use crate::runner::NoAnswer;

/// Why a request failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BucketError {
    /// There is no such object.
    #[error("there is no such object")]
    NotFound,
    /// There is one already.
    #[error("there is such an object already")]
    Exists,
    /// The object ends before the range.
    #[error("the object ends before this range")]
    OutOfRange,
    /// There is no such bucket.
    #[error("there is no such bucket: make it, or check workspace.url")]
    NoBucket,
    /// The store refuses the request.
    #[error("{0}")]
    Refused(String),
    /// The settings do not fit.
    #[error("{0}")]
    Settings(String),
    /// The store cannot do what a log needs.
    #[error("{0}")]
    Unsuitable(String),
    /// The store was not reached: nothing was sent.
    #[error("{0}")]
    Unreachable(String),
    /// No answer until the deadline.
    #[error("the store did not answer until the deadline (network.timeout)")]
    Timeout,
    /// The store failed, or its answer was lost.
    #[error("{0}")]
    Failed(String),
}

impl BucketError {
    /// Whether the same request may succeed a moment later.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, BucketError::Unreachable(_) | BucketError::Failed(_))
    }

    /// Whether the request is known to have had no effect.
    pub fn is_without_effect(&self) -> bool {
        !matches!(self, BucketError::Timeout | BucketError::Failed(_))
    }

    /// What an answer says that is no success.
    pub(super) fn of_answer(status: u16, body: &str) -> BucketError {
        let code = element(body, "Code").unwrap_or_default();
        let refused = |what: &str| BucketError::Refused(format!("the store answers {code}: {what}"));
        match (status, code) {
            (_, "NoSuchBucket") => BucketError::NoBucket,
            (404, _) => BucketError::NotFound,
            (412, _) => BucketError::Exists,
            (416, _) => BucketError::OutOfRange,
            (_, "InvalidAccessKeyId") => refused(
                "check s3.access_key_id, or AWS_ACCESS_KEY_ID or AWS_PROFILE if it comes from there",
            ),
            (_, "SignatureDoesNotMatch") => refused(
                "check s3.secret_access_key, or AWS_SECRET_ACCESS_KEY or AWS_PROFILE if it comes from there",
            ),
            (_, "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired") => {
                refused("the session token is not valid any more; get another one for s3.session_token (AWS_SESSION_TOKEN)")
            }
            (_, "RequestTimeTooSkewed" | "RequestExpired") => {
                refused("the clock of this machine differs too much from the store's; set it")
            }
            (_, "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") => wrong_region(),
            (301 | 307 | 308, _) => wrong_region(),
            (401 | 403, "") => BucketError::Refused(
                "the store refuses the request: check s3.access_key_id and s3.secret_access_key, and that their owner may \
                 list the bucket, and get and put objects in it"
                    .to_owned(),
            ),
            (401 | 403, _) => refused(
                "the owner of s3.access_key_id must be allowed to list the bucket, and to get and put objects in it",
            ),
            (501, _) | (_, "NotImplemented") => BucketError::Unsuitable(format!(
                "the store does not know a request that is needed ({status} {code}): use a store with conditional PUT, or \
                 keep the log in PostgreSQL"
            )),
            (_, "InternalError" | "RequestTimeout" | "SlowDown") => {
                BucketError::Failed(format!("the store fails with {status} {code}"))
            }
            // 409: another request for this key was under way. Which of them won is not known.
            (408 | 409 | 429 | 500.., _) => BucketError::Failed(format!("the store fails with {status} {code}")),
            _ => {
                let message = element(body, "Message").unwrap_or_default();
                BucketError::Refused(format!("the store answers {status} {code}: {message}"))
            }
        }
    }

    /// The status that a caller gets.
    pub fn status(&self) -> Status {
        match self {
            BucketError::NotFound | BucketError::OutOfRange => Status::Integrity,
            BucketError::Exists => Status::Exists,
            BucketError::NoBucket => Status::NotFound,
            BucketError::Refused(_) => Status::AccessDenied,
            BucketError::Settings(_) => Status::InvalidValue,
            BucketError::Unsuitable(_) => Status::StoreUnsuitable,
            BucketError::Timeout => Status::Timeout,
            BucketError::Unreachable(_) | BucketError::Failed(_) => Status::Io,
        }
    }
}

impl From<BucketError> for Error {
    fn from(error: BucketError) -> Error {
        Error::new(error.status(), format!("the bucket cannot be used: {error}"))
    }
}

impl From<NoAnswer> for BucketError {
    fn from(none: NoAnswer) -> BucketError {
        match none {
            NoAnswer::Timeout => BucketError::Timeout,
            NoAnswer::Stopped => BucketError::Failed("the daemon was stopped meanwhile".to_owned()),
        }
    }
}

impl From<object_store::Error> for BucketError {
    fn from(error: object_store::Error) -> BucketError {
        let causes = || {
            let first: &(dyn StdError + 'static) = &error;
            std::iter::successors(Some(first), |&cause| cause.source())
        };
        if let Some(answer) = causes().find_map(|cause| cause.downcast_ref::<BucketError>()) {
            return answer.clone();
        }
        match causes().find_map(|cause| cause.downcast_ref::<HttpError>()) {
            Some(http) => of_http(http),
            None => BucketError::Failed(format!("the store's answer cannot be used: {}", deepest(&error))),
        }
    }
}

fn of_http(error: &HttpError) -> BucketError {
    let why = deepest(error);
    match error.kind() {
        HttpErrorKind::Connect if why.contains("certificate") => BucketError::Settings(format!(
            "the store's certificate is not trusted ({why}): check s3.endpoint, or set network.ca_file"
        )),
        HttpErrorKind::Connect => BucketError::Unreachable(format!(
            "the store cannot be reached ({why}): check s3.endpoint (AWS_ENDPOINT_URL) and network.proxy"
        )),
        HttpErrorKind::Timeout => BucketError::Failed("the store did not answer in time".to_owned()),
        _ => BucketError::Failed(format!("the connection to the store failed: {why}")),
    }
}

/// The text of the first cause; the layers above it say little.
fn deepest(error: &(dyn StdError + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn wrong_region() -> BucketError {
    BucketError::Settings("the bucket is in another region: set s3.region (AWS_REGION)".to_owned())
}

/// The text of the first element of this name, if it is short and plain.
fn element<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once("</")?;
    (text.len() <= 300 && !text.contains(['<', '\n'])).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, code: &str) -> BucketError {
        let signed = "<StringToSign>s3cret</StringToSign>";
        BucketError::of_answer(
            status,
            &format!("<Error><Code>{code}</Code><Message>no</Message>{signed}</Error>"),
        )
    }

    #[test]
    fn each_answer_names_what_to_change() {
        for (status, code, name) in [
            (403, "InvalidAccessKeyId", "s3.access_key_id"),
            (403, "SignatureDoesNotMatch", "s3.secret_access_key"),
            (400, "ExpiredToken", "s3.session_token"),
            (403, "RequestTimeTooSkewed", "clock"),
            (403, "AccessDenied", "allowed"),
            (403, "", "s3.secret_access_key"),
            (400, "AuthorizationHeaderMalformed", "s3.region"),
            (301, "PermanentRedirect", "s3.region"),
            (404, "NoSuchBucket", "workspace.url"),
            (501, "NotImplemented", "conditional PUT"),
        ] {
            let error = answer(status, code);
            assert!(error.to_string().contains(name), "{error}");
            assert!(error.is_without_effect() && !error.is_transient(), "{error}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn what_may_have_had_an_effect_is_told_apart() {
        for status in [409, 429, 500, 502, 503, 504] {
            let error = answer(status, "SlowDown");
            assert!(!error.is_without_effect() && error.is_transient(), "{error}");
        }
        assert!(answer(400, "RequestTimeout").is_transient(), "of a body that came too slowly");
        assert!(matches!(answer(412, "PreconditionFailed"), BucketError::Exists));
        assert!(matches!(answer(404, "NoSuchKey"), BucketError::NotFound));
        assert!(matches!(answer(416, "InvalidRange"), BucketError::OutOfRange));
        assert!(!BucketError::Timeout.is_without_effect());
    }
}
