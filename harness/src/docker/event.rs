//! Follows what Docker tells of the containers of a run. Times of faults come from here: a call's
//! return is up to 0.1 s later than what it did.

use std::collections::VecDeque;
use std::time::Duration;

use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptionsBuilder;
use chaos_reports::record::event::Event;
use futures::StreamExt;
use tokio::sync::watch;

use super::connection::Daemon;
use super::error::DockerError;
use super::label;
use crate::recorder::Recorder;

/// What is listened to. Health checks and `exec` would flood the stream.
const ACTIONS: [&str; 9] =
    ["start", "die", "oom", "kill", "stop", "restart", "pause", "unpause", "destroy"];
/// How often in a row the stream may break before it is given up, and the pause between: a daemon
/// that is started anew takes a while.
const RECONNECTS: u32 = 240;
const PAUSE: Duration = Duration::from_millis(250);

/// Events remembered to tell repeated ones from new ones after a reconnection.
const REMEMBERED: usize = 1024;
/// A new connection asks for what happened this long before the last event, because events of
/// different containers are not told in the order of their times. Nanoseconds.
const OVERLAP: i64 = 1_000_000_000;

/// Records the events of a run's containers until aborted, from `since` (nanoseconds since 1970).
/// Says through `lost` when the daemon went away: what it told meanwhile is forgotten by the next
/// one, and containers end with it.
pub(super) async fn follow(
    daemon: Daemon,
    run: String,
    since: i64,
    recorder: Recorder,
    lost: watch::Sender<Option<DockerError>>,
) {
    let mut heard = Heard { last: since + OVERLAP, recent: VecDeque::new() };
    let mut failures = 0;
    while failures < RECONNECTS {
        let before = heard.last;
        listen(&daemon, &run, &mut heard, &recorder).await;
        if daemon.facts.is_on_a_socket_file() || !daemon.answers().await {
            let address = daemon.facts.address.clone();
            lost.send_replace(Some(DockerError::Lost { address }));
        }
        failures = if heard.last > before { 0 } else { failures + 1 };
        tokio::time::sleep(PAUSE).await;
    }
    let text = "Docker's event stream broke and could not be followed any further".to_owned();
    recorder.emit(Event::Note { text });
}

/// What was told already.
struct Heard {
    last: i64,
    recent: VecDeque<(i64, Option<String>, Option<String>)>,
}

impl Heard {
    /// Whether a message is new; remembers it.
    fn is_new(&mut self, message: &EventMessage, told: i64) -> bool {
        let id = message.actor.as_ref().and_then(|actor| actor.id.clone());
        let key = (told, id, message.action.clone());
        if self.recent.contains(&key) {
            return false;
        }
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(key);
        self.last = self.last.max(told);
        true
    }
}

/// Listens until the stream breaks.
async fn listen(daemon: &Daemon, run: &str, heard: &mut Heard, recorder: &Recorder) {
    let mut filters = label::filter(Some(run));
    filters.insert("type".to_owned(), vec!["container".to_owned()]);
    filters.insert("event".to_owned(), ACTIONS.map(str::to_owned).to_vec());
    let since = heard.last - OVERLAP;
    let since = format!("{}.{:09}", since / 1_000_000_000, since % 1_000_000_000);
    let options = EventsOptionsBuilder::default().since(&since).filters(&filters).build();
    let mut events = daemon.client.events(Some(options));
    while let Some(Ok(message)) = events.next().await {
        let Some(told) = message.time_nano else { continue };
        if !heard.is_new(&message, told) {
            continue;
        }
        if let Some(event) = translate(message, told, recorder) {
            recorder.emit(event);
        }
    }
}

fn translate(message: EventMessage, told: i64, recorder: &Recorder) -> Option<Event> {
    let attributes = message.actor?.attributes?;
    Some(Event::Container {
        replica: label::replica(&attributes)?,
        action: message.action?,
        happened: recorder.moment_of_wall_clock(told / 1000),
        exit_code: attributes.get("exitCode").and_then(|code| code.parse().ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_again_after_a_reconnection_is_not_recorded_twice() {
        let mut heard = Heard { last: 0, recent: VecDeque::new() };
        let die = EventMessage { action: Some("die".to_owned()), ..EventMessage::default() };
        let start = EventMessage { action: Some("start".to_owned()), ..EventMessage::default() };
        assert!(heard.is_new(&die, 20));
        // Told later, happened earlier: another container's.
        assert!(heard.is_new(&start, 10));
        assert!(!heard.is_new(&die, 20));
        assert_eq!(heard.last, 20);
    }
}
