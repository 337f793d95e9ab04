//! The full tier leaves room for work: the tools that people run, on a directory they give, with what is left on the host.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{Ended, Place};

/// Where a shell looks for programs if nobody says: the environment of a child starts empty.
const SYSTEM: &[&str] = &[
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// A directory that is granted as `/work`.
struct Work {
    place: Place,
}

impl Work {
    fn new() -> Self {
        let place = Place::new();
        fs::create_dir(place.file("work")).unwrap();
        Self { place }
    }

    fn write(&self, name: &str, content: &str) -> &Self {
        fs::write(self.file(name), content).unwrap();
        self
    }

    fn file(&self, name: &str) -> PathBuf {
        self.place.file("work").join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    fn sh(&self, script: &str) -> Ended {
        self.sh_with(&[], script)
    }

    /// Runs a script that ends at its first failure, in the directory, at the tier that holds where nobody says.
    fn sh_with(&self, flags: &[&str], script: &str) -> Ended {
        let exec = ["exec", "--allow", "sh", "--dir", "work::/work"];
        self.place
            .run([&exec, flags, &["--", "sh", "-e", "-c", script]].concat())
    }

    /// Checks that all that was made here belongs to the user of the host.
    #[track_caller]
    fn belongs_to_us(&self) {
        belongs_to(&self.place.file("work"), rustix::process::geteuid().as_raw());
    }
}

#[track_caller]
fn belongs_to(directory: &Path, user: u32) {
    let mut left = vec![directory.to_owned()];
    while let Some(path) = left.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        assert_eq!(metadata.uid(), user, "the owner of {}", path.display());
        if metadata.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
}

/// Checks that the machine has the tools that a test is about.
#[track_caller]
fn needs(tools: &[&str]) {
    for tool in tools {
        assert!(
            SYSTEM.iter().any(|directory| Path::new(directory).join(tool).exists()),
            "this test needs {tool} in one of the system's directories: install it"
        );
    }
}

/// A program in the system's directories, or else where the one in `PATH` says it is; with what is to be shown for that.
#[track_caller]
fn found(tool: &str, where_it_is: &[&str]) -> (Vec<String>, String) {
    let system = SYSTEM.iter().map(|directory| Path::new(directory).join(tool));
    if let Some(program) = system.into_iter().find(|program| program.exists()) {
        return (Vec::new(), program.into_os_string().into_string().unwrap());
    }
    let program = says(tool, where_it_is);
    let prefix = Path::new(&program).ancestors().nth(2).unwrap().to_str().unwrap();
    (vec!["--read".to_owned(), prefix.to_owned()], program)
}

/// What a tool in `PATH` prints.
#[track_caller]
fn says(tool: &str, args: &[&str]) -> String {
    let output = Command::new(tool).args(args).output();
    let output = output.unwrap_or_else(|error| panic!("this test needs {tool}: install it ({error})"));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{tool} {args:?}: {}", output.status);
    printed.trim_end().to_owned()
}

fn words(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}

/// Who commits, and a branch that does not depend on git's version.
const GIT: &str = "
    export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.org
    git() { command git -c init.defaultBranch=main \"$@\"; }
";

#[test]
fn git_makes_shows_and_clones_a_repository() {
    needs(&["git"]);
    let work = Work::new();
    work.write("file", "one\n");
    let script = format!(
        "{GIT}
        git init --quiet .
        git add file
        git commit --quiet --message first
        echo two >> file
        git status --short
        git diff
        git commit --quiet --all --message second
        git log --format='%an %cn %s'
        git clone --quiet . clone
        git clone --quiet --no-local . over-a-pipe
        git -C clone log --oneline | wc -l
        git gc --quiet && git fsck"
    );
    let ended = work.sh(&script).code(0);
    let stdout = ended.stdout();
    assert!(
        stdout.starts_with(" M file\ndiff --git a/file b/file\n") && stdout.contains("\n one\n+two\n"),
        "{stdout}"
    );
    assert!(stdout.ends_with("\nA C second\nA C first\n2\n"), "{stdout}");
    assert!(!ended.stderr().contains("dubious ownership"), "{}", ended.stderr());
    work.belongs_to_us();
    for repository in [".", "clone", "over-a-pipe"] {
        let repository = work.file(repository);
        let args = ["-C", repository.to_str().unwrap(), "log", "--format=%s"];
        assert_eq!(says("git", &args), "second\nfirst");
        assert_eq!(fs::read_to_string(repository.join("file")).unwrap(), "one\ntwo\n");
    }
}

#[test]
fn git_takes_a_repository_of_the_host_for_its_own() {
    needs(&["git"]);
    let work = Work::new();
    let repository = work.place.file("work");
    says("git", &["init", "--quiet", repository.to_str().unwrap()]);
    work.write("new", "");
    let ended = work.sh("git status --short; git log 2>&1 | head -n 1").code(0);
    let stdout = ended.stdout();
    assert!(stdout.starts_with("?? new\n"), "{stdout}{}", ended.stderr());
    assert!(stdout.contains("does not have any commits yet"), "{stdout}");
}

const PROGRAM: &str = "#include \"number.h\"\n#include <math.h>\n#include <stdio.h>\n\
    int main(int count, char **arguments) { (void)arguments; printf(\"%.3f\\n\", sqrt(NUMBER * count)); return 7; }\n";

#[test]
fn gcc_compiles_links_and_what_it_made_runs() {
    needs(&["gcc", "ld"]);
    let work = Work::new();
    work.write("main.c", PROGRAM).write("number.h", "#define NUMBER 2.0\n");
    // The compiler looks for the linker in PATH, which a shell has but does not hand on by itself.
    let script = "gcc -O1 -Wall -Werror -o main main.c -lm; ./main || exit $?";
    assert_eq!(work.sh(script).code(7).stdout(), "1.414\n");
    work.belongs_to_us();
    let outside = Command::new(work.file("main")).arg("more").output().unwrap();
    assert_eq!(
        (outside.status.code(), outside.stdout),
        (Some(7), b"2.000\n".to_vec()),
        "on the host"
    );
}

#[test]
fn make_builds_two_targets_at_once() {
    needs(&["make", "mkfifo"]);
    let work = Work::new();
    // Without PATH, which a shell has but does not hand on by itself, it finds no program that it starts on its own.
    // Each target waits for the other, so that one after the other would not end.
    let makefile = "all: a b\n\
        a: fifo\n\tread line < fifo; echo \"$$line a\" > a\n\
        b: fifo\n\techo met > fifo; echo b > b\n\
        fifo:\n\tmkfifo fifo\n";
    work.write("Makefile", makefile);
    work.sh_with(&["--timeout", "60s"], "make -j2").code(0);
    assert_eq!((work.read("a"), work.read("b")), ("met a\n".into(), "b\n".into()));
    assert!(
        work.sh("make")
            .code(0)
            .stdout()
            .contains("Nothing to be done")
    );
    work.belongs_to_us();
}

#[test]
fn tar_and_gzip_give_back_what_they_were_given() {
    needs(&["tar", "gzip", "gunzip", "cmp", "diff"]);
    let work = Work::new();
    let script = "
        mkdir -p tree/below; seq 20000 > tree/below/numbers; ln -s below/numbers tree/link; ln tree/below/numbers tree/hard
        printf '#!/bin/sh\\n' > tree/run; chmod 750 tree/run
        tar -czf tree.tar.gz tree
        mkdir out; tar -xzf tree.tar.gz -C out
        diff -r tree out/tree
        gzip -9 < tree/below/numbers > numbers.gz
        test $(wc -c < numbers.gz) -lt $(wc -c < tree/below/numbers)
        gunzip < numbers.gz | cmp - tree/below/numbers
        stat -c %a out/tree/run; readlink out/tree/link; stat -c %h out/tree/hard";
    assert_eq!(work.sh(script).code(0).stdout(), "750\nbelow/numbers\n2\n");
    work.belongs_to_us();
    let mode = fs::metadata(work.file("out/tree/run")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o750);
}

const PYTHON: &str = r#"
import asyncio, getpass, multiprocessing, os, subprocess, sys, tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import shared_memory

def square(number):
    return number * number

def add(queue, lock, total):
    with lock:
        total.value += 1
        queue.put(os.getpid())

async def converse():
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec("cat", stdin=pipe, stdout=pipe)
    return (await child.communicate(b"through cat"))[0]

if __name__ == "__main__":
    print(subprocess.check_output(["sh", "-c", "echo $0 out", "a"]), subprocess.run(["sh", "-c", "exit 3"]).returncode)
    print(asyncio.run(converse()))
    for method in ("fork", "spawn"):
        context = multiprocessing.get_context(method)
        queue, lock, total = context.Queue(), context.Lock(), context.Value("i", 0)
        workers = [context.Process(target=add, args=(queue, lock, total)) for _ in range(3)]
        for worker in workers:
            worker.start()
        seen = {queue.get() for _ in workers}
        for worker in workers:
            worker.join()
        print(method, len(seen), total.value, [worker.exitcode for worker in workers])
        with context.Pool(3) as pool:
            print(pool.map(square, range(5)))
    with ProcessPoolExecutor(2) as pool:
        print(list(pool.map(square, [7, 8])))
    memory = shared_memory.SharedMemory(create=True, size=4096)
    memory.buf[0] = 42
    again = shared_memory.SharedMemory(memory.name)
    print(again.buf[0])
    again.close()
    memory.close()
    memory.unlink()
    with tempfile.NamedTemporaryFile() as file:
        print(os.path.dirname(file.name))
    print(getpass.getuser())
    with open("written", "w") as file:
        file.write("by python\n")
"#;

#[test]
fn python_starts_programs_and_processes_of_its_own() {
    let (flags, python) = found(
        "python3",
        &["-c", "import sys; print(sys.base_prefix + '/bin/python3')"],
    );
    let work = Work::new();
    work.write("main.py", PYTHON);
    let ended = work.sh_with(&words(&flags), &format!("{python} main.py")).code(0);
    let expected = "b'a out\\n' 3\nb'through cat'\n\
        fork 3 3 [0, 0, 0]\n[0, 1, 4, 9, 16]\nspawn 3 3 [0, 0, 0]\n[0, 1, 4, 9, 16]\n[49, 64]\n42\n/tmp\nchildproof\n";
    assert_eq!(ended.stdout(), expected, "{}", ended.stderr());
    assert_eq!(work.read("written"), "by python\n");
    work.belongs_to_us();
}

#[test]
fn python_has_a_server_process_where_the_grant_has_unix_sockets() {
    let (flags, python) = found(
        "python3",
        &["-c", "import sys; print(sys.base_prefix + '/bin/python3')"],
    );
    let place = Place::new();
    place.write(
        "policy.toml",
        "[grants.python]\nprogram = \"sh\"\nargs = \"any\"\nunix_sockets = true\n",
    );
    let script = "import multiprocessing\n\
        if __name__ == '__main__':\n\
        \x20   with multiprocessing.Manager() as manager:\n\
        \x20       shared = manager.dict()\n\
        \x20       shared['key'] = 'value'\n\
        \x20       print(dict(shared))\n";
    let run = |start: &[&str], name| {
        let command = ["--", name, "-c", "exec \"$0\" -c \"$1\"", &python, script];
        place.run([start, &words(&flags), &command].concat())
    };
    let with = run(&["exec", "--policy", "policy.toml"], "python").code(0);
    assert_eq!(with.stdout(), "{'key': 'value'}\n");
    // Without them it says what was refused.
    let stderr = run(&["exec", "--allow", "sh"], "sh").code(1).stderr();
    assert!(stderr.contains("PermissionError"), "{stderr}");
}

const PERL: &str = r#"
use strict; use warnings; use File::Temp qw(tempfile tempdir);
my ($file, $name) = tempfile();
print $file "four"; close $file;
print -s $name, " ", -d tempdir(CLEANUP => 1), "\n";
pipe(my $reader, my $writer) or die;
my $child = fork; die unless defined $child;
if (!$child) { close $reader; print $writer "from the child\n"; exit 5 }
close $writer; print <$reader>;
waitpid $child, 0; print $? >> 8, "\n";
open my $sort, "-|", "printf 'b\na\n' | sort" or die; print <$sort>; close $sort or die;
print((getpwuid $<)[0], "\n");
"#;

#[test]
fn perl_forks_and_has_temporary_files() {
    needs(&["perl", "sort"]);
    let work = Work::new();
    work.write("main.pl", PERL);
    let ended = work.sh("perl main.pl").code(0);
    assert_eq!(
        ended.stdout(),
        "4 1\nfrom the child\n5\na\nb\nchildproof\n",
        "{}",
        ended.stderr()
    );
}

const NODE: &str = r#"
const { execFileSync, fork } = require("child_process");
const { Worker } = require("worker_threads");
const fs = require("fs"), http = require("http"), os = require("os"), path = require("path");
if (process.argv[2] === "child") {
    process.on("message", number => { process.send(number + 1); process.disconnect(); });
} else {
    main();
}
async function main() {
    console.log(execFileSync("sh", ["-c", "echo from sh"]).toString().trim());
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), "test-"));
    fs.writeFileSync(path.join(directory, "file"), "content");
    fs.copyFileSync(path.join(directory, "file"), "written");
    console.log(await new Promise(resolve => {
        const child = fork(__filename, ["child"]);
        child.on("message", resolve);
        child.send(41);
    }));
    console.log(await new Promise(resolve => {
        new Worker("require('worker_threads').parentPort.postMessage('from a thread')", { eval: true }).on("message", resolve);
    }));
    const server = http.createServer((request, response) => response.end("served " + request.url));
    await new Promise(resolve => server.listen(0, "127.0.0.1", resolve));
    const answer = await new Promise((resolve, reject) => {
        http.get({ host: "localhost", port: server.address().port, path: "/page", family: 4 }, response => {
            let text = "";
            response.on("data", data => text += data).on("end", () => resolve(text));
        }).on("error", reject);
    });
    server.close();
    console.log(answer, os.userInfo().username);
}
"#;

