//! The first process of a room: process 1 of a pid namespace, which one child after the other has for itself.
//!
//! From descriptor 0 it reads the number of each child. When the child ends, it kills every other process of the namespace,
//! waits until none is left, makes `/tmp` anew (the program's second argument are the options; empty for none), and writes a
//! byte to descriptor 2. When the host ends, or becomes another program, or nobody is to write to descriptor 0 any more, it
//! ends: its end is the end of every process in the namespace.
//!
//! It keeps one capability, CAP_SYS_ADMIN in the user namespace, for `/tmp`. It takes no input but the number. The children
//! cannot trace it: they have no capability, and their Landlock domain does not hold it.

use crate::call::{ECHILD, EINTR, ESRCH, call, close, common, exit, number, read, unblock_signals, wait, write};

/// Where children come from.
const CONTROL: usize = 0;
/// A pidfd.
const HOST: usize = 1;
/// Where to say that the room is clean.
const CLEAN: usize = 2;
/// The gate's socket. The host sends nothing there, and its end is closed by exec.
const SOCKET: usize = 3;

const SIGKILL: usize = 9;
const EVERYBODY: usize = -1isize as usize;
/// Children of every kind (`__WALL`).
const ALL_KINDS: usize = 0x4000_0000;
/// MS_NOSUID and MS_NODEV.
const MOUNT_FLAGS: usize = 2 | 4;
const MNT_DETACH: usize = 2;
const TMP: *const u8 = c"/tmp".as_ptr().cast();
const TMPFS: *const u8 = c"tmpfs".as_ptr().cast();

/// Serves one child after the other. Whatever cannot be done ends it, and with it the room.
pub fn keep_room(tmp: *const u8) -> ! {
    // To process 1 a signal of its namespace that it has no handler for is none. One that is blocked, though, would be kept, and
    // count for the host's user.
    if unblock_signals().is_err() {
        exit()
    }
    loop {
        wait_unless_left(CONTROL);
        let mut child = [0; size_of::<i32>()];
        if read(CONTROL, &mut child) != Ok(child.len()) {
            exit()
        }
        // SAFETY: the call takes numbers.
        match unsafe { call(common::PIDFD_OPEN, [i32::from_ne_bytes(child) as usize]) } {
            Ok(pidfd) => {
                wait_unless_left(pidfd);
                close(pidfd);
            }
            // It has ended, and was collected.
            Err(ESRCH) => {}
            Err(_) => exit(),
        }
        end_everybody();
        make_tmp(tmp);
        if write(CLEAN, &[0]).is_err() {
            exit()
        }
    }
}

/// Waits until there is something to read. Without a host it ends.
fn wait_unless_left(fd: usize) {
    let [_, has_ended, is_left] = wait([fd, HOST, SOCKET]);
    if has_ended || is_left {
        exit()
    }
}

/// Kills every other process of the namespace, and waits until there is none.
///
/// A kill of everybody reaches also those that are being created. Whose parent ends becomes a child of this process before
/// that parent is gone, so when there are no children left, there is nobody.
fn end_everybody() {
    // SAFETY: the call takes numbers. That there is nobody is what is wanted.
    let _ = unsafe { call(number::KILL, [EVERYBODY, SIGKILL]) };
    loop {
        // SAFETY: the kernel takes null for the status and the usage, which are not asked for.
        match unsafe { call(number::WAIT4, [EVERYBODY, 0, ALL_KINDS]) } {
            Err(ECHILD) => return,
            Ok(_) | Err(EINTR) => {}
            Err(_) => exit(),
        }
    }
}

/// Puts an empty `/tmp` in the place of the one there is.
fn make_tmp(options: *const u8) {
    // SAFETY: it is a string of the host's that lives on the stack.
    if unsafe { *options } == 0 {
        return;
    }
    // SAFETY: the strings live during the calls.
    let made = unsafe {
        call(number::UMOUNT2, [TMP as usize, MNT_DETACH]).is_ok()
            && call(number::MOUNT, [TMPFS as usize, TMP as usize, TMPFS as usize, MOUNT_FLAGS, options as usize]).is_ok()
    };
    if !made {
        exit()
    }
}
