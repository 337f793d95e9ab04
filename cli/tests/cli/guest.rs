//! Guests for the tests: a few steps of WebAssembly text, made a component with the interface's own WIT.

use std::fmt::Write;
use std::sync::OnceLock;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{PackageId, Resolve};

/// The interfaces, and what the guests use of `wasi:cli`, which the interfaces do not need.
const WIT: [&str; 2] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/0.2"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/0.3"),
];
/// What is not among those of 0.2, where the interface itself has no use for it.
const WASI_CLI: &str = include_str!("guest/cli-0.2.wit");
const WORLDS: &str = include_str!("guest/worlds.wit");

/// What the steps call, for each version of WASI. The names are the same in both.
const STEPS_P2: &str = include_str!("guest/p2.wat");
const STEPS_P3: &str = include_str!("guest/p3.wat");
const STEPS: &str = include_str!("guest/steps.wat");

/// The version of WASI that a guest is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wasi {
    P2,
    P3,
}

impl Wasi {
    pub(crate) const ALL: [Self; 2] = [Self::P2, Self::P3];

    /// How a core module exports `run`, and calls `$run` there.
    fn export(self) -> &'static str {
        match self {
            Self::P2 => r#"(func (export "wasi:cli/run@0.2.0#run") (result i32) (call $run))"#,
            // A task that has returned and exits at once: its callback is never called.
            Self::P3 => {
                r#"(func (export "[async-lift]wasi:cli/run@0.3.0#run") (result i32)
                    (call $task_return (call $run)) (i32.const 0))
                (func (export "[callback][async-lift]wasi:cli/run@0.3.0#run") (param i32 i32 i32) (result i32)
                    unreachable)"#
            }
        }
    }
}

/// A guest in the making: each step is done after the one before it.
pub(crate) struct Guest {
    wasi: Wasi,
    has_stub: bool,
    data: String,
    next: usize,
    code: String,
}

impl Guest {
    /// One of WASI 0.2.
    pub(crate) fn new() -> Self {
        Self::of(Wasi::P2)
    }

    pub(crate) fn of(wasi: Wasi) -> Self {
        Self {
            wasi,
            has_stub: false,
            data: String::new(),
            next: 2048,
            code: String::new(),
        }
    }

    /// Exports a `run` of WASI 0.2 beside that of 0.3, as the standard libraries of languages do. It is not the guest's work.
    pub(crate) fn with_stub(mut self) -> Self {
        self.has_stub = true;
        self
    }

    fn text(&mut self, text: &str) -> String {
        let at = self.next;
        let bytes: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        writeln!(self.data, "(data (i32.const {at}) \"{bytes}\")").unwrap();
        self.next += text.len();
        assert!(self.next < 65536, "the texts of a guest are too long");
        format!("(i32.const {at}) (i32.const {})", text.len())
    }

    fn step(mut self, code: &str) -> Self {
        self.code.push_str(code);
        self.code.push('\n');
        self
    }

    /// Writes to stdout.
    pub(crate) fn say(mut self, text: &str) -> Self {
        let text = self.text(text);
        self.step(&format!("(call $say {text})"))
    }

    /// Writes each argument on a line.
    pub(crate) fn say_arguments(self) -> Self {
        self.step("(call $arguments (i32.const 0)) (call $say_list (i32.const 8) (i32.const 0))")
    }

    /// Writes each value of the environment on a line.
    pub(crate) fn say_environment(self) -> Self {
        self.step("(call $environment (i32.const 0)) (call $say_list (i32.const 16) (i32.const 8))")
    }

    /// Writes the name of each preopen on a line.
    pub(crate) fn say_preopens(self) -> Self {
        self.step("(call $directories (i32.const 0)) (call $say_list (i32.const 12) (i32.const 4))")
    }

    /// Starts a program that has the guest's stdout. If that fails, the guest ends with an error.
    pub(crate) fn spawn(mut self, grant: &str, args: &[&str]) -> Self {
        let grant = self.text(grant);
        self = self.step(&format!("(local.set $command (call $command {grant}))"));
        for arg in args {
            let arg = self.text(arg);
            self = self.step(&format!("(call $arg (local.get $command) {arg})"));
        }
        self.step(
            "(call $stdout (local.get $command) (i32.const 2) (i32.const 0) (i32.const 0) (i64.const 0))
             (call $spawn (local.get $command) (i32.const 0))
             (if (i32.load8_u (i32.const 0)) (then (return (i32.const 1))))
             (local.set $process (i32.load (i32.const 4)))",
        )
    }

