//! Compose files as data: what is read from right ones, and what is said about wrong ones.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

/// A small target with nothing wrong.
const SHOP: &str = "\
services:
  web:
    image: nginx:1
    ports: ['8080:80']
    depends_on: {app: {condition: service_healthy}}
    networks: [front]
  app:
    image: ${SHOP_IMAGE:-shop:1}
    command: serve --name 'my shop' --port ${PORT:-8080}
    environment: [DATABASE_URL=postgres://db/shop, \"MODE=${MODE:-hardened}\"]
    deploy: {replicas: 2, resources: {limits: {memory: 64M, cpus: '0.5'}}}
    networks: {front: , back: {aliases: [shop]}}
    expose: [8080]
  db:
    image: postgres:17
    volumes: ['data:/var/lib/postgresql']
    networks: [back]
networks: {front: , back: , unused: }
volumes: {data: }
x-chaos:
  version: 1
  title: A shop
  entry: http://web:80
  roles: {app: app}
  ready: {app: 'http://app:9090/readyz', db: 'postgres://shop:${PASSWORD:-secret}@db:5432/shop'}
  canary: order
  audit: ['http://app:9090/audit/orders']
  retry-schedule: 21s200ms
  safeguards: [OUTBOX]
  constants: {heartbeat: 5s}
";

fn read(text: &str) -> Target {
    decode("shop.yaml", "shop", text).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn mistakes(text: &str) -> String {
    decode("shop.yaml", "shop", text).expect_err("it is wrong").to_string()
}

/// The mistakes of [`SHOP`] with something else in it.
fn with(written: &str, instead: &str) -> String {
    assert!(SHOP.contains(written), "{written}");
    mistakes(&SHOP.replace(written, instead))
}

/// The mistakes of a service with this line.
fn with_line(line: &str) -> String {
    with("image: postgres:17", &format!("image: postgres:17\n    {line}"))
}

#[test]
fn a_compose_file_becomes_a_target() {
    let target = read(SHOP);
    let shown: Vec<String> = target
        .components
        .iter()
        .map(|component| {
            let Component { name, role, replicas, ports, networks, ready, .. } = component;
            let ready = ready.as_ref().map(Endpoint::to_string);
            format!("{name} {role} ×{replicas} {ports:?} {networks:?} {ready:?}")
        })
        .collect();
    assert_snapshot!(shown.join("\n"), @r#"
    web proxy ×1 [80] {"front": []} Some("tcp://web:80")
    app app ×2 [9090] {"back": ["shop"], "front": []} Some("http://app:9090/readyz")
    db database ×1 [5432] {"back": []} Some("postgres://db:5432/shop")
    "#);
    let app = target.component("app").expect("read");
    assert_eq!(app.image, "${SHOP_IMAGE:-shop:1}");
    let command = ["serve", "--name", "my shop", "--port", "${PORT:-8080}"];
    assert_eq!(app.command, Some(command.map(str::to_owned).to_vec()));
    assert_eq!(app.environment["MODE"], "${MODE:-hardened}");
    assert_eq!((app.memory, app.cpus), (Some(Bytes(64 << 20)), Some(0.5)));
    assert_eq!(target.networks, ["front", "back"]);
    assert_eq!(target.workload, "checkout");
    assert_eq!(target.retry_schedule, Span::milliseconds(21_200));
    let text = serde_json::to_string(&target).expect("plain values");
    assert_eq!(serde_json::from_str::<Target>(&text).expect("what was written"), target);
}

#[test]
fn the_compose_files_of_the_reference_application_are_understood() {
    let files = [
        ("monolith", include_str!("../../../targets/monolith/compose.yaml")),
        ("broker", include_str!("../../../targets/broker/compose.yaml")),
    ];
    for (name, text) in files {
        let target = decode("compose.yaml", name, text).unwrap_or_else(|wrong| panic!("{wrong}"));
        let entry = target.component(&target.entry.component).expect("checked");
        assert_eq!(
            (entry.role, entry.ports.as_slice()),
            (Role::Proxy, [target.entry.port].as_slice())
        );
        assert!(target.components.iter().all(|component| component.ready.is_some()), "{name}");
        assert!(!target.audit.is_empty() && !target.safeguards.is_empty(), "{name}");
        for component in &target.components {
            component.filled_in(&BTreeMap::new()).expect("every variable has a default");
        }
    }
}

#[test]
fn variables_are_filled_in_when_asked_for_and_not_before() {
    let target = read(SHOP);
    let variables = [("PORT", "81"), ("PASSWORD", "p")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let filled = |name| target.component(name).expect("read").filled_in(&variables).expect("right");
    let (app, db) = (filled("app"), filled("db"));
    assert_eq!((app.image.as_str(), app.environment["MODE"].as_str()), ("shop:1", "hardened"));
    assert_eq!(app.command.expect("written").last().map(String::as_str), Some("81"));
    let credentials = db.ready.expect("written").credentials;
    assert_eq!(credentials.as_deref(), Some("shop:p"));
}

#[test]
fn readiness_falls_back_to_a_port_and_a_network_to_the_default_one() {
    let target = read(
        "services: {one: {image: a, expose: [7, 6]}, two: {image: b, ports: [80]}, three: {image: c}}\n\
         x-chaos: {version: 1, title: t, entry: 'http://two:80'}\n",
    );
    let ready: Vec<_> =
        target.components.iter().map(|c| c.ready.as_ref().map(Endpoint::to_string)).collect();
    assert_eq!(ready, [Some("tcp://one:7".into()), Some("tcp://two:80".into()), None]);
    assert_eq!(target.components[0].ports, [7]);
    assert_eq!(target.networks, ["default"]);
}

#[test]
fn every_documented_key_is_understood_with_its_example() {
    for Understood { key, example, .. } in SUBSET {
        let line = if key == "image" { String::new() } else { format!("    {key}: {example}\n") };
        let image = if key == "image" { example } else { "shop:1" };
        let text = format!(
            "services:\n  other: {{image: x}}\n  web:\n    image: {image}\n{line}\
             networks: {{back: }}\nvolumes: {{data: }}\n\
             x-chaos: {{version: 1, title: t, entry: 'http://web:80'}}\n"
        );
        read(&text);
    }
    for (key, _) in REFUSED {
        let told = with_line(&format!("{key}: x"));
        assert!(told.contains(&format!("`{key}` is not supported: ")), "{told}");
        assert!(!SUBSET.iter().any(|understood| understood.key == *key), "{key}");
    }
    for (key, _) in REFUSED_AT_TOP {
        let told = mistakes(&format!("{key}: x\n{SHOP}"));
        assert!(told.contains(&format!("`{key}` is not supported: ")), "{told}");
    }
}

#[test]
fn every_mistake_of_a_file_is_told_at_once() {
    let text = "\
services:
  Web:
    imgae: nginx:1
  app:
    image: ${SHOP_IMAGE:shop}
    command: serve 'my shop
    build: .
    environment: {PORT: , MODE: 'a $'}
    deploy: {replicas: 40, resources: {limits: {memory: 1M}}, replica: 2}
    depends_on: [web, dbb]
    ports: ['0.0.0.0:80:80', 90-99, 53/udp]
    networks: [bakc]
    volumes: ['./data:/data', 'dta:/data', /data, 'data:data', 'data:/d:z']
    restart: sometimes
    ulimits: {nofile: {soft: 9, hard: 3}, nofiles: 3}
    stop_signal: TERM
    cap_add: [ALL]
    labels: [passed over]
  db: {image: postgres, depends_on: {app: {condition: service_completed_successfully}}}
networks: {back: {external: true}}
volumes: {data: {driver: nfs}}
secrets: {}
x-chaos:
  version: 1
  entry: https://app:80
  roles: {app: ap, dv: database}
  ready: {app: 'http://db:80', db: 'tcp://db'}
  audit: ['http://ap:9090/audit', 'postgres://u:p@db:5432']
  canary: ordr
  workload: chekout
  modes: [naive, naive, Hardened]
  retry-schedule: 5
";
    assert_snapshot!(mistakes(text), @r#"
    shop.yaml:2:3: `Web` cannot be the name of a service (begin with `a-z`, then `a-z`, `0-9`, `-`, `_` or `.`: it is a host name)
    shop.yaml:3:5: `image` is missing here
    shop.yaml:3:5: the key `imgae` is not known here (did you mean `image`?)
    shop.yaml:5:12: `:shop` after the variable `SHOP_IMAGE` means nothing: known are `:-`, `-`, `:?`, `?`, `:+` and `+`
    shop.yaml:6:14: a quote is never closed here
    shop.yaml:7:5: `build` is not supported: a run builds no images: build it before and name it with `image`
    shop.yaml:8:19: the variable `PORT` has no value (write `${PORT:-}` to take it from where the harness is started)
    shop.yaml:8:33: `$` is no variable: write `$$` for a plain dollar sign
    shop.yaml:9:24: 40 replicas are not from 1 to 16
    shop.yaml:9:57: 1MiB is too little memory: Docker asks for 6MiB
    shop.yaml:9:63: the key `replica` is not known here (did you mean `replicas`?)
    shop.yaml:10:18: no service is called `web` (known here are `Web`, `app`, `db`)
    shop.yaml:10:23: no service is called `dbb` (did you mean `db`?)
    shop.yaml:11:13: `0.0.0.0` is not an address of this machine alone (ports are published on 127.0.0.1 only: leave the address out)
    shop.yaml:11:30: `90-99` is not a container port (write one TCP port from 1 to 65535; ranges and UDP are not supported)
    shop.yaml:11:37: `53/udp` is not a container port (write one TCP port from 1 to 65535; ranges and UDP are not supported)
    shop.yaml:12:16: no network is called `bakc` (did you mean `back`?)
    shop.yaml:13:15: a folder of this machine is not supported (put files into the image, or use a named volume)
    shop.yaml:13:31: no volume is called `dta` (did you mean `data`?)
    shop.yaml:13:44: a volume without a name is not supported (name it, and declare the name under `volumes` at the top)
    shop.yaml:13:51: `data:data` is not `volume:/absolute/path`
    shop.yaml:13:64: `data:/d:z` may end with `:ro` or `:rw` only
    shop.yaml:14:14: no restart policy is called `sometimes` (known here are `no`, `always`, `on-failure`, `unless-stopped`)
    shop.yaml:15:23: the soft limit 9 is above the hard one 3
    shop.yaml:15:43: no limit is called `nofiles` (did you mean `nofile`?)
    shop.yaml:16:18: `TERM` is not a signal (such as `SIGINT`)
    shop.yaml:17:15: all capabilities together reach the whole host (name the capabilities that it needs)
    shop.yaml:19:55: every component of a target runs until the end (do the work in the image's entry point)
    shop.yaml:20:19: `external` is not supported: networks and volumes are made for each run, and removed after it
    shop.yaml:21:26: no driver is called `nfs` (known here are `bridge`, `local`)
    shop.yaml:22:1: `secrets` is not supported: a target is one file: use `environment` with `${NAME:-default}`
    shop.yaml:24:3: `title` is missing here
    shop.yaml:25:10: `https` is no scheme for an address inside the target: write one of http, postgres, amqp, tcp
    shop.yaml:26:16: no role is called `ap` (did you mean `app`?)
    shop.yaml:26:20: no service is called `dv` (known here are `Web`, `app`, `db`)
    shop.yaml:27:16: `db` cannot tell whether `app` is ready (name an address of `app` itself)
    shop.yaml:27:36: `tcp://db` needs the port inside the container, from 1 to 65535, as in `scheme://component:port/path`
    shop.yaml:28:19: no service is called `ap` (did you mean `app`?)
    shop.yaml:28:35: `postgres` is not spoken here (write `http://…`)
    shop.yaml:29:11: no class of workload `checkout` is called `ordr` (did you mean `order`?)
    shop.yaml:30:13: no workload is called `chekout` (did you mean `checkout`?)
    shop.yaml:31:18: `naive` stands twice in modes
    shop.yaml:31:25: `Hardened` is not a name of modes
    shop.yaml:32:19: `5` is not a span of time, such as `21s`
    "#);
}

#[test]
fn more_services_than_a_machine_can_run_are_refused() {
    let service = |n| format!("  s{n}: {{image: a, depends_on: [s{}]}}\n", n - 1);
    let chain = (1..10_000).map(service).collect::<Vec<_>>().concat();
    let text = format!("services:\n  s0: {{image: a}}\n{chain}");
    assert!(mistakes(&text).contains("10000 services are more than 100"));
}

#[test]
fn dependencies_in_a_circle_are_told_with_the_circle() {
    assert_snapshot!(with("expose: [8080]", "depends_on: [db, web]"), @"shop.yaml:13:22: dependencies in a circle: web → app → web (leave one of these dependencies out)");
    assert_snapshot!(with_line("depends_on: [db]"), @"shop.yaml:16:18: dependencies in a circle: db → db (leave one of these dependencies out)");
}

#[test]
fn what_two_keys_say_must_agree() {
    assert_snapshot!(with("expose: [8080]", "hostname: shop"), @"shop.yaml:13:15: 2 replicas cannot share one host name (leave `hostname` out, or run one replica)");
    assert_snapshot!(with("expose: [8080]", "mem_limit: 64m"), @"shop.yaml:13:16: `mem_limit` is also set by `deploy.resources.limits` (keep one of the two)");
    assert_snapshot!(with("expose: [8080]", "volumes: [{type: bind, source: /, target: /host}]"), @"shop.yaml:13:22: a folder of this machine is not supported (put files into the image, or use a named volume)");
    assert_snapshot!(with("title: A shop", "titel: A shop"), @r#"
    shop.yaml:21:3: `title` is missing here
    shop.yaml:22:3: the key `titel` is not known here (did you mean `title`?)
    "#);
}

#[test]
fn a_file_without_its_section_is_told_what_to_add() {
    assert_snapshot!(mistakes("services: {app: {image: a}}\n"), @"shop.yaml:1:1: `x-chaos` is missing: it says where requests go and what is for what (add at least `x-chaos: {version: 1, title: …, entry: http://component:port}`)");
    assert_snapshot!(mistakes("services: {}\nx-chaos: {version: 2, title: t, entry: 'http://a:1'}\n"), @r#"
    shop.yaml:1:11: a target needs at least one service
    shop.yaml:2:20: version 2 of `x-chaos` is not known (write `1`)
    shop.yaml:2:48: no service is called `a`
    "#);
    assert_snapshot!(mistakes("services: [a]\n"), @r#"
    shop.yaml:1:1: `x-chaos` is missing: it says where requests go and what is for what (add at least `x-chaos: {version: 1, title: …, entry: http://component:port}`)
    shop.yaml:1:11: expected a mapping, found a list
    "#);
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in "\\PC*") {
        let _ = decode("x.yaml", "x", &text);
    }

    #[test]
    fn no_change_to_a_file_is_too_strange(
        start in 0..SHOP.len(), length in 0_usize..40, instead in "[a-z:${}\\[\\] \n'-]{0,12}",
    ) {
        let end = (start + length).min(SHOP.len());
        let text = format!("{}{instead}{}", &SHOP[..start], &SHOP[end..]);
        if let Err(mistakes) = decode("x.yaml", "x", &text) {
            prop_assert!(!mistakes.list.is_empty());
        }
    }
}
