//! Every kind of fault as a trial makes it. A new kind is one line here.

use chaos_scenarios::fault::FAULTS;

/// A kind of fault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// Its keyword.
    pub(crate) name: &'static str,
    /// A step of a scenario that makes it.
    pub(crate) step: &'static str,
    /// The built-in target that it needs; none where the tiny one does.
    pub(crate) target: Option<&'static str>,
}

const fn kind(name: &'static str, step: &'static str) -> Kind {
    Kind { name, step, target: None }
}

const fn of_broker(name: &'static str, step: &'static str) -> Kind {
    Kind { name, step, target: Some("broker") }
}

/// Every kind; `web` is two servers, `peer` asks them and has a small volume.
pub(crate) const KINDS: &[Kind] = &[
    kind("kill", "{at: 0s, for: 3s, fault: {kill: {name: web}}}"),
    kind("crash", "{at: 0s, for: 3s, fault: {crash: {name: web}}}"),
    kind("stop", "{at: 0s, for: 3s, fault: {stop: {name: web}}}"),
    kind("restart", "{at: 0s, for: 3s, fault: {restart: {name: web}}}"),
    kind("rolling-restart", "{at: 0s, fault: {rolling-restart: {name: web, gap: 1s}}}"),
    kind("pause", "{at: 0s, for: 3s, fault: {pause: {name: web}}}"),
    kind("disconnect", "{at: 0s, for: 3s, fault: {disconnect: {name: web}}}"),
    kind("latency", "{at: 0s, for: 3s, fault: {latency: {name: web, delay: 50ms, jitter: 10ms}}}"),
    kind("loss", "{at: 0s, for: 3s, fault: {loss: {name: web, share: 20%}}}"),
    kind("duplicate", "{at: 0s, for: 3s, fault: {duplicate: {name: web, share: 50%}}}"),
    kind("corrupt", "{at: 0s, for: 3s, fault: {corrupt: {name: web, share: 20%}}}"),
    kind("reorder", "{at: 0s, for: 3s, fault: {reorder: {name: web, share: 20%}}}"),
    kind("rate", "{at: 0s, for: 3s, fault: {rate: {name: web, limit: 1Mbit/s}}}"),
    kind(
        "partition",
        "{at: 0s, for: 3s, fault: {partition: {from: web, to: peer, behaviour: reject}}}",
    ),
    kind("cpu", "{at: 0s, for: 3s, fault: {cpu: {name: web, limit: 0.05}}}"),
    kind("memory", "{at: 0s, for: 3s, fault: {memory: {name: web, limit: 32MiB}}}"),
    kind("cpu-hog", "{at: 0s, for: 3s, fault: {cpu-hog: {name: web, threads: 1}}}"),
    kind("memory-hog", "{at: 0s, for: 3s, fault: {memory-hog: {name: web, fill: 80%}}}"),
    kind("swap", "{at: 0s, for: 3s, fault: {swap: {name: web-1, image: 'chaos-test/other:1'}}}"),
    kind("remove", "{at: 0s, fault: {remove: {name: web-2}}}"),
    kind("scale", "{at: 0s, for: 3s, fault: {scale: {name: web, replicas: 3}}}"),
    kind("traffic", "{at: 0s, for: 3s, fault: {traffic: {rate: 40/s}}}"),
    kind("http-error", "{at: 0s, for: 3s, fault: {http-error: {name: web, probability: 30%}}}"),
    kind("http-delay", "{at: 0s, for: 3s, fault: {http-delay: {name: web, delay: 50ms}}}"),
    kind("fail-first", "{at: 0s, for: 3s, fault: {fail-first: {name: web, times: 2}}}"),
    kind("disk-full", "{at: 0s, for: 3s, fault: {disk-full: {name: peer}}}"),
    kind("redrive", "{at: 0s, fault: {redrive: {name: web}}}"),
    of_broker(
        "poison-message",
        "{at: 0s, for: 3s, fault: {poison-message: {role: broker, queue: q.payments, count: 5}}}",
    ),
    of_broker(
        "queue-limit",
        "{at: 0s, for: 3s, fault: {queue-limit: {role: broker, queue: 'q.*', length: 20}}}",
    ),
    // Not a fault of its own: one that comes and goes.
    kind("pulse", "{at: 0s, fault: {pause: {name: web}}, pulse: {off: 1s, on: 1s, times: 3}}"),
];

/// Costs nothing, so that no kind is forgotten.
#[test]
fn every_kind_of_fault_is_tried() {
    for (keyword, _) in FAULTS {
        let tried = KINDS.iter().filter(|kind| kind.name == *keyword).count();
        assert_eq!(tried, 1, "`{keyword}` needs its line in KINDS");
    }
}
