;; What the steps of a guest of WASI 0.2 call.
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

(global $out (mut i32) (i32.const -1))
(func $say (param i32 i32)
    (if (i32.eq (global.get $out) (i32.const -1)) (then (global.set $out (call $get_stdout))))
    (call $write (global.get $out) (local.get 0) (local.get 1) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then (call $exit (i32.const 1)))))

(func $sleep (param $nanoseconds i64) (local $pollable i32)
    (local.set $pollable (call $alarm (local.get $nanoseconds)))
    (call $block (local.get $pollable))
    (call $drop_pollable (local.get $pollable)))
