//! Programs of one guest, one after the other and at once: each finds the place as if it were the only one.

use std::fs;

use crate::command::Place;
use crate::guest::Guest;

/// Says how many processes and which files of others are there, and leaves some.
const LOOK_AND_LEAVE: &str = "
    set -- /proc/[0-9]*; echo \"$# [$(ls -A /tmp /dev/shm/ | sort -u | tr -d '\\n')]\"
    left=$(mktemp -d) && mkdir -p $left/below && echo left > $left/file && chmod 0 $left/below
    setsid sh -c 'trap \"\" HUP INT TERM; exec sleep 600' > /dev/null 2>&1 &
    echo left >> /work/log";

#[test]
fn what_one_program_leaves_the_next_does_not_find() {
    let place = Place::new();
    fs::create_dir(place.file("work")).unwrap();
    let mut guest = Guest::new();
    for _ in 0..8 {
        guest = guest.spawn("sh", &["-c", LOOK_AND_LEAVE]).wait();
    }
    place.write("guest.wasm", guest.end(true));
    let flags = ["run", "--timeout", "60s", "--allow", "sh", "--dir", "work::/work"];
    let ended = place.run([&flags[..], &["guest.wasm"]].concat()).code(0);
    // The first process and the shell; and nothing but the names of the two directories.
    assert_eq!(ended.stdout(), "2 [/dev/shm/:/tmp:]\n".repeat(8), "{}", ended.stderr());
    // The granted directory is what they share.
    assert_eq!(fs::read_to_string(place.file("work/log")).unwrap(), "left\n".repeat(8));
}

/// Says that it is there, stays until it is told that all are, and says what it wrote to a file that each of them has.
const MEET: &str = "echo $1 > /tmp/childproof-test; echo here > /work/arrived; head -c 1 /work/go > /dev/null
    cat /tmp/childproof-test > /work/$1; echo left > /work/arrived";

/// Tells all that all are there. It holds both pipes open until they have left, so that no word is lost.
const CALL: &str = "exec 3<> /work/arrived 4<> /work/go
    count() { n=0; while [ $n -lt 50 ]; do read line <&3; n=$((n + 1)); done; }
    count; for n in $(seq 50); do printf g >&4; done; count; echo all";

#[test]
fn fifty_programs_run_at_once() {
    let place = Place::new();
    let work = place.file("work");
    fs::create_dir(&work).unwrap();
    for pipe in ["arrived", "go"] {
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, work.join(pipe), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    }
    let mut guest = Guest::new();
    for number in 0..50 {
        guest = guest.spawn("sh", &["-c", MEET, "sh", &format!("by-{number}")]);
    }
    guest = guest.spawn("sh", &["-c", CALL]).wait();
    place.write("guest.wasm", guest.end(true));
    let flags = ["run", "--timeout", "120s", "--allow", "sh", "--dir", "work::/work"];
    let ended = place.run([&flags[..], &["guest.wasm"]].concat()).code(0);
    assert_eq!(ended.stdout(), "all\n", "{}", ended.stderr());
    for number in 0..50 {
        let name = format!("by-{number}");
        assert_eq!(fs::read_to_string(work.join(&name)).unwrap(), format!("{name}\n"));
    }
}

#[test]
fn the_private_tmp_holds_no_more_than_the_policy_says() {
    let place = Place::new();
    place.write(
        "policy.toml",
        "[confine]\ntmp = \"1MiB\"\n[grants.sh]\nprogram = \"sh\"\nargs = \"any\"\n",
    );
    let script = "head -c 900K /dev/zero > /tmp/fits && wc -c < /tmp/fits
        head -c 1M /dev/zero > /tmp/too-much || wc -c < /tmp/too-much";
    let ended = place
        .run(["exec", "--policy", "policy.toml", "--", "sh", "-c", script])
        .code(0);
    let (stdout, stderr) = (ended.stdout(), ended.stderr());
    let sizes: Vec<u64> = stdout.lines().map(|size| size.parse().unwrap()).collect();
    assert!(
        matches!(sizes[..], [fits, rest] if fits == 900 << 10 && rest <= 124 << 10),
        "{stdout}{stderr}"
    );
    assert!(stderr.contains("No space left on device"), "{stderr}");
}
