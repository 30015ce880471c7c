//! A `PostgreSQL` of one's own: started in a temporary folder on a free port of the loopback
//! address, as a user that is not root, and stopped when it is dropped.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

/// A running cluster.
pub struct Cluster {
    folder: TempDir,
    binaries: PathBuf,
    port: u16,
    databases: AtomicU32,
}

impl Cluster {
    /// Makes and starts a cluster.
    ///
    /// # Panics
    /// When `PostgreSQL` is not installed or does not start: a test that needs it must not pass
    /// without it.
    pub fn start() -> Self {
        let binaries = binaries();
        let folder =
            tempfile::Builder::new().prefix("jetbridge-postgres-").tempdir().expect("a folder");
        let everyone = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(folder.path(), everyone).expect("open to the database's user");
        let cluster = Self { folder, binaries, port: free_port(), databases: AtomicU32::new(0) };
        let data = cluster.data();
        let mut arguments = vec!["-D", &data, "-U", "jetbridge", "-A", "trust", "-E", "UTF8"];
        arguments.extend(cluster.collation());
        cluster.run("initdb", &arguments);
        cluster.restart();
        cluster
    }

    /// Starts a stopped cluster again on the same port.
    pub fn restart(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c max_connections=200",
            self.port,
            self.folder.path().display()
        );
        let log = self.folder.path().join("log").display().to_string();
        self.run("pg_ctl", &["start", "-w", "-D", &self.data(), "-l", &log, "-o", &options]);
    }

    /// Stops it at once, as a power cut would.
    pub fn stop(&self) {
        self.run("pg_ctl", &["stop", "-w", "-m", "immediate", "-D", &self.data()]);
    }

    /// Lets none of its processes go on, as a machine that swaps or a network that drops all does.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid_file = self.folder.path().join("data/postmaster.pid");
        let text = std::fs::read_to_string(pid_file).expect("a running cluster");
        let postmaster = text.lines().next().expect("its id").to_owned();
        let children = format!("/proc/{postmaster}/task/{postmaster}/children");
        let children = std::fs::read_to_string(children).expect("its processes");
        let status = Command::new("kill")
            .arg(signal)
            .arg(&postmaster)
            .args(children.split_whitespace())
            .status();
        assert!(status.expect("kill runs").success());
    }

    /// The address of a new, empty database.
    pub fn new_database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let port = self.port.to_string();
        self.run("createdb", &["-h", "127.0.0.1", "-p", &port, "-U", "jetbridge", &name]);
        format!("postgres://jetbridge@127.0.0.1:{port}/{name}")
    }

    /// Texts in the order of a language, as in most people's databases, and not in that of their
    /// bytes: whoever relies on the latter shall find out here. Before version 15 there is none
    /// that every machine has.
    fn collation(&self) -> &'static [&'static str] {
        let help = as_other_user(&self.binaries.join("initdb"), &["--help"]);
        if String::from_utf8_lossy(&help.stdout).contains("--locale-provider") {
            return &["--locale=C", "--locale-provider=icu", "--icu-locale=en"];
        }
        eprintln!("PostgreSQL before 15: the tests run with texts in the order of their bytes");
        &["--locale=C"]
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = as_other_user(&self.binaries.join(program), arguments);
        assert!(
            output.status.success(),
            "{program} failed: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        as_other_user(
            &self.binaries.join("pg_ctl"),
            &["stop", "-m", "immediate", "-D", &self.data()],
        );
    }
}

/// `PostgreSQL` refuses to run as root; whoever is not root runs it as himself.
fn as_other_user(program: &Path, arguments: &[&str]) -> Output {
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    // pg_ctl's server would keep our pipes open and never let us go on.
    command.args(arguments).current_dir("/").stdin(std::process::Stdio::null());
    let output = tempfile::NamedTempFile::new().expect("a file");
    let errors = output.reopen().expect("the same file");
    command.stdout(output.reopen().expect("the same file")).stderr(errors);
    let status =
        command.status().unwrap_or_else(|e| panic!("{} can't be run: {e}", program.display()));
    Output { status, stdout: std::fs::read(output.path()).unwrap_or_default(), stderr: Vec::new() }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("id runs");
    output.stdout.trim_ascii() == b"0"
}

fn binaries() -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|path| path.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().expect("PostgreSQL is not installed: run ./test, or apt-get install postgresql")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}
