//! The number of a thread, and its processor time, as Linux has them.

/// The number of the calling thread, by which `/proc` knows it; 0 where threads have none.
pub fn thread_number() -> i32 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: no conditions.
    return unsafe { libc::gettid() };
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    0
}

/// How long a thread of this process has computed in its life; `None` if it is gone, or nobody knows.
pub fn computed_nanos(thread: i32) -> Option<u64> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        // How the kernel numbers the processor clocks of threads (MAKE_THREAD_CPUCLOCK in posix-timers.h).
        let clock = (!thread << 3) | 6;
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is a valid place for the result.
        let outcome = unsafe { libc::clock_gettime(clock, &raw mut time) };
        (outcome == 0).then(|| time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = thread;
        None
    }
}
