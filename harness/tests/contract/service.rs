//! One running implementation, as its callers and operators see it.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stage::Container;

/// Longest wait for an answer: above every deadline of the service.
const PATIENCE: Duration = Duration::from_secs(8);
/// A service is ready within this time once its dependencies are.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// The two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Public,
    Admin,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The header that says that certainly nothing was changed.
    pub(crate) no_effect: bool,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// A service in its container.
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) container: Container,
    client: reqwest::Client,
    public: u16,
    admin: u16,
}

impl Service {
    pub(crate) fn new(name: &'static str, container: Container) -> Self {
        let (public, admin) = (container.port(8080), container.port(9090));
        let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build();
        Self { name, container, client: client.expect("a client"), public, admin }
    }

    /// Sends a request; an error where no answer came.
    pub(crate) async fn try_send(
        &self,
        method: Method,
        door: Door,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Answer, reqwest::Error> {
        let port = if door == Door::Public { self.public } else { self.admin };
        let request = self.client.request(method, format!("http://127.0.0.1:{port}{path}"));
        let response = request.body(body).send().await?;
        Ok(Answer {
            status: response.status().as_u16(),
            no_effect: response.headers().get("X-Effect").is_some_and(|value| value == "none"),
            body: response.text().await?,
        })
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        door: Door,
        path: &str,
        body: Vec<u8>,
    ) -> Answer {
        let sent = self.try_send(method.clone(), door, path, body).await;
        sent.unwrap_or_else(|error| {
            panic!("{}: {method} {path}: {error}\n{}", self.name, self.container.log())
        })
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.send(Method::POST, Door::Public, path, body.as_bytes().to_vec()).await
    }

    pub(crate) async fn get(&self, door: Door, path: &str) -> Answer {
        self.send(Method::GET, door, path, Vec::new()).await
    }

    /// Sends a plain text to the public door; the beginning of what comes back.
    pub(crate) async fn send_text(&self, text: &str) -> String {
        let mut connection =
            TcpStream::connect(("127.0.0.1", self.public)).await.expect("a connection");
        connection.write_all(text.as_bytes()).await.expect("it is sent");
        let mut answer = vec![0; 1024];
        let read = tokio::time::timeout(PATIENCE, connection.read(&mut answer)).await;
        let late = || format!("{}: no answer in time", self.name);
        let length = read.unwrap_or_else(|_| panic!("{}", late())).expect("an answer");
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    /// An audit, which has to work.
    pub(crate) async fn audit(&self, path: &str) -> String {
        let answer = self.get(Door::Admin, path).await;
        assert_eq!(answer.status, 200, "{}: {path}: {}", self.name, answer.body);
        answer.body
    }

    /// Waits until it says that it can work.
    pub(crate) async fn ready(&self) {
        self.wait_for("/readyz", READY_LIMIT, |answer| answer.status == 200).await;
    }

    /// Waits until a path of the admin door gives an answer that is wanted.
    pub(crate) async fn wait_for(
        &self,
        path: &str,
        limit: Duration,
        wanted: impl Fn(&Answer) -> bool,
    ) -> Answer {
        let begun = Instant::now();
        loop {
            let sent = self.try_send(Method::GET, Door::Admin, path, Vec::new()).await;
            if let Some(answer) = sent.as_ref().ok().filter(|answer| wanted(answer)) {
                return answer.clone();
            }
            let log = || self.container.log();
            assert!(begun.elapsed() < limit, "{}: {path}: {sent:?}\n{}", self.name, log());
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Stops it, which has to go well.
    pub(crate) async fn stop(&self) {
        self.container.terminate();
        assert_eq!(self.container.ended().await, 0, "{}", self.container.log());
    }

    /// Starts it again; its ports may be others now.
    pub(crate) async fn start_again(&mut self) {
        self.container.start_again();
        (self.public, self.admin) = (self.container.port(8080), self.container.port(9090));
        self.ready().await;
    }
}
