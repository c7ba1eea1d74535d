//! Volumes of a size: what is read from right files, and what is said about wrong ones.

use insta::assert_snapshot;

use super::decode;

fn file(volumes: &str, section: &str) -> String {
    format!(
        "services: {{db: {{image: postgres, volumes: ['data:/data'], expose: [5432]}}}}\n\
         volumes: {volumes}\n\
         x-chaos: {{version: 1, title: t, entry: 'http://db:80'{section}}}\n"
    )
}

#[test]
fn sizes_are_read_from_options_of_the_driver_and_from_the_section() {
    let options = "{data: {driver: local, driver_opts: {type: tmpfs, device: tmpfs, o: size=64m}}}";
    let target = decode("f.yaml", "t", &file(options, "")).expect("nothing is wrong");
    assert_eq!(target.volumes, ["data"]);
    assert_eq!(format!("{:?}", target.volume_sizes), r#"{"data": Bytes(67108864)}"#);
    let target = decode("f.yaml", "t", &file("{data: }", ", sized-volumes: {data: 1GiB}"));
    let target = target.expect("nothing is wrong");
    assert!(target.volume_sizes.is_empty());
    assert_eq!(format!("{:?}", target.sizes_to_fill), r#"{"data": Bytes(1073741824)}"#);
}

#[test]
fn what_is_no_size_is_told() {
    let wrong = [
        file("{data: {driver_opts: {type: nfs, device: ':/export', o: size=64m}}}", ""),
        file("{data: {driver_opts: {type: tmpfs, device: tmpfs, o: 'size=64m,uid=0'}}}", ""),
        file("{data: {driver_opts: {type: tmpfs, device: tmpfs, o: size=1k, more: x}}}", ""),
        file("{data: {driver_opts: {type: tmpfs}}}", ""),
        file("{data: }", ", sized-volumes: {dta: 64MiB}"),
        file("{data: }", ", sized-volumes: {data: 0}"),
        file("{data: }", ", sized-volumes: {data: 100TiB}"),
        file("{data: }", ", sized-volumes: [data]"),
    ];
    let told = wrong.map(|text| decode("f.yaml", "t", &text).expect_err("a mistake").to_string());
    assert_snapshot!(told.join("\n"), @r"
    f.yaml:2:38: no file system of a volume is called `nfs` (known here: `tmpfs`)
    f.yaml:2:51: no file system of a volume is called `:/export` (known here: `tmpfs`)
    f.yaml:2:63: `size=64m,uid=0` is not the size of a volume (write `o: size=256m`)
    f.yaml:2:63: a volume of 1KiB is not from 1MiB to 16GiB
    f.yaml:2:72: the key `more` is not known here (known here are `type`, `device`, `o`)
    f.yaml:2:31: `device` is missing here
    f.yaml:2:31: `o` is missing here
    f.yaml:3:72: no volume is called `dta` (did you mean `data`?)
    f.yaml:3:78: a volume of 0 is not from 1MiB to 16GiB
    f.yaml:3:78: a volume of 102400GiB is not from 1MiB to 16GiB
    f.yaml:3:71: expected a mapping, found a list
    ");
}

#[test]
fn queues_are_read_with_where_they_give_up_to() {
    let section = ", queues: {q.orders: {dead: dlq.orders}, q.mail: }";
    let target = decode("f.yaml", "t", &file("{data: }", section)).expect("nothing is wrong");
    assert_eq!(
        format!("{:?}", target.queues),
        r#"{"q.mail": Queue { dead: None }, "q.orders": Queue { dead: Some("dlq.orders") }}"#
    );
    let wrong = file("{data: }", ", queues: {q.orders: {dad: x}, q.mail: 7}");
    let told = decode("f.yaml", "t", &wrong).expect_err("a mistake").to_string();
    assert_snapshot!(told, @r"
    f.yaml:3:76: the key `dad` is not known here (did you mean `dead`?)
    f.yaml:3:93: expected a mapping, found `7`
    ");
}