#[test]
fn node_has_children_threads_files_and_a_server_of_its_own() {
    let (flags, node) = found("node", &["-p", "process.execPath"]);
    let work = Work::new();
    work.write("main.js", NODE);
    let ended = work.sh_with(&words(&flags), &format!("{node} main.js")).code(0);
    let expected = "from sh\n42\nfrom a thread\nserved /page childproof\n";
    assert_eq!(ended.stdout(), expected, "{}", ended.stderr());
    assert_eq!(work.read("written"), "content");
    work.belongs_to_us();
}

#[test]
fn bash_substitutes_processes() {
    needs(&["bash", "sort", "diff"]);
    let work = Work::new();
    work.write("a", "2\n1\n").write("b", "1\n2\n").write("c", "1\n3\n");
    let script = "bash -c 'diff <(sort a) <(sort b) && echo same
        diff <(sort a) <(sort c) || echo other
        sort a > >(cat > sorted); wait $!; cat <<< here; coproc cat; echo through >&${COPROC[1]}; head -n 1 <&${COPROC[0]}'";
    let stdout = work.sh(script).code(0).stdout();
    assert_eq!(stdout, "same\n2c2\n< 2\n---\n> 3\nother\nhere\nthrough\n");
    assert_eq!(work.read("sorted"), "1\n2\n");
}

