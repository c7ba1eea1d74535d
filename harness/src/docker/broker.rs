//! Faults of a message broker: RabbitMQ of any image, without its management plugin. Our program in
//! the broker's container speaks AMQP with it; what AMQP does not know, the server's own command
//! line tool does.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard::exec::CreateExecOptions;
use chaos_reports::record::Moment;
use chaos_scenarios::action::{Check, Poison, QueueLimit, Replica};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::error::DockerError;
use super::inside::{self, Running};
use super::site::Site;
use crate::helper::broker::protocol::{Depths, Poisoned, Swept};
use crate::port::Proof;

/// Name of our policy. An operator's policy is merged with those of the application's owners, where
/// the smaller limit counts, and takes the place of no other setting of theirs.
const POLICY: &str = "chaos-queue-limit";
/// Before every other operator's policy.
const PRIORITY: &str = "1000000";
/// Bound of one call of the command line tool, which starts an Erlang machine of its own.
const TOOL_LIMIT: Duration = Duration::from_secs(20);
/// The tool on the virtual host of the application, as the container's environment names it.
const TOOL: &str = "exec rabbitmqctl --silent --vhost \"${RABBITMQ_DEFAULT_VHOST:-/}\" \"$@\"";

/// What is done to queues, and what became of it.
#[derive(Default)]
pub(super) struct Brokers {
    poisonings: Vec<Poisoning>,
    /// Who watches the queues that are limited, and since when they are.
    limited: BTreeMap<Replica, (Moment, Running)>,
}

/// Messages that nobody can read, in one queue.
struct Poisoning {
    replica: Replica,
    poison: Poison,
    /// Who sends them and watches; none once it is over.
    running: Option<Running>,
    /// What was taken out again; none before.
    swept: Option<Swept>,
}

impl Brokers {
    fn poisoning(&mut self, replica: &Replica, poison: &Poison) -> Option<&mut Poisoning> {
        let mut all = self.poisonings.iter_mut();
        all.find(|other| other.replica == *replica && other.poison == *poison)
    }
}

/// Begins to send messages that nobody can read; where that goes on already, nothing is done.
pub(super) async fn poison(
    site: &Site,
    replica: &Replica,
    poison: &Poison,
) -> Result<(), DockerError> {
    let mut brokers = site.brokers().await;
    if brokers.poisoning(replica, poison).is_some_and(|known| known.swept.is_none()) {
        return Ok(());
    }
    let Poison { queue, dead, count, every } = poison;
    let (count, every) = (count.to_string(), (every.micros() / 1000).to_string());
    let mut words = vec!["poison", queue, &count, &every];
    words.extend(dead.as_deref());
    let running = start(site, replica, &words).await?;
    brokers.poisonings.retain(|other| other.replica != *replica || other.poison != *poison);
    let (replica, poison) = (replica.clone(), poison.clone());
    brokers.poisonings.push(Poisoning { replica, poison, running: Some(running), swept: None });
    Ok(())
}

/// Sends no more of them, and takes out what is left.
pub(super) async fn end_poison(
    site: &Site,
    replica: &Replica,
    poison: &Poison,
) -> Result<(), DockerError> {
    let mut brokers = site.brokers().await;
    let Some(known) = brokers.poisoning(replica, poison) else { return Ok(()) };
    if known.swept.is_some() {
        return Ok(());
    }
    let mut sent = poison.count;
    if let Some(running) = known.running.take() {
        let last = running.end(site.daemon(), replica).await;
        let told: Option<Poisoned> = last.ok().and_then(|last| parse(&last));
        // One that died with its container may have sent more than it told.
        sent = told.filter(|told| told.ended).map_or(sent, |told| told.sent);
    }
    let (sent, queue) = (sent.to_string(), poison.queue.as_str());
    let mut words = vec!["poison-sweep", queue, sent.as_str()];
    words.extend(poison.dead.as_deref());
    let id = site.held(replica)?.id;
    let task = inside::task(&site.maker.entry, &words);
    let said = inside::run(site.daemon(), replica, &id, task).await?;
    let swept = parse(&said);
    known.swept = Some(swept.ok_or_else(|| DockerError::Inside {
        replica: replica.clone(),
        exit_code: 0,
        said: said.trim().to_owned(),
    })?);
    Ok(())
}

/// Lets queues hold fewer messages, and watches them.
pub(super) async fn limit(
    site: &Site,
    replica: &Replica,
    limit: &QueueLimit,
) -> Result<(), DockerError> {
    let mut brokers = site.brokers().await;
    if brokers.limited.contains_key(replica) {
        return Ok(());
    }
    let (pattern, definition) = (pattern(&limit.queues), json!({"max-length": limit.length}));
    let definition = definition.to_string();
    let words = ["set_operator_policy", "--priority", PRIORITY, "--apply-to", "queues", POLICY];
    tool(site, replica, &[&words[..], &[pattern.as_str(), definition.as_str()]].concat()).await?;
    let since = site.recorder().now();
    let queues = limit.queues.iter().map(String::as_str);
    let words: Vec<&str> = ["queue-depths"].into_iter().chain(queues).collect();
    let running = start(site, replica, &words).await?;
    brokers.limited.insert(replica.clone(), (since, running));
    Ok(())
}

