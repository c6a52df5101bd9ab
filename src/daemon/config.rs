//! Configuration by key: strings in, checked when they are set, described for whoever shows them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::bucket::{check_endpoint, check_endpoint_with_path};
use crate::content::{disk, memory};
use crate::database::{self, check_url};
use crate::error::{Error, Result, Status};
use crate::filespace::DEFAULT_LEASE;
use crate::workspace::Location;

/// What there is to know about a key.
#[derive(Debug, Clone, Copy)]
pub struct KeyInfo {
    /// The key.
    pub key: &'static str,
    /// Its type: `string`, `integer` or `boolean`.
    pub kind: &'static str,
    /// Its value if it is not set; empty: worked out as described.
    pub default: &'static str,
    /// What it means, with units and range.
    pub meaning: &'static str,
    check: fn(&str) -> Result<(), String>,
}

/// Every key there is.
pub const KEYS: &[KeyInfo] = &[
    KeyInfo {
        key: "az.access_key",
        kind: "string",
        default: "",
        meaning: "A key of az.account, in base64. Default: AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN, unless \
                  az.sas_token is set.",
        check: word,
    },
    KeyInfo {
        key: "az.account",
        kind: "string",
        default: "",
        meaning: "The storage account that the container of an az:// workspace is in. Default: \
                  AZURE_STORAGE_ACCOUNT_NAME.",
        check: word,
    },
    KeyInfo {
        key: "az.endpoint",
        kind: "string",
        default: "",
        meaning: "URL of the store that the container is in, such as https://account.blob.core.windows.net; http:// only \
                  where nobody listens. Default: AZURE_STORAGE_ENDPOINT, else Azure's for az.account.",
        check: |v| check_endpoint_with_path(v).map_err(str::to_owned),
    },
    KeyInfo {
        key: "az.sas_token",
        kind: "string",
        default: "",
        meaning: "A shared access signature for the container or account, in place of az.access_key. Default: as said \
                  there.",
        check: word,
    },
    KeyInfo {
        key: "daemon.allow_multiple",
        kind: "boolean",
        default: "false",
        meaning: "Whether this daemon may run beside others of the same process.",
        check: boolean,
    },
    KeyInfo {
        key: "fs.cache.location",
        kind: "string",
        default: "",
        meaning: "Absolute path of the folder in which SANDBOXED storage makes its temporary folder. Default: \
                  the system's folder for temporary files.",
        check: absolute,
    },
    KeyInfo {
        key: "fs.cache.size",
        kind: "integer",
        default: "0",
        meaning: "Bytes of stored content kept sealed in the daemon's storage folder, for all its filespaces \
                  together, in MB (2^20 bytes): 0 for none, or 32 to 1048576. It pays where the workspace is \
                  slower than the storage folder.",
        check: |v| match v {
            "0" => Ok(()),
            _ => range(v, disk::MIN_LIMIT >> 20, 1 << 20).map_err(|expected| format!("0 or {expected}")),
        },
    },
    KeyInfo {
        key: "gs.endpoint",
        kind: "string",
        default: "",
        meaning: "URL of the store that the bucket of a gs:// workspace is in, such as http://127.0.0.1:4443; http:// only \
                  where nobody listens. Default: STORAGE_EMULATOR_HOST, else Google's.",
        check: |v| check_endpoint(v).map_err(str::to_owned),
    },
    KeyInfo {
        key: "gs.service_account_file",
        kind: "string",
        default: "",
        meaning: "Absolute path of the file with the key of a service account, in JSON form, that requests to a bucket are \
                  from. Default: GOOGLE_APPLICATION_CREDENTIALS.",
        check: absolute,
    },
    KeyInfo {
        key: "log.url",
        kind: "string",
        default: "",
        meaning: "The PostgreSQL database that the logs of a workspace in a bucket are in, for many writers, such as \
                  postgres://user:password@host/name; with ?sslmode=require TLS is a must. Default: the environment \
                  variable LUCIDLINK_LOG_URL, else they are in the bucket.",
        check: check_url,
    },
    KeyInfo {
        key: "memory.limit",
        kind: "integer",
        default: "512",
        meaning: "Memory for cached and unpublished content in MB (2^20 bytes), 32 to 1048576; for the whole \
                  process, set when the daemon starts.",
        check: |v| range(v, (memory::MIN_LIMIT >> 20) as u64, 1 << 20),
    },
    KeyInfo {
        key: "network.ca_file",
        kind: "string",
        default: "",
        meaning: "Absolute path of a file with certificates in PEM form that are trusted for a bucket's store and for \
                  the database of log.url, beside those of the system.",
        check: absolute,
    },
    KeyInfo {
        key: "network.proxy",
        kind: "string",
        default: "",
        meaning: "URL of a proxy through which a bucket is reached, such as http://proxy:3128. Default: the \
                  environment variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY.",
        check: proxy,
    },
    KeyInfo {
        key: "network.timeout",
        kind: "integer",
        default: "60",
        meaning: "How long a call may wait for log and store, in seconds, 1 to 3600.",
        check: |v| range(v, 1, 3600),
    },
    KeyInfo {
        key: "s3.access_key_id",
        kind: "string",
        default: "",
        meaning: "Who requests to a bucket are from; with s3.secret_access_key. Default: the environment variables \
                  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, else the profile that AWS_PROFILE \
                  names (else default) in ~/.aws/credentials and ~/.aws/config.",
        check: word,
    },
    KeyInfo {
        key: "s3.endpoint",
        kind: "string",
        default: "",
        meaning: "URL of the store that a bucket is in, such as https://s3.example.com; http:// only where nobody \
                  listens. Default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile's, else Amazon's for s3.region.",
        check: |v| check_endpoint(v).map_err(str::to_owned),
    },
    KeyInfo {
        key: "s3.path_style",
        kind: "boolean",
        default: "",
        meaning: "Whether the bucket's name is in the path of requests, not in the host's name. Default: true with an \
                  endpoint of its own, else false.",
        check: boolean,
    },
    KeyInfo {
        key: "s3.region",
        kind: "string",
        default: "",
        meaning: "The region that a bucket is in. Default: AWS_REGION, AWS_DEFAULT_REGION, the profile's, else \
                  us-east-1.",
        check: word,
    },
    KeyInfo {
        key: "s3.secret_access_key",
        kind: "string",
        default: "",
        meaning: "The secret that belongs to s3.access_key_id. Default: as said there.",
        check: word,
    },
    KeyInfo {
        key: "s3.session_token",
        kind: "string",
        default: "",
        meaning: "The token that belongs to s3.access_key_id, if it is a temporary one. Default: as said there.",
        check: word,
    },
    KeyInfo {
        key: "session.lease",
        kind: "integer",
        default: "30",
        meaning: "How long a client that gives no sign of life keeps its locks, in seconds, 1 to 3600; by the clock of \
                  whoever waits for one. The same for all clients of a filespace: one that holds locks writes to the \
                  log at least every third of it.",
        check: |v| range(v, 1, 3600),
    },
    KeyInfo {
        key: "workspace.url",
        kind: "string",
        default: "",
        meaning: "Where the workspace is: file:///folder, s3://bucket/prefix, gs://bucket/prefix or \
                  az://container/prefix. Default: the environment variable LUCIDLINK_WORKSPACE_URL, else the folder \
                  lucidlink/workspace in $XDG_DATA_HOME or ~/.local/share.",
        check: |v| {
            let expected = || {
                "a URL such as file:///folder, s3://bucket/prefix, gs://bucket/prefix or \
                               az://container/prefix"
                    .to_owned()
            };
            Location::parse(v).map(drop).map_err(|_| expected())
        },
    },
];

