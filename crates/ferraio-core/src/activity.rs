//! What a thread of this process is doing, as the kernel tells it: computing, or asleep in which system call.
//!
//! Read from `/proc/self/task`, anew each time, because a program may close any fd that we kept. Where there is no such
//! place, nothing is known, and a thread counts as asleep for a reason that is not known.

use std::fs;
use std::ops::Range;

pub use crate::sys::thread::{computed_nanos, thread_number};

/// What a thread does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It computes, or could if a processor were free.
    Running,
    /// It waits for the interpreter, which another thread has.
    WaitsForInterpreter,
    /// It sleeps in the kernel.
    Asleep(Wait),
}

/// What a sleeping thread waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Time to pass.
    Time,
    /// A lock of this process, or another thread.
    Lock,
    /// A lock on a file.
    FileLock,
    /// The end of a child process.
    Child,
    /// One of several fds.
    Files,
    /// This fd: what is asked of it, and what it is.
    File(&'static str, FileKind),
    /// The disk.
    Disk,
    /// Something else, or nobody knows what.
    Unknown,
}

/// What an fd refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A network connection, or one within the machine.
    Socket,
    /// A pipe.
    Pipe,
    /// A terminal.
    Terminal,
    /// Anything that has a path.
    File,
}

/// A system call that a thread is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemCall {
    /// Its number.
    pub number: i64,
    /// Its arguments.
    pub arguments: [u64; 6],
}

impl Activity {
    /// What the thread with this number does now. Who waits on a futex within `interpreter` waits for the interpreter.
    pub fn of(thread: i32, interpreter: &Range<u64>) -> Self {
        let call = read(thread, "syscall");
        if call.as_deref().is_some_and(|text| text.starts_with("running")) {
            return Activity::Running;
        }
        match call.as_deref().and_then(SystemCall::parse) {
            Some(call) if call.is_futex() && interpreter.contains(&call.arguments[0]) => Activity::WaitsForInterpreter,
            Some(call) => Activity::Asleep(call.wait(kind_of)),
            None => match read(thread, "stat").as_deref().and_then(state_in) {
                Some('D') => Activity::Asleep(Wait::Disk),
                Some('S') | None => Activity::Asleep(Wait::Unknown),
                Some(_) => Activity::Running,
            },
        }
    }
}

impl std::fmt::Display for Wait {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self {
            Wait::Time => "sleeping",
            Wait::Lock => "waiting for a lock or another thread",
            Wait::FileLock => "waiting for the lock of a file",
            Wait::Child => "waiting for a child process",
            Wait::Files => "waiting for a file or socket",
            Wait::Disk => "waiting for the disk",
            Wait::Unknown => "waiting in the kernel",
            Wait::File(verb, kind) => return write!(formatter, "{verb} {}", kind.name()),
        };
        formatter.write_str(what)
    }
}

impl FileKind {
    fn name(self) -> &'static str {
        match self {
            FileKind::Socket => "a socket",
            FileKind::Pipe => "a pipe",
            FileKind::Terminal => "a terminal",
            FileKind::File => "a file",
        }
    }
}

/// The system call that a thread is in, if it is in one.
pub fn system_call(thread: i32) -> Option<SystemCall> {
    read(thread, "syscall").as_deref().and_then(SystemCall::parse)
}

fn read(thread: i32, name: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/self/task/{thread}/{name}")).ok()
}

/// The letter in `PID (NAME) STATE …`; the name may have brackets of its own.
fn state_in(stat: &str) -> Option<char> {
    stat.rsplit_once(") ")?.1.chars().next()
}

fn kind_of(fd: u64) -> FileKind {
    let target = fs::read_link(format!("/proc/self/fd/{fd}")).unwrap_or_default();
    match target.to_string_lossy() {
        name if name.starts_with("socket:") => FileKind::Socket,
        name if name.starts_with("pipe:") => FileKind::Pipe,
        name if name.starts_with("/dev/pts/") || name.starts_with("/dev/tty") => FileKind::Terminal,
        _ => FileKind::File,
    }
}

