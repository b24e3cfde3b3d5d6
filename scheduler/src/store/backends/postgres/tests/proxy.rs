//! A socket in front of the server that breaks a connection at a commit.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

const SOCKET: &str = ".s.PGSQL.5432";

/// What happens to the next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    /// The server never gets it.
    Before = 1,
    /// The server executes it, and its reply is lost.
    After = 2,
}

pub(super) struct Proxy {
    folder: tempfile::TempDir,
    next: Arc<AtomicU8>,
}

impl Proxy {
    /// Stands before the server whose socket is in this folder.
    pub(super) fn before(server: &Path) -> Self {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let listener = UnixListener::bind(folder.path().join(SOCKET)).unwrap();
        let (next, server) = (Arc::new(AtomicU8::new(0)), server.join(SOCKET));
        let of_thread = Arc::clone(&next);
        thread::spawn(move || {
            for client in listener.incoming() {
                forward(client.unwrap(), &server, &of_thread);
            }
        });
        Self { folder, next }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn break_next(&self, how: Break) {
        self.next.store(how as u8, Ordering::SeqCst);
    }

    /// Whether the connection was broken that was to be.
    pub(super) fn has_broken(&self) -> bool {
        self.next.load(Ordering::SeqCst) == 0
    }
}

fn forward(client: UnixStream, server: &PathBuf, next: &Arc<AtomicU8>) {
    let server = UnixStream::connect(server).unwrap();
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let (next, lost) = (Arc::clone(next), Arc::new(AtomicU8::new(0)));
    let is_lost = Arc::clone(&lost);
    thread::spawn(move || {
        let mut buffer = [0; 65536];
        while let Ok(read @ 1..) = from_client.read(&mut buffer) {
            let is_commit = buffer[..read].windows(7).any(|bytes| bytes == b"COMMIT\0");
            let how = if is_commit { next.swap(0, Ordering::SeqCst) } else { 0 };
            if how == Break::Before as u8 {
                break;
            }
            lost.store(u8::from(how == Break::After as u8), Ordering::SeqCst);
            if to_server.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = (from_client.shutdown(Shutdown::Both), to_server.shutdown(Shutdown::Both));
    });
    let (mut from_server, mut to_client) = (server, client);
    thread::spawn(move || {
        let mut buffer = [0; 65536];
        while let Ok(read @ 1..) = from_server.read(&mut buffer) {
            if is_lost.load(Ordering::SeqCst) == 1 || to_client.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = (from_server.shutdown(Shutdown::Both), to_client.shutdown(Shutdown::Both));
    });
}
