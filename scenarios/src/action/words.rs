//! Actions in words, as plans and journals show them.

use std::fmt;

use super::{Action, Cores, HttpRequest};

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { replica, signal } => write!(formatter, "kill {replica} with SIG{signal}"),
            Self::Start { replica } => write!(formatter, "start {replica}"),
            Self::Crash { replica } => write!(formatter, "crash {replica} from inside"),
            Self::Stop { replica, grace } => write!(formatter, "stop {replica} within {grace}"),
            Self::Restart { replica, grace } => {
                write!(formatter, "restart {replica}, stopping it within {grace}")
            }
            Self::Pause { replica } => write!(formatter, "pause {replica}"),
            Self::Unpause { replica } => write!(formatter, "unpause {replica}"),
            Self::Disconnect { replica } => write!(formatter, "take {replica} off its networks"),
            Self::Connect { replica } => write!(formatter, "put {replica} on its networks"),
            Self::LimitCpu { replica, millicores: Some(limit) } => {
                write!(formatter, "limit {replica} to {} cores", Cores(*limit))
            }
            Self::LimitCpu { replica, millicores: None } => {
                write!(formatter, "lift the CPU limit of {replica}")
            }
            Self::LimitMemory { replica, limit: Some(limit) } => {
                write!(formatter, "limit {replica} to {limit} of memory")
            }
            Self::LimitMemory { replica, limit: None } => {
                write!(formatter, "lift the memory limit of {replica}")
            }
            Self::Hog { replica, hog } => write!(formatter, "use up {hog} in {replica}"),
            Self::EndHog { replica, hog } => write!(formatter, "end using up {hog} in {replica}"),
            Self::Impair { replica, impairment } => {
                write!(formatter, "make {impairment} at {replica}")
            }
            Self::EndImpair { replica, impairment } => {
                write!(formatter, "end {impairment} at {replica}")
            }
            Self::Poison { replica, poison } => write!(formatter, "put {poison} of {replica}"),
            Self::EndPoison { replica, poison } => {
                let (count, queue) = (poison.count, &poison.queue);
                write!(formatter, "take what is left of the {count} out of {queue} of {replica}")
            }
            Self::LimitQueues { replica, limit } => {
                write!(formatter, "let {limit} in {replica}")
            }
            Self::UnlimitQueues { replica, limit } => {
                write!(formatter, "lift the limit of {} in {replica}", limit.queues.join(", "))
            }
            Self::Redrive { replica, port, path } => {
                write!(formatter, "send dead letters again by POST {path} of {replica}:{port}")
            }
            Self::FillVolume { replica, fill } => write!(formatter, "fill {fill} of {replica}"),
            Self::EmptyVolume { replica, fill } => {
                write!(formatter, "give the space in {} of {replica} back", fill.volume)
            }
            Self::Remove { replica } => write!(formatter, "remove {replica}"),
            Self::Swap { replica, image: Some(image) } => {
                write!(formatter, "put {image} in the place of {replica}")
            }
            Self::Swap { replica, image: None } => {
                write!(formatter, "put {replica} in its place again")
            }
            Self::Http { replica, proxied, port, request } => {
                let HttpRequest { method, path, body } = request;
                let body = body.as_ref().map(|body| format!(" {body}")).unwrap_or_default();
                let whom = match proxied {
                    None => format!("{replica}:{port}"),
                    Some(before) => format!("the proxy before {replica}:{before}"),
                };
                write!(formatter, "{method} {path} of {whom}{body}")
            }
        }
    }
}
