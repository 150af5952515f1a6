//! The clock of Python's `time.monotonic`, for callers that need the time; the core itself gets it as an argument.

pub use crate::sys::clock::monotonic_nanos;

/// Converts to seconds exactly as CPython does, so that both give the same float for the same instant.
pub fn seconds(nanos: u64) -> f64 {
    const NANOS_PER_SECOND: u64 = 1_000_000_000;
    if nanos.is_multiple_of(NANOS_PER_SECOND) {
        // Dividing would round twice once the nanoseconds need more than 53 bits.
        (nanos / NANOS_PER_SECOND) as f64
    } else {
        nanos as f64 / 1e9
    }
}
