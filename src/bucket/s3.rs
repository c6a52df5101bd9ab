//! A bucket in S3: what the configuration says, else the standard environment, else the profile files; and what its
//! answers mean.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::ClientOptions;
use object_store::aws::AmazonS3Builder;

use super::client::Client;
use super::error::{Answers, refused};
use super::settings::{check_endpoint, no_client, to_endpoint, variable};
use super::{BucketError, http};

/// What the configuration says.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `s3.endpoint`.
    pub endpoint: Option<String>,
    /// `s3.region`.
    pub region: Option<String>,
    /// `s3.path_style`.
    pub path_style: Option<bool>,
    /// `s3.access_key_id`.
    pub access_key_id: Option<String>,
    /// `s3.secret_access_key`.
    pub secret_access_key: Option<String>,
    /// `s3.session_token`.
    pub session_token: Option<String>,
}

impl fmt::Debug for Settings {
    /// Keys are nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { endpoint, region, path_style, .. } = self;
        f.debug_struct("Settings")
            .field("endpoint", endpoint)
            .field("region", region)
            .field("path_style", path_style)
            .finish_non_exhaustive()
    }
}

pub(super) const ANSWERS: Answers = Answers {
    endpoint: "s3.endpoint (AWS_ENDPOINT_URL)",
    access: "check s3.access_key_id and s3.secret_access_key, and that their owner may list the bucket, and get and \
             put objects in it",
    meaning,
};

/// What S3's own codes mean.
fn meaning(status: u16, code: &str) -> Option<BucketError> {
    Some(match (status, code) {
        (_, "InvalidAccessKeyId") => refused(
            code,
            "check s3.access_key_id, or AWS_ACCESS_KEY_ID or AWS_PROFILE if it comes from there",
        ),
        (_, "SignatureDoesNotMatch") => refused(
            code,
            "check s3.secret_access_key, or AWS_SECRET_ACCESS_KEY or AWS_PROFILE if it comes from there",
        ),
        (_, "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired") => refused(
            code,
            "the session token is not valid any more; get another one for s3.session_token (AWS_SESSION_TOKEN)",
        ),
        (_, "RequestTimeTooSkewed" | "RequestExpired") => {
            refused(code, "the clock of this machine differs too much from the store's; set it")
        }
        (_, "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") | (301 | 307 | 308, _) => {
            BucketError::Settings("the bucket is in another region: set s3.region (AWS_REGION)".to_owned())
        }
        _ => return None,
    })
}

/// What a client is made from.
struct Resolved {
    endpoint: Option<String>,
    region: String,
    path_style: bool,
    keys: Keys,
}

/// What requests are signed with.
#[derive(Clone, PartialEq, Eq)]
struct Keys {
    id: String,
    secret: String,
    token: Option<String>,
}

impl Settings {
    pub(super) fn configured(value: &dyn Fn(&str) -> Option<String>) -> Settings {
        Settings {
            endpoint: value("s3.endpoint"),
            region: value("s3.region"),
            path_style: value("s3.path_style").map(|value| value == "true"),
            access_key_id: value("s3.access_key_id"),
            secret_access_key: value("s3.secret_access_key"),
            session_token: value("s3.session_token"),
        }
    }

    pub(super) fn connect(
        &self,
        bucket: &str,
        options: ClientOptions,
        connector: http::Connector,
    ) -> Result<Arc<dyn Client>, BucketError> {
        let resolved = self.resolve(&variable)?;
        let mut builder = AmazonS3Builder::new()
            .with_http_connector(connector)
            .with_client_options(to_endpoint(options, resolved.endpoint.as_deref()))
            .with_bucket_name(bucket)
            .with_region(resolved.region)
            .with_virtual_hosted_style_request(!resolved.path_style)
            .with_access_key_id(resolved.keys.id)
            .with_secret_access_key(resolved.keys.secret)
            .with_disable_bulk_delete(true)
            .with_retry(http::no_retries());
        if let Some(token) = resolved.keys.token {
            builder = builder.with_token(token);
        }
        if let Some(endpoint) = resolved.endpoint {
            builder = builder.with_endpoint(match resolved.path_style {
                true => endpoint,
                false => endpoint.replacen("://", &format!("://{bucket}."), 1),
            });
        }
        let client = builder.build().map_err(|error| {
            no_client(error, &ANSWERS, || format!("no client can be made: check {}", ANSWERS.endpoint))
        })?;
        Ok(Arc::new(client))
    }

