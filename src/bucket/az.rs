//! A container in Azure Blob Storage: account and key or shared access signature, and what answers mean.

use std::fmt;
use std::sync::Arc;

use object_store::ClientOptions;
use object_store::azure::{AzureAccessKey, MicrosoftAzureBuilder, split_sas};

use super::client::Client;
use super::error::{Answers, refused};
use super::settings::{check_endpoint_with_path, no_client, to_endpoint, variable};
use super::{BucketError, http};

/// What the configuration says.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `az.endpoint`.
    pub endpoint: Option<String>,
    /// `az.account`.
    pub account: Option<String>,
    /// `az.access_key`.
    pub access_key: Option<String>,
    /// `az.sas_token`.
    pub sas_token: Option<String>,
}

impl fmt::Debug for Settings {
    /// Keys are nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { endpoint, account, .. } = self;
        f.debug_struct("Settings")
            .field("endpoint", endpoint)
            .field("account", account)
            .finish_non_exhaustive()
    }
}

pub(super) const ANSWERS: Answers = Answers {
    endpoint: "az.account and az.endpoint (AZURE_STORAGE_ENDPOINT)",
    access: "az.access_key or az.sas_token must allow to list the container, and to read and write blobs in it",
    meaning,
};

/// What Azure's own codes mean. Of the many that have status 409 only some say that nothing was done.
fn meaning(status: u16, code: &str) -> Option<BucketError> {
    Some(match (status, code) {
        // The other: who may create but not write.
        (_, "BlobAlreadyExists" | "UnauthorizedBlobOverwrite") => BucketError::Exists,
        (_, "ContainerNotFound" | "InvalidResourceName") => BucketError::NoBucket,
        (_, "AuthenticationFailed" | "InvalidAuthenticationInfo" | "NoAuthenticationInformation") => refused(
            code,
            "check az.account and az.access_key (AZURE_STORAGE_ACCOUNT_KEY), or az.sas_token (AZURE_STORAGE_SAS_TOKEN) and \
             when it expires, and the clock of this machine",
        ),
        (_, "KeyBasedAuthenticationNotPermitted") => {
            refused(code, "the account takes no keys; set az.sas_token (AZURE_STORAGE_SAS_TOKEN)")
        }
        (_, "BlobArchived" | "BlobBeingRehydrated") => {
            refused(code, "something moved the blob to the archive; every blob must be in an online tier")
        }
        (_, "BlobImmutableDueToPolicy") => refused(code, "a policy of the container forbids it"),
        _ => return None,
    })
}

/// What a client is made from.
struct Resolved {
    endpoint: String,
    account: String,
    credentials: Credentials,
}

#[derive(Clone, PartialEq, Eq)]
enum Credentials {
    AccessKey(String),
    SasToken(String),
}

impl Settings {
    pub(super) fn configured(value: &dyn Fn(&str) -> Option<String>) -> Settings {
        Settings {
            endpoint: value("az.endpoint"),
            account: value("az.account"),
            access_key: value("az.access_key"),
            sas_token: value("az.sas_token"),
        }
    }

    pub(super) fn connect(
        &self,
        container: &str,
        options: ClientOptions,
        connector: http::Connector,
    ) -> Result<Arc<dyn Client>, BucketError> {
        let Resolved { endpoint, account, credentials } = self.resolve(&variable)?;
        let builder = MicrosoftAzureBuilder::new()
            .with_http_connector(connector)
            .with_client_options(to_endpoint(options, Some(&endpoint)))
            .with_container_name(container)
            .with_account(account)
            .with_endpoint(endpoint)
            .with_retry(http::no_retries());
        let builder = match credentials {
            Credentials::AccessKey(key) => builder.with_access_key(key),
            Credentials::SasToken(token) => builder.with_sas_authorization(pairs(&token)?),
        };
        let client = builder.build().map_err(|error| {
            no_client(error, &ANSWERS, || format!("no client can be made: check {}", ANSWERS.endpoint))
        })?;
        Ok(Arc::new(client))
    }