    /// Waits for the program that was started last.
    pub(crate) fn wait(self) -> Self {
        self.step("(call $wait (local.get $process) (i32.const 0))")
    }

    /// Opens a file in the first preopen for writing, and creates it if it is not there. If that fails, the guest ends with
    /// an error.
    pub(crate) fn open_to_write(mut self, name: &str) -> Self {
        let name = self.text(name);
        // The flags are those of `wasi:filesystem`: follow no link, create, write.
        self.step(&format!(
            "(call $directories (i32.const 0))
             (call $open (i32.load (i32.load (i32.const 0)))
                (i32.const 0) {name} (i32.const 1) (i32.const 2) (i32.const 0))
             (if (i32.load8_u (i32.const 0)) (then (return (i32.const 1))))"
        ))
    }

    /// Waits 50 µs, 51 µs and so on, so many times.
    pub(crate) fn pause(self, times: u32) -> Self {
        self.step(&format!(
            "(local.set $pauses (i32.const 0))
             (loop $again
                (call $sleep (i64.mul (i64.const 1000)
                    (i64.add (i64.const 50) (i64.extend_i32_u (local.get $pauses)))))
                (local.set $pauses (i32.add (local.get $pauses) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $pauses) (i32.const {times}))))"
        ))
    }

    /// Never rests.
    pub(crate) fn spin(self) -> Self {
        self.step("(loop $spin (br $spin))")
    }

    /// Writes to stdout without end.
    pub(crate) fn flood(mut self) -> Self {
        let text = self.text(&"x".repeat(4096));
        self.step(&format!("(loop $more (call $say {text}) (br $more))"))
    }

    pub(crate) fn trap(self) -> Self {
        self.step("(call $the_culprit)")
    }

    /// Ends through `wasi:cli/exit`, well or not.
    pub(crate) fn exit(self, success: bool) -> Self {
        self.step(&format!("(call $exit (i32.const {}))", i32::from(!success)))
    }

    /// Ends through `wasi:cli/exit@0.3`, with the length of the first argument for a code.
    pub(crate) fn exit_with_length(self) -> Self {
        self.step(
            "(call $arguments (i32.const 0))
             (call $exit_with_code (i32.load offset=12 (i32.load (i32.const 0))))",
        )
    }

    /// Waits, in a guest of WASI 0.3, for what cannot come.
    pub(crate) fn wait_for_nothing(self) -> Self {
        self.step("(drop (call $wait_for_one_of (call $new_set) (i32.const 0)))")
    }

    /// Ends with the result of `run`.
    pub(crate) fn end(self, success: bool) -> Vec<u8> {
        let result = i32::from(!success);
        let Self { wasi, data, code, .. } = self;
        let steps = match wasi {
            Wasi::P2 => STEPS_P2,
            Wasi::P3 => STEPS_P3,
        };
        let stub = match self.has_stub {
            true => r#"(func (export "wasi:cli/run@0.2.0#run") (result i32) unreachable)"#,
            false => "",
        };
        let export = wasi.export();
        let world = match (wasi, self.has_stub) {
            (_, true) => "both",
            (Wasi::P2, false) => "p2",
            (Wasi::P3, false) => "p3",
        };
        component(
            world,
            &format!(
                "(module {steps} {STEPS} {data} {export} {stub}
                (func $run (result i32) (local $command i32) (local $process i32) (local $pauses i32)
                    {code}
                    (i32.const {result})))"
            ),
        )
    }
}

fn worlds() -> &'static (Resolve, PackageId) {
    static WORLDS_PARSED: OnceLock<(Resolve, PackageId)> = OnceLock::new();
    WORLDS_PARSED.get_or_init(|| {
        let mut resolve = Resolve::default();
        for interface in WIT {
            resolve.push_dir(interface).unwrap();
        }
        resolve.push_str("cli.wit", WASI_CLI).unwrap();
        let package = resolve.push_str("worlds.wit", WORLDS).unwrap();
        (resolve, package)
    })
}

fn component(world: &str, text: &str) -> Vec<u8> {
    let mut module = wat::parse_str(text).unwrap();
    let (resolve, package) = worlds();
    let world = resolve.select_world(&[*package], Some(world)).unwrap();
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .validate(true)
        .encode()
        .unwrap()
}
