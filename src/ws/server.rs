//! The accept loop: TCP, TLS if there is a certificate, HTTP/1.1 with a time-out for the head.

use super::Edge;
use super::stream::Stream;
use super::tls::{Tls, TlsFiles};
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time;
use tower::ServiceExt as _;

/// Connections that wait for the accept; the kernel may allow less.
const BACKLOG: u32 = 4_096;
/// After an accept that failed, such as without free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often the certificate's files are looked at.
const TLS_CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// A listening socket and what is behind it.
pub struct Server {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    edge: Arc<Edge>,
    /// True from [`Server::drain`] on; each HTTP connection holds a receiver.
    draining: watch::Sender<bool>,
}

impl Server {
    /// Binds. Port 0 takes a free one.
    pub fn bind(addr: SocketAddr, tls: Option<TlsFiles>, edge: Arc<Edge>) -> io::Result<Arc<Self>> {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        let listener = socket.listen(BACKLOG)?;
        let tls = tls.map(Tls::load).transpose()?.map(Arc::new);
        Ok(Arc::new(Self { listener, tls, edge, draining: watch::Sender::new(false) }))
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves the routes until [`Server::drain`] begins. Requests carry
    /// `ConnectInfo<SocketAddr>`.
    pub async fn serve(&self, routes: Router) {
        let mut draining = self.draining.subscribe();
        let mut tls_check = time::interval(TLS_CHECK_INTERVAL);
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => self.accept(stream, peer, routes.clone()),
                    Err(error) => {
                        tracing::warn!(%error, "can't accept connections");
                        time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                () = begun(&mut draining) => return,
                _ = tls_check.tick(), if self.tls.is_some() => self.check_tls(),
            }
        }
    }

    fn check_tls(&self) {
        let Some(tls) = self.tls.clone() else { return };
        tokio::task::spawn_blocking(move || match tls.reload_if_changed() {
            Ok(true) => tracing::info!("the TLS certificate was read again"),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "can't read the TLS certificate again"),
        });
    }

    fn accept(&self, stream: TcpStream, peer: SocketAddr, routes: Router) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection was gone at once");
            return;
        }
        let acceptor = self.tls.as_ref().map(|tls| tls.acceptor());
        let head_timeout = self.edge.config.head_timeout;
        let draining = self.draining.subscribe();
        tokio::spawn(async move {
            let stream = match acceptor {
                None => Stream::Plain(stream),
                Some(acceptor) => {
                    match time::timeout(head_timeout, acceptor.accept(stream)).await {
                        Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
                        Ok(Err(error)) => {
                            tracing::debug!(%error, "a TLS handshake failed");
                            return;
                        }
                        Err(_) => return,
                    }
                }
            };
            http(stream, peer, routes, head_timeout, draining).await;
        });
    }

    /// Stops accepting, lets requests end, and tells all sockets goodbye over `window`.
    /// Returns when all are gone, or had their time.
    pub async fn drain(&self, window: Duration) {
        self.draining.send_replace(true);
        self.edge.drain(window).await;
        let _ = time::timeout(self.edge.config.head_timeout, self.draining.closed()).await;
    }
}

/// The drain has begun.
async fn begun(draining: &mut watch::Receiver<bool>) {
    let _ = draining.wait_for(|draining| *draining).await;
}

/// One HTTP connection, until it ends or becomes a socket.
async fn http(
    stream: Stream,
    peer: SocketAddr,
    routes: Router,
    head_timeout: Duration,
    mut draining: watch::Receiver<bool>,
) {
    let service = routes.map_request(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = begun(&mut draining) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection ended badly");
    }
}
