use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// What is wrong with the sink's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CertificateFault {
    Expired,
    /// It is somebody else's.
    WrongHost,
}

/// A certificate of the sink's own for `localhost`; its PEM is written where the client can be told to trust it.
pub fn acceptor(certificate_file: &Path, fault: Option<CertificateFault>) -> anyhow::Result<TlsAcceptor> {
    let names = match fault {
        Some(CertificateFault::WrongHost) => vec!["mail.example".to_owned()],
        _ => vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
    };
    let mut asked = CertificateParams::new(names)?;
    if fault == Some(CertificateFault::Expired) {
        asked.not_before = rcgen::date_time_ymd(2020, 1, 1);
        asked.not_after = rcgen::date_time_ymd(2021, 1, 1);
    }
    let key = KeyPair::generate()?;
    let certificate = asked.self_signed(&key)?;
    std::fs::write(certificate_file, certificate.pem())?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
