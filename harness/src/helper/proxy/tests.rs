//! The proxy on loopback, between a client and a replica that are written out to the byte.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::door::{Door, serve};
use super::forward::Forward;
use super::switch::Switch;

/// The port that orders speak of.
const PORT: u16 = 8080;
/// Nothing here takes longer.
const LIMIT: Duration = Duration::from_secs(5);

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

/// A replica that answers every request with what `answer` makes of it.
async fn replica(answer: fn(&str) -> String) -> u16 {
    let (listener, port) = listen().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                while let Some(request) = message(&mut stream).await {
                    let answer = answer(&request);
                    if answer.is_empty() || stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

/// The next message of a connection: its head, and a body of known length.
async fn message(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    let length = |head: &str| -> usize {
        let line = head.lines().find_map(|line| {
            line.to_lowercase().strip_prefix("content-length:").map(str::to_owned)
        });
        line.map_or(0, |number| number.trim().parse().expect("a length"))
    };
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len() >= length(head)
        {
            return Some(text);
        }
        let mut byte = [0];
        let ended = stream.read(&mut byte).await.ok()? == 0;
        if ended {
            return None;
        }
        read.push(byte[0]);
    }
}

/// The proxy before a replica, and its door for orders.
async fn proxy(replica: u16) -> (u16, u16) {
    let switch = Arc::<Switch>::default();
    let forward = Forward::to(PORT, format!("127.0.0.1:{replica}"), Arc::clone(&switch));
    let (http, port) = listen().await;
    tokio::spawn(serve(http, Door::Http(Arc::new(forward))));
    let (admin, admin_port) = listen().await;
    tokio::spawn(serve(admin, Door::Admin(switch)));
    (port, admin_port)
}

async fn connect(port: u16) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("somebody listens")
}

/// One request on a connection of its own.
async fn ask(port: u16, request: &str) -> String {
    let exchange = async {
        let mut stream = connect(port).await;
        stream.write_all(request.as_bytes()).await.expect("it is taken");
        message(&mut stream).await.expect("an answer")
    };
    tokio::time::timeout(LIMIT, exchange).await.expect("an answer in time")
}

async fn get(port: u16, path: &str) -> String {
    ask(port, &format!("GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n")).await
}

async fn order(admin: u16, order: &str) -> String {
    let length = order.len();
    ask(
        admin,
        &format!("POST /chaos HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{order}"),
    )
    .await
}

fn fine(request: &str) -> String {
    let length = request.len();
    format!(
        "HTTP/1.1 201 Created\r\nContent-Length: {length}\r\nX-Shop: open\r\nKeep-Alive: timeout=9\r\nConnection: X-Secret\r\nX-Secret: 1\r\n\r\n{request}"
    )
}

fn silent(_: &str) -> String {
    String::new()
}

#[tokio::test]
async fn requests_and_answers_pass_apart_from_what_concerns_one_connection() {
    let (port, _) = proxy(replica(fine).await).await;
    let request = "PUT /a/b?c=d%20e HTTP/1.1\r\nHost: shop\r\nX-User: me\r\nTE: gzip\r\n\
        Connection: x-private, keep-alive\r\nX-Private: 1\r\nContent-Length: 5\r\n\r\nhello";
    let answer = ask(port, request).await.to_lowercase();
    let (head, echo) = answer.split_once("\r\n\r\n").expect("a body");
    assert!(
        head.starts_with("http/1.1 201 created\r\n") && head.contains("x-shop: open"),
        "{head}"
    );
    for gone in ["keep-alive", "x-secret", "x-chaos-proxy"] {
        assert!(!head.contains(gone), "{head}");
    }
    assert!(echo.starts_with("put /a/b?c=d%20e http/1.1\r\n"), "{echo}");
    for kept in ["host: shop\r\n", "x-user: me\r\n", "content-length: 5\r\n", "\r\n\r\nhello"] {
        assert!(echo.contains(kept), "{kept} in {echo}");
    }
    for gone in ["x-private", "te: gzip", "connection:"] {
        assert!(!echo.contains(gone), "{gone} in {echo}");
    }
}