impl SystemCall {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        // "running", or -1 for a thread that is held up outside of any call.
        let number = words.next()?.parse().ok().filter(|&number| number >= 0)?;
        let mut arguments = [0; 6];
        for (argument, word) in arguments.iter_mut().zip(words) {
            *argument = u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()?;
        }
        Some(Self { number, arguments })
    }

    /// Is it the call in which threads wait for one another?
    pub fn is_futex(&self) -> bool {
        Some(self.number) == number_of("futex")
    }

    fn wait(&self, kind_of: impl FnOnce(u64) -> FileKind) -> Wait {
        let Some((_, name)) = CALLS.iter().find(|(number, _)| *number == self.number) else { return Wait::Unknown };
        let [first, second, ..] = self.arguments;
        match *name {
            "nanosleep" | "clock_nanosleep" | "pause" => Wait::Time,
            // Waiting for no fd at all is how one slept before there was a call for it.
            "poll" | "ppoll" if second == 0 => Wait::Time,
            "select" | "pselect6" if first == 0 => Wait::Time,
            "poll" | "ppoll" | "select" | "pselect6" | "epoll_wait" | "epoll_pwait" => Wait::Files,
            "futex" => Wait::Lock,
            "wait4" | "waitid" => Wait::Child,
            "flock" => Wait::FileLock,
            "fcntl" => Wait::FileLock,
            "fsync" | "fdatasync" => Wait::Disk,
            "openat" => Wait::File("opening", FileKind::File),
            "connect" => Wait::File("connecting", kind_of(first)),
            "accept" | "accept4" => Wait::File("waiting for a connection on", kind_of(first)),
            "read" | "readv" | "pread64" | "recvfrom" | "recvmsg" => Wait::File("reading from", kind_of(first)),
            "write" | "writev" | "pwrite64" | "sendto" | "sendmsg" | "sendfile" => {
                Wait::File("writing to", kind_of(first))
            }
            _ => Wait::Unknown,
        }
    }
}

fn number_of(name: &str) -> Option<i64> {
    CALLS.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
}

