//! An alarm: wakes a thread after a time, unless it is put off before.
//!
//! On Linux the kernel keeps the time (`timer_create(2)`), so that putting it off wakes nobody. It wakes by a signal that
//! only the thread's own [`wait`] ever sees. Elsewhere a thread is woken at once, and keeps the time itself.

#[cfg(all(target_os = "linux", not(any(target_arch = "mips", target_arch = "mips64", target_arch = "sparc64"))))]
mod platform {
    use std::time::Duration;
    use std::{io, mem, process, ptr};

    use super::super::checked;

    /// No kernel that Linux still runs on sends it.
    const SIGNAL: libc::c_int = libc::SIGSTKFLT;

    /// Wakes the thread that made it.
    #[derive(Debug)]
    pub struct Alarm {
        timer: libc::timer_t,
        /// Whose timer that is: a child has none.
        process: u32,
    }

    // SAFETY: the number of a timer, that all threads of the process may use.
    unsafe impl Send for Alarm {}
    // SAFETY: the kernel has a lock for each timer.
    unsafe impl Sync for Alarm {}

    impl Alarm {
        /// Does it keep the time itself?
        pub const KEEPS_TIME: bool = true;

        /// An alarm that wakes this thread in [`wait`], which from now on nothing but that receives the signal.
        pub fn of_this_thread() -> io::Result<Self> {
            let signals = only_ours();
            // SAFETY: a set of signals, and nowhere to put the former one.
            unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const signals, ptr::null_mut()) };
            // SAFETY: all fields are numbers, for which 0 is valid.
            let mut event: libc::sigevent = unsafe { mem::zeroed() };
            event.sigev_notify = libc::SIGEV_THREAD_ID;
            event.sigev_signo = SIGNAL;
            event.sigev_notify_thread_id = super::super::thread::thread_number();
            let mut timer = ptr::null_mut();
            // SAFETY: an event that is filled in, and a place for the result.
            checked(unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) })?;
            Ok(Self { timer, process: process::id() })
        }

        /// Rings after this time, and not when it would have before. At once, if that is zero.
        pub fn set(&self, after: Duration) {
            if !self.is_ours() {
                return;
            }
            // Zero would mean never.
            let after = after.max(Duration::from_nanos(1));
            let value = libc::timespec {
                tv_sec: after.as_secs() as libc::time_t,
                tv_nsec: after.subsec_nanos() as libc::c_long,
            };
            let once = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
            // SAFETY: a timer of this process, that is deleted when `self` goes.
            unsafe { libc::timer_settime(self.timer, 0, &raw const once, ptr::null_mut()) };
        }

        fn is_ours(&self) -> bool {
            self.process == process::id()
        }
    }

    impl Drop for Alarm {
        fn drop(&mut self) {
            if self.is_ours() {
                // SAFETY: a timer of this process, that nobody knows any more.
                unsafe { libc::timer_delete(self.timer) };
            }
        }
    }

    /// Waits until an alarm of this thread rings, at most for `timeout`. One that has rung since the last wait ends it
    /// at once; others may, too.
    pub fn wait(timeout: Option<Duration>) {
        let signals = only_ours();
        let timeout = timeout.map(|timeout| libc::timespec {
            tv_sec: timeout.as_secs().min(i32::MAX as u64) as libc::time_t,
            tv_nsec: timeout.subsec_nanos() as libc::c_long,
        });
        let limit = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: a set of signals, nowhere to put what is known of the signal, and a time or none.
        unsafe { libc::sigtimedwait(&raw const signals, ptr::null_mut(), limit) };
    }

    fn only_ours() -> libc::sigset_t {
        // SAFETY: a set is numbers, for which 0 is valid, and emptied before anything is added.
        unsafe {
            let mut signals = mem::zeroed();
            libc::sigemptyset(&raw mut signals);
            libc::sigaddset(&raw mut signals, SIGNAL);
            signals
        }
    }
}

#[cfg(not(all(target_os = "linux", not(any(target_arch = "mips", target_arch = "mips64", target_arch = "sparc64")))))]
mod platform {
    use std::io;
    use std::thread::{self, Thread};
    use std::time::Duration;

    /// Wakes the thread that made it.
    #[derive(Debug)]
    pub struct Alarm(Thread);

    impl Alarm {
        /// Does it keep the time itself?
        pub const KEEPS_TIME: bool = false;

        /// An alarm that wakes this thread in [`wait`].
        pub fn of_this_thread() -> io::Result<Self> {
            Ok(Self(thread::current()))
        }

        /// Rings at once.
        pub fn set(&self, _after: Duration) {
            self.0.unpark();
        }
    }

    /// Waits until an alarm of this thread rings, at most for `timeout`. One that has rung since the last wait ends it
    /// at once; others may, too.
    pub fn wait(timeout: Option<Duration>) {
        timeout.map_or_else(thread::park, thread::park_timeout);
    }
}

pub use platform::{Alarm, wait};

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use super::{Alarm, wait};

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn an_alarm_wakes_the_thread_that_made_it() {
        let (give, given) = mpsc::channel();
        let waiting = std::thread::spawn(move || {
            give.send(Alarm::of_this_thread().expect("an alarm")).expect("somebody takes it");
            wait(Some(LONG));
        });
        let alarm = given.recv().expect("an alarm");
        alarm.set(LONG);
        alarm.set(Duration::from_millis(1));
        waiting.join().expect("it was woken");
    }

    #[test]
    fn one_that_has_rung_before_the_wait_ends_it() {
        let alarm = Alarm::of_this_thread().expect("an alarm");
        alarm.set(Duration::ZERO);
        wait(Some(LONG));
    }

    #[test]
    fn without_an_alarm_a_wait_ends_in_time() {
        let (began, timeout) = (Instant::now(), Duration::from_millis(2));
        wait(Some(timeout));
        assert!(began.elapsed() >= timeout);
    }

    #[test]
    fn one_that_is_put_off_does_not_ring() {
        if Alarm::KEEPS_TIME {
            let alarm = Alarm::of_this_thread().expect("an alarm");
            let (began, timeout) = (Instant::now(), Duration::from_millis(5));
            for _ in 0..1000 {
                alarm.set(LONG);
            }
            wait(Some(timeout));
            assert!(began.elapsed() >= timeout);
        }
    }
}
