//! The closed list of faults. A fault is data: from its settings and its replicas it makes an
//! [`Injection`], and only the runtime of the harness acts. A new fault is a file here, its `mod`,
//! and a line in `faults!`.

use serde::{Deserialize, Serialize};

use crate::action::Injection;
use crate::quantity::{Rate, Span};
use crate::selector::Selector;
use crate::text::{Fields, Item};

#[cfg(test)]
mod broker_tests;
mod cpu;
mod cpu_hog;
mod crash;
mod disconnect;
mod disk_full;
#[cfg(test)]
mod disk_tests;
mod fail_first;
mod http_delay;
mod http_error;
mod kill;
mod memory;
mod memory_hog;
pub mod network;
mod pause;
mod poison_message;
mod proxied;
mod queue;
mod queue_limit;
mod redrive;
mod remove;
mod restart;
mod rolling_restart;
mod scale;
mod stop;
mod swap;
mod switch;
#[cfg(test)]
mod tests;
mod traffic;
mod victims;

pub use cpu::Cpu;
pub use cpu_hog::CpuHog;
pub use crash::Crash;
pub use disconnect::Disconnect;
pub use disk_full::DiskFull;
pub use fail_first::FailFirst;
pub use http_delay::HttpDelay;
pub use http_error::HttpError;
pub use kill::Kill;
pub use memory::Memory;
pub use memory_hog::MemoryHog;
pub use network::{Corrupt, Duplicate, Latency, Loss, Misfit, Partition, RateLimit, Reorder};

pub use pause::Pause;
pub use poison_message::PoisonMessage;
pub use queue_limit::QueueLimit;
pub use redrive::Redrive;
pub use remove::Remove;
pub use restart::Restart;
pub use rolling_restart::RollingRestart;
pub use scale::Scale;
pub use stop::Stop;
pub use swap::Swap;
pub use switch::Place;
pub use traffic::Traffic;
pub use victims::Victims;

/// The longest time that a process may take to end when it is asked to.
const GRACE_LIMIT: Span = Span::seconds(60);

/// What every kind of fault knows of itself.
pub(crate) trait Kind: Sized {
    /// Reads its settings; what is wrong is noted.
    fn read(item: &Item<'_>) -> Option<Self>;

    /// The replicas that it asks for; none for a fault of the load.
    fn selector(&self) -> Option<&Selector> {
        self.traffic().map(|traffic| &traffic.selector)
    }

    /// For a fault of the network: the packets that it means.
    fn traffic(&self) -> Option<&network::Traffic> {
        None
    }

    /// The same, to be changed.
    fn traffic_mut(&mut self) -> Option<&mut network::Traffic> {
        None
    }

    /// One line for people.
    fn title(&self, whom: &str) -> String;

    /// What is done to the replicas, how it is proved, and how both are undone; or why it cannot
    /// be done to them.
    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String>;

    /// For a fault that takes its replicas one by one: the time between one that is ready again
    /// and the next.
    fn gap(&self) -> Option<Span> {
        None
    }

    /// Whether it is not undone, but lasts until everything is removed.
    fn stays(&self) -> bool {
        false
    }

    /// For a fault of the load: the arrivals while it lasts.
    fn rate(&self) -> Option<Rate> {
        None
    }
}

/// One line for each fault: keyword in files, type, what it does.
macro_rules! faults {
    ($($keyword:literal $kind:ident $says:literal;)*) => {
        /// What is done to components, with its settings.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub enum Fault {
            $(#[doc = $says] #[serde(rename = $keyword)] $kind($kind),)*
        }

        /// Every fault: its keyword and what it does, in one line.
        pub const FAULTS: &[(&str, &str)] = &[$(($keyword, $says)),*];

        impl Fault {
            /// Reads `keyword: {settings}`.
            pub fn read(item: &Item<'_>) -> Option<Self> {
                let (keyword, settings) = item.tagged("fault")?;
                match keyword.text {
                    $($keyword => $kind::read(&settings).map(Self::$kind),)*
                    _ => keyword.unknown("fault", FAULTS.iter().map(|(keyword, _)| *keyword)),
                }
            }

            /// Its keyword in files.
            pub fn keyword(&self) -> &'static str {
                match self { $(Self::$kind(_) => $keyword,)* }
            }

            /// The replicas that it asks for; none for a fault of the load.
            pub fn selector(&self) -> Option<&Selector> {
                match self { $(Self::$kind(fault) => fault.selector(),)* }
            }

            /// For a fault of the network: the packets that it means.
            pub fn traffic(&self) -> Option<&network::Traffic> {
                match self { $(Self::$kind(fault) => fault.traffic(),)* }
            }

            /// The same, to be changed.
            pub fn traffic_mut(&mut self) -> Option<&mut network::Traffic> {
                match self { $(Self::$kind(fault) => fault.traffic_mut(),)* }
            }

            /// One line for people, such as `kill rabbitmq with SIGKILL`.
            pub fn title(&self, whom: &str) -> String {
                match self { $(Self::$kind(fault) => fault.title(whom),)* }
            }

            /// What is done to the replicas, how it is proved, and how both are undone; or why it
            /// cannot be done to them.
            pub fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
                match self { $(Self::$kind(fault) => fault.injection(victims),)* }
            }

            /// For a fault that takes its replicas one by one: the time between one that is ready
            /// again and the next.
            pub fn gap(&self) -> Option<Span> {
                match self { $(Self::$kind(fault) => fault.gap(),)* }
            }

            /// Whether it is not undone, but lasts until everything is removed.
            pub fn stays(&self) -> bool {
                match self { $(Self::$kind(fault) => fault.stays(),)* }
            }

            /// For a fault of the load: the arrivals while it lasts.
            pub fn rate(&self) -> Option<Rate> {
                match self { $(Self::$kind(fault) => fault.rate(),)* }
            }
        }
    };
}

