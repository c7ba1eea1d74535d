//! Being told to stop: once, and the run ends early but clean; twice, and nothing is waited for,
//! but what was done is still undone.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How urgently the harness was told to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Urgency {
    None,
    Asked(String),
    Insisted(String),
}

/// A wish to stop, shared by everybody who waits.
#[derive(Debug, Clone)]
pub struct Stop {
    urgency: watch::Sender<Urgency>,
}

impl Default for Stop {
    fn default() -> Self {
        Self { urgency: watch::Sender::new(Urgency::None) }
    }
}

impl Stop {
    /// Tells everybody to stop; the second time, to wait for nothing.
    pub fn ask(&self, signal: &str) {
        self.urgency.send_modify(|urgency| {
            *urgency = match urgency {
                Urgency::None => Urgency::Asked(signal.to_owned()),
                Urgency::Asked(first) | Urgency::Insisted(first) => {
                    Urgency::Insisted(first.clone())
                }
            };
        });
    }

    /// The signal that asked first, if one did.
    pub fn signal(&self) -> Option<String> {
        match &*self.urgency.borrow() {
            Urgency::None => None,
            Urgency::Asked(signal) | Urgency::Insisted(signal) => Some(signal.clone()),
        }
    }

    /// Waits until somebody asks; the name of the signal.
    pub async fn asked(&self) -> String {
        let mut urgency = self.urgency.subscribe();
        // The sender lives as long as `self`, so the wait cannot fail.
        let _ = urgency.wait_for(|now| *now != Urgency::None).await;
        self.signal().unwrap_or_default()
    }

    /// Waits until somebody asks for the second time.
    pub async fn insisted(&self) {
        let mut urgency = self.urgency.subscribe();
        let _ = urgency.wait_for(|now| matches!(now, Urgency::Insisted(_))).await;
    }
}

/// Lets SIGINT and SIGTERM ask for a stop from here on, instead of killing the process.
pub fn on_signals(stop: &Stop) -> std::io::Result<()> {
    for (kind, name) in [(SignalKind::interrupt(), "SIGINT"), (SignalKind::terminate(), "SIGTERM")]
    {
        let mut signals = signal(kind)?;
        let stop = stop.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                stop.ask(name);
            }
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_signal_gives_the_name_and_the_second_the_urgency() {
        let stop = Stop::default();
        assert_eq!(stop.signal(), None);
        stop.ask("SIGTERM");
        stop.ask("SIGINT");
        assert_eq!(stop.asked().await, "SIGTERM");
        stop.insisted().await;
    }
}
