//! A server whose faults are known exactly: it answers, hangs, resets or refuses from one moment
//! to another, and remembers when every request reached it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// What the server does with requests that come from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Answers with a status, further header lines and a body.
    Answer(u16, &'static str, &'static str),
    /// Takes requests and never answers them.
    Hang,
    /// Takes a request, then resets the connection.
    Reset,
    /// Sends the head of an answer and closes before its body.
    Tear,
    /// Nothing listens, and every connection is closed.
    Refuse,
}

impl Mode {
    /// An order is completed.
    pub const COMPLETED: Self = Self::Answer(201, "", r#"{"state":"COMPLETED"}"#);
}

/// A running server; it ends when dropped.
pub struct Server {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    seen: Arc<Mutex<Vec<Instant>>>,
    runtime: Option<Runtime>,
}

impl Server {
    pub fn start(mode: Mode) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let (sender, receiver) = watch::channel(mode);
        let seen = Arc::new(Mutex::new(Vec::new()));
        runtime.spawn(serve(listener, address, receiver, Arc::clone(&seen)));
        Self { address, mode: sender, seen, runtime: Some(runtime) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes what it does; returns when.
    pub fn set(&self, mode: Mode) -> Instant {
        self.mode.send_replace(mode);
        Instant::now()
    }

    /// When requests reached it.
    pub fn seen(&self) -> Vec<Instant> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(
    listener: std::net::TcpListener,
    address: SocketAddr,
    mut mode: watch::Receiver<Mode>,
    seen: Arc<Mutex<Vec<Instant>>>,
) {
    let mut listener = TcpListener::from_std(listener).ok();
    loop {
        if *mode.borrow_and_update() == Mode::Refuse {
            listener = None;
            if mode.changed().await.is_err() {
                return;
            }
            continue;
        }
        if listener.is_none() {
            listener = TcpListener::bind(address).await.ok();
        }
        let Some(listening) = &listener else { continue };
        tokio::select! {
            Ok((stream, _)) = listening.accept() => {
                tokio::spawn(converse(stream, mode.clone(), Arc::clone(&seen)));
            }
            changed = mode.changed() => if changed.is_err() { return },
        }
    }
}

async fn converse(
    mut stream: TcpStream,
    mut mode: watch::Receiver<Mode>,
    seen: Arc<Mutex<Vec<Instant>>>,
) {
    let mut closing = mode.clone();
    loop {
        tokio::select! {
            read = read_request(&mut stream) => if !read { return },
            _ = closing.wait_for(|mode| *mode == Mode::Refuse) => return,
        }
        seen.lock().unwrap().push(Instant::now());
        let now = mode.borrow_and_update().clone();
        match now {
            Mode::Answer(status, headers, body) => {
                let text = format!(
                    "HTTP/1.1 {status} Told\r\n{headers}content-length: {}\r\n\r\n{body}",
                    body.len()
                );
                if stream.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            Mode::Hang => {
                // Until the client gives up.
                let mut rest = [0; 64];
                while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
                return;
            }
            Mode::Reset => {
                let _ = stream.set_zero_linger();
                return;
            }
            Mode::Tear => {
                let _ = stream.write_all(b"HTTP/1.1 201 Told\r\ncontent-length: 99\r\n\r\n{").await;
                return;
            }
            Mode::Refuse => return,
        }
    }
}

/// Reads one request with its body; false at the end of the connection.
async fn read_request(stream: &mut TcpStream) -> bool {
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(head) = text.windows(4).position(|bytes| bytes == b"\r\n\r\n")
            && text.len() >= head + 4 + body_length(&text[..head])
        {
            return true;
        }
        match stream.read(&mut chunk).await {
            Ok(read) if read > 0 => text.extend_from_slice(&chunk[..read]),
            _ => return false,
        }
    }
}

fn body_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.map_or(0, |length| length.trim().parse().unwrap())
}
