//! The client against a real small server that misbehaves in every way that a network offers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use super::{CallError, Client, Direction};
use crate::domain::order::{Kind, sample};
use crate::domain::state::Reason;
use crate::domain::step::Step;
use crate::http::steps::{StepAnswer, StepRequest};
use crate::role::Role;
use crate::trial::all_but;

const DONE: &str = r#"{"outcome":"done"}"#;

fn http(head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// What the server does about a request.
#[derive(Clone)]
enum Does {
    /// Sends bytes and keeps the connection.
    Answers(Vec<u8>),
    /// Sends bytes and closes it.
    Breaks(Vec<u8>),
    /// Sends bytes, and then nothing more.
    Hangs(Vec<u8>),
}

/// A server that does one thing per request, the last one for ever, and counts requests.
async fn server(plan: Vec<Does>) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let (counted, plan) = (requests.clone(), Arc::new(plan));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, plan.clone(), counted.clone()));
        }
    });
    (address, requests)
}

async fn serve(mut stream: TcpStream, plan: Arc<Vec<Does>>, requests: Arc<AtomicUsize>) {
    let mut bytes = vec![0; 64 * 1024];
    // The requests are small: each arrives in one piece.
    while let Ok(1..) = stream.read(&mut bytes).await {
        let turn = requests.fetch_add(1, Ordering::SeqCst).min(plan.len() - 1);
        match &plan[turn] {
            Does::Answers(answer) => stream.write_all(answer).await.unwrap(),
            Does::Breaks(answer) => return stream.write_all(answer).await.unwrap(),
            Does::Hangs(answer) => {
                stream.write_all(answer).await.unwrap();
                sleep(Duration::from_mins(1)).await;
            }
        }
    }
}

async fn call(client: &Client, limit: Duration) -> Result<StepAnswer, CallError> {
    take(client, Direction::Forward, limit).await
}

async fn take(
    client: &Client,
    direction: Direction,
    limit: Duration,
) -> Result<StepAnswer, CallError> {
    let request = StepRequest { order: sample("o-1", Kind::Standard), epoch: None };
    client.call(Step::Charge, direction, &request, Instant::now() + limit).await
}

async fn ask(plan: Vec<Does>, off: &str) -> (Result<StepAnswer, CallError>, usize) {
    let (address, requests) = server(plan).await;
    let client = Client::at(&[(Role::Payments, address)], all_but(off));
    let answer = call(&client, Duration::from_secs(5)).await;
    (answer, requests.load(Ordering::SeqCst))
}

fn is_unknown(result: &Result<StepAnswer, CallError>) -> bool {
    matches!(result, Err(CallError::Unknown("payments", _)))
}

fn is_nothing(result: &Result<StepAnswer, CallError>) -> bool {
    matches!(result, Err(CallError::NothingDone("payments", _)))
}

#[tokio::test]
async fn answers_are_read_and_mean_what_they_say() {
    let declined = r#"{"outcome":"refused","reason":"declined"}"#;
    let answers = [
        (http("200 OK", DONE), Ok(StepAnswer::Done)),
        (http("200 OK", declined), Ok(StepAnswer::Refused { reason: Reason::Declined })),
        (http("409 Conflict", "no"), Err(CallError::Never("payments", "no".into()))),
    ];
    for (bytes, expected) in answers {
        assert_eq!(ask(vec![Does::Answers(bytes)], "").await, (expected, 1));
    }
}

