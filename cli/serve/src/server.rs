//! A server from its start to its stop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::blocking::Blocking;
use crate::case::{CaseSource, CaseState};
use crate::checks::{Access, HostNames};
use crate::config::{ConfigError, ServerConfig};
use crate::connection::Connections;
use crate::health::HealthState;
use crate::listen::Listener;
use crate::metrics::Metrics;
use crate::tls::{TlsError, acceptor};
use crate::transcribe::{TranscribeState, Transcriber, UploadFolder};

/// Blocking calls of the case at once, and of the transcriber.
const CALLS: usize = 64;
/// Pause after a connection could not be accepted, as when the process has too many open files.
const PAUSE: Duration = Duration::from_millis(100);
/// Time for the last answers after requests were given up.
const LAST_RESPONSES: Duration = Duration::from_secs(2);

/// What a server offers: a case, transcription, or both.
#[derive(Clone, Default)]
pub struct Services {
    /// The case.
    pub case: Option<Arc<dyn CaseSource>>,
    /// What transcribes.
    pub transcriber: Option<Arc<dyn Transcriber>>,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The settings are not safe or not possible.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address or socket cannot be used.
    #[error("cannot listen: {0}; choose another address or socket, or stop the program that uses it")]
    Listen(#[source] io::Error),
    /// The folder for uploads cannot be made.
    #[error("the folder for uploads cannot be made: {0}; choose another one")]
    Uploads(#[source] io::Error),
    /// The system refuses threads, random numbers or another resource.
    #[error("the system refuses what the server needs: {0}")]
    System(#[source] io::Error),
    /// There is nothing to serve.
    #[error("there is nothing to serve: name a case, or a transcriber")]
    Nothing,
}

/// What stops a server, on any thread.
#[derive(Debug, Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Something to stop a server with.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the server: it accepts nothing more and finishes the requests in progress, within its limit.
    pub fn stop(&self) {
        self.0.cancel();
    }
}

/// How a server has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Connections that were cut off because their requests took longer than the limit.
    pub cut: usize,
}

/// A server that listens, and accepts connections once it runs.
pub struct Server {
    listener: Listener,
    address: Option<SocketAddr>,
    connections: Connections,
    metrics: Metrics,
    places: Arc<Semaphore>,
    stop_time: Duration,
    gives_up: CancellationToken,
}

impl Server {
    /// Checks the settings and binds the address or socket. Must be called in a runtime of tokio; [`serve`] starts one.
    ///
    /// # Errors
    /// What is not safe, or not possible.
    pub async fn bind(config: &ServerConfig, services: Services) -> Result<Self, ServeError> {
        config.check()?;
        if services.case.is_none() && services.transcriber.is_none() {
            return Err(ServeError::Nothing);
        }
        let tls = config.tls.as_ref().map(acceptor).transpose()?;
        let metrics = Metrics::new().map_err(|error| ServeError::System(io::Error::other(error)))?;
        let listener = Listener::bind(&config.listen).await.map_err(ServeError::Listen)?;
        let address = listener.address().map_err(ServeError::Listen)?;
        let gives_up = CancellationToken::new();
        let app = app(config, services, address, &metrics, &gives_up)?;
        let limits = &config.limits;
        let connections = Connections {
            app: app.router(),
            tls,
            headers: limits.headers,
            stalled_write: limits.stalled_write,
            stops: CancellationToken::new(),
        };
        let places = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
        Ok(Self { listener, address, connections, metrics, places, stop_time: limits.stop, gives_up })
    }

    /// The address with its port; a Unix socket has none.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Accepts connections until `stop`, and then finishes the requests in progress.
    pub async fn run(self, stop: &Stop) -> Stopped {
        let mut running = JoinSet::new();
        while let Some((stream, peer, place)) = self.next(stop).await {
            let (connections, held) = (self.connections.clone(), self.metrics.connection());
            running.spawn(async move {
                connections.serve(stream, peer).await;
                drop((place, held));
            });
            while running.try_join_next().is_some() {}
        }
        let Self { listener, connections, stop_time, gives_up, .. } = self;
        drop(listener);
        connections.stops.cancel();
        if timeout(stop_time, finish(&mut running)).await.is_err() {
            gives_up.cancel();
            let _ = timeout(LAST_RESPONSES, finish(&mut running)).await;
        }
        let cut = running.len();
        running.shutdown().await;
        Stopped { cut }
    }

