//! From a rendered request to what is written to a connection, with as little work as possible: what
//! is the same for every request is made once, and an address that needs no escaping is not parsed.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, AUTHORIZATION, HOST, HeaderName, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Uri};
use reqwest::Url;

use super::super::arrival::Message;
use crate::http;
use crate::port::PortError;

/// Where requests go, and what each of them says because of it.
pub(super) struct Server {
    /// Address before every path.
    entry: String,
    /// Path of that address, without a slash at its end.
    prefix: String,
    /// Host and port, to be looked up for every connection.
    address: (String, u16),
    host: HeaderValue,
    authorization: Option<HeaderValue>,
}

impl Server {
    /// Takes an address such as `http://127.0.0.1:40123` apart.
    pub(super) fn new(entry: &str) -> Result<Self, PortError> {
        let refused = |reason: &str| {
            PortError(format!(
                "`{entry}` cannot be reached by the load engine direct ({reason}); try --engine goose"
            ))
        };
        let url = Url::parse(entry).map_err(|error| refused(&error.to_string()))?;
        if url.scheme() != "http" {
            return Err(refused("it speaks plain HTTP alone"));
        }
        let name = url.host_str().ok_or_else(|| refused("it names no host"))?;
        let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
        let host = HeaderValue::from_str(&format!("{name}{port}"));
        let host = host.map_err(|_| refused("its host cannot be told"))?;
        Ok(Self {
            entry: entry.to_owned(),
            prefix: url.path().trim_end_matches('/').to_owned(),
            // An IPv6 address stands in brackets there.
            address: (name.trim_matches(['[', ']']).to_owned(), url.port().unwrap_or(80)),
            host,
            authorization: credentials(&url),
        })
    }

    pub(super) fn address(&self) -> (&str, u16) {
        (&self.address.0, self.address.1)
    }

    /// The request, or why there is none such in HTTP. Its head is what the client of the other
    /// engine would send.
    pub(super) fn request(&self, message: Message) -> Result<Request<Full<Bytes>>, String> {
        let Message { method, path, headers, body } = message;
        let method = Method::from_bytes(method.as_bytes()).map_err(|error| error.to_string())?;
        let body = body.map_or_else(Full::default, |body| Full::new(Bytes::from(body)));
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = self.target(path)?;
        let fields = request.headers_mut();
        fields.reserve(headers.len() + 3);
        for (name, value) in headers {
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
            let value = HeaderValue::from_maybe_shared(Bytes::from(value));
            fields.append(name, value.map_err(|error| error.to_string())?);
        }
        if let Some(authorization) = &self.authorization {
            fields.entry(AUTHORIZATION).or_insert_with(|| authorization.clone());
        }
        fields.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        fields.entry(HOST).or_insert_with(|| self.host.clone());
        Ok(request)
    }

    /// What stands in the request line.
    fn target(&self, path: String) -> Result<Uri, String> {
        let target = if !is_plain(&path) {
            let url = Url::parse(&format!("{}{path}", self.entry)).map_err(|e| e.to_string())?;
            let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
            format!("{}{query}", url.path())
        } else if self.prefix.is_empty() {
            path
        } else {
            format!("{}{path}", self.prefix)
        };
        let target = PathAndQuery::from_maybe_shared(Bytes::from(target));
        target.map(Uri::from).map_err(|error| error.to_string())
    }
}

/// Whether the rules for addresses leave a path and query as they are.
fn is_plain(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~./?&=+,:;@!$*()".contains(&byte);
    path.starts_with('/') && path.bytes().all(plain) && !path.contains("/.")
}

/// What the credentials of an address become, told by the client of the other engine.
fn credentials(url: &Url) -> Option<HeaderValue> {
    let client = http::client(url.as_str()).build().ok()?;
    let told = client.get(url.clone()).build().ok()?;
    told.headers().get(AUTHORIZATION).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(entry: &str, path: &str) -> String {
        let server = Server::new(entry).expect("an address");
        server.target(path.to_owned()).expect("a path").to_string()
    }

    #[test]
    fn a_path_is_written_as_any_client_would_write_it() {
        let entry = "http://127.0.0.1:8080";
        for path in [
            "/",
            "/orders",
            "/orders/1?b=2&c=x+y",
            "/a//b/",
            "/a b",
            "/a/../b",
            "/a/./b",
            "/ä?ö=ü",
            "/a%20b",
            "/a#b",
            "/a?b'c",
            "/\"<>`{}|\\^",
            "/a?q=\"<>`{}|\\^",
            "/.",
            "/a/%2e%2e/b",
            "/?",
            "/x;y=(1)*!$@,:~_-",
        ] {
            let url = Url::parse(&format!("{entry}{path}")).expect("an address");
            let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
            assert_eq!(shown(entry, path), format!("{}{query}", url.path()), "{path}");
        }
    }

    #[test]
    fn an_address_is_taken_apart() {
        assert_eq!(shown("http://[::1]:81/shop/", "/orders"), "/shop/orders");
        let server = Server::new("http://user:pass@[::1]:81").expect("an address");
        assert_eq!(server.address(), ("::1", 81));
        assert_eq!(server.host, "[::1]:81");
        assert_eq!(server.authorization.expect("told"), "Basic dXNlcjpwYXNz");
        assert_eq!(Server::new("http://shop").expect("an address").host, "shop");
        let error = Server::new("https://shop").err().expect("refused").to_string();
        assert!(error.contains("--engine goose"), "{error}");
    }
}
