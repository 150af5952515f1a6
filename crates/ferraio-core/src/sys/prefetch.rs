//! A hint to the processor.

/// Bytes in a cache line.
pub const LINE: usize = 64;

/// Asks the processor to have `lines` cache lines at hand soon, from `address` on. Any address will do: what cannot be read
/// is ignored.
#[inline(always)]
pub fn prefetch<T>(address: *const T, lines: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in 0..lines {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint, which reads nothing that the program could see, and cannot fault.
        unsafe { _mm_prefetch(address.cast::<i8>().wrapping_add(line * LINE), _MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (address, lines);
}