#[test]
fn sort_has_temporary_files() {
    needs(&["sort"]);
    let work = Work::new();
    let numbers: String = (0..400_000u32)
        .map(|number| format!("{}\n", number.reverse_bits()))
        .collect();
    work.write("numbers", &numbers);
    work.sh("sort -S 1M -n numbers > sorted").code(0);
    let mut sorted: Vec<u32> = (0..400_000u32).map(u32::reverse_bits).collect();
    sorted.sort_unstable();
    let sorted: String = sorted.iter().map(|number| format!("{number}\n")).collect();
    assert!(work.read("sorted") == sorted);
    // It did need them: with nowhere to put them, it fails.
    let ended = work
        .sh("sort -S 1M -T /usr -n numbers > unsorted || echo failed")
        .code(0);
    assert_eq!(ended.stdout(), "failed\n");
}

#[test]
fn cargo_builds_a_crate() {
    needs(&["cc", "ld"]);
    let toolchain = says("rustc", &["--print", "sysroot"]);
    let cargo = format!("{toolchain}/bin/cargo");
    assert!(
        Path::new(&cargo).exists(),
        "this test needs cargo beside rustc, at {cargo}"
    );
    let work = Work::new();
    fs::create_dir(work.file("src")).unwrap();
    work.write(
        "Cargo.toml",
        "[package]\nname = \"small\"\nedition = \"2021\"\n[workspace]\n",
    )
    .write(
        "build.rs",
        "fn main() { println!(\"cargo::rustc-env=BUILT=by a script\"); }\n",
    )
    .write(
        "src/main.rs",
        "fn main() { println!(\"built {}\", env!(\"BUILT\")); }\n",
    );
    // Without a home directory, cargo is told where to keep what it keeps.
    let script = format!(
        "export PATH={toolchain}/bin:$PATH CARGO_HOME=/tmp/cargo
        cargo build --quiet --offline
        ./target/debug/small; cargo run --quiet --offline --release"
    );
    let ended = work.sh_with(&["--read", &toolchain], &script).code(0);
    assert_eq!(
        ended.stdout(),
        "built by a script\nbuilt by a script\n",
        "{}",
        ended.stderr()
    );
    work.belongs_to_us();
    let outside = says(work.file("target/debug/small").to_str().unwrap(), &[]);
    assert_eq!(outside, "built by a script", "on the host");
}

