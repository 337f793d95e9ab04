(memory (export "memory") 16)
(global $free (mut i32) (i32.const 65536))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get 3))))

;; Says the string at `offset` of each element of the list that is at 0.
(func $say_list (param $size i32) (param $offset i32) (local $here i32) (local $left i32)
    (local.set $here (i32.add (i32.load (i32.const 0)) (local.get $offset)))
    (local.set $left (i32.load (i32.const 4)))
    (block $end (loop $next
        (br_if $end (i32.eqz (local.get $left)))
        (if (i32.load offset=4 (local.get $here)) (then
            (call $say (i32.load (local.get $here)) (i32.load offset=4 (local.get $here)))))
        (call $say (i32.const 1024) (i32.const 1))
        (local.set $here (i32.add (local.get $here) (local.get $size)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next))))
(data (i32.const 1024) "\n")

(func $the_culprit unreachable)
