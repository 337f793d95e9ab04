//! Runs `cargo xtask build-all` and its guest, with real gcc, on the sample project and on projects made here.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;

use tempfile::TempDir;
use xtask::build;

/// A directory to build in, and what belongs to a build beside it.
struct Project {
    directory: TempDir,
    policy: String,
}

impl Project {
    /// One without a file, under the example's own policy.
    fn empty() -> Project {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("a project")).unwrap();
        let policy = fs::read_to_string(xtask::root().join("examples/build-all/policy.toml")).unwrap();
        Project { directory, policy }
    }

    /// The same, but for one setting of the policy.
    fn with_policy(mut self, setting: &str, other: &str) -> Project {
        assert_eq!(self.policy.matches(setting).count(), 1, "{setting}");
        self.policy = self.policy.replace(setting, other);
        self
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("a project")
    }

    fn write(&self, name: &str, text: &str) -> &Project {
        fs::write(self.path().join(name), text).unwrap();
        self
    }

    /// A header that a compiler waits for, as long as nobody writes it.
    fn awaited(&self, name: &str) -> PathBuf {
        let path = self.path().join(name);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }

    /// The guest, to be run on this project.
    fn command(&self, arguments: &[&str]) -> Command {
        static BUILT: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
        let (childproof, guest) =
            BUILT.get_or_init(|| (build::host("childproof").unwrap(), build::guest("build-all").unwrap()));
        let policy = self.directory.path().join("policy.toml");
        fs::write(&policy, &self.policy).unwrap();
        let mut command = Command::new(childproof);
        command
            .arg("run")
            .arg("--policy")
            .arg(policy)
            .arg("--audit")
            .arg(self.directory.path().join("audit"))
            .arg("--dir")
            .arg(format!("{}::/work", self.path().display()))
            .arg(guest)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn build(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    /// The lines of the audit log that are of this kind.
    fn events(&self, kind: &str) -> Vec<String> {
        let log = fs::read_to_string(self.directory.path().join("audit")).unwrap();
        let kind = format!("\"event\":\"{kind}\"");
        log.lines()
            .filter(|line| line.contains(&kind))
            .map(str::to_owned)
            .collect()
    }

    /// The most processes that the audit log has at the same time.
    fn most_at_once(&self) -> usize {
        let (mut now, mut most) = (0_usize, 0);
        for line in fs::read_to_string(self.directory.path().join("audit")).unwrap().lines() {
            if line.contains("\"event\":\"started\"") {
                now += 1;
                most = most.max(now);
            } else if line.contains("\"event\":\"ended\"") {
                now -= 1;
            }
        }
        most
    }
}

struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ended {
    fn of(output: Output) -> Ended {
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    fn code(self, expected: i32) -> Ended {
        assert_eq!(self.code, Some(expected), "{}\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    fn says(&self, what: &str) {
        assert!(self.stderr.contains(what), "it does not say {what:?}: {}", self.stderr);
    }

    /// The counters of the progress lines.
    fn counters(&self) -> Vec<&str> {
        let lines = self.stdout.lines().filter_map(|line| line.strip_prefix('['));
        lines.filter_map(|line| Some(line.split_once(']')?.0)).collect()
    }
}

fn up_to(files: usize) -> Vec<String> {
    let width = files.to_string().len();
    (1..=files).map(|file| format!("{file:>width$}/{files}")).collect()
}

/// What the sample's program says, run by itself.
fn run_sample(project: &Path) -> String {
    let output = Command::new(project.join("build/program")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_sample_is_built_and_what_was_built_is_right() {
    let project = Project::empty();
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("build-all")
        .arg(project.path())
        .args(["--", "--jobs", "3"])
        .output()
        .unwrap();
    let ended = Ended::of(output).code(0);
    assert_eq!(ended.counters(), up_to(24), "{}", ended.stdout);
    let last = ended.stdout.lines().last().unwrap();
    assert!(last.starts_with("linked build/program from 24 objects in "), "{last}");
    ended.says("src/stage_06.c: In function 'stage_06':\nsrc/stage_06.c:");
    ended.says("warning: unused variable 'left_over'");
    assert_eq!(fs::read_dir(project.path().join("build/src")).unwrap().count(), 24);
    let said = run_sample(&project.path());
    assert!(said.starts_with("22 stages are right: "), "{said}");
}

#[test]
fn the_sample_is_made_in_the_target_directory_where_no_other_is_named() {
    let built = || {
        let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
        Ended::of(xtask.arg("build-all").output().unwrap()).code(0)
    };
    // Made anew, it is the sample again, and no project that is there already.
    for ended in [built(), built()] {
        assert_eq!(ended.counters(), up_to(24), "{}", ended.stdout);
    }
    let target = xtask::metadata().unwrap().target_directory;
    assert!(run_sample(target.join("build-all").as_std_path()).starts_with("22 stages are right: "));
}

#[test]
fn no_more_run_at_the_same_time_than_were_asked_for() {
    // The host counts, too: a fourth one would be an error.
    let project = Project::empty().with_policy("live = 64 ", "live = 3");
    let ended = project.build(&["--jobs", "3"]).code(0);
    assert_eq!(ended.counters(), up_to(24), "{}", ended.stdout);
    assert_eq!(project.events("started").len(), 25, "24 files and the program");
}

#[test]
fn more_than_the_policy_allows_are_refused() {
    let project = Project::empty().with_policy("live = 64 ", "live = 2");
    for number in 1..=4 {
        project.awaited(&format!("never_{number}.h"));
        project.write(&format!("{number}.c"), &format!("#include \"never_{number}.h\"\n"));
    }
    let ended = project.build(&["--jobs", "3"]).code(1);
    ended.says("build-all: cannot start gcc for 3.c: the policy's quota of live processes is used up; ");
    ended.says("; 0 compiled, 2 killed, 2 not started\n");
}

#[test]
fn the_first_error_ends_the_rest() {
    let project = Project::empty();
    let mut awaited = Vec::new();
    for number in 1..=3 {
        awaited.push(project.awaited(&format!("never_{number}.h")));
        project.write(&format!("slow_{number}.c"), &format!("#include \"never_{number}.h\"\n"));
    }
    awaited.push(project.awaited("now.h"));
    project.write("stop.c", "#include \"now.h\"\nint broken = ;\n");
    project.write("unused_1.c", "").write("unused_2.c", "");

    let building = project.command(&["--jobs", "4"]).spawn().unwrap();
    let headers = awaited.clone();
    let ended = thread::spawn(move || {
        let output = building.wait_with_output().unwrap();
        // Whoever still waits below for somebody to read a header, waits no more. Opened both ways, it is there at once.
        let both_ways = |header| OpenOptions::new().read(true).write(true).open(header).unwrap();
        let opened: Vec<File> = headers.iter().map(both_ways).collect();
        (Ended::of(output), opened)
    });
    // To open it is to wait until a compiler reads it. All four run at the same time, then.
    let mut written: Vec<File> = awaited
        .iter()
        .map(|header| OpenOptions::new().write(true).open(header).unwrap())
        .collect();
    // At its end the last one is told of the error. The others stay open.
    drop(written.pop());
    let (ended, opened) = ended.join().unwrap();
    drop(opened);

    let ended = ended.code(1);
    ended.says("stop.c:2:14: error: expected expression before ';' token\n");
    ended.says("build-all: stop.c does not compile (exit status: 1); 0 compiled, 3 killed, 2 not started\n");
    assert_eq!(ended.stdout, "");
    for mut header in written {
        // More than a pipe holds: a compiler that lives reads all of it, and from one that is being killed it comes back.
        let error = header
            .write_all(&vec![b'\n'; 4 << 20])
            .expect_err("a compiler still reads");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
    assert_eq!((project.events("started").len(), project.most_at_once()), (4, 4));
    let killed = |line: &&String| line.contains("\"status\":\"signaled SIGKILL\",\"by\":\"guest\"");
    assert_eq!(project.events("ended").iter().filter(killed).count(), 3);
}

#[test]
fn the_sample_can_be_broken_on_purpose() {
    let project = Project::empty();
    let ended = project.build(&["--break", "src/stage_07.c"]).code(1);
    ended.says("src/stage_07.c:");
    ended.says("error: expected expression before ';' token");
    ended.says("build-all: src/stage_07.c does not compile (exit status: 1); ");
    let compiled = ended.counters().len();
    ended.says(&format!("; {compiled} compiled, "));
    assert!(!project.path().join("build/program").exists());
    let started = project.events("started").len();
    ended.says(&format!(
        "{} killed, {} not started\n",
        started - compiled - 1,
        24 - started
    ));
}

#[test]
fn what_gcc_says_of_one_file_stays_together() {
    let project = Project::empty();
    let variables: String = (0..20).map(|number| format!("    int unused_{number};\n")).collect();
    for name in ["a", "b", "c", "d", "e", "f"] {
        project.write(&format!("{name}.c"), &format!("void {name}(void)\n{{\n{variables}}}\n"));
    }
    project.write("main.c", "int main(void)\n{\n    return 0;\n}\n");
    let ended = project.build(&[]).code(0);
    let mut files: Vec<&str> = ended
        .stderr
        .lines()
        .filter_map(|line| Some(line.split_once(".c:")?.0))
        .collect();
    assert_eq!(files.len(), 6 * 21, "{}", ended.stderr);
    files.dedup();
    assert_eq!(files.len(), 6, "{files:?}");
}

#[test]
fn a_project_of_ones_own_is_built_and_not_touched() {
    let project = Project::empty();
    fs::create_dir_all(project.path().join("lib/deep")).unwrap();
    let main = "int answer(void);\nint main(void)\n{\n    return answer();\n}\n";
    project
        .write("main.c", main)
        .write("lib/deep/answer.c", "int answer(void)\n{\n    return 42;\n}\n");
    let ended = project.build(&["--break", "main.c"]).code(1);
    ended.says("build-all: main.c is not broken, because /work holds files that are not of the sample project");
    let ended = project.build(&["/work"]).code(0);
    assert_eq!(ended.counters(), up_to(2), "{}", ended.stdout);
    assert_eq!(fs::read_to_string(project.path().join("main.c")).unwrap(), main);
    let program = Command::new(project.path().join("build/program")).status().unwrap();
    assert_eq!(program.code(), Some(42));
}

#[test]
fn what_does_not_link_is_said() {
    let project = Project::empty();
    project.write(
        "main.c",
        "int answer(void);\nint main(void)\n{\n    return answer();\n}\n",
    );
    let ended = project.build(&[]).code(1);
    ended.says("undefined reference to `answer'");
    ended.says("build-all: gcc cannot link build/program (exit status: 1)\n");
}

#[test]
fn a_refusal_names_the_field() {
    let project = Project::empty();
    // For many a program this is a file on the machine `other`.
    project.write("other:file.c", "");
    let ended = project.build(&[]).code(1);
    ended.says("build-all: cannot start gcc for other:file.c: args[9] was refused: ");
    ended.says("; 0 compiled, 0 killed, 1 not started\n");
    assert_eq!(project.events("refused").len(), 1);
}

#[test]
fn bad_arguments_are_named() {
    let project = Project::empty();
    for (arguments, expected) in [
        (&["--jobs", "none"][..], "--jobs takes a number from 1 on, not \"none\""),
        (&["--break", "stage_99.c"], "the sample project has no stage_99.c"),
        (&["/elsewhere"], "cannot read /elsewhere"),
    ] {
        project.build(arguments).code(1).says(&format!("build-all: {expected}"));
    }
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["build-all", "/nowhere"])
        .output();
    Ended::of(output.unwrap()).code(1).says("cannot open /nowhere");
}

#[test]
fn help_says_how_it_is_used() {
    let ended = Project::empty().build(&["--help"]).code(0);
    assert!(
        ended
            .stdout
            .starts_with("usage: build-all [--jobs N] [--break FILE] [DIR]\n")
    );
}
