//! Whom a connection trusts.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::DatabaseError;

/// Makes TLS connections to servers whose certificates the system trusts, or a file. Where none will be made,
/// nothing is read.
pub(super) fn connector(ca_file: Option<&Path>, is_used: bool) -> Result<MakeRustlsConnect, DatabaseError> {
    let mut roots = RootCertStore::empty();
    if is_used {
        // What of the system's own cannot be read is not trusted.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        ca_file.map_or(Ok(0), |file| add_file(&mut roots, file))?;
    }
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(|e| DatabaseError::Failed(format!("TLS cannot be used: {e}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// How many it holds.
fn add_file(roots: &mut RootCertStore, file: &Path) -> Result<usize, DatabaseError> {
    let wrong = |why: String| {
        DatabaseError::Settings(format!("network.ca_file: {} cannot be used: {why}", file.display()))
    };
    let mut count = 0;
    for certificate in CertificateDer::pem_file_iter(file).map_err(|e| wrong(e.to_string()))? {
        let certificate = certificate.map_err(|e| wrong(e.to_string()))?;
        roots.add(certificate).map_err(|e| wrong(e.to_string()))?;
        count += 1;
    }
    match count {
        0 => Err(wrong("it holds no certificate in PEM form".to_owned())),
        count => Ok(count),
    }
}
