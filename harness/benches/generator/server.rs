//! A server on one thread that does next to nothing per request, so that its client is what is
//! measured. It counts requests in the 100 ms in which they came, and hangs when told to: what comes
//! meanwhile is counted, and answered when the hang is over.
//!
//! `/control/reset` forgets all counts; `/control/hang/MILLISECONDS` hangs from now on and answers
//! with the number of the present 100 ms; `/control/counts` answers with all counts since the reset.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::sleep_until;

/// Connections that wait to be accepted; the kernel caps it at its own limit.
const BACKLOG: u32 = 16_384;
const BUCKET_MILLISECONDS: u128 = 100;
const BUFFER_BYTES: usize = 4_096;
const CONTROL: &[u8] = b"GET /control/";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const CREATED: &[u8] =
    b"HTTP/1.1 201 Created\r\ncontent-length: 21\r\n\r\n{\"state\":\"COMPLETED\"}";

struct State {
    origin: Instant,
    counts: Vec<u64>,
    hang_until: Option<Instant>,
}

type Shared = Rc<RefCell<State>>;

/// Serves until the process is killed; its address is the first line of output.
pub(crate) fn serve() -> Result<(), String> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the runtime cannot start: {error}"))?;
    LocalSet::new().block_on(&runtime, accept()).map_err(|error| format!("cannot serve: {error}"))
}

fn listen() -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    socket.listen(BACKLOG)
}

async fn accept() -> std::io::Result<()> {
    let listener = listen()?;
    println!("http://{}", listener.local_addr()?);
    let state = State { origin: Instant::now(), counts: Vec::new(), hang_until: None };
    let state = Rc::new(RefCell::new(state));
    loop {
        // A client that opens more than we may have files for must not end the server.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        tokio::task::spawn_local(converse(stream, Rc::clone(&state)));
    }
}

async fn converse(mut stream: TcpStream, state: Shared) {
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    // A client that goes away ends its conversation.
    while let Some(length) = read_request(&mut stream, &mut buffer).await {
        let written = if buffer.starts_with(CONTROL) {
            let answer = control(&buffer[CONTROL.len()..length], &state);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
            stream.write_all(format!("{head}{answer}").as_bytes()).await
        } else {
            let hang_until = state.borrow_mut().count();
            if let Some(end) = hang_until {
                sleep_until(end.into()).await;
            }
            stream.write_all(if buffer.starts_with(b"POST") { CREATED } else { ANSWER }).await
        };
        if written.is_err() {
            return;
        }
        buffer.drain(..length);
    }
}

impl State {
    /// Counts a request; returns the end of the hang that it falls into.
    fn count(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let bucket = self.bucket(now);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.hang_until = self.hang_until.filter(|end| *end > now);
        self.hang_until
    }

    fn bucket(&self, now: Instant) -> usize {
        let elapsed = now.saturating_duration_since(self.origin).as_millis();
        usize::try_from(elapsed / BUCKET_MILLISECONDS).unwrap_or(usize::MAX)
    }
}

fn control(rest: &[u8], state: &Shared) -> String {
    let rest = String::from_utf8_lossy(rest);
    let word = rest.split_whitespace().next().unwrap_or_default();
    let mut state = state.borrow_mut();
    let now = Instant::now();
    match word.split_once('/') {
        None if word == "reset" => {
            *state = State { origin: now, counts: Vec::new(), hang_until: None };
            "done".to_owned()
        }
        None if word == "counts" => {
            let counts: Vec<String> = state.counts.iter().map(u64::to_string).collect();
            counts.join(" ")
        }
        Some(("hang", length)) => {
            let length = Duration::from_millis(length.parse().unwrap_or(0));
            state.hang_until = Some(now + length);
            state.bucket(now).to_string()
        }
        _ => format!("`{word}` is not known here"),
    }
}

/// Reads on until the buffer holds a whole request; its length, or none at the end.
async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<usize> {
    loop {
        if let Some(head) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let length = head + 4 + body_length(&buffer[..head]);
            if buffer.len() >= length {
                return Some(length);
            }
        }
        buffer.reserve(BUFFER_BYTES);
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

fn body_length(head: &[u8]) -> usize {
    if head.starts_with(b"GET") {
        return 0;
    }
    let head = String::from_utf8_lossy(head).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)
}
