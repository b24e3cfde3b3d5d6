//! A private PostgreSQL server for tests, which listens on a socket in a temporary folder only, or with TLS on the loopback
//! interface too.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::{skipped, wait_until};

/// Where Debian puts the programs of the server.
const DEBIAN: &str = "/usr/lib/postgresql";
const PORT: u16 = 5432;
const REMEDY: &str = "apt-get install postgresql";

/// Runs the server. It is stopped, and its folder deleted, when standard input ends: when the test process ends, however
/// that happens.
const KEEPER: &str = r#"
dir=$1; shift
begin() { "$@" >>"$dir/log" 2>&1 & pid=$!; }
end() { kill -"$1" "$pid" 2>/dev/null; wait "$pid"; }
begin "$@"
while read -r what; do
    case $what in stop) end INT ;; start) begin "$@" ;; esac
    echo done
done
end INT
rm -rf "$dir"
"#;

/// Who may connect: `locked` with a password, everybody else without.
const ACCESS: &str = "local all locked scram-sha-256\nlocal all all trust\nhostssl all all 127.0.0.1/32 trust\n";

/// A running server with the superuser `test` and the database `postgres`.
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
    keeper: Mutex<Keeper>,
}

#[derive(Debug)]
struct Keeper {
    child: Child,
    /// `None` when the server is to end.
    orders: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
}

impl Postgres {
    /// The server that all tests of this process share. Reports the test as skipped and returns `None` if PostgreSQL is
    /// not installed.
    #[must_use]
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| Some(Self::launch(&programs()?))).as_ref();
        if shared.is_none() {
            skipped("PostgreSQL is not installed", REMEDY);
        }
        shared
    }

    /// A server of one test, which may stop it.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        let started = programs().map(|programs| Self::launch(&programs));
        if started.is_none() {
            skipped("PostgreSQL is not installed", REMEDY);
        }
        started
    }

    /// A server that writes to the disk before it confirms a commit, for measurements. The others do not.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn durable() -> Option<Self> {
        let server = Self::start()?;
        server.stop();
        configure(&server.folder, "fsync = on\n");
        server.restart();
        Some(server)
    }

    /// A server of one test with TLS. Its certificate, which it issued itself, is that of `localhost`.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn with_tls() -> Option<Self> {
        let mut server = Self::start()?;
        server.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let key = server.folder.join("server.key");
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
        openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout"]).arg(&key);
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE", "-out"]).arg(server.certificate());
        assert!(openssl.stderr(Stdio::null()).status().unwrap().success());
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        own(&key);
        let (certificate, port) = (server.certificate(), server.port);
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n",
            certificate.display(),
            key.display()
        );
        server.stop();
        configure(&server.folder, &settings);
        server.restart();
        Some(server)
    }

    /// The certificate of a server with TLS.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("server.crt")
    }

    /// The port of a server with TLS.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    fn launch(programs: &Path) -> Self {
        // Names of sockets have a limit, so the folder is not that of the environment.
        let folder = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").unwrap().keep();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let data = folder.join("data");
        own(&folder);
        let mut initdb = as_server(&programs.join("initdb"));
        initdb.args(["-U", "test", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D"]).arg(&data);
        let made = initdb.current_dir(&folder).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        fs::write(data.join("pg_hba.conf"), ACCESS).unwrap();
        let socket = folder.display();
        configure(&folder, &format!("listen_addresses = ''\nunix_socket_directories = '{socket}'\nfsync = off\n"));
        let server = as_server(&programs.join("postgres"));
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "sh"]).arg(&folder).arg(server.get_program()).args(server.get_args());
        keeper.arg("-D").arg(&data);
        let mut child =
            keeper.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (orders, replies) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let keeper = Mutex::new(Keeper { child, orders, replies });
        let postgres = Self { folder, programs: programs.to_owned(), port: PORT, keeper };
        postgres.await_start();
        postgres
    }

    /// The folder of its socket.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The URL of a case that does not exist yet.
    #[must_use]
    pub fn new_case(&self) -> String {
        static CASES: AtomicU32 = AtomicU32::new(0);
        self.url(&format!("case_{}", CASES.fetch_add(1, Ordering::Relaxed)))
    }

    /// The URL of a case.
    #[must_use]
    pub fn url(&self, case: &str) -> String {
        format!("postgres://test@/postgres?host={}&case={case}", self.folder.display())
    }

    /// Runs SQL as the superuser and returns the rows, one per line, with `|` between columns.
    ///
    /// # Panics
    /// If it fails.
    pub fn sql(&self, sql: &str) -> String {
        let output = self.psql(sql).output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn psql(&self, sql: &str) -> Command {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "test", "-d", "postgres", "-c", sql, "-h"]);
        psql.arg(&self.folder).args(["-p", &self.port.to_string()]);
        psql
    }

    /// Stops the server. All connections break.
    pub fn stop(&self) {
        self.order("stop");
    }

    /// Starts it again.
    pub fn restart(&self) {
        self.order("start");
        self.await_start();
    }

    fn order(&self, what: &str) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(keeper.orders.as_mut().unwrap(), "{what}").unwrap();
        let mut reply = String::new();
        keeper.replies.read_line(&mut reply).unwrap();
        assert_eq!(reply, "done\n");
    }

    fn await_start(&self) {
        let mut is_ready = self.psql("SELECT 1");
        is_ready.stdout(Stdio::null()).stderr(Stdio::null());
        wait_until("the server is ready", || is_ready.status().unwrap().success());
    }
}

/// A shared server is never dropped: its keeper ends with the process.
impl Drop for Postgres {
    fn drop(&mut self) {
        let keeper = self.keeper.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(keeper.orders.take());
        let _ = keeper.child.wait();
    }
}

/// Adds settings, which override earlier ones.
fn configure(folder: &Path, settings: &str) {
    let file = fs::OpenOptions::new().append(true).open(folder.join("data/postgresql.conf"));
    file.unwrap().write_all(settings.as_bytes()).unwrap();
}

/// Gives a file to the user `postgres`, if the server runs as that user.
fn own(path: &Path) {
    if rustix::process::getuid().is_root() {
        assert!(Command::new("chown").arg("postgres").arg(path).status().unwrap().success());
    }
}

/// A program run as the user `postgres`, since the server refuses to run as root.
fn as_server(program: &Path) -> Command {
    if !rustix::process::getuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}

/// The folder of the newest installed server's programs.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let number = |path: &PathBuf| path.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    let of_debian = versions.filter(|path| path.join("initdb").is_file()).max_by_key(number);
    let search = || std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    of_debian.or_else(|| search()?.into_iter().find(|folder| folder.join("initdb").is_file()))
}
