//! Sockets that accept connections.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::checks::Peer;
use crate::config::Listen;

/// A socket that accepts connections.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix { listener: UnixListener, _file: SocketFile },
}

/// A connection.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    /// Must be called in a runtime.
    pub(crate) async fn bind(listen: &Listen) -> io::Result<Self> {
        match listen {
            Listen::Tcp(address) => Ok(Self::Tcp(TcpListener::bind(address).await?)),
            Listen::Unix(path) => {
                let (listener, file) = bind_unix(path)?;
                listener.set_nonblocking(true)?;
                Ok(Self::Unix { listener: UnixListener::from_std(listener)?, _file: file })
            }
        }
    }

    /// The address with its port, if it has one.
    pub(crate) fn address(&self) -> io::Result<Option<SocketAddr>> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Some),
            Self::Unix { .. } => Ok(None),
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok((Stream::Tcp(stream), Peer::Tcp(address)))
            }
            Self::Unix { listener, .. } => Ok((Stream::Unix(listener.accept().await?.0), Peer::Unix)),
        }
    }
}

/// The file of a Unix socket, which is removed with it.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

/// Inode, and seconds and nanoseconds of its last change: an inode is used again.
type Identity = (u64, i64, i64);

fn identity(path: &Path) -> io::Result<Identity> {
    fs::symlink_metadata(path).map(|data| (data.ino(), data.ctime(), data.ctime_nsec()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another server may have taken the name.
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Binds a socket that only its owner can connect to. It is made in a folder that only the owner can open, and gets its
/// name when its permissions are set, so that at no moment others can connect. An existing file is never replaced,
/// except a socket that no process listens to.
fn bind_unix(path: &Path) -> io::Result<(StdUnixListener, SocketFile)> {
    remove_abandoned(path)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder =
        tempfile::Builder::new().prefix(".s").permissions(fs::Permissions::from_mode(0o700)).tempdir_in(parent)?;
    let hidden = folder.path().join("s");
    let listener = StdUnixListener::bind(&hidden)?;
    fs::set_permissions(&hidden, fs::Permissions::from_mode(0o600))?;
    fs::hard_link(&hidden, path)?;
    folder.close()?;
    Ok((listener, SocketFile { path: path.to_owned(), identity: identity(path)? }))
}

/// Removes the socket that a killed server left.
fn remove_abandoned(path: &Path) -> io::Result<()> {
    let is_socket = match fs::symlink_metadata(path) {
        Ok(data) => data.file_type().is_socket(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !is_socket {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "the file exists and is not a socket"));
    }
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::new(ErrorKind::AddrInUse, "another server listens to this socket")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_socket_is_private_and_replaces_only_an_abandoned_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("case.sock");
        let (listener, file) = bind_unix(&path).unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        StdUnixStream::connect(&path).unwrap();
        assert_eq!(bind_unix(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(listener);
        let (listener, next) = bind_unix(&path).unwrap();
        drop(file); // as of the first server: the name is now that of the second one
        assert!(path.exists());
        drop((listener, next));
        assert!(!path.exists());
        fs::write(&path, "notes").unwrap();
        assert_eq!(bind_unix(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "notes");
    }
}
