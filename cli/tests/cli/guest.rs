//! Guests for the tests: a few steps of WebAssembly text, made a component with the interface's own WIT.

use std::fmt::Write;
use std::sync::OnceLock;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

const WIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/0.2");

/// What the guests use of `wasi:cli`, which the interface itself does not need.
const WASI_CLI: &str = r#"
package wasi:cli@0.2.0;

interface environment {
    get-environment: func() -> list<tuple<string, string>>;
    get-arguments: func() -> list<string>;
}

interface exit {
    exit: func(status: result);
}

interface stdout {
    use wasi:io/streams@0.2.12.{output-stream};
    get-stdout: func() -> output-stream;
}

interface run {
    run: func() -> result;
}
"#;

const WORLD: &str = r#"
package test:guest;

world guest {
    import childproof:process/types@0.2.0;
    import wasi:cli/environment@0.2.0;
    import wasi:cli/exit@0.2.0;
    import wasi:cli/stdout@0.2.0;
    import wasi:clocks/monotonic-clock@0.2.12;
    import wasi:filesystem/preopens@0.2.12;
    export wasi:cli/run@0.2.0;
}
"#;

const PREAMBLE: &str = r#"
(import "childproof:process/types@0.2.0" "[constructor]command" (func $command (param i32 i32) (result i32)))
(import "childproof:process/types@0.2.0" "[method]command.arg" (func $arg (param i32 i32 i32)))
(import "childproof:process/types@0.2.0" "[method]command.stdout" (func $stdout (param i32 i32 i32 i32 i64)))
(import "childproof:process/types@0.2.0" "[method]command.spawn" (func $spawn (param i32 i32)))
(import "childproof:process/types@0.2.0" "[method]process.wait" (func $wait (param i32 i32)))
(import "wasi:cli/environment@0.2.0" "get-environment" (func $environment (param i32)))
(import "wasi:cli/environment@0.2.0" "get-arguments" (func $arguments (param i32)))
(import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32)))
(import "wasi:cli/stdout@0.2.0" "get-stdout" (func $get_stdout (result i32)))
(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $alarm (param i64) (result i32)))
(import "wasi:filesystem/preopens@0.2.12" "get-directories" (func $directories (param i32)))
(import "wasi:filesystem/types@0.2.12" "[method]descriptor.open-at"
    (func $open (param i32 i32 i32 i32 i32 i32 i32)))
(import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
(import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $drop_pollable (param i32)))
(import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
(memory (export "memory") 16)
(global $free (mut i32) (i32.const 65536))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get 3))))
(global $out (mut i32) (i32.const -1))
(func $say (param i32 i32)
    (if (i32.eq (global.get $out) (i32.const -1)) (then (global.set $out (call $get_stdout))))
    (call $write (global.get $out) (local.get 0) (local.get 1) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then (call $exit (i32.const 1)))))
;; Says the string at `offset` of each element of the list that is at 0.
(func $say_list (param $size i32) (param $offset i32) (local $here i32) (local $left i32)
    (local.set $here (i32.add (i32.load (i32.const 0)) (local.get $offset)))
    (local.set $left (i32.load (i32.const 4)))
    (block $end (loop $next
        (br_if $end (i32.eqz (local.get $left)))
        (call $say (i32.load (local.get $here)) (i32.load offset=4 (local.get $here)))
        (call $say (i32.const 1024) (i32.const 1))
        (local.set $here (i32.add (local.get $here) (local.get $size)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next))))
(data (i32.const 1024) "\n")
"#;

/// A guest in the making: each step is done after the one before it.
pub(crate) struct Guest {
    data: String,
    next: usize,
    code: String,
}

impl Guest {
    pub(crate) fn new() -> Self {
        Self {
            data: String::new(),
            next: 2048,
            code: String::new(),
        }
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
                (local.set $pollable (call $alarm (i64.mul (i64.const 1000)
                    (i64.add (i64.const 50) (i64.extend_i32_u (local.get $pauses))))))
                (call $block (local.get $pollable))
                (call $drop_pollable (local.get $pollable))
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

    /// Ends with the result of `run`.
    pub(crate) fn end(self, success: bool) -> Vec<u8> {
        let result = i32::from(!success);
        let Self { data, code, .. } = self;
        component(&format!(
            r#"(module {PREAMBLE} {data}
            (func $the_culprit unreachable)
            (func (export "wasi:cli/run@0.2.0#run") (result i32) 
                (local $command i32) (local $process i32) (local $pauses i32) (local $pollable i32)
                {code}
                (i32.const {result})))"#
        ))
    }
}

fn world() -> &'static (Resolve, WorldId) {
    static WORLDS: OnceLock<(Resolve, WorldId)> = OnceLock::new();
    WORLDS.get_or_init(|| {
        let mut resolve = Resolve::default();
        resolve.push_dir(WIT).unwrap();
        resolve.push_str("cli.wit", WASI_CLI).unwrap();
        let package = resolve.push_str("guest.wit", WORLD).unwrap();
        let world = resolve.select_world(&[package], Some("guest")).unwrap();
        (resolve, world)
    })
}

fn component(text: &str) -> Vec<u8> {
    let mut module = wat::parse_str(text).unwrap();
    let (resolve, world) = world();
    embed_component_metadata(&mut module, resolve, *world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .validate(true)
        .encode()
        .unwrap()
}