#[test]
fn what_programs_look_up_about_the_system_is_there() {
    needs(&["perl", "getent"]);
    let work = Work::new();
    let script = "id -un; cd ~childproof 2> /dev/null || cd /tmp; pwd
        getent passwd childproof | cut -d : -f 6,7
        perl -e 'print gethostbyname(\"localhost\") eq pack(\"C4\", 127, 0, 0, 1), \"\\n\"'
        getent hosts $(uname -n) > /dev/null && echo the host name is known
        perl -e 'print getservbyname(\"https\", \"tcp\") . \" \" . getprotobyname(\"udp\") . \"\\n\"'
        LC_ALL=C.UTF-8 locale charmap; TZ=Europe/Berlin date -d @0 +%H
        . /etc/os-release && test -n \"$ID\" && echo $?
        test -e /proc/self/exe && test -d /dev/shm && test -d /var/tmp && echo there
        grep -q ' /work ' /etc/mtab && echo mounted";
    let ended = work.sh(script).code(0);
    let expected = "childproof\n/tmp\n/tmp:/bin/sh\n1\nthe host name is known\n443 17\nUTF-8\n01\n0\nthere\nmounted\n";
    assert_eq!(ended.stdout(), expected, "{}", ended.stderr());
}

/// Not 65534, which is what a number that a user namespace does not know looks like.
const SOMEBODY: u32 = 54_322;

