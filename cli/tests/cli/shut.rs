//! What a shell can do to the machine at the tier that holds where nobody says: nothing. Each attempt succeeds without a
//! confinement, or it would prove nothing.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use crate::command::{Ended, Place};

/// Runs a script of bash with the directory `work` as `/work`, or at its own name where it is not confined.
fn bash(place: &Place, flags: &[&str], script: &str) -> Ended {
    let exec = ["exec", "--allow", "bash", "--dir", "work::/work"];
    place.run([&exec, flags, &["--", "bash", "-c", script]].concat())
}

/// What stands around an attempt: files that were not granted, processes, a listener, and the directory that was.
struct Around {
    place: Place,
    /// Killed, if anything can.
    victim: Child,
    listener: TcpListener,
}

impl Around {
    fn new() -> Self {
        let place = Place::new();
        fs::create_dir(place.file("work")).unwrap();
        fs::create_dir(place.file("outside")).unwrap();
        place.write("outside/secret", "the secret\n");
        place.write("work/own", "own\n");
        std::os::unix::fs::symlink(place.file("outside/secret"), place.file("work/link")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self {
            place,
            victim: Command::new("cat").stdin(Stdio::piped()).spawn().unwrap(),
            listener,
        }
    }

    /// The script of an attempt, with what stands around it.
    fn fill(&self, script: &str) -> String {
        script
            .replace("{outside}", self.place.file("outside").to_str().unwrap())
            .replace("{victim}", &self.victim.id().to_string())
            .replace("{host}", &std::process::id().to_string())
            .replace("{port}", &self.listener.local_addr().unwrap().port().to_string())
    }

    /// What of it has changed.
    fn changes(&mut self) -> Vec<String> {
        let mut changes = Vec::new();
        for entry in fs::read_dir(self.place.file("outside")).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            if entry.file_name() != "secret" || fs::read(entry.path()).unwrap() != b"the secret\n" {
                changes.push(format!("{} was written", entry.path().display()));
            }
            if metadata.modified().unwrap() == std::time::UNIX_EPOCH {
                changes.push("the times of a file were set".to_owned());
            }
        }
        if !self.place.file("outside/secret").exists() {
            changes.push("the secret was removed".to_owned());
        }
        match self.listener.accept() {
            Ok(_) => changes.push("somebody connected".to_owned()),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        if self.victim.try_wait().unwrap().is_some() {
            changes.push("the process was killed".to_owned());
        }
        for entry in fs::read_dir(self.place.file("work")).unwrap() {
            use std::os::unix::fs::PermissionsExt;
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            if metadata.permissions().mode() & 0o6000 != 0 {
                changes.push(format!("{} runs as another", entry.path().display()));
            }
        }
        changes
    }
}

impl Drop for Around {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.victim.kill();
        let _ = self.victim.wait();
    }
}

/// Where an attempt has to succeed without a confinement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Control {
    Anybody,
    /// Only root could, unconfined.
    Root,
    /// Nowhere: not each machine has it, or the clock would be another one afterwards.
    Never,
}

use Control::{Anybody, Never, Root};

/// Each is one line of bash, which succeeds if the attempt does. If one does, the machine is still what it was.
const ATTEMPTS: &[(&str, Control)] = &[
    // Files that were not granted.
    ("cat {outside}/secret", Anybody),
    ("cat link", Anybody),
    ("ls {outside}", Anybody),
    ("stat {outside}/secret", Anybody),
    ("echo changed > {outside}/secret", Anybody),
    ("echo new > {outside}/new", Anybody),
    ("echo changed >> link", Anybody),
    ("rm {outside}/secret", Anybody),
    ("touch --date=@0 {outside}/secret", Anybody),
    ("mv {outside}/secret {outside}/moved", Anybody),
    ("ln {outside}/secret stolen", Anybody),
    ("cat /proc/{host}/environ", Anybody),
    ("cat /proc/{host}/root{outside}/secret", Anybody),
    ("ls /home", Anybody),
    ("ls /sys/kernel", Anybody),
    ("cat /etc/shadow", Root),
    ("ls /root", Root),
    ("chmod --reference=/usr /usr", Root),
    ("mkdir /usr/childproof-test && rmdir /usr/childproof-test", Never),
    ("mkdir /etc/childproof-test && rmdir /etc/childproof-test", Never),
    // Processes of the host, and its network.
    ("ls /proc/{victim}", Anybody),
    ("kill -KILL {victim}", Anybody),
    ("prlimit --pid {victim} --cpu=1000", Anybody),
    ("renice -n 19 -p {victim}", Anybody),
    ("taskset --cpu-list --pid 0 {victim}", Anybody),
    ("echo > /dev/tcp/127.0.0.1/{port}", Anybody),
    // What others would run with the rights of the host's user.
    ("chmod u+s own", Anybody),
    ("chmod g+s own", Anybody),
    ("cp own copy && chmod 4755 copy", Anybody),
    ("install --mode=4755 own installed", Anybody),
    // Privileges, the kernel and the machine.
    ("unshare --user true", Anybody),
    ("unshare --mount true", Root),
    ("nsenter --target {host} --mount true", Root),
    ("chroot / true", Root),
    ("mknod device c 1 3", Root),
    ("chown 1 own", Root),
    ("cat /proc/sys/vm/swappiness | tee /proc/sys/vm/swappiness", Root),
    ("sysctl -w vm.swappiness=$(sysctl -n vm.swappiness)", Root),
    ("mount -t tmpfs none . && umount $PWD", Root),
    ("mount --bind own own && umount own", Root),
    ("umount /work", Never),
    ("hostname $(hostname)", Root),
    ("date --set=$(date --iso-8601=ns)", Never),
];

#[test]
fn a_shell_does_nothing_to_the_machine() {
    let is_root = rustix::process::geteuid().is_root();
    for (attempt, control) in ATTEMPTS {
        let mut around = Around::new();
        let script = around.fill(&format!("set -o pipefail; echo it ran; {attempt}"));
        let ended = bash(&around.place, &[], &script);
        let (code, stdout, stderr) = (ended.exit_code(), ended.stdout(), ended.stderr());
        // A tool that is missing would fail as well.
        assert!(
            stdout.starts_with("it ran\n") && !stderr.contains("command not found"),
            "{attempt}: {stdout}{stderr}"
        );
        assert_ne!(code, Some(0), "{attempt} succeeded: {stdout}{stderr}");
        assert!(!stdout.contains("secret"), "{attempt}: {stdout}");
        assert_eq!(around.changes(), [""; 0], "{attempt}: {stderr}");
        if *control == Anybody || *control == Root && is_root {
            bash(&around.place, &["--confine", "none"], &script).code(0);
        }
    }
}

#[test]
fn a_shell_sees_its_own_processes_and_none_of_the_host() {
    let around = Around::new();
    let script = "echo /proc/[0-9]*; echo $$";
    // Its first process, and itself.
    let ended = bash(&around.place, &[], script).code(0);
    assert_eq!(ended.stdout(), "/proc/1 /proc/2\n2\n");
    let all = bash(&around.place, &["--confine", "none"], script).code(0).stdout();
    let victim = format!("/proc/{}", around.victim.id());
    assert!(all.split_whitespace().any(|process| process == victim), "{all}");
}
