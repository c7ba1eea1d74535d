//! The rules that hand packets over: in chains of our own names, all set or removed at once. With
//! `--queue-bypass` the kernel passes packets on when nobody takes them, so that nothing of a fault
//! outlives the program that makes it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use chaos_scenarios::action::network::Direction;

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

/// Sets the rules, in place of those that are there.
pub(super) fn set(direction: Direction, peers: Option<&[Ipv4Addr]>) -> Result<(), String> {
    let jumps = jumps()?;
    restore(&text(direction, peers, &jumps))
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

fn text(direction: Direction, peers: Option<&[Ipv4Addr]>, jumps: &[&str]) -> String {
    // A chain that is named anew is emptied first.
    let mut text = "*filter\n".to_owned();
    for (chain, _) in CHAINS {
        let _ = writeln!(text, ":{chain} - [0:0]");
    }
    for (chain, from) in CHAINS {
        let (wanted, loopback, admin, peer, queue) = match from {
            "INPUT" => (direction.inward(), "-i lo", "--dport", "-s", IN),
            _ => (direction.outward(), "-o lo", "--sport", "-d", OUT),
        };
        let _ = writeln!(text, "-A {chain} {loopback} -j RETURN");
        let _ = writeln!(text, "-A {chain} -p tcp {admin} {ADMIN_PORT} -j RETURN");
        let _ = writeln!(text, "-A {chain} -m mark --mark {COPY} -j RETURN");
        let marked = format!("-A {chain} -m mark --mark {REJECTED}");
        let _ = writeln!(text, "{marked} -p tcp -j REJECT --reject-with tcp-reset");
        let _ = writeln!(text, "{marked} -j REJECT");
        let taken = format!("-j NFQUEUE --queue-num {queue} --queue-bypass");
        let of = |address: &Ipv4Addr| format!("-A {chain} {peer} {address} {taken}");
        let rules: Vec<String> = match (wanted, peers) {
            (false, _) => Vec::new(),
            (true, None) => vec![format!("-A {chain} {taken}")],
            (true, Some(peers)) => peers.iter().map(of).collect(),
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
    use super::*;

    #[test]
    fn loopback_the_admin_port_and_copies_come_before_any_queue() {
        let peers = [Ipv4Addr::new(172, 18, 0, 3)];
        let text = text(Direction::Out, Some(&peers), &["CHAOS-NETWORK-IN"]);
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
    fn nobody_left_to_meet_is_not_everybody() {
        assert!(!text(Direction::Both, Some(&[]), &[]).contains("NFQUEUE"));
        assert_eq!(text(Direction::Both, None, &[]).matches("NFQUEUE").count(), 2);
    }
}
