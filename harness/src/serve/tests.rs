//! The door over real sockets: who may ask, what is answered, and who cannot hold it up.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::*;

struct Greeting;

impl Pages for Greeting {
    fn page(&self, path: &str) -> Option<Page> {
        (path == "/greeting").then(|| Page { media_type: "text/plain", text: "hello".to_owned() })
    }
}

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Sends bytes and reads to the end of the connection.
fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the door is open");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("the request is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer and an end");
    answer
}

async fn asked(address: SocketAddr, request: &'static str) -> String {
    tokio::task::spawn_blocking(move || ask(address, request)).await.expect("no panic")
}

#[test]
fn other_machines_may_ask_only_if_somebody_allows_it() {
    let open = SocketAddr::from(([0, 0, 0, 0], 0));
    let error = Door::open(open, false).expect_err("refused");
    assert!(error.to_string().contains("--allow-remote"), "{error}");
    assert!(matches!(Failure::from(error), Failure::Usage(_)));
    Door::open(open, true).expect("allowed");
}

#[test]
fn a_port_in_use_is_told_with_what_to_do() {
    let taken = Door::open(any(), false).expect("a free port");
    let error = Door::open(taken.address(), false).expect_err("taken");
    let told = error.to_string();
    assert!(told.starts_with(&taken.address().to_string()), "{told}");
    assert!(told.ends_with("free the port, or choose another"), "{told}");
    assert!(matches!(Failure::from(error), Failure::Environment(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_told_and_everything_else_refused() {
    let door = Door::open(any(), false).expect("a free port");
    let address = door.address();
    let serving = door.serve(Arc::new(Greeting)).expect("it serves");
    let page = asked(address, "GET /greeting HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(page.starts_with("HTTP/1.1 200 ") && page.ends_with("\r\n\r\nhello"), "{page}");
    let missing = asked(address, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(missing.starts_with("HTTP/1.1 404 "), "{missing}");
    let post = asked(address, "POST /greeting HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(post.starts_with("HTTP/1.1 405 ") && post.contains("allow: GET"), "{post}");
    let noise = asked(address, "noise\r\n\r\n").await;
    assert!(noise.starts_with("HTTP/1.1 400 "), "{noise}");
    drop(serving);
    for _ in 0..100 {
        if TcpStream::connect(address).is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the door is still open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_say_nothing_give_way() {
    let door = Door::open(any(), false).expect("a free port");
    let address = door.address();
    let _serving = door.serve(Arc::new(Greeting)).expect("it serves");
    let silent: Vec<TcpStream> =
        (0..20).map(|_| TcpStream::connect(address).expect("the kernel takes it")).collect();
    let page = asked(address, "GET /greeting HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(page.ends_with("hello"), "{page}");
    drop(silent);
}
