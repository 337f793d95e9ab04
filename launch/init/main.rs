//! The processes that stand by the children of a confined host: a program of its own, without a library, so that it holds
//! nothing of the host, and is a few pages large.
//!
//! The host starts it with all signals blocked. Its first argument says what it is:
//!
//! - `room`: the first process of a room (`first`);
//! - `gate`: who creates the children in a room (`gate`, and what they do then is in `child`);
//! - `outside`: who creates the children in the host's own namespaces, and ends their groups (`gate`, too).
//!
//! What it and the host say to each other is in `message`.
#![no_std]
#![no_main]
// There is no library that a loop could be made a call to.
#![no_builtins]

mod arena;
mod call;
mod child;
mod first;
mod gate;
mod memory;
mod message;
mod restrict;
mod stat;
mod text;

use core::arch::global_asm;

use call::{call, exit, number};

const PR_SET_NAME: usize = 15;

// The kernel enters here with an aligned stack: the number of arguments, and pointers to them.
#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "xor ebp, ebp", "mov rdi, rsp", "call {main}", "ud2", main = sym main);

#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "mov x29, xzr", "mov x0, sp", "bl {main}", "brk 1", main = sym main);

extern "C" fn main(stack: *const [*const u8; 4]) -> ! {
    // SAFETY: the kernel put the number of arguments there, and then as many pointers: the host gives two or three.
    let [_, _, role, tmp] = unsafe { *stack };
    // SAFETY: the host gives a string that is not empty.
    let (name, role) = match unsafe { *role } {
        b'r' => (c"childproof-init", Role::Room),
        b'g' => (c"childproof-gate", Role::Gate),
        _ => (c"childproof-gate", Role::Outside),
    };
    // It has the name of a file in memory otherwise.
    // SAFETY: the string lives for ever.
    let _ = unsafe { call(number::PRCTL, [PR_SET_NAME, name.as_ptr() as usize]) };
    match role {
        Role::Room => first::keep_room(tmp),
        Role::Gate => gate::serve_room(),
        Role::Outside => gate::serve_outside(),
    }
}

enum Role {
    Room,
    Gate,
    Outside,
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit()
}
