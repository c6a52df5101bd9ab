//! Why a request to a bucket failed, and what to do about it. What the store answers is taken apart here: of its
//! text only code and message are kept, never what was signed.

use std::error::Error as StdError;

use object_store::client::{HttpError, HttpErrorKind};

use crate::error::{Error, Status};
use crate::runner::NoAnswer;

/// What a service's answers mean, and what to change when it refuses.
#[derive(Debug)]
pub(super) struct Answers {
    /// The settings that say where the store is.
    pub(super) endpoint: &'static str,
    /// What the credentials must allow.
    pub(super) access: &'static str,
    /// What is meant by a status and a code of the service's own.
    pub(super) meaning: fn(u16, &str) -> Option<BucketError>,
}

/// The store refuses, with a code that says what to change.
pub(super) fn refused(code: &str, what: &str) -> BucketError {
    BucketError::Refused(format!("the store answers {code}: {what}"))
}

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

    /// What an answer says that is no success: its status, and a code, of its head or else its body.
    pub(super) fn of_answer(answers: &Answers, status: u16, code: &str, body: &str) -> BucketError {
        let code = if code.is_empty() { element(body, "Code").unwrap_or_default() } else { code };
        if let Some(meaning) = (answers.meaning)(status, code) {
            return meaning;
        }
        match (status, code) {
            (_, "NoSuchBucket") => BucketError::NoBucket,
            (404, _) => BucketError::NotFound,
            (412, _) => BucketError::Exists,
            (416, _) => BucketError::OutOfRange,
            (401 | 403, "") => {
                BucketError::Refused(format!("the store refuses the request: {}", answers.access))
            }
            (401 | 403, _) => refused(code, answers.access),
            (501, _) | (_, "NotImplemented") => BucketError::Unsuitable(format!(
                "the store does not know a request that is needed ({status} {code}): use a store with conditional PUT, or \
                 keep the log in PostgreSQL"
            )),
            (_, "InternalError" | "RequestTimeout" | "SlowDown") => {
                BucketError::Failed(format!("the store fails with {status} {code}"))
            }
            // 409: another request for this key was under way. Which of them won is not known.
            (408 | 409 | 429 | 500.., _) => {
                BucketError::Failed(format!("the store fails with {status} {code}"))
            }
            _ => {
                let message = element(body, "Message").unwrap_or_default();
                BucketError::Refused(format!("the store answers {status} {code}: {message}"))
            }
        }
    }

    /// Why a request was not answered.
    pub(super) fn of_request(answers: &Answers, error: &HttpError) -> BucketError {
        let (why, endpoint) = (deepest(error), answers.endpoint);
        match error.kind() {
            HttpErrorKind::Connect if why.contains("certificate") => BucketError::Settings(format!(
                "the store's certificate is not trusted ({why}): check {endpoint}, or set network.ca_file"
            )),
            HttpErrorKind::Connect => BucketError::Unreachable(format!(
                "the store cannot be reached ({why}): check {endpoint} and network.proxy"
            )),
            HttpErrorKind::Timeout => BucketError::Failed("the store did not answer in time".to_owned()),
            _ => BucketError::Failed(format!("the connection to the store failed: {why}")),
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
        // A body that breaks off comes after the head, which was a success.
        match (&error, causes().find_map(|cause| cause.downcast_ref::<HttpError>())) {
            (_, Some(http)) => {
                BucketError::Failed(format!("the connection to the store failed: {}", deepest(http)))
            }
            // Of one of the many requests in one.
            (object_store::Error::NotFound { .. }, None) => BucketError::NotFound,
            (_, None) => of_client(&deepest(&error)),
        }
    }
}

/// What the client made of an answer by itself. Azure removes objects in a request for many, which succeeds, with an
/// answer for each in it.
fn of_client(text: &str) -> BucketError {
    if text.ends_with("(code: 401)") || text.ends_with("(code: 403)") {
        return BucketError::Refused("the credentials do not allow to delete objects".to_owned());
    }
    BucketError::Failed(format!("the store's answer cannot be used: {text}"))
}

/// The text of the first cause; the layers above it say little.
fn deepest(error: &(dyn StdError + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
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
            &crate::bucket::s3::ANSWERS,
            status,
            "",
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
            (403, "AccessDenied", "may list"),
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
    fn one_of_many_that_is_refused_is_not_tried_again() {
        let of = |text: &str| {
            BucketError::from(object_store::Error::Generic {
                store: "a store",
                source: text.to_owned().into(),
            })
        };
        assert!(matches!(of("it failed for key a: no (code: 403)"), BucketError::Refused(_)));
        assert!(of("it failed for key a: no (code: 503)").is_transient());
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
