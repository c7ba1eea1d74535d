//! A proxy in front of the Docker daemon's socket that writes down every request.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The proxy; it takes connections until its folder is gone.
pub(crate) struct Proxy {
    folder: tempfile::TempDir,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Listens in front of the daemon that `DOCKER_HOST` names.
    pub(crate) fn start() -> Self {
        let host = std::env::var("DOCKER_HOST").unwrap_or_default();
        let host = if host.is_empty() { "unix:///var/run/docker.sock".to_owned() } else { host };
        let socket = host.strip_prefix("unix://").expect("the daemon listens on a socket file");
        let daemon = PathBuf::from(socket);
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join("docker.sock")).expect("a socket");
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let written = Arc::clone(&requests);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let daemon = UnixStream::connect(&daemon).expect("the daemon listens");
                let written = Arc::clone(&written);
                thread::spawn(move || serve(client, daemon, &written));
            }
        });
        Self { folder, requests }
    }

    /// `DOCKER_HOST` of it.
    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.folder.path().join("docker.sock").display())
    }

    /// What was asked so far, as `METHOD PATH`; forgotten here.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Passes bytes on both ways until either side ends.
fn serve(mut client: UnixStream, mut daemon: UnixStream, written: &Mutex<Vec<String>>) {
    let (mut answers, mut back) = (daemon.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || {
        // Either side may go at any time: that is the end of the connection.
        let _ = std::io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let (mut part, mut reader) = ([0; 16 << 10], Requests::default());
    while let Ok(count @ 1..) = client.read(&mut part) {
        let heads = reader.take(&part[..count]);
        written.lock().unwrap_or_else(PoisonError::into_inner).extend(heads);
        if daemon.write_all(&part[..count]).is_err() {
            break;
        }
    }
    let _ = daemon.shutdown(Shutdown::Write);
}

/// Finds the requests in what a client sends.
#[derive(Default)]
struct Requests {
    bytes: Vec<u8>,
    /// Bytes of a body that are still to come.
    body: usize,
}

impl Requests {
    fn take(&mut self, part: &[u8]) -> Vec<String> {
        self.bytes.extend_from_slice(part);
        let mut found = Vec::new();
        loop {
            let skipped = self.body.min(self.bytes.len());
            self.bytes.drain(..skipped);
            self.body -= skipped;
            let Some(end) = self.bytes.windows(4).position(|it| it == b"\r\n\r\n") else { break };
            let head = String::from_utf8_lossy(&self.bytes[..end]).into_owned();
            self.bytes.drain(..end + 4);
            let line = head.lines().next().unwrap_or_default();
            found.push(line.strip_suffix(" HTTP/1.1").unwrap_or(line).to_owned());
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            self.body = length.unwrap_or(0);
        }
        found
    }
}

#[test]
fn requests_are_found_however_they_are_cut() {
    // The body looks like a request.
    let whole: &[u8] =
        b"POST /a HTTP/1.1\r\ncontent-length: 10\r\n\r\nGET /x\r\n\r\nHEAD /b HTTP/1.1\r\n\r\n";
    for cut in 0..whole.len() {
        let mut reader = Requests::default();
        let mut found = reader.take(&whole[..cut]);
        found.extend(reader.take(&whole[cut..]));
        assert_eq!(found, ["POST /a", "HEAD /b"], "cut at {cut}");
    }
}