/// Values by key. Some are secrets: none is shown.
#[derive(Clone, Default)]
pub struct Config {
    values: BTreeMap<&'static str, String>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Config").field(&self.values.keys()).finish()
    }
}

impl Config {
    /// Sets a key. An unknown key and a value that does not fit are different errors.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let info = info(key)?;
        (info.check)(value).map_err(|expected| {
            let what = format!("{key}: the value is not valid; it must be {expected}");
            Error::new(Status::InvalidValue, what)
        })?;
        self.values.insert(info.key, value.to_owned());
        Ok(())
    }

    /// The value of a key, or its default.
    pub fn get(&self, key: &str) -> Result<&str> {
        let info = info(key)?;
        Ok(self.values.get(info.key).map_or(info.default, String::as_str))
    }

    /// `daemon.allow_multiple`.
    pub fn allow_multiple(&self) -> bool {
        self.get("daemon.allow_multiple").is_ok_and(|v| v == "true")
    }

    /// `network.timeout`.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.number("network.timeout").unwrap_or(60))
    }

    /// `session.lease`.
    pub fn lease(&self) -> Duration {
        self.number("session.lease").map_or(DEFAULT_LEASE, Duration::from_secs)
    }

    /// `memory.limit`, in bytes.
    pub fn memory_limit(&self) -> usize {
        self.number("memory.limit").map_or(memory::DEFAULT_LIMIT, |mb| (mb << 20) as usize)
    }

    /// `fs.cache.location`, or the system's folder for temporary files.
    pub fn cache_location(&self) -> PathBuf {
        match self.get("fs.cache.location") {
            Ok("") | Err(_) => std::env::temp_dir(),
            Ok(path) => PathBuf::from(path),
        }
    }

    /// `fs.cache.size`, in bytes; none: no cache on disk.
    pub fn disk_cache(&self) -> Option<u64> {
        self.number("fs.cache.size").filter(|mb| *mb > 0).map(|mb| mb << 20)
    }

    /// `workspace.url`, or what stands for it; with what says how a bucket is reached.
    pub fn location(&self) -> Result<Location> {
        const FROM_ENVIRONMENT: &str = "LUCIDLINK_WORKSPACE_URL";
        let location = match (self.get("workspace.url")?, std::env::var(FROM_ENVIRONMENT)) {
            ("", Ok(url)) if !url.is_empty() => Location::parse(&url)?,
            ("", Err(std::env::VarError::NotUnicode(_))) => {
                let what = format!("{FROM_ENVIRONMENT} is not UTF-8; write such bytes as %XX");
                return Err(Error::new(Status::InvalidValue, what));
            }
            ("", _) => default_location()?,
            (set, _) => Location::parse(set)?,
        };
        let text = |key: &str| self.get(key).ok().filter(|value| !value.is_empty()).map(str::to_owned);
        match &location {
            Location::Folder(_) if text("log.url").is_some() => {
                let what = "log.url: a workspace in a folder keeps its logs there; leave it out, or set workspace.url to \
                            a bucket, such as s3://bucket/prefix";
                Err(Error::new(Status::InvalidValue, what))
            }
            Location::Folder(_) => Ok(location),
            Location::Bucket { settings, .. } => {
                let store = settings.configured(&text);
                let logs = database::Settings { url: text("log.url"), ca_file: store.ca_file.clone() };
                Ok(location.reached_by(store, logs))
            }
        }
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.get(key).ok()?.parse().ok()
    }
}

