//! A server on a thread of its own, until it is dropped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use serve::{Listen, ServeError, ServerConfig, Services, Stop, Stopped, serve};

use super::{Client, FakeCase, FakeTranscriber};

/// The token of servers that have one.
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// The settings of most tests: any port of the loopback interface.
pub(crate) fn config() -> ServerConfig {
    ServerConfig::new(Listen::Tcp(([127, 0, 0, 1], 0).into()))
}

/// A running server.
pub(crate) struct Running {
    pub(crate) address: Option<SocketAddr>,
    pub(crate) case: Arc<FakeCase>,
    pub(crate) transcriber: FakeTranscriber,
    pub(crate) uploads: tempfile::TempDir,
    stop: Stop,
    thread: Option<JoinHandle<Result<Stopped, ServeError>>>,
}

impl Running {
    pub(crate) fn start(mut config: ServerConfig) -> Self {
        let (case, transcriber) = (Arc::new(FakeCase::new()), FakeTranscriber::default());
        let services = Services { case: Some(case.clone()), transcriber: Some(Arc::new(transcriber.clone())) };
        let uploads = tempfile::tempdir().expect("a temporary folder");
        config.upload_folder = uploads.path().to_owned();
        let (stop, (sender, receiver)) = (Stop::new(), mpsc::channel());
        let stopper = stop.clone();
        let thread = thread::spawn(move || {
            serve(&config, services, &stopper, |address| sender.send(address).expect("a test waits"))
        });
        let address = receiver.recv().expect("the server listens");
        Self { address, case, transcriber, uploads, stop, thread: Some(thread) }
    }

    pub(crate) fn client(&self) -> Client {
        Client::tcp(self.address.expect("a server with an address"))
    }

    /// The number of uploaded files that exist.
    pub(crate) fn uploaded_files(&self) -> usize {
        let folders = std::fs::read_dir(self.uploads.path()).expect("a folder").flatten();
        let files = folders.map(|folder| std::fs::read_dir(folder.path()).expect("a folder").count());
        files.sum::<usize>() - 1 // the lock
    }

    pub(crate) fn ask_to_stop(&self) {
        self.stop.stop();
    }

    /// Stops the server.
    pub(crate) fn stop(mut self) -> Stopped {
        self.stop.stop();
        let stopped = self.thread.take().expect("it runs").join().expect("no panic").expect("it served");
        assert_eq!(std::fs::read_dir(&self.uploads).expect("a folder").count(), 0, "the folder of uploads is removed");
        stopped
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