    /// Fills in what is missing from the environment.
    fn resolve(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<Resolved, BucketError> {
        let account = self.account.clone().or_else(|| env("AZURE_STORAGE_ACCOUNT_NAME"));
        let account = account.ok_or_else(|| {
            let what = "there is no account: set az.account, or AZURE_STORAGE_ACCOUNT_NAME";
            BucketError::Settings(what.to_owned())
        })?;
        let endpoint = self.endpoint.clone().or_else(|| env("AZURE_STORAGE_ENDPOINT"));
        let endpoint = endpoint.unwrap_or_else(|| format!("https://{account}.blob.core.windows.net"));
        check_endpoint_with_path(&endpoint)
            .map_err(|what| BucketError::Settings(format!("{}: {what}", ANSWERS.endpoint)))?;
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        Ok(Resolved { endpoint, account, credentials: self.credentials(env)? })
    }

    /// The credentials, of one source.
    fn credentials(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<Credentials, BucketError> {
        let own = (self.access_key.clone(), self.sas_token.clone());
        let of_env = (env("AZURE_STORAGE_ACCOUNT_KEY"), env("AZURE_STORAGE_SAS_TOKEN"));
        for (key_name, token_name, source) in [
            ("az.access_key", "az.sas_token", own),
            ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN", of_env),
        ] {
            let wrong = |what: String| Err(BucketError::Settings(what));
            return match source {
                (None, None) => continue,
                (Some(_), Some(_)) => {
                    wrong(format!("{key_name} and {token_name} are both set; one is wanted"))
                }
                (Some(key), None) if AzureAccessKey::try_new(&key).is_err() => {
                    wrong(format!("{key_name}: the key is not in base64; copy it as a whole"))
                }
                (Some(key), None) => Ok(Credentials::AccessKey(key)),
                (None, Some(token)) if pairs(&token).is_err() => wrong(format!(
                    "{token_name}: a shared access signature is wanted, such as sv=...&se=...&sp=...&sig=..."
                )),
                (None, Some(token)) => Ok(Credentials::SasToken(token)),
            };
        }
        Err(BucketError::Settings(
            "there are no credentials: set az.access_key or az.sas_token, or AZURE_STORAGE_ACCOUNT_KEY or \
             AZURE_STORAGE_SAS_TOKEN"
                .to_owned(),
        ))
    }
}

/// The parameters of a shared access signature.
fn pairs(token: &str) -> Result<Vec<(String, String)>, BucketError> {
    let pairs = split_sas(token).unwrap_or_default();
    let is_signed = pairs.iter().any(|(name, value)| name == "sig" && !value.is_empty());
    is_signed
        .then_some(pairs)
        .ok_or_else(|| BucketError::Settings("az.sas_token has no signature".to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn resolve(settings: &Settings, env: &[(&str, &str)]) -> Result<Resolved, BucketError> {
        let find = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        settings.resolve(&find)
    }

    fn text(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    #[test]
    fn configuration_then_environment() {
        let none = Settings::default();
        let env = [("AZURE_STORAGE_ACCOUNT_NAME", "ann"), ("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")];
        let of_env = resolve(&none, &env).unwrap();
        assert_eq!((&of_env.endpoint[..], &of_env.account[..]), ("https://ann.blob.core.windows.net", "ann"));
        assert!(of_env.credentials == Credentials::AccessKey("a2V5".into()));
        let own = Settings {
            endpoint: text("http://127.0.0.1:10000/bob/"),
            account: text("bob"),
            sas_token: text("?sv=1&sig=s3cret%3D"),
            ..Settings::default()
        };
        let configured = resolve(&own, &env).unwrap();
        assert_eq!(
            (&configured.endpoint[..], &configured.account[..]),
            ("http://127.0.0.1:10000/bob", "bob")
        );
        assert!(
            configured.credentials == Credentials::SasToken("?sv=1&sig=s3cret%3D".into()),
            "of one source"
        );
        assert!(!format!("{own:?}").contains("s3cret"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let why = |settings: &Settings, env: &[(&str, &str)]| match resolve(settings, env) {
            Err(BucketError::Settings(why)) => why,
            _ => String::new(),
        };
        let none = Settings::default();
        let ann = Settings { account: text("ann"), ..Settings::default() };
        assert!(why(&none, &[]).contains("az.account"));
        assert!(why(&ann, &[]).contains("az.access_key") && why(&ann, &[]).contains("az.sas_token"));
        assert!(why(&ann, &[("AZURE_STORAGE_ENDPOINT", "ann")]).contains("AZURE_STORAGE_ENDPOINT"));
        for (name, value) in [
            ("AZURE_STORAGE_ACCOUNT_KEY", "s3cret!"),
            ("AZURE_STORAGE_SAS_TOKEN", "s3cret"),
            ("AZURE_STORAGE_SAS_TOKEN", "sv=s3cret"),
        ] {
            let why = why(&ann, &[(name, value)]);
            assert!(why.contains(name) && !why.contains("s3cret"), "{why}");
        }
        let both = Settings { access_key: text("a2V5"), sas_token: text("sig=a"), ..ann };
        assert!(why(&both, &[]).contains("both"));
    }

    #[test]
    fn each_answer_names_what_to_change() {
        let of = |status, code| BucketError::of_answer(&ANSWERS, status, code, "");
        for (status, code, name) in [
            (403, "AuthenticationFailed", "az.access_key"),
            (403, "AuthenticationFailed", "clock"),
            (403, "AuthorizationPermissionMismatch", "az.sas_token must allow"),
            (403, "KeyBasedAuthenticationNotPermitted", "az.sas_token"),
            (404, "ContainerNotFound", "workspace.url"),
            (400, "InvalidResourceName", "workspace.url"),
            (409, "BlobArchived", "online tier"),
            (409, "BlobImmutableDueToPolicy", "policy"),
        ] {
            let error = of(status, code);
            assert!(error.to_string().contains(name), "{error}");
            assert!(error.is_without_effect() && !error.is_transient(), "{error}");
        }
        assert!(matches!(of(409, "BlobAlreadyExists"), BucketError::Exists));
        assert!(matches!(of(403, "UnauthorizedBlobOverwrite"), BucketError::Exists));
        assert!(matches!(of(412, "ConditionNotMet"), BucketError::Exists));
        assert!(matches!(of(404, "BlobNotFound"), BucketError::NotFound));
        for (status, code) in
            [(409, "LeaseAlreadyPresent"), (409, ""), (500, "OperationTimedOut"), (503, "ServerBusy")]
        {
            assert!(!of(status, code).is_without_effect() && of(status, code).is_transient(), "{code}");
        }
    }
}