faults! {
    "kill" Kill
        "ends the main process by a signal; healed by a start (no restart policy fires)";
    "crash" Crash
        "kills the main process from inside: its restart policy decides; started at the end if it does not";
    "stop" Stop
        "asks the main process to end, and kills it after a grace period; healed by a start";
    "restart" Restart
        "stops it gracefully and starts it at once";
    "rolling-restart" RollingRestart
        "restarts replica by replica, each once the one before it is ready";
    "pause" Pause
        "freezes all processes: connections are taken, nothing answers; healed by going on";
    "disconnect" Disconnect
        "takes it off its networks: its name is not known any more; healed by connecting it again";
    "latency" Latency
        "delays packets, those of connections that stand as well; ends with our program there";
    "loss" Loss
        "drops a share of the packets; ends with our program there";
    "duplicate" Duplicate
        "sends a share of the packets twice; ends with our program there";
    "corrupt" Corrupt
        "damages a share of the packets, so that checksums are wrong; ends with our program there";
    "reorder" Reorder
        "lets later packets overtake a share of them; ends with our program there";
    "rate" RateLimit
        "limits the bits per second; ends with our program there";
    "partition" Partition
        "lets nothing through between two groups of components, silently or not; ends with our program there";
    "cpu" Cpu
        "limits its use of CPU; healed by the old limit";
    "memory" Memory
        "limits its use of memory (some kernels refuse less than is in use); healed by the old limit";
    "cpu-hog" CpuHog
        "keeps threads busy inside it, at its expense";
    "memory-hog" MemoryHog
        "uses up memory inside it, up to a share of its limit";
    "poison-message" PoisonMessage
        "puts messages that nobody can read into a queue; what is left of them is taken out again";
    "queue-limit" QueueLimit
        "lets queues hold few messages (an operator policy of RabbitMQ); healed by lifting it";
    "redrive" Redrive
        "has the application send its dead letters again; nothing to heal";
    "disk-full" DiskFull
        "fills a volume that has a size, so that writes fail; healed by giving the space back";
    "swap" Swap
        "puts a container of another image in its place; healed by the old one, unless it is kept";
    "remove" Remove
        "stops and removes it for good; it is not audited any more";
    "scale" Scale
        "runs more or fewer replicas of it; healed by the old number";
    "traffic" Traffic
        "changes the rate of arrivals while it lasts";
    "http-error" HttpError
        "it answers a share of the calls with an error (own chaos switch, or a proxy of ours before it)";
    "http-delay" HttpDelay
        "it takes longer for a share of the calls (own chaos switch, or a proxy of ours before it)";
    "fail-first" FailFirst
        "it fails the first calls, and none after them (own chaos switch, or a proxy of ours before it)";
}

/// Reads `grace`, the time that a process has to end; left out, the target file says it. The outer
/// none is a mistake.
#[expect(clippy::option_option, reason = "left out is not a mistake")]
fn grace(fields: &mut Fields<'_>) -> Option<Option<Span>> {
    let Some(item) = fields.optional("grace") else { return Some(None) };
    let grace: Span = item.parse("a span of time, such as `5s`")?;
    if grace <= GRACE_LIMIT {
        return Some(Some(grace));
    }
    item.wrong(format!("{grace} is too long: a process ends within {GRACE_LIMIT}"), None)
}