    /// Fills in what is missing from the environment and the files that it names.
    fn resolve(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<Resolved, BucketError> {
        let profile = Profile::read(env)?;
        let endpoint = self.endpoint.clone();
        let endpoint = endpoint.or_else(|| env("AWS_ENDPOINT_URL_S3")).or_else(|| env("AWS_ENDPOINT_URL"));
        let endpoint = endpoint.or_else(|| profile.get("endpoint_url"));
        if let Some(endpoint) = &endpoint {
            check_endpoint(endpoint)
                .map_err(|what| BucketError::Settings(format!("s3.endpoint (AWS_ENDPOINT_URL): {what}")))?;
        }
        let region = self.region.clone().or_else(|| env("AWS_REGION")).or_else(|| env("AWS_DEFAULT_REGION"));
        let region = region.or_else(|| profile.get("region")).unwrap_or_else(|| "us-east-1".to_owned());
        // Most stores that are not Amazon's do not make a name for each bucket.
        let path_style = self.path_style.unwrap_or(endpoint.is_some());
        Ok(Resolved { region, path_style, keys: self.keys(env, &profile)?, endpoint })
    }

    /// The keys, all of one source.
    fn keys(&self, env: &dyn Fn(&str) -> Option<String>, profile: &Profile) -> Result<Keys, BucketError> {
        let own = (self.access_key_id.clone(), self.secret_access_key.clone(), self.session_token.clone());
        let of_env = (env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY"), env("AWS_SESSION_TOKEN"));
        let of_profile = (
            profile.get("aws_access_key_id"),
            profile.get("aws_secret_access_key"),
            profile.get("aws_session_token"),
        );
        for (source, keys) in [
            ("s3.access_key_id and s3.secret_access_key", own),
            ("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", of_env),
            ("aws_access_key_id and aws_secret_access_key of the profile", of_profile),
        ] {
            match keys {
                (Some(id), Some(secret), token) => return Ok(Keys { id, secret, token }),
                (None, None, _) => {}
                _ => {
                    return Err(BucketError::Settings(format!(
                        "of {source} only one is set; both are needed"
                    )));
                }
            }
        }
        Err(BucketError::Settings(
            "there are no credentials: set s3.access_key_id and s3.secret_access_key, or AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY, or name a profile of ~/.aws/credentials in AWS_PROFILE"
                .to_owned(),
        ))
    }
}

/// The values of one profile, of both files.
struct Profile(BTreeMap<String, String>);

impl Profile {
    fn get(&self, key: &str) -> Option<String> {
        self.0.get(key).filter(|value| !value.is_empty()).cloned()
    }

    /// Reads the profile that AWS_PROFILE names; that it names one which is nowhere is an error.
    fn read(env: &dyn Fn(&str) -> Option<String>) -> Result<Profile, BucketError> {
        let home = || env("HOME").map(PathBuf::from);
        let file = |variable: &str, name: &str| {
            env(variable).map(PathBuf::from).or_else(|| Some(home()?.join(".aws").join(name)))
        };
        let asked = env("AWS_PROFILE");
        let name = asked.as_deref().unwrap_or("default");
        let (mut values, mut found) = (BTreeMap::new(), false);
        // The file with the keys comes last: it wins.
        let files = [
            (file("AWS_CONFIG_FILE", "config"), format!("profile {name}")),
            (file("AWS_SHARED_CREDENTIALS_FILE", "credentials"), name.to_owned()),
        ];
        for (path, section) in files {
            let text = path.as_deref().map(read_if_there).transpose()?.flatten().unwrap_or_default();
            for (in_section, key, value) in entries(&text) {
                if in_section == section || in_section == name {
                    found = true;
                    values.insert(key, value);
                }
            }
        }
        match asked {
            Some(name) if !found => Err(BucketError::Settings(format!(
                "AWS_PROFILE: there is no profile {name:?} in ~/.aws/credentials or ~/.aws/config"
            ))),
            _ => Ok(Profile(values)),
        }
    }
}

fn read_if_there(path: &Path) -> Result<Option<String>, BucketError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(e) => Err(BucketError::Settings(format!("the file {} cannot be read: {e}", path.display()))),
    }
}

