//! A server whose faults are known exactly: it answers, hangs, resets or refuses from one moment
//! to another, and remembers when every request reached it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::sleep;

/// What the server does with requests that come from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Answers with a status, further header lines and a body.
    Answer(u16, &'static str, &'static str),
    /// Takes requests and never answers them.
    Hang,
    /// Takes a request, then resets the connection.
    Reset,
    /// Sends the head of an answer and closes before its body.
    Tear,
    /// Answers with a body that comes byte by byte, so long apart.
    Drip(&'static str, Duration),
    /// Answers with a body in chunks of one byte.
    Chunked(&'static str),
    /// Answers with a body of so many bytes.
    Large(usize),
    /// Answers, then closes its half of the connection and waits for the other one.
    HalfClose(&'static str),
    /// Answers, and closes the connection if nothing more comes within some time.
    Brief(&'static str, Duration),
    /// Answers something that is not HTTP.
    Garbage,
    /// Closes the connection as soon as a request came, without an answer.
    Shut,
    /// Nothing listens, and every connection is closed.
    Refuse,
}

impl Mode {
    /// An order is completed.
    pub(crate) const COMPLETED: Self = Self::Answer(201, "", r#"{"state":"COMPLETED"}"#);
}

/// A running server; it ends when dropped.
pub(crate) struct Server {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    seen: Seen,
    runtime: Option<Runtime>,
}

/// What reached the server.
#[derive(Clone, Default)]
struct Seen {
    requests: Arc<Mutex<Vec<Instant>>>,
    connections: Arc<AtomicUsize>,
    last_head: Arc<Mutex<String>>,
}

impl Server {
    pub(crate) fn start(mode: Mode) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let (sender, receiver) = watch::channel(mode);
        let seen = Seen::default();
        runtime.spawn(serve(listener, address, receiver, seen.clone()));
        Self { address, mode: sender, seen, runtime: Some(runtime) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes what it does; returns when.
    pub(crate) fn set(&self, mode: Mode) -> Instant {
        self.mode.send_replace(mode);
        Instant::now()
    }

    /// When requests reached it.
    pub(crate) fn seen(&self) -> Vec<Instant> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// How many connections were made to it.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::Relaxed)
    }

    /// The head of the last request, as it was written.
    pub(crate) fn last_head(&self) -> String {
        self.seen.last_head.lock().unwrap().clone()
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
    seen: Seen,
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
                seen.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(converse(stream, mode.clone(), seen.clone()));
            }
            changed = mode.changed() => if changed.is_err() { return },
        }
    }
}

async fn converse(mut stream: TcpStream, mut mode: watch::Receiver<Mode>, seen: Seen) {
    let mut closing = mode.clone();
    let mut patience = None;
    loop {
        let pause = async {
            match patience {
                Some(patience) => sleep(patience).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            head = read_request(&mut stream) => match head {
                Some(head) => *seen.last_head.lock().unwrap() = head,
                None => return,
            },
            () = pause => return,
            _ = closing.wait_for(|mode| *mode == Mode::Refuse) => return,
        }
        seen.requests.lock().unwrap().push(Instant::now());
        let now = mode.borrow_and_update().clone();
        patience = if let Mode::Brief(_, patience) = now { Some(patience) } else { None };
        // A client that goes away ends the conversation, too.
        if answer(&mut stream, now).await.is_none() {
            return;
        }
    }
}

/// Does what a mode says with one request; none if the connection is to be closed.
async fn answer(stream: &mut TcpStream, mode: Mode) -> Option<()> {
    match mode {
        Mode::Answer(status, headers, body) => tell(stream, status, headers, body).await,
        Mode::Brief(body, _) => tell(stream, 201, "", body).await,
        Mode::HalfClose(body) => {
            tell(stream, 201, "", body).await?;
            stream.shutdown().await.ok()?;
            read_until_closed(stream).await
        }
        Mode::Hang => read_until_closed(stream).await,
        Mode::Reset => {
            let _ = stream.set_zero_linger();
            None
        }
        Mode::Tear => {
            let _ = stream.write_all(b"HTTP/1.1 201 Told\r\ncontent-length: 99\r\n\r\n{").await;
            None
        }
        Mode::Drip(body, pause) => {
            let head = format!("HTTP/1.1 201 Told\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await.ok()?;
            for byte in body.bytes() {
                sleep(pause).await;
                stream.write_all(&[byte]).await.ok()?;
            }
            Some(())
        }
        Mode::Chunked(body) => {
            let chunks: Vec<String> = body.chars().map(|it| format!("1\r\n{it}\r\n")).collect();
            let head = "HTTP/1.1 201 Told\r\ntransfer-encoding: chunked\r\n\r\n";
            stream.write_all(format!("{head}{}0\r\n\r\n", chunks.concat()).as_bytes()).await.ok()
        }
        Mode::Large(length) => tell(stream, 201, "", &" ".repeat(length)).await,
        Mode::Garbage => {
            let _ = stream.write_all(b"220 ready when you are\r\n").await;
            read_until_closed(stream).await
        }
        Mode::Shut | Mode::Refuse => None,
    }
}

async fn tell(stream: &mut TcpStream, status: u16, headers: &str, body: &str) -> Option<()> {
    let length = body.len();
    let text = format!("HTTP/1.1 {status} Told\r\n{headers}content-length: {length}\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).await.ok()
}

/// Until the client gives up.
async fn read_until_closed(stream: &mut TcpStream) -> Option<()> {
    let mut rest = [0; 64];
    while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    None
}

/// Reads one request with its body and returns its head; none at the end of the connection.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(head) = text.windows(4).position(|bytes| bytes == b"\r\n\r\n")
            && text.len() >= head + 4 + body_length(&text[..head])
        {
            return Some(String::from_utf8_lossy(&text[..head]).into_owned());
        }
        match stream.read(&mut chunk).await {
            Ok(read) if read > 0 => text.extend_from_slice(&chunk[..read]),
            _ => return None,
        }
    }
}

fn body_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.map_or(0, |length| length.trim().parse().unwrap())
}
