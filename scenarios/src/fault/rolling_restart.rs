//! `rolling-restart`: planned work that should cost nothing, since one replica after the other is
//! restarted, each once the one before it is ready. The plan holds one injection per replica.

use serde::{Deserialize, Serialize};

use super::restart::restarted;
use super::{Kind, Victims, grace};
use crate::action::Injection;
use crate::quantity::Span;
use crate::selector::Selector;
use crate::text::Item;

/// Time between a replica that is ready again and the next, unless said.
const USUAL_GAP: Span = Span::seconds(1);

/// Restarts replicas gracefully, one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollingRestart {
    /// Whom.
    pub selector: Selector,
    /// How long the end of one may take; none leaves it to the target file.
    pub grace: Option<Span>,
    /// Time between a replica that is ready again and the next.
    pub gap: Span,
}

impl Kind for RollingRestart {
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let selector = Selector::from_fields(&mut fields);
        let grace = grace(&mut fields);
        let gap = fields
            .optional("gap")
            .map_or(Some(USUAL_GAP), |item| item.parse("a span of time, such as `2s`"));
        fields.finish();
        Some(Self { selector: selector?, grace: grace?, gap: gap? })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        format!("restart {whom} gracefully, one by one")
    }

    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        Ok(restarted(victims, self.grace))
    }

    fn gap(&self) -> Option<Span> {
        Some(self.gap)
    }
}
