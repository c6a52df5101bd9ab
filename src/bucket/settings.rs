//! How a bucket is reached: what the configuration says, else the standard environment, else the profile files.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::BucketError;

/// What the configuration says; what is missing is looked up when the bucket is opened.
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
    /// `network.ca_file`.
    pub ca_file: Option<PathBuf>,
    /// `network.proxy`.
    pub proxy: Option<String>,
}

impl fmt::Debug for Settings {
    /// Keys and proxies' passwords are nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { endpoint, region, path_style, ca_file, .. } = self;
        f.debug_struct("Settings")
            .field("endpoint", endpoint)
            .field("region", region)
            .field("path_style", path_style)
            .field("ca_file", ca_file)
            .finish_non_exhaustive()
    }
}

/// What a client is made from.
pub(super) struct Resolved {
    pub(super) endpoint: Option<String>,
    pub(super) region: String,
    pub(super) path_style: bool,
    pub(super) keys: Keys,
}

/// What requests are signed with.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
}

impl Settings {
    /// Fills in what is missing from the process's environment and the files that it names.
    pub(super) fn resolve(&self) -> Result<Resolved, BucketError> {
        self.resolve_with(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn resolve_with(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<Resolved, BucketError> {
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

/// Whether a text is the URL of an endpoint.
pub fn check_endpoint(endpoint: &str) -> Result<(), &'static str> {
    const EXPECTED: &str =
        "a URL of scheme and host, such as https://s3.example.com or http://127.0.0.1:8333";
    let host = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
    let host = host.map(|host| host.strip_suffix('/').unwrap_or(host));
    let is_host = |host: &str| {
        !host.is_empty()
            && !host.contains(|c: char| c.is_whitespace() || c.is_control() || "/?#@%".contains(c))
    };
    host.is_some_and(is_host).then_some(()).ok_or(EXPECTED)
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
        settings.resolve_with(&find)
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
        for bad in
            ["", "host", "ftp://host", "http://", "https://h/bucket", "https://user@host", "http://a b"]
        {
            assert!(check_endpoint(bad).is_err(), "{bad}");
        }
    }
}
