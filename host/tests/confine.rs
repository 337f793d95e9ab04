//! What a policy says about confinement, as the processes of a guest find it.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use childproof_host::audit::AuditEvent;
use childproof_host::policy::{Arguments, Confine, Grant, LoadOptions, Network, Policy, Tier};
use childproof_host::process::{CommunicateOptions, Directory, SpawnRequest, Stderr, Stdout};
use childproof_host::{Error, Preopen, ProcessCtx, ProcessCtxBuilder};
use tempfile::TempDir;

const CONFINED: [Tier; 2] = [Tier::Full, Tier::Reduced];

fn policy(tier: Tier) -> Policy {
    let confine = Confine {
        tier: Some(tier),
        ..Confine::default()
    };
    Policy::new().confine(confine).grant("sh", shell())
}

fn shell() -> Grant {
    Grant::program("/bin/sh").args(Arguments::Any)
}

/// Python, wherever it lies, with its library.
fn python() -> Grant {
    let asked = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable, sys.base_prefix, sep='\\n')"])
        .output()
        .unwrap();
    let said = String::from_utf8(asked.stdout).unwrap();
    let (program, prefix) = said.trim_end().split_once('\n').unwrap();
    let grant = Grant::program(program).args(Arguments::Any).read([prefix]);
    // By another name than its own it would look for its library from its working directory on.
    grant.env_set("PYTHONHOME", prefix)
}

fn builder(policy: &Policy) -> ProcessCtxBuilder {
    ProcessCtx::builder(policy.load(&LoadOptions::default()).unwrap())
}

fn request(grant: &str, script: &str) -> SpawnRequest {
    let mut request = SpawnRequest::new(grant);
    request.args = vec!["-c".to_owned(), script.to_owned()];
    request.stdout = Stdout::Piped;
    request.stderr = Stderr::Stdout;
    request
}

async fn output(ctx: &ProcessCtx, request: &SpawnRequest) -> (bool, String) {
    let process = ctx.spawn(request).unwrap();
    let output = process.communicate(None, CommunicateOptions::default()).await.unwrap();
    let text = String::from_utf8(output.stdout.unwrap()).unwrap();
    (output.status.success(), text)
}

async fn succeeds(ctx: &ProcessCtx, grant: &str, script: &str) -> bool {
    output(ctx, &request(grant, script)).await.0
}

/// What a script prints, which succeeds.
async fn said(ctx: &ProcessCtx, script: &str) -> String {
    let (success, text) = output(ctx, &request("sh", script)).await;
    assert!(success, "{script}: {text}");
    text
}

struct Directories {
    directory: TempDir,
}

impl Directories {
    /// With a directory `data` that has a file in it, and a file beside it.
    fn new() -> Directories {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("data/sub")).unwrap();
        fs::write(directory.path().join("data/file"), "content\n").unwrap();
        fs::write(directory.path().join("secret"), "secret\n").unwrap();
        Directories { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join(name)
    }

    fn preopen(&self, guest_path: &str, writable: bool) -> Preopen {
        Preopen::open(self.path("data"), guest_path, writable).unwrap()
    }
}

fn opened(path: &Path) -> Directory {
    Directory {
        directory: Arc::new(File::open(path).unwrap()),
        path: None,
    }
}

#[tokio::test]
async fn a_directory_has_the_guests_permission() {
    let directories = Directories::new();
    for tier in CONFINED {
        let ctx = |writable| {
            let preopen = directories.preopen("/data", writable);
            builder(&policy(tier)).preopen(preopen).unwrap().build()
        };
        let read_only = ctx(false);
        assert_eq!(said(&read_only, "cat file").await, "content\n", "{tier}");
        for script in ["echo x > new", "rm file", "echo x >> file", "mkdir dir"] {
            assert!(!succeeds(&read_only, "sh", script).await, "{tier}: {script}");
        }
        said(&ctx(true), "echo x > new && rm new").await;
    }
    assert_eq!(fs::read_to_string(directories.path("data/file")).unwrap(), "content\n");
}

#[tokio::test]
async fn a_process_works_where_it_is_asked_to_by_the_guests_name() {
    let directories = Directories::new();
    let ctx = builder(&policy(Tier::Full))
        .preopen(directories.preopen("a/./data", true))
        .unwrap()
        .build();
    assert_eq!(said(&ctx, "pwd").await, "/a/data\n");
    let mut asked = request("sh", "pwd; cat ../file");
    asked.cwd = Some(opened(&directories.path("data/sub")));
    assert_eq!(output(&ctx, &asked).await, (true, "/a/data/sub\ncontent\n".to_owned()));

    // Nothing shows it this directory, and so it could not be told where it is.
    asked.cwd = Some(opened(&directories.path("")));
    let Err(Error::Refused(problem)) = ctx.spawn(&asked) else {
        panic!("it was not refused")
    };
    assert_eq!(problem.field, "cwd");
    let host = |tier| builder(&policy(tier)).build();
    asked.args[1] = "pwd".to_owned();
    let here = format!("{}\n", directories.path("").components().as_path().display());
    assert_eq!(output(&host(Tier::None), &asked).await, (true, here));
    assert_eq!(said(&host(Tier::Full), "pwd; ls -A /tmp").await, "/\n");
}

