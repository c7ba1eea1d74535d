//! The proxies of ours that a plan puts before components: for the whole run, so that before and
//! after are compared alike. What they make impossible is refused.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use super::compile::PlanRequest;
use super::draft::Draft;
use crate::action::Action;
use crate::text::Diagnostics;

/// Proxies of ours, one before each replica of a component, under the component's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Name of the component.
    pub component: String,
    /// Ports whose HTTP they pass on, and make trouble for.
    pub http: BTreeSet<u16>,
    /// Further ports, whose bytes they pass on as they are.
    pub passed: BTreeSet<u16>,
    /// The port on which they take orders.
    pub admin: u16,
}

impl Plan {
    /// The proxies that its faults need, in the order of the target file.
    pub fn proxies(&self) -> Vec<Proxy> {
        let actions = self.timeline.iter().flat_map(|fault| &fault.injection.inject);
        let needed = needed(actions);
        let components = self.target.components.iter();
        let proxy = |component: &crate::target::Component| {
            let (http, admin) = needed.get(component.name.as_str())?.clone();
            let passed = component.known_ports().difference(&http).copied().collect();
            Some(Proxy { component: component.name.clone(), http, passed, admin })
        };
        components.filter_map(proxy).collect()
    }
}

/// By component: the ports before which a proxy is asked, and where it is asked.
fn needed<'a>(
    actions: impl Iterator<Item = &'a Action>,
) -> BTreeMap<&'a str, (BTreeSet<u16>, u16)> {
    let mut needed: BTreeMap<&str, (BTreeSet<u16>, u16)> = BTreeMap::new();
    for action in actions {
        if let Action::Http { replica, proxied: Some(before), port, .. } = action {
            let entry = needed.entry(replica.component.as_str());
            entry.or_insert_with(|| (BTreeSet::new(), *port)).0.insert(*before);
        }
    }
    needed
}

/// Notes every step that a proxy of another step makes impossible.
pub(super) fn check(request: &PlanRequest<'_>, drafts: &[Draft], diagnostics: &mut Diagnostics) {
    let needed = needed(drafts.iter().flat_map(|draft| &draft.fault.injection.inject));
    let mut told = BTreeSet::new();
    for draft in drafts {
        let mut actions = draft.fault.injection.inject.iter();
        let why = actions.find_map(|action| impossible(request, action, &needed));
        if let Some(why) = why.filter(|_| told.insert(draft.step)) {
            let place = request.source.positions.place(&format!("method[{}]", draft.step));
            let help = "put the two into scenarios of their own".to_owned();
            diagnostics.add(place, why).help = Some(help);
        }
    }
}

/// Why something cannot be done while proxies stand where they are needed.
fn impossible(
    request: &PlanRequest<'_>,
    action: &Action,
    needed: &BTreeMap<&str, (BTreeSet<u16>, u16)>,
) -> Option<String> {
    let (replica, before) = (action.replica(), |name: &str| needed.contains_key(name));
    match action {
        Action::Impair { impairment, .. } => {
            let peer = impairment.peers.first()?;
            let ends = impairment.peers.iter().map(|peer| component_of(request, peer));
            let mut ends = ends.chain([replica.component.as_str()]);
            let proxied = ends.find(|name| before(name))?;
            Some(format!(
                "the packets between {replica} and `{peer}` cannot be told from others: a fault of \
                 this scenario puts a proxy of ours before `{proxied}`"
            ))
        }
        Action::Start { .. } if before(&replica.component) => {
            let replicas = request.target.component(&replica.component)?.replicas;
            (replica.number > replicas).then(|| {
                format!(
                    "no proxy of ours would stand before {replica}, as one does before the other \
                     replicas of `{}`",
                    replica.component
                )
            })
        }
        _ => None,
    }
}