/// Section, key and value of each entry. Nested values, which are indented, and comments are passed over.
fn entries(text: &str) -> Vec<(String, String, String)> {
    let (mut section, mut found) = (String::new(), Vec::new());
    for line in text.lines() {
        if line.starts_with([' ', '\t', '#', ';']) {
            continue;
        }
        if let Some(name) = line.trim_end().strip_prefix('[').and_then(|l| l.split_once(']')) {
            let words: Vec<&str> = name.0.split_whitespace().collect();
            section = words.join(" ");
        } else if let Some((key, value)) = line.split_once('=') {
            found.push((section.clone(), key.trim().to_lowercase(), value.trim().to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn resolve(settings: &Settings, env: &[(&str, &str)]) -> Result<Resolved, BucketError> {
        let find = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        settings.resolve(&find)
    }

    fn id(settings: &Settings, env: &[(&str, &str)]) -> String {
        resolve(settings, env).unwrap().keys.id
    }

    fn text(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    #[test]
    fn configuration_then_environment_then_profile() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        std::fs::write(
            home.path().join(".aws/credentials"),
            "# keys\n[default]\naws_access_key_id = of-default\naws_secret_access_key=s=1\n\
             [ work ]\nAWS_ACCESS_KEY_ID=of-work\naws_secret_access_key=2\naws_session_token=3\n",
        )
        .unwrap();
        std::fs::write(
            home.path().join(".aws/config"),
            "[default]\nregion = eu-north-1\ns3 =\n  endpoint_url = no\n[profile work]\nendpoint_url=http://work:1\n",
        )
        .unwrap();
        let home = ("HOME", home.path().to_str().unwrap());
        let none = Settings::default();
        let by_default = resolve(&none, &[home]).unwrap();
        assert!(by_default.keys == Keys { id: "of-default".into(), secret: "s=1".into(), token: None });
        assert_eq!(by_default.region, "eu-north-1");
        assert!(by_default.endpoint.is_none() && !by_default.path_style);
        let work = resolve(&none, &[home, ("AWS_PROFILE", "work")]).unwrap();
        assert!(work.keys == Keys { id: "of-work".into(), secret: "2".into(), token: text("3") });
        assert_eq!((work.endpoint.as_deref(), &work.region[..]), (Some("http://work:1"), "us-east-1"));
        assert!(work.path_style);
        let env =
            [home, ("AWS_ACCESS_KEY_ID", "of-env"), ("AWS_SECRET_ACCESS_KEY", "4"), ("AWS_REGION", "r")];
        assert_eq!(id(&none, &env), "of-env");
        assert_eq!(resolve(&none, &env).unwrap().region, "r");
        let own =
            Settings { access_key_id: text("own"), secret_access_key: text("5"), ..Settings::default() };
        assert_eq!(id(&own, &env), "own");
        assert!(resolve(&own, &env).unwrap().keys.token.is_none(), "keys are of one source");
        assert!(!format!("{own:?}").contains("own"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let why = |settings: &Settings, env: &[(&str, &str)]| match resolve(settings, env) {
            Err(BucketError::Settings(why)) => why,
            _ => String::new(),
        };
        let none = Settings::default();
        assert!(why(&none, &[]).contains("s3.access_key_id"));
        assert!(why(&none, &[("AWS_ACCESS_KEY_ID", "x")]).contains("AWS_SECRET_ACCESS_KEY"));
        assert!(why(&none, &[("AWS_PROFILE", "gone")]).contains("AWS_PROFILE"));
        assert!(why(&none, &[("AWS_ENDPOINT_URL", "store")]).contains("AWS_ENDPOINT_URL"));
        let half = Settings { access_key_id: text("x"), ..Settings::default() };
        assert!(why(&half, &[]).contains("s3.secret_access_key"));
    }
}
