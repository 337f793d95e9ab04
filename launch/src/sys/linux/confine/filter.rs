//! A filter of system calls as the kernel takes it: a program of classic BPF. See seccomp(2).
//!
//! It is compiled here, because the kernel translates it for each gate, and runs it for the system calls of each child: the time
//! for that grows with its length, and the programs that general compilers make are several times as long.

use std::collections::BTreeMap;

use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_LDX, BPF_MEM, BPF_OR, BPF_RET,
    BPF_ST, BPF_W, BPF_X, BPF_XOR, SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, SECCOMP_RET_KILL_PROCESS, sock_filter,
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
    /// Not this, or else another argument is not this. Both are compared at once, so that the time it takes does not tell which.
    NotWith(u32, (u32, u32)),
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
    ///
    /// The kernel runs the program for every number there is when a process takes it on, so the number is looked for by
    /// halves. Equal answers stand there once, at the end.
    pub(super) fn compile(&self) -> Vec<sock_filter> {
        let spans = self.spans();
        let mut answers: Vec<&Vec<sock_filter>> = Vec::new();
        for (_, what) in &spans {
            if !answers.iter().any(|answer| same(answer, what)) {
                answers.push(what);
            }
        }
        // The longest one is last: jumps go to where it begins.
        answers.sort_by_key(|answer| answer.len());
        let tree = spans.len() - 1;
        let starts: Vec<usize> = answers
            .iter()
            .scan(tree, |start, answer| {
                Some(std::mem::replace(start, *start + answer.len()))
            })
            .collect();
        let leaves: Vec<Leaf> = spans
            .iter()
            .map(|(first, what)| {
                let place = answers.iter().position(|answer| same(answer, what));
                let start = place.and_then(|place| starts.get(place));
                Leaf {
                    first: *first,
                    start: start.copied().unwrap_or_default(),
                }
            })
            .collect();
        let mut program = vec![
            load(ARCHITECTURE),
            jump(BPF_JEQ, OWN_ARCHITECTURE, 1, 0),
            answer(SECCOMP_RET_KILL_PROCESS),
            load(NUMBER),
        ];
        search(&leaves, 0, &mut program);
        program.extend(answers.into_iter().flatten().copied());
        program
    }

    /// From which number on what is done, sorted.
    fn spans(&self) -> Vec<(u32, Vec<sock_filter>)> {
        let plain = |calls: &[libc::c_long], what: u32| {
            let of_call = move |call: &libc::c_long| (*call as u32, vec![answer(what)]);
            calls.iter().map(of_call).collect::<Vec<_>>()
        };
        let mut special: BTreeMap<u32, Vec<sock_filter>> = BTreeMap::new();
        special.extend(self.refused_if.iter().map(|(call, lists)| (*call as u32, block(lists))));
        special.extend(plain(&self.unknown, UNKNOWN));
        special.extend(plain(&self.refused, REFUSE));
        let mut spans = vec![(0, vec![answer(ALLOW)])];
        for (call, what) in special {
            match spans.last_mut() {
                Some(last) if last.0 == call => last.1 = what,
                _ => spans.push((call, what)),
            }
            spans.push((call + 1, vec![answer(ALLOW)]));
        }
        spans.push((self.newest + 1, vec![answer(UNKNOWN)]));
        spans.dedup_by(|next, before| same(&next.1, &before.1));
        spans
    }
}

/// From this number on, what begins at this place, counted from the first instruction of the search.
struct Leaf {
    first: u32,
    start: usize,
}

fn same(one: &[sock_filter], other: &[sock_filter]) -> bool {
    let key = |one: &sock_filter| (one.code, one.jt, one.jf, one.k);
    one.iter().map(key).eq(other.iter().map(key))
}

/// The search among these leaves, which begins at `here`: an instruction less than there are leaves.
fn search(leaves: &[Leaf], here: usize, program: &mut Vec<sock_filter>) {
    let (below, above) = leaves.split_at(leaves.len() / 2);
    let (Some(first_below), Some(first_above)) = (below.first(), above.first()) else {
        return;
    };
    let next = here + 1;
    let place = |side: &[Leaf], leaf: &Leaf, search: usize| if side.len() == 1 { leaf.start } else { search };
    let below_at = place(below, first_below, next);
    let above_at = place(above, first_above, next + below.len() - 1);
    // A test shows that no filter is so long that a jump does not reach.
    let over = |place: usize| u8::try_from(place - next).unwrap_or(u8::MAX);
    program.push(jump(BPF_JGE, first_above.first, over(above_at), over(below_at)));
    search(below, next, program);
    search(above, next + below.len() - 1, program);
}

/// What is done with a call whose arguments matter: it is refused where all conditions of one of the lists hold.
fn block(lists: &[Vec<Condition>]) -> Vec<sock_filter> {
    // From the last to the first: each knows how much is left to jump over.
    let mut block = vec![answer(ALLOW), answer(REFUSE)];
    for list in lists.iter().rev() {
        let refuse = block.len() - 1;
        let mut rule: Vec<sock_filter> = Vec::new();
        for (argument, is) in list.iter().rev() {
            // If it holds, on to the next condition, or after the last to the answer; else on to the next list.
            let holds = if rule.is_empty() { refuse } else { 0 };
            let (holds, fails) = (holds as u8, rule.len() as u8);
            let test = match is {
                Is::Equal(value) => vec![jump(BPF_JEQ, *value, holds, fails)],
                Is::Not(value) => vec![jump(BPF_JEQ, *value, fails, holds)],
                Is::AnyOf(bits) => vec![jump(BPF_JSET, *bits, holds, fails)],
                Is::Masked(mask, value) => vec![
                    statement(BPF_ALU | BPF_AND | BPF_K, *mask),
                    jump(BPF_JEQ, *value, holds, fails),
                ],
                Is::NotWith(value, (other, of_other)) => vec![
                    statement(BPF_ALU | BPF_XOR | BPF_K, *value),
                    statement(BPF_ST, 0),
                    load(ARGUMENTS + 8 * other),
                    statement(BPF_ALU | BPF_XOR | BPF_K, *of_other),
                    statement(BPF_LDX | BPF_W | BPF_MEM, 0),
                    statement(BPF_ALU | BPF_OR | BPF_X, 0),
                    jump(BPF_JEQ, 0, fails, holds),
                ],
            };
            rule.splice(0..0, [load(ARGUMENTS + 8 * argument)].into_iter().chain(test));
        }
        block.splice(0..0, rule);
    }
    block
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