fn default_location() -> Result<Location> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|h| h.join(".local/share")));
    let data = data.ok_or_else(|| {
        let what =
            "workspace.url is not set, and neither LUCIDLINK_WORKSPACE_URL nor HOME says where to look";
        Error::new(Status::InvalidValue, what)
    })?;
    Ok(Location::from(data.join("lucidlink/workspace")))
}

fn info(key: &str) -> Result<&'static KeyInfo> {
    KEYS.iter().find(|info| info.key == key).ok_or_else(|| {
        let known: Vec<&str> = KEYS.iter().map(|info| info.key).collect();
        let what = format!("there is no configuration key {key:?}; there are {}", known.join(", "));
        Error::new(Status::UnknownKey, what)
    })
}

fn boolean(value: &str) -> Result<(), String> {
    if matches!(value, "true" | "false") { Ok(()) } else { Err("true or false".to_owned()) }
}

fn absolute(value: &str) -> Result<(), String> {
    if value.starts_with('/') { Ok(()) } else { Err("an absolute path".to_owned()) }
}

fn word(value: &str) -> Result<(), String> {
    let is_word = !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic());
    if is_word { Ok(()) } else { Err("a text of visible ASCII characters without blanks".to_owned()) }
}

fn proxy(value: &str) -> Result<(), String> {
    let host = value.strip_prefix("http://").or_else(|| value.strip_prefix("https://"));
    let is_url = host.is_some_and(|host| !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic()));
    if is_url { Ok(()) } else { Err("a URL such as http://proxy:3128".to_owned()) }
}

