//! Runs a program and makes one of its system calls go wrong (ptrace(2)).
//!
//! As strace's `--inject` does, and in two ways more: the calls of a run are counted as one row
//! per thread, whatever they are called, and a read or a write can be made truly short: the
//! kernel is asked for fewer bytes, so that what is not read stays unread.

#![allow(dead_code, reason = "every test uses a part of it")]

use nix::errno::Errno;
use nix::sys::ptrace::{self, Event, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use syscalls::Sysno;

#[cfg(not(target_arch = "x86_64"))]
compile_error!("the tracer knows the registers of x86_64 only");

/// A run that makes more system calls than this, or takes longer, does not end: it is killed.
const CALLS_MAX: usize = 50_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call fails and does nothing.
    Error(Errno),
    /// This call fails, and so does every later one that this error can befall ([`befalls`]).
    ErrorFromHere(Errno),
    /// At most so many bytes are read or written.
    Short(u64),
    /// The program is killed; the call is not made.
    KilledBefore,
    /// The call is made; then the program is killed.
    KilledAfter,
}

/// Which call it befalls: the how-manieth of which thread, both from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aim {
    pub thread: usize,
    pub call: usize,
}

/// A system call on its way into the kernel.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub aim: Aim,
    pub number: Sysno,
    pub arguments: [u64; 3],
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Exited(i32),
    Killed(Signal),
}

/// A run that was watched.
pub struct Run {
    pub calls: Vec<Call>,
    /// The call that went wrong; None where the run never came to it.
    pub hit: Option<Call>,
    /// The most memory that it ever had.
    pub resident_kib: u64,
    pub end: End,
    pub stderr: String,
}

/// Can an error that lasts befall a call? A full disk, a file system gone read-only, a disk that
/// cannot be read, and a table of descriptors that is full.
pub fn befalls(errno: Errno, call: &Call) -> bool {
    let [first, _, third] = call.arguments;
    let is_message = call.number == Sysno::write && first <= 2;
    let opens_to_write = call.number == Sysno::openat && third & 0o3 != 0;
    match (errno, call.number) {
        (Errno::EMFILE, number) => matches!(
            number,
            Sysno::openat | Sysno::openat2 | Sysno::socket | Sysno::memfd_create
        ),
        (Errno::EIO, number) => matches!(
            number,
            Sysno::read | Sysno::pread64 | Sysno::getdents64 | Sysno::fstat
        ),
        (Errno::ENOSPC, Sysno::write) => !is_message,
        (Errno::ENOSPC | Errno::EROFS, Sysno::openat) => opens_to_write,
        (Errno::ENOSPC | Errno::EROFS, Sysno::mkdirat | Sysno::renameat)
        | (Errno::EROFS, Sysno::unlinkat) => true,
        _ => false,
    }
}

/// Runs a command that will turn into `program` at last. A shell goes before it, and waits until
/// it is traced.
#[expect(clippy::zombie_processes, reason = "the tracer waits for it")]
pub fn run(command: &Command, program: &Path, fault: Option<(Aim, Fault)>) -> Run {
    let mut child = Command::new("sh")
        .args(["-c", "read go && exec \"$@\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs((command.get_envs()).filter_map(|(name, value)| value.map(|value| (name, value))))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_EXITKILL;
    ptrace::seize(pid, options).expect("these tests trace their children; ptrace is denied here");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"\n").expect("told to go on");
    drop(stdin);
    let mut tracer = Tracer {
        main: pid,
        threads: HashMap::new(),
        calls: Vec::new(),
        hit: None,
        resident_kib: 0,
        fault,
    };
    let (running, ended) = channel::<()>();
    std::thread::spawn(move || {
        if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            let _ = kill(pid, Signal::SIGKILL);
        }
    });
    let end = tracer
        .until_it_runs(program)
        .unwrap_or_else(|| tracer.until_it_ends());
    drop(running);
    let mut stderr = String::new();
    let mut pipe = child.stderr.take().expect("a pipe");
    pipe.read_to_string(&mut stderr).expect("UTF-8");
    Run {
        calls: tracer.calls,
        hit: tracer.hit,
        resident_kib: tracer.resident_kib,
        end,
        stderr,
    }
}

struct Tracer {
    main: Pid,
    threads: HashMap<Pid, Thread>,
    calls: Vec<Call>,
    hit: Option<Call>,
    resident_kib: u64,
    fault: Option<(Aim, Fault)>,
}

/// One thread of the program.
struct Thread {
    number: usize,
    calls: usize,
    /// What the call that it is in shall come back with, where that is not what the kernel says.
    answer: Option<Answer>,
}

enum Answer {
    Failure(Errno),
    Death,
}

/// `op` of `struct ptrace_syscall_info` where a call is entered.
const ENTRY: u8 = 1;

