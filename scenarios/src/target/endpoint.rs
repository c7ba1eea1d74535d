//! Reads a place inside the target, written as a URL whose host is a component. A URL library would
//! refuse or rewrite the `${VARIABLE:-default}` that may stand in the credentials.

use super::Endpoint;
use super::interpolate::{check, closing_brace};

/// Every scheme with what it means for readiness and reading.
pub const SCHEMES: [&str; 4] = ["http", "postgres", "amqp", "tcp"];
const FORM: &str = "scheme://component:port/path";

/// Why a text is no place inside a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not a URL at all.
    #[error("`{text}` is no address inside the target: write `{FORM}`")]
    Form {
        /// What was written.
        text: String,
    },
    /// A scheme that nothing speaks.
    #[error(
        "`{scheme}` is no scheme for an address inside the target: write one of http, postgres, amqp, tcp"
    )]
    Scheme {
        /// What was written.
        scheme: String,
    },
    /// No port, or not one.
    #[error("`{text}` needs the port inside the container, from 1 to 65535, as in `{FORM}`")]
    Port {
        /// What was written.
        text: String,
    },
    /// A wrongly written variable in the credentials.
    #[error(transparent)]
    Variable(#[from] super::interpolate::InterpolationError),
}

impl std::str::FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || EndpointError::Form { text: text.to_owned() };
        let (scheme, rest) = text.split_once("://").ok_or_else(form)?;
        if !SCHEMES.contains(&scheme) {
            return Err(EndpointError::Scheme { scheme: scheme.to_owned() });
        }
        let (credentials, host, path) = split_authority(rest);
        if let Some(credentials) = credentials {
            check(credentials)?;
        }
        let (component, port) = host.split_once(':').unwrap_or((host, ""));
        let port = port.parse().ok().filter(|port| *port > 0);
        let port = port.ok_or_else(|| EndpointError::Port { text: text.to_owned() })?;
        if component.is_empty() || (scheme == "tcp" && !path.is_empty()) {
            return Err(form());
        }
        Ok(Self {
            scheme: scheme.to_owned(),
            credentials: credentials.map(str::to_owned),
            component: component.to_owned(),
            port,
            path: path.to_owned(),
        })
    }
}

/// Splits `user:${PASSWORD:-a/b@c}@host:1/path` at its outer `@` and `/`.
fn split_authority(text: &str) -> (Option<&str>, &str, &str) {
    let mut at = None;
    let mut end = text.len();
    let mut index = 0;
    while let Some(byte) = text.as_bytes().get(index) {
        match byte {
            b'$' if text[index..].starts_with("${") => {
                index += 2 + closing_brace(&text[index + 2..]).unwrap_or(0);
            }
            b'@' => at = Some(index),
            b'/' | b'?' => {
                end = index;
                break;
            }
            _ => {}
        }
        index += 1;
    }
    let host = at.map_or(0, |at| at + 1);
    (at.map(|at| &text[..at]), &text[host..end], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let endpoint: Endpoint =
            "postgres://shop:${PASSWORD:-a/b@c}@orders-db:5432/shop".parse().expect("an address");
        insta::assert_snapshot!(endpoint, @"postgres://orders-db:5432/shop");
        assert_eq!(endpoint.credentials.as_deref(), Some("shop:${PASSWORD:-a/b@c}"));
        let plain: Endpoint = "http://proxy:8080".parse().expect("an address");
        assert_eq!((plain.credentials, plain.path.as_str(), plain.port), (None, "", 8080));
        let query: Endpoint = "http://app:1/find?by=a@b:c".parse().expect("an address");
        assert_eq!((query.component.as_str(), query.path.as_str()), ("app", "/find?by=a@b:c"));
    }

    #[test]
    fn what_is_no_address_says_what_one_is() {
        let wrong = [
            "orders",
            "ftp://orders:21",
            "http://orders",
            "http://orders:0/x",
            "http://:80",
            "tcp://orders:80/x",
            "amqp://u:${P@mq:5672",
            "http://orders:99999",
        ];
        let told: Vec<String> = wrong
            .iter()
            .map(|text| text.parse::<Endpoint>().expect_err(text).to_string())
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        `orders` is no address inside the target: write `scheme://component:port/path`
        `ftp` is no scheme for an address inside the target: write one of http, postgres, amqp, tcp
        `http://orders` needs the port inside the container, from 1 to 65535, as in `scheme://component:port/path`
        `http://orders:0/x` needs the port inside the container, from 1 to 65535, as in `scheme://component:port/path`
        `http://:80` is no address inside the target: write `scheme://component:port/path`
        `tcp://orders:80/x` is no address inside the target: write `scheme://component:port/path`
        `${P` is never closed: end the variable with `}`
        `http://orders:99999` needs the port inside the container, from 1 to 65535, as in `scheme://component:port/path`
        "#);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "(http|tcp|amqp)://[${}:@/?a-cé0-9-]{0,30}") {
            let _ = text.parse::<Endpoint>();
        }
    }
}
