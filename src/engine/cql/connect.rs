//! The driver, set up by the laws: quorums of the local datacenter, no retries, no guesses.

use super::{CONNECT_TIMEOUT_MS, OpenError, Options, REQUEST_TIMEOUT_MS, Tls};
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::{Session, TlsContext};
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::statement::{Consistency, SerialConsistency};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A session without a keyspace.
pub(super) async fn session(options: &Options) -> Result<Session, OpenError> {
    // Without shuffling, all nodes send one partition's conditional batches to one replica first:
    // two that coordinate at once would refuse each other's ballots.
    let mut policy = DefaultPolicy::builder().token_aware(true).enable_shuffling_replicas(false);
    if let Some(datacenter) = &options.datacenter {
        policy = policy.prefer_datacenter(datacenter.clone()).permit_dc_failover(false);
    }
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::LocalQuorum)
        .serial_consistency(Some(SerialConsistency::LocalSerial))
        .request_timeout(Some(Duration::from_millis(REQUEST_TIMEOUT_MS)))
        .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
        .speculative_execution_policy(None)
        .load_balancing_policy(policy.build())
        .build();
    let mut builder = SessionBuilder::new()
        .known_nodes(&options.nodes)
        .connection_timeout(Duration::from_millis(CONNECT_TIMEOUT_MS))
        .default_execution_profile_handle(profile.into_handle())
        .keyspaces_to_fetch([&options.keyspace])
        .fetch_full_schema_metadata(false)
        .refresh_metadata_on_auto_schema_agreement(false)
        .tls_context(options.tls.as_ref().map(tls).transpose()?);
    if let Some((user, password)) = &options.login {
        builder = builder.user(user, password);
    }
    builder.build().await.map_err(|cause| OpenError::Connect {
        nodes: options.nodes.join(", "),
        cause: cause.to_string(),
    })
}

fn tls(tls: &Tls) -> Result<TlsContext, OpenError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&tls.ca)? {
        roots.add(certificate).map_err(|cause| wrong(&tls.ca, &cause))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|cause| wrong(&tls.ca, &cause))?
        .with_root_certificates(roots);
    let config = match &tls.own {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let own = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|cause| wrong(key, &cause))?;
            let config = config.with_client_auth_cert(own, key);
            config.map_err(|cause| wrong(certificate, &cause))?
        }
    };
    Ok(TlsContext::Rustls023(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let read = CertificateDer::pem_file_iter(path)
        .and_then(|found| found.collect::<Result<Vec<_>, _>>())
        .map_err(|cause| wrong(path, &cause))?;
    if read.is_empty() {
        return Err(wrong(path, &"it holds no certificate"));
    }
    Ok(read)
}

fn wrong(path: &Path, cause: &dyn std::fmt::Display) -> OpenError {
    OpenError::Tls { path: path.to_owned(), cause: cause.to_string() }
}