#[test]
fn a_user_without_rights_has_the_same_tools() {
    needs(&["git", "gcc", "ld", "make", "tar", "gzip", "bash"]);
    let work = Work::new();
    work.write("main.c", PROGRAM)
        .write("number.h", "#define NUMBER 2.0\n")
        .write("Makefile", "main: main.c number.h\n\tgcc -o $@ $< -lm\n");
    let script = format!(
        "{GIT}
        export PATH
        id -un
        make --quiet
        ./main || echo $?
        git init --quiet .
        git add main.c && git commit --quiet --message first
        git clone --quiet . clone
        git -C clone log --format=%s
        tar -czf clone.tar.gz clone && tar -tzf clone.tar.gz | grep -c main.c
        bash -c 'diff <(echo a) <(echo a) && echo same'
        mkdir private && chmod 700 private && echo mine > private/file && cat private/file"
    );
    // The command is handed over open, because a user without rights may not enter where it lies.
    let start = "exec 3<&0; exec /proc/self/fd/3 \"$@\" < /dev/null";
    let exec = ["exec", "--allow", "sh", "--dir", "work::/work", "--", "sh", "-e", "-c"];
    let mut command = Command::new("sh");
    command
        .args(["-c", start, "childproof"])
        .args(exec)
        .arg(&script)
        .current_dir(work.place.path())
        .env("XDG_CACHE_HOME", work.place.file("cache"))
        .stdin(fs::File::open(env!("CARGO_BIN_EXE_childproof")).unwrap());
    let mut user = rustix::process::geteuid().as_raw();
    if user == 0 {
        user = SOMEBODY;
        for path in ["", "work", "work/main.c", "work/number.h", "work/Makefile"] {
            chown(work.place.file(path), Some(user), Some(user)).unwrap();
        }
        command.uid(user).gid(user);
    }
    let ended = Ended::of(command.output().unwrap()).code(0);
    assert_eq!(
        ended.stdout(),
        "childproof\n1.414\n7\nfirst\n1\nsame\nmine\n",
        "{}",
        ended.stderr()
    );
    belongs_to(&work.place.file("work"), user);
}
