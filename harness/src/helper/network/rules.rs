//! The rules that hand packets over: in chains of our own names, all set or removed at once. With
//! `--queue-bypass` the kernel passes packets on when nobody takes them, so that nothing of a fault
//! outlives the program that makes it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use chaos_scenarios::action::network::Direction;

use super::protocol::Part;

/// Numbers of the queues.
pub(super) const IN: u16 = 4601;
pub(super) const OUT: u16 = 4602;
/// Mark of what is to be rejected, and of what was sent a second time.
pub(super) const REJECTED: u32 = 0x4601;
pub(super) const COPY: u32 = 0x4602;
/// Chains of ours, each with the one that leads there.
const CHAINS: [(&str, &str); 2] = [("CHAOS-NETWORK-IN", "INPUT"), ("CHAOS-NETWORK-OUT", "OUTPUT")];
/// Where applications are asked how they are: not part of the traffic under test.
const ADMIN_PORT: u16 = 9090;

/// Whose packets are taken in one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Taken {
    All,
    /// Sorted; empty for nobody's.
    Of(Vec<Ipv4Addr>),
}

/// Sets the rules for all parts, in place of those that are there.
pub(super) fn set(parts: &[Part]) -> Result<(), String> {
    let jumps = jumps()?;
    let inward = taken(parts, Direction::inward);
    let outward = taken(parts, Direction::outward);
    restore(&text(&inward, &outward, &jumps))
}

/// Whose packets some part means in a direction.
fn taken(parts: &[Part], goes: impl Fn(Direction) -> bool) -> Taken {
    let parts = parts.iter().filter(|part| goes(part.impairment.direction));
    let mut all = Vec::new();
    for part in parts {
        let Some(peers) = &part.peers else { return Taken::All };
        all.extend(peers);
    }
    all.sort_unstable();
    all.dedup();
    Taken::Of(all)
}

/// Removes them; none is fine.
pub(super) fn remove() -> Result<(), String> {
    let listed = listed()?;
    let mut text = "*filter\n".to_owned();
    for (chain, from) in CHAINS {
        for _ in listed.lines().filter(|line| *line == jump(chain, from)) {
            let _ = writeln!(text, "-D {from} -j {chain}");
        }
        if listed.lines().any(|line| line == format!("-N {chain}")) {
            let _ = writeln!(text, "-F {chain}\n-X {chain}");
        }
    }
    text.push_str("COMMIT\n");
    restore(&text)?;
    match self::listed()?.contains("CHAOS-NETWORK") {
        true => Err("rules of ours are still there".to_owned()),
        false => Ok(()),
    }
}

fn jump(chain: &str, from: &str) -> String {
    format!("-A {from} -j {chain}")
}

/// Which chains are led to already.
fn jumps() -> Result<Vec<&'static str>, String> {
    let listed = listed()?;
    let there = CHAINS.iter().filter(|(chain, from)| listed.contains(&jump(chain, from)));
    Ok(there.map(|(chain, _)| *chain).collect())
}

fn text(inward: &Taken, outward: &Taken, jumps: &[&str]) -> String {
    // A chain that is named anew is emptied first.
    let mut text = "*filter\n".to_owned();
    for (chain, _) in CHAINS {
        let _ = writeln!(text, ":{chain} - [0:0]");
    }
    for (chain, from) in CHAINS {
        let (whose, loopback, admin, peer, queue) = match from {
            "INPUT" => (inward, "-i lo", "--dport", "-s", IN),
            _ => (outward, "-o lo", "--sport", "-d", OUT),
        };
        let _ = writeln!(text, "-A {chain} {loopback} -j RETURN");
        let _ = writeln!(text, "-A {chain} -p tcp {admin} {ADMIN_PORT} -j RETURN");
        let _ = writeln!(text, "-A {chain} -m mark --mark {COPY} -j RETURN");
        let marked = format!("-A {chain} -m mark --mark {REJECTED}");
        let _ = writeln!(text, "{marked} -p tcp -j REJECT --reject-with tcp-reset");
        let _ = writeln!(text, "{marked} -j REJECT");
        let taken = format!("-j NFQUEUE --queue-num {queue} --queue-bypass");
        let of = |address: &Ipv4Addr| format!("-A {chain} {peer} {address} {taken}");
        let rules: Vec<String> = match whose {
            Taken::All => vec![format!("-A {chain} {taken}")],
            Taken::Of(peers) => peers.iter().map(of).collect(),
        };
        for rule in rules {
            let _ = writeln!(text, "{rule}");
        }
        if !jumps.contains(&chain) {
            let _ = writeln!(text, "-A {from} -j {chain}");
        }
    }
    text + "COMMIT\n"
}

