//! The closed list of faults. A fault is data: from its settings and its replicas it makes an
//! [`Injection`], and only the runtime of the harness acts. A new fault is a file here, its `mod`,
//! and a line in `faults!`.

use serde::{Deserialize, Serialize};

use crate::action::{Injection, Replica};
use crate::selector::Selector;
use crate::text::Item;

mod kill;

pub use kill::Kill;

/// One line for each fault: keyword in files, type, what it does. The type offers `read`,
/// `selector`, `title` and `injection`.
macro_rules! faults {
    ($($keyword:literal $kind:ident $says:literal;)*) => {
        /// What is done to components, with its settings.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

            /// The replicas that it asks for.
            pub fn selector(&self) -> &Selector {
                match self { $(Self::$kind(fault) => fault.selector(),)* }
            }

            /// One line for people, such as `kill rabbitmq with SIGKILL`.
            pub fn title(&self, whom: &str) -> String {
                match self { $(Self::$kind(fault) => fault.title(whom),)* }
            }

            /// What is done to the replicas, how it is proved, and how both are undone.
            pub fn injection(&self, replicas: &[Replica]) -> Injection {
                match self { $(Self::$kind(fault) => fault.injection(replicas),)* }
            }
        }
    };
}

faults! {
    "kill" Kill
        "ends the main process by a signal; healed by a start (no restart policy fires)";
}
