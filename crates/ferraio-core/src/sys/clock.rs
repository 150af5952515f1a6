//! The clock that Python's `time.monotonic` reads.

/// macOS: Python reads `mach_absolute_time`, which stands still while the machine sleeps, as this clock does.
#[cfg(target_vendor = "apple")]
const CLOCK: libc::clockid_t = libc::CLOCK_UPTIME_RAW;
#[cfg(not(target_vendor = "apple"))]
const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;

/// The same clock as it was some milliseconds ago, which costs a quarter.
#[cfg(target_os = "linux")]
const COARSE: libc::clockid_t = libc::CLOCK_MONOTONIC_COARSE;
#[cfg(not(target_os = "linux"))]
const COARSE: libc::clockid_t = CLOCK;

/// Reads the clock of Python's `time.monotonic`, in nanoseconds.
pub fn monotonic_nanos() -> u64 {
    read(CLOCK)
}

/// What [`monotonic_nanos`] was at the last tick of the kernel, or is.
pub fn coarse_nanos() -> u64 {
    read(COARSE)
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid place for the result.
    let outcome = unsafe { libc::clock_gettime(clock, &raw mut now) };
    assert_eq!(outcome, 0, "every supported system has this clock");
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
