//! A real `redis-server` on a free port, that tests kill, pause and bring back.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Tries to find a port that is still free when the server takes it.
const STARTS_MAX: u32 = 20;

/// See the module. Ends with the value.
pub(crate) struct RedisServer {
    child: Option<Child>,
    port: u16,
    folder: TempDir,
    options: Vec<String>,
}

/// `None`, with a loud line, where there is no `redis-server`; in CI that is a failure.
pub(crate) fn redis_server() -> Option<RedisServer> {
    redis_server_with(&[])
}

/// The same, with options of its own.
pub(crate) fn redis_server_with(options: &[&str]) -> Option<RedisServer> {
    let there = Command::new("redis-server").arg("--version").output().is_ok();
    if !there {
        assert!(std::env::var_os("CI").is_none(), "redis-server is missing, and this is CI");
        let mut stderr = std::io::stderr().lock();
        writeln!(stderr, "SKIPPED: redis-server is not installed (apt install redis-server)")
            .unwrap();
        return None;
    }
    let options = options.iter().map(|option| (*option).to_owned()).collect();
    let folder = tempfile::tempdir().unwrap();
    let mut server = RedisServer { child: None, port: 0, folder, options };
    for _ in 0..STARTS_MAX {
        server.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if server.try_start() {
            return Some(server);
        }
    }
    panic!("redis-server does not start");
}

impl RedisServer {
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A connection of the test's own.
    pub(crate) fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    /// Brings it back on its port, without what it knew.
    pub(crate) fn start(&mut self) {
        for _ in 0..STARTS_MAX {
            if self.try_start() {
                return;
            }
        }
        panic!("redis-server does not start again");
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Lets it hang: connections stay, nothing is answered.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// False: it ended at once, since somebody else has the port.
    fn try_start(&mut self) -> bool {
        let mut child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--loglevel", "warning"])
            .arg("--dir")
            .arg(self.folder.path())
            .args(self.options.iter().flat_map(|option| option.split(' ')))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        loop {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            if self.answers() {
                self.child = Some(child);
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Also when it wants to know who asks.
    fn answers(&self) -> bool {
        let mut reply = [0];
        TcpStream::connect(("127.0.0.1", self.port))
            .and_then(|mut stream| {
                stream.set_read_timeout(Some(Duration::from_secs(1)))?;
                stream.write_all(b"PING\r\n")?;
                stream.read(&mut reply)
            })
            .is_ok_and(|read| read == 1)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
