//! The control of a run: the same load on the same target without a fault, which shows what the
//! measurement sees where nothing happens.

use super::{Plan, RunKind, compile};
use crate::scenario::DEFAULT_MODE;

/// The control of a plan. It keeps the scenario's name and load; what must hold before the fault
/// must hold all along, and in the hardened mode no order is harmed.
pub fn control_of(plan: &Plan) -> Plan {
    let mut expect = plan.hypothesis.clone();
    if plan.mode == DEFAULT_MODE {
        expect.extend(compile::no_harm());
    }
    Plan {
        kind: RunKind::Control,
        timeline: Vec::new(),
        expect,
        not_applicable: None,
        needs: Vec::new(),
        host_lacks: None,
        ..plan.clone()
    }
}
