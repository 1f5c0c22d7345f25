//! TLS from two PEM files, read again when they change.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Where the certificate chain and its key are.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// PEM, the server's own certificate first.
    pub cert: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

/// When the two files were written, and how long they are.
type Stamp = [(SystemTime, u64); 2];

/// What is in use, and what it was made from.
pub(super) struct Tls {
    files: TlsFiles,
    current: RwLock<(TlsAcceptor, Stamp)>,
}

impl Tls {
    /// Reads both files.
    pub(super) fn load(files: TlsFiles) -> io::Result<Self> {
        // The stamp comes first: a change while reading is seen next time.
        let stamp = stamp(&files)?;
        let current = RwLock::new((acceptor(&files)?, stamp));
        Ok(Self { files, current })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.current.read().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Reads the files again if they changed. New connections get the new certificate; on an
    /// error the old one stays, and the next look tries again. Blocks on the disk.
    pub(super) fn reload_if_changed(&self) -> io::Result<bool> {
        let stamp = stamp(&self.files)?;
        if self.current.read().unwrap_or_else(PoisonError::into_inner).1 == stamp {
            return Ok(false);
        }
        let acceptor = acceptor(&self.files)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = (acceptor, stamp);
        Ok(true)
    }
}

fn stamp(files: &TlsFiles) -> io::Result<Stamp> {
    let one = |path: &Path| {
        let meta = std::fs::metadata(path)?;
        Ok::<_, io::Error>((meta.modified()?, meta.len()))
    };
    Ok([one(&files.cert)?, one(&files.key)?])
}

fn acceptor(files: &TlsFiles) -> io::Result<TlsAcceptor> {
    let certs = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(io::Error::other)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certs, key))
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