    /// The next connection, or nothing when the server stops.
    async fn next(&self, stop: &Stop) -> Option<(crate::listen::Stream, crate::checks::Peer, OwnedSemaphorePermit)> {
        loop {
            let accept = async {
                let place = Arc::clone(&self.places).acquire_owned().await.map_err(io::Error::other)?;
                let (stream, peer) = self.listener.accept().await?;
                Ok::<_, io::Error>((stream, peer, place))
            };
            tokio::select! {
                biased;
                () = stop.0.cancelled() => return None,
                accepted = accept => match accepted {
                    Ok(connection) => return Some(connection),
                    Err(error) => {
                        tracing::warn!(kind = ?error.kind(), "a connection was not accepted");
                        sleep(PAUSE).await;
                    }
                },
            }
        }
    }
}

/// Runs a server on threads of its own until `stop`. `listening` is called once with its address, when clients can
/// connect.
///
/// # Errors
/// What is not safe, or not possible. Then nothing was served.
///
/// # Examples
/// ```no_run
/// use serve::{Listen, ServerConfig, Services, Stop, serve};
///
/// # fn case() -> std::sync::Arc<dyn serve::CaseSource> { unimplemented!() }
/// let config = ServerConfig::new(Listen::Tcp(([127, 0, 0, 1], 8080).into()));
/// let services = Services { case: Some(case()), transcriber: None };
/// let stop = Stop::new(); // `stop.stop()` on another thread, such as that of signals
/// serve(&config, services, &stop, |address| println!("{address:?}"))?;
/// # Ok::<(), serve::ServeError>(())
/// ```
pub fn serve(
    config: &ServerConfig,
    services: Services,
    stop: &Stop,
    listening: impl FnOnce(Option<SocketAddr>),
) -> Result<Stopped, ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ServeError::System)?;
    let stopped = runtime.block_on(async {
        let server = Server::bind(config, services).await?;
        listening(server.address());
        Ok(server.run(stop).await)
    });
    // A blocking call that never ends must not keep the program.
    runtime.shutdown_timeout(LAST_RESPONSES);
    stopped
}

/// Waits for all connections.
async fn finish(running: &mut JoinSet<()>) {
    while running.join_next().await.is_some() {}
}

fn app(
    config: &ServerConfig,
    services: Services,
    address: Option<SocketAddr>,
    metrics: &Metrics,
    gives_up: &CancellationToken,
) -> Result<App, ServeError> {
    let Services { case, transcriber } = services;
    let limits = &config.limits;
    let access = Access::new(&config.access, config.tls.is_some())
        .map_err(|error| ServeError::System(io::Error::other(error)))?;
    let transcribe = transcriber.map(|transcriber| {
        let folder = UploadFolder::open(&config.upload_folder, limits.uploads_bytes).map_err(ServeError::Uploads)?;
        let (metrics, gives_up) = (metrics.clone(), gives_up.clone());
        Ok::<_, ServeError>(TranscribeState::new(
            transcriber,
            Blocking::new(CALLS),
            folder,
            limits.clone(),
            metrics,
            gives_up,
        ))
    });
    let transcribe = transcribe.transpose()?;
    let health = HealthState {
        case: case.clone(),
        transcribe: transcribe.clone(),
        blocking: Blocking::new(1),
        metrics: metrics.clone(),
    };
    let (read_only, body_bytes) = (config.read_only, limits.body_bytes);
    let case = case.map(|source| CaseState { source, blocking: Blocking::new(CALLS), read_only, body_bytes });
    Ok(App {
        case,
        transcribe,
        health,
        access,
        hosts: HostNames::new(&config.host_names, address),
        metrics: metrics.clone(),
        body_bytes: usize::try_from(limits.body_bytes).unwrap_or(usize::MAX),
        body_time: limits.body,
    })
}