#[tokio::test]
async fn a_failure_is_certain_only_where_the_service_says_so_or_was_never_reached() {
    let none = http("503 Service Unavailable\r\nX-Effect: none", "later");
    let (result, requests) = ask(vec![Does::Answers(none.clone())], "").await;
    assert!(is_nothing(&result) && requests == 3, "{result:?} after {requests}");
    let late = Does::Hangs(http("200 OK", DONE).into_iter().take(50).collect());
    let unclear = [
        Does::Answers(http("503 Service Unavailable", "who knows")),
        Does::Answers(http("500 Internal Server Error", "")),
        Does::Answers(http("200 OK", "no json")),
        Does::Answers(http("302 Found", "")),
        Does::Breaks(Vec::new()),
        Does::Breaks(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_vec()),
        Does::Hangs(Vec::new()),
        late,
    ];
    for does in unclear {
        // Certain attempts after an unclear one make it no clearer.
        let (result, requests) = ask(vec![does, Does::Answers(none.clone())], "").await;
        assert!(is_unknown(&result) && requests == 3, "{result:?} after {requests}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = Client::at(&[(Role::Payments, nobody)], all_but(""));
    assert!(is_nothing(&call(&client, Duration::from_secs(5)).await));
    let stranger = Client::at(&[], all_but(""));
    assert!(is_nothing(&call(&stranger, Duration::from_secs(5)).await));
}

#[tokio::test]
async fn a_failed_attempt_is_repeated_unless_its_safeguard_is_off() {
    let plan = || vec![Does::Hangs(Vec::new()), Does::Answers(http("200 OK", DONE))];
    assert_eq!(ask(plan(), "").await, (Ok(StepAnswer::Done), 2));
    let (result, requests) = ask(plan(), "RETRIES").await;
    assert!(is_unknown(&result) && requests == 1, "{result:?} after {requests}");
}

#[tokio::test]
async fn an_endless_answer_ends_at_the_limit() {
    let endless =
        format!("HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n{}", " ".repeat(99_999));
    let (result, _) = ask(vec![Does::Hangs(endless.into_bytes())], "RETRIES").await;
    assert!(is_unknown(&result), "{result:?}");
}

#[tokio::test]
async fn time_limits_hold_unless_their_safeguard_is_off() {
    let (address, requests) = server(vec![Does::Hangs(Vec::new())]).await;
    let client = Client::at(&[(Role::Payments, address)], all_but(""));
    let begun = Instant::now();
    assert!(is_unknown(&call(&client, Duration::from_millis(450)).await));
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
    assert_eq!(requests.load(Ordering::SeqCst), 2);
    assert!(is_nothing(&call(&client, Duration::ZERO).await), "nothing is sent when time is over");
    assert_eq!(requests.load(Ordering::SeqCst), 2);
    let patient = Client::at(&[(Role::Payments, address)], all_but("TIMEOUTS"));
    let waited = timeout(Duration::from_secs(1), call(&patient, Duration::from_millis(450))).await;
    assert!(waited.is_err(), "{waited:?}");
}

#[tokio::test]
async fn a_silent_address_is_known_not_to_have_been_reached() {
    // A listener whose queue is full answers no handshake, like an address that has vanished.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut filling = Vec::new();
    while let Ok(connected) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await
    {
        filling.push(connected.unwrap());
        assert!(filling.len() < 64, "the queue never fills");
    }
    let client = Client::at(&[(Role::Payments, address)], all_but(""));
    let result = call(&client, Duration::from_secs(5)).await;
    assert!(is_nothing(&result), "{result:?}");
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_nothing() {
    let plan = vec![Does::Breaks(http("200 OK", DONE))];
    let (address, requests) = server(plan).await;
    let client = Client::at(&[(Role::Payments, address)], all_but("RETRIES"));
    for _ in 0..3 {
        assert_eq!(call(&client, Duration::from_secs(1)).await, Ok(StepAnswer::Done));
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(requests.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_service_that_keeps_failing_is_left_alone_unless_its_safeguard_is_off() {
    let none = http("503 Service Unavailable\r\nX-Effect: none", "");
    for (off, most) in [("", 10), ("BREAKER", 15)] {
        let (address, requests) = server(vec![Does::Answers(none.clone())]).await;
        let client = Client::at(&[(Role::Payments, address)], all_but(off));
        for _ in 0..5 {
            assert!(is_nothing(&call(&client, Duration::from_secs(5)).await));
        }
        let sent = requests.load(Ordering::SeqCst);
        assert!(sent == most || (off.is_empty() && sent == most + 1), "{sent} with {off} off");
    }
}

#[tokio::test]
async fn where_nothing_can_be_undone_orders_are_served_all_the_same() {
    let failure = Does::Answers(http("503 Service Unavailable\r\nX-Effect: none", ""));
    let mut plan = vec![failure; 10];
    plan.push(Does::Answers(http("200 OK", DONE)));
    let (address, requests) = server(plan).await;
    let client = Client::at(&[(Role::Payments, address)], all_but("RETRIES"));
    for sent in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10] {
        let undone = take(&client, Direction::Compensate, Duration::from_secs(1)).await;
        assert!(is_nothing(&undone), "{undone:?}");
        assert_eq!(requests.load(Ordering::SeqCst), sent);
    }
    assert_eq!(call(&client, Duration::from_secs(1)).await, Ok(StepAnswer::Done));
}
