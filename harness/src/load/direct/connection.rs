//! One connection of HTTP/1.1 that is driven by whoever uses it: request, answer and the connection's
//! own work share a task, so that a request costs no switch between tasks.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A connection that stands.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Reads and writes; ends with the connection.
    driver: http1::Connection<TokioIo<TcpStream>, Full<Bytes>>,
    ended: bool,
}

/// How an exchange failed before its answer began.
pub(super) enum Unanswered {
    /// The connection was gone before a byte of the request was written: it may be sent elsewhere.
    NeverSent(Box<Request<Full<Bytes>>>, hyper::Error),
    /// It may have been sent.
    Broken(hyper::Error),
}

impl Connection {
    /// Makes a connection of a stream that stands.
    pub(super) async fn over(stream: TcpStream) -> Result<Self, hyper::Error> {
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, driver, ended: false })
    }

    /// Ready once the connection has ended, whoever ended it. Keeps it going until then.
    pub(super) fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.ended {
            // Why it ended matters to requests alone, and they are told it themselves.
            self.ended = std::pin::Pin::new(&mut self.driver).poll(context).is_ready();
        }
        if self.ended { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether another request may be sent, as far as is known without waiting.
    pub(super) async fn is_reusable(&mut self) -> bool {
        poll_fn(|context| {
            let ended = self.poll_end(context).is_ready();
            Poll::Ready(!ended && self.sender.is_ready())
        })
        .await
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let answering = self.sender.try_send_request(request);
        let answer = drive(&mut self.driver, &mut self.ended, answering).await;
        answer.map_err(|mut error| match error.take_message() {
            Some(request) => Unanswered::NeverSent(Box::new(request), error.into_error()),
            None => Unanswered::Broken(error.into_error()),
        })
    }

    /// The next piece of a body; none at its end.
    pub(super) async fn chunk(
        &mut self,
        body: &mut Incoming,
    ) -> Result<Option<Bytes>, hyper::Error> {
        loop {
            let frame = drive(&mut self.driver, &mut self.ended, body.frame()).await;
            match frame.transpose()?.map(Frame::into_data) {
                Some(Ok(data)) => return Ok(Some(data)),
                // Trailers tell nothing that is asked for.
                Some(Err(_)) => {}
                None => return Ok(None),
            }
        }
    }
}

/// Awaits something that needs the connection's own work to go on.
async fn drive<T>(
    driver: &mut http1::Connection<TokioIo<TcpStream>, Full<Bytes>>,
    ended: &mut bool,
    awaited: impl Future<Output = T>,
) -> T {
    let mut awaited = pin!(awaited);
    poll_fn(|context| {
        // If it ends in between, what is awaited is told by hyper.
        *ended = *ended || std::pin::Pin::new(&mut *driver).poll(context).is_ready();
        awaited.as_mut().poll(context)
    })
    .await
}