#[tokio::test]
async fn a_client_keeps_its_connection() {
    let (port, _) = proxy(replica(fine).await).await;
    let mut stream = connect(port).await;
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n").await.expect("it is open");
        let answer = message(&mut stream).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_streams_through() {
    let (listener, replica) = listen().await;
    let (go_on, mut told) = mpsc::channel::<()>(1);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("the proxy");
        message(&mut stream).await.expect("a request");
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none").await;
        told.recv().await;
        let _ = stream.write_all(b"two").await;
    });
    let (port, _) = proxy(replica).await;
    let mut stream = connect(port).await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n").await.expect("it is open");
    let mut read = String::new();
    while !read.ends_with("\r\n\r\none") {
        read.push(char::from(stream.read_u8().await.expect("the first half")));
    }
    go_on.send(()).await.expect("the replica waits");
    let mut rest = [0; 3];
    stream.read_exact(&mut rest).await.expect("the second half");
    assert_eq!(&rest, b"two");
}

#[tokio::test]
async fn an_answer_of_its_own_says_so_and_whether_something_was_done() {
    let (listener, nobody) = listen().await;
    drop(listener);
    let (port, _) = proxy(nobody).await;
    let answer = get(port, "/").await;
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer}");
    assert!(answer.contains("x-chaos-proxy: unreachable\r\n"), "{answer}");
    assert!(answer.contains("x-effect: none\r\n"), "{answer}");

    let (port, _) = proxy(replica(silent).await).await;
    let answer = get(port, "/").await;
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer}");
    assert!(answer.contains("x-chaos-proxy: unanswered\r\n"), "{answer}");
    assert!(!answer.contains("x-effect"), "{answer}");
}

#[tokio::test]
async fn orders_are_taken_counted_and_ended() {
    let (port, admin) = proxy(replica(fine).await).await;
    let told = order(
        admin,
        r#"{"port": 8080, "at": "/orders*", "mode": "status", "status": 500, "seed": 7}"#,
    );
    assert!(told.await.starts_with("HTTP/1.1 200"), "it is taken");
    let answer = get(port, "/orders?x=1").await;
    assert!(answer.starts_with("HTTP/1.1 500 Internal"), "{answer}");
    assert!(answer.contains("x-chaos-proxy: fault\r\n"), "{answer}");
    assert!(get(port, "/healthz").await.starts_with("HTTP/1.1 201"), "it is not meant");
    assert!(get(admin, "/chaos").await.ends_with(r#"{"acted":1,"passed":1}"#));

    let delay = r#"{"port": 8080, "at": "*", "mode": "delay", "delay_ms": 300, "first": 1}"#;
    order(admin, delay).await;
    let begun = Instant::now();
    assert!(get(port, "/").await.starts_with("HTTP/1.1 201"), "it is only late");
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
    let ended = ask(admin, "DELETE /chaos HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(ended.ends_with(r#"{"acted":1,"passed":1}"#), "{ended}");
    assert!(get(admin, "/chaos").await.ends_with(r#"{"acted":0,"passed":0}"#));

    for wrong in ["", "{", r#"{"port": 1, "at": "*", "mode": "abort"}"#] {
        assert!(order(admin, wrong).await.starts_with("HTTP/1.1 422"), "{wrong}");
    }
}

#[tokio::test]
async fn other_ports_pass_bytes_as_they_are() {
    let (listener, replica) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("the proxy");
        let _ = stream.write_all(b"* OK ready").await;
        let mut said = [0; 3];
        let _ = stream.read_exact(&mut said).await;
        let _ = stream.write_all(&said).await;
    });
    let (door, port) = listen().await;
    tokio::spawn(serve(door, Door::Bytes(format!("127.0.0.1:{replica}"))));
    let mut stream = connect(port).await;
    let mut greeting = [0; 10];
    stream.read_exact(&mut greeting).await.expect("who speaks first is heard");
    stream.write_all(b"\0\xff!").await.expect("it is open");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.expect("it is closed at the end");
    assert_eq!((&greeting, rest.as_slice()), (b"* OK ready", b"\0\xff!".as_slice()));
}
