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
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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

/// How a server comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    /// Connections are still accepted, so that whoever asks hears at once that this node goes
    /// down; each has one answer.
    Draining,
    /// No more are accepted.
    Closed,
}

/// A listening socket and what is behind it.
pub struct Server {
    /// Until [`Server::serve`] takes it.
    listener: Mutex<Option<TcpListener>>,
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
    edge: Arc<Edge>,
    /// Each HTTP connection holds a receiver.
    phase: watch::Sender<Phase>,
}

impl Server {
    /// Binds. Port 0 takes a free one.
    pub fn bind(addr: SocketAddr, tls: Option<TlsFiles>, edge: Arc<Edge>) -> io::Result<Arc<Self>> {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let tls = tls.map(Tls::load).transpose()?.map(Arc::new);
        let phase = watch::Sender::new(Phase::Serving);
        Ok(Arc::new(Self { listener: Mutex::new(Some(listener)), address, tls, edge, phase }))
    }

    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves the routes until [`Server::drain`] has sent everybody away; once. Requests carry
    /// `ConnectInfo<SocketAddr>`.
    pub async fn serve(&self, routes: Router) {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(listener) = listener else { return };
        let mut phase = self.phase.subscribe();
        let mut tls_check = time::interval(TLS_CHECK_INTERVAL);
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.accept(stream, peer, routes.clone()),
                    Err(error) => {
                        tracing::warn!(%error, "can't accept connections");
                        time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                () = reached(&mut phase, Phase::Closed) => return,
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
        let phase = self.phase.subscribe();
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
            http(stream, peer, routes, head_timeout, phase).await;
        });
    }

    /// Refuses new sockets, tells all that are open goodbye over `window`, and then stops
    /// accepting and lets requests end. Returns when all are gone, or had their time.
    pub async fn drain(&self, window: Duration) {
        self.edge.begin_drain();
        self.phase.send_replace(Phase::Draining);
        self.edge.drain(window).await;
        self.phase.send_replace(Phase::Closed);
        // Also where nobody ever served.
        drop(self.listener.lock().unwrap_or_else(PoisonError::into_inner).take());
        let _ = time::timeout(self.edge.config.head_timeout, self.phase.closed()).await;
    }
}

/// It is as far as this.
async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    let _ = phase.wait_for(|phase| *phase >= wanted).await;
}

/// A connection is to end with its answer. One that has not asked yet would be closed at once:
/// it may ask as long as others are accepted.
async fn leave(phase: &mut watch::Receiver<Phase>, asked: &AtomicBool) {
    reached(phase, Phase::Draining).await;
    if !asked.load(Ordering::Relaxed) {
        reached(phase, Phase::Closed).await;
    }
}

/// One HTTP connection, until it ends or becomes a socket.
async fn http(
    stream: Stream,
    peer: SocketAddr,
    routes: Router,
    head_timeout: Duration,
    mut phase: watch::Receiver<Phase>,
) {
    let asked = Arc::new(AtomicBool::new(false));
    let asks = Arc::clone(&asked);
    let service = routes.map_request(move |mut request: Request<hyper::body::Incoming>| {
        asks.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        // Of those that come while the node goes down, nobody stays.
        .keep_alive(*phase.borrow() == Phase::Serving)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = leave(&mut phase, &asked) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection ended badly");
    }
}