macro_rules! calls {
    ($($(#[$condition:meta])* $constant:ident $name:literal),+ $(,)?) => {
        &[$($(#[$condition])* (libc::$constant, $name)),+]
    };
}

/// The calls that block, by their numbers on this machine.
#[cfg(any(target_os = "linux", target_os = "android"))]
const CALLS: &[(i64, &str)] = calls![
    SYS_nanosleep "nanosleep", SYS_clock_nanosleep "clock_nanosleep",
    SYS_ppoll "ppoll", SYS_pselect6 "pselect6", SYS_epoll_pwait "epoll_pwait",
    #[cfg(target_arch = "x86_64")] SYS_poll "poll",
    #[cfg(target_arch = "x86_64")] SYS_select "select",
    #[cfg(target_arch = "x86_64")] SYS_epoll_wait "epoll_wait",
    #[cfg(target_arch = "x86_64")] SYS_pause "pause",
    SYS_futex "futex", SYS_wait4 "wait4", SYS_waitid "waitid", SYS_flock "flock", SYS_fcntl "fcntl",
    SYS_fsync "fsync", SYS_fdatasync "fdatasync", SYS_openat "openat",
    SYS_connect "connect", SYS_accept "accept", SYS_accept4 "accept4",
    SYS_read "read", SYS_readv "readv", SYS_pread64 "pread64", SYS_recvfrom "recvfrom", SYS_recvmsg "recvmsg",
    SYS_write "write", SYS_writev "writev", SYS_pwrite64 "pwrite64", SYS_sendto "sendto", SYS_sendmsg "sendmsg",
    SYS_sendfile "sendfile",
];
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CALLS: &[(i64, &str)] = &[];

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use std::io::{Read, Write};
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::sync::mpsc;

    use super::{Activity, FileKind, SystemCall, Wait, computed_nanos, number_of, state_in, thread_number};

    fn call(name: &str, arguments: [u64; 6]) -> SystemCall {
        SystemCall { number: number_of(name).expect("a call that we know"), arguments }
    }

    #[test]
    fn the_state_is_found_behind_a_name_with_brackets() {
        assert_eq!(state_in("17 (a) R (b) S 1 2 3"), Some('S'));
        assert_eq!(state_in("nonsense"), None);
    }

    #[test]
    fn a_system_call_is_read_with_its_arguments() {
        let read = SystemCall::parse("0 0x3 0x7f00 0x20000 0x0 0x0 0x0 0x7ffe 0x7fd0\n").expect("a call");
        assert_eq!((read.number, read.arguments[..3].to_vec()), (0, vec![3, 0x7f00, 0x20000]));
        for none in ["running", "-1 0x7ffe 0x7fd0", ""] {
            assert_eq!(SystemCall::parse(none), None);
        }
    }

    #[test]
    fn what_is_waited_for_follows_from_the_call() {
        let socket = |_| FileKind::Socket;
        let cases = [
            (call("clock_nanosleep", [0; 6]), "sleeping"),
            (call("pselect6", [0; 6]), "sleeping"),
            (call("pselect6", [4, 0, 0, 0, 0, 0]), "waiting for a file or socket"),
            (call("ppoll", [0x7f, 1, 0, 0, 0, 0]), "waiting for a file or socket"),
            (call("futex", [0; 6]), "waiting for a lock or another thread"),
            (call("wait4", [0; 6]), "waiting for a child process"),
            (call("flock", [0; 6]), "waiting for the lock of a file"),
            (call("recvfrom", [5, 0, 0, 0, 0, 0]), "reading from a socket"),
            (call("accept4", [5, 0, 0, 0, 0, 0]), "waiting for a connection on a socket"),
            (SystemCall { number: 9999, arguments: [0; 6] }, "waiting in the kernel"),
        ];
        for (call, words) in cases {
            assert_eq!(call.wait(socket).to_string(), words);
        }
    }

    #[test]
    fn a_thread_that_reads_from_an_empty_pipe_is_seen_doing_so() {
        let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            tell.send(thread_number()).expect("somebody listens");
            reader.read_exact(&mut [0]).expect("a byte");
        });
        let number = told.recv().expect("a number");
        let reading = Activity::Asleep(Wait::File("reading from", FileKind::Pipe));
        // It has told its number; a moment later it is there, and stays.
        while Activity::of(number, &(0..0)) != reading {
            std::thread::yield_now();
        }
        writer.write_all(b"x").expect("it listens");
        thread.join().expect("it has read");
    }

    #[test]
    fn whoever_waits_on_the_interpreters_futex_waits_for_the_interpreter() {
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            tell.send(thread_number()).expect("somebody listens");
            std::thread::park();
        });
        let number = told.recv().expect("a number");
        while Activity::of(number, &(0..u64::MAX)) != Activity::WaitsForInterpreter {
            std::thread::yield_now();
        }
        assert_eq!(Activity::of(number, &(0..0)), Activity::Asleep(Wait::Lock));
        thread.thread().unpark();
        thread.join().expect("it ends");
    }

    #[test]
    fn who_computes_is_running_and_has_computed_something() {
        let (tell, told) = mpsc::channel();
        let stop = std::sync::Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            tell.send(thread_number()).expect("somebody listens");
            while !stopped.load(Relaxed) {
                std::hint::spin_loop();
            }
        });
        let number = told.recv().expect("a number");
        // A moment ago it may still have been telling its number.
        while Activity::of(number, &(0..0)) != Activity::Running {
            std::thread::yield_now();
        }
        let before = computed_nanos(number).expect("the thread lives");
        while computed_nanos(number) == Some(before) {}
        stop.store(true, Relaxed);
        thread.join().expect("it ends");
    }
}
