//! One request per connection, a few connections at a time, each for a few seconds at most: nobody
//! who asks can hold up those who come later, let alone the experiment.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::{Page, Pages};

/// Connections that are served at the same time; others wait in the kernel.
const CONNECTIONS: usize = 8;
/// A connection is closed after this, whatever it does.
const CONNECTION_LIMIT: Duration = Duration::from_secs(5);
/// Bytes of a request that are kept; a longer head is refused.
const REQUEST_BYTES: usize = 16 * 1024;
/// After a connection could not be taken, most likely for want of file handles.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes connections for ever.
pub(super) async fn accept(listener: TcpListener, pages: Arc<dyn Pages>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // The semaphore is never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let pages = Arc::clone(&pages);
        tokio::spawn(async move {
            // Who goes away early, or stays too long, has missed the answer.
            let _ = timeout(CONNECTION_LIMIT, converse(stream, pages)).await;
            drop(place);
        });
    }
}

async fn converse(stream: TcpStream, pages: Arc<dyn Pages>) {
    let answering = service_fn(move |request: Request<Incoming>| {
        let answer = answer(request.method(), request.uri().path(), pages.as_ref());
        async move { Ok::<_, Infallible>(answer) }
    });
    // An error is a client that did not speak HTTP, or left: there is nobody to be told.
    let _ = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(REQUEST_BYTES)
        .serve_connection(TokioIo::new(stream), answering)
        .await;
}

fn answer(method: &Method, path: &str, pages: &dyn Pages) -> Response<Full<Bytes>> {
    if method != Method::GET {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered\n".into());
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return response;
    }
    match pages.page(path) {
        Some(Page { media_type, text }) => {
            let mut response = Response::new(Full::from(text));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
            response
        }
        None => plain(StatusCode::NOT_FOUND, "there is no such page\n".into()),
    }
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response
}