#[tokio::test]
async fn a_path_among_the_arguments_is_one_that_the_process_sees() {
    let directories = Directories::new();
    let cat = |tier| {
        let cat = Grant::program("/bin/cat").form([childproof_host::policy::Word::path()]);
        builder(&policy(tier).grant("cat", cat))
            .preopen(directories.preopen("/data", true))
            .unwrap()
            .build()
    };
    let allowed = |ctx: &ProcessCtx, path: &str| {
        let mut request = SpawnRequest::new("cat");
        request.args = vec![path.to_owned()];
        ctx.spawn(&request).is_ok()
    };
    let by_host = directories.path("data/file");
    let by_host = by_host.to_str().unwrap();
    let full = cat(Tier::Full);
    assert!(allowed(&full, "/data/file") && allowed(&full, "file") && allowed(&full, "/data/sub/../file"));
    assert!(!allowed(&full, by_host) && !allowed(&full, "/data/../etc/passwd") && !allowed(&full, "/database"));
    // Neither name means the same to guest and process.
    let reduced = cat(Tier::Reduced);
    assert!(allowed(&reduced, "file") && !allowed(&reduced, "/data/file") && !allowed(&reduced, by_host));
}

#[tokio::test]
async fn what_a_grant_shows_or_hides_is_that_grants() {
    let directories = Directories::new();
    let secret = directories.path("secret");
    let script = format!("cat {}", secret.display());
    for tier in CONFINED {
        let ctx = builder(&policy(tier).grant("reader", shell().read([&secret]))).build();
        for _ in 0..2 {
            assert!(!succeeds(&ctx, "sh", &script).await, "{tier}");
            assert!(succeeds(&ctx, "reader", &script).await, "{tier}");
        }
    }
    let ctx = builder(&policy(Tier::Full).grant("blind", shell().hide(["/usr/share", "/etc/ld.so.cache"]))).build();
    let script = "test -n \"$(ls /usr/share)\" && test -s /etc/ld.so.cache";
    assert!(succeeds(&ctx, "sh", script).await);
    assert!(
        succeeds(
            &ctx,
            "blind",
            "test -z \"$(ls /usr/share)\" && ! test -s /etc/ld.so.cache"
        )
        .await
    );
}

#[tokio::test]
async fn the_tmp_of_a_process_is_its_own_and_as_large_as_the_policy_says() {
    let mut policy = policy(Tier::Full);
    policy.confine.tmp = Some(1 << 20);
    let ctx = builder(&policy).build();
    let fill = |bytes: u32| format!("head -c {bytes} /dev/zero > /tmp/file");
    assert!(succeeds(&ctx, "sh", &fill(900_000)).await);
    assert!(!succeeds(&ctx, "sh", &fill(1_100_000)).await);
    assert!(succeeds(&ctx, "sh", "test -z \"$(ls -A /tmp)\"").await);
}

#[tokio::test]
async fn the_network_is_what_the_grant_says() {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [here, other] = listeners
        .each_ref()
        .map(|listener| listener.local_addr().unwrap().port());
    let connect = |port: u16| format!("import socket; socket.create_connection(('127.0.0.1', {port}))");
    for tier in CONFINED {
        let policy = policy(tier)
            .grant("none", python())
            .grant("host", python().network(Network::Host))
            .grant("ports", python().network(Network::Connect(vec![here])));
        let ctx = builder(&policy).build();
        for (grant, expected) in [
            ("none", [false, false]),
            ("host", [true, true]),
            ("ports", [true, false]),
        ] {
            let reached = [
                succeeds(&ctx, grant, &connect(here)).await,
                succeeds(&ctx, grant, &connect(other)).await,
            ];
            assert_eq!(reached, expected, "{grant} in {tier}");
        }
    }
}

#[tokio::test]
async fn unix_sockets_are_for_grants_that_say_so() {
    let directories = Directories::new();
    let _listener = UnixListener::bind(directories.path("data/socket")).unwrap();
    let script = "import socket; socket.socket(socket.AF_UNIX).connect('socket')";
    for tier in CONFINED {
        let policy = policy(tier)
            .grant("without", python())
            .grant("with", python().unix_sockets(true));
        let ctx = builder(&policy)
            .preopen(directories.preopen("/data", true))
            .unwrap()
            .build();
        assert!(!succeeds(&ctx, "without", script).await, "{tier}");
        assert!(succeeds(&ctx, "with", script).await, "{tier}");
    }
}

#[tokio::test]
async fn what_cannot_be_shown_is_told_without_a_path_of_the_host_to_the_guest_alone() {
    let directories = Directories::new();
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let sink = reasons.clone();
    let record = move |event: &AuditEvent| {
        if let AuditEvent::Failed { reason, .. } = event {
            sink.lock().unwrap().push(reason.clone());
        }
    };
    // Nothing is made in what is shown of the system.
    let name = "/usr/no/such/place";
    let ctx = builder(&policy(Tier::Full))
        .preopen(directories.preopen(name, true))
        .unwrap()
        .audit(record)
        .build();
    let Err(Error::Other(message)) = ctx.spawn(&request("sh", "true")) else {
        panic!("it was started")
    };
    assert_eq!(
        message,
        format!("confining the process: showing {name} is not to be had")
    );
    let reasons = reasons.lock().unwrap();
    assert!(reasons.len() == 1 && reasons[0].starts_with(&message) && reasons[0].len() > message.len());
}

#[tokio::test]
async fn a_program_that_the_policy_hides_is_not_found() {
    let directories = Directories::new();
    let program = directories.path("tool");
    fs::copy("/bin/true", &program).unwrap();
    let policy = |hide: &[&Path]| policy(Tier::Full).grant("tool", Grant::program(&program).hide(hide));
    let spawn = |policy: Policy| builder(&policy).build().spawn(&SpawnRequest::new("tool")).map(drop);
    assert_eq!(spawn(policy(&[])), Ok(()));
    assert_eq!(spawn(policy(&[&program])), Err(Error::ProgramNotFound));
}