/// The component that a peer is, or that it is a replica of.
fn component_of<'a>(request: &PlanRequest<'_>, peer: &'a str) -> &'a str {
    match peer.rsplit_once('-') {
        Some((component, _)) if request.target.component(peer).is_none() => component,
        _ => peer,
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::plan::fixture::broker;
    use crate::plan::tests::{compile, file};
    use crate::plan::{Plan, render};
    use crate::target::Target;

    /// Services with ports, and no chaos switch.
    fn foreign() -> Target {
        let mut target = broker();
        for (index, ports) in [(1, vec![8080]), (2, vec![8080])] {
            target.components[index].exposed = ports;
        }
        target.components[2].ports = vec![9090];
        target.pending.push("http://payments:9090/pending".parse().expect("an address"));
        target
    }

    fn planned(method: &str) -> Plan {
        compile(&file(method), &foreign()).expect("a valid plan")
    }

    fn refused(method: &str) -> String {
        compile(&file(method), &foreign()).expect_err("it cannot be").to_string()
    }

    #[test]
    fn the_plan_shows_its_proxies_and_what_they_let_through() {
        let plan = planned(concat!(
            "method:\n",
            "  - {for: 3s, fault: {http-error: {name: payments}}}\n",
            "  - {at: 4s, fault: {http-delay: {name: payments, delay: 1s, port: 9090}}}\n",
            "  - {fault: {fail-first: {name: orders, times: 2}}}\n",
        ));
        let shown = render(&plan);
        let lines = shown.lines().skip_while(|line| !line.contains("proxies of ours"));
        assert_snapshot!(lines.take(3).collect::<Vec<_>>().join("\n"), @r"
    proxies of ours, one before each replica during the whole run
      orders: speaks HTTP on 8080, and lets nothing else through
      payments: speaks HTTP on 8080, 9090, and lets nothing else through
    ");
        assert!(plan.uses_own_program() && !plan.acts_inside() && !plan.uses_switch());
        let none = planned("method:\n  - fault: {kill: {name: payments}}\n");
        assert_eq!(none.proxies(), []);
        assert!(!render(&none).contains("proxies") && !none.uses_own_program());
    }

    #[test]
    fn a_proxy_makes_one_trouble_at_a_time_and_none_for_the_dead() {
        assert_snapshot!(refused(concat!(
            "method:\n",
            "  - fault: {http-error: {name: payments}}\n",
            "  - fault: {kill: {name: payments}}\n",
        )), @"test.yaml:5:5: this fault acts on payments-1 while step 1 of the method still does, and one changes the proxy before it, the other whether it runs (let one end before the other begins, or choose other replicas)");
        assert_snapshot!(refused(concat!(
            "method:\n",
            "  - fault: {http-error: {name: payments}}\n",
            "  - fault: {http-delay: {name: payments, delay: 1s, port: 9090}}\n",
        )), @"test.yaml:5:5: this fault acts on payments-1 while step 1 of the method still does, and both change the proxy before it (let one end before the other begins, or choose other replicas)");
    }

    #[test]
    fn what_a_proxy_makes_impossible_is_refused() {
        let told = [
            "latency: {name: orders, delay: 100ms, to: payments}",
            "partition: {from: payments, to: rabbitmq}",
            "scale: {name: payments, replicas: 3}",
        ]
        .map(|other| {
            refused(&format!(
                "method:\n  - fault: {{http-error: {{name: payments}}}}\n  - {{at: 9s, fault: {{{other}}}}}\n"
            ))
        });
        assert_snapshot!(told.join("\n"), @r"
    test.yaml:5:5: the packets between orders-1 and `payments` cannot be told from others: a fault of this scenario puts a proxy of ours before `payments` (put the two into scenarios of their own)
    test.yaml:5:5: the packets between payments-1 and `rabbitmq` cannot be told from others: a fault of this scenario puts a proxy of ours before `payments` (put the two into scenarios of their own)
    test.yaml:5:5: no proxy of ours would stand before payments-2, as one does before the other replicas of `payments` (put the two into scenarios of their own)
    ");
        planned(concat!(
            "method:\n",
            "  - fault: {http-error: {name: payments}}\n",
            "  - fault: {latency: {name: payments, delay: 100ms}}\n",
        ));
    }
}
