//! A filter of system calls as the kernel takes it: a program of classic BPF. See seccomp(2).
//!
//! It is compiled here, because each child has the kernel translate it anew: the time for that grows with its length, and
//! the programs that general compilers make are several times as long.

use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W,
    SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, SECCOMP_RET_KILL_PROCESS, sock_filter,
};

/// Where `struct seccomp_data` has the call's number, the architecture, and the arguments, of 8 bytes each.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

#[cfg(target_arch = "x86_64")]
const OWN_ARCHITECTURE: u32 = linux_raw_sys::ptrace::AUDIT_ARCH_X86_64;
#[cfg(target_arch = "aarch64")]
const OWN_ARCHITECTURE: u32 = linux_raw_sys::ptrace::AUDIT_ARCH_AARCH64;
/// One that no system has: there is no confinement on others.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const OWN_ARCHITECTURE: u32 = u32::MAX;

/// What an argument is compared with. The kernel takes the lower half of an `int`, and so does the filter; on the
/// architectures that it is for, that comes first.
#[derive(Clone, Copy, Debug)]
pub(super) enum Is {
    Equal(u32),
    Not(u32),
    /// With one of these bits at least.
    AnyOf(u32),
    /// Equal to the second where the first has bits.
    Masked(u32, u32),
}

/// An argument, counted from zero, and what it is.
pub(super) type Condition = (u32, Is);

/// Which calls are answered with an error.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Whatever they ask for.
    pub(super) refused: Vec<libc::c_long>,
    /// As if the kernel did not have them.
    pub(super) unknown: Vec<libc::c_long>,
    /// Where all conditions of one of the lists hold.
    pub(super) refused_if: Vec<(libc::c_long, Vec<Vec<Condition>>)>,
    /// Calls with higher numbers are unknown.
    pub(super) newest: u32,
}

const ALLOW: u32 = SECCOMP_RET_ALLOW;
const REFUSE: u32 = SECCOMP_RET_ERRNO | libc::EPERM as u32;
const UNKNOWN: u32 = SECCOMP_RET_ERRNO | libc::ENOSYS as u32;

impl Table {
    /// The program. What comes by the door of another architecture (`int 0x80` on x86-64) ends the process.
    pub(super) fn compile(&self) -> Vec<sock_filter> {
        let mut program = vec![
            load(ARCHITECTURE),
            jump(BPF_JEQ, OWN_ARCHITECTURE, 1, 0),
            answer(SECCOMP_RET_KILL_PROCESS),
            load(NUMBER),
            jump(BPF_JGT, self.newest, 0, 1),
            answer(UNKNOWN),
        ];
        for (call, lists) in &self.refused_if {
            let block = block(lists);
            // The compiled blocks are far shorter than a jump can reach.
            program.push(jump(BPF_JEQ, *call as u32, 0, block.len() as u8));
            program.extend(block);
        }
        for (calls, what) in [(&self.unknown, UNKNOWN), (&self.refused, REFUSE)] {
            for (first, last) in ranges(calls) {
                match first == last {
                    true => program.push(jump(BPF_JEQ, first, 0, 1)),
                    false => program.extend([jump(BPF_JGE, first, 0, 2), jump(BPF_JGT, last, 1, 0)]),
                }
                program.push(answer(what));
            }
        }
        program.push(answer(ALLOW));
        program
    }
}

/// What is done with a call whose arguments matter. It always ends in an answer.
fn block(lists: &[Vec<Condition>]) -> Vec<sock_filter> {
    let mut block = Vec::new();
    for list in lists {
        // From the last to the first: each knows how much is left to jump over.
        let mut rule = vec![answer(REFUSE)];
        for (argument, is) in list.iter().rev() {
            let over = rule.len() as u8;
            let test = match is {
                Is::Equal(value) => vec![jump(BPF_JEQ, *value, 0, over)],
                Is::Not(value) => vec![jump(BPF_JEQ, *value, over, 0)],
                Is::AnyOf(bits) => vec![jump(BPF_JSET, *bits, 0, over)],
                Is::Masked(mask, value) => {
                    vec![statement(BPF_ALU | BPF_AND | BPF_K, *mask), jump(BPF_JEQ, *value, 0, over)]
                }
            };
            rule.splice(0..0, [load(ARGUMENTS + 8 * argument)].into_iter().chain(test));
        }
        block.extend(rule);
    }
    block.push(answer(ALLOW));
    block
}

/// The numbers, sorted, as ranges without a gap.
fn ranges(calls: &[libc::c_long]) -> Vec<(u32, u32)> {
    let mut calls: Vec<u32> = calls.iter().map(|call| *call as u32).collect();
    calls.sort_unstable();
    calls.dedup();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for call in calls {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == call => *last = call,
            _ => ranges.push((call, call)),
        }
    }
    ranges
}

fn load(offset: u32) -> sock_filter {
    statement(BPF_LD | BPF_W | BPF_ABS, offset)
}

fn answer(action: u32) -> sock_filter {
    statement(BPF_RET | BPF_K, action)
}

fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    }
}

fn jump(test: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter {
        jt,
        jf,
        ..statement(BPF_JMP | test | BPF_K, k)
    }
}