impl Tracer {
    /// Lets the shell and whatever follows go on, up to the program. Some if it never came.
    fn until_it_runs(&mut self, program: &Path) -> Option<End> {
        loop {
            match Self::wait() {
                WaitStatus::PtraceEvent(pid, _, event)
                    if event == Event::PTRACE_EVENT_EXEC as i32 =>
                {
                    let runs = std::fs::read_link(format!("/proc/{pid}/exe")).expect("a program");
                    if runs == program {
                        let _ = ptrace::syscall(pid, None);
                        return None;
                    }
                    let _ = ptrace::cont(pid, None);
                }
                WaitStatus::Stopped(pid, signal) => {
                    let _ = ptrace::cont(pid, signal);
                }
                WaitStatus::Exited(pid, status) if pid == self.main => {
                    return Some(End::Exited(status));
                }
                WaitStatus::Signaled(pid, signal, _) if pid == self.main => {
                    return Some(End::Killed(signal));
                }
                WaitStatus::PtraceEvent(pid, ..) => {
                    let _ = ptrace::cont(pid, None);
                }
                _ => {}
            }
        }
    }

    fn until_it_ends(&mut self) -> End {
        loop {
            // A thread that was killed meanwhile cannot be told to go on, and need not.
            match Self::wait() {
                WaitStatus::PtraceSyscall(pid) => {
                    self.stopped_at_call(pid);
                    let _ = ptrace::syscall(pid, None);
                }
                WaitStatus::Stopped(pid, signal) => {
                    let _ = ptrace::syscall(pid, signal);
                }
                WaitStatus::PtraceEvent(pid, ..) => {
                    let _ = ptrace::syscall(pid, None);
                }
                WaitStatus::Exited(pid, status) if pid == self.main => return End::Exited(status),
                WaitStatus::Signaled(pid, signal, _) if pid == self.main => {
                    return End::Killed(signal);
                }
                _ => {}
            }
        }
    }

    /// The next that happens to a child of this thread; other tests have theirs.
    fn wait() -> WaitStatus {
        let own = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        waitpid(Pid::from_raw(-1), Some(own)).expect("a child")
    }

    fn stopped_at_call(&mut self, pid: Pid) {
        let number = self.threads.len();
        let thread = self.threads.entry(pid).or_insert(Thread {
            number,
            calls: 0,
            answer: None,
        });
        // Where this fails it has been killed meanwhile.
        let (Ok(info), Ok(mut registers)) = (ptrace::syscall_info(pid), ptrace::getregs(pid))
        else {
            return;
        };
        if info.op != ENTRY {
            match thread.answer.take() {
                None => {}
                Some(Answer::Failure(errno)) => {
                    registers.rax = i64::from(errno as i32).wrapping_neg().cast_unsigned();
                    let _ = ptrace::setregs(pid, registers);
                }
                Some(Answer::Death) => self.kill(),
            }
            return;
        }
        let known = usize::try_from(registers.orig_rax)
            .ok()
            .and_then(Sysno::new);
        let call = Call {
            aim: Aim {
                thread: thread.number,
                call: thread.calls,
            },
            number: known.expect("a system call with a name"),
            arguments: [registers.rdi, registers.rsi, registers.rdx],
        };
        thread.calls += 1;
        self.calls.push(call);
        if call.number == Sysno::exit_group {
            self.resident_kib = resident_kib(pid);
        }
        assert!(self.calls.len() < CALLS_MAX, "it does not end: {call:?}");
        let fault = self
            .fault
            .filter(|(aim, fault)| is_hit(*aim, *fault, &call));
        self.hit = self.hit.or(fault.map(|_| call));
        match fault.map(|(_, fault)| fault) {
            None => {}
            Some(Fault::Error(errno) | Fault::ErrorFromHere(errno)) => {
                thread.answer = Some(Answer::Failure(errno));
                // No call has this number: the kernel does nothing.
                registers.orig_rax = u64::MAX;
                let _ = ptrace::setregs(pid, registers);
            }
            Some(Fault::Short(most)) => {
                registers.rdx = registers.rdx.min(most);
                let _ = ptrace::setregs(pid, registers);
            }
            // What is about to die does not enter the call (Linux, ptrace_report_syscall_entry).
            Some(Fault::KilledBefore) => self.kill(),
            Some(Fault::KilledAfter) => thread.answer = Some(Answer::Death),
        }
    }

    fn kill(&self) {
        let _ = kill(self.main, Signal::SIGKILL);
    }
}

fn is_hit(aim: Aim, fault: Fault, call: &Call) -> bool {
    let is_here = call.aim == aim;
    let is_later = call.aim.thread == aim.thread && call.aim.call > aim.call;
    match fault {
        Fault::ErrorFromHere(errno) => (is_here || is_later) && befalls(errno, call),
        Fault::Error(_) => is_here && can_fail(call),
        _ => is_here,
    }
}

/// The kernel cannot fail to wake the threads that wait at a place in memory (futex(2)), nor does
/// an end come back to tell. Asked of the very call, since threads shift which one is the Nth.
fn can_fail(call: &Call) -> bool {
    const FUTEX_WAKE: u64 = 1;
    match call.number {
        Sysno::futex => call.arguments[1] & 0x7f != FUTEX_WAKE,
        Sysno::exit | Sysno::exit_group => false,
        _ => true,
    }
}

/// `VmHWM` is kept in coarse counters (`mm_struct.rss_stat`), which `Rss` is not.
fn resident_kib(pid: Pid) -> u64 {
    let number = |file: &str, field: &str| -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(field))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    };
    let most = number("status", "VmHWM:").max(number("smaps_rollup", "Rss:"));
    most.expect("its memory")
}
