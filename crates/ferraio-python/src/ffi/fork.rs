//! Knows whether the process was forked since something was made.
//!
//! A child shares the kernel's epoll instance with its parent: taking an fd out of it in the child would take it out of
//! the parent's. So a loop remembers the generation it was made in and leaves the kernel alone in any other.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

static GENERATION: AtomicU32 = AtomicU32::new(0);

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Relaxed);
}

/// How often this process is a child by `fork()` of one that had loaded ferraio.
pub fn generation() -> u32 {
    static REGISTER: Once = Once::new();
    REGISTER.call_once(|| {
        // SAFETY: the handler only touches an atomic; it lives as long as the library, which Python never unloads.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
    GENERATION.load(Relaxed)
}
