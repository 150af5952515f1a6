//! The clock of Python's `time.monotonic`, for callers that need the time; the core itself gets it as an argument.

pub use crate::sys::clock::{coarse_nanos, monotonic_nanos};

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

#[cfg(test)]
mod tests {
    use super::{coarse_nanos, monotonic_nanos, seconds};

    #[test]
    fn the_clock_never_goes_back() {
        let earlier = monotonic_nanos();
        assert!(monotonic_nanos() >= earlier);
    }

    #[test]
    fn the_coarse_clock_is_never_ahead() {
        for _ in 0..1000 {
            let coarse = coarse_nanos();
            assert!(coarse <= monotonic_nanos());
        }
    }

    #[test]
    fn whole_seconds_are_exact_and_others_are_divided_once() {
        assert_eq!(seconds(0), 0.0);
        assert_eq!(seconds(1_500_000_000), 1.5);
        assert_eq!(seconds(123_456_789), 123_456_789.0 / 1e9);
        let years = 134_217_727;
        assert_eq!(seconds(years * 1_000_000_000), years as f64);
    }
}
