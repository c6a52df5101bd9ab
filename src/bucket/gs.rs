//! A bucket in Google Cloud Storage, asked through its XML interface: the key of a service account, and what answers
//! mean.

use std::path::PathBuf;
use std::sync::Arc;

use object_store::ClientOptions;
use object_store::gcp::GoogleCloudStorageBuilder;

use super::client::Client;
use super::error::{Answers, refused};
use super::settings::{check_endpoint, no_client, to_endpoint, variable};
use super::{BucketError, http};

const GOOGLE: &str = "https://storage.googleapis.com";

/// What the configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `gs.endpoint`.
    pub endpoint: Option<String>,
    /// `gs.service_account_file`.
    pub service_account_file: Option<PathBuf>,
}

pub(super) const ANSWERS: Answers = Answers {
    endpoint: "gs.endpoint (STORAGE_EMULATOR_HOST)",
    access: "the service account of gs.service_account_file must be allowed to list the bucket, and to get and create \
             objects in it",
    meaning,
};

/// What Google's own codes mean.
fn meaning(status: u16, code: &str) -> Option<BucketError> {
    Some(match (status, code) {
        (401, _) => refused(
            code,
            "check gs.service_account_file (GOOGLE_APPLICATION_CREDENTIALS), whether that key was deleted, and the clock \
             of this machine",
        ),
        (_, "InvalidBucketName") => BucketError::NoBucket,
        _ => return None,
    })
}

/// What a client is made from.
#[derive(Debug)]
struct Resolved {
    endpoint: String,
    /// The key of a service account, and where it was found.
    key: String,
    from: String,
}

impl Settings {
    pub(super) fn configured(value: &dyn Fn(&str) -> Option<String>) -> Settings {
        Settings {
            endpoint: value("gs.endpoint"),
            service_account_file: value("gs.service_account_file").map(PathBuf::from),
        }
    }

    pub(super) fn connect(
        &self,
        bucket: &str,
        options: ClientOptions,
        connector: http::Connector,
    ) -> Result<Arc<dyn Client>, BucketError> {
        let Resolved { endpoint, key, from } = self.resolve(&variable)?;
        let client = GoogleCloudStorageBuilder::new()
            .with_http_connector(connector)
            .with_client_options(to_endpoint(options, Some(&endpoint)))
            .with_bucket_name(bucket)
            .with_base_url(&endpoint)
            .with_service_account_key(key)
            .with_retry(http::no_retries())
            .build();
        let client = client.map_err(|error| {
            no_client(error, &ANSWERS, || format!("{from} is not the key of a service account in JSON form"))
        })?;
        Ok(Arc::new(client))
    }

    /// Fills in what is missing from the environment; reads the file.
    fn resolve(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<Resolved, BucketError> {
        // Google's own libraries take an emulator with and without scheme.
        let emulator = || {
            let host = env("STORAGE_EMULATOR_HOST")?;
            Some(if host.contains("://") { host } else { format!("http://{host}") })
        };
        let endpoint = self.endpoint.clone().or_else(emulator).unwrap_or_else(|| GOOGLE.to_owned());
        check_endpoint(&endpoint)
            .map_err(|what| BucketError::Settings(format!("{}: {what}", ANSWERS.endpoint)))?;
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let own = self.service_account_file.clone().map(|file| ("gs.service_account_file", file));
        let of_env = || {
            let file = env("GOOGLE_APPLICATION_CREDENTIALS")?;
            Some(("GOOGLE_APPLICATION_CREDENTIALS", PathBuf::from(file)))
        };
        let (setting, file) = own.or_else(of_env).ok_or_else(|| {
            let what = "there are no credentials: set gs.service_account_file, or GOOGLE_APPLICATION_CREDENTIALS, to \
                        the file with the key of a service account";
            BucketError::Settings(what.to_owned())
        })?;
        let from = format!("{setting}: {}", file.display());
        match std::fs::read_to_string(&file) {
            Ok(key) => Ok(Resolved { endpoint, key, from }),
            Err(e) => Err(BucketError::Settings(format!("{from} cannot be read: {e}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn resolve(settings: &Settings, env: &[(&str, &str)]) -> Result<Resolved, BucketError> {
        let find = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        settings.resolve(&find)
    }

    #[test]
    fn configuration_then_environment() {
        let folder = tempfile::tempdir().unwrap();
        let [own, other] = ["own", "other"].map(|name| {
            let file = folder.path().join(name);
            std::fs::write(&file, format!("key of {name}")).unwrap();
            file
        });
        let env = [
            ("GOOGLE_APPLICATION_CREDENTIALS", other.to_str().unwrap()),
            ("STORAGE_EMULATOR_HOST", "127.0.0.1:9"),
        ];
        let of_env = resolve(&Settings::default(), &env).unwrap();
        assert_eq!((&of_env.key[..], &of_env.endpoint[..]), ("key of other", "http://127.0.0.1:9"));
        let settings =
            Settings { endpoint: Some("https://gs.example.com/".into()), service_account_file: Some(own) };
        let configured = resolve(&settings, &env).unwrap();
        assert_eq!((&configured.key[..], &configured.endpoint[..]), ("key of own", "https://gs.example.com"));
        assert_eq!(resolve(&Settings::default(), &env[..1]).unwrap().endpoint, GOOGLE);
    }

    #[test]
    fn what_is_missing_is_named() {
        let why = |settings: &Settings, env: &[(&str, &str)]| resolve(settings, env).unwrap_err().to_string();
        let none = Settings::default();
        assert!(why(&none, &[]).contains("gs.service_account_file"));
        let gone = [("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")];
        assert!(why(&none, &gone).contains("GOOGLE_APPLICATION_CREDENTIALS: /nowhere.json"));
        assert!(why(&none, &[("STORAGE_EMULATOR_HOST", "http://h/a")]).contains("STORAGE_EMULATOR_HOST"));
    }

    #[test]
    fn a_file_that_is_no_key_is_named_and_not_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let pem = "-----BEGIN PRIVATE KEY-----\\ns3cret\\n-----END PRIVATE KEY-----\\n";
        let no_rsa = format!(r#"{{"private_key":"{pem}","private_key_id":"1","client_email":"a@b"}}"#);
        for text in ["s3cret", r#"{"type":"authorized_user","client_secret":"s3cret"}"#, &no_rsa] {
            std::fs::write(file.path(), text).unwrap();
            let settings =
                Settings { service_account_file: Some(file.path().to_owned()), ..Settings::default() };
            let error = settings
                .connect("bucket", ClientOptions::new(), http::Connector(&ANSWERS, http::Clock::default()))
                .err()
                .unwrap()
                .to_string();
            assert!(error.contains("gs.service_account_file") && error.contains("JSON"), "{error}");
            assert!(!error.contains("s3cret") && !format!("{settings:?}").contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn each_answer_names_what_to_change() {
        for (status, code, name) in [
            (401, "AuthenticationRequired", "gs.service_account_file"),
            (403, "AccessDenied", "create objects"),
            (404, "NoSuchBucket", "workspace.url"),
            (400, "InvalidBucketName", "workspace.url"),
        ] {
            let error = BucketError::of_answer(&ANSWERS, status, code, "");
            assert!(error.to_string().contains(name), "{error}");
            assert!(error.is_without_effect() && !error.is_transient(), "{error}");
        }
        let of = |status, code| BucketError::of_answer(&ANSWERS, status, code, "");
        assert!(matches!(of(412, "PreconditionFailed"), BucketError::Exists));
        assert!(matches!(of(409, "Conflict"), BucketError::Failed(_)), "who won is not known");
        assert!(of(429, "SlowDown").is_transient());
    }
}