fn listed() -> Result<String, String> {
    let output = Command::new("iptables").args(["-w", "-S"]).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("iptables: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("iptables -S: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

fn restore(text: &str) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("iptables-restore: {error}");
    let mut command = Command::new("iptables-restore");
    let command = command.args(["-w", "--noflush"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(wrong)?;
    let mut input = child.stdin.take().ok_or("iptables-restore takes no input")?;
    input.write_all(text.as_bytes()).map_err(wrong)?;
    drop(input);
    let output = child.wait_with_output().map_err(wrong)?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("iptables-restore: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

#[cfg(test)]
mod tests {
    use chaos_scenarios::action::network::{Behaviour, Effect, Impairment};

    use super::*;

    fn part(direction: Direction, peers: Option<&[u8]>) -> Part {
        let effect = Effect::Partition(Behaviour::Drop);
        let address = |last: &u8| Ipv4Addr::new(172, 18, 0, *last);
        Part {
            number: 1,
            impairment: Impairment { effect, direction, peers: Vec::new(), seed: 1 },
            peers: peers.map(|peers| peers.iter().map(address).collect()),
            stream: String::new(),
        }
    }

    #[test]
    fn loopback_the_admin_port_and_copies_come_before_any_queue() {
        let of = Taken::Of(vec![Ipv4Addr::new(172, 18, 0, 3)]);
        let text = text(&Taken::Of(Vec::new()), &of, &["CHAOS-NETWORK-IN"]);
        insta::assert_snapshot!(text, @r"
        *filter
        :CHAOS-NETWORK-IN - [0:0]
        :CHAOS-NETWORK-OUT - [0:0]
        -A CHAOS-NETWORK-IN -i lo -j RETURN
        -A CHAOS-NETWORK-IN -p tcp --dport 9090 -j RETURN
        -A CHAOS-NETWORK-IN -m mark --mark 17922 -j RETURN
        -A CHAOS-NETWORK-IN -m mark --mark 17921 -p tcp -j REJECT --reject-with tcp-reset
        -A CHAOS-NETWORK-IN -m mark --mark 17921 -j REJECT
        -A CHAOS-NETWORK-OUT -o lo -j RETURN
        -A CHAOS-NETWORK-OUT -p tcp --sport 9090 -j RETURN
        -A CHAOS-NETWORK-OUT -m mark --mark 17922 -j RETURN
        -A CHAOS-NETWORK-OUT -m mark --mark 17921 -p tcp -j REJECT --reject-with tcp-reset
        -A CHAOS-NETWORK-OUT -m mark --mark 17921 -j REJECT
        -A CHAOS-NETWORK-OUT -d 172.18.0.3 -j NFQUEUE --queue-num 4602 --queue-bypass
        -A OUTPUT -j CHAOS-NETWORK-OUT
        COMMIT
        ");
    }

    #[test]
    fn all_parts_are_served_by_one_set_of_rules() {
        let some = part(Direction::Both, Some(&[4, 3]));
        let others = part(Direction::Out, Some(&[4, 5]));
        let both = [some.clone(), others];
        let of = |last: &[u8]| {
            Taken::Of(last.iter().map(|last| Ipv4Addr::new(172, 18, 0, *last)).collect())
        };
        assert_eq!(taken(&both, Direction::inward), of(&[3, 4]));
        assert_eq!(taken(&both, Direction::outward), of(&[3, 4, 5]));
        let all = [some, part(Direction::In, None)];
        assert_eq!(taken(&all, Direction::inward), Taken::All);
        assert_eq!(taken(&all, Direction::outward), of(&[3, 4]));
    }

    #[test]
    fn nobody_left_to_meet_is_not_everybody() {
        let nobody = taken(&[part(Direction::Both, Some(&[]))], Direction::inward);
        assert!(!text(&nobody, &nobody, &[]).contains("NFQUEUE"));
        assert_eq!(text(&Taken::All, &Taken::All, &[]).matches("NFQUEUE").count(), 2);
    }
}
