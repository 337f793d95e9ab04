;; What the steps of a guest of WASI 0.3 call. Functions that are async are lowered as others are: they return when they
;; are done.
(import "childproof:process/types@0.3.0" "[constructor]command" (func $command (param i32 i32) (result i32)))
(import "childproof:process/types@0.3.0" "[method]command.arg" (func $arg (param i32 i32 i32)))
(import "childproof:process/types@0.3.0" "[method]command.stdout" (func $stdout (param i32 i32 i32 i32 i64)))
(import "childproof:process/types@0.3.0" "[method]command.spawn" (func $spawn (param i32 i32)))
(import "childproof:process/types@0.3.0" "[method]process.wait" (func $wait (param i32 i32)))
(import "wasi:cli/environment@0.3.0" "get-environment" (func $environment (param i32)))
(import "wasi:cli/environment@0.3.0" "get-arguments" (func $arguments (param i32)))
(import "wasi:cli/exit@0.3.0" "exit" (func $exit (param i32)))
(import "wasi:cli/exit@0.3.0" "exit-with-code" (func $exit_with_code (param i32)))
(import "wasi:cli/stdout@0.3.0" "write-via-stream" (func $write_via_stream (param i32) (result i32)))
(import "wasi:cli/stdout@0.3.0" "[stream-new-0]write-via-stream" (func $new_stream (result i64)))
(import "wasi:cli/stdout@0.3.0" "[async-lower][stream-write-0]write-via-stream"
    (func $write (param i32 i32 i32) (result i32)))
(import "wasi:clocks/monotonic-clock@0.3.0" "wait-for" (func $sleep (param i64)))
(import "$root" "[waitable-set-new]" (func $new_set (result i32)))
(import "$root" "[waitable-set-wait]" (func $wait_for_one_of (param i32 i32) (result i32)))
(import "$root" "[waitable-join]" (func $join (param i32 i32)))
(import "[export]wasi:cli/run@0.3.0" "[task-return]run" (func $task_return (param i32)))

;; The writing end of the stream that is stdout, and the set that it alone is in.
(global $out (mut i32) (i32.const -1))
(global $set (mut i32) (i32.const -1))
(func $say (param $at i32) (param $left i32) (local $ends i64) (local $wrote i32)
    (if (i32.eq (global.get $out) (i32.const -1)) (then
        (local.set $ends (call $new_stream))
        (global.set $out (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
        (global.set $set (call $new_set))
        (call $join (global.get $out) (global.get $set))
        (drop (call $write_via_stream (i32.wrap_i64 (local.get $ends))))))
    (loop $more
        (local.set $wrote (call $write (global.get $out) (local.get $at) (local.get $left)))
        ;; Where it cannot be done at once, the result comes with the event: behind the stream that it is of.
        (if (i32.eq (local.get $wrote) (i32.const -1)) (then
            (drop (call $wait_for_one_of (global.get $set) (i32.const 16)))
            (local.set $wrote (i32.load (i32.const 20)))))
        ;; The low bits say whether the reading end is gone.
        (if (i32.and (local.get $wrote) (i32.const 15)) (then (call $exit (i32.const 1))))
        (local.set $wrote (i32.shr_u (local.get $wrote) (i32.const 4)))
        (local.set $at (i32.add (local.get $at) (local.get $wrote)))
        (br_if $more (local.tee $left (i32.sub (local.get $left) (local.get $wrote))))))
