//! A certificate of a server's own, for loopback.

use std::fs;
use std::path::{Path, PathBuf};

pub struct ServerCertificate {
    pub pem: String,
    key_pem: String,
}

/// Where it was written.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl ServerCertificate {
    pub fn make() -> anyhow::Result<Self> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        Ok(Self { pem: made.cert.pem(), key_pem: made.signing_key.serialize_pem() })
    }

    pub fn written_to(&self, folder: &Path) -> anyhow::Result<CertificateFiles> {
        let files = CertificateFiles { certificate: folder.join("server.crt"), key: folder.join("server.key") };
        fs::write(&files.certificate, &self.pem)?;
        fs::write(&files.key, &self.key_pem)?;
        // Postgres refuses a key that others may read.
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600))?;
        Ok(files)
    }
}
