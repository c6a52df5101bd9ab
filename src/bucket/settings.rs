//! How a bucket is reached: in which service it is, and what every service is asked through.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::{Certificate, ClientOptions};

use super::client::Client;
use super::error::Answers;
use super::{BucketError, az, dns, gs, http, s3};

/// How long connecting may take, unless calls may wait even less.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections kept open.
const IDLE_CONNECTIONS: usize = 32;

/// What the configuration says; what is missing is looked up when the bucket is opened.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// The service that the bucket is in.
    pub service: Service,
    /// `network.ca_file`.
    pub ca_file: Option<PathBuf>,
    /// `network.proxy`.
    pub proxy: Option<String>,
}

/// A service, with its own settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// Amazon S3, and what speaks its protocol.
    S3(s3::Settings),
    /// Google Cloud Storage.
    Gs(gs::Settings),
    /// Azure Blob Storage, whose buckets are called containers.
    Az(az::Settings),
}

impl Service {
    /// The service that a URL's scheme stands for, without settings.
    pub fn of_scheme(scheme: &str) -> Option<Service> {
        match scheme {
            "s3" => Some(Service::S3(s3::Settings::default())),
            "gs" => Some(Service::Gs(gs::Settings::default())),
            "az" => Some(Service::Az(az::Settings::default())),
            _ => None,
        }
    }

    /// The scheme of its URLs.
    pub fn scheme(&self) -> &'static str {
        match self {
            Service::S3(_) => "s3",
            Service::Gs(_) => "gs",
            Service::Az(_) => "az",
        }
    }

    pub(super) fn connect(
        &self,
        bucket: &str,
        options: ClientOptions,
        connector: http::Connector,
    ) -> Result<Arc<dyn Client>, BucketError> {
        match self {
            Service::S3(settings) => settings.connect(bucket, options, connector),
            Service::Gs(settings) => settings.connect(bucket, options, connector),
            Service::Az(settings) => settings.connect(bucket, options, connector),
        }
    }

    pub(super) fn answers(&self) -> &'static Answers {
        match self {
            Service::S3(_) => &s3::ANSWERS,
            Service::Gs(_) => &gs::ANSWERS,
            Service::Az(_) => &az::ANSWERS,
        }
    }
}

impl From<Service> for Settings {
    fn from(service: Service) -> Settings {
        Settings { service, ca_file: None, proxy: None }
    }
}

impl fmt::Debug for Settings {
    /// A proxy's password is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { service, ca_file, .. } = self;
        f.debug_struct("Settings").field("service", service).field("ca_file", ca_file).finish_non_exhaustive()
    }
}

impl Settings {
    /// Settings of the same service, with the values of configuration keys.
    pub fn configured(&self, value: &dyn Fn(&str) -> Option<String>) -> Settings {
        let service = match &self.service {
            Service::S3(_) => Service::S3(s3::Settings::configured(value)),
            Service::Gs(_) => Service::Gs(gs::Settings::configured(value)),
            Service::Az(_) => Service::Az(az::Settings::configured(value)),
        };
        let ca_file = value("network.ca_file").map(PathBuf::from);
        Settings { service, ca_file, proxy: value("network.proxy") }
    }

    /// What requests to every service go through.
    pub(super) fn options(&self, timeout: Duration) -> Result<ClientOptions, BucketError> {
        let mut options = ClientOptions::new()
            .with_timeout_disabled()
            .with_dns_resolver(Arc::new(dns::Lookup))
            .with_connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .with_pool_max_idle_per_host(IDLE_CONNECTIONS);
        if let Some(proxy) = &self.proxy {
            options = options.with_proxy_url(proxy);
        }
        if let Some(file) = &self.ca_file {
            let wrong = |why: String| {
                BucketError::Settings(format!("network.ca_file: {} cannot be used: {why}", file.display()))
            };
            let pem = std::fs::read(file).map_err(|e| wrong(e.to_string()))?;
            let certificates = Certificate::from_pem_bundle(&pem).map_err(|e| wrong(e.to_string()))?;
            if certificates.is_empty() {
                return Err(wrong("it holds no certificate in PEM form".to_owned()));
            }
            for certificate in certificates {
                options = options.with_root_certificate(certificate);
            }
        }
        Ok(options)
    }
}

/// A variable of the process's environment, if it says something.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Without TLS where the endpoint says so; then the system's certificates are not read either.
pub(super) fn to_endpoint(options: ClientOptions, endpoint: Option<&str>) -> ClientOptions {
    let is_plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    options.with_allow_http(is_plain).with_no_system_certificates(is_plain)
}

/// Why no client could be made; `otherwise`: if that does not lie in what all services share.
pub(super) fn no_client(
    error: object_store::Error,
    answers: &Answers,
    otherwise: impl FnOnce() -> String,
) -> BucketError {
    BucketError::Settings(match error {
        object_store::Error::Generic { store: "HTTP client", .. } => format!(
            "no client can be made: check network.proxy, {} and the system's certificates",
            answers.endpoint
        ),
        _ => otherwise(),
    })
}

/// Whether a text is the URL of an endpoint.
pub fn check_endpoint(endpoint: &str) -> Result<(), &'static str> {
    const EXPECTED: &str =
        "a URL of scheme and host, such as https://s3.example.com or http://127.0.0.1:8333";
    let host = after_scheme(endpoint).map(|host| host.strip_suffix('/').unwrap_or(host));
    host.is_some_and(is_host).then_some(()).ok_or(EXPECTED)
}

/// The same with a path, in which some stores have the account.
pub fn check_endpoint_with_path(endpoint: &str) -> Result<(), &'static str> {
    const EXPECTED: &str = "a URL of scheme, host and perhaps a path, such as https://account.blob.core.windows.net \
                            or http://127.0.0.1:10000/account";
    let parts = after_scheme(endpoint).map(|rest| rest.split_once('/').unwrap_or((rest, "")));
    let is_path =
        |path: &str| path.is_empty() || path.strip_suffix('/').unwrap_or(path).split('/').all(is_host);
    parts.is_some_and(|(host, path)| is_host(host) && is_path(path)).then_some(()).ok_or(EXPECTED)
}

fn after_scheme(url: &str) -> Option<&str> {
    url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))
}

fn is_host(host: &str) -> bool {
    !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control() || "/?#@%".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        for bad in
            ["", "host", "ftp://host", "http://", "https://h/bucket", "https://user@host", "http://a b"]
        {
            assert!(check_endpoint(bad).is_err(), "{bad}");
        }
        for bad in ["", "host", "http:///account", "https://h/a?sig=x", "https://key@host", "http://h//a"] {
            assert!(check_endpoint_with_path(bad).is_err(), "{bad}");
        }
        for good in ["https://h", "http://h:1/"] {
            assert!(check_endpoint(good).is_ok() && check_endpoint_with_path(good).is_ok(), "{good}");
        }
        for good in ["http://h:1/account", "http://h:1/account/"] {
            assert!(check_endpoint_with_path(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_service_has_its_scheme() {
        for scheme in ["s3", "gs", "az"] {
            assert_eq!(Service::of_scheme(scheme).map(|service| service.scheme()), Some(scheme));
        }
        assert!(Service::of_scheme("file").is_none());
    }
}