fn range(value: &str, low: u64, high: u64) -> Result<(), String> {
    let fits = value.parse().is_ok_and(|n| (low..=high).contains(&n));
    if fits { Ok(()) } else { Err(format!("a whole number from {low} to {high}")) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_default_is_valid_and_every_key_is_described() {
        for info in KEYS {
            assert!(info.default.is_empty() || (info.check)(info.default).is_ok(), "{}", info.key);
            assert!(info.meaning.len() > 20 && ["string", "integer", "boolean"].contains(&info.kind));
            assert_eq!(Config::default().get(info.key).unwrap(), info.default);
        }
    }

    #[test]
    fn a_value_out_of_range_is_told_the_range_that_its_description_gives() {
        let limits = "32 to 1048576";
        for (key, range) in [
            ("memory.limit", limits),
            ("fs.cache.size", limits),
            ("network.timeout", "1 to 3600"),
            ("session.lease", "1 to 3600"),
        ] {
            let error = Config::default().set(key, "9999999").unwrap_err().to_string();
            let meaning = info(key).unwrap().meaning;
            assert!(error.contains(key) && error.contains(range) && meaning.contains(range), "{error}");
        }
    }

    #[test]
    fn unknown_keys_and_bad_values_are_told_apart() {
        let mut config = Config::default();
        let status = |r: Result<()>| r.unwrap_err().status();
        assert_eq!(status(config.set("fs.cash.size", "1")), Status::UnknownKey);
        for (key, bad) in [
            ("az.access_key", ""),
            ("az.endpoint", "account"),
            ("gs.endpoint", "https://store/bucket"),
            ("gs.service_account_file", "key.json"),
            ("memory.limit", "31"),
            ("memory.limit", "many"),
            ("network.timeout", "0"),
            ("session.lease", "0"),
            ("daemon.allow_multiple", "yes"),
            ("fs.cache.location", "here"),
            ("fs.cache.size", "31"),
            ("fs.cache.size", "-1"),
            ("fs.cache.size", "1048577"),
            ("log.url", "postgres:database"),
            ("network.ca_file", "ca.pem"),
            ("network.proxy", "proxy:3128"),
            ("s3.access_key_id", "two words"),
            ("s3.endpoint", "https://store/bucket"),
            ("s3.path_style", "maybe"),
            ("s3.region", ""),
            ("workspace.url", "/folder"),
        ] {
            assert_eq!(status(config.set(key, bad)), Status::InvalidValue, "{key}={bad}");
        }
        assert_eq!(config.disk_cache(), None);
        config.set("fs.cache.size", "32").unwrap();
        assert_eq!(config.disk_cache(), Some(32 << 20));
        config.set("fs.cache.size", "0").unwrap();
        assert_eq!(config.disk_cache(), None);
        for key in ["s3.secret_access_key", "az.access_key", "az.sas_token"] {
            config.set(key, "s3cret").unwrap();
        }
        assert!(!format!("{config:?}").contains("s3cret"));
        config.set("network.timeout", "5").unwrap();
        assert_eq!(config.timeout(), Duration::from_secs(5));
    }
}