/// Takes our limit away.
pub(super) async fn unlimit(site: &Site, replica: &Replica) -> Result<(), DockerError> {
    let mut brokers = site.brokers().await;
    if let Some((_, running)) = brokers.limited.remove(replica) {
        // It only watches; one whose container died is gone already.
        let _ = running.end(site.daemon(), replica).await;
    }
    match tool(site, replica, &["clear_operator_policy", POLICY]).await {
        Err(error) if has_policy(site, replica).await? => Err(error),
        // What is not there cannot be cleared, which is what was wanted.
        _ => Ok(()),
    }
}

/// Looks whether a check of a broker is true; none of another check's.
pub(super) async fn look(site: &Site, check: &Check) -> Result<Option<Proof>, DockerError> {
    let mut since = site.recorder().now();
    let evidence = match check {
        Check::Poisoned { replica, poison } => {
            let mut brokers = site.brokers().await;
            let known = brokers.poisoning(replica, poison);
            let last = known.and_then(|known| known.running.as_ref()).map(Running::last);
            let told: Option<Poisoned> = last.and_then(|last| parse(&last));
            told.filter(|told| told.taken).map(|told| told.evidence())
        }
        Check::Unpoisoned { replica, poison } => {
            let mut brokers = site.brokers().await;
            let swept = brokers.poisoning(replica, poison).map(|known| known.swept);
            swept.unwrap_or(Some(Swept::default())).map(|swept| taken_out(poison, swept))
        }
        Check::QueueFull { replica, limit } => {
            let brokers = site.brokers().await;
            let Some((limited, running)) = brokers.limited.get(replica) else { return Ok(None) };
            // A full queue proves that the limit holds, which it did from its beginning.
            since = *limited;
            let told: Option<Depths> = parse(&running.last());
            let full = told.into_iter().flatten().find(|(_, waiting)| *waiting >= limit.length);
            full.map(|(queue, waiting)| {
                format!("{waiting} messages wait in {queue}, of {} that may", limit.length)
            })
        }
        Check::QueuesUnlimited { replica, .. } => {
            let gone = !has_policy(site, replica).await?;
            gone.then(|| format!("the broker knows no policy {POLICY}"))
        }
        other => {
            return Err(DockerError::NotForRuntime { replica: other.replica().clone() });
        }
    };
    Ok(evidence.map(|evidence| Proof { since, evidence }))
}

fn taken_out(poison: &Poison, swept: Swept) -> String {
    let Swept { dead, queue } = swept;
    let letters = poison.dead.as_deref().unwrap_or("dead letters");
    format!("{dead} were taken out of {letters} and {queue} out of {}: none is left", poison.queue)
}

async fn has_policy(site: &Site, replica: &Replica) -> Result<bool, DockerError> {
    Ok(tool(site, replica, &["list_operator_policies"]).await?.contains(POLICY))
}

/// Runs the server's own command line tool.
async fn tool(site: &Site, replica: &Replica, words: &[&str]) -> Result<String, DockerError> {
    let shell = ["sh", "-c", TOOL, "rabbitmqctl"];
    let command = shell.iter().chain(words).map(|&word| word.to_owned());
    let task = CreateExecOptions {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(command.collect()),
        ..CreateExecOptions::default()
    };
    let id = site.held(replica)?.id;
    inside::run_within(TOOL_LIMIT, site.daemon(), replica, &id, task).await
}

async fn start(site: &Site, replica: &Replica, words: &[&str]) -> Result<Running, DockerError> {
    let id = site.held(replica)?.id;
    inside::start(site.daemon(), replica, &id, inside::task(&site.maker.entry, words)).await
}

fn parse<T: DeserializeOwned>(line: &str) -> Option<T> {
    serde_json::from_str(line.trim()).ok()
}

/// The regular expression for exactly these names.
fn pattern(queues: &[String]) -> String {
    let escape = |c: char| {
        if c.is_ascii_alphanumeric() { c.to_string() } else { format!("\\{c}") }
    };
    let names: Vec<String> = queues.iter().map(|name| name.chars().map(escape).collect()).collect();
    format!("^({})$", names.join("|"))
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn a_policy_is_for_exactly_the_queues_that_are_named() {
        let names = ["q.orders".to_owned(), "a+b".to_owned()];
        assert_eq!(pattern(&names), r"^(q\.orders|a\+b)$");
    }
}
